"""Which ways of spreading evidence go with which level and rule."""

from __future__ import annotations

from swarm_consensus.decision.averages import AVERAGED_RULES
from swarm_consensus.decision.types import Gossip, Level

# The product cannot be robust, as nobody knows how many lie; its mean over the robots can.
ROBUST_RULES = ('log_linear',)


def gossip_problem(gossip: Gossip, level: Level, rule: str) -> str:
    """
    Return why evidence cannot spread so, and what to write instead; '' where it can.

    The text goes on from the place of the setting: `subject.sign.gossip is 'x', ...`.
    """
    if gossip is Gossip.EXACT:
        return ''
    said = f"is '{gossip.value}'"
    if level is not Level.FUSED:
        return f'{said}, which only `level: fused` has; leave it out'
    if gossip is Gossip.ROBUST:
        if rule in ROBUST_RULES:
            return ''
        return f'{said}, which trims log-likelihoods; write `fusion: {ROBUST_RULES[0]}`, not {rule}'
    if rule not in AVERAGED_RULES:
        known = ' or '.join(f'`fusion: {name}`' for name in AVERAGED_RULES)
        return f'{said}, which adds up what robots believe, as {known} do; {rule} needs `exact`'
    return ''


def least(liars: int) -> int:
    """Return the fewest robots with which so many that lie can be outvoted."""
    # No graph of n robots is more than n/2-robust, rounded up, and it takes 2f + 1.
    return 4 * liars + 1


def liars_problem(gossip: Gossip, liars: int, robots: int) -> str:
    """
    Return why so many that lie cannot be outvoted; '' where they can, as `gossip_problem`.

    :param liars: as it was set; 0: as many as can be.
    """
    wanted = least(max(liars, 1))
    if gossip is not Gossip.ROBUST or robots >= wanted:
        return ''
    return (
        f'is {liars or 1}, which takes {wanted} robots that all hear each other; there are {robots}'
    )
