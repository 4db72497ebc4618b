"""
Totality: every honest robot ends every epoch.

Nothing may be left in flight while a robot waits. With a common coin the number of rounds is small
against every adversary: of 40 coins one shows what ends an agreement but once in 2^40 times. Local
coins may take long against an adversary that knows them, so they are held to end soon once it is
tired.
"""

from __future__ import annotations

from swarm_consensus.simulation.adversary.checks.check import Check, Swarm

RANDOM_ROUNDS_MAX = 40
# One round in three is random (protocols/agreement/coin.py).
ROUNDS_MAX = 3 * RANDOM_ROUNDS_MAX
STEPS_PER_CUBE = 2_000


class Totality(Check):
    """Counts."""

    name = 'totality'

    def __init__(self, swarm: Swarm) -> None:
        super().__init__(swarm)
        self._steps_max = STEPS_PER_CUBE * swarm.robots**3

    def moved(self, steps: int, rounds: int) -> None:
        """Hold the bounds."""
        if self.swarm.common and rounds > ROUNDS_MAX:
            self.broken(f'an agreement is in round {rounds}')
        if steps > self._steps_max:
            self.broken(f'after {steps} steps and {rounds} rounds there is no end')

    def stuck(self, robots: list[int], epoch: int) -> None:
        """Nobody may wait for what will never come."""
        self.broken(f'robots {robots} wait in epoch {epoch}, and nothing is in flight')
