"""
Whether a graph is robust enough for liars to be outvoted (LeBlanc, Zhang, Koutsoukos and Sundaram,
2013, section III).

A set of robots is *r-reachable* where one of them hears r robots outside of it. A graph is
*r-robust* where of any two sets of robots that have none in common one is r-reachable. Where it is
(2f + 1)-robust, honest robots that trim f values on each side agree (robust.py), whatever f others
say.

To find out exactly takes time exponential in the robots, so of larger graphs only sufficient
conditions are tried: what is called robust here is robust, and some that are may not be called so.

A liar can say that it hears robots which it does not hear. That makes no graph pass for robust in a
way that matters: what trimming needs are sets of honest robots, and they are reachable by what
these hear themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

EXACT_MAX = 16
# Robots from which a robust core is grown, at most.
_SEEDS_MAX = 64
# How many bits are set, by number; one bit more makes twice as many numbers.
_POPCOUNT = np.zeros(1, dtype=np.int8)
for _ in range(EXACT_MAX):
    _POPCOUNT = np.concatenate((_POPCOUNT, _POPCOUNT + 1), dtype=np.int8)

Hears = Sequence[int]


def is_robust(hears: Hears, r: int) -> bool:
    """
    Return whether a graph is known to be r-robust: exactly up to EXACT_MAX robots.

    :param hears: of each robot the mask of the robots that it hears, by their places here; its own
        bit does not count.
    :param r: from 1 on.
    """
    robots = len(hears)
    masks = [mask & ~(1 << place) for place, mask in enumerate(hears)]
    if r > -(-robots // 2):
        # No graph is more robust than that.
        return False
    if robots <= EXACT_MAX:
        return _exactly(masks, r)
    return _by_degree(masks, r) or _by_growth(masks, r) or _by_spectrum(masks, r)


def _exactly(masks: Hears, r: int) -> bool:
    """Look at all pairs of sets, by the sets that are not r-reachable."""
    robots = len(masks)
    everybody = (1 << robots) - 1
    sets = np.arange(1 << robots, dtype=np.int64)
    reachable: NDArray[np.bool_] = np.zeros(1 << robots, dtype=np.bool_)
    for place, mask in enumerate(masks):
        inside = (sets >> place) & 1 == 1
        reachable |= inside & (_POPCOUNT[mask & ~sets & everybody] >= r)
    reachable[0] = True
    # Whether a set that is not r-reachable is within each set.
    within = ~reachable
    for place in range(robots):
        halves = within.reshape(-1, 2, 1 << place)
        halves[:, 1] |= halves[:, 0]
    return not bool(np.any(~reachable & within[everybody ^ sets]))


def _by_degree(masks: Hears, r: int) -> bool:
    """
    Try the degrees.

    Of two sets one has n/2 robots at most, so each of it hears degree - (n/2 - 1) outside of it.
    """
    least = min(mask.bit_count() for mask in masks)
    return least - len(masks) // 2 + 1 >= r


def _by_growth(masks: Hears, r: int) -> bool:
    """
    Try to grow a robust core over all robots (LeBlanc et al. build robust graphs so).

    A set of 2r - 1 robots that all hear each other is r-robust, and remains so when a robot is
    added that hears r of those that are in it.
    """
    mutual = _mutual(masks)
    order = sorted(range(len(masks)), key=lambda place: -mutual[place].bit_count())
    everybody = (1 << len(masks)) - 1
    tried = 0
    for seed in order[:_SEEDS_MAX]:
        if tried >> seed & 1:
            continue
        core = _clique(mutual, seed, 2 * r - 1)
        if core is None:
            continue
        tried |= core
        grown = True
        while grown and core != everybody:
            grown = False
            left = everybody & ~core
            while left:
                lowest = left & -left
                left ^= lowest
                if (masks[lowest.bit_length() - 1] & core).bit_count() >= r:
                    core |= lowest
                    grown = True
        if core == everybody:
            return True
        tried |= core
    return False


def _clique(mutual: Hears, seed: int, size: int) -> int | None:
    """Return a set with a robot in which all hear each other, as a mask; None: none was found."""
    clique, found = 1 << seed, 1
    candidates = mutual[seed]
    while found < size:
        best, most = -1, -1
        left = candidates
        while left:
            lowest = left & -left
            left ^= lowest
            place = lowest.bit_length() - 1
            common = (mutual[place] & candidates).bit_count()
            if common > most:
                best, most = place, common
        if best < 0:
            return None
        clique |= 1 << best
        candidates &= mutual[best]
        found += 1
    return clique


def _by_spectrum(masks: Hears, r: int) -> bool:
    """
    Try the algebraic connectivity of those that hear each other.

    At least lambda_2 |S| / 2 edges leave a set S of up to half of the robots, so one of it hears
    lambda_2 / 2 outside (Shahrivar, Pirani and Sundaram, 2017).
    """
    robots = len(masks)
    mutual = _mutual(masks)
    rows = [[mask >> place & 1 for place in range(robots)] for mask in mutual]
    edges = np.array(rows, dtype=np.float64)
    laplacian = np.diag(edges.sum(axis=1)) - edges
    second = float(np.linalg.eigvalsh(laplacian)[1])
    # Of the calculation in floating point nothing may make the answer better than it is.
    return second / 2.0 - 1e-6 * robots > r - 1


def _mutual(masks: Hears) -> list[int]:
    """Return the masks of those that hear each other."""
    return [
        sum(
            1 << other
            for other in range(len(masks))
            if mask >> other & 1 and masks[other] >> place & 1
        )
        for place, mask in enumerate(masks)
    ]
