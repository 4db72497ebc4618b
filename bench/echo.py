"""The other end of the ping-pong: sends back what it gets, until its standard input closes."""

from __future__ import annotations

import sys
import threading

import rclpy
from rclpy.node import Node

from swarm_consensus.msg import Frame
from swarm_consensus.nodes.executor import make_executor


def main() -> None:
    """Echo until told to stop."""
    rclpy.init()
    node = Node('echo', start_parameter_services=False, enable_rosout=False)
    publisher = node.create_publisher(Frame, '/pong', 10)
    node.create_subscription(Frame, '/ping', publisher.publish, 10)
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
