"""Places in the embedded world from which walls part robots; no ROS is needed here."""

from __future__ import annotations

import math

# Three robots of the embedded world in sight of each other. The third looks down along a wall; so
# much further on the wall is between it and the other two.
AROUND_A_WALL = (
    (3.0, 1.0, 0.0),
    (3.0, 1.8, 0.0),
    (5.2, 3.2, -math.pi / 2),
)
BEHIND_M = 2.0
# With these that wall keeps every frame away.
RANGE_M, WALL_M = 4.5, 4.0
