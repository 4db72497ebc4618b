"""Validity: enough inputs are in, enough of them honest, and those are what was put in."""

from __future__ import annotations

from swarm_consensus.simulation.adversary.checks.check import Check, Swarm, Vector


class Validity(Check):
    """Remembers what honest robots put in."""

    name = 'validity'

    def __init__(self, swarm: Swarm) -> None:
        super().__init__(swarm)
        self._inputs: dict[tuple[int, int], bytes] = {}

    def put_in(self, robot: int, epoch: int, value: bytes) -> None:
        """Remember it; a robot has one input an epoch, whatever happens to it."""
        before = self._inputs.setdefault((epoch, robot), value)
        if before != value:
            self.broken(f'epoch {epoch}: robot {robot} put in two values')

    def settled(self, robot: int, epoch: int, vector: Vector) -> None:
        """Count, and compare."""
        swarm = self.swarm
        if len(vector) != swarm.robots:
            self.broken(f'epoch {epoch}: {len(vector)} entries for {swarm.robots} robots')
        entries = [place for place, value in enumerate(vector) if value is not None]
        if len(entries) < swarm.robots - swarm.faults:
            self.broken(f'epoch {epoch}: robot {robot} has only the inputs of {entries}')
        honest = [place for place in entries if place in swarm.honest]
        if len(honest) < swarm.robots - 2 * swarm.faults:
            self.broken(f'epoch {epoch}: of honest robots robot {robot} has only {honest}')
        for place in honest:
            if vector[place] != self._inputs.get((epoch, place)):
                self.broken(f'epoch {epoch}: robot {robot} has what {place} never put in')
