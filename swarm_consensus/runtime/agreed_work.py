"""
What the agreement wants done (protocols/agreement/effects.py): kept on disk, sent, judged and told.

Nothing leaves before it is on disk. While the disk is full nothing of this level happens here: to
the others this robot is as one that has stopped, and it goes on where it was when there is room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from swarm_consensus.decision.types import Level
from swarm_consensus.protocols.agreement.agreement import Agreement
from swarm_consensus.protocols.agreement.coin import CommonCoin
from swarm_consensus.protocols.agreement.config import AgreementConfig
from swarm_consensus.protocols.agreement.effects import KEPT_TYPES, Effects, Kept, Send
from swarm_consensus.protocols.agreement.messages import (
    MESSAGE_TYPES,
    Message,
    Piece,
    Statement,
)
from swarm_consensus.protocols.agreement.records import RECORDS_LOST_KEY, Record
from swarm_consensus.protocols.raft import Raft
from swarm_consensus.runtime.accusations import Accusation, Accusations
from swarm_consensus.runtime.agreed import Agreed
from swarm_consensus.runtime.agreed_outcomes import BALLOT_OVERHEAD_BYTES, OUTCOME_OVERHEAD_BYTES
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.deciding import Deciding
from swarm_consensus.runtime.events import DecisionMade, Notice, Output
from swarm_consensus.runtime.post import Post
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.runtime.requests import Requests
from swarm_consensus.runtime.wire import MESSAGES, RECORDS
from swarm_consensus.storage import Storage, StorageFull
from swarm_consensus.transport.frame import Frame, TrafficClass, batch_bytes_max
from swarm_consensus.transport.signing import Verifier

PIECE_BYTES_MAX = 8192
# How long a robot waits for more of the same to say, unless it has heard from all. Robots speak at
# nearly the same time, and each frame costs its signature and one check of it at every other robot.
LINGER_NS = 1_000_000
# Where so many epochs are under way, what they have to say goes together, and waits longer for it:
# as long again for each so many more, up to so many times.
EPOCHS_TOGETHER = 8
LINGER_FACTOR_MAX = 5
# Most ticks that are made up for after a pause; the timers of this level lose nothing by it.
TICKS_MAX = 8
# Ticks that count as one while what is said waits for the byte budget.
WAITING_TICKS = 8
# Signs of life of a robot whose subjects stand otherwise before this one looks again, at most.
PATIENCE_MAX = 16

AGREEMENT_MESSAGES = (*MESSAGE_TYPES, Accusation)


def agreement_config(config: RuntimeConfig, lost: bool) -> AgreementConfig:
    """
    Return the settings of the agreement.

    :param lost: whether what this robot said before is lost.
    """
    frame_bytes = batch_bytes_max(TrafficClass.AGREEMENT, config.frame_bytes_max)
    return AgreementConfig(
        robot=config.robot,
        # A guest has a place of its own in an agreement that nobody holds.
        robots=config.robots + ((config.robot,) if config.guest else ()),
        faults_max=config.agreed_faults,
        lies=config.agreed_lies,
        resend_ticks=max(1, config.agreed_resend_ns // config.tick_ns),
        window=config.agreed_window,
        instances_max=config.agreed_instances_max,
        value_bytes_max=config.value_bytes_max + BALLOT_OVERHEAD_BYTES,
        outcome_bytes_max=min(
            config.value_bytes_max + OUTCOME_OVERHEAD_BYTES, config.frame_bytes_max - 2_000
        ),
        piece_bytes=min(PIECE_BYTES_MAX, frame_bytes // 2),
        lost=lost,
    )


@dataclass(slots=True)
class _Differing:
    """
    A peer at which the subjects stand otherwise than here.

    :ivar signs: of life that said so since this robot last looked what it has missed.
    :ivar patience: how many there must be before it looks again.
    """

    signs: int = 0
    patience: int = 2


class AgreedWork:
    """
    The work of one robot at the level AGREED.

    :param records: what storage gave back.
    :param lost: whether it is not all that this robot had said.
    :param verifier: None: the swarm has no keys.
    :param coin: None: local coins.
    :ivar used: whether any subject is decided at this level.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        *,
        swarm: int,
        storage: Storage,
        records: Sequence[Record],
        lost: bool,
        verifier: Verifier | None,
        coin: CommonCoin | None,
        random: Random,
        session: str,
        deciding: Deciding,
        requests: Requests,
        request_ids: RequestIds,
    ) -> None:
        kept: list[Kept] = []
        proofs: list[Accusation] = []
        for record in records:
            if record.data is not None and record.key != RECORDS_LOST_KEY:
                found = RECORDS.decode(record.data)
                if isinstance(found, KEPT_TYPES):
                    kept.append(found)
                elif isinstance(found, Accusation):
                    proofs.append(found)
        self._storage = storage
        self._requests = requests
        self._request_ids = request_ids
        self.agreement = Agreement(
            agreement_config(config, lost), coin, random, kept, self._serves
        )
        self.subjects = Agreed(config, self.agreement, session, deciding.dropped)
        self.accusations = Accusations(config, swarm, self.agreement, MESSAGES, verifier)
        for proof in proofs:
            self.accusations.restore(proof)
        self._lost = lost and self.agreement.recovering
        self._differing: dict[str, _Differing] = {}
        self._records: list[Record] = []
        self._tell: list[tuple[Accusation, tuple[str, ...]]] = []
        self._held: Effects | None = None
        self._ticks = 0
        # What was decided before the reboot is told again: who listens now has not heard it.
        self._restored = [DecisionMade(decision) for decision in self.subjects.in_force()]
        # When the oldest of what waits for company was said; -1: nothing waits.
        self._said_ns = -1
        # A swarm that decides nothing at this level says nothing about it either.
        self.used = not config.guest and any(
            policy.level is Level.AGREED for policy in config.policies
        )
        self.look_around()

    def _serves(self, subject: str) -> bool:
        return self.subjects.serves(subject)

    @property
    def held(self) -> bool:
        """Return whether the disk is full and this level stands still here."""
        return self._held is not None

    @property
    def idle(self) -> bool:
        """Return whether nothing is due by time alone."""
        return self._held is None and self.agreement.idle and not self.subjects.open

    @property
    def standing_hash(self) -> int:
        """Return a hash of all that robots of this level come to have in common."""
        return self.agreement.standing_hash ^ self.accusations.standing_hash

    def look_around(self) -> None:
        """Look what happened meanwhile: this robot or another one was away."""
        if self.used:
            self.agreement.returned()

    @property
    def due_ns(self) -> int | None:
        """Return when what waits for company has to leave; None: nothing waits."""
        return None if self._said_ns < 0 else self._said_ns + self._linger_ns

    @property
    def _linger_ns(self) -> int:
        factor = 1 + self.agreement.under_way // EPOCHS_TOGETHER
        return LINGER_NS * min(factor, LINGER_FACTOR_MAX)

    def compare(self, peer: str, standing: int) -> None:
        """
        Compare how the subjects stand at a peer, as its signs of life say.

        What was said once is not said again without end, so a robot that heard nothing of an epoch
        would not know that it has missed one; nor of a proof that somebody has lied. The longer two
        robots differ the seldomer this one looks: a busy swarm always differs, and a liar may.
        """
        if not self.used:
            return
        if standing == self.standing_hash:
            self._differing.pop(peer, None)
            return
        differing = self._differing.setdefault(peer, _Differing())
        differing.signs += 1
        if differing.signs >= differing.patience:
            differing.signs = 0
            differing.patience = min(2 * differing.patience, PATIENCE_MAX)
            self.agreement.returned()
            self._tell += [(proof, (peer,)) for proof in self.accusations.proofs]

    def receive(
        self,
        sender: str,
        message: Message | Accusation,
        frame: Frame | None,
        outputs: list[Output],
    ) -> None:
        """Take in a message of this level."""
        if self._held is not None or not self.used:
            return
        if isinstance(message, Accusation):
            self._note_proof(self.accusations.told(sender, message, outputs))
        elif _evades_proof(message, frame):
            self.agreement.dropped['WRONG_CLASS'] += 1
        else:
            self.agreement.receive(sender, message, frame)

    def _note_proof(self, found: tuple[Record, Accusation] | None) -> None:
        if found is not None:
            record, proof = found
            self._records.append(record)
            self._tell.append((proof, ()))

    def pass_time(self, ticks: int, raft: Raft, waiting: bool) -> None:
        """
        Let ticks pass.

        :param waiting: what this level says has to wait for the byte budget. Nobody can have
            answered what has not left, so the timers after which it is said again go slower.
        """
        before = self._ticks
        self._ticks += ticks
        if waiting:
            ticks = self._ticks // WAITING_TICKS - before // WAITING_TICKS
        if self._held is None and self.used:
            for _ in range(min(ticks, TICKS_MAX)):
                self.agreement.tick()
        self.accusations.exclude(raft, self._request_ids.new_read(), self._ticks)

    def carry_out(self, post: Post, now_ns: int, outputs: list[Output]) -> None:
        """Carry out what the agreement wants, in the order that its effects ask for."""
        if self._restored:
            before = len(outputs)
            outputs += self._restored
            self._restored = []
            self._tell_waiting(outputs, before)
        while True:
            hold = self._said_ns < 0 or now_ns - self._said_ns < self._linger_ns
            many = self.agreement.under_way >= EPOCHS_TOGETHER
            effects = self._held or self.agreement.take_effects(hold, many)
            if not self.agreement.waiting:
                self._said_ns = -1
            elif self._said_ns < 0:
                self._said_ns = now_ns
            if effects is None and not self._records and not self._tell:
                return
            effects = effects or Effects()
            if not self._write(effects, outputs):
                return
            sends: Iterable[Send] = effects.send
            if post.budgeted:
                # Who hears that an epoch has begun begins it, too: it is to have our input by then.
                sends = sorted(sends, key=lambda send: not isinstance(send.message, Piece))
            for send in sends:
                post.offer(send.message, send.to)
            for accusation, to in self._tell:
                post.offer(accusation, to)
            self._tell.clear()
            for opened in effects.opened:
                self.subjects.opened(opened.subject, opened.epoch, now_ns)
            before = len(outputs)
            for news in effects.caught_up:
                self.subjects.caught_up(news, now_ns, outputs)
            for decided in effects.decided:
                self.subjects.decided(decided, now_ns, outputs)
            self._tell_waiting(outputs, before)
            for found in effects.contradictions:
                proof = self.accusations.proof_of(found)
                if proof is not None:
                    self._note_proof(self.accusations.accuse(proof, outputs))

    def _write(self, effects: Effects, outputs: list[Output]) -> bool:
        """Make what is said durable; returns whether it is."""
        records = [
            Record(key, None if kept is None else RECORDS.encode(kept))
            for key, kept in effects.keep
        ]
        records += self._records
        if self._lost and not self.agreement.recovering:
            # All that was lost is over.
            records.append(Record(RECORDS_LOST_KEY, None))
        if records:
            try:
                self._storage.write_records(records)
            except StorageFull as error:
                if self._held is None:
                    outputs.append(Notice(f'the level agreed has stopped: {error}', warning=True))
                self._held = effects
                return False
        if self._held is not None:
            outputs.append(Notice('there is room on the disk; the level agreed goes on'))
            self._held = None
        self._lost = self._lost and self.agreement.recovering
        self._records = []
        return True

    def _tell_waiting(self, outputs: list[Output], before: int) -> None:
        """Answer those who wait for a decision that was just made."""
        for output in outputs[before:]:
            if isinstance(output, DecisionMade):
                self._requests.decided(output.decision, outputs)


def _evades_proof(message: Message, frame: Frame | None) -> bool:
    """Return whether a message came in a frame too large to be shown to others with another."""
    return (
        isinstance(message, (Piece, Statement))
        and frame is not None
        and frame.header.traffic_class != TrafficClass.AGREEMENT
    )
