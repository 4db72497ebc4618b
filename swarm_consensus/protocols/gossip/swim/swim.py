"""The membership at one robot: its own part in it, and everything put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random

from swarm_consensus.protocols.gossip.swim.awareness import Awareness
from swarm_consensus.protocols.gossip.swim.comparing import Comparing
from swarm_consensus.protocols.gossip.swim.config import PAGE, SwimConfig
from swarm_consensus.protocols.gossip.swim.dissemination import Dissemination
from swarm_consensus.protocols.gossip.swim.effects import Effects, News, Send
from swarm_consensus.protocols.gossip.swim.messages import (
    REFUTATIONS_MAX,
    Ack,
    Claim,
    Digest,
    Gossip,
    Message,
    Nack,
    Ping,
    PingRequest,
    State,
)
from swarm_consensus.protocols.gossip.swim.probes import Probes
from swarm_consensus.protocols.gossip.swim.roster import LONG_AGO, Member, Roster
from swarm_consensus.protocols.values import value


@value
class MemberView:
    """
    What is known of another robot, to look at.

    :param heard_ticks: since it was last known to live; -1: never.
    """

    robot: str
    state: State
    incarnation: int
    refutations: int
    heard_ticks: int


class Swim:
    """
    The membership of one robot. Until `leave` it is alive, and says so to whoever doubts it.

    :param config: settings.
    :param random: its stream must differ from robot to robot and from boot to boot.
    """

    def __init__(self, config: SwimConfig, random: Random) -> None:
        self._config = config
        self._random = random
        self._roster = Roster(config)
        self._awareness = Awareness(config.awareness_max)
        self._probes = Probes(config, self._roster, self._awareness, random)
        self._comparing = Comparing(config, self._roster, random)
        self._news = Dissemination()
        self._refutations = 0
        self._left = False
        self._gossip_at = 1
        self._gossiped_at = LONG_AGO
        self._sends: list[Send] = []
        self._events_seen = 0
        self._dropped: Counter[str] = Counter()
        self._news.add(self._own(State.ALIVE))

    # -- what is known --------------------------------------------------------------------------

    def members(self) -> tuple[MemberView, ...]:
        """Return what is known of all other robots, by name."""
        now = self._roster.now
        return tuple(
            MemberView(
                member.robot,
                member.state,
                member.incarnation,
                member.refutations,
                -1 if member.heard_at == LONG_AGO else now - member.heard_at,
            )
            for member in sorted(self._roster, key=lambda member: member.robot)
        )

    def state(self, robot: str) -> State | None:
        """Return how a robot is; None: it is not known."""
        if robot == self._config.robot:
            return State.LEFT if self._left else State.ALIVE
        member = self._roster.get(robot)
        return None if member is None else member.state

    @property
    def changes(self) -> int:
        """Return a number that grows whenever something of `members` but the time changes."""
        return self._roster.changes

    @property
    def refutations(self) -> int:
        """Return how often this boot had to say that it is there."""
        return self._refutations

    @property
    def health(self) -> int:
        """Return how ill this robot is: 0 for well, each point stretches its waits by one."""
        return self._awareness.score

    @property
    def waiting(self) -> int:
        """Return how many pieces of news are still to be told."""
        return self._news.waiting

    @property
    def dropped(self) -> Counter[str]:
        """Return how many messages and claims were not taken in, by the reason."""
        return self._dropped + self._roster.dropped + self._probes.dropped

    # -- time -----------------------------------------------------------------------------------

    def pass_time(self, ticks: int) -> None:
        """Let ticks pass at once, and do what is due then."""
        if self._left:
            return
        self._roster.now += ticks
        self._probes.step()
        self._roster.pass_judgement()
        self._comparing.step(self._own(State.ALIVE))
        self._settle()

    def stalled(self) -> None:
        """
        Hear that this robot did nothing for a while, as its processor was taken from it.

        Whatever did not answer meanwhile may have done so. The time is not to be passed.
        """
        self._awareness.note(1)

    def idle_ticks(self) -> int:
        """Return after how many ticks, at least 1, time alone could make something happen."""
        if self._left:
            return self._config.probe_ticks
        due = min(self._probes.due, self._comparing.due)
        if self._news.waiting:
            due = min(due, self._gossip_at)
        if self._roster.due is not None:
            due = min(due, self._roster.due)
        return max(1, due - self._roster.now)

    # -- what comes in --------------------------------------------------------------------------

    def heard(self, robot: str, incarnation: int, ago_ticks: int = 0) -> None:
        """
        Take note that something of a robot was heard, whatever it was.

        :param incarnation: of the boot that said it.
        :param ago_ticks: when.
        """
        self.heard_all([(robot, incarnation, ago_ticks)])

    def heard_all(self, heard: Iterable[tuple[str, int, int]]) -> None:
        """Take note likewise of several: (robot, incarnation, ago_ticks) of each."""
        if self._left:
            return
        for robot, incarnation, ago_ticks in heard:
            if robot != self._config.robot:
                self._hear(robot, incarnation, self._roster.now - ago_ticks)
        self._settle()

    def receive(self, sender: str, incarnation: int, message: Message) -> None:
        """
        Take in a message. Never raises for what is in it: counts and drops.

        :param sender: as the header of the frame says it, and where there are keys, its signature.
        :param incarnation: of the boot of the sender, from there as well.
        """
        if self._left or sender == self._config.robot or not self._roster.admits(sender):
            return
        self._hear(sender, incarnation, self._roster.now)
        if isinstance(message, Ping):
            self._probes.pinged(sender, message)
        elif isinstance(message, Ack):
            self._probes.acked(sender, message)
        elif isinstance(message, PingRequest):
            self._probes.asked(sender, message)
        elif isinstance(message, Nack):
            self._probes.nacked(sender, message)
        elif isinstance(message, Gossip):
            for claim in message.claims:
                self._take(claim, compared=False)
        elif isinstance(message, Digest):
            self._comparing.compared(sender, message, self._own(State.ALIVE))
        else:
            for claim in message.claims:
                self._take(claim, compared=True)
            self._comparing.told(sender, message, self._own(State.ALIVE))
        self._settle()

    def leave(self) -> None:
        """
        Leave the swarm for good; the next effects say so to all.

        They are to be sent a few times, as nobody can ask again.
        """
        if not self._left:
            self._left = True
            self._sends = [Send((), Gossip((self._own(State.LEFT),)))]

    def take_effects(self) -> Effects | None:
        """Return what is to be done since the last time; None: nothing."""
        events = self._roster.events
        sends, self._sends = self._sends, []
        if not sends and not events:
            return None
        self._roster.events = []
        self._events_seen = 0
        return Effects(tuple(sends), tuple(events))

    def _hear(self, robot: str, incarnation: int, at: int) -> None:
        member = self._roster.heard(robot, incarnation, at)
        # Late frames of one that has left are no wonder, and nobody is there to be told.
        if member is not None and member.state in (State.SUSPECT, State.DEAD):
            if self._config.buddy or member.state is State.DEAD:
                self._warn(member)

    # -- claims ---------------------------------------------------------------------------------

    def _own(self, state: State) -> Claim:
        config = self._config
        return Claim(config.robot, config.incarnation, self._refutations, state)

    def _take(self, claim: Claim, compared: bool) -> None:
        if claim.robot == self._config.robot:
            self._answer(claim)
        elif not self._roster.apply(claim, compared=compared):
            self._news.heard(claim, self._roster.copies)

    def _answer(self, claim: Claim) -> None:
        """Refute what is said of this robot (SWIM, 4.2), unless it is of an earlier boot."""
        own = self._own(State.ALIVE)
        if claim.incarnation > own.incarnation or claim.refutations == REFUTATIONS_MAX:
            # Only this robot makes these greater, so whoever said it first has made it up.
            self._dropped['FALSE'] += 1
            return
        if claim.order <= own.order:
            if claim.order == own.order:
                self._news.heard(claim, self._roster.copies)
            elif claim.state is not State.ALIVE:
                # The answer that was given has not reached the accuser.
                self._announce(own)
            return
        if claim.state is not State.ALIVE:
            # Whoever is suspected was too slow to answer (Lifeguard, IV.A).
            self._awareness.note(1)
        self._refutations = claim.refutations + 1
        self._announce(self._own(State.ALIVE))

    def _announce(self, claim: Claim) -> None:
        """Tell all at once, and then as often as all news."""
        self._news.add(claim)
        self._gossip_at = self._roster.now

    def _warn(self, member: Member) -> None:
        """
        Tell a robot what it is accused of, so that it refutes at once (Lifeguard, IV.C).

        It may be one that was declared dead, too, and that all the world hears: it would be dead
        for ever, if nobody told it.
        """
        now = self._roster.now
        if now - member.warned_at >= self._config.gossip_ticks:
            member.warned_at = now
            self._sends.append(Send((member.robot,), Gossip((self._roster.claim(member),))))

    # -- putting together -----------------------------------------------------------------------

    def _settle(self) -> None:
        """Collect what the parts want told and sent, and send news with it, or when it is time."""
        roster, now = self._roster, self._roster.now
        if len(roster.events) > self._events_seen:
            for event in roster.events[self._events_seen :]:
                if event.news is News.JOINED:
                    self._probes.met(event.robot)
                elif event.news is News.FORGOTTEN:
                    self._news.forget(event.robot)
                elif event.news is News.RETURNED:
                    self._comparing.returned(event.robot, self._own(State.ALIVE))
            self._events_seen = len(roster.events)
        for claim in roster.news:
            if claim.accuser == self._config.robot:
                self._announce(claim)
                continue
            if not self._news.waiting:
                # Others have heard it, too; some will have told it by then.
                self._gossip_at = now + 1 + self._random.randrange(self._config.gossip_ticks)
            self._news.add(claim)
        roster.news.clear()
        for member in self._probes.accused:
            if self._config.buddy or member.state is State.DEAD:
                self._warn(member)
        self._probes.accused.clear()
        self._sends += self._probes.send + self._comparing.send
        self._probes.send.clear()
        self._comparing.send.clear()
        if not self._news.waiting:
            return
        rested = now - self._gossiped_at >= self._config.gossip_ticks
        if now >= self._gossip_at or (self._sends and rested):
            self._gossiped_at = now
            self._gossip_at = now + self._config.gossip_ticks
            self._sends.append(Send((), Gossip(self._news.take(PAGE, roster.copies))))
