"""
The client for asyncio programs: a node of its own, spinning in a thread, bridged to the loop.

Everything of rclpy happens in that thread; the event loop only gets finished values. The thread
and its ROS context are the client's own, so a program may use rclpy otherwise as it likes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
import threading
from types import TracebackType
from typing import Any, Generic, TypeVar
import uuid

from rclpy.node import Node
from rclpy.task import Future

from swarm_consensus.client.asyncio_keyvalue import AsyncioKeyValueMethods
from swarm_consensus.client.asyncio_missions import AsyncioMissionMethods
from swarm_consensus.client.asyncio_models import AsyncioModelMethods
from swarm_consensus.client.asyncio_shared import AsyncioSharedState
from swarm_consensus.client.asyncio_tasks import AsyncioTasks
from swarm_consensus.client.calls import DISCOVERY_TIMEOUT_S
from swarm_consensus.client.errors import ClientClosedError
from swarm_consensus.client.robot_client import SwarmClient
from swarm_consensus.client.values import Decision, Leadership, Members, Progress, Reading
from swarm_consensus.client.watches import BACKLOG_MAX, Watch, overrun
from swarm_consensus.decision.types import ANY_REVISION
from swarm_consensus.nodes.executor import SPIN_PERIOD, make_context, make_executor
from swarm_consensus.runtime.events import RobotStatus

T = TypeVar('T')
V = TypeVar('V')


class AsyncioSwarmClient(
    AsyncioKeyValueMethods, AsyncioMissionMethods, AsyncioModelMethods
):
    """
    The swarm, as one robot's consensus_node gives access to it, from an event loop.

    Use it by `async with`; entering looks for the robot. Cancelling what awaits a request ends
    the request. Methods must be called in the loop that entered it.

    :param robot: name of the robot to talk to; its namespace is taken to be that name.
    :param namespace: its namespace where that is another.
    :param discovery_timeout: how long to look for the robot, s.
    :param node_name: of the client's own node; empty: a random one.
    :param ros_arguments: for that node, such as `['-r', 'decision:=verdicts']`.
    :raises ValueError: neither robot nor namespace is given, or both.
    :ivar shared: the shared state.
    :ivar tasks: the tasks of the swarm.
    """

    def __init__(
        self,
        robot: str = '',
        *,
        namespace: str = '',
        discovery_timeout: float = DISCOVERY_TIMEOUT_S,
        node_name: str = '',
        ros_arguments: Sequence[str] = (),
    ) -> None:
        if bool(robot) == bool(namespace):
            raise ValueError('give either robot or namespace')
        self._robot = robot
        self._namespace = namespace
        self._discovery_timeout = discovery_timeout
        self._node_name = node_name or f'swarm_client_{uuid.uuid4().hex[:8]}'
        self._ros_arguments = list(ros_arguments)
        self._spinner: _Spinner | None = None
        self._inbox: set[_Inbox[Any]] = set()
        self.shared = AsyncioSharedState(self)
        self.tasks = AsyncioTasks(self)

    async def __aenter__(self) -> AsyncioSwarmClient:
        if self._spinner is not None:
            raise RuntimeError('this client is in use; make another one')
        self._spinner = await asyncio.to_thread(
            _Spinner, self._node_name, self._ros_arguments, self._make_client
        )
        try:
            await self._ask(lambda client: client.wait_until_found())
        except BaseException:
            await self.close()
            raise
        return self

    def _make_client(self, node: Node) -> SwarmClient:
        return SwarmClient(
            node,
            robot=self._robot,
            namespace=self._namespace,
            discovery_timeout=self._discovery_timeout,
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End what is under way, and the thread; harmless when repeated."""
        spinner, self._spinner = self._spinner, None
        for inbox in tuple(self._inbox):
            inbox.end()
        if spinner is not None:
            # Shielded: a cancelled program must not leave the thread behind.
            await asyncio.shield(asyncio.to_thread(spinner.close))

    # -- asking: see SwarmClient for the parameters --------------------------------------------

    async def propose(
        self,
        subject: str,
        choice: str,
        value: bytes = b'',
        *,
        expected_revision: int = ANY_REVISION,
        timeout: float = 2.0,
        request_id: str = '',
    ) -> Decision:
        """Have a value committed; see `SwarmClient.propose`."""
        return await self._ask(
            lambda client: client.propose(
                subject,
                choice,
                value,
                expected_revision=expected_revision,
                timeout=timeout,
                request_id=request_id,
            )
        )

    async def decide(
        self,
        subject: str,
        *,
        revision_min: int = 1,
        timeout: float = 10.0,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Decision:
        """Wait until the swarm has decided a subject; see `SwarmClient.decide`."""
        tell = None if on_progress is None else self._told(on_progress)
        return await self._ask(
            lambda client: client.decide(
                subject, revision_min=revision_min, timeout=timeout, on_progress=tell
            )
        )

    async def read(
        self, subject: str, *, linearizable: bool = True, timeout: float = 2.0
    ) -> Reading:
        """Read the decision in force for a subject; see `SwarmClient.read`."""
        return await self._ask(
            lambda client: client.read(subject, linearizable=linearizable, timeout=timeout)
        )

    async def read_log(
        self,
        from_index: int = 1,
        count_max: int = 1000,
        *,
        linearizable: bool = True,
        timeout: float = 2.0,
    ) -> Reading:
        """Read decisions in log order; see `SwarmClient.read_log`."""
        return await self._ask(
            lambda client: client.read_log(
                from_index, count_max, linearizable=linearizable, timeout=timeout
            )
        )

    async def status(self, *, timeout: float = DISCOVERY_TIMEOUT_S) -> RobotStatus:
        """Ask how the swarm stands, as the robot sees it; see `SwarmClient.status`."""
        return await self._ask(lambda client: client.status(timeout=timeout))

    async def transfer_leadership(
        self, target: str = '', *, timeout: float = 2.0
    ) -> Leadership:
        """Have another robot lead; see `SwarmClient.transfer_leadership`."""
        return await self._ask(
            lambda client: client.transfer_leadership(target, timeout=timeout)
        )

    async def change_membership(
        self, voters: Sequence[str], learners: Sequence[str] = (), *, timeout: float = 10.0
    ) -> Members:
        """Say which robots vote; see `SwarmClient.change_membership`."""
        return await self._ask(
            lambda client: client.change_membership(voters, learners, timeout=timeout)
        )

    # -- watching -----------------------------------------------------------------------------

    def decisions(
        self, subject: str = '', *, past: bool = True, answered_only: bool = True
    ) -> AsyncIterator[Decision]:
        """
        Iterate over decisions as they come; parameters as in `SwarmClient.on_decision`.

        The watch begins now, not at the first step. It ends with the iterator or the client.

        :raises OverrunError: while iterating: too slow; read the log for the rest.
        """
        return self._iterate(
            lambda client, tell: client.on_decision(
                subject, tell, past=past, answered_only=answered_only
            ),
            newest_only=False,
        )

    def statuses(self) -> AsyncIterator[RobotStatus]:
        """Iterate over the status of the swarm; a slow consumer sees the newest."""
        return self._iterate(lambda client, tell: client.on_status(tell), newest_only=True)

    def _iterate(
        self,
        begin: Callable[[SwarmClient, Callable[[Any], None]], Watch],
        newest_only: bool,
    ) -> AsyncIterator[Any]:
        spinner = self._open_spinner()
        loop = asyncio.get_running_loop()
        inbox: _Inbox[Any] = _Inbox(newest_only)
        self._inbox.add(inbox)
        watches: list[Watch] = []
        spinner.run(
            lambda client: watches.append(
                begin(client, lambda value: _in_loop(loop, inbox.put, value))
            ),
            lambda error: _in_loop(loop, inbox.end, error),
        )

        async def values() -> AsyncIterator[Any]:
            try:
                async for value in inbox:
                    yield value
            finally:
                self._inbox.discard(inbox)
                # In the thread, and so after the watch was made.
                spinner.run(lambda _: [watch.close() for watch in watches], lambda _: None)

        return values()

    # -- the bridge ---------------------------------------------------------------------------

    def _open_spinner(self) -> _Spinner:
        if self._spinner is None:
            raise ClientClosedError('the client is not open; use it inside its `async with`')
        return self._spinner

    def _told(self, callback: Callable[[V], object]) -> Callable[[V], None]:
        loop = asyncio.get_running_loop()

        def tell(value: V) -> None:
            _in_loop(loop, callback, value)

        return tell

    async def _ask(self, start: Callable[[SwarmClient], Future[T]]) -> T:
        spinner = self._open_spinner()
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        begun: list[Future[T]] = []

        def begin(client: SwarmClient) -> None:
            call = start(client)
            begun.append(call)
            call.add_done_callback(ended)

        def ended(call: Future[T]) -> None:
            if not call.cancelled():
                _in_loop(loop, _settle, waiter, call)

        def failed(error: Exception) -> None:
            _in_loop(loop, _refuse, waiter, error)

        spinner.run(begin, failed)
        try:
            return await waiter
        except asyncio.CancelledError:
            spinner.run(lambda _: [call.cancel() for call in begun], lambda _: None)
            raise


class _Inbox(Generic[T]):
    """Values on their way to an async iterator; lives in the event loop."""

    def __init__(self, newest_only: bool) -> None:
        self._held: deque[T] = deque()
        self._newest_only = newest_only
        self._came = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None

    def put(self, value: T) -> None:
        if self._newest_only:
            self._held.clear()
        elif len(self._held) >= BACKLOG_MAX:
            self._error = overrun()
            return
        self._held.append(value)
        self._came.set()

    def end(self, error: Exception | None = None) -> None:
        self._ended = True
        self._error = self._error or error
        self._came.set()

    def __aiter__(self) -> _Inbox[T]:
        return self

    async def __anext__(self) -> T:
        while not self._held:
            error, self._error = self._error, None
            if error is not None:
                raise error
            if self._ended:
                raise StopAsyncIteration
            self._came.clear()
            await self._came.wait()
        return self._held.popleft()


class _Spinner:
    """
    A ROS context with one node, spinning in a thread, and the client on it.

    Made and closed outside the event loop, since both block for a moment.
    """

    def __init__(
        self,
        node_name: str,
        ros_arguments: Sequence[str],
        make_client: Callable[[Node], SwarmClient],
    ) -> None:
        self._context = make_context()
        try:
            self._node = Node(
                node_name,
                context=self._context,
                cli_args=['--ros-args', *ros_arguments] if ros_arguments else None,
                enable_rosout=False,
                start_parameter_services=False,
            )
            self._client = make_client(self._node)
            self._executor = make_executor(self._context)
        except BaseException:
            self._context.try_shutdown()
            raise
        self._executor.add_node(self._node)
        self._lock = threading.Lock()
        self._stopping = False
        # A daemon, so that a program that forgets to close can still end.
        self._thread = threading.Thread(target=self._spin, name=node_name, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._stopping and self._context.ok():
            self._executor.spin_once(timeout_sec=SPIN_PERIOD)

    def run(
        self, work: Callable[[SwarmClient], object], failed: Callable[[Exception], object]
    ) -> None:
        """Have something done in the thread; `failed` is told what it raised."""

        def attempt() -> None:
            try:
                work(self._client)
            except Exception as error:  # noqa: BLE001 -- handed to whoever awaits it
                failed(error)

        with self._lock:
            if not self._stopping:
                self._executor.create_task(attempt)

    def close(self) -> None:
        """End the thread and destroy everything; what is under way fails."""
        self.run(lambda client: client.close(), lambda _: None)
        with self._lock:
            self._stopping = True
            self._executor.create_task(lambda: None)  # ends the wait of spin_once
        self._thread.join()
        self._client.close()
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()


def _in_loop(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *values: Any) -> None:
    try:
        loop.call_soon_threadsafe(call, *values)
    except RuntimeError:
        # The loop was closed under a client that was not: nobody is there to be told.
        if not loop.is_closed():
            raise


def _settle(waiter: asyncio.Future[T], call: Future[T]) -> None:
    if waiter.done():
        return
    error = call.exception()
    if error is not None:
        waiter.set_exception(error)
    else:
        waiter.set_result(call.result())


def _refuse(waiter: asyncio.Future[T], error: Exception) -> None:
    if not waiter.done():
        waiter.set_exception(error)
