"""
Membership: who is there, found out by probing a few and telling all (SWIM with Lifeguard).

Das, Gupta, Motivala: SWIM, Scalable Weakly-consistent Infection-style Process Group Membership
Protocol (DSN 2002). Dadgar, Phillips, Currey: Lifeguard, Local Health Awareness for More Accurate
Failure Detection (DSN-W 2018).

    swim = Swim(config, random)
    loop:
        swim.pass_time(ticks) / swim.receive(...) / swim.heard(...) / swim.leave()   # any number
        while (effects := swim.take_effects()) is not None:
            ...  # send what it says, tell what it says

Nothing happens but in these calls, and nothing has to be durable. Every message may be lost,
doubled, delayed or overtaken.

Two things are other than in the papers, since frames on DDS are heard by every robot in reach.
What one robot says of a third goes to all at once, and who hears it from others says it less
often. And who was heard a moment ago, whatever it said, need not be asked whether it lives
(`fresh_ticks`); silence alone accuses nobody, it only makes a robot ask.
"""
