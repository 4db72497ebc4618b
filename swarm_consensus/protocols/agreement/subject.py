"""How the subjects stand at one robot: what is settled, and what is under way."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator
from hashlib import blake2b

from swarm_consensus.protocols.agreement.instance import Instance
from swarm_consensus.protocols.agreement.messages import RECENT_MAX


def standing_hash(subject: str, epoch: int) -> int:
    """
    Return a hash of how one subject stands, below 2^63; 0 where no epoch of it is settled.

    Those of many subjects are joined by exclusive or, so one can be changed without the others.
    """
    if not epoch:
        return 0
    hashed = blake2b(epoch.to_bytes(8, 'big') + subject.encode(), digest_size=8)
    return int.from_bytes(hashed.digest(), 'big') >> 1


class Subject:
    """
    One subject.

    :ivar settled: newest epoch with an outcome; 0: none.
    :ivar outcome: of that epoch.
    :ivar recent: (epoch, hash of the outcome) of it and of some before it, oldest first.
    :ivar live: instances under way, and settled ones that others may still need.
    :ivar missed: settled ones in which this robot has never said anything, and that others may
        still need.
    """

    __slots__ = ('live', 'missed', 'name', 'outcome', 'recent', 'settled')

    def __init__(self, name: str) -> None:
        self.name = name
        self.settled = 0
        self.outcome = b''
        self.recent: tuple[tuple[int, bytes], ...] = ()
        self.live: dict[int, Instance] = {}
        self.missed: tuple[int, ...] = ()

    def settle(self, epoch: int, outcome: bytes, recent: tuple[tuple[int, bytes], ...]) -> None:
        """Note the outcome of a newer epoch."""
        self.settled = epoch
        self.outcome = outcome
        self.recent = recent[-RECENT_MAX:]

    def digest(self, epoch: int) -> bytes | None:
        """Return the hash of the outcome of an epoch, if it is a recent one."""
        return dict(self.recent).get(epoch)

    @property
    def newest(self) -> int:
        """Return the newest epoch settled or under way."""
        return max(self.settled, *self.live) if self.live else self.settled


class Subjects:
    """
    All subjects of which something is settled or under way at a robot.

    :param most: so many are remembered.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_name: dict[str, Subject] = {}
        self._names: list[str] = []

    def __iter__(self) -> Iterator[Subject]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, name: str) -> Subject:
        return self._by_name[name]

    def get(self, name: str) -> Subject | None:
        """Return a subject, if it is known."""
        return self._by_name.get(name)

    def settled(self, name: str) -> int:
        """Return the newest settled epoch of a subject; 0: none."""
        record = self._by_name.get(name)
        return 0 if record is None else record.settled

    def room(self, name: str) -> bool:
        """Return whether a subject is known, or one more may be."""
        return name in self._by_name or len(self._names) < self._most

    def open(self, name: str) -> Subject:
        """Return a subject, from now on a known one."""
        record = self._by_name.get(name)
        if record is None:
            record = self._by_name[name] = Subject(name)
            insort(self._names, name)
        return record

    def page(self, after: str, count: int) -> tuple[list[Subject], bool]:
        """Return the subjects behind a name in their order, and whether there are more."""
        at = bisect_right(self._names, after)
        names = self._names[at : at + count]
        return [self._by_name[name] for name in names], at + count < len(self._names)
