"""How the rules are called by which robots decide, and which level has which."""

from __future__ import annotations

import re

from swarm_consensus.decision.types import Level

# Pools of evidence over labels; every level has them (fusion.py, pooling.py).
POOLS = ('log_linear', 'linear')
# What robots that fuse evidence as it comes have, at the levels fused and committed (fusion.py).
FUSION_RULES = (*POOLS, 'median')
# What only robots that all judge the same ballots can do.
COUNTS = ('plurality', 'weighted_plurality')
MIDDLES = ('median', 'trimmed_mean')
AGREED_RULES = (*POOLS, *COUNTS, *MIDDLES)

_WORDS = r'[A-Za-z_]\w*(\.[A-Za-z_]\w*)*'
_ENTRY_POINT = re.compile(rf'{_WORDS}:{_WORDS}', re.ASCII)
ENTRY_POINT_LENGTH_MAX = 256


def is_entry_point(rule: str) -> bool:
    """Return whether a rule is a user's own, `package.module:function`."""
    return ':' in rule


def rule_problem(rule: str, level: Level) -> str:
    """
    Return why a level cannot have a rule and what to write instead; '' where it can.

    The text goes on from the place of the setting: `subject.sign.fusion is 'x', ...`. Whether an
    entry point is there is seen when it is loaded (entry_point.py).
    """
    if level is not Level.AGREED:
        if rule in FUSION_RULES:
            return ''
        if rule in AGREED_RULES or _ENTRY_POINT.fullmatch(rule):
            known = f'{", ".join(FUSION_RULES[:-1])} or {FUSION_RULES[-1]}'
            return f"is '{rule}', which only `level: agreed` has; use {known}"
        return f"is '{rule}', must be one of {', '.join(FUSION_RULES)}"
    if rule in AGREED_RULES:
        return ''
    if not is_entry_point(rule):
        return f"is '{rule}', must be one of {', '.join(AGREED_RULES)}, or package.module:function"
    if not _ENTRY_POINT.fullmatch(rule):
        return f"is '{rule}', which cannot name a function; write package.module:function"
    if len(rule) > ENTRY_POINT_LENGTH_MAX:
        return f'has {len(rule)} characters, but must have {ENTRY_POINT_LENGTH_MAX} at most'
    return ''
