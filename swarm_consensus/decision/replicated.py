"""
The replicated state, driven by the log: decisions, the key-value store, missions, tasks, sessions.

Deterministic by construction: `apply` uses nothing but the entries themselves. The digest is a
hash chain over them, so that two robots can compare their whole history in 32 bytes. Equal logs
give equal states, and equal states equal images.

What exactly-once covers: a command that reaches the log any number of times, by retries of the
log or of a client that keeps its request id, is done at most once, and is answered with its first
outcome as long as that is remembered (protocols/sessions.py has the bounds). Afterwards it is
refused as expired. Only a client that asks anew, with an id of which nothing is remembered any
more and the sequence number 1 (or none), cannot be told from a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
import hashlib
import struct
from typing import Annotated

from swarm_consensus.decision.ledger import (
    DecisionRow,
    Ledger,
    LedgerImage,
    decision_bytes,
    decision_of_row,
    decision_row,
)
from swarm_consensus.decision.types import (
    AnyCommand,
    Command,
    Decision,
    KeyValueCommand,
    MissionCommand,
    TaskCommand,
    TimeCommand,
)
from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.images import ImageError
from swarm_consensus.protocols.keyvalue import (
    Event,
    KeyValueImage,
    KeyValueStore,
    Result,
    ResultStatus,
)
from swarm_consensus.protocols.missions import (
    MissionResult,
    MissionResultStatus,
    Missions,
    MissionsImage,
)
from swarm_consensus.protocols.sessions import (
    OUTCOMES_MAX,
    Admission,
    SessionRow,
    Sessions,
    parse_request_id,
)
from swarm_consensus.protocols.tasks import (
    BookImage,
    TaskBook,
    TaskRecord,
    TaskResult,
    TaskResultStatus,
)
from swarm_consensus.protocols.values import value

EXPIRED = (
    'the session of the request id has expired, or its outcome was given up: whether it was '
    'applied before is not known; now it was not'
)

_DIGEST_BYTES = 16
# Index and term of an entry in the digest.
_PLACE = struct.Struct('>QQ')
_RESULT_BYTES = 100
_OUTCOMES = Bounds(length_max=OUTCOMES_MAX)
# To look a member up in its Enum takes as long as the rest of the line, and here each entry passes.
_NEW = Admission.NEW
_DONE = ResultStatus.DONE

Outcome = Decision | Result | MissionResult | TaskResult
# What somebody asks for once, and is answered.
_Asking = Command | KeyValueCommand | MissionCommand | TaskCommand

# place of the session, sequence number, status, index, version, modified index, lease, ttl in ms
_ResultRow = tuple[int, int, int, int, int, int, int, int]
# place of the session, sequence number, status, index, epoch, length of the history
_MissionResultRow = tuple[int, int, int, int, int, int]
# place of the session, sequence number, status, index, revision
_TaskResultRow = tuple[int, int, int, int, int]


@value
class StateImage:
    """
    The whole replicated state after an entry; equal states have equal images.

    :param given_up_index: last use of the newest session that was given up.
    :param sessions: (id, floor, base index, index of the last use), longest ago first.
    :param decided: (place of the session, sequence number, decision): its outcomes.
    :param results: (place of the session, sequence number, result ...): its outcomes.
    :param task_results: likewise, of operations on tasks.
    """

    index: int
    term: int
    digest: Annotated[bytes, Bounds(length_max=_DIGEST_BYTES)]
    ledger: LedgerImage
    keyvalue: KeyValueImage
    given_up_index: int
    sessions: tuple[SessionRow, ...]
    decided: Annotated[tuple[tuple[int, int, DecisionRow], ...], _OUTCOMES]
    results: Annotated[tuple[_ResultRow, ...], _OUTCOMES]
    tasks: BookImage
    task_results: Annotated[tuple[_TaskResultRow, ...], _OUTCOMES]


@value
class StateImageWithMissions:
    """
    The whole replicated state once there ever was a mission; before, a StateImage says it all.

    :param mission_results: (place of the session, sequence number, result ...): its outcomes.
    """

    state: StateImage
    missions: MissionsImage
    mission_results: Annotated[tuple[_MissionResultRow, ...], _OUTCOMES]


AnyImage = StateImage | StateImageWithMissions


@value
class Applied:
    """
    What one command did.

    :param outcome: of the first entry with this request id; a Decision for a Command, a Result
        for a KeyValueCommand, a MissionResult for a MissionCommand, a TaskResult for a TaskCommand,
        None for a TimeCommand.
    :param fresh: this entry did it; False where it was refused or repeated another.
    :param events: changes of keys, in order.
    :param tasks: those that were changed, as they stand then, in order.
    """

    request_id: str
    outcome: Outcome | None
    fresh: bool
    events: Sequence[Event] = ()
    tasks: Sequence[TaskRecord] = ()


class ReplicatedState:
    """
    Everything that the log determines.

    :ivar ledger: the decisions.
    :ivar keyvalue: the key-value store.
    :ivar missions: the missions, whose workers hold leases of that store and live by its time.
    :ivar tasks: the tasks, and which robots have them.
    :ivar index: last entry applied.
    :ivar term: its term.
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.keyvalue = KeyValueStore()
        self.missions = Missions()
        self.tasks = TaskBook()
        self.index = 0
        self.term = 0
        self._sessions = _no_sessions()
        self._digest = bytes(_DIGEST_BYTES)

    @property
    def digest(self) -> str:
        """Return the hash chain over all entries applied, as hex digits."""
        return self._digest.hex()

    def outcome(self, request_id: str) -> Outcome | None:
        """Return what a request did when it was applied; None: it was not, or is forgotten."""
        return self._sessions.outcome(request_id)

    # -- the log ----------------------------------------------------------------------------------

    def apply(
        self, index: int, term: int, data: bytes, command: AnyCommand | None
    ) -> Applied | None:
        """
        Apply the next log entry.

        :param data: its data, which goes into the digest.
        :param command: what the data means; None: nothing.
        :returns: what the command did; None where there is none.
        :raises ValueError: entries out of order, which would be a broken invariant of the log.
        """
        if index != self.index + 1:
            raise ValueError(f'entry {index} applied after entry {self.index}')
        place = _PLACE.pack(index, term)
        chain = hashlib.blake2b(self._digest + place + data, digest_size=_DIGEST_BYTES)
        self._digest = chain.digest()
        self.index = index
        self.term = term
        if command is None:
            return None
        if isinstance(command, TimeCommand):
            return self._elapse(command)
        session, sequence = parse_request_id(command.request_id)
        admission, outcome = self._sessions.admit(
            index, session, sequence, command.acked, command.base_index
        )
        if admission is not _NEW:
            if admission is Admission.EXPIRED:
                outcome = self._expired(command)
            return Applied(command.request_id, outcome, fresh=False)
        applied = self._do(command)
        if applied.outcome is not None:
            self._sessions.finish(session, sequence, applied.outcome)
        return applied

    def _elapse(self, command: TimeCommand) -> Applied:
        counted, events = self.keyvalue.elapse(
            self.index, command.previous_index, command.elapsed_ms
        )
        leases = self.keyvalue.leases
        tasks: Sequence[TaskRecord] = ()
        if counted:
            self.missions.elapse(leases.time_ms, leases.__contains__)
            tasks = self.tasks.elapse(self.index, leases.time_ms)
        return Applied(command.request_id, None, counted, events, tasks)

    def _do(self, command: _Asking) -> Applied:
        # By far the most.
        if isinstance(command, KeyValueCommand):
            result, events = self.keyvalue.apply(self.index, command.operation)
            if command.revoke is not None:
                self.missions.leases_ended(self.keyvalue.leases.__contains__)
            return Applied(command.request_id, result, result.status is _DONE, events)
        if isinstance(command, Command):
            decision, fresh = self.ledger.apply(self.index, self.term, command)
            return Applied(command.request_id, decision, fresh)
        leases = self.keyvalue.leases
        if isinstance(command, MissionCommand):
            done = self.missions.apply(
                self.index, command.operation, leases.time_ms, leases.__contains__
            )
            return Applied(command.request_id, done, done.status is MissionResultStatus.DONE)
        answer, tasks = self.tasks.apply(self.index, leases.time_ms, command.operation)
        changed = answer.status is TaskResultStatus.DONE
        return Applied(command.request_id, answer, changed, (), tasks)

    def _expired(self, command: _Asking) -> Outcome:
        if isinstance(command, Command):
            return self.ledger.refused(command, EXPIRED)
        if isinstance(command, MissionCommand):
            return MissionResult(MissionResultStatus.SESSION_EXPIRED, self.index)
        if isinstance(command, TaskCommand):
            return TaskResult(TaskResultStatus.SESSION_EXPIRED, self.index)
        return Result(ResultStatus.SESSION_EXPIRED, self.index)

    # -- images -----------------------------------------------------------------------------------

    def image(self) -> AnyImage:
        """Return the whole state."""
        decided, results, task_results, mission_results = [], [], [], []
        for place, sequence, outcome in self._sessions.outcomes():
            if isinstance(outcome, Decision):
                decided.append((place, sequence, decision_row(outcome)))
            elif isinstance(outcome, TaskResult):
                task_results.append(
                    (place, sequence, int(outcome.status), outcome.index, outcome.revision)
                )
            elif isinstance(outcome, Result):
                results.append(_result_row(place, sequence, outcome))
            else:
                mission_results.append(_mission_row(place, sequence, outcome))
        state = StateImage(
            self.index,
            self.term,
            self._digest,
            self.ledger.image(),
            self.keyvalue.image(),
            self._sessions.given_up_index,
            self._sessions.rows(),
            tuple(decided),
            tuple(results),
            self.tasks.image(),
            tuple(task_results),
        )
        if not self.missions.used and not mission_results:
            return state
        return StateImageWithMissions(state, self.missions.image(), tuple(mission_results))

    def restore(self, image: AnyImage) -> None:
        """
        Become the state of an image; where that fails, nothing has changed.

        :raises ImageError: where the image contradicts itself.
        """
        missions = Missions()
        mission_results: tuple[_MissionResultRow, ...] = ()
        if isinstance(image, StateImageWithMissions):
            time_ms = image.state.keyvalue.time_ms
            missions = Missions.restored(image.missions, time_ms)
            mission_results = image.mission_results
            image = image.state
        if len(image.digest) != _DIGEST_BYTES:
            raise ImageError(f'a digest of {len(image.digest)} bytes')
        ledger = Ledger.restored(image.ledger, image.index)
        keyvalue = KeyValueStore.restored(image.keyvalue, image.index)
        tasks = TaskBook.restored(image.tasks, image.index, keyvalue.leases.time_ms)
        outcomes: list[tuple[int, int, Outcome]] = [
            (place, sequence, decision_of_row(row)) for place, sequence, row in image.decided
        ]
        outcomes += [(row[0], row[1], _result_of_row(row)) for row in image.results]
        outcomes += [(row[0], row[1], _mission_result_of_row(row)) for row in mission_results]
        outcomes += [(row[0], row[1], _task_result_of_row(row)) for row in image.task_results]
        outcomes.sort(key=lambda each: each[:2])
        sessions = _no_sessions()
        sessions.restore(image.index, image.given_up_index, image.sessions, outcomes)
        self.ledger, self.keyvalue, self._sessions = ledger, keyvalue, sessions
        self.missions, self.tasks = missions, tasks
        self.index, self.term, self._digest = image.index, image.term, image.digest


def _no_sessions() -> Sessions[Outcome]:
    return Sessions(_cost)


def _cost(outcome: Outcome) -> int:
    return decision_bytes(outcome) if isinstance(outcome, Decision) else _RESULT_BYTES


def _result_row(place: int, sequence: int, result: Result) -> _ResultRow:
    return (
        place,
        sequence,
        int(result.status),
        result.index,
        result.version,
        result.modified_index,
        result.lease,
        result.ttl_ms,
    )


def _task_result_of_row(row: _TaskResultRow) -> TaskResult:
    try:
        return TaskResult(TaskResultStatus(row[2]), *row[3:])
    except ValueError as error:
        raise ImageError(str(error)) from error


def _result_of_row(row: _ResultRow) -> Result:
    try:
        return Result(ResultStatus(row[2]), *row[3:])
    except ValueError as error:
        raise ImageError(str(error)) from error


def _mission_row(place: int, sequence: int, result: MissionResult) -> _MissionResultRow:
    return (place, sequence, int(result.status), result.index, result.epoch, result.length)


def _mission_result_of_row(row: _MissionResultRow) -> MissionResult:
    try:
        return MissionResult(MissionResultStatus(row[2]), *row[3:])
    except ValueError as error:
        raise ImageError(str(error)) from error
