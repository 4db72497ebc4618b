"""
Every epoch of a subject has one outcome, the same at every robot, and it stays what it was.

What a robot has settled it never forgets, whatever happens to it but the loss of its disk.
"""

from __future__ import annotations

from swarm_consensus.simulation.facts import Facts, RobotFacts
from swarm_consensus.simulation.invariants.invariant import Invariant
from swarm_consensus.simulation.probe import Probe


class AgreedOutcomes(Invariant):
    """
    The outcomes that robots have come to.

    :ivar epochs: how many epochs of all subjects have ended anywhere.
    """

    name = 'agreed outcomes'

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        # By subject and epoch: the hash of the outcome, and who came to it first.
        self._outcomes: dict[tuple[str, int], tuple[bytes, str]] = {}
        # How far each robot has come, by subject; the news of its last step apart, since the power
        # may have failed before they were on its disk.
        self._settled: dict[str, dict[str, int]] = {}
        self._news: dict[str, dict[str, int]] = {}

    @property
    def epochs(self) -> int:
        """Return how many epochs have ended anywhere."""
        return len(self._outcomes)

    def newest(self, subject: str) -> int:
        """Return the newest epoch of a subject that has ended anywhere; 0: none."""
        return max((epoch for name, epoch in self._outcomes if name == subject), default=0)

    def booted(self, robot: RobotFacts) -> None:
        """Hold that nothing is forgotten over a reboot."""
        assert robot.probe is not None
        before = self._settled.setdefault(robot.name, {})
        self._news[robot.name] = {}
        now = {name: settled for name, settled, _ in robot.probe.settled()}
        if robot.probe.forgot_what_it_said:
            before.clear()
        for name, epoch in before.items():
            if now.get(name, 0) < epoch:
                self.broken(
                    f'{robot.name} had settled epoch {epoch} of {name!r} before its reboot, and '
                    f'after it {now.get(name, 0)}'
                )
        before.update(now)

    def look(self, robot: str, probe: Probe) -> None:
        """Look at what a robot has settled in a step."""
        if probe.agreed_held:
            # What it came to last is not on its disk, and nobody was told.
            return
        known, news = self._settled[robot], self._news[robot]
        known.update(news)
        news.clear()
        for name, settled, recent in probe.settled():
            before = known.get(name, 0)
            if settled == before:
                continue
            if settled < before:
                self.broken(f'{robot} goes back from epoch {before} of {name!r} to {settled}')
            news[name] = settled
            for epoch, outcome in recent:
                first, by = self._outcomes.setdefault((name, epoch), (outcome, robot))
                if first != outcome:
                    self.broken(f'epoch {epoch} of {name!r} ended differently at {by} and {robot}')
