"""Custody: no echo leaves a robot before the value that it promises to hold is on its disk."""

from __future__ import annotations

from swarm_consensus.protocols.agreement.messages import InstanceMessage, Statement
from swarm_consensus.simulation.adversary.checks.check import Check, Swarm


class Custody(Check):
    """Remembers for which echoes a value was written."""

    name = 'custody'

    def __init__(self, swarm: Swarm) -> None:
        super().__init__(swarm)
        self._held: set[tuple[int, int, int]] = set()

    def wrote(self, robot: int, statement: Statement, held: dict[int, bytes]) -> None:
        """Remember the values."""
        self._held.update((robot, statement.epoch, proposer) for proposer in held)

    def said(self, robot: int, receivers: tuple[int, ...], message: InstanceMessage) -> None:
        """Look for the value of each echo."""
        if isinstance(message, Statement):
            for proposer, _ in message.echoes:
                if (robot, message.epoch, proposer) not in self._held:
                    self.broken(
                        f'robot {robot} echoes the value of {proposer} in epoch '
                        f'{message.epoch}, and has not written it'
                    )
