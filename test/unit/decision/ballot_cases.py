"""Policies and ballots for the tests of the rules."""

from __future__ import annotations

from dataclasses import replace
import math
import struct
from typing import Any

from hypothesis import strategies as st

from swarm_consensus.decision.ballots import Ballot, Outcome
from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.rule_names import AGREED_RULES
from swarm_consensus.decision.rules import judge
from swarm_consensus.decision.types import ANY_REVISION, Level

LABELS = ('cat', 'dog', 'fox')
HASH = 77
SIGNS = Policy(
    name='animal',
    labels=LABELS,
    labels_hash=HASH,
    level=Level.AGREED,
    quorum=3,
    confidence=0.5,
    settle_ns=0,
    deadline_ns=1,
    decide_at_deadline=True,
    revise=False,
    evidence_age_max_ns=0,
    fusion='log_linear',
)
GOALS = replace(SIGNS, name='goal', labels=(), labels_hash=1, fusion='plurality')


def robots(count: int) -> tuple[str, ...]:
    """Return r1 .. rN; as text r10 comes before r2."""
    return tuple(f'r{number + 1}' for number in range(count))


def sees(*probabilities: float, **more: Any) -> Ballot:
    """Return the ballot of a robot that has evidence."""
    return Ballot(HASH, tuple(math.log(p) for p in probabilities), **more)


def doubles(*numbers: float) -> bytes:
    """Return numbers as a value."""
    return struct.pack(f'<{len(numbers)}d', *numbers)


def numbers_of(value: bytes) -> tuple[float, ...]:
    """Return the numbers of a value."""
    return struct.unpack(f'<{len(value) // 8}d', value)


def settle(
    policy: Policy,
    ballots: list[Ballot | None] | dict[str, Ballot | None],
    *,
    faults: int = 1,
    lies: bool = True,
    weights: tuple[float, ...] = (),
    before: Outcome | None = None,
) -> Outcome:
    """Judge ballots, of r1, r2, ... where they come as a list."""
    if isinstance(ballots, list):
        ballots = dict(zip(robots(len(ballots)), ballots, strict=True))
    epoch = before.epoch + 1 if before else 1
    names = tuple(ballots)
    return judge(policy, names, weights, faults, lies, ballots, before, epoch)


anything = st.floats(width=64)
ballots_of_anybody = st.builds(
    Ballot,
    labels_hash=st.sampled_from([0, HASH, HASH, HASH, 5]),
    log_likelihood=st.one_of(
        st.just(()),
        st.tuples(*[st.floats(-9.0, 0.0)] * len(LABELS)),
        st.tuples(*[anything] * len(LABELS)),
        st.lists(anything, max_size=5).map(tuple),
    ),
    late=st.booleans(),
    choice=st.sampled_from(['', *LABELS, 'cow']),
    value=st.one_of(
        st.sampled_from([b'', b'x', doubles(1.0), doubles(2.0)]),
        st.lists(anything, min_size=1, max_size=3).map(lambda numbers: doubles(*numbers)),
    ),
    expected_revision=st.sampled_from([ANY_REVISION, 0, 1, 7, -3]),
    request_id=st.sampled_from(['', 'a#1', 'b#1']),
)
policies = st.builds(
    lambda base, **changes: replace(base, **changes),
    st.sampled_from([SIGNS, GOALS]),
    fusion=st.sampled_from(AGREED_RULES),
    quorum=st.integers(1, 4),
    support=st.integers(0, 3),
    confidence=st.sampled_from([0.0, 0.5, 0.9]),
    decide_at_deadline=st.booleans(),
    revise=st.booleans(),
)
