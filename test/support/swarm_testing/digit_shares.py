"""
Robots that each know two of the ten digits learn all of them, by exchanging parameters.

Real data (scikit-learn's handwritten digits), and the real exchange: manifests, rounding with error
feedback, chunks, merges and decisions of `model_swarm`. What every robot trains is a small network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from swarm_consensus.examples._small_network import accuracy, first_parameters, train
from swarm_consensus.protocols.parameters.architecture import Architecture, Tensor
from swarm_consensus.protocols.parameters.merge import Rule, RuleKind
from swarm_consensus.protocols.parameters.quantise import Encoding
from swarm_testing.model_swarm import ModelSwarm

HIDDEN = 48
HELD_OUT = 400
STEPS = 5
RATE = 0.5
# Five robots, each class at one of them.
ALONE = tuple((first, first + 1) for first in range(0, 10, 2))
# Twenty robots, each class at four of them.
SHARED = tuple(
    (first, (first + apart) % 10) for apart in (1, 3) for first in range(10)
)
MEAN = Rule()
TRIMMED = Rule(RuleKind.TRIMMED_MEAN, 1)


@dataclass(frozen=True)
class Digits:
    """Examples to train on and ones that no training sees, by a seed."""

    seed: int
    inputs: np.ndarray
    labels: np.ndarray
    held_inputs: np.ndarray
    held_labels: np.ndarray

    @classmethod
    def load(cls, seed: int) -> Digits:
        from sklearn.datasets import load_digits

        digits = load_digits()
        order = np.random.default_rng(seed).permutation(len(digits.target))
        inputs, labels = digits.data[order] / 16.0, digits.target[order]
        return cls(
            seed, inputs[HELD_OUT:], labels[HELD_OUT:], inputs[:HELD_OUT], labels[:HELD_OUT]
        )

    def share(self, shares: Sequence[tuple[int, int]], robot: int) -> np.ndarray:
        """Return the places of a robot's own examples: its part of each of its classes."""
        chosen = []
        for label in shares[robot]:
            owners = [number for number, labels in enumerate(shares) if label in labels]
            places = np.flatnonzero(self.labels == label)
            chosen.append(places[owners.index(robot) :: len(owners)])
        return np.concatenate(chosen)

    def first(self) -> dict[str, np.ndarray]:
        """Return the parameters that all begin with."""
        return first_parameters(
            self.inputs.shape[1], HIDDEN, 10, np.random.default_rng(self.seed + 1)
        )

    def score(self, parameters: dict[str, np.ndarray]) -> float:
        """Return the accuracy on what no training saw."""
        return accuracy(parameters, self.held_inputs, self.held_labels)


def central(digits: Digits, steps: int = 3000) -> float:
    """Return the accuracy of a model that is trained on all the examples in one place."""
    parameters = train(
        digits.first(),
        digits.inputs,
        digits.labels,
        steps=steps,
        rate=0.3,
        random=np.random.default_rng(digits.seed + 2),
    )
    return digits.score(parameters)


def alone(digits: Digits, shares: Sequence[tuple[int, int]], robot: int = 0) -> float:
    """Return the accuracy of a robot that trains on its own examples and exchanges nothing."""
    own = digits.share(shares, robot)
    parameters = train(
        digits.first(),
        digits.inputs[own],
        digits.labels[own],
        steps=500,
        rate=RATE,
        random=np.random.default_rng(digits.seed + 3),
    )
    return digits.score(parameters)


@dataclass(frozen=True)
class Outcome:
    """
    What came of an exchange.

    :param accuracy: of the version in force at the end, on what no training saw.
    :param update_bytes: of one contribution.
    :param sent_bytes: of chunks, by all robots in all rounds.
    """

    accuracy: float
    update_bytes: int
    sent_bytes: int


def exchange(
    digits: Digits,
    shares: Sequence[tuple[int, int]],
    rounds: int,
    *,
    rule: Rule = MEAN,
    encoding: Encoding = Encoding.FLOAT16,
    poisoned: int = -1,
    factor: float = -3.0,
) -> Outcome:
    """
    Let robots train and exchange.

    :param poisoned: number of a robot that hands in its update times `factor`; -1: none.
    """
    begun = digits.first()
    architecture = Architecture([Tensor(name, each.shape) for name, each in begun.items()])
    swarm = ModelSwarm(
        len(shares),
        architecture,
        architecture.flatten(begun),
        rule=rule,
        encoding=encoding,
        seed=digits.seed,
    )
    names = list(swarm.robots)
    own = [digits.share(shares, number) for number in range(len(shares))]
    random = np.random.default_rng(digits.seed + 4)
    for number in range(rounds):
        now = swarm.agreed()
        arrays = architecture.split(now)
        learnt = {}
        for robot, name in enumerate(names):
            trained = train(
                arrays,
                digits.inputs[own[robot]],
                digits.labels[own[robot]],
                steps=STEPS,
                rate=RATE,
                random=random,
            )
            vector = architecture.flatten(trained)
            if robot == poisoned:
                vector = now + np.float32(factor) * (vector - now)
            learnt[name] = vector
        swarm.round(learnt, names[number % len(names)], len(names))
    size = encoding.size(architecture.count)
    return Outcome(digits.score(architecture.split(swarm.agreed())), size, swarm.bytes)
