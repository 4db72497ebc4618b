"""The fitted temperature: the known one is found, it is the best one, and nonsense is refused."""

from __future__ import annotations

import numpy as np
import pytest

from swarm_consensus.inference.calibration import (
    TEMPERATURE_MAX,
    TEMPERATURE_MIN,
    fit_temperature,
    negative_log_likelihood,
)


def examples(seed: int, temperature: float, count: int = 20_000, labels: int = 5):
    """Examples whose labels are drawn from the logits at a known temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, labels)) * 3 * temperature
    scaled = logits / temperature
    p = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    truth = (p.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return logits, np.minimum(truth, labels - 1)


@pytest.mark.parametrize('temperature', [0.2, 0.7, 1.0, 1.8, 6.0])
@pytest.mark.parametrize('seed', [0, 1])
def test_the_temperature_that_made_the_labels_is_found(seed, temperature):
    found = fit_temperature(*examples(seed, temperature))
    assert found.temperature == pytest.approx(temperature, rel=0.05), f'seed {seed}'


@pytest.mark.parametrize('seed', range(5))
def test_no_temperature_on_a_fine_grid_is_better(seed):
    logits, truth = examples(seed, 2.3, count=500)
    found = fit_temperature(logits, truth)
    grid = np.geomspace(TEMPERATURE_MIN, TEMPERATURE_MAX, 2000)
    best = min(negative_log_likelihood(logits, truth, t) for t in grid)
    assert found.loss_after <= best + 1e-12, f'seed {seed}'
    assert found.loss_after <= found.loss_before


def test_calibration_lowers_the_calibration_error_of_a_model_that_is_too_sure():
    found = fit_temperature(*examples(0, 3.0))
    assert found.error_before > 0.1
    assert found.error_after < 0.02


@pytest.mark.parametrize(('right', 'limit'), [(True, TEMPERATURE_MIN), (False, TEMPERATURE_MAX)])
def test_examples_that_say_nothing_end_at_the_limits(right, limit):
    # All right: the surer the better. All wrong: the less sure the better.
    logits = np.array([[5.0, 0.0], [4.0, 0.0]])
    truth = np.array([0, 0] if right else [1, 1])
    found = fit_temperature(logits, truth)
    assert found.temperature == pytest.approx(limit, rel=1e-3)
    assert np.isfinite(found.loss_after)


def test_logits_that_are_all_alike_leave_the_temperature_as_it_is():
    found = fit_temperature(np.zeros((3, 2)), np.array([0, 1, 0]))
    assert np.isfinite(found.temperature)
    assert found.loss_after == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ('logits', 'truth', 'said'),
    [
        (np.zeros(3), np.zeros(3, int), r'shape \(3,\)'),
        (np.zeros((3, 1)), np.zeros(3, int), r'\(examples, labels\) is wanted'),
        (np.zeros((3, 2)), np.zeros(2, int), 'for 3 examples'),
        (np.zeros((0, 2)), np.zeros(0, int), 'no examples'),
        (np.full((3, 2), np.nan), np.zeros(3, int), 'nan or infinity'),
        (np.zeros((3, 2)), np.zeros(3), 'indices are wanted'),
        (np.zeros((3, 2)), np.array([0, 1, 2]), 'reach from 0 to 2'),
    ],
)
def test_nonsense_is_refused(logits, truth, said):
    with pytest.raises(ValueError, match=said):
        fit_temperature(logits, truth)
