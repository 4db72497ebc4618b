"""Print what the robots say to each other, frame by frame, for people to read."""

from __future__ import annotations

import argparse
import os
import sys
import threading

from swarm_consensus.protocols.raft import AppendEntries
from swarm_consensus.runtime.wire import COMMANDS, MESSAGES
from swarm_consensus.transport.compression import Expander
from swarm_consensus.transport.errors import MalformedError
from swarm_consensus.transport.frame import FrameHeader, TrafficClass
from swarm_consensus.transport.hashes import swarm_hash

_EXPANDER = Expander()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('--swarm', help='only frames of the swarm of this name')
    parser.add_argument('--sender', help='only frames of this robot')
    parser.add_argument(
        '--class',
        dest='traffic_class',
        choices=[c.name.lower() for c in TrafficClass],
        help='only frames of this traffic class',
    )
    parser.add_argument('--count', type=int, default=0, help='end after this many frames')


def describe(header: FrameHeader, batch: bytes, signature: bytes = b'') -> list[str]:
    """Return a line for the frame and one for each message in it; no signature is checked."""
    try:
        name = TrafficClass(header.traffic_class).name.lower()
    except ValueError:
        name = f'class {header.traffic_class}?'
    way = f'{header.sender} -> {header.to or "all"}'
    line = f'{way}  {name}  #{header.sequence}  {len(batch)} bytes'
    signed = '  signed' if signature else ''
    try:
        plain = _EXPANDER.expand(batch)
        items = MESSAGES.inspect_batch(plain)
    except MalformedError as error:
        return [line + signed, f'    not decodable: {error}']
    expanded = '' if plain is batch else f' ({len(plain)} before compression)'
    lines = [line + expanded + signed]
    for item in items:
        to = f'  (for {", ".join(item.to)})' if item.to and not header.to else ''
        lines.append(f'    {_message(item.message)}{to}')
    return lines


def _message(message: object) -> str:
    if not isinstance(message, AppendEntries):
        return _short(message)
    entries = '; '.join(
        f'{entry.index}@{entry.term} {_entry(entry.data)}' for entry in message.entries
    )
    return (
        f'AppendEntries term {message.term} after {message.prev_index}@{message.prev_term} '
        f'commit {message.commit}: [{entries}]'
    )


def _entry(data: bytes) -> str:
    if not data:
        return 'noop'
    try:
        command = COMMANDS.decode(data)
    except MalformedError:
        return f'{len(data)} bytes'
    return f'{command.subject}={command.choice!r} by {command.proposer}'


def _short(message: object) -> str:
    text = repr(message)
    return text if len(text) <= 400 else text[:400] + ' ...'


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    # Loopback unless the user's environment opens it, as everywhere.
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    # Only here: `swarm --help` must not wait for ROS.
    import rclpy
    from rclpy.node import Node
    from rclpy.qos import QoSProfile, ReliabilityPolicy

    from swarm_consensus.composition import middleware
    from swarm_consensus.msg import Frame
    from swarm_consensus.nodes.convert import FRAME_TOPICS, frame_from_message
    from swarm_consensus.nodes.executor import make_executor

    wanted_swarm = None if arguments.swarm is None else swarm_hash(arguments.swarm)
    seen = 0
    done = threading.Event()

    def show(message: Frame) -> None:
        nonlocal seen
        frame = frame_from_message(message)
        header = frame.header
        if wanted_swarm is not None and header.swarm != wanted_swarm:
            return
        if arguments.sender is not None and header.sender != arguments.sender:
            return
        if arguments.traffic_class is not None and (
            header.traffic_class != TrafficClass[arguments.traffic_class.upper()]
        ):
            return
        if done.is_set():
            return
        print('\n'.join(describe(header, frame.batch, frame.signature)), flush=True)
        seen += 1
        if arguments.count and seen >= arguments.count:
            done.set()

    middleware.use_profile()
    rclpy.init(args=[])
    try:
        node = Node('swarm_echo', start_parameter_services=False, enable_rosout=False)
        qos = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)
        for topic in sorted(set(FRAME_TOPICS.values())):
            node.create_subscription(Frame, topic, show, qos)
        executor = make_executor()
        executor.add_node(node)
        print('listening to /swarm/frames/*', file=sys.stderr, flush=True)
        while not done.is_set() and rclpy.ok():
            executor.spin_once(timeout_sec=0.2)
        executor.shutdown()
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
    return 0
