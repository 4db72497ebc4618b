"""What a frame is said to cost is never less than its bytes, and hardly more."""

from __future__ import annotations

from swarm_consensus.nodes.serialized import frame_to_serialized
from swarm_consensus.transport.budget import wire_bytes
from swarm_consensus.transport.frame import FrameHeader

# IPv4, UDP, RTPS header, INFO_TS and DATA.
AROUND = 20 + 8 + 20 + 12 + 24
PADDING_MAX = 13


def test_a_frame_costs_its_serialized_message_and_what_goes_around_it() -> None:
    for sender in ('a', 'robot_1', 'küche', 'x' * 200):
        for to in ('', 'bo', 'robot_12'):
            for size in range(40):
                for signature in (b'', bytes(64)):
                    header = FrameHeader(1, 1, 7, sender, to, 1, 2, 3)
                    real = len(frame_to_serialized(header, bytes(size), signature)) + AROUND
                    cost = wire_bytes(
                        len(sender.encode()), len(to.encode()), size, len(signature)
                    )
                    assert real <= cost <= real + PADDING_MAX
