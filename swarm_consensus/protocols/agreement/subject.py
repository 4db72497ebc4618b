"""How one subject stands at one robot: what is settled, and what is under way."""

from __future__ import annotations

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
    """

    __slots__ = ('live', 'name', 'outcome', 'recent', 'settled')

    def __init__(self, name: str) -> None:
        self.name = name
        self.settled = 0
        self.outcome = b''
        self.recent: tuple[tuple[int, bytes], ...] = ()
        self.live: dict[int, Instance] = {}

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
