"""
Coroutines that are parked until what they await is done.

The executors of rclpy before Jazzy 7.1.9 and Kilted 9.1.4 do not ask what a coroutine awaits, and
resume it again and again. EventsExecutor does so as fast as it can: that takes a whole core, and
with it Python's global lock, so that the thread of the runtime is late. Here each step of a
coroutine is a task of the executor, and there is one when the future that it awaits is done. As in
rclpy since then, a future says so by yielding itself; nothing of this is used where rclpy can.

Rules: only what rclpy offers to everybody, `create_task`, `add_done_callback`, `send_response`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
import faulthandler
import inspect
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
import weakref

from rclpy.exceptions import InvalidHandle
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.task import Future

if TYPE_CHECKING:
    from rclpy.context import Context
    from rclpy.executors import Executor
    from rclpy.node import Node
    from rclpy.service import Service

T = TypeVar('T')

# Whether rclpy parks by itself.
RCLPY_PARKS = next(iter(Future().__await__())) is not None


# Future is a generic class only from Kilted on.
class ParkedFuture(Future, Generic[T]):
    """A future whose waiters are parked; it may be set from any thread."""

    def __await__(self) -> Generator[Any, None, T | None]:
        """Wait until it is done; returns its result."""
        while not (self.done() or self.cancelled()):
            yield self
        return self.result()


class ParkedTask(Future, Generic[T]):
    """
    A coroutine that an executor runs in steps; done with what it returns or raises.

    Calling it is one step, and what the coroutine raises is raised there too, as executors expect.

    :param coroutine: may await futures that yield themselves. For others, which yield None, it is
        resumed again and again.
    :param executor: gets a task for each step but the first.
    """

    def __init__(self, coroutine: Coroutine[Any, None, T], executor: Executor) -> None:
        super().__init__(executor=executor)
        self._coroutine = coroutine
        self._steps_by = weakref.ref(executor)
        self._running = False

    def __call__(self) -> None:
        """Run until the coroutine ends or awaits."""
        if self.done() or self.cancelled():
            return
        self._running = True
        try:
            awaited = self._coroutine.send(None)
        except StopIteration as end:
            self.set_result(end.value)
        except Exception as error:
            self.set_exception(error)
            # It is told here; else rclpy would say that nobody has asked for it.
            self.exception()
            raise
        else:
            if isinstance(awaited, Future):
                awaited.add_done_callback(self._go_on)
            else:
                self._go_on(None)
        finally:
            self._running = False
        if self.cancelled():
            self._coroutine.close()

    def _go_on(self, _: object) -> None:
        executor = self._steps_by()
        if executor is not None and not self.cancelled():
            executor.create_task(self)

    def executing(self) -> bool:
        """Return whether a step is being run."""
        return self._running

    def cancel(self) -> None:
        """End the coroutine where it awaits; from the thread of the executor."""
        if self.done() or self.cancelled():
            return
        super().cancel()
        if not self._running:
            self._coroutine.close()


class _Parking:
    """What makes an executor of rclpy park the coroutines that it is given as tasks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._parked: weakref.WeakSet[ParkedTask[Any]] = weakref.WeakSet()

    def create_task(self, callback: Any, *args: Any, **kwargs: Any) -> ParkedTask[Any]:
        """Have a function or a coroutine run; from any thread."""
        if isinstance(callback, ParkedTask):
            task = callback
        else:
            if inspect.iscoroutinefunction(callback):
                callback = callback(*args, **kwargs)
            elif not inspect.iscoroutine(callback):
                callback = _call(callback, args, kwargs)
            task = ParkedTask(callback, cast('Executor', self))
            self._parked.add(task)
        self._step_soon(task)
        return task

    def _step_soon(self, task: ParkedTask[Any]) -> None:
        cast('Executor', super()).create_task(task)

    def shutdown(self, *args: Any, **kwargs: Any) -> bool:
        """Stop, and end the coroutines that still wait."""
        ended = cast('Executor', super()).shutdown(*args, **kwargs)
        for task in tuple(self._parked):
            task.cancel()
        return ended

    def __exit__(self, *_: object) -> None:
        self.shutdown()


async def _call(callback: Callable[..., T], args: Any, kwargs: Any) -> T:
    return callback(*args, **kwargs)


def parking_events_executor(context: Context) -> Executor:
    """
    Return an EventsExecutor of Kilted that parks.

    The one of rclpy crashes in native code where it has one node and a task raises; of this one
    `spin_once` raises it.
    """

    class ParkingEventsExecutor(_Parking, rclpy_implementation.EventsExecutor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__(context=context)
            self._raised: Exception | None = None

        def _step_soon(self, task: ParkedTask[Any]) -> None:
            rclpy_implementation.EventsExecutor.create_task(self, self._step, task)

        def _step(self, task: ParkedTask[Any]) -> None:
            try:
                task()
            except Exception as error:  # noqa: BLE001 -- raised by spin_once, which ends with this
                self._raised = error

        def spin_once(self, timeout_sec: float | None = None) -> None:
            super().spin_once(timeout_sec)
            self._raise()

        def spin_until_future_complete(
            self, future: Future[Any], timeout_sec: float | None = None
        ) -> None:
            super().spin_until_future_complete(future, timeout_sec)
            self._raise()

        def spin(self) -> None:
            raise NotImplementedError('loop on spin_once(timeout_sec=...), see executor.spin')

        def _raise(self) -> None:
            raised, self._raised = self._raised, None
            if raised is not None:
                raise raised

    # As rclpy.experimental does: traces of crashes in native code, and an end with the context.
    faulthandler.enable()
    executor: Any = ParkingEventsExecutor()
    context.on_shutdown(executor.wake)
    return cast('Executor', executor)


def parking_single_executor(context: Context | None) -> Executor:
    """Return a SingleThreadedExecutor that parks."""
    from rclpy.executors import SingleThreadedExecutor

    class ParkingSingleThreadedExecutor(_Parking, SingleThreadedExecutor):
        pass

    return ParkingSingleThreadedExecutor(context=context)


class _Coming:
    """
    Stands for the response of a service that is still being made.

    :ivar answer: coroutine that returns it.
    """

    __slots__ = ('answer',)

    def __init__(self, answer: Coroutine[Any, None, Any]) -> None:
        self.answer = answer


def park_service(service: Service, node: Node) -> None:
    """
    Have a service answer when its callback is done, while the executor does other things.

    Without this its coroutine would be a task that the executor makes by itself. Its callback group
    is free meanwhile.

    :param service: its callback is a coroutine function.
    :param node: of the service.
    """
    callback: Callable[[Any, Any], Coroutine[Any, None, Any]] = service.callback
    send: Callable[[Any, Any], object] = service.send_response

    async def answer(coming: _Coming, header: Any) -> None:
        response = await coming.answer
        try:
            send(response, header)
        except InvalidHandle:
            # The node was shut down meanwhile; the one who asked sees the service go.
            node.get_logger().debug(f'{service.srv_name} is gone before its answer')

    def respond(response: Any, header: Any) -> None:
        assert isinstance(response, _Coming) and node.executor is not None
        node.executor.create_task(answer, response, header)

    service.callback = lambda request, response: _Coming(callback(request, response))
    service.send_response = respond
