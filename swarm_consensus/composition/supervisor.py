"""
Runs the processes of a swarm: starts them, restarts what dies, kills and ends them.

One thread owns all processes and does everything; the methods of `Supervisor` hand it requests
and may be called from any thread. It ends only what it started, by process id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
import os
import queue
import selectors
import signal
import threading
import time
from types import TracebackType

from swarm_consensus.composition.child_process import ChildProcess, Command
from swarm_consensus.composition.supervision import (
    EXIT_CONFIGURATION,
    Event,
    EventKind,
    Patience,
    Phase,
    ProcessState,
    Respawn,
)

# Where the system cannot wake us at the end of a process, we look this often.
_POLL = 0.1  # s
_LAST_LINES = 20


@dataclass(slots=True)
class _Slot:
    """A command, its process and what is planned for it; times are of the monotonic clock."""

    command: Command
    phase: Phase = Phase.DOWN
    process: ChildProcess | None = None
    starts: int = 0
    deaths: int = 0
    started_at: float = 0.0
    due: float | None = None  # of the restart, or of the next signal
    signals: deque[tuple[signal.Signals, float]] = field(default_factory=deque)
    exit_code: int | None = None
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))

    def state(self) -> ProcessState:
        pid = 0 if self.process is None else self.process.pid
        command = self.command
        return ProcessState(
            command.label, command.robot, self.phase, pid, self.starts, self.exit_code
        )


class Supervisor:
    """
    Runs commands; a context manager that ends them all.

    :param respawn: how to restart what dies; None: not at all.
    :param on_line: gets (label, line) of every line of output. It and `on_event` are called in
        the owner's thread, must be quick, and must not call methods of this object.
    """

    def __init__(
        self,
        commands: Iterable[Command],
        *,
        respawn: Respawn | None = None,
        patience: Patience = Patience(),  # noqa: B008 -- frozen
        on_line: Callable[[str, str], object] = lambda label, line: None,
        on_event: Callable[[Event], object] = lambda event: None,
    ) -> None:
        self._slots = {command.label: _Slot(command) for command in commands}
        self._respawn = respawn
        self._patience = patience
        self._on_line = on_line
        self._on_event = on_event
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._leaving = False
        self._closed = False
        self._changed = threading.Condition()
        self._states: dict[str, ProcessState] = {}
        self._error: BaseException | None = None
        self._publish()
        self._thread = threading.Thread(target=self._own, name='supervisor', daemon=True)
        self._thread.start()

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- for any thread -----------------------------------------------------------------------

    def start(self, robots: Collection[str] | None = None) -> None:
        """
        Start what does not run; returns when it has been started, not when it is ready.

        :param robots: names of robots, or labels of processes; None: all.
        :raises KeyError: no process belongs to one of the names.
        """
        labels = self._labels(robots)

        def want() -> None:
            for label in labels:
                self._want(self._slots[label])

        self._ask(want)

    def stop(self, robots: Collection[str] | None = None) -> None:
        """
        End processes cleanly: SIGINT, then SIGTERM, then SIGKILL; returns when they have ended.

        They stay down until `start`.

        :param robots: as for `start`.
        :raises TimeoutError: even SIGKILL did not end one.
        """
        patience = self._patience
        self._end(
            robots,
            (
                (signal.SIGINT, patience.interrupt),
                (signal.SIGTERM, patience.terminate),
                (signal.SIGKILL, patience.kill),
            ),
        )

    def kill(self, robots: Collection[str] | None = None) -> None:
        """
        Kill processes with SIGKILL; returns when they are gone. They stay down until `start`.

        :param robots: as for `start`.
        :raises TimeoutError: even that did not end one.
        """
        self._end(robots, ((signal.SIGKILL, self._patience.kill),))

    def states(self) -> dict[str, ProcessState]:
        """Return how each process stands, by label."""
        with self._changed:
            self._check()
            return dict(self._states)

    def wait(
        self,
        holds: Callable[[dict[str, ProcessState]], bool],
        timeout: float | None = None,
    ) -> bool:
        """
        Wait until something holds for the states of the processes.

        :param timeout: s.
        :return: whether it does; False after the timeout.
        """
        return self._wait(holds, timeout)

    def close(self) -> None:
        """End everything cleanly, and the owner's thread."""
        with self._changed:
            if self._closed:
                return
        try:
            self.stop()
        finally:
            if self._error is None:
                self._ask(self._leave)
            self._thread.join()
            with self._changed:
                self._closed = True
                self._selector.close()
                os.close(self._wake_read)
                os.close(self._wake_write)

    # -- between the threads ------------------------------------------------------------------

    def _labels(self, robots: Collection[str] | None) -> list[str]:
        slots = self._slots.values()
        if robots is None:
            return list(self._slots)
        known = {slot.command.robot for slot in slots} | set(self._slots)
        for name in robots:
            if name not in known:
                raise KeyError(f'no process belongs to "{name}"; there are {sorted(known)}')
        return [
            slot.command.label
            for slot in slots
            if slot.command.robot in robots or slot.command.label in robots
        ]

    def _end(
        self, robots: Collection[str] | None, signals: tuple[tuple[signal.Signals, float], ...]
    ) -> None:
        labels = self._labels(robots)

        def unwant() -> None:
            for label in labels:
                self._unwant(self._slots[label], signals)

        self._ask(unwant)
        limit = sum(seconds for _, seconds in signals) + 1.0
        over = (Phase.DOWN, Phase.ENDED, Phase.FAILED)
        if not self._wait(lambda states: all(states[x].phase in over for x in labels), limit):
            stuck = [state for state in self.states().values() if state.phase not in over]
            raise TimeoutError(f'SIGKILL did not end {stuck}')

    def _ask(self, request: Callable[[], object]) -> None:
        """Have the owner's thread do something, and wait until it has."""
        done = threading.Event()

        def answer() -> None:
            request()
            self._publish()
            done.set()

        with self._changed:
            self._check()
            if self._closed:
                raise RuntimeError('the supervisor is closed')
            self._requests.put(answer)
            self._wake()
        while not done.wait(0.5):
            with self._changed:
                self._check()

    def _wait(
        self, holds: Callable[[dict[str, ProcessState]], bool], timeout: float | None
    ) -> bool:
        with self._changed:
            held = self._changed.wait_for(
                lambda: self._error is not None or holds(self._states), timeout
            )
            self._check()
            return held

    def _check(self) -> None:
        if self._error is not None:
            raise RuntimeError('the supervisor has failed') from self._error

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b'.')
        except BlockingIOError:
            pass  # full of wishes to wake up already

    def _publish(self) -> None:
        with self._changed:
            self._states = {label: slot.state() for label, slot in self._slots.items()}
            self._changed.notify_all()

    # -- in the owner's thread ----------------------------------------------------------------

    def _own(self) -> None:
        try:
            while not self._leaving:
                self._turn()
        except BaseException as error:  # noqa: BLE001 -- raised in whoever calls next
            for slot in self._slots.values():
                if slot.process is not None:
                    slot.process.signal(signal.SIGKILL)
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _leave(self) -> None:
        self._leaving = True

    def _turn(self) -> None:
        """Wait for something to happen, and deal with all that has."""
        for key, _ in self._selector.select(self._time_left()):
            slot = key.data
            if slot is None:
                os.read(self._wake_read, 4096)
            elif slot.process is not None and key.fd == slot.process.output:
                self._read(slot)
        while True:
            try:
                request = self._requests.get_nowait()
            except queue.Empty:
                break
            request()
        changed = False
        for slot in self._slots.values():
            changed |= self._look_after(slot)
        if changed:
            self._publish()

    def _time_left(self) -> float | None:
        """Return how long to sleep, s; None: until something happens."""
        now = time.monotonic()
        times = [slot.due - now for slot in self._slots.values() if slot.due is not None]
        if any(
            slot.process is not None and slot.process.pidfd < 0 for slot in self._slots.values()
        ):
            times.append(_POLL)
        return max(0.0, min(times)) if times else None

    def _look_after(self, slot: _Slot) -> bool:
        """Take one step with a process; return whether its state changed."""
        now = time.monotonic()
        if slot.process is not None:
            code = slot.process.exit_code()
            if code is not None:
                self._bury(slot, code)
                return True
        if slot.due is None or now < slot.due:
            return False
        slot.due = None
        if slot.phase is Phase.WAITING:
            self._spawn(slot)
        elif slot.phase is Phase.ENDING:
            self._next_signal(slot)
        return True

    def _want(self, slot: _Slot) -> None:
        if slot.process is None:
            slot.deaths = 0
            self._spawn(slot)

    def _unwant(self, slot: _Slot, signals: Iterable[tuple[signal.Signals, float]]) -> None:
        slot.due = None
        if slot.process is None:
            slot.phase = Phase.DOWN
            return
        slot.phase = Phase.ENDING
        slot.signals = deque(signals)
        self._next_signal(slot)

    def _next_signal(self, slot: _Slot) -> None:
        assert slot.process is not None
        if not slot.signals:
            self._say(EventKind.STUCK, slot, f'did not end, process {slot.process.pid}')
            return
        number, seconds = slot.signals.popleft()
        slot.process.signal(number)
        slot.due = time.monotonic() + seconds

    def _spawn(self, slot: _Slot) -> None:
        slot.starts += 1
        slot.due = None
        slot.last_lines.clear()
        try:
            process = ChildProcess(slot.command)
        except OSError as error:
            slot.phase = Phase.FAILED
            self._say(EventKind.FAILED, slot, f'cannot be started: {error}')
            return
        slot.process = process
        slot.phase = Phase.RUNNING
        slot.started_at = time.monotonic()
        self._selector.register(process.output, selectors.EVENT_READ, slot)
        if process.pidfd >= 0:
            self._selector.register(process.pidfd, selectors.EVENT_READ, slot)
        self._say(EventKind.STARTED, slot, f'started, process {process.pid}')

    def _read(self, slot: _Slot) -> None:
        process = slot.process
        assert process is not None
        lines, ended = process.read_lines()
        self._pass_on(slot, lines)
        if ended:
            self._selector.unregister(process.output)
            self._pass_on(slot, process.close_output())

    def _pass_on(self, slot: _Slot, lines: list[str]) -> None:
        slot.last_lines.extend(lines)
        for line in lines:
            self._on_line(slot.command.label, line)

    def _bury(self, slot: _Slot, code: int) -> None:
        """Read the last words of a process that has ended, and decide what comes next."""
        process = slot.process
        assert process is not None
        if process.output >= 0:
            self._selector.unregister(process.output)
            self._pass_on(slot, process.last_lines())
        if process.pidfd >= 0:
            self._selector.unregister(process.pidfd)
        process.release()
        slot.process = None
        slot.exit_code = code
        slot.due = None
        self._decide(slot, code)

    def _decide(self, slot: _Slot, code: int) -> None:
        words = _in_words(code)
        if slot.phase is Phase.ENDING:
            slot.phase = Phase.DOWN
            self._say(EventKind.ENDED, slot, f'ended ({words})')
        elif code == 0:
            slot.phase = Phase.ENDED
            self._say(EventKind.ENDED, slot, 'ended by itself; not restarted')
        elif code == EXIT_CONFIGURATION:
            slot.phase = Phase.FAILED
            reason = _reason(slot.last_lines)
            self._say(EventKind.FAILED, slot, f'not restarted, it must be set right: {reason}')
        elif self._respawn is None:
            slot.phase = Phase.ENDED
            self._say(EventKind.DIED, slot, f'died ({words}); not restarted')
        else:
            lived = time.monotonic() - slot.started_at
            slot.deaths = 1 if lived >= self._respawn.healthy_after else slot.deaths + 1
            delay = self._respawn.delay(slot.deaths)
            slot.phase = Phase.WAITING
            slot.due = time.monotonic() + delay
            self._say(EventKind.RESTARTING, slot, f'died ({words}); restart in {delay:g} s')

    def _say(self, kind: EventKind, slot: _Slot, text: str) -> None:
        self._on_event(Event(kind, slot.command.label, slot.command.robot, text))


def _in_words(code: int) -> str:
    if code >= 0:
        return f'exit code {code}'
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal
        return f'signal {-code}'


def _reason(lines: Iterable[str]) -> str:
    """Return the last words of a node, which say why it could not start."""
    words = [line for line in lines if line.strip()]
    begin = [number for number, line in enumerate(words) if line.startswith('cannot start')]
    return ' '.join(line.strip() for line in words[begin[-1] if begin else -1 :])
