"""
How a robot that was away learns what the others have settled meanwhile.

It asks for the *standings* (which epoch each subject has come to), page by page, and for the
outcomes of the subjects in which it is behind. An outcome is believed when f + 1 robots say the
same: one of them, at least, is honest.

A robot that lost what it said (its disk is new) counts as faulty in all that was under way. It asks
every robot for its standings and says nothing at all before n - f have answered; after that it is
silent in what they named, and takes part in everything newer.

Anybody may claim that this robot is behind. So each robot may keep a part only of what is asked for
busy, what is claimed is asked for a few times, and nothing else follows from it.
"""

from __future__ import annotations

from collections import Counter

from swarm_consensus.protocols.agreement.broadcast import digest
from swarm_consensus.protocols.agreement.config import BACKOFF_MAX, AgreementConfig
from swarm_consensus.protocols.agreement.messages import (
    STANDINGS_MAX,
    OutcomeTold,
    OutcomeWanted,
    Standings,
    StandingsWanted,
)
from swarm_consensus.protocols.agreement.subject import Subjects
from swarm_consensus.protocols.agreement.telling import Post
from swarm_consensus.protocols.values import value

# Subjects asked for in one tick, and how often each is asked for: a liar may name what nobody has.
ASKED_A_TICK_MAX = 16
ASKED_TIMES_MAX = 8
# Subjects in which this robot is behind, as one robot claims; it is asked for the next page of its
# standings only when there is room for all of it.
CLAIMS_MAX = 2 * STANDINGS_MAX
# Outcomes that one robot told and that are not certain yet.
TOLD_BYTES_MAX = 1 << 20
# Times that a robot is asked for its standings before another one is.
STANDINGS_TIMES_MAX = 4


class _Wanted:
    """A subject in which this robot is behind, as somebody claims, who may lie."""

    __slots__ = ('claimed_by', 'due', 'epoch', 'heard', 'times', 'told')

    def __init__(self, claimed_by: int, epoch: int, due: int) -> None:
        self.claimed_by = claimed_by
        self.epoch = epoch
        self.due = due
        self.heard = 1 << claimed_by
        self.times = 0
        self.told: dict[int, OutcomeTold] = {}

    def hear(self, place: int, epoch: int, due: int) -> None:
        """Note that a robot claims it."""
        self.epoch = max(self.epoch, epoch)
        if not self.heard >> place & 1:
            self.heard |= 1 << place
            self.hope(due)

    def hope(self, due: int) -> None:
        """Ask soon and often again: once for each robot that claims it, and that tells it."""
        self.due = min(self.due, due)
        self.times = 0


class _Asked:
    """A robot that was asked for its standings."""

    __slots__ = ('after', 'due', 'named', 'times')

    def __init__(self, now: int) -> None:
        self.after = ''
        self.named = 0
        self.due = now
        self.times = 0


@value
class Certain:
    """
    What f + 1 robots say.

    :param outcome: of the epoch.
    :param recent: (epoch, hash of its outcome) of the epoch and of some before it, oldest first.
    """

    epoch: int
    outcome: bytes
    recent: tuple[tuple[int, bytes], ...]


class CatchUp:
    """
    The catching up of one robot.

    :param subjects: how each stands here.
    :param post: sends a message.
    :ivar listening: this robot says nothing at all yet.
    """

    def __init__(
        self,
        config: AgreementConfig,
        robots: tuple[str, ...],
        me: int,
        subjects: Subjects,
        post: Post,
    ) -> None:
        self._config = config
        self._thresholds = config.thresholds
        self._robots = robots
        self._me = me
        self._others = tuple(place for place in range(len(robots)) if place != me)
        self._subjects = subjects
        self._post = post
        self._wanted: dict[str, _Wanted] = {}
        self._claims: Counter[int] = Counter()
        self._told_bytes: Counter[int] = Counter()
        self._asked: dict[int, _Asked] = {}
        self._next = me
        self._answered: set[int] = set()
        # In which epochs of a subject a robot that lost what it said stays silent.
        self._silent_to: dict[str, int] = {}
        self.listening = config.lost and bool(self._others)

    @property
    def idle(self) -> bool:
        """Whether nothing is due by time alone."""
        return not self._wanted and not self._asked

    def mute(self, subject: str, epoch: int) -> bool:
        """Return whether this robot may have spoken there and forgotten it."""
        return self.listening or epoch <= self._silent_to.get(subject, 0)

    @property
    def recovering(self) -> bool:
        """Whether this robot is still silent anywhere."""
        if self.listening:
            return True
        for name, epoch in tuple(self._silent_to.items()):
            if self._subjects.settled(name) >= epoch:
                del self._silent_to[name]
        return bool(self._silent_to)

    # -- standings ------------------------------------------------------------------------------

    def look_around(self, now: int) -> None:
        """Ask for the standings: f + 1 robots, or all where this one lost what it said."""
        self._answered.clear()
        wanted = len(self._others) if self.listening else self._thresholds.honest
        for _ in range(min(wanted, len(self._others))):
            self._ask_another(now)

    def _ask_another(self, now: int) -> None:
        for _ in self._others:
            self._next = (self._next + 1) % len(self._robots)
            if self._next in self._others and self._next not in self._asked:
                self._asked[self._next] = _Asked(now)
                return

    def standings(self, place: int, page: Standings, now: int) -> None:
        """Take in how the subjects stand at a robot that was asked."""
        asked = self._asked.get(place)
        if asked is None or page.after != asked.after:
            return
        asked.named += len(page.standings)
        if asked.named > self._config.subjects_max:
            # No robot has so many: it would go on for ever. Its answer does not count.
            del self._asked[place]
            return
        for name, settled, newest in page.standings:
            if settled > self._subjects.settled(name):
                self._want(place, name, settled, now)
            if self.listening:
                # A liar can keep this robot silent in one subject, but not make it contradict
                # itself: it has lost its disk, so it counts as faulty in what was under way.
                epoch = max(settled, newest, self._silent_to.get(name, 0))
                self._silent_to[name] = epoch
                if newest > settled:
                    # The others settle it without this robot; nobody claims that they have.
                    self._want(self._me, name, newest, now + self._config.resend_ticks)
        if page.more and page.standings and page.standings[-1][0] > asked.after:
            asked.after = page.standings[-1][0]
            asked.due, asked.times = now, 0
            return
        del self._asked[place]
        self._answered.add(place)
        if self.listening and len(self._answered) >= self._thresholds.heard:
            self.listening = False

    # -- outcomes -------------------------------------------------------------------------------

    def behind(self, place: int, name: str, epoch: int, now: int) -> None:
        """Note that an epoch is settled that is not settled here, as a robot claims."""
        # It may be settled here, too, in a moment.
        self._want(place, name, epoch, now + self._config.resend_ticks)

    def _want(self, place: int, name: str, epoch: int, due: int) -> None:
        wanted = self._wanted.get(name)
        if wanted is not None:
            wanted.hear(place, epoch, due)
        elif self._claims[place] < CLAIMS_MAX:
            self._claims[place] += 1
            self._wanted[name] = _Wanted(place, epoch, due)

    def _want_no_more(self, name: str) -> None:
        wanted = self._wanted.pop(name)
        self._claims[wanted.claimed_by] -= 1
        self._forget_told(wanted)

    def _forget_told(self, wanted: _Wanted) -> None:
        for place, told in wanted.told.items():
            self._told_bytes[place] -= len(told.outcome)
        wanted.told.clear()

    def told(self, place: int, told: OutcomeTold, now: int) -> Certain | None:
        """
        Take in how a subject stands at another robot.

        :returns: what is newer than ours and certain; None: nothing yet.
        """
        name = told.subject
        settled = self._subjects.settled(name)
        if not told.recent or told.recent[-1][0] <= settled:
            return None
        if digest(told.outcome) != told.recent[-1][1]:
            return None
        if self._subjects.get(name) is not None:
            self.behind(place, name, told.recent[-1][0], now)
        wanted = self._wanted.get(name)
        if wanted is None:
            return None
        first = place not in wanted.told
        if not self._note(wanted, place, told):
            return None
        if first:
            wanted.hope(now + self._config.resend_ticks)
        said: dict[tuple[int, bytes], set[int]] = {}
        for robot, each in wanted.told.items():
            for epoch, outcome in each.recent:
                said.setdefault((epoch, outcome), set()).add(robot)
        certain = [key for key, by in said.items() if len(by) >= self._thresholds.honest]
        new = sorted(key for key in certain if key[0] > settled)
        # The newest that is certain is the newest of somebody, and comes with it in full.
        for count in range(len(new), 0, -1):
            epoch = new[count - 1][0]
            for each in wanted.told.values():
                if each.recent[-1] == new[count - 1]:
                    found = Certain(epoch, each.outcome, tuple(new[:count]))
                    if epoch >= wanted.epoch:
                        self._want_no_more(name)
                    else:
                        self._forget_told(wanted)
                    return found
        return None

    def _note(self, wanted: _Wanted, place: int, told: OutcomeTold) -> bool:
        """Note what a robot told; returns whether there was room."""
        before = wanted.told.get(place)
        spared = 0 if before is None else len(before.outcome)
        total = self._told_bytes[place] - spared + len(told.outcome)
        if total > max(TOLD_BYTES_MAX, self._config.outcome_bytes_max):
            return False
        self._told_bytes[place] = total
        wanted.told[place] = told
        return True

    # -- time -----------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """Ask again what was not answered."""
        for place, asked in tuple(self._asked.items()):
            if now < asked.due or self._claims[place] + STANDINGS_MAX > CLAIMS_MAX:
                continue
            if asked.times >= STANDINGS_TIMES_MAX and not self.listening:
                del self._asked[place]
                if len(self._answered) + len(self._asked) < self._thresholds.honest:
                    self._ask_another(now)
                continue
            asked.due = now + self._wait(asked.times)
            asked.times += 1
            self._post((self._robots[place],), StandingsWanted(asked.after))
        count = 0
        for name, wanted in tuple(self._wanted.items()):
            if now < wanted.due:
                continue
            settled = self._subjects.settled(name)
            if wanted.times >= ASKED_TIMES_MAX or settled >= wanted.epoch:
                self._want_no_more(name)
                continue
            wanted.due = now + self._wait(wanted.times)
            wanted.times += 1
            self._post((), OutcomeWanted(name, settled))
            count += 1
            if count >= ASKED_A_TICK_MAX:
                return

    def _wait(self, times: int) -> int:
        return self._config.resend_ticks * min(1 << times, BACKOFF_MAX)
