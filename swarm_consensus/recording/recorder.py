"""A runtime that is recorded while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from random import Random, SystemRandom
import time
from typing import Any

from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.raft import Restored
from swarm_consensus.recording.journal import JournalWriter
from swarm_consensus.recording.tape import Tape, TapedClock, TapedStorage, TapedTransport
from swarm_consensus.recording.values import ValueFormError, Values
from swarm_consensus.runtime.events import Input, Notice, Output
from swarm_consensus.runtime.ports import Clock, Transport
from swarm_consensus.runtime.robot import RobotRuntime
from swarm_consensus.storage import Opened, Storage
from swarm_consensus.transport.frame import TrafficClass

# Of the meaning of what is written; another one is refused.
FORMAT = 1
SEED_BITS = 256
VALUES = Values(Input, Restored, Record, TrafficClass)


class Call(IntEnum):
    """Which function of the runtime was called; numbers are those in recordings."""

    BEGIN = 0
    STEP = 1
    FLUSH = 2
    SLEEP = 3
    FAREWELL = 4


# Makes a runtime from clock, transport, storage and random numbers.
Make = Callable[[Clock, Transport, Storage, Random], RobotRuntime]


def file_of(folder: Path, robot: str, incarnation: int) -> Path:
    """Return the file of one boot of a robot."""
    return folder / f'{robot}-{incarnation}.mcap'


class RecordedRuntime:
    """
    Makes a runtime, and writes down all that goes into it and by what to know what comes out.

    Where the recording cannot go on, as on a full disk, it ends with a notice; the robot goes on.

    :param settings: from which a replay makes the same settings again: plain data.
    :param seed: of the random numbers; None: one from the operating system.
    :param wall_ns: gives the wall clock, for the times of the messages.
    :raises OSError: the file cannot be made.
    """

    def __init__(
        self,
        path: Path,
        *,
        robot: str,
        settings: Mapping[str, Any],
        opened: Opened,
        clock: Clock,
        transport: Transport,
        make: Make,
        seed: int | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        if seed is None:
            seed = SystemRandom().getrandbits(SEED_BITS)
        self._wall_ns = wall_ns
        self._tape = tape = Tape()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._journal: JournalWriter | None = JournalWriter(path, f'/{robot}/recording')
        self._problem = ''
        try:
            self._runtime = make(
                TapedClock(clock, tape),
                TapedTransport(transport, tape),
                TapedStorage(opened.storage, tape),
                Random(seed),
            )
        except BaseException:
            self._journal.close()
            raise
        begun = {
            'format': FORMAT,
            'robot': robot,
            'settings': dict(settings),
            'incarnation': opened.incarnation,
            'restored': VALUES.plain(opened.restored),
            'records': VALUES.plain(tuple(opened.records)),
            'records_lost': opened.records_lost,
            # msgpack has no larger numbers.
            'seed': seed.to_bytes(SEED_BITS // 8, 'big'),
        }
        self._write(Call.BEGIN, lambda: begun)

    def step(self, inputs: Sequence[Input]) -> list[Output]:
        """See RobotRuntime."""
        outputs: list[Output] = []
        try:
            outputs = self._runtime.step(inputs)
        finally:
            self._write(
                Call.STEP,
                lambda: [VALUES.plain(item) for item in inputs],
                lambda: [repr(output) for output in outputs],
            )
        return self._with_problem(outputs)

    def flush(self) -> None:
        """See RobotRuntime."""
        self._runtime.flush()
        # Mostly nothing waits.
        if self._tape.sent or self._tape.times:
            self._write(Call.FLUSH)

    def sleep_ns(self) -> int:
        """See RobotRuntime."""
        sleep_ns = self._runtime.sleep_ns()
        self._write(Call.SLEEP)
        return sleep_ns

    def farewell(self) -> None:
        """See RobotRuntime."""
        self._runtime.farewell()
        self._write(Call.FAREWELL)

    def close(self) -> None:
        """See RobotRuntime."""
        try:
            self._runtime.close()
        finally:
            if self._journal is not None:
                self._end()

    def _write(self, call: Call, *more: Callable[[], Any]) -> None:
        tape = self._tape
        if self._journal is not None:
            try:
                told = [part() for part in more]
                self._journal.write(
                    self._wall_ns(), [int(call), tape.times, tape.full, tape.sent, *told]
                )
            except (OSError, ValueFormError, OverflowError) as error:
                self._problem = str(error)
                self._end()
        tape.clear()

    def _end(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            try:
                journal.close()
            except OSError as error:
                # What is there can be replayed without its end.
                self._problem = str(error)

    def _with_problem(self, outputs: list[Output]) -> list[Output]:
        if not self._problem:
            return outputs
        problem, self._problem = self._problem, ''
        return [*outputs, Notice(f'the recording has ended: {problem}', warning=True)]
