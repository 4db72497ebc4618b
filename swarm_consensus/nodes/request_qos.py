"""How requests and answers of services are kept until somebody takes them."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

# A burst of requests comes faster than a busy node takes them. What falls out of the history is
# asked again by the client only a second later, and by others never; ROS has room for 10.
REQUESTS_DEPTH = 1000

REQUESTS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=REQUESTS_DEPTH,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.VOLATILE,
)
