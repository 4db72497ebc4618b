"""
One binary agreement among robots in one thread, over a net that orders words as it likes.

A word is the smallest thing said: one vote, or one share. Every word that an honest robot says
reaches every other one in the end, once; in which order, the test says. Liars are seats like the
others whose words go to a part of the robots only (`faces`), or words that a test puts on the net.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random

from swarm_consensus.protocols.agreement.binary import BinaryAgreement
from swarm_consensus.protocols.agreement.graded import GradedAgreement
from swarm_consensus.protocols.agreement.messages import Kind, Statement
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.voice import Voice, members

ABOUT = 0
# Only how long a voice waits for more of the same depends on it.
ROBOTS = 7
Binary = BinaryAgreement | GradedAgreement
Make = Callable[[int, Voice], Binary]
# (kind, round, value), or (None, round, share)
Word = tuple[Kind | None, int, int | bytes]
# Which of so many waiting words arrives next.
Order = Callable[[int], int]


class IdealCoin:
    """A common coin whose sides a test chooses, and which nobody can throw alone."""

    def __init__(self, me: int, faults: int, sides: Callable[[int], int]) -> None:
        self.threshold = faults + 1
        self._me = me
        self._sides = sides

    def share(self, round_: int) -> bytes:
        return share_of(self._me, round_)

    def valid(self, round_: int, sender: int, share: bytes) -> bool:
        return share == share_of(sender, round_)

    def value(self, round_: int, shares: Mapping[int, bytes]) -> int:
        assert len(shares) >= self.threshold
        assert all(self.valid(round_, sender, share) for sender, share in shares.items())
        return self._sides(round_)


def share_of(robot: int, round_: int) -> bytes:
    return f'{robot}/{round_}'.encode()


def first_in_first_out(waiting: int) -> int:
    return 0


def chosen(numbers: Iterable[int]) -> Order:
    """Order by numbers that hypothesis draws; where they end, first in first out."""
    rest = iter(numbers)
    return lambda waiting: next(rest, 0) % waiting


def shuffled(random: Random) -> Order:
    return random.randrange


def words_of(statement: Statement) -> list[Word]:
    """Everything that a statement says in the agreement, word by word."""
    votes: list[Word] = [
        (kind, round_, value)
        for kind, round_, value, mask in statement.votes
        if ABOUT in members(mask)
    ]
    return votes + [(None, round_, share) for about, round_, share in statement.shares]


class Seat:
    """A robot, or one face of a liar."""

    def __init__(self, index: int, make: Make, audience: Sequence[int]) -> None:
        self.index = index
        self.audience = audience
        self.make = make
        self.voice = Voice('s', 1, ROBOTS)
        self.node = make(index, self.voice)


class BinaryNet:
    """
    The robots and the words on their way.

    :param honest: input of each honest robot; None: it has none (yet).
    :param faces: (index, input, audience) of seats of liars that keep the rules, each towards its
        audience.
    """

    def __init__(
        self,
        make: Make,
        honest: Mapping[int, int | None],
        faces: Iterable[tuple[int, int, Sequence[int]]] = (),
    ) -> None:
        self.make = make
        self.inputs = dict(honest)
        # Inputs that come later, by robot.
        self.late: dict[int, int] = {}
        self.robots = {index: Seat(index, make, tuple(honest)) for index in honest}
        self.faces = [Seat(index, make, audience) for index, _, audience in faces]
        self.waiting: list[tuple[int, Seat, Word]] = []
        self.slots: dict[tuple[object, ...], object] = {}
        self.said: list[tuple[int, Word]] = []
        # What robots had decided before they crashed.
        self.acted_on: list[int] = []
        for face, (_, side, _) in zip(self.faces, faces, strict=True):
            face.node.propose(side)
            self.flush(face)
        for index, side in honest.items():
            if side is not None:
                self.propose(index, side)

    def __getitem__(self, index: int) -> Binary:
        return self.robots[index].node

    # -- what happens ---------------------------------------------------------------------------

    def propose(self, index: int, side: int) -> None:
        self.inputs[index] = side
        self[index].propose(side)
        self.flush(self.robots[index])

    def propose_late(self, random: Random) -> None:
        """Let a robot whose input is late put it in, now and then; at the latest when all wait."""
        if self.late and (not self.waiting or random.random() < 0.03):
            index, side = self.late.popitem()
            if index in self.robots:
                self.propose(index, side)

    def flush(self, seat: Seat) -> None:
        """Send what a seat has to say."""
        if seat.voice.silent:
            return
        words = words_of(seat.voice.take_new())
        self._post(seat, words)

    def _post(self, seat: Seat, words: list[Word]) -> None:
        honest = self.robots.get(seat.index) is seat
        for word in words:
            if honest:
                self._hold_to_slots(seat.index, word)
                self.said.append((seat.index, word))
                self.waiting += [(seat.index, face, word) for face in self.faces]
            self.waiting += [
                (seat.index, self.robots[listener], word)
                for listener in seat.audience
                if listener != seat.index
            ]

    def _hold_to_slots(self, index: int, word: Word) -> None:
        kind, round_, value = word
        slot = (index, kind, round_, value if kind is not None and kind.repeats else None)
        assert self.slots.setdefault(slot, value) == value, f'two words in one slot: {slot}'

    def lie(self, liar: int, word: Word, listeners: Iterable[int]) -> None:
        """Put a word of a liar on the net."""
        self.waiting += [(liar, self.robots[listener], word) for listener in listeners]

    def tell(self, sender: int, listener: int, word: Word) -> bool:
        """Let a word arrive now, whether it is on the net or not."""
        return self._arrive(sender, self.robots[listener], word)

    def _arrive(self, sender: int, seat: Seat, word: Word) -> bool:
        kind, round_, value = word
        consistent = True
        if kind is None:
            seat.node.receive_share(sender, round_, value)
        else:
            consistent = seat.node.receive(sender, kind, round_, value)
        self.flush(seat)
        return consistent

    def step(self, order: Order) -> None:
        """Let one of the waiting words arrive."""
        at = order(len(self.waiting))
        sender, seat, word = self.waiting.pop(at)
        consistent = self._arrive(sender, seat, word)
        assert consistent or sender not in self.robots, f'{sender} said {word}'

    def run(self, order: Order, words_max: int = 100_000) -> None:
        """Let all words arrive."""
        for _ in range(words_max):
            if not self.waiting:
                return
            self.step(order)
        raise AssertionError(f'no end after {words_max} words')

    def deliver(self, wanted: Callable[[int, int, Word], bool]) -> int:
        """Let those of the waiting words arrive, and those said in answer; returns how many."""
        count = 0
        while True:
            at = next(
                (
                    at
                    for at, (sender, seat, word) in enumerate(self.waiting)
                    if wanted(sender, seat.index, word)
                ),
                None,
            )
            if at is None:
                return count
            count += 1
            self.step(lambda waiting, at=at: at)

    def reboot(self, index: int) -> None:
        """Make a robot anew from what it said; it tells that again and is told all again."""
        old = self.robots[index]
        said = old.voice.everything(False)
        # What it would have heard is lost, and heard again below.
        self.waiting = [entry for entry in self.waiting if entry[1] is not old]
        old.voice = Voice('s', 1, ROBOTS, said)
        old.node = self.make(index, old.voice)
        side = self.inputs[index]
        if side is not None:
            old.node.propose(side)
        self._post(old, words_of(said))
        self.flush(old)
        for other in (*self.robots.values(), *self.faces):
            if other is not old and index in other.audience:
                for word in words_of(other.voice.everything(False)):
                    self.waiting.append((other.index, old, word))

    def crash(self, index: int, random: Random) -> None:
        """Stop a robot for good: some get the words that it said last, and some do not."""
        gone = self.robots.pop(index)
        if gone.node.decision is not None:
            self.acted_on.append(gone.node.decision)
        for seat in (*self.robots.values(), *self.faces):
            seat.audience = [listener for listener in seat.audience if listener != index]
        self.waiting = [
            (sender, seat, word)
            for sender, seat, word in self.waiting
            if seat is not gone and (sender != index or random.getrandbits(1))
        ]

    # -- what came out --------------------------------------------------------------------------

    @property
    def decisions(self) -> dict[int, int | None]:
        return {index: seat.node.decision for index, seat in self.robots.items()}

    def hold_to_agreement(self) -> None:
        """No two honest robots decide differently, and only what an honest one put in."""
        decided = {side for side in self.decisions.values() if side is not None}
        assert len(decided) <= 1, self.decisions
        assert decided <= set(self.inputs.values()), (self.inputs, self.decisions)

    def hold_to_the_end(self) -> int:
        """All decided, and the same; returns that."""
        self.hold_to_agreement()
        assert None not in self.decisions.values(), (self.decisions, self.where())
        return next(iter(self.decisions.values()))

    def where(self) -> str:
        return ', '.join(
            f'{index}: round {seat.node.round}, {seat.node.decision}'
            for index, seat in self.robots.items()
        )


def common(
    thresholds: Thresholds, sides: Callable[[int], int], **seams: object
) -> Make:
    """Agreements by a common coin that shows these sides."""
    return lambda me, voice: BinaryAgreement(
        thresholds, me, ABOUT, voice, IdealCoin(me, thresholds.faults, sides), **seams
    )


def graded(thresholds: Thresholds, random: Random) -> Make:
    """Agreements by local coins."""
    return lambda me, voice: GradedAgreement(
        thresholds, me, ABOUT, voice, Random(random.getrandbits(64))
    )


def coin_of(random: Random) -> Callable[[int], int]:
    """A coin that shows the same side whenever one looks."""
    shown: dict[int, int] = {}
    return lambda round_: shown.setdefault(round_, random.getrandbits(1))
