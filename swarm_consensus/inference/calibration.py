"""
Fits the temperature of a classifier on examples that it was not trained on.

The temperature minimises the mean negative log-likelihood of the true labels (Guo et al., ICML
2017, section 4.2). With b = 1 / temperature the loss is convex in b, so its derivative has at most
one zero, and safeguarded Newton steps in log b find it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from swarm_consensus.inference.likelihood import log_softmax
from swarm_consensus.protocols.values import value

# Beyond these a model is as good as deaf or as good as certain, and the examples are too few or
# too well separated to say more.
TEMPERATURE_MIN = 0.01
TEMPERATURE_MAX = 100.0
STEPS_MAX = 100
TOLERANCE = 1e-10


@value
class Calibration:
    """
    What was found.

    :param temperature: best one, within TEMPERATURE_MIN..TEMPERATURE_MAX.
    :param loss_before: mean negative log-likelihood at temperature 1, nats.
    :param loss_after: the same at the best temperature, nats.
    :param error_before: expected calibration error at temperature 1, 0..1.
    :param error_after: the same at the best temperature.
    """

    temperature: float
    loss_before: float
    loss_after: float
    error_before: float
    error_after: float


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> Calibration:
    """
    Find the temperature under which the model is as sure as it is right.

    :param logits: shape (examples, labels); log-probabilities will do as well.
    :param labels: shape (examples,), index of the true label of each example.
    :raises ValueError: shapes do not fit, no examples, non-finite logits, label out of range.
    """
    values = np.asarray(logits, np.float64)
    truth = np.asarray(labels)
    _check(values, truth)
    low, high = math.log(1 / TEMPERATURE_MAX), math.log(1 / TEMPERATURE_MIN)
    log_b = 0.0
    for _ in range(STEPS_MAX):
        slope, curvature = _derivatives(values, truth, math.exp(log_b))
        if slope > 0:
            high = log_b
        else:
            low = log_b
        step = -slope / curvature if curvature > 0 else math.inf
        following = log_b + step
        if not low < following < high:
            following = (low + high) / 2  # Newton overshot: halve the bracket instead
        moved, log_b = abs(following - log_b), following
        if moved < TOLERANCE:
            break
    temperature = math.exp(-log_b)
    return Calibration(
        temperature,
        negative_log_likelihood(values, truth, 1.0),
        negative_log_likelihood(values, truth, temperature),
        expected_calibration_error(values, truth, 1.0),
        expected_calibration_error(values, truth, temperature),
    )


def negative_log_likelihood(
    logits: NDArray[np.float64], labels: NDArray[np.integer], temperature: float
) -> float:
    """Mean negative log-likelihood of the true labels, nats; shapes as in `fit_temperature`."""
    log_p = log_softmax(np.asarray(logits, np.float64) / temperature)
    return float(-log_p[np.arange(len(labels)), labels].mean())


def expected_calibration_error(
    logits: NDArray[np.float64],
    labels: NDArray[np.integer],
    temperature: float,
    bins: int = 15,
) -> float:
    """
    Mean gap between confidence and accuracy over bins of confidence (Naeini et al., AAAI 2015).

    :param bins: number of bins of equal width over 0..1.
    """
    probabilities = np.exp(log_softmax(np.asarray(logits, np.float64) / temperature))
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(np.intp), bins - 1)
    counts = np.bincount(which, minlength=bins)
    gaps = np.bincount(which, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / counts.sum())


def _derivatives(
    logits: NDArray[np.float64], labels: NDArray[np.integer], b: float
) -> tuple[float, float]:
    """First and second derivative of the mean loss in log b, at b."""
    p = np.exp(log_softmax(logits * b))
    expected = (p * logits).sum(axis=1)
    variance = (p * logits**2).sum(axis=1) - expected**2
    slope_b = float((expected - logits[np.arange(len(labels)), labels]).mean())
    curvature_b = float(variance.mean())
    # Chain rule for log b: d/d(log b) = b d/db.
    return b * slope_b, b * slope_b + b * b * curvature_b


def _check(logits: NDArray[np.float64], labels: NDArray[np.integer]) -> None:
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise ValueError(f'logits have shape {logits.shape}: (examples, labels) is wanted')
    if labels.shape != (logits.shape[0],):
        raise ValueError(
            f'labels have shape {labels.shape} for {logits.shape[0]} examples: one each is wanted'
        )
    if len(labels) == 0:
        raise ValueError('no examples to fit to')
    if not np.isfinite(logits).all():
        raise ValueError('logits have nan or infinity')
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f'labels are {labels.dtype}: indices are wanted')
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(
            f'labels reach from {labels.min()} to {labels.max()}, but there are '
            f'{logits.shape[1]} of them'
        )
