"""
A behaviour node: acts on what the swarm decides about signs, and says what it did.

Run it in the namespace of a robot, beside its consensus_node:

    python -m swarm_consensus.examples.behaviour_node --ros-args -r __ns:=/robot_1

It publishes what it does as text on `behaviour`. The five lines that matter are in `__init__` and
`on_sign`; everything that the swarm answers is a `Decision` with its level and status.
"""

from __future__ import annotations

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import String

from swarm_consensus.client import Decision, SwarmClient


class Behaviour(Node):
    """Does what the sign says that the swarm agrees on, and claims the object for itself."""

    def __init__(self) -> None:
        super().__init__('behaviour')
        self.behaviour = self.create_publisher(String, 'behaviour', 10)
        self.swarm = SwarmClient(self)
        self.swarm.on_decision('sign', self.on_sign, past=False)

    async def on_sign(self, decision: Decision) -> None:
        """Act on a decision; a coroutine, as it asks the swarm something in turn."""
        self.behaviour.publish(String(data=f'{decision.subject}: {decision.choice}'))
        # Every robot of the swarm may try; the log lets the first one through.
        claim = await self.swarm.propose(
            f'owner/{decision.subject}', self.get_namespace(), expected_revision=0
        )
        mine = claim.answered and claim.choice == self.get_namespace()
        self.behaviour.publish(
            String(data=f'{decision.subject}: {"mine" if mine else f"of {claim.choice}"}')
        )


def main() -> None:
    """Run the node until it is told to end."""
    rclpy.init()
    node = Behaviour()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.swarm.close()
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
