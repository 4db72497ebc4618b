"""
How many robots it takes, as pure arithmetic.

With liars (Byzantine robots) any two quorums have to meet in a robot that does not lie, which asks
for n >= 3f + 1. Where robots only crash, it is enough that any two majorities meet: n >= 2f + 1.
"""

from __future__ import annotations

from swarm_consensus.protocols.agreement.errors import ConfigError
from swarm_consensus.protocols.values import value


def faults_most(robots: int, lies: bool) -> int:
    """Return how many faulty robots a swarm of that size can bear."""
    return (robots - 1) // (3 if lies else 2)


@value
class Thresholds:
    """
    The numbers that every rule of the agreement counts to.

    :param robots: n, size of the swarm.
    :param faults: f, how many of them may be faulty at most.
    :param lies: whether faulty robots may do anything (Byzantine), or only stop (crash).
    :raises ConfigError: so many faulty robots could break the agreement, or hold it for ever.
    """

    robots: int
    faults: int
    lies: bool

    def __post_init__(self) -> None:
        if self.robots < 1 or self.faults < 0:
            raise ConfigError(f'{self.robots} robots of which {self.faults} are faulty: no swarm')
        most = faults_most(self.robots, self.lies)
        if self.faults <= most:
            return
        needed = (3 if self.lies else 2) * self.faults + 1
        why = (
            f'{self.faults} {"liar" if self.faults == 1 else "liars"} among {self.robots} robots '
            'could tell two halves of the others different things, and both would believe it'
            if self.lies
            else f'of {self.robots} robots {self.robots - self.faults} are no majority, so two '
            'parts of the swarm could decide differently'
        )
        raise ConfigError(
            f'{why}; it takes {needed} robots to bear {self.faults}, and {self.robots} bear {most}'
        )

    @property
    def heard(self) -> int:
        """How many robots can be waited for: all but the faulty ones, n - f."""
        return self.robots - self.faults

    @property
    def honest(self) -> int:
        """How many must say a thing so that one of them, at least, does not lie."""
        return self.faults + 1 if self.lies else 1

    @property
    def lasting(self) -> int:
        """How many must hold a thing so that one of them, at least, stays: f + 1."""
        return self.faults + 1

    @property
    def echo(self) -> int:
        """How many echoes leave too few for another value; Bracha: more than (n + f) / 2."""
        return (self.robots + self.faults) // 2 + 1

    @property
    def majority(self) -> int:
        """How many are more than half of all robots."""
        return self.robots // 2 + 1

    @property
    def honest_majority(self) -> int:
        """How many must say a thing so that the honest ones among them are f + 1: 2f + 1."""
        return 2 * self.faults + 1
