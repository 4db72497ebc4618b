"""
Whole instances of the common subset among robots in one thread: statements, pieces, and reboots.

Statements and pieces arrive in the order that the test says; a piece that is lost is asked for
again as the runtime would, once nothing else is on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import hashlib
from random import Random

from agreement_net import Order

from swarm_consensus.protocols.agreement.broadcast import PieceRules
from swarm_consensus.protocols.agreement.messages import Piece, Statement
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.subset import CommonSubset, SubsetRules

PIECES = PieceRules(value_bytes_max=64, piece_bytes=8)


class IdealCommonCoin:
    """The port `CommonCoin`, of one robot; its sides follow from a seed."""

    def __init__(self, robot: str, faults: int, seed: int) -> None:
        self.threshold = faults + 1
        self._robot = robot
        self._seed = seed

    def share(self, name: bytes) -> bytes:
        return name[-8:] + self._robot.encode()

    def valid(self, name: bytes, robot: str, share: bytes) -> bool:
        return share == name[-8:] + robot.encode()

    def value(self, name: bytes, shares: Mapping[str, bytes]) -> int:
        assert len(shares) >= self.threshold
        assert all(self.valid(name, robot, share) for robot, share in shares.items())
        text = name + self._seed.to_bytes(8, 'big')
        return hashlib.blake2b(text, digest_size=1).digest()[0] & 1


def names(robots: int) -> tuple[str, ...]:
    return tuple(f'r{robot:02}' for robot in range(robots))


class Instance:
    """A robot with its instance, or one face of a liar."""

    def __init__(self, rules: SubsetRules, audience: Sequence[int], seed: int) -> None:
        self.rules = rules
        self.index = rules.me
        self.audience = audience
        self.random = Random(seed)
        self.node = CommonSubset(rules, 's', 1, self.random)
        self.reboots = 0


class SubsetNet:
    """
    :param honest: places of the honest robots.
    :param faces: (index, audience) of seats of liars that keep the rules towards their audience.
    """

    def __init__(
        self,
        thresholds: Thresholds,
        honest: Sequence[int],
        *,
        common: bool,
        seed: int,
        faces: Sequence[tuple[int, Sequence[int]]] = (),
    ) -> None:
        self.thresholds = thresholds
        self._common = common
        self._seed = seed
        self.robots = {index: self._instance(index, tuple(honest)) for index in honest}
        self.faces = [self._instance(index, audience) for index, audience in faces]
        self.waiting: list[tuple[int, Instance, Statement | Piece]] = []
        self.inputs: dict[int, bytes] = {}
        self.slots: dict[tuple[object, ...], object] = {}
        self.sent: set[tuple[int, int, int]] = set()
        self.acted_on: list[tuple[bytes | None, ...]] = []

    def _instance(self, index: int, audience: Sequence[int]) -> Instance:
        robots = names(self.thresholds.robots)
        coin = (
            IdealCommonCoin(robots[index], self.thresholds.faults, self._seed)
            if self._common
            else None
        )
        rules = SubsetRules(robots, index, self.thresholds, PIECES, coin)
        return Instance(rules, audience, self._seed * 1000 + index)

    def __getitem__(self, index: int) -> CommonSubset:
        return self.robots[index].node

    # -- what happens ---------------------------------------------------------------------------

    def propose(self, index: int, value: bytes) -> None:
        self.inputs[index] = value
        self.propose_at(self.robots[index], value)

    def propose_at(self, seat: Instance, value: bytes) -> None:
        for piece in seat.node.propose(value):
            self.send(seat, piece)
        self.flush(seat)

    def send(self, seat: Instance, message: Statement | Piece) -> None:
        if isinstance(message, Statement) and self.robots.get(seat.index) is seat:
            self.hold_to_slots(seat.index, message)
            self.waiting += [(seat.index, face, message) for face in self.faces]
        self.waiting += [
            (seat.index, self.robots[listener], message)
            for listener in seat.audience
            if listener != seat.index
        ]

    def flush(self, seat: Instance) -> None:
        if not seat.node.voice.silent:
            self.send(seat, seat.node.voice.take_new())

    def hold_to_slots(self, index: int, statement: Statement) -> None:
        """An honest robot fills each slot once, also over its reboots."""
        filled = [(('echo', proposer), root) for proposer, root in statement.echoes]
        filled += [(('ready', proposer), root) for proposer, root in statement.readies]
        for kind, round_, value, mask in statement.votes:
            bits = int.from_bytes(mask, 'little')
            filled += [
                ((kind, round_, proposer, value if kind.repeats else None), value)
                for proposer in range(bits.bit_length())
                if bits >> proposer & 1
            ]
        filled += [(('share', *place), share) for *place, share in statement.shares]
        for slot, value in filled:
            assert self.slots.setdefault((index, *slot), value) == value, (index, slot)

    def step(self, order: Order) -> None:
        sender, seat, message = self.waiting.pop(order(len(self.waiting)))
        if isinstance(message, Piece):
            consistent = seat.node.receive_piece(sender, message)
        else:
            consistent = seat.node.receive(sender, message)
        self.flush(seat)
        assert consistent or sender not in self.robots, f'{sender} said {message}'

    def pull(self) -> None:
        """Ask for what is missing, and send again what may be, as the runtime does now and then."""
        for seat in self.robots.values():
            for proposer, root, indexes, holders in seat.node.wanted():
                for holder in self.robots.values():
                    if holders >> holder.index & 1:
                        for piece in holder.node.pieces(proposer, root, indexes):
                            self.waiting.append((holder.index, seat, piece))
            # Its own input goes out again to those that do not say that they hold it.
            for other in self.robots.values():
                sent = (seat.index, other.index, other.reboots)
                if not seat.node.holders_of_mine() >> other.index & 1 and sent not in self.sent:
                    self.sent.add(sent)
                    for piece in seat.node.own_pieces():
                        self.waiting.append((seat.index, other, piece))

    def run(self, order: Order, before: Callable[[], None] = lambda: None) -> None:
        """Let everything arrive, and pull what is missing until nothing is."""
        for _ in range(100_000):
            before()
            if not self.waiting:
                self.pull()
                if not self.waiting:
                    return
            self.step(order)
        raise AssertionError('no end')

    def reboot(self, index: int) -> None:
        """Make a robot anew from what is on its disk: what it said, and the values it echoed."""
        seat = self.robots[index]
        said = seat.node.voice.everything(False)
        held = {
            proposer: value
            for proposer in range(self.thresholds.robots)
            if (value := seat.node.held(proposer)) is not None
        }
        if seat.node.vector is not None:
            self.acted_on.append(seat.node.vector)
        self.waiting = [entry for entry in self.waiting if entry[1] is not seat]
        seat.reboots += 1
        seat.random = Random(seat.random.getrandbits(64))
        seat.node = CommonSubset(seat.rules, 's', 1, seat.random, said, held)
        self.send(seat, said)
        self.flush(seat)
        if not seat.node.proposed:
            self.propose_at(seat, self.inputs[index])
        for other in (*self.robots.values(), *self.faces):
            if other is not seat and index in other.audience:
                # Told again because it asks; whoever holds an input of its own sends that, too.
                again = [other.node.voice.everything(False), *other.node.own_pieces()]
                self.waiting += [(other.index, seat, message) for message in again]

    def crash(self, index: int, random: Random) -> None:
        """Stop a robot for good: some get what it said last, and some do not."""
        gone = self.robots.pop(index)
        if gone.node.vector is not None:
            self.acted_on.append(gone.node.vector)
        for seat in self.robots.values():
            seat.audience = [listener for listener in seat.audience if listener != index]
        self.waiting = [
            (sender, seat, message)
            for sender, seat, message in self.waiting
            if seat is not gone and (sender != index or random.getrandbits(1))
        ]

    # -- what came out --------------------------------------------------------------------------

    def hold_to_the_promise(self) -> tuple[bytes | None, ...]:
        """All honest robots have one and the same vector of n - f inputs; returns it."""
        vectors = {seat.node.vector for seat in self.robots.values()} | {*self.acted_on}
        assert len(vectors) == 1 and None not in vectors, (vectors, self.where())
        (vector,) = vectors
        assert vector is not None
        present = [value for value in vector if value is not None]
        assert len(present) >= self.thresholds.heard, vector
        for index, value in self.inputs.items():
            assert vector[index] in (None, value), (index, vector)
        return vector

    def where(self) -> str:
        return '; '.join(
            f'{index}: {seat.node.rounds} rounds, {sum(v is not None for v in seat.node.inputs)} in'
            for index, seat in self.robots.items()
        )
