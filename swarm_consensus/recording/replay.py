"""Runs a recorded robot again, and says whether it does the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from swarm_consensus.decision.types import Decision
from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.raft import Persist, Restored
from swarm_consensus.protocols.values import value
from swarm_consensus.recording.journal import JournalError, read_journal
from swarm_consensus.recording.recorder import FORMAT, VALUES, Call, Make
from swarm_consensus.recording.tape import Sent, sent
from swarm_consensus.recording.values import ValueFormError
from swarm_consensus.runtime.events import DecisionMade, Output
from swarm_consensus.storage import StorageFull
from swarm_consensus.storage.port import Recovered
from swarm_consensus.transport.frame import Frame

SECOND = 1_000_000_000


@value
class Begun:
    """How a recording begins: what a runtime is made of."""

    robot: str
    settings: dict[str, Any]
    incarnation: int
    restored: Restored
    records: tuple[Record, ...]
    records_lost: bool
    seed: int


@value
class Divergence:
    """
    Where the replay does something else than the recording.

    :param call: number of the call in the recording, from 0.
    :param seconds: since the recording began.
    """

    call: int
    seconds: float
    what: str
    recorded: str
    replayed: str


@value
class Replayed:
    """
    What came of a replay.

    :param calls: of the runtime that were repeated.
    :param seconds: that the recording is long.
    :param frames: that were sent.
    :param decisions: that were made; up to the divergence.
    :param whole: whether the robot ended in order; else the recording was cut off.
    :param divergence: None: everything is the same.
    """

    robot: str
    incarnation: int
    calls: int
    seconds: float
    frames: int
    decisions: tuple[Decision, ...]
    whole: bool
    divergence: Divergence | None


class _Other(Exception):
    """The runtime does something that it did not do."""

    def __init__(self, what: str, recorded: object, replayed: object) -> None:
        super().__init__(what)
        self.what = what
        self.recorded = str(recorded)
        self.replayed = str(replayed)


class _World:
    """Clock, transport and storage of the replay, which give what the recording says."""

    def __init__(self) -> None:
        self._times: Iterator[int] = iter(())
        self._full: frozenset[int] = frozenset()
        self._writes = 0
        self.sent: list[Sent] = []

    def begin(self, times: Sequence[int], full: Sequence[int]) -> None:
        """Begin a call."""
        self._times = iter(times)
        self._full = frozenset(full)
        self._writes = 0
        self.sent = []

    def end(self) -> None:
        """Hold that the call has asked for all that it had asked for."""
        left = sum(1 for _ in self._times)
        if left:
            raise _Other('looks at the clock', f'{left} times more', 'no more')

    def now_ns(self) -> int:
        try:
            return next(self._times)
        except StopIteration:
            raise _Other('looks at the clock', 'no more', 'once more') from None

    def send(self, frames: Sequence[Frame]) -> None:
        self.sent += [sent(frame) for frame in frames]

    def boot(self, now_ms: int) -> int:
        raise AssertionError('a replay begins after the boot')

    def load(self) -> Recovered:
        raise AssertionError('a replay begins after the storage was read')

    def write(self, persist: Persist, records: Sequence[Record] = ()) -> None:
        self._writes += 1
        if self._writes - 1 in self._full:
            raise StorageFull(Path('recording'), 'it was full')

    def write_records(self, records: Sequence[Record]) -> None:
        self.write(Persist(), records)

    def close(self) -> None:
        pass


def replay(path: Path, make: Callable[[Begun], Make]) -> Replayed:
    """
    Run a recording again until its end, or until something is not the same.

    :param make: gives, for the beginning of the recording, what makes the runtime.
    :raises JournalError: the file is no recording, or damaged.
    :raises OSError: it cannot be read.
    """
    calls = read_journal(path)
    first = next(calls, None)
    if first is None:
        raise JournalError(f'{path}: nothing is recorded in it')
    begun = _begun(path, first)
    world = _World()
    random = Random(begun.seed)
    start_ns = now_ns = first[1][0] if first[1] else 0
    number = frames = 0
    decisions: list[Decision] = []
    call = Call.BEGIN
    divergence = None
    try:
        world.begin(first[1], first[2])
        runtime = make(begun)(world, world, world, random)
        _compare(world, first)
        for number, recorded in enumerate(calls, start=1):
            try:
                call, times, full, _, *more = recorded
                call = Call(call)
                inputs = [VALUES.value(item) for item in more[0]] if call is Call.STEP else []
            except (ValueError, TypeError, IndexError) as error:
                raise JournalError(f'{path}: call {number} is none: {error}') from None
            now_ns = times[-1] if times else now_ns
            world.begin(times, full)
            outputs: list[Output] = []
            if call is Call.STEP:
                outputs = runtime.step(inputs)
            elif call is Call.FLUSH:
                runtime.flush()
            elif call is Call.SLEEP:
                runtime.sleep_ns()
            elif call is Call.FAREWELL:
                runtime.farewell()
            frames += len(world.sent)
            if call is Call.STEP:
                _compare_outputs(more[1], outputs)
            _compare(world, recorded)
            decisions += [each.decision for each in outputs if isinstance(each, DecisionMade)]
    except _Other as other:
        seconds = (now_ns - start_ns) / SECOND
        divergence = Divergence(number, seconds, other.what, other.recorded, other.replayed)
    return Replayed(
        begun.robot,
        begun.incarnation,
        number,
        (now_ns - start_ns) / SECOND,
        frames,
        tuple(decisions),
        call is Call.FAREWELL,
        divergence,
    )


def _begun(path: Path, first: Any) -> Begun:
    try:
        call, _, _, _, data = first
        if call != Call.BEGIN or data['format'] != FORMAT:
            raise JournalError(f'{path}: recorded in another format than {FORMAT}')
        return Begun(
            data['robot'],
            data['settings'],
            data['incarnation'],
            VALUES.value(data['restored']),
            VALUES.value(data['records']),
            data['records_lost'],
            int.from_bytes(data['seed'], 'big'),
        )
    except (KeyError, TypeError, ValueFormError) as error:
        raise JournalError(f'{path}: its beginning is none: {error}') from None
    except ValueError as error:
        if isinstance(error, JournalError):
            raise
        raise JournalError(f'{path}: its beginning is none: {error}') from None


def _compare_outputs(recorded: Sequence[str], outputs: Sequence[Output]) -> None:
    replayed = [repr(output) for output in outputs]
    for old, new in zip(recorded, replayed, strict=False):
        if old != new:
            raise _Other('tells', old, new)
    if len(recorded) > len(replayed):
        raise _Other('tells', recorded[len(replayed)], 'nothing more')
    if len(replayed) > len(recorded):
        raise _Other('tells', 'nothing more', replayed[len(recorded)])


def _compare(world: _World, recorded: Any) -> None:
    old = [tuple(each) for each in recorded[3]]
    if old != world.sent:
        raise _Other('sends frames', _frames(old), _frames(world.sent))
    world.end()


def _frames(found: Sequence[Sent]) -> str:
    return ', '.join(
        f'#{number} of class {kind} to {to or "all"} ({digest.hex()})'
        for kind, to, number, digest in found
    ) or 'none'
