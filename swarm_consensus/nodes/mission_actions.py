"""
Activities that are ROS actions: the input is the goal, the result is the result, feedback is a sign
of life, and whoever asks the activity to end cancels the goal and waits for its end.

Rules: an activity runs in a thread of its own, and what ends it is looked at there. Whatever became
of a goal that was accepted is known from its server alone: where that is gone, or knows nothing of
the goal any more, nobody knows how far it came, and that is what the log is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import importlib
import re
import threading
import time
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.callback_groups import CallbackGroup

from swarm_consensus.missions import MissionError, RegistryError
from swarm_consensus.missions.payload import pack
from swarm_consensus.nodes.managed import ManagedNode
from swarm_consensus.nodes.message_fields import fill, plain
from swarm_consensus.nodes.mission_activities import (
    ActivityContext,
    OutcomeUnknown,
)

_ACTION = re.compile(r'action:([^:]+):(\w+)/action/(\w+)')
# How long the server of an action may take to be found.
DISCOVERY_S = 10.0
# How long it may take to say whether it takes a goal.
ANSWER_S = 10.0
# How long it may be away before nobody waits for it any more.
AWAY_S = 5.0
# Its result is asked for again, less and less often: a server that was restarted says that it does
# not know the goal.
RENEW_S = 5.0
RENEW_LONGEST_S = 30.0
_POLL_S = 0.05
_LOOK_S = 1.0


class RosActions:
    """The clients of the actions that activities call."""

    def __init__(self, node: ManagedNode, group: CallbackGroup) -> None:
        self._node = node
        self._group = group
        self._clients: list[ActionClient] = []
        self._closed = threading.Event()

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

        def call(context: ActivityContext, given: Any) -> object:
            return _Goal(self._node, client, topic, context, self._closed).run(kind.Goal(), given)

        return call

    def destroy(self) -> None:
        """Destroy the clients; nobody waits for them any more."""
        self._closed.set()
        while self._clients:
            self._clients.pop().destroy()


class _Goal:
    """
    A goal, from its sending to its end; all but what is marked runs in the thread of the activity.

    :param closed: the client is there no more.
    """

    def __init__(
        self,
        node: ManagedNode,
        client: ActionClient,
        topic: str,
        context: ActivityContext,
        closed: threading.Event,
    ) -> None:
        self._node = node
        self._client = client
        self._topic = topic
        self._context = context
        self._closed = closed

    def run(self, goal: Any, given: object) -> object:
        """Carry it out."""
        if given is not None:
            if not isinstance(given, Mapping):
                raise MissionError('the input must be the fields of the goal, by name', 'BadGoal')
            try:
                fill(goal, given)
            except ValueError as error:
                raise MissionError(f'the goal: {error}', 'BadGoal') from None
        self._find()
        handle = self._send(goal)
        if not handle.accepted:
            raise MissionError(f"the goal was rejected by '{self._topic}'", 'Rejected')
        response = self._ended(handle)
        if response.status == GoalStatus.STATUS_SUCCEEDED:
            return plain(response.result)
        if response.status == GoalStatus.STATUS_CANCELED:
            # Raises where it was this activity that was asked to end.
            self._context.wait(0)
            raise MissionError(f"the goal of '{self._topic}' was cancelled", 'Cancelled')
        if response.status == GoalStatus.STATUS_ABORTED:
            told = plain(response.result)
            raise MissionError(f"the goal of '{self._topic}' ended Aborted: {told}", 'Aborted')
        raise self._unknown('does not know the goal any more')

    def _find(self) -> None:
        self._context.wait(0)
        until = time.monotonic() + DISCOVERY_S
        while not self._client.server_is_ready():
            if time.monotonic() > until:
                raise MissionError(f"there is no server of the action '{self._topic}'", 'NoServer')
            self._context.wait(_POLL_S)

    def _send(self, goal: Any) -> Any:
        """
        Send the goal and return its handle, whether or not the activity is asked to end meanwhile.

        A goal whose handle is not known could not be cancelled.
        """
        sent: list[Any] = []
        done = threading.Event()

        def send() -> None:
            # In the thread of the executor: rclpy forgets an answer that comes before another
            # thread that sends is through with it. What goes wrong is raised where it is awaited.
            try:
                future = self._client.send_goal_async(goal, feedback_callback=self._told)
            except Exception as error:  # noqa: BLE001
                sent.append(error)
                done.set()
            else:
                sent.append(future)
                future.add_done_callback(lambda _: done.set())

        executor = self._node.executor
        if executor is None:
            raise MissionError('the robot shuts down', 'ShutDown')
        executor.create_task(send)
        until = time.monotonic() + ANSWER_S
        while not done.wait(_POLL_S):
            if self._closed.is_set() or time.monotonic() > until:
                raise self._unknown('has not said whether it takes the goal')
        if isinstance(sent[0], Exception):
            raise MissionError(f"the goal of '{self._topic}': {sent[0]}", 'NotSent')
        return sent[0].result()

    def _ended(self, handle: Any) -> Any:
        """Return the response with the result; the goal is cancelled once that is asked for."""
        done = threading.Event()
        responses: list[Any] = []

        def ask() -> None:
            asked = handle.get_result_async()
            asked.add_done_callback(lambda future: (responses.append(future.result()), done.set()))

        cancelled = False
        now = time.monotonic()
        there, look, again, renew = now, now + _LOOK_S, now + RENEW_S, RENEW_S
        ask()
        while not done.wait(_POLL_S):
            if self._closed.is_set():
                raise self._unknown('is not listened to any more')
            if self._context.cancelled and not cancelled:
                cancelled = True
                handle.cancel_goal_async()
            now = time.monotonic()
            if now < look:
                continue
            look = now + _LOOK_S
            if self._client.server_is_ready():
                there = now
            elif now - there > AWAY_S:
                raise self._unknown('is gone')
            if now >= again:
                renew = min(2 * renew, RENEW_LONGEST_S)
                again = now + renew
                if cancelled:
                    handle.cancel_goal_async()
                ask()
        return responses[0]

    def _told(self, message: Any) -> None:
        """Take feedback; in the thread of the executor, where nothing may be raised."""
        details = plain(message.feedback)
        try:
            pack(details, 'the feedback')
        except ValueError:
            # Too much to be kept; a sign of life it is all the same.
            details = None
        self._context.beat(details)

    def _unknown(self, why: str) -> OutcomeUnknown:
        text = f"the server of the action '{self._topic}' {why}"
        self._node.get_logger().warning(
            f"mission '{self._context.mission}', attempt {self._context.attempt}: {text}; how far "
            'the goal came is not known'
        )
        return OutcomeUnknown(text)
