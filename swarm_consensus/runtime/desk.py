"""Where requests of this robot's users are checked and taken in, or refused with the reason."""

from __future__ import annotations

from swarm_consensus.decision.replicated import Outcome, ReplicatedState
from swarm_consensus.decision.types import Command, Decision, Level, Status, no_answer
from swarm_consensus.protocols.raft import Raft
from swarm_consensus.runtime.agreed import Agreed
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.deciding import Deciding
from swarm_consensus.runtime.events import (
    DecideAnswered,
    DecideAsked,
    Output,
    ProposeAnswered,
    ProposeAsked,
    ReadAnswered,
    ReadAsked,
)
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.runtime.requests import Requests
from swarm_consensus.runtime.wire import COMMANDS
from swarm_consensus.transport.errors import EncodeError

# Most that one answer to a read of the log holds; the reader goes on from the last index.
READ_COUNT_MAX = 10_000
READ_VALUE_BYTES_MAX = 1_000_000

TEXT_CHARACTERS_MAX = COMMANDS.limits.text_characters_max

ID_USED = 'the request id was used for another kind of request; give each request its own'


def decision_of(outcome: Outcome) -> Decision:
    """Return the decision for which a proposal asked, or that its id was used for another."""
    if isinstance(outcome, Decision):
        return outcome
    return no_answer('', Level.COMMITTED, Status.REFUSED, ID_USED)


class Desk:
    """
    The desk of one robot.

    :param request_ids: of this robot's own proposals.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        *,
        raft: Raft,
        state: ReplicatedState,
        deciding: Deciding,
        requests: Requests,
        request_ids: RequestIds,
        agreed: Agreed,
    ) -> None:
        self._config = config
        self._agreed = agreed
        self._raft = raft
        self._state = state
        self._deciding = deciding
        self._requests = requests
        self._request_ids = request_ids

    def propose(
        self, asked: ProposeAsked, now_ns: int, obstacle: str, outputs: list[Output]
    ) -> None:
        """
        Check a proposal and hand it to the log.

        :param obstacle: why this robot takes none now; '' if it does.
        """
        reason = self._objection(asked, obstacle)
        level = self._deciding.level(asked.subject)
        if reason:
            answer = no_answer(asked.subject, level, Status.REFUSED, reason)
            outputs.append(ProposeAnswered(asked.key, answer))
            return
        if level is Level.AGREED:
            self._agreed.propose(asked, now_ns, outputs)
            return
        applied = self._state.outcome(asked.request_id)
        if applied is not None:
            # A repetition of what the log holds already. The log would not take it again, and
            # nothing that is applied later would answer it.
            outputs.append(ProposeAnswered(asked.key, decision_of(applied)))
            return
        own = not asked.request_id
        request_id = self._request_ids.new() if own else asked.request_id
        command = Command(
            request_id=request_id,
            proposer=self._config.robot,
            subject=asked.subject,
            expected_revision=asked.expected_revision,
            status=Status.DECIDED,
            choice=asked.choice,
            value=asked.value,
            confidence=1.0,
            voters=(),
            elapsed_us=0,
            acked=self._request_ids.acked if own else 0,
            base_index=self._state.index,
        )
        try:
            data = COMMANDS.encode(command)
        except EncodeError as error:
            self._request_ids.ended(request_id)
            answer = no_answer(asked.subject, Level.COMMITTED, Status.REFUSED, str(error))
            outputs.append(ProposeAnswered(asked.key, answer))
            return
        if self._requests.add_proposal(request_id, asked, now_ns):
            self._raft.propose(request_id, data, self._ticks(asked.timeout_ns))

    def _objection(self, asked: ProposeAsked, obstacle: str) -> str:
        policy = self._deciding.policy(asked.subject)
        if not asked.subject:
            return 'the subject is empty'
        for what in ('subject', 'choice', 'request_id'):
            if len(getattr(asked, what)) > TEXT_CHARACTERS_MAX:
                return (
                    f'the {what} has {len(getattr(asked, what))} characters, at most '
                    f'{TEXT_CHARACTERS_MAX} are allowed'
                )
        if len(asked.value) > self._config.value_bytes_max:
            return (
                f'the value has {len(asked.value)} bytes, value_bytes_max allows '
                f'{self._config.value_bytes_max}'
            )
        if reason := self._guest_reason(asked.subject):
            return reason
        if obstacle:
            return obstacle
        if reason := self._cannot_wait(asked.timeout_ns):
            return reason
        if policy is None:
            return ''
        if policy.level is Level.FUSED:
            return (
                f"subject '{policy.name}' has level 'fused' and is decided from beliefs only; a "
                'subject for proposals needs level: committed or level: agreed'
            )
        if policy.labels and asked.choice not in policy.labels:
            return (
                f"'{asked.choice}' is not a label of subject '{policy.name}' "
                f'({", ".join(policy.labels[:20])})'
            )
        return ''

    def read(self, asked: ReadAsked, now_ns: int, outputs: list[Output]) -> None:
        """Answer a local read at once, and have a linearizable one confirmed."""
        if not asked.linearizable:
            outputs.append(self.answer_read(asked))
            return
        reason = self._guest_reason(asked.subject) or self._cannot_wait(asked.timeout_ns)
        if reason:
            outputs.append(ReadAnswered(asked.key, Status.REFUSED, reason, 0, '', ()))
            return
        if asked.subject and self._deciding.level(asked.subject) is Level.AGREED:
            self._agreed.read(asked, now_ns, outputs)
            return
        request_id = self._request_ids.new_read()
        self._requests.add_read(request_id, asked, now_ns)
        self._raft.read(request_id, self._ticks(asked.timeout_ns))

    def answer_read(self, asked: ReadAsked) -> ReadAnswered:
        """Return the answer to a read from what is applied here."""
        if asked.subject:
            current = self._current(asked.subject)
            decisions: tuple[Decision, ...] = () if current is None else (current,)
        else:
            count_max = min(asked.count_max, READ_COUNT_MAX)
            decisions = tuple(
                self._state.ledger.slice(asked.from_index, count_max, READ_VALUE_BYTES_MAX)
            )
        return ReadAnswered(
            asked.key,
            Status.DECIDED,
            '',
            self._state.index,
            self._state.digest,
            decisions,
            self._state.ledger.history_from,
        )

    def decide(self, asked: DecideAsked, now_ns: int, outputs: list[Output]) -> bool:
        """Answer from the decision in force, or wait; returns whether somebody waits now."""
        level = self._deciding.level(asked.subject)
        current = self._current(asked.subject)
        if current is not None and current.revision >= asked.revision_min:
            outputs.append(DecideAnswered(asked.key, current))
            return False
        reason = self._guest_reason(asked.subject) or self._cannot_wait(asked.timeout_ns)
        if not asked.subject:
            reason = 'the subject is empty'
        if reason:
            answer = no_answer(asked.subject, level, Status.REFUSED, reason)
            outputs.append(DecideAnswered(asked.key, answer))
            return False
        self._requests.add_decide(asked, now_ns)
        return True

    def _current(self, subject: str) -> Decision | None:
        if self._deciding.level(subject) is Level.AGREED:
            return self._agreed.current(subject)
        return self._deciding.current(subject)

    def _guest_reason(self, subject: str) -> str:
        """Return why a guest of the swarm cannot serve a subject; '' where it can."""
        fused = self._deciding.level(subject) is Level.FUSED
        return '' if fused else self._config.guest_reason

    def _cannot_wait(self, timeout_ns: int) -> str:
        """Return why a request may not wait for its outcome; '' if it may."""
        if timeout_ns <= 0:
            return 'the timeout must be greater than 0 s'
        if self._requests.full:
            return 'too many requests wait at this robot; try again later'
        return ''

    def _ticks(self, duration_ns: int) -> int:
        return max(1, duration_ns // self._config.tick_ns)
