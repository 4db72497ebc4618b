"""
One child process: started in a group of its own, read line by line, ended as a group.

Only the thread that made a `ChildProcess` may use it, and it must outlive the process: on Linux
the child is killed when that thread dies, so that no orphan stays behind whatever happens to us.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import ctypes
from dataclasses import field
import os
import signal
import subprocess
import sys

from swarm_consensus.protocols.values import value

_PR_SET_PDEATHSIG = 1
_READ_BYTES = 65_536
_LAST_READS_MAX = 64
# A line that never ends is shown in pieces of this size.
_LINE_BYTES_MAX = 16_384


@value
class Command:
    """
    What to run.

    :param label: unique among the commands of a supervisor, such as 'robot_1/consensus_node'.
    :param robot: robot that it belongs to.
    :param environment: variables beyond those of this process.
    :param signals_wait: it begins with SIGINT and SIGTERM blocked, and lets them through itself as
        soon as it heeds them; one that comes while it still imports is not lost, and does not
        break it off in the middle.
    """

    label: str
    robot: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    signals_wait: bool = False


def _heed_interrupts() -> None:
    """
    Let SIGINT end the program that is about to run, unless it wants otherwise.

    Who is started in the background by a shell without job control (by a script, or nohup) has
    SIGINT ignored and would pass that on; but SIGINT is how a process is asked to end.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _before_exec(signals_wait: bool) -> Callable[[], None]:
    """Return what a child does between fork and exec."""

    def set_signals() -> None:
        _heed_interrupts()
        if signals_wait:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})

    if not sys.platform.startswith('linux'):
        return set_signals
    prctl = ctypes.PyDLL(None).prctl
    parent = os.getpid()

    def set_signals_and_die_with_parent() -> None:
        set_signals()
        # SIGKILL, as nobody is left who could ask twice; robots keep on disk what must survive.
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os.kill(os.getpid(), signal.SIGKILL)

    return set_signals_and_die_with_parent


class ChildProcess:
    """
    A process that was started.

    :raises OSError: the program cannot be started.
    """

    def __init__(self, command: Command) -> None:
        self._popen = subprocess.Popen(
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, 'PYTHONUNBUFFERED': '1', **command.environment},
            # A group and session of its own: Ctrl-C in the terminal reaches us alone, and we can
            # signal the process with everything that it started.
            start_new_session=True,
            preexec_fn=_before_exec(command.signals_wait),
        )
        assert self._popen.stdout is not None
        self._pipe = self._popen.stdout
        os.set_blocking(self._pipe.fileno(), False)
        self._partial = b''
        self.pid = self._popen.pid
        # Wakes the owner's selector at the end of the process; -1 where the system has no such.
        self.pidfd = os.pidfd_open(self.pid) if hasattr(os, 'pidfd_open') else -1

    @property
    def output(self) -> int:
        """Return the file descriptor of the output (stdout and stderr); -1: closed."""
        return -1 if self._pipe.closed else self._pipe.fileno()

    def signal(self, number: signal.Signals) -> None:
        """Signal the process and all that it started; one that has ended is left alone."""
        # While we have not reaped it, its number belongs to it even if it is dead.
        if self._popen.returncode is None:
            os.killpg(self.pid, number)

    def exit_code(self) -> int | None:
        """
        Return the exit code (the negative number of a signal), or None while it runs.

        What is left of its group is killed before the process is reaped, while the number of the
        group cannot be another's yet.
        """
        if self._popen.returncode is not None:
            return self._popen.returncode
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if os.waitid(os.P_PID, self.pid, options) is None:
            return None
        os.killpg(self.pid, signal.SIGKILL)
        return self._popen.wait()

    def read_lines(self) -> tuple[list[str], bool]:
        """Return the lines that have come, and whether the output is at its end."""
        try:
            data = os.read(self._pipe.fileno(), _READ_BYTES)
        except BlockingIOError:
            return [], False
        if not data:
            return [], True
        *lines, self._partial = (self._partial + data).split(b'\n')
        if len(self._partial) > _LINE_BYTES_MAX:
            lines.append(self._partial)
            self._partial = b''
        return [_decoded(line) for line in lines], False

    def last_lines(self) -> list[str]:
        """Return what is still to be read, of a process that has ended, and close the output."""
        lines: list[str] = []
        # Bounded, as something that it started and that left its group may write on for ever.
        for _ in range(_LAST_READS_MAX):
            more, ended = self.read_lines()
            lines += more
            if ended or not more:
                break
        return lines + self.close_output()

    def close_output(self) -> list[str]:
        """Close the output; return the line that was begun, if there is one."""
        self._pipe.close()
        rest, self._partial = self._partial, b''
        return [_decoded(rest)] if rest else []

    def release(self) -> None:
        """Give back what is held of a process that has been reaped."""
        self._pipe.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


def _decoded(line: bytes) -> str:
    return line.decode(errors='replace').rstrip('\r')
