"""What the world tells of its robots to those who watch it; nobody who watches may change it."""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.protocols.raft import Persist, Restored
from swarm_consensus.runtime.events import Output
from swarm_consensus.runtime.robot import RobotRuntime
from swarm_consensus.transport.frame import Frame


class Observer:
    """Hears everything in the order in which it happens; this one does nothing with it."""

    def booted(
        self, now_ns: int, robot: str, runtime: RobotRuntime, restored: Restored
    ) -> None:
        """Hear that a robot has started, with what its disk gave back."""

    def crashed(self, now_ns: int, robot: str, where: str) -> None:
        """Hear that a robot is down; `where` names the point of the step, '' between steps."""

    def sent(self, now_ns: int, robot: str, frames: Sequence[Frame]) -> None:
        """Hear that frames have left a robot."""

    def wrote(self, now_ns: int, robot: str, persist: Persist) -> None:
        """Hear that a write is durable, before the robot itself does."""

    def stepped(self, now_ns: int, robot: str, outputs: Sequence[Output]) -> None:
        """Hear that a step is over, or was cut short by a crash; then without outputs."""

    def noted(self, now_ns: int, text: str) -> None:
        """Hear of a fault, or of what a client does, in words."""


class Observers(Observer):
    """
    Several observers, told one after another.

    :param observers: in the order in which they are told.
    """

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def booted(
        self, now_ns: int, robot: str, runtime: RobotRuntime, restored: Restored
    ) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.booted(now_ns, robot, runtime, restored)

    def crashed(self, now_ns: int, robot: str, where: str) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.crashed(now_ns, robot, where)

    def sent(self, now_ns: int, robot: str, frames: Sequence[Frame]) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.sent(now_ns, robot, frames)

    def wrote(self, now_ns: int, robot: str, persist: Persist) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.wrote(now_ns, robot, persist)

    def stepped(self, now_ns: int, robot: str, outputs: Sequence[Output]) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.stepped(now_ns, robot, outputs)

    def noted(self, now_ns: int, text: str) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.noted(now_ns, text)
