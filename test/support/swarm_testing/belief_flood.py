"""A program that publishes beliefs of robots at a rate, far more than their byte budgets carry."""

from __future__ import annotations

import argparse
from array import array
from collections.abc import Sequence
import math
from random import Random
import sys
import time

from swarm_consensus.msg import Belief
from swarm_testing.node_probe import NodeProbe

SUBJECT = 'crowd'
SUBJECTS = 50
LABELS = tuple(f'label_{n}' for n in range(200))
# What one of these takes in a batch, compressed: 200 float32 that are all different.
BELIEF_BYTES = 900
RUNNING = 'flooding'


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('robots', nargs='+')
    parser.add_argument('--hz', type=float, required=True, help='beliefs a second of each robot')
    given = parser.parse_args(arguments)
    message, random = Belief(), Random(1)
    with NodeProbe('/', 'belief_flood') as probe:
        publishers = [probe.publisher(Belief, f'/{robot}/belief', 100) for robot in given.robots]
        for publisher in publishers:
            probe.wait_for_subscriber(publisher)
        print(RUNNING, flush=True)
        begun, count = time.monotonic(), 0
        while True:
            values = [math.log(random.uniform(0.001, 1.0)) for _ in LABELS]
            message.log_likelihood = array('f', values)
            message.subject = f'{SUBJECT}/{count % SUBJECTS}'
            message.header.stamp = probe.node.get_clock().now().to_msg()
            for publisher in publishers:
                publisher.publish(message)
            count += 1
            time.sleep(max(0.0, begun + count / given.hz - time.monotonic()))


if __name__ == '__main__':
    sys.exit(main())
