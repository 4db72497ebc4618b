"""
A program that sprays bad frames and beliefs on the topics of a swarm, and says what it sent.

It listens first: most of what it sends are real frames of the robots with one thing wrong. None of
it can pass for a frame of a robot: docs/wire.md says what a forger could do. Its last line is
`sprayed {json}`: for each robot, how often each of its counters has to have gone up.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
import copy
import json
import math
from random import Random
import sys
import time
from typing import Any

from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message

from swarm_consensus.msg import Belief, Frame
from swarm_testing.node_probe import NodeProbe
from swarm_testing.robot_processes import LABELS

TOPICS = ('/swarm/frames/control', '/swarm/frames/belief', '/swarm/frames/bulk')
# Far from the numbers that robots reach in a test.
FRESH = 1_000_000_000
PAUSE_S = 0.002
BATCH_BYTES_MAX = 60_000

# What becomes of a frame: (counter at the robot that it names as sender, counter at the others).
# '': a frame of our own that comes back is not counted.
Fate = tuple[str, str]
# Header and batch of a real frame in, the bad one out; bytes go out as they are.
Spoil = Callable[[Random, Frame], 'Frame | bytes']


def _set(**fields: Any) -> Spoil:
    def spoil(_random: Random, frame: Frame) -> Frame:
        for name, value in fields.items():
            setattr(frame, name, value)
        return frame

    return spoil


def _noise(random: Random, frame: Frame) -> Frame:
    frame.batch = list(random.randbytes(random.randrange(16, 400)))
    return frame


def _truncated(random: Random, frame: Frame) -> Frame:
    frame.batch = frame.batch[: random.randrange(len(frame.batch))]
    return frame


def _huge_length(random: Random, frame: Frame) -> Frame:
    # MessagePack headers of an array, a text and bytes of four billion, alone and inside a message.
    head = random.choice((b'\xdd', b'\xdb', b'\xc6', b'\x91\x92\x20\x98\xdb', b'\x91\x92\x03\xdd'))
    frame.batch = list(head + b'\xff\xff\xff\xff' + bytes(16))
    return frame


def _deep(_random: Random, frame: Frame) -> Frame:
    frame.batch = list(b'\x91' * 5000)
    return frame


def _other_swarm(_random: Random, frame: Frame) -> Frame:
    frame.swarm ^= 1
    return frame


def _older_boot(_random: Random, frame: Frame) -> Frame:
    frame.incarnation -= 1
    return frame


def _in_its_name(random: Random, frame: Frame) -> Frame:
    frame.nonce = 2**64 - 1
    return _noise(random, frame)


def _raw_noise(random: Random, _frame: Frame) -> bytes:
    return random.randbytes(random.randrange(1, 300))


def _raw_truncated(random: Random, frame: Frame) -> bytes:
    # Cut inside the fixed fields, in front of the batch, so that it can be no frame.
    return bytes(serialize_message(frame)[: random.randrange(4, 40)])


KINDS: dict[str, tuple[Fate, Spoil]] = {
    'noise': (('', 'malformed'), _noise),
    'truncated': (('', 'malformed'), _truncated),
    'huge length': (('', 'malformed'), _huge_length),
    'deep nesting': (('', 'malformed'), _deep),
    'unknown class': (('', 'malformed'), _set(traffic_class=200)),
    'sequence 0': (('', 'malformed'), _set(sequence=0)),
    'no message at all': (('malformed', 'malformed'), _raw_noise),
    'half a message': (('malformed', 'malformed'), _raw_truncated),
    'wrong swarm': (('foreign', 'foreign'), _other_swarm),
    'wrong version': (('foreign', 'foreign'), _set(version=7)),
    'unknown sender': (('stranger', 'stranger'), _set(sender='nobody')),
    'oversize': (('', 'oversize'), _set(batch=bytes(BATCH_BYTES_MAX + 1))),
    'for another': (('', 'not_for_us'), _set(to='nobody')),
    'older boot': (('', 'replayed'), _older_boot),
    'in its name': (('impostor', 'replayed'), _in_its_name),
}
# A real frame once more, as it was.
REPLAY: Fate = ('', 'replayed')


def bad_beliefs(now: Any) -> list[tuple[str, Belief | bytes]]:
    """Return beliefs with one thing wrong and the reason for which each is dropped."""

    def belief(**fields: Any) -> Belief:
        message = Belief(subject='animal/sprayed', labels=list(LABELS))
        message.header.stamp = now
        message.log_likelihood = [-1.0] * len(LABELS)
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    old = belief()
    old.header.stamp.sec = 1
    return [
        ('unreadable', b'\x00\x01\x00\x00' + b'\xff' * 50),
        ('unreadable', b'\x00'),
        ('no_policy', belief(subject='nobody knows this')),
        ('no_policy', belief(subject='')),
        ('wrong_labels', belief(labels=['a', 'b', 'c'])),
        ('wrong_labels', belief(labels=[], labels_hash=77)),
        ('bad_values', belief(log_likelihood=[])),
        ('bad_values', belief(log_likelihood=[0.0] * 100_000)),
        ('bad_values', belief(log_likelihood=[math.nan] * 3)),
        ('bad_values', belief(log_likelihood=[0.0, math.inf, 0.0])),
        ('subject_too_long', belief(subject='animal/' + 'x' * 10_000)),
        ('stale', old),
    ]


class Sprayer:
    """
    The program.

    :param robots: of the swarm; each has to be listening.
    :param kinds: of bad frames, with the fate of each.
    """

    def __init__(
        self,
        probe: NodeProbe,
        robots: Sequence[str],
        random: Random,
        kinds: Mapping[str, tuple[Fate, Spoil]] = KINDS,
    ) -> None:
        self._probe = probe
        self._robots = robots
        self._random = random
        self._kinds = kinds
        self._count = 0
        self.expected: dict[str, Counter[str]] = {robot: Counter() for robot in robots}
        self.sent: Counter[str] = Counter()
        reliable = QoSProfile(depth=5000, reliability=ReliabilityPolicy.RELIABLE)
        listening = QoSProfile(depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._heard = {topic: probe.collect(Frame, topic, listening) for topic in TOPICS}
        self._publishers = {topic: probe.publisher(Frame, topic, reliable) for topic in TOPICS}
        self._beliefs = {
            robot: probe.publisher(Belief, f'/{robot}/belief') for robot in robots
        }

    def wait(self) -> None:
        """Wait for every robot to listen everywhere, and for a frame of each."""
        robots = len(self._robots)
        for publisher in self._publishers.values():
            self._probe.wait_for(lambda: publisher.get_subscription_count() >= robots + 1)  # noqa: B023 -- called at once
        for publisher in self._beliefs.values():
            self._probe.wait_for_subscriber(publisher)
        self._probe.wait_for(lambda: all(self._real(robot) for robot in self._robots))

    def _real(self, robot: str) -> list[Frame]:
        """Return what was heard of a robot to all others; each of them has got it too."""
        heard = [frame for frames in self._heard.values() for frame in frames]
        return [f for f in heard if f.sender == robot and not f.to and len(f.batch) > 4]

    def spray(self, seconds: float) -> None:
        """Spray all kinds in random order for so long."""
        real = {robot: self._real(robot) for robot in self._robots}
        until = time.monotonic() + seconds
        kinds = [*self._kinds, 'replay', 'belief']
        while time.monotonic() < until:
            self._random.shuffle(kinds)
            for kind in kinds:
                robot = self._random.choice(self._robots)
                if kind == 'belief':
                    self._spray_beliefs(robot)
                else:
                    self._spray_frame(kind, robot, self._random.choice(real[robot]))
                self.sent[kind] += 1
                self._probe.turn(PAUSE_S)

    def _spray_frame(self, kind: str, robot: str, real: Frame) -> None:
        self._count += 1
        fate, frame = REPLAY, real
        if kind != 'replay':
            fate, spoil = self._kinds[kind]
            frame = copy.deepcopy(real)
            frame.sequence = FRESH + self._count
            frame = spoil(self._random, frame)
        self._publishers[self._random.choice(TOPICS)].publish(frame)
        for other in self._robots:
            counter = fate[0] if other == robot else fate[1]
            if counter:
                self.expected[other][counter] += 1

    def _spray_beliefs(self, robot: str) -> None:
        now = self._probe.node.get_clock().now().to_msg()
        reason, belief = self._random.choice(bad_beliefs(now))
        self._beliefs[robot].publish(belief)
        self.expected[robot][reason] += 1


def run(options: argparse.Namespace, kinds: Mapping[str, tuple[Fate, Spoil]] = KINDS) -> int:
    """Listen, spray, and stay until what was sent has been taken."""
    print(f'seed {options.seed}', flush=True)
    with NodeProbe('/', 'sprayer') as probe:
        sprayer = Sprayer(probe, options.robots, Random(options.seed), kinds)
        sprayer.wait()
        print('spraying', flush=True)
        sprayer.spray(options.seconds)
        print(f'kinds {json.dumps(sprayer.sent)}', flush=True)
        print(f'sprayed {json.dumps(sprayer.expected)}', flush=True)
        # Reliable writers repeat what was lost for as long as they are there.
        probe.turn(2.0)
    return 0


def arguments(text: str | None) -> argparse.ArgumentParser:
    """Return what every program of this kind is told."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument('robots', nargs='+')
    parser.add_argument('--seconds', type=float, default=5.0)
    parser.add_argument('--seed', type=int, default=1)
    return parser


if __name__ == '__main__':
    sys.exit(run(arguments(__doc__).parse_args()))
