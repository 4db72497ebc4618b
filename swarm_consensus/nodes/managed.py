"""
The lifecycle node that every node here is made from.

Rules: create in configure, destroy in cleanup, silent when inactive. rclpy swallows what a
transition raises; here a StartError becomes one log line that says what to change, and anything
else is logged with its traceback.
"""

from __future__ import annotations

from collections.abc import Callable
import inspect
import traceback
from typing import Any

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from swarm_consensus.nodes.parking import RCLPY_PARKS, park_service
from swarm_consensus.nodes.request_qos import REQUESTS

SUCCESS = TransitionCallbackReturn.SUCCESS
FAILURE = TransitionCallbackReturn.FAILURE
ERROR = TransitionCallbackReturn.ERROR

# Fast DDS gives up a publication when its writer is busy with others for 100 ms, as it may be where
# a machine has too much to do and robots come and go. A second of that is no passing thing.
PUBLISH_TRIES = 10

# Exit code of a process that a restart would not help: something must be changed first.
EXIT_CONFIGURATION = 2


class StartError(Exception):
    """
    What keeps a node from starting, in words for people: what is wrong, what to change.

    :param lasting: whether activating once more would meet it again. What is wrong at configure
        always does: parameters do not change by themselves.
    """

    def __init__(self, text: str, *, lasting: bool = False) -> None:
        super().__init__(text)
        self.lasting = lasting


def insist(publish: Callable[[Any], object]) -> Callable[[Any], None]:
    """
    Return what publishes again where the middleware has given up.

    :param publish: raises RCLError where it has.
    """

    def insisting(message: Any) -> None:
        for _ in range(PUBLISH_TRIES - 1):
            try:
                publish(message)
                return
            except rclpy_implementation.RCLError:
                continue
        publish(message)

    return insisting


class ManagedNode(LifecycleNode):
    """
    Lifecycle node whose work is in four methods without return values.

    A subclass overrides `configure`, `activate`, `deactivate` and `release`. `release` undoes
    `configure`; it is called on cleanup, on shutdown and after a configure that failed half-way,
    so it must stand being called with only a part, or nothing, there. Set `autostart` in the
    constructor.
    """

    def __init__(self, name: str, **arguments: Any) -> None:
        super().__init__(name, **arguments)
        self.autostart = True
        self.failure = ''
        self._lasting = False
        self.exit_code = 0
        # Whether its process is to begin anew when it has ended.
        self.anew = False
        self._finalized: Callable[[], object] = lambda: None

    def create_publisher(self, *arguments: Any, **options: Any) -> Any:
        """Create a publisher that insists."""
        publisher = super().create_publisher(*arguments, **options)
        publisher.publish = insist(publisher.publish)
        return publisher

    def create_lifecycle_publisher(self, *arguments: Any, **options: Any) -> Any:
        """Create a publisher that insists, while the node is active."""
        publisher = super().create_lifecycle_publisher(*arguments, **options)
        publisher.publish = insist(publisher.publish)
        return publisher

    def create_service(self, *arguments: Any, **options: Any) -> Any:
        """
        Create a service that takes bursts of requests.

        A callback that is a coroutine function is parked while it waits.
        """
        options.setdefault('qos_profile', REQUESTS)
        service = super().create_service(*arguments, **options)
        if inspect.iscoroutinefunction(service.callback) and not RCLPY_PARKS:
            park_service(service, self)
        return service

    def configure(self) -> None:
        """Check everything and create entities; raise StartError if it cannot be."""

    def activate(self) -> None:
        """Begin to work; publishers are enabled already."""

    def leave(self) -> Callable[[], bool]:
        """
        Begin to finish what this node owes to others, before it ends; its callbacks still run.

        :returns: whether that is done, or will not be any more; to be asked again and again.
        """
        return lambda: True

    def deactivate(self) -> None:
        """Fall silent; publishers are disabled afterwards."""

    def release(self) -> None:
        """Destroy what configure made, however much of it there is."""

    def start(self) -> None:
        """Go to active, as `autostart` asks; raise StartError with the reason if that fails."""
        configured = self.trigger_configure()
        if configured != SUCCESS:
            self.exit_code = EXIT_CONFIGURATION if configured == FAILURE else 1
            raise StartError(self.failure)
        if self.trigger_activate() != SUCCESS:
            self.exit_code = EXIT_CONFIGURATION if self._lasting else 1
            raise StartError(self.failure)

    def give_up(self, reason: str) -> None:
        """End for a reason that a restart does not cure; the process leaves with code 2."""
        self.failure = reason
        self.exit_code = EXIT_CONFIGURATION
        self.get_logger().fatal(reason)
        self.end()

    def start_anew(self, reason: str) -> None:
        """End, and have the process begin anew, as it was called."""
        self.anew = True
        self.get_logger().warning(reason)
        self.end()

    def end(self) -> None:
        """Go to finalized from wherever the node is; harmless if it is there already."""
        try:
            self.trigger_shutdown()
        except rclpy_implementation.RCLError:
            # rclpy's way to say that it is finalized already.
            self.get_logger().debug('already shut down')

    def when_finalized(self, callback: Callable[[], object]) -> None:
        """Have `callback` called when the node has been shut down by a lifecycle service."""
        self._finalized = callback

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = self._attempt(self.configure)
        if result == SUCCESS:
            return super().on_configure(state)
        if self._attempt(self.release) == ERROR:
            return ERROR
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        # The publishers first, so that what `activate` publishes is not lost.
        result = super().on_activate(state)
        if result == SUCCESS:
            result = self._attempt(self.activate)
            if result != SUCCESS:
                super().on_deactivate(state)
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = self._attempt(self.deactivate)
        return result if result != SUCCESS else super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = super().on_cleanup(state)
        return result if result != SUCCESS else self._attempt(self.release)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        if state.label == 'active':
            self._attempt(self.deactivate)
        super().on_shutdown(state)
        result = self._attempt(self.release)
        self._finalized()
        return result

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        # Back to unconfigured if all could be released, else finalized.
        return self._attempt(self.release)

    def _attempt(self, step: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            step()
        except StartError as error:
            self.failure = str(error)
            self._lasting = error.lasting
            self.get_logger().error(self.failure)
            return FAILURE
        except Exception as error:  # noqa: BLE001 -- rclpy would swallow it without a word
            self.failure = f'{type(error).__name__}: {error}'
            self._lasting = False
            self.get_logger().error(traceback.format_exc())
            return ERROR
        return SUCCESS
