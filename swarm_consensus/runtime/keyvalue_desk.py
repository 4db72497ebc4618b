"""Where this robot's users are served from the key-value store: changes, ranges and watches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from swarm_consensus.decision.replicated import EXPIRED, Outcome, ReplicatedState
from swarm_consensus.decision.types import KeyValueCommand, Status, keyvalue_command
from swarm_consensus.protocols.keyvalue import Event, Put, Result, ResultStatus, Watches
from swarm_consensus.protocols.raft import Raft
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.desk import ID_USED
from swarm_consensus.runtime.events import (
    KeyValueAnswered,
    KeyValueAsked,
    Output,
    RangeAnswered,
    RangeAsked,
    WatchAsked,
    WatchBegun,
    WatchCancelled,
    WatchTaken,
    WatchTold,
)
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.runtime.requests import Hearer
from swarm_consensus.runtime.wire import COMMANDS
from swarm_consensus.transport.errors import EncodeError

# Changes and ranges that wait at this robot; one more is refused.
WAITING_MAX = 4096
# Most that one answer to a range holds; the reader goes on behind the last key.
RANGE_COUNT_MAX = 10_000
RANGE_VALUE_BYTES_MAX = 1_000_000

# To look a member up in its Enum takes as long as the rest of the line; each answer passes here.
_DONE = ResultStatus.DONE
_DECIDED = Status.DECIDED

REASONS = {
    ResultStatus.CONFLICT: 'the key does not stand as expected',
    ResultStatus.NOT_FOUND: 'there is no such key',
    ResultStatus.LEASE_NOT_FOUND: 'there is no such lease: it has ended, or never was',
    ResultStatus.LEASE_EXISTS: 'there is a lease of this id',
    ResultStatus.FULL: 'the key-value store is full',
    ResultStatus.INVALID: 'the key, the value or the ttl is out of its bounds',
    ResultStatus.SESSION_EXPIRED: EXPIRED,
}

Asked = KeyValueAsked | RangeAsked | WatchAsked | WatchTaken | WatchCancelled


@dataclass(slots=True)
class _Range:
    """A linearizable range that waits; `index` is what must be applied first, once known."""

    asked: RangeAsked
    deadline_ns: int
    index: int | None = None


@dataclass(slots=True)
class _Change:
    """
    A change that waits.

    :param keys: of the requests that are answered by it.
    :param data: of its entry in the log.
    """

    keys: list[int]
    data: bytes


class KeyValueDesk:
    """
    The desk of one robot for its key-value store.

    :param state: as a snapshot left it, or empty.
    :param request_ids: of this robot's own proposals.
    """

    def __init__(
        self, config: RuntimeConfig, raft: Raft, state: ReplicatedState, request_ids: RequestIds
    ) -> None:
        self._config = config
        self._raft = raft
        self._state = state
        self._request_ids = request_ids
        self._watches = Watches(state.index + 1)
        self._changes: dict[str, _Change] = {}
        # What these ask for, by the data of its entry: it need not be decoded when it is applied.
        self._commands: dict[bytes, KeyValueCommand] = {}
        self._ranges: dict[str, _Range] = {}

    @property
    def any(self) -> bool:
        """Return whether anybody waits for an answer; watches need no ticks."""
        return bool(self._changes or self._ranges)

    @property
    def hearer(self) -> Hearer:
        """Return who hears what came of the changes that somebody here waits for."""
        return self._changes.keys(), self._settled

    @property
    def commands(self) -> Mapping[bytes, KeyValueCommand]:
        """Return what these changes ask for, by the data of their entries, as it is at any time."""
        return self._commands

    # -- asking -----------------------------------------------------------------------------------

    def ask(self, asked: Asked, now_ns: int, obstacle: str, outputs: list[Output]) -> None:
        """
        Take a request in, or answer it at once.

        :param obstacle: why this robot takes no changes now; '' if it does.
        """
        # By far the most.
        if isinstance(asked, KeyValueAsked):
            self._change(asked, obstacle, outputs)
        elif isinstance(asked, RangeAsked):
            self._range(asked, now_ns, outputs)
        elif isinstance(asked, WatchAsked):
            self._watch(asked, outputs)
        elif isinstance(asked, WatchTaken):
            self._watches.taken(asked.key, asked.count)
            self._tell(outputs)
        else:
            self._watches.cancel(asked.key)

    def _change(self, asked: KeyValueAsked, obstacle: str, outputs: list[Output]) -> None:
        reason = self._objection(asked, obstacle)
        if reason:
            outputs.append(KeyValueAnswered(asked.key, Status.REFUSED, reason))
            return
        own = not asked.request_id
        before = None if own else self._state.outcome(asked.request_id)
        if before is not None:
            # A repetition of what the log holds already; the log would not take it again.
            outputs.append(_answer(asked.key, before))
            return
        if not own:
            under_way = self._changes.get(asked.request_id)
            if under_way is not None:
                under_way.keys.append(asked.key)
                return
        request_id = self._request_ids.new() if own else asked.request_id
        acked = self._request_ids.acked if own else 0
        command = keyvalue_command(request_id, asked.operation, acked, self._state.index)
        try:
            data = COMMANDS.encode(command)
        except EncodeError as error:
            self._request_ids.ended(request_id)
            outputs.append(KeyValueAnswered(asked.key, Status.REFUSED, str(error)))
            return
        self._changes[request_id] = _Change([asked.key], data)
        self._commands[data] = command
        self._raft.propose(request_id, data, self._ticks(asked.timeout_ns))

    def _objection(self, asked: KeyValueAsked, obstacle: str) -> str:
        operation = asked.operation
        if isinstance(operation, Put) and len(operation.value) > self._config.value_bytes_max:
            return (
                f'the value has {len(operation.value)} bytes, value_bytes_max allows '
                f'{self._config.value_bytes_max}'
            )
        if obstacle:
            return obstacle
        return self._cannot_wait(asked.timeout_ns)

    def _cannot_wait(self, timeout_ns: int) -> str:
        if timeout_ns <= 0:
            return 'the timeout must be greater than 0 s'
        if len(self._changes) + len(self._ranges) >= WAITING_MAX:
            return 'too many requests wait at this robot; try again later'
        return ''

    def _range(self, asked: RangeAsked, now_ns: int, outputs: list[Output]) -> None:
        reason = self._config.guest_reason
        if not asked.linearizable and not reason:
            outputs.append(self._read(asked))
            return
        reason = reason or self._cannot_wait(asked.timeout_ns)
        if reason:
            outputs.append(RangeAnswered(asked.key, Status.REFUSED, reason, 0))
            return
        request_id = self._request_ids.new_read()
        self._ranges[request_id] = _Range(asked, now_ns + asked.timeout_ns)
        self._raft.read(request_id, self._ticks(asked.timeout_ns))

    def _read(self, asked: RangeAsked) -> RangeAnswered:
        count_max = min(asked.count_max, RANGE_COUNT_MAX)
        page = self._state.keyvalue.range(
            asked.first, asked.last, count_max, RANGE_VALUE_BYTES_MAX
        )
        index = self._state.index
        return RangeAnswered(asked.key, Status.DECIDED, '', index, page.items, page.more)

    def _watch(self, asked: WatchAsked, outputs: list[Output]) -> None:
        from_index = asked.from_index or self._state.index + 1
        refused = self._watches.add(asked.key, asked.first, asked.last, from_index)
        if refused is not None:
            outputs.append(refused)
            return
        outputs.append(WatchBegun(asked.key, from_index))
        self._tell(outputs)

    def _ticks(self, duration_ns: int) -> int:
        return max(1, duration_ns // self._config.tick_ns)

    # -- the way back from the log ----------------------------------------------------------------

    def changed(self, events: Collection[Event], outputs: list[Output]) -> None:
        """Keep the changes of keys that entries of the log made, in order."""
        outputs.extend(self._watches.happened(events))

    def _settled(self, request_id: str, outcome: Outcome, outputs: list[Output]) -> None:
        """Answer those who wait for a command that was applied."""
        for key in self._end(request_id):
            outputs.append(_answer(key, outcome))

    def ended(
        self, request_id: str, status: Status, reason: str, outputs: list[Output]
    ) -> None:
        """Answer those who wait for a proposal that did not get into the log, or may not."""
        for key in self._end(request_id):
            outputs.append(KeyValueAnswered(key, status, reason))

    def _end(self, request_id: str) -> Sequence[int]:
        """Let a change wait no more; returns the keys of its requests."""
        change = self._changes.pop(request_id, None)
        if change is None:
            return ()
        del self._commands[change.data]
        return change.keys

    def read_confirmed(self, request_id: str, index: int) -> None:
        """Note that a range may be answered once `index` is applied."""
        if request_id in self._ranges:
            self._ranges[request_id].index = index

    def read_failed(
        self, request_id: str, status: Status, reason: str, outputs: list[Output]
    ) -> None:
        """Answer a range that could not be confirmed."""
        waiting = self._ranges.pop(request_id, None)
        if waiting is not None:
            outputs.append(RangeAnswered(waiting.asked.key, status, reason, 0))

    def caught_up(self, outputs: list[Output]) -> None:
        """Answer the ranges for which enough is applied now, and tell the watches."""
        if self._ranges:
            index = self._state.index
            ready = [
                request_id
                for request_id, waiting in self._ranges.items()
                if waiting.index is not None and waiting.index <= index
            ]
            for request_id in ready:
                outputs.append(self._read(self._ranges.pop(request_id).asked))
        if self._watches.news:
            self._tell(outputs)

    def installed(self, outputs: list[Output]) -> None:
        """
        Note that the state came to where it is by a snapshot.

        Changes of this robot that it holds are answered; watches that it jumped over end.
        """
        outputs.extend(self._watches.jumped(self._state.index))
        for request_id in tuple(self._changes):
            outcome = self._state.outcome(request_id)
            if outcome is not None:
                self._settled(request_id, outcome, outputs)

    def expire(self, now_ns: int, has_quorum: bool, outputs: list[Output]) -> None:
        """End the ranges whose deadline has passed; the log ends changes itself."""
        late = [key for key, waiting in self._ranges.items() if waiting.deadline_ns <= now_ns]
        for request_id in late:
            if has_quorum:
                self.read_failed(
                    request_id, Status.UNKNOWN, 'no answer from the leader in time', outputs
                )
            else:
                reason = 'this robot is not in contact with a quorum of the voters'
                self.read_failed(request_id, Status.NO_QUORUM, reason, outputs)

    def _tell(self, outputs: list[Output]) -> None:
        outputs.extend(WatchTold(key, events) for key, events in self._watches.take())


def _answer(key: int, outcome: Outcome) -> KeyValueAnswered:
    if not isinstance(outcome, Result):
        return KeyValueAnswered(key, Status.REFUSED, ID_USED)
    if outcome.status is _DONE:
        return KeyValueAnswered(key, _DECIDED, '', outcome)
    return KeyValueAnswered(key, Status.REFUSED, REASONS[outcome.status], outcome)
