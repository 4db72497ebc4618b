"""
A robot that adapts its model: trains on its own data, hands in what it learnt, and goes on from
what the swarm decides.

    python -m swarm_consensus.examples.adapt_model robot_1 signs data.npz --rounds 20

`data.npz` holds this robot's own examples: `inputs`, shape (examples, inputs), and `labels`, shape
(examples,), indices. The model is the network of one hidden layer in `_small_network.py`; replace
`train` by your own training, whatever library it uses. One robot of the swarm is run with
`--merge N`: it has the contributions merged as soon as N robots have handed in theirs. With
`model_merge_at` in swarm.yaml the leader does that, and no robot needs to.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
import sys

import numpy as np

from swarm_consensus.client import AsyncioSwarmClient, RobotNotFoundError, SwarmClient
from swarm_consensus.examples._small_network import accuracy, train

POLL_S = 0.1


async def adapt(
    robot: str, model: str, data: str, *, rounds: int, steps: int, rate: float, merge: int
) -> None:
    """Train, contribute, and wait for the next version, round after round."""
    with np.load(data, allow_pickle=False) as file:
        inputs, labels = file['inputs'], file['labels']
    # Each robot draws its own batches.
    random = np.random.default_rng(list(robot.encode()))
    async with SwarmClient.connect(robot=robot) as swarm:
        begun = await swarm.read_model(model)
        for _ in range(rounds):
            if not begun.found:
                print(begun.reason, file=sys.stderr)
                return
            learnt = train(begun.arrays, inputs, labels, steps=steps, rate=rate, random=random)
            given = await swarm.contribute(
                model, learnt, weight=float(len(labels)), base=begun.parameters_hash
            )
            if not given.accepted:
                # A version was decided meanwhile: train on from that one.
                print(given.reason, flush=True)
            elif merge:
                await _merge(swarm, model, merge)
            while True:
                now = await swarm.read_model(model)
                if not now.found or now.revision > begun.revision:
                    break
                await asyncio.sleep(POLL_S)
            begun = now
            if begun.found:
                right = accuracy(begun.arrays, inputs, labels)
                print(f'revision {begun.revision}: {right:.3f} on own data', flush=True)


async def _merge(swarm: AsyncioSwarmClient, model: str, robots: int) -> None:
    """Have a version decided, once enough robots have handed in what they learnt."""
    while True:
        merged = await swarm.merge(model, contributions_min=robots)
        if merged.decision.answered or 'are needed' not in merged.decision.reason:
            print(
                f'{merged.decision.status.name} {", ".join(merged.contributors)} '
                f'{merged.decision.reason}',
                flush=True,
            )
            return
        await asyncio.sleep(POLL_S)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description='adapt a model together with the other robots')
    parser.add_argument('robot', help='name of the robot that this one is')
    parser.add_argument('model', help='name of the model in the exchange')
    parser.add_argument('data', help='.npz of inputs and labels')
    parser.add_argument('--rounds', type=int, default=20, help='versions to take part in')
    parser.add_argument('--steps', type=int, default=5, help='of training in each round')
    parser.add_argument('--rate', type=float, default=0.5, help='of learning')
    parser.add_argument('--merge', type=int, default=0, help='merge once so many have contributed')
    given = parser.parse_args(arguments)
    try:
        asyncio.run(
            adapt(
                given.robot,
                given.model,
                given.data,
                rounds=given.rounds,
                steps=given.steps,
                rate=given.rate,
                merge=given.merge,
            )
        )
    except RobotNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == '__main__':
    sys.exit(main())
