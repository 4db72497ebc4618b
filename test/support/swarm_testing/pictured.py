"""The picture that who looks on has of a swarm on virtual time."""

from __future__ import annotations

from swarm_consensus.runtime.events import DecisionMade, StatusReport
from swarm_consensus.views.picture import Picture
from swarm_consensus.views.values import Snapshot
from swarm_testing.virtual_swarm import Swarm


def look(swarm: Swarm, picture: Picture | None = None) -> Snapshot:
    """Tell a picture all that the robots have published, and return how it stands now."""
    picture = picture or Picture()
    for time_ns, robot, output in swarm.told:
        if isinstance(output, StatusReport):
            picture.tell_status(output.status, time_ns)
        elif isinstance(output, DecisionMade):
            picture.tell_decision(robot, output.decision, time_ns)
    return picture.look(swarm.world.now_ns)
