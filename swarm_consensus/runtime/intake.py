"""
What other robots say: each message goes to the part of this robot that it is for.

Nothing is done about it here, and nobody is answered, but a robot that bears this one's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from swarm_consensus.protocols.allocation import MESSAGE_TYPES as ALLOCATION_MESSAGES
from swarm_consensus.protocols.allocation import Message as AllocationMessage
from swarm_consensus.protocols.raft import MESSAGE_TYPES, Raft
from swarm_consensus.runtime.agreed_work import AGREEMENT_MESSAGES, AgreedWork
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.deciding import Deciding
from swarm_consensus.runtime.events import FrameArrived, NameTaken, Notice, Output
from swarm_consensus.runtime.evidence import EVIDENCE_MESSAGES, EvidenceWork
from swarm_consensus.runtime.handover import Handover, HandoverReply, HandoverRequest
from swarm_consensus.runtime.log_work import LogWork
from swarm_consensus.runtime.members import Members, NameInUse, Presence
from swarm_consensus.runtime.model_messages import MODEL_MESSAGES, ModelMessage
from swarm_consensus.runtime.models import ModelWork
from swarm_consensus.runtime.post import Post
from swarm_consensus.runtime.shared import SHARED_MESSAGES, Shared
from swarm_consensus.runtime.swim_work import SWIM_TYPES, SwimWork
from swarm_consensus.runtime.tasks import TaskWork
from swarm_consensus.runtime.wire import NAMED_ONLY
from swarm_consensus.transport.frame import TrafficClass
from swarm_consensus.transport.guard import Contact, Guard, Receipt, Verdict

_NAMED_ONLY = NAMED_ONLY | {Presence}
# Takes in (what the guard says of the frame, the message, the time in ns, the outputs).
Handler = Callable[[Receipt[object], Any, int, list[Output]], None]


class Intake:
    """
    The way in of one robot.

    :param post: the way out, for robots that bear its name.
    :param models: None: it shares none.
    :ivar name_taken: this robot has found that another one bears its name, and gives way.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        incarnation: int,
        guard: Guard[object],
        post: Post,
        *,
        members: Members,
        swim: SwimWork,
        agreed: AgreedWork,
        shared: Shared,
        evidence: EvidenceWork,
        handover: Handover,
        models: ModelWork | None,
        tasks: TaskWork,
        raft: Raft,
        work: LogWork,
        deciding: Deciding,
    ) -> None:
        self._config = config
        self._named = frozenset(config.robots)
        self._incarnation = incarnation
        self._guard = guard
        self._post = post
        self._members = members
        self._swim = swim
        self._agreed = agreed
        self._shared = shared
        self._evidence = evidence
        self._handover = handover
        self._models = models
        self._tasks = tasks
        self._raft = raft
        self._work = work
        self._deciding = deciding
        self.name_taken = False
        self._handlers: dict[type[Any], Handler] = {
            **dict.fromkeys(SWIM_TYPES, self._on_swim),
            **dict.fromkeys(AGREEMENT_MESSAGES, self._on_agreement),
            **dict.fromkeys(SHARED_MESSAGES, self._on_shared),
        }
        # While the disk of this robot is full none of these is taken in.
        self._with_disk: dict[type[Any], Handler] = {
            **dict.fromkeys(MESSAGE_TYPES, self._on_raft),
            **dict.fromkeys(EVIDENCE_MESSAGES, self._on_evidence),
            **dict.fromkeys(MODEL_MESSAGES, self._on_model),
            **dict.fromkeys(ALLOCATION_MESSAGES, self._on_allocation),
            Presence: self._on_presence,
            HandoverRequest: self._on_handover_request,
            HandoverReply: self._on_handover_reply,
        }

    def frame(self, frame: FrameArrived, now_ns: int, outputs: list[Output]) -> None:
        """Take in a frame that was heard."""
        receipt = self._guard.receive(frame.header, frame.batch, frame.signature)
        if receipt.verdict is Verdict.IMPOSTOR:
            self._impostor(frame, receipt, now_ns, outputs)
        elif receipt.verdict is Verdict.NOT_FOR_US and receipt.vouched:
            self._members.contact(now_ns)
            if frame.header.to == frame.header.sender:
                self._members.probe_heard(frame.header, now_ns)
        if receipt.verdict is not Verdict.ACCEPTED:
            return
        self._members.contact(now_ns)
        in_use = self._members.name_in_use(frame.header, now_ns)
        if in_use is not None and not self._members.probing:
            self._post.offer(in_use, (receipt.sender,))
        if self._members.heard(receipt.sender, receipt.incarnation, now_ns):
            outputs.append(Notice(f'{receipt.sender} is there'))
            self._swim.heard(receipt.sender, receipt.incarnation, now_ns)
            self._agreed.look_around()
            self._shared.look_around()
        elif receipt.contact is Contact.REBOOTED:
            outputs.append(Notice(f'{receipt.sender} has rebooted', warning=True))
            self._swim.heard(receipt.sender, receipt.incarnation, now_ns)
        for message in receipt.messages:
            self._message(receipt, message, now_ns, outputs)

    def _message(
        self, receipt: Receipt[object], message: object, now_ns: int, outputs: list[Output]
    ) -> None:
        kind = type(message)
        if isinstance(message, NameInUse):
            if self._members.told_in_use(message, receipt.sender):
                self._give_way(message.incarnation, outputs)
            return
        if self._members.probing:
            return
        if self._config.open_membership and kind in _NAMED_ONLY and self._guests(receipt.sender):
            self._deciding.dropped['GUEST'] += 1
            return
        handler = self._handlers.get(kind)
        if handler is None and not self._work.held:
            handler = self._with_disk[kind]
        if handler is not None:
            handler(receipt, message, now_ns, outputs)

    def _guests(self, sender: str) -> bool:
        """Return whether one of the two robots is a guest."""
        return not {sender, self._config.robot} <= self._named

    # -- to whom it is ----------------------------------------------------------------------------

    def _on_swim(
        self, receipt: Receipt[object], message: Any, now_ns: int, _: list[Output]
    ) -> None:
        self._swim.receive(receipt.sender, receipt.incarnation, message, now_ns)

    def _on_agreement(
        self, receipt: Receipt[object], message: Any, _: int, outputs: list[Output]
    ) -> None:
        self._agreed.receive(receipt.sender, message, receipt.frame, outputs)

    def _on_shared(
        self, receipt: Receipt[object], message: Any, now_ns: int, _: list[Output]
    ) -> None:
        waits = self._post.waits(TrafficClass.BULK)
        self._shared.receive(receipt.sender, message, waits, now_ns)

    def _on_presence(
        self, receipt: Receipt[object], message: Presence, _: int, __: list[Output]
    ) -> None:
        self._agreed.compare(receipt.sender, message.standing)

    def _on_evidence(
        self, receipt: Receipt[object], message: Any, now_ns: int, _: list[Output]
    ) -> None:
        self._evidence.receive(receipt.sender, message, now_ns)

    def _on_handover_request(
        self, receipt: Receipt[object], message: HandoverRequest, _: int, __: list[Output]
    ) -> None:
        if not self._forged(receipt, message):
            self._handover.requested(message)

    def _on_handover_reply(
        self, receipt: Receipt[object], message: HandoverReply, _: int, outputs: list[Output]
    ) -> None:
        if not self._forged(receipt, message):
            self._handover.replied(message, outputs)

    def _on_model(
        self, receipt: Receipt[object], message: ModelMessage, _: int, __: list[Output]
    ) -> None:
        if self._models is not None:
            problem = self._models.receive(receipt.sender, message)
            if problem:
                self._deciding.dropped[problem] += 1

    def _on_allocation(
        self, receipt: Receipt[object], message: AllocationMessage, _: int, __: list[Output]
    ) -> None:
        self._tasks.receive(receipt.sender, message)

    def _on_raft(self, receipt: Receipt[object], message: Any, _: int, __: list[Output]) -> None:
        if not self._forged(receipt, message):
            self._raft.receive(message)

    def _forged(self, receipt: Receipt[object], message: Any) -> bool:
        """Return whether a message says that another robot has sent it; counts where it does."""
        forged: bool = message.sender != receipt.sender
        if forged:
            self._deciding.dropped['FORGED'] += 1
        return forged

    # -- who bears the name of this robot ----------------------------------------------------------

    def _impostor(
        self, frame: FrameArrived, receipt: Receipt[object], now_ns: int, outputs: list[Output]
    ) -> None:
        if not receipt.claims:
            # Noise: only somebody who speaks our language can have been given our name.
            return
        presence = next((m for m in receipt.claims if isinstance(m, Presence)), None)
        in_use = self._members.answer(frame.header, presence)
        if in_use is not None:
            self._post.offer(in_use)
        told = [
            self._members.told_in_use(message, self._config.robot)
            for message in receipt.claims
            if isinstance(message, NameInUse)
        ]
        if any(told) or self._members.impostor(frame.header, presence, now_ns):
            self._give_way(frame.header.incarnation, outputs)

    def _give_way(self, their_incarnation: int, outputs: list[Output]) -> None:
        self.name_taken = True
        reason = (
            f"another robot named '{self._config.robot}' is in swarm '{self._config.swarm}' "
            f'(its boot {their_incarnation}, ours {self._incarnation}); '
            'give each robot its own name in swarm.yaml'
        )
        outputs.append(NameTaken(reason))
