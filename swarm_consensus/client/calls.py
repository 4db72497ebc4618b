"""
Requests that are under way: sent when the robot is there, repeated when unanswered, always ended.

One timer serves all calls of a client and runs only while there are any. Everything here happens
in one mutually exclusive callback group of the client's own, so that awaiting a call from a
callback of the user's node cannot block the callback that would end it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
import threading
import time
from typing import Any, Generic, TypeVar

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.callback_groups import CallbackGroup
from rclpy.client import Client
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.subscription import Subscription
from rclpy.task import Future

from swarm_consensus.client.errors import ClientClosedError, RobotNotFoundError
from swarm_consensus.client.patience import PatientFuture

T = TypeVar('T')

TICK_S = 0.02
# DDS repeats what of its discovery was lost every 3 s; a robot may take some rounds to be found.
DISCOVERY_TIMEOUT_S = 10.0
# The robot answers at its own deadline; its answer is given this long to arrive.
GRACE_S = 0.5
# A request may be lost while endpoints are being matched, which is one-sided at first.
RESEND_S = 1.0
# An accepted goal is asked for again this often, for a robot that was restarted meanwhile.
RENEW_S = 5.0
# Of a goal that lasts, the result is asked for again less and less often, down to this: the robot
# answers every one of these requests when it ends.
RENEW_LASTING_S = 30.0


class Call(ABC, Generic[T]):
    """
    One request.

    :param timeout: for the answer, once the robot is found, s.
    :param discovery_timeout: to find the robot, s.
    :param missing: gives the error for a robot that was not found.
    """

    def __init__(
        self,
        timeout: float,
        discovery_timeout: float,
        missing: Callable[[], RobotNotFoundError],
    ) -> None:
        if not timeout > 0.0:
            raise ValueError(f'timeout is {timeout} s, must be greater than 0')
        self.future: PatientFuture[T] = PatientFuture()
        self._timeout = timeout
        self._missing = missing
        self._deadline: float | None = None
        self._discovery_deadline = time.monotonic() + discovery_timeout
        self._resend_at = 0.0
        # The rest serves callers in other threads than the executor's.
        self._lock = threading.RLock()

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether the robot is there to be asked."""

    @abstractmethod
    def send(self, left: float) -> None:
        """
        Ask, perhaps again.

        :param left: s, until the answer must be there.
        """

    @abstractmethod
    def unanswered(self) -> T:
        """Return what it means that no answer came, or raise."""

    @abstractmethod
    def drop(self) -> None:
        """Forget what is pending: the call has ended."""

    @property
    def ended(self) -> bool:
        """Whether the future has its result, or was cancelled by whoever waited."""
        return bool(self.future.done() or self.future.cancelled())

    def advance(self, now: float) -> None:
        """
        Do what is due.

        :param now: time.monotonic().
        """
        with self._lock:
            if self.ended:
                return
            if self._deadline is None:
                if self.is_ready():
                    self._deadline = now + self._timeout + GRACE_S
                elif now >= self._discovery_deadline:
                    self.fail(self._missing())
                    return
                else:
                    return
            if now >= self._deadline:
                self.finish(self.unanswered)
            elif now >= self._resend_at:
                self._resend_at = now + RESEND_S
                self.send(max(0.001, self._deadline - GRACE_S - now))

    def finish(self, make: Callable[[], T]) -> None:
        """End with what `make` returns or raises; what comes after the first end is nothing."""
        with self._lock:
            if self.ended:
                return
            try:
                result = make()
            except Exception as error:  # noqa: BLE001 -- handed to whoever awaits the call
                self.future.set_exception(error)
            else:
                self.future.set_result(result)
            self.drop()

    def fail(self, error: Exception) -> None:
        """End with an error."""

        def make() -> T:
            raise error

        self.finish(make)

    def heard(self, again_in: float) -> None:
        """Take note that the robot has the request; ask again only after `again_in` s."""
        with self._lock:
            self._resend_at = time.monotonic() + again_in


class ServiceCall(Call[T]):
    """
    A request to a service.

    :param request: makes the request, given the s that are left for the answer.
    :param convert: makes the result of the response.
    :param otherwise: gives the result where no answer came.
    """

    def __init__(
        self,
        client: Client,
        *,
        request: Callable[[float], Any],
        convert: Callable[[Any], T],
        otherwise: Callable[[], T],
        timeout: float,
        discovery_timeout: float,
        missing: Callable[[], RobotNotFoundError],
    ) -> None:
        super().__init__(timeout, discovery_timeout, missing)
        self._client = client
        self._request = request
        self._convert = convert
        self._otherwise = otherwise
        self._pending: list[Future] = []

    def is_ready(self) -> bool:
        return bool(self._client.service_is_ready())

    def send(self, left: float) -> None:
        pending = self._client.call_async(self._request(left))
        self._pending.append(pending)
        pending.add_done_callback(self._answered)

    def _answered(self, pending: Future) -> None:
        self.finish(lambda: self._convert(pending.result()))

    def unanswered(self) -> T:
        return self._otherwise()

    def drop(self) -> None:
        for pending in self._pending:
            self._client.remove_pending_request(pending)
        self._pending.clear()


class GoalCall(Call[T]):
    """
    A goal of an action; the parameters as in `ServiceCall`.

    :param feedback: called with each feedback, or None.
    :param rejected: gives the result where the robot does not accept the goal.
    """

    def __init__(
        self,
        client: ActionClient,
        *,
        goal: Callable[[float], Any],
        convert: Callable[[Any], T],
        otherwise: Callable[[], T],
        rejected: Callable[[], T],
        feedback: Callable[[Any], None] | None,
        timeout: float,
        discovery_timeout: float,
        missing: Callable[[], RobotNotFoundError],
    ) -> None:
        super().__init__(timeout, discovery_timeout, missing)
        self._client = client
        self._goal = goal
        self._convert = convert
        self._otherwise = otherwise
        self._rejected = rejected
        self._feedback = feedback
        self._handle: ClientGoalHandle | None = None

    def is_ready(self) -> bool:
        return bool(self._client.server_is_ready())

    def send(self, left: float) -> None:
        # The robot may have forgotten the goal before: it was restarted, or never got it.
        self._cancel()
        on_feedback = None if self._feedback is None else self._on_feedback
        sent = self._client.send_goal_async(self._goal(left), on_feedback)
        sent.add_done_callback(self._accepted)

    def _on_feedback(self, message: Any) -> None:
        if not self.ended and self._feedback is not None:
            self._feedback(message.feedback)

    def _accepted(self, sent: Future) -> None:
        handle = sent.result()
        if self.ended:
            # Too late; do not leave the robot waiting for nobody.
            if handle.accepted:
                handle.cancel_goal_async()
        elif not handle.accepted:
            self.finish(self._rejected)
        else:
            self.heard(RENEW_S)
            self._handle = handle
            handle.get_result_async().add_done_callback(
                lambda result: self._answered(handle, result)
            )

    def _answered(self, handle: ClientGoalHandle, result: Future) -> None:
        # A goal that was replaced ends too, with the answer of one who no longer waits.
        if handle is self._handle:
            self._handle = None
            self.finish(lambda: self._convert(result.result().result))

    def _cancel(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.cancel_goal_async()

    def unanswered(self) -> T:
        return self._otherwise()

    def drop(self) -> None:
        self._cancel()


class LastingGoalCall(GoalCall[T]):
    """
    A goal that may last for days, and whose cancellation ends what it is about.

    So it is cancelled only where whoever waits cancels, and neither at the timeout nor when it is
    sent anew. A robot that was restarted does not know it any more: it says so when it is asked for
    the result again, and is sent the goal anew. One that stays away ends the call.
    """

    def __init__(self, client: ActionClient, *, discovery_timeout: float, **more: Any) -> None:
        super().__init__(client, discovery_timeout=discovery_timeout, **more)
        self._away_max = discovery_timeout
        self._away_since: float | None = None
        self._look_at = 0.0
        self._renew = RENEW_S

    def advance(self, now: float) -> None:
        super().advance(now)
        if self._deadline is None or self.ended or now < self._look_at:
            return
        self._look_at = now + RESEND_S
        if not self.is_ready():
            if self._away_since is None:
                self._away_since = now
            elif now - self._away_since >= self._away_max:
                self.fail(self._missing())
        elif self._away_since is not None:
            self._away_since = None
            self.heard(0.0)

    def send(self, left: float) -> None:
        handle = self._handle
        if handle is None:
            on_feedback = None if self._feedback is None else self._on_feedback
            sent = self._client.send_goal_async(self._goal(left), on_feedback)
            sent.add_done_callback(self._accepted)
        else:
            self._renew = min(2 * self._renew, RENEW_LASTING_S)
            self._await_result(handle)

    def _accepted(self, sent: Future) -> None:
        handle = sent.result()
        if self.ended:
            if handle.accepted and self.future.cancelled():
                handle.cancel_goal_async()
        elif self._handle is not None:
            # It was sent twice and is known: this one goes along.
            pass
        elif not handle.accepted:
            self.finish(self._rejected)
        else:
            self._handle = handle
            self._renew = RENEW_S
            self._await_result(handle)

    def _await_result(self, handle: ClientGoalHandle) -> None:
        self.heard(self._renew)
        handle.get_result_async().add_done_callback(lambda result: self._answered(handle, result))

    def _answered(self, handle: ClientGoalHandle, result: Future) -> None:
        if handle is self._handle and result.result().status == GoalStatus.STATUS_UNKNOWN:
            self._handle = None
            self.heard(0.0)
        else:
            super()._answered(handle, result)

    def drop(self) -> None:
        if self.future.cancelled():
            self._cancel()
        self._handle = None


class FirstMessageCall(Call[T]):
    """
    The newest message of a latched topic.

    :param subscribe: makes the subscription, given the callback.
    :param unsubscribe: destroys it.
    """

    def __init__(
        self,
        subscribe: Callable[[Callable[[Any], None]], Subscription],
        unsubscribe: Callable[[Subscription], object],
        *,
        convert: Callable[[Any], T],
        timeout: float,
        missing: Callable[[], RobotNotFoundError],
    ) -> None:
        super().__init__(timeout, 0.0, missing)
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._convert = convert
        self._subscription: Subscription | None = None

    def is_ready(self) -> bool:
        return True

    def send(self, _left: float) -> None:
        if self._subscription is None:
            self._subscription = self._subscribe(self._came)

    def _came(self, message: Any) -> None:
        self.finish(lambda: self._convert(message))

    def unanswered(self) -> T:
        raise self._missing()

    def drop(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            self._unsubscribe(subscription)


class Calls:
    """
    All calls of a client that are under way.

    :param group: callback group of everything here.
    """

    def __init__(self, node: Node, group: CallbackGroup) -> None:
        self._node = node
        self._lock = threading.RLock()
        self._open: list[Call[Any]] = []
        self._closed = False
        # The steady clock: deadlines hold also where simulated time stands still.
        self._timer = node.create_timer(
            TICK_S,
            self._tick,
            callback_group=group,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
            autostart=False,
        )

    def start(self, call: Call[T]) -> Future[T]:
        """
        Make a call.

        :raises ClientClosedError: the client was closed.
        """
        with self._lock:
            if self._closed:
                raise ClientClosedError('the client was closed')
            self._open.append(call)
            if len(self._open) == 1:
                self._timer.reset()
        call.future.node = self._node
        call.future.add_done_callback(lambda _: self._ended(call))
        call.advance(time.monotonic())
        return call.future

    def _tick(self) -> None:
        with self._lock:
            if self._closed:
                # An executor may have the timer at hand that is destroyed meanwhile.
                return
            calls = tuple(self._open)
            if not calls:
                # Only from here: an executor that finds a timer cancelled between its wait and
                # its call never lets anything of the callback group run again.
                self._timer.cancel()
        now = time.monotonic()
        for call in calls:
            call.advance(now)

    def _ended(self, call: Call[Any]) -> None:
        with self._lock:
            if call in self._open:
                self._open.remove(call)
        # Where the one who waited cancelled, nothing else has dropped it yet.
        call.drop()

    def close(self) -> None:
        """End all calls; each raises ClientClosedError where it is awaited."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            calls = tuple(self._open)
        for call in calls:
            call.fail(ClientClosedError('the client was closed before an answer came'))
        self._node.destroy_timer(self._timer)
