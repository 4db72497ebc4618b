"""What a check is told, and what it may use."""

from __future__ import annotations

from typing import NoReturn

from swarm_consensus.protocols.agreement.messages import InstanceMessage, Statement
from swarm_consensus.protocols.values import value
from swarm_consensus.simulation.facts import InvariantBroken

Vector = tuple[bytes | None, ...]


@value
class Swarm:
    """
    What a check knows of the swarm.

    :param robots: n.
    :param faults: f.
    :param honest: robots that follow the protocol.
    :param common: whether the coin is a common one.
    """

    robots: int
    faults: int
    honest: frozenset[int]
    common: bool


class Check:
    """A promise; this one asks nothing."""

    name = ''

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm

    def broken(self, text: str) -> NoReturn:
        """Say that the promise is broken."""
        raise InvariantBroken(self.name, text)

    def put_in(self, robot: int, epoch: int, value: bytes) -> None:
        """Hear what an honest robot puts in, as soon as that is durable."""

    def wrote(self, robot: int, statement: Statement, held: dict[int, bytes]) -> None:
        """Hear that an honest robot has written what it is about to say."""

    def said(self, robot: int, receivers: tuple[int, ...], message: InstanceMessage) -> None:
        """Hear a message leave an honest robot."""

    def accused(self, robot: int, by: int) -> None:
        """Hear that an honest robot calls another one a liar."""

    def settled(self, robot: int, epoch: int, vector: Vector) -> None:
        """Hear that an epoch is over at an honest robot; again after each of its reboots."""

    def moved(self, steps: int, rounds: int) -> None:
        """Hear how many steps there were, and how many rounds the longest agreement took."""

    def stuck(self, robots: list[int], epoch: int) -> None:
        """Hear that nothing is in flight, and that some robots wait in an epoch nevertheless."""
