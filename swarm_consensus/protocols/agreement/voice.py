"""
What one robot says in one instance: each slot once, whatever happens.

Everything that the rules want said passes here. Where a slot is filled already, by this boot or by
one before it, what stands there is said and not the new thing: a robot that reboots in the middle
goes through its rounds again, but never contradicts itself.

**What binds.** An echo, what a robot holds to (AUX, GRADE) and what it saw (CONF) depend on which
messages came first, so they have to be on disk before they leave. The rest need not: a robot may
support both sides; it is ready for the one value only that enough echoes leave room for; it ends
with the side that all end with; and its share of a coin is always the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from swarm_consensus.protocols.agreement.messages import (
    Kind,
    Link,
    Share,
    Statement,
    Vote,
)

_REPEATING = frozenset(kind for kind in Kind if kind.repeats)
_BINDING = frozenset({Kind.AUX, Kind.CONF, Kind.GRADE})
# Stands where the value is part of the slot itself.
_ANY = -1

# (kind, proposer, round, value or _ANY) and the value
_VoteSlot = tuple[Kind, int, int, int]


class Voice:
    """
    The slots of one robot in one instance.

    :param robots: how many the swarm has.
    :param said: what was said before the last reboot.
    :ivar ripe: something new has been said of every robot's input: more of the same will not come,
        so there is nothing to wait for.
    :ivar binds: something of what is new binds this robot.
    """

    def __init__(
        self, subject: str, epoch: int, robots: int, said: Statement | None = None
    ) -> None:
        self._subject = subject
        self._epoch = epoch
        self._echoes: dict[int, bytes] = {}
        self._readies: dict[int, bytes] = {}
        self._votes: dict[_VoteSlot, int] = {}
        self._shares: dict[tuple[int, int], bytes] = {}
        self._settled = b''
        self._new_echoes: list[Link] = []
        self._new_readies: list[Link] = []
        self._new_votes: list[tuple[Kind, int, int, int]] = []
        self._new_shares: list[Share] = []
        self._settled_told = False
        self._robots = robots
        self._counts: dict[tuple[Kind, int], int] = {}
        self.ripe = False
        self.binds = False
        if said is not None:
            self._recall(said)

    def _recall(self, said: Statement) -> None:
        self._echoes.update(said.echoes)
        self._readies.update(said.readies)
        for kind, round_, value, mask in said.votes:
            for proposer in members(mask):
                slot = (kind, proposer, round_, value if kind in _REPEATING else _ANY)
                self._votes[slot] = value
        for proposer, round_, share in said.shares:
            self._shares[proposer, round_] = share
        self._settled = said.settled
        self._settled_told = bool(said.settled)

    # -- to say ---------------------------------------------------------------------------------

    def echo(self, proposer: int, root: bytes) -> bytes:
        """Say that this robot holds a value; returns the hash that it says, now or before."""
        said = self._echoes.get(proposer)
        if said is None:
            said = self._echoes[proposer] = root
            self._new_echoes.append((proposer, root))
            self.binds = True
            self.ripe |= len(self._echoes) == self._robots
        return said

    def ready(self, proposer: int, root: bytes) -> bytes:
        """Say that no other value can be delivered; returns the hash that it says."""
        said = self._readies.get(proposer)
        if said is None:
            said = self._readies[proposer] = root
            self._new_readies.append((proposer, root))
            self.ripe |= len(self._readies) == self._robots
        return said

    def vote(self, kind: Kind, proposer: int, round_: int, value: int) -> int:
        """Vote in the agreement on a proposer; returns the value that is said in that slot."""
        slot = (kind, proposer, round_, value if kind in _REPEATING else _ANY)
        said = self._votes.get(slot)
        if said is not None:
            return said
        self._votes[slot] = value
        self._new_votes.append((kind, proposer, round_, value))
        self.binds |= kind in _BINDING
        count = self._counts.get((kind, round_), 0) + 1
        self._counts[kind, round_] = count
        self.ripe |= count >= self._robots
        return value

    def share(self, proposer: int, round_: int, share: bytes) -> None:
        """Give the share of a coin."""
        if (proposer, round_) not in self._shares:
            self._shares[proposer, round_] = share
            self._new_shares.append((proposer, round_, share))

    def settle(self, digest: bytes) -> None:
        """Say that the instance is over here, and with which outcome."""
        if not self._settled:
            self._settled = digest

    # -- what was said --------------------------------------------------------------------------

    def echoed(self, proposer: int) -> bytes | None:
        """Return the hash that was echoed for a proposer."""
        return self._echoes.get(proposer)

    def was_ready(self, proposer: int) -> bytes | None:
        """Return the hash that was called ready for a proposer."""
        return self._readies.get(proposer)

    def voted(self, kind: Kind, proposer: int, round_: int, value: int = _ANY) -> bool:
        """Return whether a slot is filled; `value` belongs to the slot where a kind repeats."""
        return (kind, proposer, round_, value if kind in _REPEATING else _ANY) in self._votes

    def votes(self, proposer: int) -> Iterator[tuple[Kind, int, int]]:
        """Give (kind, round, value) of everything voted in the agreement on a proposer."""
        for (kind, about, round_, _), value in self._votes.items():
            if about == proposer:
                yield kind, round_, value

    @property
    def silent(self) -> bool:
        """Whether there is nothing new to say, but possibly that the instance is over."""
        return not (self._new_echoes or self._new_readies or self._new_votes or self._new_shares)

    @property
    def settled_untold(self) -> bool:
        """Whether the end of the instance has not been told yet."""
        return bool(self._settled) and not self._settled_told

    def take_new(self, end: bool = True) -> Statement:
        """
        Return a statement of all that is new, which counts as told from now.

        :param end: also that the instance is over, where it is.
        """
        settled = b'' if self._settled_told or not end else self._settled
        statement = Statement(
            self._subject,
            self._epoch,
            False,
            tuple(self._new_echoes),
            tuple(self._new_readies),
            _grouped(self._new_votes),
            tuple(self._new_shares),
            settled,
        )
        self._new_echoes, self._new_readies = [], []
        self._new_votes, self._new_shares = [], []
        self._settled_told |= bool(settled)
        self.ripe = False
        self.binds = False
        return statement

    def everything(self, again: bool) -> Statement:
        """
        Return a statement of all that was ever said in this instance.

        :param again: whether the others are asked to do the same.
        """
        return Statement(
            self._subject,
            self._epoch,
            again,
            tuple(sorted(self._echoes.items())),
            tuple(sorted(self._readies.items())),
            _grouped(
                [(kind, about, round_, value) for (kind, about, round_, _), value
                 in self._votes.items()]
            ),
            tuple((about, round_, share) for (about, round_), share in self._shares.items()),
            self._settled,
        )


def members(mask: bytes) -> list[int]:
    """Return the robots in a bit mask, lowest first."""
    bits = int.from_bytes(mask, 'little')
    found = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return found


def mask_of(robots: Iterable[int]) -> bytes:
    """Return the bit mask of robots, as short as it can be."""
    bits = 0
    for robot in robots:
        bits |= 1 << robot
    return bits.to_bytes((bits.bit_length() + 7) // 8, 'little')


def _grouped(votes: Iterable[tuple[Kind, int, int, int]]) -> tuple[Vote, ...]:
    """Put votes that differ in nothing but the proposer into one, in the order of their rounds."""
    groups: dict[tuple[Kind, int, int], int] = {}
    for kind, proposer, round_, value in votes:
        key = (kind, round_, value)
        groups[key] = groups.get(key, 0) | 1 << proposer
    return tuple(
        (kind, round_, value, bits.to_bytes((bits.bit_length() + 7) // 8, 'little'))
        for (kind, round_, value), bits in groups.items()
    )
