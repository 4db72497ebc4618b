"""
Processes of a test: started, watched by their output, killed as a test wants, always ended.

Each runs in a session of its own, is ended by its process id, and its output is kept for the
report of a failed test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import os
from pathlib import Path
import re
import signal
import subprocess
import threading
import time
from types import TracebackType

# The lock that a Fast DDS participant holds on its segment of shared memory; readers do not.
_SEGMENT_LOCK = re.compile(r'(/dev/shm/fast(?:dds|rtps)_[0-9a-f]{16})_el')


def _segments(pid: int) -> set[str]:
    """Return the segments of shared memory that a living process owns."""
    owned = set()
    try:
        for descriptor in Path(f'/proc/{pid}/fd').iterdir():
            match = _SEGMENT_LOCK.fullmatch(os.readlink(descriptor))
            if match:
                owned.add(match[1])
    except OSError:
        # It ended, or closed one of them, while we looked.
        pass
    return owned


def heed_interrupts() -> None:
    """
    Have processes that are started from here on end on SIGINT also where it is ignored here.

    What a shell without job control puts into the background, as a script or nohup does with a
    run of the tests, has SIGINT ignored, and so have its children: in those Python raises no
    KeyboardInterrupt. A handler is not passed on. Call it in the main thread.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: None)


class Process:
    """
    One child process, whose output is read all the time.

    :param name: for reports.
    :param command: program and arguments.
    :param environment: the whole environment.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._orphans: set[str] = set()
        self._child = subprocess.Popen(
            list(command),
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f'output of {name}', daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            with self._changed:
                self._lines.append(line.rstrip('\n'))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._child.poll() is None

    @property
    def output(self) -> str:
        """All that it has printed so far."""
        with self._changed:
            return '\n'.join(self._lines)

    def wait_for_output(self, text: str, timeout: float = 60.0) -> str:
        """
        Wait for a line that has this text in it, and return the line.

        :param timeout: s.
        :raises AssertionError: when it ends or the time is over first, with what it printed.
        """
        deadline = time.monotonic() + timeout
        seen = 0
        with self._changed:
            while True:
                for line in self._lines[seen:]:
                    if text in line:
                        return line
                seen = len(self._lines)
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = 'ended' if self._ended else f'did not in {timeout} s'
                    raise AssertionError(
                        f'{self.name} was to print {text!r}, but {why}. It printed:\n'
                        + '\n'.join(self._lines)
                    )
                self._changed.wait(left)

    def wait(self, timeout: float = 60.0) -> int:
        """
        Wait for its end and return the exit code (negative: the signal).

        :param timeout: s.
        :raises subprocess.TimeoutExpired: when it still runs then.
        """
        code = self._child.wait(timeout)
        # What it printed last is looked at next; only a child of its own may hold the pipe open.
        self._reader.join(10.0)
        while self._orphans:
            segment = self._orphans.pop()
            Path(segment).unlink(missing_ok=True)
            Path(f'{segment}_el').unlink(missing_ok=True)
        return code

    def strike(self) -> None:
        """Send it SIGKILL; it is not waited for."""
        # Half a megabyte of shared memory would stay behind each time.
        self._orphans = _segments(self.pid)
        self._child.kill()

    def kill(self) -> None:
        """Kill it with -9 and wait until it is gone."""
        self.strike()
        self.wait()

    def interrupt(self, timeout: float = 20.0) -> int:
        """
        Send what Ctrl-C sends and return the exit code.

        :param timeout: s, for it to end.
        """
        self._child.send_signal(signal.SIGINT)
        return self.wait(timeout)

    def suspend(self) -> None:
        """Stop it without its noticing (SIGSTOP), as a stalled robot is."""
        self._child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a suspended process go on."""
        self._child.send_signal(signal.SIGCONT)

    def ask_to_end(self) -> None:
        """Send SIGTERM, to a suspended process too; it is not waited for."""
        if self.alive:
            self.resume()
            self._child.terminate()

    def end(self) -> None:
        """Make sure that it is gone: asked politely first, killed after 5 s."""
        if self.alive:
            self.ask_to_end()
            try:
                self.wait(5.0)
            except subprocess.TimeoutExpired:
                self.kill()
        self._reader.join(1.0)
        if self._child.stdout is not None and not self._reader.is_alive():
            self._child.stdout.close()


class ProcessGroup:
    """
    All the processes of a test. A context manager that ends them, last started first.

    :param environment: the whole environment that each gets, unless told otherwise.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.environment = environment
        self.processes: list[Process] = []

    def start(
        self,
        command: Sequence[str],
        name: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        """
        Start a process.

        :param command: program and arguments.
        :param name: for reports; None: the program's.
        :param environment: None: the one of the group.
        """
        process = Process(
            name or command[0], command, self.environment if environment is None else environment
        )
        self.processes.append(process)
        return process

    def report(self) -> str:
        """Give the output of every process, for the report of a failed test."""
        return '\n'.join(
            f'--- {process.name} (pid {process.pid})\n{process.output}'
            for process in self.processes
        )

    def end(self) -> None:
        """Make sure that all are gone, last started first; harmless a second time."""
        # All are asked before any is waited for: ending takes each of them half a second.
        for process in reversed(self.processes):
            process.ask_to_end()
        for process in reversed(self.processes):
            process.end()

    def __enter__(self) -> ProcessGroup:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
