"""Robots that come, go and lose their disks in a storm, and how time passes for each of them."""

from __future__ import annotations

from random import Random

from raft_cluster import Cluster


class Turnover:
    """
    What happens to the members of one swarm; all of it is drawn from the seed.

    :ivar others: robots that run and are no members at first.
    :ivar settings: of all robots: automatic care and leases.
    :ivar leases: lease reads are on; then late ticks are made up for, as time must not stand still.
    """

    def __init__(self, seed: int, election_ticks: int) -> None:
        random = self._random = Random(f'{seed}/turnover')
        self.others = 'pq'[: random.choice([0, 0, 0, 1, 2])]
        self._asks = random.choice([0, 0, 0.01, 0.04])
        self._losses = random.choice([0, 0, 0.005, 0.02])
        drift = random.choice([-1, -1, 0, 10, 20])
        self.leases = drift >= 0
        self._slowest = 1 - max(0, drift) / 100
        self.settings = {
            'voters_max': random.choice([0, 0, 3, 5]),
            'replace_ticks': random.choice([2, 4]) * election_ticks,
            'clock_drift_percent': drift,
        }

    def paces(self, names: str) -> dict[str, float] | None:
        """Return how fast each robot's clock goes; some go as wrong as they may."""
        if not self.leases:
            return None
        choices = [1.0, self._slowest, self._random.uniform(self._slowest, 1.0)]
        return {name: self._random.choice(choices) for name in names}

    def step(self, cluster: Cluster, name: str, names: str) -> None:
        """Let something happen at a robot that is up."""
        random = self._random
        if random.random() < self._asks:
            self._ask(cluster, name, names)
        if random.random() < self._losses and self._may_lose(cluster, name):
            cluster.lose(name)

    def _ask(self, cluster: Cluster, name: str, names: str) -> None:
        random = self._random
        known = cluster[name].status().membership
        if random.random() < 0.2:
            pool, strangers = [*names, ''], []
        else:
            pool = list(known.robots)
            strangers = [other for other in names if other not in known.robots]
        voters = random.sample(pool, random.randint(0, min(5, len(pool))))
        rest = [other for other in [*pool, *strangers] if other not in voters]
        learners = random.sample(rest, random.randint(0, len(rest)))
        if self._losses and 0 < len(voters) < 3:
            # Who loses its log in a swarm of two voters stops it for good.
            return
        cluster.change(name, voters, learners)

    def _may_lose(self, cluster: Cluster, name: str) -> bool:
        """Whether the others can go on without this robot's log: one at a time, not one of two."""
        rules = cluster.invariants
        if rules.without_log:
            return False
        at = len(rules.committed)
        held = [rules.in_force, *(m for (index, _), m in rules.memberships.items() if index > at)]
        return all(
            name not in half or len(half) >= 3 for m in held for half in (m.voters, m.outgoing)
        )
