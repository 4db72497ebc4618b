"""
Activities that are ROS actions: the input is the goal, the result is the result, feedback is a sign
of life, and whoever asks the activity to end cancels the goal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import importlib
import re
import threading
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.callback_groups import CallbackGroup

from swarm_consensus.missions import MissionError, RegistryError
from swarm_consensus.nodes.managed import ManagedNode
from swarm_consensus.nodes.mission_activities import ActivityCancelled, ActivityContext

_ACTION = re.compile(r'action:([^:]+):(\w+)/action/(\w+)')
# How long the server of an action may take to be found.
DISCOVERY_S = 10.0
_POLL_S = 0.05


class RosActions:
    """The clients of the actions that activities call."""

    def __init__(self, node: ManagedNode, group: CallbackGroup) -> None:
        self._node = node
        self._group = group
        self._clients: list[ActionClient] = []

    def activity(
        self, entry: str, name: str, found: str
    ) -> Callable[[ActivityContext, Any], object] | None:
        """
        Return the activity of an entry that names a ROS action; None: it names none.

        :raises RegistryError: the type is not there, or the activity has no name.
        """
        if not found.startswith('action:'):
            return None
        match = _ACTION.fullmatch(found)
        if match is None or not name:
            raise RegistryError(
                f"'{entry}': write <name>=action:<ROS action>:<package>/action/<Type>"
            )
        topic, package, type_name = match.groups()
        try:
            kind = getattr(importlib.import_module(f'{package}.action'), type_name)
        except (ImportError, AttributeError) as error:
            raise RegistryError(
                f"'{entry}': there is no type {package}/action/{type_name} here: {error}"
            ) from None
        client = ActionClient(self._node, kind, topic, callback_group=self._group)
        self._clients.append(client)
        return lambda context, given: _call(client, kind, topic, context, given)

    def destroy(self) -> None:
        """Destroy the clients."""
        while self._clients:
            self._clients.pop().destroy()


def _call(
    client: ActionClient, kind: Any, topic: str, context: ActivityContext, given: object
) -> object:
    """Send a goal and wait for its result; in the thread of the activity."""
    goal = kind.Goal()
    if given is not None:
        if not isinstance(given, Mapping):
            raise MissionError('the input must be the fields of the goal, by name', 'BadGoal')
        _fill(goal, given)
    if not client.wait_for_server(timeout_sec=DISCOVERY_S):
        raise MissionError(f"there is no server of the action '{topic}'", 'NoServer')

    def told(message: Any) -> None:
        if not context.cancelled:
            context.heartbeat(_plain(message.feedback))

    handle = _wait(client.send_goal_async(goal, feedback_callback=told), context)
    if not handle.accepted:
        raise MissionError(f"the goal was rejected by '{topic}'", 'Rejected')
    asked = handle.get_result_async()
    try:
        response = _wait(asked, context)
    except ActivityCancelled:
        handle.cancel_goal_async()
        response = _wait(asked, None)
        if response.status == GoalStatus.STATUS_CANCELED:
            raise
    if response.status == GoalStatus.STATUS_SUCCEEDED:
        return _plain(response.result)
    state = {
        GoalStatus.STATUS_CANCELED: 'Cancelled',
        GoalStatus.STATUS_ABORTED: 'Aborted',
    }.get(response.status, 'Unknown')
    raise MissionError(f"the goal of '{topic}' ended {state}: {_plain(response.result)}", state)


def _wait(future: Any, context: ActivityContext | None) -> Any:
    """Wait for a future of the executor, in another thread."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    while not done.wait(_POLL_S):
        if context is not None:
            context.wait(0)
    return future.result()


def _fill(message: Any, given: Mapping[str, Any]) -> None:
    fields = message.get_fields_and_field_types()
    for name, field in given.items():
        if name not in fields:
            known = ', '.join(fields)
            raise MissionError(f"the goal has no field '{name}'; it has: {known}", 'BadGoal')
        if isinstance(field, Mapping):
            _fill(getattr(message, name), field)
        else:
            try:
                setattr(message, name, field)
            except AssertionError as error:
                raise MissionError(f"the field '{name}': {error}", 'BadGoal') from None


def _plain(value: Any) -> Any:
    """Return a message as what JSON can hold."""
    if hasattr(value, 'get_fields_and_field_types'):
        return {name: _plain(getattr(value, name)) for name in value.get_fields_and_field_types()}
    if isinstance(value, (str, bool, int, float)) or value is None:
        return value
    if hasattr(value, 'tolist'):
        return value.tolist()
    return [_plain(each) for each in value]
