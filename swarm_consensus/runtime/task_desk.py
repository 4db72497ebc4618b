"""Where operations on the book of tasks go into the log, and their answers come back."""

from __future__ import annotations

from collections.abc import Callable

from swarm_consensus.decision.replicated import EXPIRED, Outcome, ReplicatedState
from swarm_consensus.decision.types import Status, task_command
from swarm_consensus.protocols.raft import Raft
from swarm_consensus.protocols.tasks import Operation, TaskResult, TaskResultStatus
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.desk import ID_USED
from swarm_consensus.runtime.events import Output, TaskAnswered, TaskAsked
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.runtime.requests import Hearer
from swarm_consensus.runtime.wire import COMMANDS
from swarm_consensus.transport.errors import EncodeError

# Operations that wait at this robot; one more of a user is refused.
WAITING_MAX = 4096

REASONS = {
    TaskResultStatus.DONE: '',
    TaskResultStatus.CONFLICT: 'the task does not stand as expected',
    TaskResultStatus.NOT_FOUND: 'there is no such task, or it is forgotten',
    TaskResultStatus.EXISTS: 'there is a task of this name already',
    TaskResultStatus.FULL: 'there are too many tasks',
    TaskResultStatus.INVALID: 'the number of robots is not what the task takes',
    TaskResultStatus.NOT_ON_DUTY: 'a robot is not on duty',
    TaskResultStatus.BLOCKED: 'tasks of a lower order in its group have not ended',
    TaskResultStatus.ENDED: 'the task has ended already',
    TaskResultStatus.SESSION_EXPIRED: EXPIRED,
}

# Called once with what came of an operation; None: it is not known, or it was not done.
Told = Callable[[TaskResult | None], None]


class TaskDesk:
    """
    The desk of one robot.

    :param request_ids: of this robot's own proposals.
    """

    def __init__(
        self, config: RuntimeConfig, raft: Raft, state: ReplicatedState, request_ids: RequestIds
    ) -> None:
        self._config = config
        self._raft = raft
        self._state = state
        self._request_ids = request_ids
        # By request id: keys of users, or what of this robot's own waits for it.
        self._users: dict[str, list[int]] = {}
        self._own: dict[str, Told] = {}

    @property
    def any(self) -> bool:
        """Return whether anybody waits for an answer."""
        return bool(self._users or self._own)

    def ask(self, asked: TaskAsked, obstacle: str, outputs: list[Output]) -> None:
        """
        Take a user's request in, or answer it at once.

        :param obstacle: why this robot takes no changes now; '' if it does.
        """
        if not obstacle and asked.timeout_ns <= 0:
            obstacle = 'the timeout must be greater than 0 s'
        if not obstacle and len(self._users) >= WAITING_MAX:
            obstacle = 'too many requests wait at this robot; try again later'
        if obstacle:
            outputs.append(TaskAnswered(asked.key, Status.REFUSED, obstacle))
            return
        if asked.request_id:
            before = self._state.outcome(asked.request_id)
            if before is not None:
                outputs.append(_answer(asked.key, before))
                return
            if asked.request_id in self._users:
                self._users[asked.request_id].append(asked.key)
                return
        problem, request_id = self._propose(asked.operation, asked.timeout_ns, asked.request_id)
        if problem:
            outputs.append(TaskAnswered(asked.key, Status.REFUSED, problem))
        else:
            self._users[request_id] = [asked.key]

    def do(self, operation: Operation, timeout_ns: int, told: Told) -> None:
        """Do an operation of this robot's own."""
        problem, request_id = self._propose(operation, timeout_ns, '')
        assert not problem, problem
        self._own[request_id] = told

    def _propose(self, operation: Operation, timeout_ns: int, request_id: str) -> tuple[str, str]:
        own = not request_id
        request_id = request_id or self._request_ids.new()
        acked = self._request_ids.acked if own else 0
        command = task_command(request_id, operation, acked, self._state.index)
        try:
            data = COMMANDS.encode(command)
        except EncodeError as error:
            self._request_ids.ended(request_id)
            return str(error), request_id
        ticks = max(1, timeout_ns // self._config.tick_ns)
        self._raft.propose(request_id, data, ticks)
        return '', request_id

    # -- the way back from the log ----------------------------------------------------------------

    @property
    def hearers(self) -> tuple[Hearer, ...]:
        """Return who hears what came of users' requests and of this robot's own."""
        return (self._users.keys(), self._settled), (self._own.keys(), self._settled)

    def installed(self, outputs: list[Output]) -> None:
        """Answer those who wait for what a snapshot holds."""
        for request_id in (*self._users, *self._own):
            outcome = self._state.outcome(request_id)
            if outcome is not None:
                self._settled(request_id, outcome, outputs)

    def _settled(self, request_id: str, outcome: Outcome, outputs: list[Output]) -> None:
        for key in self._users.pop(request_id, ()):
            outputs.append(_answer(key, outcome))
        told = self._own.pop(request_id, None)
        if told is not None:
            told(outcome if isinstance(outcome, TaskResult) else None)

    def ended(self, request_id: str, status: Status, reason: str, outputs: list[Output]) -> None:
        """Answer those who wait for a proposal that did not get into the log, or may not."""
        for key in self._users.pop(request_id, ()):
            outputs.append(TaskAnswered(key, status, reason))
        told = self._own.pop(request_id, None)
        if told is not None:
            told(None)


def _answer(key: int, outcome: Outcome) -> TaskAnswered:
    if not isinstance(outcome, TaskResult):
        return TaskAnswered(key, Status.REFUSED, ID_USED)
    status = Status.DECIDED if outcome.status is TaskResultStatus.DONE else Status.REFUSED
    return TaskAnswered(key, status, REASONS[outcome.status], outcome)
