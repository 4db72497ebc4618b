"""Agreement: all honest robots end an epoch with the same vector, before and after a reboot."""

from __future__ import annotations

from swarm_consensus.simulation.adversary.checks.check import Check, Swarm, Vector


class Agreement(Check):
    """Remembers the first vector of each epoch."""

    name = 'agreement'

    def __init__(self, swarm: Swarm) -> None:
        super().__init__(swarm)
        self._first: dict[int, tuple[int, Vector]] = {}

    def settled(self, robot: int, epoch: int, vector: Vector) -> None:
        """Compare with what came out at others."""
        first, expected = self._first.setdefault(epoch, (robot, vector))
        if vector != expected:
            differs = [
                place
                for place, (one, other) in enumerate(zip(vector, expected, strict=True))
                if one != other
            ]
            self.broken(f'epoch {epoch}: robots {first} and {robot} differ about {differs}')
