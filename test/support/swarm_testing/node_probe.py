"""A ROS node inside the test's own process, to speak with the nodes under test."""

from __future__ import annotations

from collections.abc import Callable
import time
from types import TracebackType
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import GetParameters, SetParameters
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

PATIENCE = 60.0  # s; only ever waited for in full when something is broken
# After so long without an answer a node is asked again, s.
AGAIN_S = 3.0


class NodeProbe:
    """
    A node with an executor that turns only while the test waits.

    :param namespace: absolute; relative names of topics and services are below it.
    """

    def __init__(self, namespace: str, name: str = 'probe') -> None:
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node(name, namespace=namespace, context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)

    def __enter__(self) -> NodeProbe:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def collect(self, kind: type, topic: str, qos: Any = 10) -> list[Any]:
        """Subscribe, and return the list that the messages will be put into."""
        received: list[Any] = []
        self.node.create_subscription(kind, topic, received.append, qos)
        return received

    def publisher(self, kind: type, topic: str, qos: Any = 10) -> Any:
        """Make a publisher."""
        return self.node.create_publisher(kind, topic, qos)

    def wait_for(self, condition: Callable[[], Any], timeout: float = PATIENCE) -> Any:
        """
        Turn until a condition is true and return what it gave.

        :param timeout: s.
        :raises AssertionError: it did not become true in that time.
        """
        deadline = time.monotonic() + timeout
        while not (result := condition()):
            assert time.monotonic() < deadline, f'not in {timeout} s: {condition}'
            self._executor.spin_once(timeout_sec=0.02)
        return result

    def turn(self, seconds: float) -> None:
        """Turn for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=min(left, 0.02))

    def wait_for_subscriber(self, publisher: Any) -> None:
        """Wait until a publisher has been matched."""
        self.wait_for(lambda: publisher.get_subscription_count() > 0)

    def call(self, kind: type, name: str, request: Any, again: bool = False) -> Any:
        """
        Call a service and return its answer.

        :param again: insist on an answer. For what changes nothing the second time.
        """
        client = self.node.create_client(kind, name)
        try:
            self.wait_for(client.service_is_ready)
            if again:
                return self.insist(lambda: client.call_async(request))
            future = client.call_async(request)
            self.wait_for(future.done)
            return future.result()
        finally:
            self.node.destroy_client(client)

    def insist(self, ask: Callable[[], Any]) -> Any:
        """
        Ask, and again where no answer comes; returns the answer.

        A node that has just begun may not know its asker when it is asked first.

        :param ask: begins a request, and returns its future.
        """
        asked = ask()
        due = time.monotonic() + AGAIN_S

        def answered() -> bool:
            nonlocal asked, due
            if not asked.done() and time.monotonic() >= due:
                asked = ask()
                due = time.monotonic() + AGAIN_S
            return bool(asked.done())

        self.wait_for(answered)
        return asked.result()

    def change_state(self, node: str, transition: int) -> bool:
        """Ask a lifecycle node for a transition (lifecycle_msgs Transition.TRANSITION_...)."""
        request = ChangeState.Request(transition=Transition(id=transition))
        return bool(self.call(ChangeState, f'{node}/change_state', request).success)

    def state(self, node: str) -> str:
        """Name of the state that a lifecycle node is in."""
        answer = self.call(GetState, f'{node}/get_state', GetState.Request(), again=True)
        return str(answer.current_state.label)

    def set_parameter(self, node: str, name: str, value: Any) -> Any:
        """Set a parameter and return the result, with `successful` and `reason`."""
        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        return self.call(SetParameters, f'{node}/set_parameters', request, again=True).results[0]

    def get_parameter(self, node: str, name: str) -> Any:
        """Value of a parameter."""
        request = GetParameters.Request(names=[name])
        answer = self.call(GetParameters, f'{node}/get_parameters', request, again=True)
        return rclpy.parameter.parameter_value_to_python(answer.values[0])
