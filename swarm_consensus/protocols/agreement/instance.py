"""One instance as its robot keeps it: the protocol, evidence, and when to say things again."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from swarm_consensus.protocols.agreement.config import BACKOFF_MAX
from swarm_consensus.protocols.agreement.effects import InputKept, SaidKept
from swarm_consensus.protocols.agreement.messages import Piece, PiecesWanted, Statement
from swarm_consensus.protocols.agreement.pending import Pending
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

    :param subset: the protocol of the subject and epoch.
    :param opener: who spoke first of it.
    :param resend_ticks: first wait before things are said again.
    :ivar passed: mask of the robots that have said that they have settled it, or a newer one.
    :ivar accused: mask of the robots whose contradiction was handed out.
    :ivar told: the vector was handed out.
    """

    def __init__(
        self,
        rules: SubsetRules,
        subset: CommonSubset,
        subject: str,
        epoch: int,
        opener: int,
        resend_ticks: int,
        now: int,
    ) -> None:
        self.subset = subset
        self.subject = subject
        self.epoch = epoch
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

    def pull(self, pending: Pending, muted: Collection[int]) -> None:
        """
        Ask for values that are certain and not here: a robot that holds them, another each time.

        Not at the first time, when a value may be on its way still.

        :param muted: robots that are not heard.
        """
        me = self._rules.me
        for proposer, root, indexes, mask in self.subset.wanted():
            holders = [
                place
                for place in range(len(self._rules.robots))
                if mask >> place & 1 and place != me and place not in muted
            ]
            count = self._pulled.get(proposer, 0)
            self._pulled[proposer] = count + 1
            if count and (holders or proposer != me):
                place = holders[(count - 1) % len(holders)] if holders else proposer
                wanted = PiecesWanted(self.subject, self.epoch, proposer, root, indexes)
                pending.post((self._rules.robots[place],), wanted)

    def offer(self) -> tuple[Piece, ...]:
        """
        Return a piece of this robot's input for those that may lack it; () where nobody does.

        Whoever has one piece asks for those that it misses, so one is enough; another one each
        time.
        """
        everybody = (1 << len(self._rules.robots)) - 1
        if self.subset.holders_of_mine() == everybody:
            return ()
        pieces = self.subset.own_pieces()
        self._offers += 1
        return pieces[self._offers % len(pieces) :][:1] if pieces else ()

    # -- what is to be kept ---------------------------------------------------------------------

    def flush(self, pending: Pending, now: int, end: bool = False) -> None:
        """
        Keep and send what is new.

        :param end: also that it is over, which goes out with the ticks, of many at once: nobody
            waits for it.
        """
        voice = self.subset.voice
        if voice.silent and not (end and voice.settled_untold):
            return
        if not voice.silent:
            self.progressed(now)
        if voice.binds:
            self._keep(pending)
        pending.post((), voice.take_new(end))

    def _keep(self, pending: Pending) -> None:
        """Have on disk what must be there before the new things that were said may leave."""
        statement = self.subset.voice.everything(False)
        pending.keep(SaidKept(statement))
        for proposer, _ in statement.echoes:
            value = self.subset.held(proposer)
            if proposer not in self._kept and value is not None:
                self._kept.add(proposer)
                pending.keep(InputKept(self.subject, self.epoch, proposer, value))

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
