"""What an invariant is told, and what it may use."""

from __future__ import annotations

from typing import NoReturn

from swarm_consensus.protocols.raft import Entry, Message, Persist
from swarm_consensus.simulation.facts import Facts, InvariantBroken, RobotFacts


class Invariant:
    """
    A rule that holds at every moment, whatever fails; this one asks nothing.

    :param facts: what is known from outside. They are brought up to date after the rules were
        told of an event, so a rule sees how it was before.
    """

    name = ''

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def broken(self, text: str) -> NoReturn:
        """Say that the rule is broken."""
        raise InvariantBroken(self.name, text)

    def booted(self, robot: RobotFacts) -> None:
        """Hear that a robot has booted; its facts are those after it."""

    def crashed(self, robot: RobotFacts) -> None:
        """Hear that a robot is down."""

    def told(self, robot: RobotFacts, receiver: str, message: Message) -> None:
        """Hear a message of an election leave a robot."""

    def wrote(self, robot: RobotFacts, persist: Persist) -> None:
        """Hear that a write is durable."""

    def looked(self, robot: RobotFacts) -> None:
        """Hear how a robot stands after a step that changed that; its facts are those after it."""

    def applied(self, robot: RobotFacts, entry: Entry, first: bool) -> None:
        """
        Hear that a robot has applied an entry.

        :param first: it is the first robot to do so; then the entry is in `facts.committed`.
        """
