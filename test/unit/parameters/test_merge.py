"""Every robot makes the same parameters of the same contributions, and no liar moves them far."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from swarm_consensus.protocols.parameters import merge as merging
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.merge import Rule, RuleKind, Update, merge

MEAN = Rule()


def trimmed(trim: int) -> Rule:
    return Rule(RuleKind.TRIMMED_MEAN, trim)


def updates(seed: int, robots: int, count: int) -> list[Update]:
    random = np.random.default_rng(seed)
    scale = 10.0 ** random.uniform(-8, 8, (robots, 1))
    values = (random.normal(size=(robots, count)) * scale).astype(np.float32)
    # Some are equal, and some are zeros of both signs, which sort where they like.
    values[random.random(values.shape) < 0.1] = 0.0
    values[random.random(values.shape) < 0.1] = -0.0
    weights = 10.0 ** random.uniform(-3, 5, robots)
    return [Update(f'r{n}', float(weights[n]), values[n]) for n in range(robots)]


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    robots=st.integers(1, 12),
    count=st.integers(1, 300),
    trim=st.integers(0, 3),
    order=st.randoms(use_true_random=False),
)
def test_the_order_in_which_contributions_came_changes_no_bit(seed, robots, count, trim, order):
    base = np.random.default_rng(seed + 1).normal(size=count).astype(np.float32)
    came = updates(seed, max(robots, 2 * trim + 1), count)
    rule = trimmed(trim) if trim else MEAN
    first = merge(base, came, rule)
    for _ in range(5):
        order.shuffle(came)
        assert merge(base, came, rule).tobytes() == first.tobytes()


@given(st.integers(0, 2**32))
def test_the_slices_in_which_it_is_made_change_no_bit(seed):
    came, base = updates(seed, 7, 100), np.zeros(100, np.float32)
    whole = merge(base, came, trimmed(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, 'SLICE', 7)
        assert merge(base, came, trimmed(2)).tobytes() == whole.tobytes()


def test_the_bits_are_these():
    # A robot of another build, processor or NumPy has to make the same ones.
    base = np.linspace(-1, 1, 1000).astype(np.float32)
    came = [
        Update(f'r{n}', 1.0 + n / 3, _waves(n + 1))
        for n in range(7)
    ]
    assert _digest(merge(base, came, MEAN)) == 'c89bfa6ed3bde1eb'
    assert _digest(merge(base, came, trimmed(2))) == 'dfd770bc3fee1357'


def _waves(speed: int) -> np.ndarray:
    # In halves, so that the last bit of a sine does not matter.
    return np.sin(np.arange(1000) * speed).astype(np.float16).astype(np.float32)


def _digest(vector: np.ndarray) -> str:
    return hashlib.sha256(vector.astype('<f4').tobytes()).hexdigest()[:16]


def test_the_mean_is_the_weighted_one_of_the_updates_on_the_base():
    base = np.array([1, 2], np.float32)
    came = [
        Update('a', 1.0, np.array([4, 0], np.float32)),
        Update('b', 3.0, np.array([0, 4], np.float32)),
    ]
    assert merge(base, came, MEAN).tolist() == [2, 5]


def test_the_trimmed_mean_leaves_out_the_extremes_of_each_coordinate():
    came = [
        Update(f'r{n}', 1.0, np.array(row, np.float32))
        for n, row in enumerate([[1, 9], [2, -50], [3, 7], [1000, 8], [-1000, 6]])
    ]
    assert merge(np.zeros(2, np.float32), came, trimmed(1)).tolist() == [2, 7]
    assert merge(np.zeros(2, np.float32), came, trimmed(2)).tolist() == [2, 7]


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    trim=st.integers(1, 3),
    more=st.integers(1, 6),
    lie=st.tuples(*[st.floats(width=32, allow_nan=False, allow_infinity=False)] * 3),
)
def test_liars_cannot_move_it_beyond_what_honest_robots_say(seed, trim, more, lie):
    count = 20
    honest = updates(seed, trim + more, count)
    liars = [
        Update(f'liar{n}', 1e9, np.full(count, lie[n], np.float32)) for n in range(trim)
    ]
    said = np.stack([each.values for each in honest])
    made = merge(np.zeros(count, np.float32), honest + liars, trimmed(trim))
    assert np.all(said.min(axis=0) <= made) and np.all(made <= said.max(axis=0))


def test_one_liar_moves_the_mean_as_far_as_it_likes():
    honest = [Update(f'r{n}', 1.0, np.ones(3, np.float32)) for n in range(9)]
    liar = Update('x', 1e6, np.full(3, -1e6, np.float32))
    base = np.zeros(3, np.float32)
    assert merge(base, [*honest, liar], MEAN)[0] < -9e5
    assert merge(base, [*honest, liar], trimmed(1))[0] == 1


@pytest.mark.parametrize(
    ('came', 'rule', 'message'),
    [
        ([], MEAN, '0 contributions'),
        ([Update('a', 1.0, np.zeros(2, np.float32))] * 2, MEAN, 'two contributions of one robot'),
        ([Update('a', 1.0, np.zeros(3, np.float32))], MEAN, 'another length'),
        (
            [Update(str(n), 1.0, np.zeros(2, np.float32)) for n in range(4)],
            trimmed(2),
            '4 contributions, and TRIMMED_MEAN with trim 2 needs 5',
        ),
        ([Update('a', 1.0, np.full(2, 3e38, np.float32))], MEAN, 'not finite'),
    ],
)
def test_what_cannot_be_merged_is_refused(came, rule, message):
    with pytest.raises(ParametersError, match=message):
        merge(np.full(2, 3e38, np.float32), came, rule)


@pytest.mark.parametrize(
    ('kind', 'trim'),
    [(RuleKind.WEIGHTED_MEAN, 1), (RuleKind.TRIMMED_MEAN, 0), (RuleKind.TRIMMED_MEAN, -1)],
)
def test_rules_that_contradict_themselves_are_refused(kind, trim):
    with pytest.raises(ParametersError):
        Rule(kind, trim)
