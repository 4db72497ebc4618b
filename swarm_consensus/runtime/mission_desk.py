"""Where this robot's users are served: missions begun, told, ended, asked and watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from swarm_consensus.decision.replicated import EXPIRED, Outcome, ReplicatedState
from swarm_consensus.decision.types import MissionCommand, Status
from swarm_consensus.missions import Interpreter, MissionError, Registry
from swarm_consensus.protocols.missions import MissionResult, MissionResultStatus, MissionRow
from swarm_consensus.protocols.missions.events import (
    MissionCancelled,
    MissionCompleted,
    MissionFailed,
)
from swarm_consensus.protocols.missions.operations import Begin
from swarm_consensus.protocols.raft import Raft
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.desk import ID_USED
from swarm_consensus.runtime.events import Output
from swarm_consensus.runtime.mission_events import (
    MissionAnswered,
    MissionAsked,
    MissionQueried,
    MissionQueryAnswered,
    MissionsAsked,
    MissionsTold,
    MissionTold,
    MissionUnwatched,
    MissionView,
    MissionWatched,
)
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.runtime.requests import Hearer
from swarm_consensus.runtime.wire import COMMANDS
from swarm_consensus.transport.errors import EncodeError

# Requests that wait at this robot; one more is refused.
WAITING_MAX = 4096
WATCHES_MAX = 1024
# Most that one answer holds.
MISSIONS_COUNT_MAX = 1_000
HISTORY_COUNT_MAX = 1_000

REASONS = {
    MissionResultStatus.DONE: '',
    MissionResultStatus.EXISTS: 'there is a mission of this name; forget it first, or take another',
    MissionResultStatus.NOT_FOUND: 'there is no mission of this name',
    MissionResultStatus.CLOSED: 'the mission has ended',
    MissionResultStatus.FENCED: 'another robot is its worker',
    MissionResultStatus.CONFLICT: 'the mission has not ended',
    MissionResultStatus.FULL: 'there is no room: too many missions, or too long a history',
    MissionResultStatus.INVALID: 'the name of a mission, or of its code, is empty',
    MissionResultStatus.SESSION_EXPIRED: EXPIRED,
}

Asked = MissionAsked | MissionsAsked | MissionQueried | MissionWatched | MissionUnwatched


class MissionDesk:
    """
    The desk of one robot for missions.

    :param registry: its code.
    :param running: gives what runs a mission here, where it does.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        raft: Raft,
        state: ReplicatedState,
        request_ids: RequestIds,
        registry: Registry,
        running: Callable[[MissionRow], Interpreter | None],
    ) -> None:
        self._config = config
        self._raft = raft
        self._state = state
        self._request_ids = request_ids
        self._registry = registry
        self._running = running
        self._changes: dict[str, list[int]] = {}
        self._watches: dict[int, str] = {}

    @property
    def any(self) -> bool:
        """Whether anybody waits for an answer; watches need no ticks."""
        return bool(self._changes)

    @property
    def hearer(self) -> Hearer:
        """Return who hears what came of that for which somebody here waits."""
        return self._changes.keys(), self._settled

    def ask(self, asked: Asked, obstacle: str, lease: int, outputs: list[Output]) -> None:
        """
        Take a request in, or answer it at once.

        :param obstacle: why this robot takes no changes now; '' if it does.
        :param lease: of this robot; a mission that it begins it runs, where it has the code.
        """
        if isinstance(asked, MissionAsked):
            self._change(asked, obstacle, lease, outputs)
        elif isinstance(asked, MissionsAsked):
            outputs.append(self._look(asked))
        elif isinstance(asked, MissionQueried):
            outputs.append(self._query(asked))
        elif isinstance(asked, MissionUnwatched):
            self._watches.pop(asked.key, None)
        else:
            if len(self._watches) < WATCHES_MAX:
                self._watches[asked.key] = asked.mission
            self._tell(asked.key, asked.mission, outputs)

    def _change(
        self, asked: MissionAsked, obstacle: str, lease: int, outputs: list[Output]
    ) -> None:
        if not obstacle and asked.timeout_ns <= 0:
            obstacle = 'the timeout must be greater than 0 s'
        if not obstacle and len(self._changes) >= WAITING_MAX:
            obstacle = 'too many requests wait at this robot; try again later'
        if obstacle:
            outputs.append(MissionAnswered(asked.key, Status.REFUSED, obstacle))
            return
        own = not asked.request_id
        before = None if own else self._state.outcome(asked.request_id)
        if before is not None:
            outputs.append(_answer(asked.key, before))
            return
        if not own and asked.request_id in self._changes:
            self._changes[asked.request_id].append(asked.key)
            return
        operation = asked.operation
        if isinstance(operation, Begin) and lease and self._registry.mission(operation.name):
            operation = replace(operation, robot=self._config.robot, lease=lease)
        request_id = self._request_ids.new() if own else asked.request_id
        acked = self._request_ids.acked if own else 0
        try:
            data = COMMANDS.encode(MissionCommand(request_id, acked, self._state.index, operation))
        except EncodeError as error:
            self._request_ids.ended(request_id)
            outputs.append(MissionAnswered(asked.key, Status.REFUSED, str(error)))
            return
        self._changes[request_id] = [asked.key]
        self._raft.propose(request_id, data, max(1, asked.timeout_ns // self._config.tick_ns))

    def _settled(self, request_id: str, outcome: Outcome, outputs: list[Output]) -> None:
        """Answer those who wait for a command that was applied."""
        for key in self._changes.pop(request_id, ()):
            outputs.append(_answer(key, outcome))

    def ended(
        self, request_id: str, status: Status, reason: str, outputs: list[Output]
    ) -> None:
        """Answer those who wait for a proposal that did not get into the log, or may not."""
        for key in self._changes.pop(request_id, ()):
            outputs.append(MissionAnswered(key, status, reason))

    def installed(self, outputs: list[Output]) -> None:
        """Note that the state came by a snapshot: what it holds of ours is answered."""
        for request_id in tuple(self._changes):
            outcome = self._state.outcome(request_id)
            if outcome is not None:
                self._settled(request_id, outcome, outputs)
        for key, mission in tuple(self._watches.items()):
            self._tell(key, mission, outputs)

    # -- looking ----------------------------------------------------------------------------------

    def touched(self, missions: Iterable[str], outputs: list[Output]) -> None:
        """Tell those who watch missions to which something has happened."""
        if self._watches:
            those = frozenset(missions)
            for key, mission in tuple(self._watches.items()):
                if mission in those:
                    self._tell(key, mission, outputs)

    def _tell(self, key: int, mission: str, outputs: list[Output]) -> None:
        row = self._state.missions.get(mission)
        told = None if row is None else view(row)
        outputs.append(MissionTold(key, told))
        if told is None or told.status.closed:
            self._watches.pop(key, None)

    def _look(self, asked: MissionsAsked) -> MissionsTold:
        missions, index = self._state.missions, self._state.index
        if self._config.guest:
            return MissionsTold(asked.key, index, (), reason=self._config.guest_reason)
        if asked.mission:
            row = missions.get(asked.mission)
            if row is None:
                return MissionsTold(asked.key, index, ())
            first = asked.history_from
            last = first + min(asked.count_max, HISTORY_COUNT_MAX)
            history = tuple(row.history[first:last])
            return MissionsTold(asked.key, index, (view(row),), history, last < len(row.history))
        count_max = min(asked.count_max, MISSIONS_COUNT_MAX)
        found: list[MissionView] = []
        for row in missions.rows():
            if row.mission.startswith(asked.prefix):
                if len(found) == count_max:
                    return MissionsTold(asked.key, index, tuple(found), more=True)
                found.append(view(row))
        return MissionsTold(asked.key, index, tuple(found))

    def _query(self, asked: MissionQueried) -> MissionQueryAnswered:
        row = self._state.missions.get(asked.mission)
        if row is None:
            reason = self._config.guest_reason or REASONS[MissionResultStatus.NOT_FOUND]
            return MissionQueryAnswered(asked.key, b'', reason)
        code = self._registry.mission(row.name)
        if code is None:
            reason = f"this robot has no code of the mission '{row.name}'; ask one that has"
            return MissionQueryAnswered(asked.key, b'', reason)
        interpreter = self._running(row)
        own = interpreter is None
        if interpreter is None:
            interpreter = Interpreter(code.function, row.mission)
            interpreter.advance(row.history)
        try:
            if interpreter.problem is not None:
                return MissionQueryAnswered(asked.key, b'', str(interpreter.problem))
            return MissionQueryAnswered(
                asked.key, interpreter.query(asked.name, asked.argument), ''
            )
        except MissionError as error:
            return MissionQueryAnswered(asked.key, b'', str(error))
        finally:
            if own:
                interpreter.close()


def view(row: MissionRow) -> MissionView:
    """Return how a mission stands."""
    last = row.history[-1].event
    reason, kind, result = row.reason, '', b''
    if isinstance(last, MissionCompleted):
        result = last.result
    elif isinstance(last, MissionFailed):
        kind, reason = last.kind, last.message
    elif isinstance(last, MissionCancelled):
        reason = last.message
    return MissionView(
        row.mission,
        row.name,
        row.status,
        row.run,
        row.worker,
        row.epoch,
        row.parent,
        row.cancel_asked,
        reason,
        kind,
        result,
        tuple(
            [
                (activity.scheduled.name, activity.attempt, activity.robot)
                for _, activity in sorted(row.activities.items())
            ]
        ),
        len(row.history),
    )


def _answer(key: int, outcome: Outcome) -> MissionAnswered:
    if not isinstance(outcome, MissionResult):
        return MissionAnswered(key, Status.REFUSED, ID_USED)
    done = outcome.status is MissionResultStatus.DONE
    status = Status.DECIDED if done else Status.REFUSED
    return MissionAnswered(key, status, REASONS[outcome.status], outcome)
