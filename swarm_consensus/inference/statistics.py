"""What happened to the frames, and how long it took, for diagnostics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from swarm_consensus.protocols.values import value


@dataclass(slots=True)
class Counters:
    """
    Frames by their fate, since the node was configured. Each frame that came while the node was
    active ends in one of `superseded`, `malformed`, `failed`, `non_finite`, `invalid`,
    `published`, or is still under way.

    :param received: came from the sensor.
    :param lost: never came, by what DDS says.
    :param superseded: a newer one came before the model was free.
    :param malformed: could not be decoded or does not fit the model.
    :param failed: onnxruntime raised an error.
    :param non_finite: the model answered with nan or infinity.
    :param invalid: the answer was not of the declared kind.
    :param published: a belief went out.
    :param unstamped: had no stamp, so the time of arrival was taken.
    """

    received: int = 0
    lost: int = 0
    superseded: int = 0
    malformed: int = 0
    failed: int = 0
    non_finite: int = 0
    invalid: int = 0
    published: int = 0
    unstamped: int = 0


@value
class Quantiles:
    """Of durations, s; nan where there were none."""

    p50: float
    p99: float
    largest: float


class Window:
    """
    The last `size` durations. Written by one thread and read by another without a lock: a
    reader may see a window of which one value is newer, which does no harm to a quantile.
    """

    def __init__(self, size: int = 512) -> None:
        self._values = np.zeros(size)
        self._count = 0

    def add(self, seconds: float) -> None:
        """Add a duration, forgetting the oldest one where the window is full."""
        self._values[self._count % self._values.size] = seconds
        self._count += 1

    def quantiles(self) -> Quantiles:
        """Work out the quantiles of what is in the window."""
        held = self._values[: min(self._count, self._values.size)].copy()
        if held.size == 0:
            return Quantiles(np.nan, np.nan, np.nan)
        p50, p99 = np.quantile(held, (0.5, 0.99))
        return Quantiles(float(p50), float(p99), float(held.max()))
