"""
What a robot tells others that are behind, and how much of it.

Whoever asks gets an answer, also a liar; so each robot is answered up to a number of bytes a tick,
and about one subject only once in a while. What is left out is asked for again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from swarm_consensus.protocols.agreement.messages import (
    STANDINGS_MAX,
    Message,
    OutcomeTold,
    Piece,
    Standings,
    StandingsWanted,
)
from swarm_consensus.protocols.agreement.subject import Subject, Subjects

# A robot is told more only while it was told less than this in a tick.
BYTES_A_TICK = 65_536
# What anything costs beside its data.
OVERHEAD_BYTES = 64
# Subjects of which is known when a robot was told of them.
TOLD_MAX = 1024

Post = Callable[[tuple[str, ...], Message], None]


class Telling:
    """
    The answers of one robot.

    :param subjects: how each stands here.
    :param resend_ticks: nobody needs an answer again before half of that.
    :param post: sends a message.
    """

    def __init__(
        self, robots: tuple[str, ...], subjects: Subjects, resend_ticks: int, post: Post
    ) -> None:
        self._robots = robots
        self._subjects = subjects
        self._pause = max(1, resend_ticks // 2)
        self._post = post
        self._spent: Counter[int] = Counter()
        self._told: dict[int, dict[str, int]] = {}
        self._paged: set[int] = set()

    def tick(self) -> None:
        """Let a tick pass."""
        self._spent.clear()
        self._paged.clear()

    def _may_spend(self, place: int, size: int) -> bool:
        if self._spent[place] >= BYTES_A_TICK:
            return False
        self._spent[place] += size + OVERHEAD_BYTES
        return True

    def pieces(self, place: int, pieces: Iterable[Piece]) -> None:
        """Send pieces of a value to a robot that lacks them."""
        for piece in pieces:
            if not self._may_spend(place, len(piece.data)):
                return
            self._post((self._robots[place],), piece)

    def standings(self, place: int, wanted: StandingsWanted) -> None:
        """Tell a robot how the subjects stand, from one of them on; one page a tick."""
        if place in self._paged:
            return
        self._paged.add(place)
        page, more = self._subjects.page(wanted.after, STANDINGS_MAX)
        standings = tuple((each.name, each.settled, each.newest) for each in page)
        self._post((self._robots[place],), Standings(wanted.after, standings, more))

    def outcome(self, place: int, record: Subject, now: int) -> None:
        """Tell a robot that is behind in a subject how it stands here."""
        told = self._told.setdefault(place, {})
        if not record.settled or now < told.get(record.name, 0):
            return
        if not self._may_spend(place, len(record.outcome)):
            return
        if len(told) >= TOLD_MAX:
            told.clear()
        told[record.name] = now + self._pause
        message = OutcomeTold(record.name, record.recent, record.outcome)
        self._post((self._robots[place],), message)
