"""Where robots stand in a drawing: where they say that they are, else on circles by parts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
import math
from types import MappingProxyType

from swarm_consensus.views.values import Snapshot

# x, y, z in metres.
Place = tuple[float, float, float]


def circles(groups: Sequence[Collection[str]], spacing_m: float) -> dict[str, Place]:
    """
    Return places on circles, one for each group, side by side along x, all centred at y = 0.

    :param spacing_m: between neighbours on a circle, and between circles.
    """
    found: dict[str, Place] = {}
    x = 0.0
    for group in groups:
        radius = 0.0
        if len(group) > 1:
            # So that the chord between neighbours is the spacing.
            radius = spacing_m / (2.0 * math.sin(math.pi / len(group)))
        x += radius
        for number, robot in enumerate(group):
            # The first one on top, and on clockwise, as people read a clock.
            angle = math.pi / 2.0 - 2.0 * math.pi * number / len(group)
            found[robot] = (x + radius * math.cos(angle), radius * math.sin(angle), 0.0)
        x += radius + 2.0 * spacing_m
    return found


def places(
    snapshot: Snapshot,
    known: Mapping[str, Place],
    spacing_m: float,
    moved: Mapping[str, Place] = MappingProxyType({}),
) -> dict[str, Place]:
    """
    Return where each robot of a picture is to be drawn.

    :param known: places of robots; those that are missing here stand on circles, one for each part
        and one for who is out of reach, below those that are known.
    :param spacing_m: between neighbours on a circle.
    :param moved: how far robots have come since they began, of which nobody knows where that was:
        they are drawn as if it had been their place on the circle.
    """
    found = {row.robot: known[row.robot] for row in snapshot.robots if row.robot in known}
    missing = [
        [robot for robot in group if robot not in found]
        for group in (*snapshot.parts, snapshot.out_of_reach)
    ]
    on_circles = circles([group for group in missing if group], spacing_m)
    if not on_circles:
        return found
    left, top = 0.0, 0.0
    if found:
        left = min(x for x, _, _ in found.values())
        # Below everybody: the highest of the circles is a spacing under the lowest that is known.
        highest = max(y for _, y, _ in on_circles.values())
        top = min(y for _, y, _ in found.values()) - 2.0 * spacing_m - highest
    for robot, (x, y, z) in on_circles.items():
        along, across, up = moved.get(robot, (0.0, 0.0, 0.0))
        found[robot] = (x + left + along, y + top + across, z + up)
    return found
