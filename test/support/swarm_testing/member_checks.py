"""What robots must say of each other; run by a probe beside the robot."""

from __future__ import annotations

from collections.abc import Collection

from swarm_testing.swarm_probe import READY_S, SwarmProbe


def wait_for(probe: SwarmProbe, robot: str, others: Collection[str], state: int) -> None:
    """Wait until a robot sees all of some others in a state."""

    def seen() -> bool:
        status = probe.statuses.get(robot)
        states = {} if status is None else {peer.robot: peer.state for peer in status.peers}
        return all(states.get(other) == state for other in others if other != robot)

    probe.wait_for(seen, READY_S)
