"""The policy of a subject, each key declared once; a node has them as `subject.<name>.<key>`."""

from __future__ import annotations

from collections.abc import Container

from swarm_consensus.composition.parameter import Parameter
from swarm_consensus.decision.types import Gossip

SUBJECT_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        'labels',
        [],
        'The possible answers, in the order of the models; empty: decided by proposals only.',
        element=str,
    ),
    Parameter(
        'level',
        'committed',
        'How firm the answer is: `fused` never waits for a majority, `agreed` needs no leader and '
        'bears robots that lie, `committed` is durable.',
        choices=('fused', 'agreed', 'committed'),
    ),
    Parameter(
        'confidence',
        0.8,
        'Probability that the winning label must have after fusion.',
        minimum=0.0,
        maximum=1.0,
    ),
    Parameter(
        'quorum',
        'majority',
        'How many robots must have spoken: `majority`, `all` or a whole number.',
    ),
    Parameter(
        'settle',
        0.05,
        'Time to wait, once there is quorum, for robots that are alive and have not spoken.',
        's',
        minimum=0.0,
        maximum=60.0,
    ),
    Parameter(
        'deadline',
        1.0,
        'Time from the first evidence after which `on_deadline` applies.',
        's',
        minimum=0.01,
        maximum=3600.0,
    ),
    Parameter(
        'on_deadline',
        'decide',
        'At the deadline with quorum: take the best label below `confidence`, or give up.',
        choices=('decide', 'give_up'),
    ),
    Parameter(
        'revise',
        'never',
        'Whether new evidence that favours another label decides a decided subject again.',
        choices=('never', 'on_change'),
    ),
    Parameter(
        'evidence_age_max',
        2.0,
        'Age after which evidence no longer counts; 0: no limit.',
        's',
        minimum=0.0,
        maximum=86_400.0,
    ),
    Parameter(
        'half_life',
        0.0,
        'Age at which evidence counts half, and half as much again after as long again; 0: it does '
        'not fade. Not for level `agreed`.',
        's',
        minimum=0.0,
        maximum=86_400.0,
    ),
    Parameter(
        'gossip',
        'exact',
        'How evidence spreads: what each robot believes travels to all (`exact`, up to a few '
        'hundred robots), or is added up on its way (`averaging`, swarms of any size); `robust` as '
        '`exact`, and `liars` that lie are outvoted. Level `fused`, but for `exact`.',
        choices=tuple(each.value for each in Gossip),
    ),
    Parameter(
        'liars',
        0,
        'With `gossip: robust`: how many robots may lie and are to be outvoted; 0: a quarter of '
        'the others. The answer is NOT_ROBUST while too few robots hear each other for that.',
        'robots',
        minimum=0,
        maximum=127,
    ),
    Parameter(
        'fusion',
        'log_linear',
        'How evidence is pooled: product of likelihoods (`log_linear`), the more cautious mean '
        '(`linear`), or `median`. Level `agreed` also has `plurality`, `weighted_plurality`, '
        '`trimmed_mean`, and rules of your own as `package.module:function`.',
    ),
    Parameter(
        'support',
        0,
        'Level `agreed`: how many robots must stand behind what is proposed; 0: one more than may '
        'lie, or one where none does.',
        'robots',
        minimum=0,
        maximum=256,
    ),
)

SUBJECT_PREFIX = 'subject.'


def subject_parameter_name(subject: str, key: str) -> str:
    """Return the name under which consensus_node has a key of a subject's policy."""
    return f'{SUBJECT_PREFIX}{subject}.{key}'


def serving(subjects: Container[str], name: str) -> str:
    """Return the subject whose policy serves a name: itself or its longest prefix; else ''."""
    while name and name not in subjects:
        name = name.rpartition('/')[0]
    return name
