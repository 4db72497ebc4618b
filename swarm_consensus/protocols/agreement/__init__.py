"""
Agreement without a leader and without any assumption on time, also with liars among the robots.

`subset.py` has one instance, built of `broadcast.py` (a robot's input reaches all or nobody) and
of `binary.py` or `graded.py` (whether it is in), which go by `rounds.py`; `quorum.py` says how many
robots each rule counts to, `messages.py` what goes between robots, and `voice.py` holds that a
robot never contradicts itself. `agreement.py` has many instances at once, `catch_up.py` what a
robot does that was away, `slots.py` what proves a lie, and `effects.py` what the caller has to do.
"""
