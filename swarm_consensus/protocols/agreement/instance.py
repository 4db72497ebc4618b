"""One instance as its robot keeps it: the protocol, evidence, and when to say things again."""

from __future__ import annotations

from collections.abc import Iterable

from swarm_consensus.protocols.agreement.config import BACKOFF_MAX
from swarm_consensus.protocols.agreement.effects import InputKept, Kept, SaidKept
from swarm_consensus.protocols.agreement.messages import Piece, Statement
from swarm_consensus.protocols.agreement.slots import Slot, contradiction, slots
from swarm_consensus.protocols.agreement.subset import CommonSubset, SubsetRules

# Messages of one robot about one instance that are kept as evidence, each with something new in it.
# An honest robot has something new to say a few times; a liar that says more gets away with what
# came after.
EVIDENCE_MAX = 32


class _Heard:
    """What one robot said that others can be shown."""

    __slots__ = ('messages', 'slots')

    def __init__(self) -> None:
        self.messages: list[tuple[Statement | Piece, object]] = []
        self.slots: set[Slot] = set()


class Instance:
    """
    An instance, from its first message until nobody needs it any more.

    :param opener: who spoke first of it.
    :param resend_ticks: first wait before things are said again.
    :ivar passed: mask of the robots that have said that they have settled it, or a newer one.
    :ivar accused: mask of the robots whose contradiction was handed out.
    :ivar told: the vector was handed out.
    """

    def __init__(
        self, rules: SubsetRules, subset: CommonSubset, opener: int, resend_ticks: int, now: int
    ) -> None:
        self.subset = subset
        self.opener = opener
        self.passed = 0
        self.accused = 0
        self.told = False
        self.repetitions = 0
        self._rules = rules
        self._resend_ticks = resend_ticks
        self._wait = resend_ticks
        self._due = now + resend_ticks
        self._heard: dict[int, _Heard] = {}
        self._outcomes: dict[int, bytes] = {}
        self._kept: set[int] = set()
        self._answered: dict[int, int] = {}
        self._pulled: dict[int, int] = {}
        self._offers = 0

    # -- time -----------------------------------------------------------------------------------

    def progressed(self, now: int) -> None:
        """Note that this robot had something new to say: nothing is missing so far."""
        self._wait = self._resend_ticks
        self._due = now + self._wait

    def due(self, now: int) -> bool:
        """Return whether it is time to say everything again; the next time is later each time."""
        if now < self._due:
            return False
        self._wait = min(2 * self._wait, BACKOFF_MAX * self._resend_ticks)
        self._due = now + self._wait
        self.repetitions += 1
        return True

    def may_answer(self, robot: int, now: int) -> bool:
        """Return whether a robot that lacks something is to be answered; not too often."""
        if now < self._answered.get(robot, 0):
            return False
        self._answered[robot] = now + max(1, self._resend_ticks // 2)
        return True

    def turn_of(self, proposer: int, holders: list[int]) -> int | None:
        """
        Return which holder of a value to ask for it now: another one each time.

        None at the first time, when the value may be on its way still.
        """
        count = self._pulled.get(proposer, 0)
        self._pulled[proposer] = count + 1
        return holders[(count - 1) % len(holders)] if count else None

    def offer(self) -> tuple[Piece, ...]:
        """
        Return a piece of this robot's input for those that may lack it; () where there is none.

        Whoever has one piece asks for those that it misses, so one is enough; another one each
        time.
        """
        pieces = self.subset.own_pieces()
        self._offers += 1
        return pieces[self._offers % len(pieces) :][:1] if pieces else ()

    # -- what is to be kept ---------------------------------------------------------------------

    def to_keep(self, subject: str, epoch: int) -> list[Kept]:
        """Return what must be on disk before the new things that were said may leave."""
        statement = self.subset.voice.everything(False)
        found: list[Kept] = [SaidKept(statement)]
        for proposer, _ in statement.echoes:
            value = self.subset.held(proposer)
            if proposer not in self._kept and value is not None:
                self._kept.add(proposer)
                found.append(InputKept(subject, epoch, proposer, value))
        return found

    def restored(self, proposers: Iterable[int]) -> None:
        """Note which inputs are on disk already."""
        self._kept.update(proposers)

    @property
    def kept(self) -> frozenset[int]:
        """Whose inputs are on disk."""
        return frozenset(self._kept)

    # -- evidence -------------------------------------------------------------------------------

    def hear_settled(self, sender: int, outcome: bytes) -> bool:
        """Note that a robot has settled it; returns False where it named another outcome before."""
        self.passed |= 1 << sender
        return self._outcomes.setdefault(sender, outcome) == outcome

    def remember(self, sender: int, message: Statement | Piece, witness: object) -> None:
        """Keep a message as evidence, if somebody can show it and something in it is new."""
        if witness is None:
            return
        if isinstance(message, Piece):
            said: set[Slot] = {('piece',)} if message.proposer == sender else set()
        else:
            said = {slot for slot, _ in slots(message)}
        heard = self._heard.setdefault(sender, _Heard())
        if not said <= heard.slots and len(heard.messages) < EVIDENCE_MAX:
            heard.slots |= said
            heard.messages.append((message, witness))

    def evidence(
        self, sender: int, message: Statement | Piece
    ) -> tuple[Statement | Piece, object] | None:
        """Return an earlier message of a robot that a new one contradicts, if it is kept."""
        heard = self._heard.get(sender)
        for earlier, witness in () if heard is None else heard.messages:
            if contradiction(earlier, message, sender, self._rules.pieces):
                return earlier, witness
        return None
