"""
How long a suspect has to refute: less, the more robots do not reach it (Lifeguard, IV.B).

One accuser may be the one that is ill. Each further one that comes by itself to the same finding
makes the suspicion firmer, and after `wanted` of them the wait is the shortest.
"""

from __future__ import annotations

import math


def timeout_ticks(confirmations: int, wanted: int, shortest: int, longest: int) -> int:
    """
    Return the whole wait, in ticks from its beginning, rounded down.

    :param confirmations: accusers beside the first.
    :param wanted: confirmations that make it the shortest; 0: it is, from the beginning.
    """
    if wanted < 1:
        return shortest
    share = math.log(confirmations + 1) / math.log(wanted + 1)
    return max(shortest, math.floor(longest - share * (longest - shortest)))


class Suspicion:
    """
    The suspicion of one robot.

    :param accuser: the first one.
    :param began: tick.
    """

    def __init__(self, accuser: str, began: int, wanted: int, shortest: int, longest: int) -> None:
        self._accusers = {accuser}
        self._began = began
        self._wanted = wanted
        self._shortest = shortest
        self._longest = longest

    @property
    def confirmations(self) -> int:
        """Return how many accusers there are beside the first."""
        return len(self._accusers) - 1

    def confirm(self, accuser: str) -> bool:
        """Take note of an accuser; returns whether it is news, and still wanted."""
        if self.confirmations >= self._wanted or accuser in self._accusers:
            return False
        self._accusers.add(accuser)
        return True

    @property
    def due(self) -> int:
        """Return the tick at which the suspect is declared dead."""
        return self._began + timeout_ticks(
            self.confirmations, self._wanted, self._shortest, self._longest
        )
