"""
How a node process starts, spins and ends; shared by all nodes.

Rules: one executor a process, in the main thread. A signal only asks the loop to end, so that
nothing is torn down under a running callback, and the process leaves with code 0. What keeps a
node from starting is one sentence on stderr and code 2 (1 where starting it again may help),
never a traceback. An exception from a callback is a broken invariant and does end the process,
with its traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
import gc
from importlib.metadata import version
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

import rclpy
from rclpy.context import Context
from rclpy.exceptions import NameValidationException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.signals import SignalHandlerOptions

from swarm_consensus.composition import middleware
from swarm_consensus.composition.parameter import Parameter
from swarm_consensus.nodes.managed import EXIT_CONFIGURATION, ManagedNode, StartError
from swarm_consensus.nodes.parking import (
    RCLPY_PARKS,
    parking_events_executor,
    parking_single_executor,
)
from swarm_consensus.nodes.usage import usage, wants_help
from swarm_consensus.runtime.garbage import tamed_garbage_collector

if TYPE_CHECKING:
    from rclpy.executors import Executor

# The loop wakes at least this often. EventsExecutor needs some timeout: without one it burns a
# core and its timers never fire.
SPIN_PERIOD = 1.0  # s
# How often a node that is about to end is asked whether it has finished.
LEAVE_PERIOD = 0.05  # s
KILTED_RCLPY = 9  # major version


def make_context() -> Context:
    """
    Return a context of its own, begun; for a program that is no node and sees to its own signals.

    The domain and the middleware are those of the environment.
    """
    context = Context()
    middleware.use_profile()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    return context


def make_executor(context: Context | None = None) -> Executor:
    """
    Best executor that this ROS distribution has: EventsExecutor (from Kilted), else single.

    EventsExecutor costs about a sixth a message. It knows no guard conditions; `create_task` is
    what wakes either kind from another thread. Jazzy has one too since rclpy 7.1.5, but that one
    does not await the coroutines of services and subscriptions. Either kind parks the coroutines
    that it gets by `create_task` (parking.py).

    :param context: None: the default one.
    """
    major = int(version('rclpy').partition('.')[0])
    if major < KILTED_RCLPY:
        from rclpy.executors import SingleThreadedExecutor

        if RCLPY_PARKS:
            return SingleThreadedExecutor(context=context)
        return parking_single_executor(context)
    from rclpy.experimental import EventsExecutor

    if RCLPY_PARKS:
        return EventsExecutor(context=context)
    return parking_events_executor(rclpy.get_default_context() if context is None else context)


def spin(executor: Executor, stop: threading.Event) -> None:
    """Run callbacks until `stop` is set or the context is shut down."""
    while not stop.is_set() and rclpy.ok():
        executor.spin_once(timeout_sec=SPIN_PERIOD)


def leave(executor: Executor, node: ManagedNode) -> None:
    """Run callbacks until the node has finished what it owes to others; it keeps that short."""
    left = node.leave()
    while not left() and rclpy.ok():
        executor.spin_once(timeout_sec=LEAVE_PERIOD)


class StopOnSignal:
    """
    Set an event on SIGINT and SIGTERM, at once, whatever native code the main thread is in.

    Python runs its handlers only between bytecodes, and the executor may be inside C++ for a
    second; the wake-up pipe is written by the C handler itself, and a thread of ours reads it.
    Create it in the main thread.

    :ivar event: others may set it too.
    :ivar signalled: whether a signal came.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self.signalled = False
        self._wake: Callable[[], object] = lambda: None
        self._lock = threading.Lock()
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            # The pipe does the work; a Python handler must exist for it to be written to.
            signal.signal(number, lambda *_: None)
        # Whoever started the process may have let them wait until here (composition/child_process).
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
        threading.Thread(target=self._wait, name='signals', daemon=True).start()

    def wake_by(self, wake: Callable[[], object]) -> None:
        """Also call `wake`, from the signal thread, when a signal comes."""
        with self._lock:
            self._wake = wake

    def close(self) -> None:
        """Ignore signals from here on: the process is on its way out."""
        with self._lock:
            self._wake = lambda: None
        signal.set_wakeup_fd(-1)
        os.close(self._write)  # ends the thread, which closes the other end

    def _wait(self) -> None:
        # Launchers often send SIGINT twice and SIGTERM after it: each is the same wish.
        while os.read(self._read, 64):
            with self._lock:
                self.signalled = True
                self.event.set()
                self._wake()
        os.close(self._read)


def program(
    build: Callable[[], ManagedNode],
    name: str,
    about: str | None,
    parameters: Iterable[Parameter],
    arguments: Sequence[str] | None = None,
) -> int:
    """
    Be the program of a node: answer to --help, or run it (see `run`); returns the exit code.

    :param name: of the executable.
    :param about: documentation of its module.
    :param parameters: what the node declares.
    """
    if wants_help(arguments):
        print(usage(name, about, parameters))
        return 0
    return run(build, arguments)


def run(build: Callable[[], ManagedNode], arguments: Sequence[str] | None = None) -> int:
    """
    Run one node until it is told to end.

    :param build: makes the node; called after rclpy.init.
    :param arguments: command line with ROS arguments; None: that of the process.
    :return: exit code: 0 after a signal or a `shutdown` transition; 2 if it could not start or
        gave up for a reason that a restart does not cure; 1 if it could not start for another. A
        node that wants to begin anew has the process do so, as it was called, and nothing returns.
    """
    stop = StopOnSignal()
    code, anew = _run_node(build, arguments, stop)
    # What is left of the node hangs in cycles, and with it the participant of DDS. It must be gone
    # before Python is: threads of DDS that outlive that crash the process now and then.
    gc.collect()
    if anew and not stop.signalled:
        _begin_anew()
    return code


def _run_node(
    build: Callable[[], ManagedNode], arguments: Sequence[str] | None, stop: StopOnSignal
) -> tuple[int, bool]:
    """Run one node until it is told to end; returns the exit code and whether to begin anew."""
    node = None
    executor = None
    spinning = False
    try:
        middleware.use_profile()
        rclpy.init(
            args=None if arguments is None else list(arguments),
            signal_handler_options=SignalHandlerOptions.NO,
        )
        node = build()
        executor = make_executor()
        # An empty task ends the wait of spin_once in both executors; wake() does so in neither.
        stop.wake_by(lambda: executor.create_task(lambda: None))
        executor.add_node(node)
        node.when_finalized(stop.event.set)
        if node.autostart and not stop.event.is_set():
            node.start()
        with tamed_garbage_collector():
            spinning = True
            spin(executor, stop.event)
            leave(executor, node)
    except (StartError, NameValidationException, rclpy_implementation.RCLError) as error:
        if spinning:
            raise
        print(f'cannot start: {error}', file=sys.stderr, flush=True)
        if node is not None:
            return node.exit_code or 1, False
        lasting = not isinstance(error, rclpy_implementation.RCLError)
        return EXIT_CONFIGURATION if lasting else 1, False
    finally:
        stop.close()
        if node is not None:
            node.end()
        if executor is not None:
            executor.shutdown()
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return node.exit_code, node.anew


def _begin_anew() -> NoReturn:
    """
    Have the same program take the place of this one, in the same process.

    In one program rclpy.init twice is not enough: Fast DDS keeps what it knows of the network.
    """
    # A signal that comes in between waits until there is somebody to heed it (StopOnSignal).
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606
