"""
No robot ever contradicts itself in an agreement, whenever it was rebooted.

A robot that has lost its disk counts as one of the faulty ones in what was under way then.
"""

from __future__ import annotations

from swarm_consensus.protocols.agreement.messages import Piece, Statement
from swarm_consensus.protocols.agreement.slots import Slot, slots
from swarm_consensus.simulation.facts import Facts, RobotFacts
from swarm_consensus.simulation.invariants.invariant import Invariant


class AgreedWords(Invariant):
    """Everything that robots have said in agreements."""

    name = 'agreed words'

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        # By robot, then by subject and epoch: what was said in each slot.
        self._said: dict[str, dict[tuple[str, int], dict[Slot, object]]] = {}

    def booted(self, robot: RobotFacts) -> None:
        """Forget what a robot said that has lost its disk."""
        assert robot.probe is not None
        if robot.probe.forgot_what_it_said:
            self._said.pop(robot.name, None)

    def said(self, robot: RobotFacts, message: object) -> None:
        """Hold what a robot says against all that it has said."""
        if isinstance(message, Statement):
            filled = dict(slots(message))
        elif isinstance(message, Piece):
            filled = self._input(robot, message)
        else:
            return
        where = message.subject, message.epoch
        before = self._said.setdefault(robot.name, {}).setdefault(where, {})
        for slot, content in filled.items():
            if before.setdefault(slot, content) != content:
                self.broken(
                    f'{robot.name} contradicts itself in epoch {message.epoch} of '
                    f'{message.subject!r}: {slot} was {before[slot]!r} and is {content!r}'
                )

    def _input(self, robot: RobotFacts, piece: Piece) -> dict[Slot, object]:
        """Return what a piece says of the input of its sender; nothing where it is another's."""
        probe = robot.probe
        if probe is None or probe.place != piece.proposer:
            return {}
        return {('input',): probe.pieces.root(piece)}
