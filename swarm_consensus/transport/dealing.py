"""
Making the keys of a swarm, all at once and in one place.

Whoever deals knows all the secrets for that moment, so it is done by the operator, on a computer
that is trusted, and each robot is given its own file and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
import secrets

from swarm_consensus.transport import curve
from swarm_consensus.transport.keys import Keys, PublicKeys
from swarm_consensus.transport.signing import SEED_BYTES, Signer


def deal(
    swarm: str,
    robots: Iterable[str],
    faults_max: int,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> dict[str, Keys]:
    """
    Return what each robot of a swarm holds.

    :param robots: all of the swarm.
    :param faults_max: so many robots together must not know the coin: the f of the agreement.
    :param random_bytes: a source that nobody can guess, except in tests.
    :raises ValueError: no robots, one named twice, or faults_max out of range.
    """
    names = list(robots)
    if len(set(names)) != len(names):
        raise ValueError(f'a robot is named twice: {", ".join(names)}')
    if not 0 <= faults_max < len(names):
        raise ValueError(
            f'faults_max is {faults_max}; with {len(names)} robots it must be in '
            f'0..{len(names) - 1}'
        )
    seeds = {robot: random_bytes(SEED_BYTES) for robot in sorted(names)}
    while True:
        # Shamir (1979): f shares fit every secret, f + 1 give it.
        coefficients = [curve.wide_scalar(random_bytes(64)) for _ in range(faults_max + 1)]
        shares = {
            robot: curve.polynomial(coefficients, place)
            for place, robot in enumerate(sorted(names), start=1)
        }
        # A coefficient or a share of 0 has no point. It comes once in 2^252 dealings.
        if all(coefficients) and all(shares.values()):
            break
    public = PublicKeys(
        swarm,
        {robot: Signer(seed).public_key for robot, seed in seeds.items()},
        faults_max,
        tuple(curve.base_times(coefficient) for coefficient in coefficients),
    )
    return {robot: Keys(robot, public, seeds[robot], shares[robot]) for robot in sorted(names)}
