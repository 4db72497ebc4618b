"""
How a robot that was away learns what the others have settled meanwhile.

It asks for the *standings* (which epoch each subject has come to), page by page, and for the
outcomes of the subjects in which it is behind. An outcome is believed when f + 1 robots say the
same: one of them, at least, is honest.

A robot that lost what it said (its disk is new) counts as faulty in all that was under way. It asks
every robot for its standings and says nothing at all before n - f have answered; after that it is
silent in what they named, and takes part in everything newer.
"""

from __future__ import annotations

from collections.abc import Callable

from swarm_consensus.protocols.agreement.broadcast import digest
from swarm_consensus.protocols.agreement.config import BACKOFF_MAX, AgreementConfig
from swarm_consensus.protocols.agreement.messages import (
    STANDINGS_MAX,
    Message,
    OutcomeTold,
    OutcomeWanted,
    Standings,
    StandingsWanted,
)
from swarm_consensus.protocols.agreement.subject import Subject

# Subjects asked for in one tick, and how often each is asked for: a liar may name what nobody has.
ASKED_A_TICK_MAX = 16
ASKED_TIMES_MAX = 8
# Subjects of which a liar may make us believe that we are behind.
WANTED_MAX = 1024
# Times that a robot is asked for its standings before another one is.
STANDINGS_TIMES_MAX = 4

Post = Callable[[tuple[str, ...], Message], None]


class _Wanted:
    """A subject in which this robot is behind, as somebody claims, who may lie."""

    __slots__ = ('due', 'epoch', 'times', 'told')

    def __init__(self, epoch: int, now: int) -> None:
        self.epoch = epoch
        self.due = now
        self.times = 0
        self.told: dict[int, OutcomeTold] = {}


class _Asked:
    """A robot that was asked for its standings."""

    __slots__ = ('after', 'due', 'times')

    def __init__(self, now: int) -> None:
        self.after = ''
        self.due = now
        self.times = 0


class CatchUp:
    """
    The catching up of one robot.

    :param subjects: how each stands here; shared with the agreement.
    :param post: sends a message.
    """

    def __init__(
        self,
        config: AgreementConfig,
        robots: tuple[str, ...],
        me: int,
        subjects: dict[str, Subject],
        post: Post,
    ) -> None:
        self._config = config
        self._thresholds = config.thresholds
        self._robots = robots
        self._others = tuple(place for place in range(len(robots)) if place != me)
        self._subjects = subjects
        self._post = post
        self._wanted: dict[str, _Wanted] = {}
        self._asked: dict[int, _Asked] = {}
        self._next = me
        self._answered: set[int] = set()
        self._told_at: dict[tuple[str, int], int] = {}
        self._lost = config.lost and bool(self._others)
        # In which epochs of a subject a robot that lost what it said stays silent.
        self._silent_to: dict[str, int] = {}
        self.listening = self._lost

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
            record = self._subjects.get(name)
            if record is not None and record.settled >= epoch:
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

    def answer_standings(self, place: int, wanted: StandingsWanted) -> None:
        """Tell a robot how the subjects stand, from one of them on."""
        names = sorted(name for name in self._subjects if name > wanted.after)
        page = names[:STANDINGS_MAX]
        standings = tuple(
            (name, self._subjects[name].settled, self._subjects[name].newest) for name in page
        )
        answer = Standings(wanted.after, standings, len(names) > len(page))
        self._post((self._robots[place],), answer)

    def standings(self, place: int, page: Standings, now: int) -> None:
        """Take in how the subjects stand at a robot that was asked."""
        asked = self._asked.get(place)
        if asked is None or page.after != asked.after:
            return
        for name, settled, newest in page.standings:
            if self.listening:
                # A liar can keep this robot silent in one subject, but not make it contradict
                # itself: it has lost its disk, so it counts as faulty in what was under way.
                self._silent_to[name] = max(self._silent_to.get(name, 0), newest)
            record = self._subjects.get(name)
            if settled > (0 if record is None else record.settled):
                self._want(name, settled, now)
        if page.more and page.standings and page.standings[-1][0] > asked.after:
            asked.after = page.standings[-1][0]
            asked.due, asked.times = now, 0
            return
        del self._asked[place]
        self._answered.add(place)
        if self.listening and len(self._answered) >= self._thresholds.heard:
            self.listening = False

    # -- outcomes -------------------------------------------------------------------------------

    def behind(self, name: str, epoch: int, now: int) -> None:
        """Note that others have settled an epoch of a subject that this robot has not."""
        self._want(name, epoch, now)

    def _want(self, name: str, epoch: int, now: int) -> None:
        wanted = self._wanted.get(name)
        if wanted is not None:
            wanted.epoch = max(wanted.epoch, epoch)
        elif len(self._wanted) < WANTED_MAX:
            self._wanted[name] = _Wanted(epoch, now)

    def expected(self, name: str) -> Subject | None:
        """Return the record of a subject that is asked for, and was not known here until now."""
        if name not in self._wanted or len(self._subjects) >= self._config.subjects_max:
            return None
        return self._subjects.setdefault(name, Subject(name))

    def answer(self, place: int, wanted: OutcomeWanted) -> None:
        """Tell a robot that asks how a subject stands."""
        record = self._subjects.get(wanted.subject)
        if record is not None and record.settled:
            told = OutcomeTold(record.name, record.recent, record.outcome)
            self._post((self._robots[place],), told)

    def tell(self, place: int, record: Subject, now: int) -> None:
        """Tell a robot that is behind without having asked; not too often."""
        key = record.name, place
        if now >= self._told_at.get(key, 0):
            if len(self._told_at) >= WANTED_MAX:
                self._told_at.clear()
            self._told_at[key] = now + self._config.resend_ticks
            self.answer(place, OutcomeWanted(record.name))

    def told(
        self, place: int, record: Subject, told: OutcomeTold, now: int
    ) -> tuple[int, bytes] | None:
        """
        Take in how a subject stands at another robot.

        :returns: (epoch, outcome) that is newer than ours and certain; None: nothing yet.
        """
        if not told.recent or told.recent[-1][0] <= record.settled:
            return None
        if digest(told.outcome) != told.recent[-1][1]:
            return None
        wanted = self._wanted.get(record.name)
        if wanted is None:
            self._want(record.name, told.recent[-1][0], now)
            wanted = self._wanted.get(record.name)
            if wanted is None:
                return None
        wanted.told[place] = told
        said: dict[tuple[int, bytes], set[int]] = {}
        for robot, each in wanted.told.items():
            for epoch, outcome in each.recent:
                said.setdefault((epoch, outcome), set()).add(robot)
        certain = [key for key, by in said.items() if len(by) >= self._thresholds.honest]
        # The newest that is certain is the newest of somebody, and comes with it in full.
        for epoch, outcome in sorted(certain, reverse=True):
            if epoch <= record.settled:
                return None
            for each in wanted.told.values():
                if each.recent[-1] == (epoch, outcome):
                    del self._wanted[record.name]
                    return epoch, each.outcome
        return None

    # -- time -----------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """Ask again what was not answered."""
        for place, asked in tuple(self._asked.items()):
            if now < asked.due:
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
            record = self._subjects.get(name)
            if wanted.times >= ASKED_TIMES_MAX or (
                record is not None and record.settled >= wanted.epoch
            ):
                del self._wanted[name]
                continue
            wanted.due = now + self._wait(wanted.times)
            wanted.times += 1
            self._post((), OutcomeWanted(name))
            count += 1
            if count >= ASKED_A_TICK_MAX:
                return

    def _wait(self, times: int) -> int:
        return self._config.resend_ticks * min(1 << times, BACKOFF_MAX)
