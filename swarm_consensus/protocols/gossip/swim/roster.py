"""
What is known of every robot, and which of two claims holds.

Where claims differ the greater one holds (messages.py), whoever said it and in whatever order they
come, but for one thing: that a robot is dead is only a suspicion to one that has itself heard it a
moment ago, and to one that learns of it by comparing all that is known, as parts of a split swarm
do when they meet. Each part has taken the other for dead; believing it would let robots that are
there be reported dead once more, before they could refute. A suspicion gives them the time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from swarm_consensus.protocols.gossip.swim.config import SwimConfig
from swarm_consensus.protocols.gossip.swim.effects import MemberEvent, News
from swarm_consensus.protocols.gossip.swim.messages import AGE_S_MAX, Claim, State
from swarm_consensus.protocols.gossip.swim.suspicion import Suspicion

LONG_AGO = -(2**62)


@dataclass(slots=True)
class Member:
    """
    What is known of another robot.

    :ivar since: tick from which it has this state; LONG_AGO at the earliest.
    :ivar heard_at: tick at which it was last known to live: heard here, or by a helper.
    :ivar warned_at: tick at which it was last told what it is accused of.
    :ivar suspicion: of a SUSPECT.
    """

    robot: str
    incarnation: int
    refutations: int
    state: State
    since: int
    accuser: str = ''
    heard_at: int = LONG_AGO
    warned_at: int = LONG_AGO
    suspicion: Suspicion | None = None

    @property
    def version(self) -> tuple[int, int]:
        """What only the robot itself makes greater."""
        return self.incarnation, self.refutations

    @property
    def order(self) -> tuple[int, int, int]:
        """A claim that is greater holds in place of this."""
        return self.incarnation, self.refutations, self.state


class Roster:
    """
    All robots that this one knows of, but itself.

    :ivar now: tick; kept by the caller.
    :ivar events: what has happened, until it is taken.
    :ivar news: claims that are to be told to all, until they are taken.
    :ivar dropped: counts claims that are not taken in, by the reason.
    :ivar changes: counts up with each change of a state or a version.
    """

    def __init__(self, config: SwimConfig) -> None:
        self._config = config
        self._named = frozenset(config.named)
        self._members: dict[str, Member] = {}
        self._suspects: dict[str, Suspicion] = {}
        self._there = 0
        self.now = 0
        self.events: list[MemberEvent] = []
        self.news: list[Claim] = []
        self.dropped: Counter[str] = Counter()
        self.changes = 0

    # -- what is known --------------------------------------------------------------------------

    def get(self, robot: str) -> Member | None:
        """Return what is known of a robot."""
        return self._members.get(robot)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    @property
    def size(self) -> int:
        """Return how many robots are there, this one and suspects included."""
        return self._there + 1

    @property
    def copies(self) -> int:
        """Return how often news is to be sent."""
        return self._config.copies(self.size)

    def fresh(self, member: Member) -> bool:
        """Return whether a robot was heard a moment ago."""
        return self.now - member.heard_at < (self._config.fresh_ticks or self._config.probe_ticks)

    def claim(self, member: Member) -> Claim:
        """Return what this robot says of another one."""
        age_s = 0
        if not member.state.there:
            # Rounded up: were it rounded down, two robots could remind each other for ever.
            age_s = min(-((member.since - self.now) // self._config.ticks_per_second), AGE_S_MAX)
        return Claim(
            member.robot,
            member.incarnation,
            member.refutations,
            member.state,
            member.accuser,
            age_s,
        )

    @property
    def due(self) -> int | None:
        """Return when the next suspect is to be declared dead; None: there is none."""
        return min((each.due for each in self._suspects.values()), default=None)

    # -- what comes in --------------------------------------------------------------------------

    def admits(self, robot: str) -> bool:
        """Return whether a robot may be a member; counts where it may not."""
        admitted = self._config.admitted
        if admitted is None or robot in admitted:
            return True
        self.dropped['STRANGER'] += 1
        return False

    def apply(self, claim: Claim, *, compared: bool = False) -> bool:
        """
        Take in a claim about another robot.

        :param compared: it came by comparing all that is known, and not as news.
        :returns: whether it was news.
        """
        member = self._members.get(claim.robot)
        if member is not None and (
            claim.order < member.order
            or (claim.order == member.order and claim.state is not State.SUSPECT)
        ):
            # Nearly all that is heard is known.
            return False
        if not claim.robot or (claim.state in _ACCUSATIONS) != bool(claim.accuser):
            self.dropped['MALFORMED'] += 1
            return False
        if not self.admits(claim.robot):
            return False
        if member is None:
            return self._meet(claim)
        if claim.version > member.version:
            self._renew(member, claim)
            if claim.state is State.ALIVE:
                self.news.append(claim)
                return True
        return self._accuse(member, claim, compared)

    def heard(self, robot: str, incarnation: int, at: int) -> Member | None:
        """
        Take note that a robot was heard itself, which needs nobody's word.

        :param at: tick.
        :returns: what is known of it; None where it is not, or where a later boot is known.
        """
        member = self._members.get(robot)
        if member is None or incarnation > member.incarnation:
            self.apply(Claim(robot, incarnation, 0, State.ALIVE))
            member = self._members.get(robot)
        if member is None or incarnation < member.incarnation:
            return None
        member.heard_at = max(member.heard_at, at)
        return member

    def suspect(self, robot: str) -> None:
        """Take note that a robot did not answer this one."""
        member = self._members.get(robot)
        if member is not None and member.state.there:
            version, own = member.version, self._config.robot
            self._accuse(member, Claim(robot, *version, State.SUSPECT, own), False)

    def pass_judgement(self) -> None:
        """Declare dead who had its time to refute, and forget who is long gone."""
        for robot, suspicion in tuple(self._suspects.items()):
            if self.now >= suspicion.due:
                member = self._members[robot]
                self._end(member, State.DEAD, self._config.robot, self.now)
                self.news.append(self.claim(member))

    def forget_old(self) -> None:
        """Forget who has been dead or away for long, but for those that are named."""
        for member in tuple(self._members.values()):
            if self._is_old(member):
                self._forget(member)

    # -- how claims change what is known --------------------------------------------------------

    def _meet(self, claim: Claim) -> bool:
        since = self.now - claim.age_s * self._config.ticks_per_second
        member = Member(claim.robot, claim.incarnation, claim.refutations, claim.state, since)
        if not claim.state.there:
            # Nothing has happened while this robot was there, so nothing is told; but whoever says
            # later that the robot lives is to be known for late.
            member.accuser = claim.accuser
            if self._is_old(member) or not self._make_room(member):
                return False
            self._members[claim.robot] = member
            self.changes += 1
            return True
        if not self._make_room(member):
            self.dropped['FULL'] += 1
            return False
        member.state = State.ALIVE
        self._members[claim.robot] = member
        self._there += 1
        self._tell(News.JOINED, member)
        if claim.state is State.SUSPECT:
            return self._accuse(member, claim, False)
        self.news.append(claim)
        return True

    def _make_room(self, member: Member) -> bool:
        """Return whether a robot finds room: who is gone makes room for who is there."""
        if member.robot in self._named:
            return True
        others = [each for each in self._members.values() if each.robot not in self._named]
        own = len(self._named | {self._config.robot})
        if len(others) < self._config.members_max - own:
            return True
        gone = [each for each in others if not each.state.there]
        if not member.state.there or not gone:
            return False
        self._forget(min(gone, key=lambda each: each.since))
        return True

    def _is_old(self, member: Member) -> bool:
        return (
            not member.state.there
            and member.robot not in self._named
            and self.now - member.since >= self._config.keep_ticks
        )

    def _forget(self, member: Member) -> None:
        del self._members[member.robot]
        self._tell(News.FORGOTTEN, member)

    def _renew(self, member: Member, claim: Claim) -> None:
        """Let a robot be there, by a claim that is of a later version."""
        before, rebooted = member.state, claim.incarnation > member.incarnation
        member.incarnation, member.refutations = claim.version
        self._suspects.pop(member.robot, None)
        member.suspicion, member.accuser = None, ''
        if before is not State.ALIVE:
            member.state, member.since = State.ALIVE, self.now
        self.changes += 1
        if not before.there:
            self._there += 1
            self._tell(News.RETURNED, member)
        elif rebooted:
            self._tell(News.REBOOTED, member)
        elif before is State.SUSPECT:
            self._tell(News.REFUTED, member)

    def _accuse(self, member: Member, claim: Claim, compared: bool) -> bool:
        """Take in an accusation of the version that is known; it is no less than what is known."""
        if claim.state is State.DEAD and member.state.there and (compared or self.fresh(member)):
            claim = Claim(claim.robot, *claim.version, State.SUSPECT, claim.accuser)
        if claim.state is State.SUSPECT:
            if member.suspicion is None:
                self._begin_suspicion(member, claim.accuser)
            elif not member.suspicion.confirm(claim.accuser):
                return False
        else:
            since = self.now - claim.age_s * self._config.ticks_per_second
            self._end(member, claim.state, claim.accuser, since)
        self.news.append(claim)
        return True

    def _begin_suspicion(self, member: Member, accuser: str) -> None:
        suspicion = Suspicion(accuser, self.now, *self._config.suspicion(self.size))
        self._suspects[member.robot] = member.suspicion = suspicion
        member.state, member.since, member.accuser = State.SUSPECT, self.now, accuser
        self._tell(News.SUSPECTED, member)

    def _end(self, member: Member, state: State, accuser: str, since: int) -> None:
        """Let a robot be gone."""
        self._suspects.pop(member.robot, None)
        member.suspicion = None
        if member.state.there:
            self._there -= 1
        member.state, member.since, member.accuser = state, since, accuser
        self._tell(News.LEFT if state is State.LEFT else News.DIED, member)

    def _tell(self, news: News, member: Member) -> None:
        self.changes += 1
        self.events.append(MemberEvent(news, member.robot, member.incarnation, member.accuser))


_ACCUSATIONS = (State.SUSPECT, State.DEAD)
