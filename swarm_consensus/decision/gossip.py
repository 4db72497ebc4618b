"""Which ways of spreading evidence go with which level and rule."""

from __future__ import annotations

from swarm_consensus.decision.averages import AVERAGED_RULES
from swarm_consensus.decision.types import Gossip, Level


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
    if rule not in AVERAGED_RULES:
        known = ' or '.join(f'`fusion: {name}`' for name in AVERAGED_RULES)
        return f'{said}, which adds up what robots believe, as {known} do; {rule} needs `exact`'
    return ''
