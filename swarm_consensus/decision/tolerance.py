"""How many faulty robots the agreed level bears in a swarm, and of what kind."""

from __future__ import annotations

from swarm_consensus.protocols.agreement.messages import ROBOTS_MAX
from swarm_consensus.protocols.agreement.quorum import Thresholds, faults_most
from swarm_consensus.protocols.values import value

# What may be assumed of faulty robots: anything at all, that they only stop, or the first where
# the robots have keys and the second where they have not.
ASSUMPTIONS = ('auto', 'byzantine', 'crash')


@value
class Tolerance:
    """
    What the agreed level bears.

    :param lies: whether faulty robots may do anything; otherwise they only stop.
    :param faults: how many there may be.
    """

    lies: bool
    faults: int


def tolerance(assumption: str, faults_max: int, robots: int, *, has_keys: bool) -> Tolerance:
    """
    Return what a swarm bears.

    :param assumption: one of ASSUMPTIONS.
    :param faults_max: how many faulty robots; -1: as many as can be.
    :param robots: size of the swarm.
    :param has_keys: whether its robots have keys to sign with.
    :raises ValueError: so many are not borne, with the reason and what to change.
    """
    lies = assumption == 'byzantine' or (assumption == 'auto' and has_keys)
    if problem := too_many(robots):
        raise ValueError(problem)
    if faults_max >= 0:
        if problem := tolerance_problem(robots, faults_max, lies):
            raise ValueError(problem)
        return Tolerance(lies, faults_max)
    faults = faults_most(robots, lies)
    # A robot alone has nobody to lie to. For several it would be a promise of nothing.
    if lies and not faults and robots > 1:
        said = '' if assumption == 'byzantine' else ', which is byzantine where there are keys'
        raise ValueError(
            f'agreed_faults is {assumption}{said}, but {robots} robots bear none that lies: with '
            f'n = 3f robots or fewer, f liars can tell each half of the others what suits it. Make '
            'it 4 robots, or write `agreed_faults: crash` if no robot can lie'
        )
    return Tolerance(lies, faults)


def tolerance_problem(robots: int, faults: int, lies: bool) -> str:
    """Return why a swarm does not bear so many faulty robots, and what to change; '' if it does."""
    try:
        Thresholds(robots, faults, lies)
    except ValueError as error:
        instead = 'add robots, or lower agreed_faults_max'
        if lies and faults <= faults_most(robots, False):
            instead += ', or write `agreed_faults: crash` if no robot can lie'
        return f'agreed_faults_max is {faults}, but {error}: {instead}'
    return ''


def too_many(robots: int) -> str:
    """Return why a swarm is too large for the agreed level; '' where it is not."""
    if robots <= ROBOTS_MAX:
        return ''
    return f'the level agreed serves {ROBOTS_MAX} robots, and these are {robots}'
