"""
Who hears whom: the radio has a range, and walls in the line of sight shadow it.

Each wall weakens a frame as so many metres more would: the multi-wall model (COST 231, chapter 4)
with a hard edge in place of a fading one.
"""

from __future__ import annotations

from collections.abc import Mapping
import itertools
import math

from swarm_consensus.simulation.embedded.arena import Arena

RANGE_M = 8.0
WALL_METRES = 2.0


class ShadowedRadio:
    """
    The reach of every robot, where it is now.

    :param range_m: how far a frame gets in the open.
    :param wall_m: as how many metres a wall counts.
    """

    def __init__(
        self, arena: Arena, range_m: float = RANGE_M, wall_m: float = WALL_METRES
    ) -> None:
        self._arena = arena
        self._range_m = range_m
        self._wall_m = wall_m
        self._links: frozenset[tuple[str, str]] = frozenset()

    @property
    def links(self) -> frozenset[tuple[str, str]]:
        """Return who hears whom, both ways."""
        return self._links

    def move(self, places: Mapping[str, tuple[float, float]]) -> None:
        """Take note of where robots are, x and y in m."""
        links = set()
        for (one, here), (other, there) in itertools.combinations(places.items(), 2):
            if self.path_m(here, there) <= self._range_m:
                links |= {(one, other), (other, one)}
        self._links = frozenset(links)

    def path_m(self, here: tuple[float, float], there: tuple[float, float]) -> float:
        """Return the distance between two places, with what walls between count."""
        return math.dist(here, there) + self._wall_m * self._arena.walls_between(here, there)

    def reach(self, sender: str, receiver: str) -> bool:
        """Return whether a frame of one robot gets to another one now."""
        return (sender, receiver) in self._links
