"""
The floor of sensor-to-belief: answers each picture with a belief at once, without looking at it.

Its argument is the reliability of its subscription. Ends when its standard input closes.
"""

from __future__ import annotations

import sys
import threading

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from swarm_consensus.msg import Belief
from swarm_consensus.nodes.executor import make_executor


def main() -> None:
    """Answer until told to stop."""
    rclpy.init()
    node = Node('echo', start_parameter_services=False, enable_rosout=False)
    publisher = node.create_publisher(Belief, '/echo/belief', 10)

    def answer(message: Image) -> None:
        publisher.publish(Belief(header=message.header))

    newest = QoSProfile(depth=1, reliability=ReliabilityPolicy[sys.argv[1].upper()])
    node.create_subscription(Image, '/echo/image', answer, newest)
    executor = make_executor()
    executor.add_node(node)
    stop = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    while not stop.is_set():
        executor.spin_once(timeout_sec=0.2)
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
