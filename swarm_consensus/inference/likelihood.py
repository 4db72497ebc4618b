"""
From what a model answers to calibrated log-likelihoods.

A classifier answers with a posterior p(label | frame) under the label frequencies of its training.
Dividing the logits by a temperature calibrates it (Guo et al., On Calibration of Modern Neural
Networks, ICML 2017, section 4); dividing by those frequencies leaves the likelihood of the frame
up to a factor, which is what several robots' evidence is fused from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.inference.errors import InvalidOutputError, NonFiniteOutputError
from swarm_consensus.inference.spec import OutputKind

# How far probabilities may be from summing to 1. Half precision with a thousand labels stays
# below this; logits that were declared as probabilities do not.
SUM_TOLERANCE = 0.02
# Stands in for a probability of 0 before the logarithm: finite at any sensible temperature.
PROBABILITY_MIN = 1e-30


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Turn logits into natural-log probabilities.

    :param logits: shape (..., labels), finite.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def as_logits(output: NDArray[Any], kind: OutputKind) -> NDArray[np.float64]:
    """
    Turn a model's answer into logits.

    :param output: shape (labels,).
    :raises NonFiniteOutputError: nan, or an infinity that is not the logarithm of 0.
    :raises InvalidOutputError: the numbers are not of the declared kind.
    """
    values = np.asarray(output, np.float64).reshape(-1)
    if kind is OutputKind.LOG_PROBABILITIES:
        # The logarithm of a probability of 0 is meant.
        values = np.where(np.isneginf(values), np.log(PROBABILITY_MIN), values)
    if not np.isfinite(values).all():
        raise NonFiniteOutputError('the model answered with nan or infinity')
    if kind is OutputKind.LOGITS:
        return values
    if kind is OutputKind.PROBABILITIES:
        probabilities = values
        values = np.log(np.maximum(probabilities, PROBABILITY_MIN))
    else:
        # Far above 0 there is no probability, and exp would overflow.
        probabilities = np.exp(np.minimum(values, 100.0))
    total, lowest = float(probabilities.sum()), float(probabilities.min())
    if lowest < -SUM_TOLERANCE or abs(total - 1.0) > SUM_TOLERANCE:
        raise InvalidOutputError(
            f'the answer is not {kind.value}: probabilities sum to {total:.4g}, lowest '
            f"{lowest:.4g}; set output_kind to what the model gives (perhaps 'logits')"
        )
    return values


class LikelihoodRule:
    """
    Temperature, prior and floor of one model; the temperature may change at any time.

    :param temperature: logits are divided by it, > 0; above 1 makes the model less sure.
    :param prior: frequency of each label in training; empty: all alike.
    :param floor: smallest log-likelihood given to a label, < 0: no robot can veto for good.
    """

    def __init__(
        self,
        kind: OutputKind,
        *,
        temperature: float = 1.0,
        prior: Sequence[float] = (),
        floor: float = -30.0,
    ) -> None:
        self.kind = kind
        self.temperature = temperature
        self.floor = floor
        self._log_prior: NDArray[np.float64] | None = None
        if prior:
            shares = np.asarray(prior, np.float64)
            self._log_prior = np.log(shares / shares.sum())

    def apply(self, output: NDArray[Any]) -> NDArray[np.float32]:
        """
        Work out the log-likelihoods of one frame, scaled so that their exponentials sum to 1.

        :param output: what the model answered, shape (labels,).
        :return: shape (labels,), every value finite and at least the floor.
        :raises NonFiniteOutputError: nan or infinity in the answer.
        :raises InvalidOutputError: the answer is not of the declared kind.
        """
        logits = as_logits(output, self.kind)
        likelihood = log_softmax(logits / self.temperature)
        if self._log_prior is not None:
            likelihood = log_softmax(likelihood - self._log_prior)
        return np.maximum(likelihood, self.floor).astype(np.float32)
