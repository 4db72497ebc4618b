"""
Reliable broadcast of one robot's value: Bracha, "Asynchronous Byzantine agreement protocols", 1987.

Either every honest robot ends up with the same value of the proposer, or none with any. A robot
echoes the first value that it gets from the proposer; enough echoes of one value make it *ready*,
f + 1 ready robots make the others ready, and 2f + 1 deliver it.

Echoes carry the hash of the value only. The value itself goes out once from its proposer (DDS
multicasts), in pieces that can each be checked against the hash, and whoever lacks some asks those
who echoed it, one at a time, for what is missing. So the bytes are near n times the value and not
n squared, also where the proposer lies: of 2f + 1 robots that were ready, f + 1 honest ones hold
the value.

Where robots only crash, nobody sends different values. It is enough that f + 1 robots hold the
value: one of them stays.

An echo is a promise to hold the value, so it is kept on disk before the echo leaves (agreement.py).
"""

from __future__ import annotations

from hashlib import blake2b

from swarm_consensus.protocols.agreement.messages import DIGEST_BYTES, PIECES_MAX, Piece
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.voice import Voice
from swarm_consensus.protocols.values import value


def digest(data: bytes) -> bytes:
    """Return the BLAKE2b hash of bytes, 32 bytes long."""
    return blake2b(data, digest_size=DIGEST_BYTES).digest()


def root_of(size: int, digests: tuple[bytes, ...]) -> bytes:
    """Return the hash of a value, from its size and the hashes of its pieces."""
    return digest(b'swarm_consensus/value/1' + size.to_bytes(8, 'big') + b''.join(digests))


@value
class PieceRules:
    """
    How values are cut; the same at every robot.

    :param value_bytes_max: largest value.
    :param piece_bytes: size of every piece but the last.
    :raises ValueError: a value would have too many pieces.
    """

    value_bytes_max: int
    piece_bytes: int

    def __post_init__(self) -> None:
        if not 0 < self.piece_bytes * PIECES_MAX >= self.value_bytes_max:
            raise ValueError(
                f'a value of {self.value_bytes_max} bytes has more than {PIECES_MAX} pieces of '
                f'{self.piece_bytes} bytes; make the pieces larger'
            )

    def count(self, size: int) -> int:
        """Return how many pieces a value has; an empty one has one, too."""
        return max(1, -(-size // self.piece_bytes))

    def cut(self, subject: str, epoch: int, proposer: int, value: bytes) -> tuple[Piece, ...]:
        """Return the pieces of a value, in order."""
        step = self.piece_bytes
        parts = [value[at : at + step] for at in range(0, max(len(value), 1), step)]
        digests = () if len(parts) == 1 else tuple(map(digest, parts))
        return tuple(
            Piece(subject, epoch, proposer, len(value), digests, index, part)
            for index, part in enumerate(parts)
        )

    def root(self, piece: Piece) -> bytes | None:
        """Return the hash of the value that a piece is of; None: it is none of ours."""
        count = self.count(piece.size)
        if piece.size > self.value_bytes_max or piece.index >= count:
            return None
        last = piece.index == count - 1
        length = piece.size - self.piece_bytes * (count - 1) if last else self.piece_bytes
        if len(piece.data) != length:
            return None
        own = digest(piece.data)
        if count == 1:
            return None if piece.digests else root_of(piece.size, (own,))
        if len(piece.digests) != count or piece.digests[piece.index] != own:
            return None
        if any(len(each) != DIGEST_BYTES for each in piece.digests):
            # Cut elsewhere, the same bytes have the same hash, but nobody could check a piece.
            return None
        return root_of(piece.size, piece.digests)


class _Held:
    """A value of which some pieces are there."""

    __slots__ = ('digests', 'missing', 'parts', 'size')

    def __init__(self, piece: Piece, count: int) -> None:
        self.size = piece.size
        self.digests = piece.digests
        self.parts: list[bytes | None] = [None] * count
        self.missing = count

    def add(self, piece: Piece) -> None:
        if self.parts[piece.index] is None:
            self.parts[piece.index] = piece.data
            self.missing -= 1

    @property
    def value(self) -> bytes:
        return b''.join(part for part in self.parts if part is not None)


class ReliableBroadcast:
    """
    One robot's part in the broadcast of one robot's value.

    :param me: place of this robot.
    :param proposer: whose value it is.
    :param voice: says what is to be said.
    :ivar delivered: the value, once it is certain that every honest robot gets it.
    :ivar held: the value of the root that this robot echoed; to be kept on disk with the echo.
    """

    def __init__(
        self, thresholds: Thresholds, me: int, proposer: int, voice: Voice, rules: PieceRules
    ) -> None:
        self._thresholds = thresholds
        self._me = me
        self._proposer = proposer
        self._voice = voice
        self._rules = rules
        # More values of one proposer are never looked at here: the one that it sent us, those
        # with echoes enough (each robot echoes once), and the one that honest robots are ready for.
        self._roots_max = 2 + thresholds.robots // thresholds.honest
        self._values: dict[bytes, _Held] = {}
        self._offered: bytes | None = None
        self._echoes: dict[int, bytes] = {}
        self._readies: dict[int, bytes] = {}
        self._echoed: dict[bytes, int] = {}
        self._ready: dict[bytes, int] = {}
        self.delivered: bytes | None = None
        self.delivered_root = b''
        self.held: bytes | None = None
        for said, masks, by_robot in (
            (voice.echoed(proposer), self._echoed, self._echoes),
            (voice.was_ready(proposer), self._ready, self._readies),
        ):
            if said is not None:
                by_robot[me] = said
                masks[said] = 1 << me

    def restore(self, pieces: tuple[Piece, ...]) -> None:
        """Take up the value that this robot held before a reboot."""
        for piece in pieces:
            root = self._rules.root(piece)
            if root is not None:
                self._keep(root, piece)
                if self._me == self._proposer:
                    self._offered = root
        self._advance()

    # -- what was heard -------------------------------------------------------------------------

    def receive_piece(self, sender: int, piece: Piece) -> bool:
        """
        Take in a piece.

        :returns: False where its sender, the proposer, sent one of another value before.
        """
        if self.delivered is not None:
            return True
        root = self._rules.root(piece)
        if root is None:
            return True
        if sender == self._proposer:
            if self._offered is None:
                self._offered = root
            elif self._offered != root:
                return False
        elif not self._attested(root):
            # Only the proposer can say what its value is, or enough who heard it from it.
            return True
        self._keep(root, piece)
        self._advance()
        return True

    def receive_echo(self, sender: int, root: bytes) -> bool:
        """Take in an echo; returns False where that robot echoed another value before."""
        return self._hear(sender, root, self._echoes, self._echoed)

    def receive_ready(self, sender: int, root: bytes) -> bool:
        """Take in a ready; returns False where that robot was ready for another value before."""
        return self._hear(sender, root, self._readies, self._ready)

    def _hear(
        self, sender: int, root: bytes, by_robot: dict[int, bytes], masks: dict[bytes, int]
    ) -> bool:
        before = by_robot.setdefault(sender, root)
        if before != root:
            return False
        masks[root] = masks.get(root, 0) | 1 << sender
        if self.delivered is None:
            self._advance()
        return True

    # -- what is there and what is missing ------------------------------------------------------

    def wanted(self) -> tuple[bytes, tuple[int, ...], int] | None:
        """
        Return (hash, missing pieces, mask of who holds it) of a value that is certain but not here.

        None where nothing is missing. Until any piece is here, the missing ones are not known: ().
        """
        if self.delivered is not None:
            return None
        roots = [
            root
            for root in sorted(self._echoed.keys() | self._ready.keys())
            if self._attested(root)
            and ((held := self._values.get(root)) is None or held.missing)
        ]
        if not roots:
            return None
        root = max(roots, key=self._certainty)
        held = self._values.get(root)
        missing = () if held is None else tuple(
            index for index, part in enumerate(held.parts) if part is None
        )
        return root, missing, self._echoed.get(root, 0) & ~(1 << self._me)

    def pieces(
        self, subject: str, epoch: int, root: bytes, indexes: tuple[int, ...]
    ) -> tuple[Piece, ...]:
        """Return pieces of a value that are here; all of them where `indexes` is ()."""
        held = self._values.get(root)
        if held is None:
            return ()
        wanted = indexes or range(len(held.parts))
        return tuple(
            Piece(subject, epoch, self._proposer, held.size, held.digests, index, part)
            for index in wanted
            if index < len(held.parts) and (part := held.parts[index]) is not None
        )

    @property
    def echoed_by(self) -> int:
        """Mask of the robots that hold what this robot echoed."""
        root = self._voice.echoed(self._proposer)
        return 0 if root is None else self._echoed.get(root, 0)

    @property
    def begun(self) -> bool:
        """Whether the proposer has been heard with a value."""
        return self._offered is not None

    # -- the rules ------------------------------------------------------------------------------

    def _attested(self, root: bytes) -> bool:
        """Return whether an honest robot says that this is the proposer's value."""
        honest = self._thresholds.honest
        return (
            self._offered == root
            or self._echoed.get(root, 0).bit_count() >= honest
            or self._ready.get(root, 0).bit_count() >= honest
        )

    def _certainty(self, root: bytes) -> tuple[bool, int]:
        """
        Return how sure it is that robots which answer hold a value; the surest is asked for first.

        Of one that its proposer alone vouches for, nobody else may have anything.
        """
        ready = self._ready.get(root, 0).bit_count() >= self._thresholds.honest
        return ready, self._echoed.get(root, 0).bit_count()

    def _keep(self, root: bytes, piece: Piece) -> None:
        held = self._values.get(root)
        if held is None:
            if len(self._values) >= self._roots_max:
                return
            held = self._values[root] = _Held(piece, self._rules.count(piece.size))
        held.add(piece)

    def _advance(self) -> None:
        mine = self._voice.echoed(self._proposer)
        for root, held in self._values.items():
            if held.missing:
                continue
            if mine is None and self._attested(root):
                mine = self._voice.echo(self._proposer, root)
                self._echoes[self._me] = mine
                self._echoed[mine] = self._echoed.get(mine, 0) | 1 << self._me
            if mine == root and self.held is None:
                self.held = held.value
        if self._thresholds.lies:
            self._get_ready()
            votes, needed = self._ready, self._thresholds.honest_majority
        else:
            votes, needed = self._echoed, self._thresholds.lasting
        for root, mask in votes.items():
            if mask.bit_count() >= needed:
                complete = self._values.get(root)
                if complete is not None and not complete.missing:
                    self.delivered = complete.value
                    self.delivered_root = root
                    return

    def _get_ready(self) -> None:
        if self._voice.was_ready(self._proposer) is not None:
            return
        for root in sorted(self._echoed.keys() | self._ready.keys()):
            if (
                self._echoed.get(root, 0).bit_count() >= self._thresholds.echo
                or self._ready.get(root, 0).bit_count() >= self._thresholds.honest
            ):
                said = self._voice.ready(self._proposer, root)
                self._readies[self._me] = said
                self._ready[said] = self._ready.get(said, 0) | 1 << self._me
                return
