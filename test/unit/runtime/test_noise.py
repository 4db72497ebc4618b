"""Noise on the topics is counted, and never drives a robot out of its swarm."""

from __future__ import annotations

import random

from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.runtime.events import (
    BeliefUnreadable,
    FrameArrived,
    FrameUnreadable,
    NameTaken,
)
from swarm_consensus.runtime.members import Presence
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.transport.frame import VERSION, FrameHeader
from swarm_consensus.transport.hashes import swarm_hash

NONCE_MAX = 2**63


def frame(sender: str, sequence: int, batch: bytes) -> FrameArrived:
    header = FrameHeader(VERSION, 0, swarm_hash('zoo'), sender, '', 1, NONCE_MAX, sequence)
    return FrameArrived(header, batch)


def presence() -> bytes:
    return MESSAGES.encode_batch([Presence(probing=False)])


def test_frames_of_noise_under_our_name_are_counted_and_change_nothing() -> None:
    swarm = Swarm(3)
    swarm.elect()
    noise = random.Random(1)
    for sequence in range(1, 200):
        swarm.world.put('r1', frame('r1', sequence, noise.randbytes(noise.randrange(60))))
    swarm.run(2.0)
    assert not swarm.outputs('r1', NameTaken)
    assert swarm.status('r1').status.frames.impostor == 199
    key = swarm.propose('r1', 'north')
    swarm.run(1.0)
    answer = swarm.proposed(key)
    assert answer is not None and answer.status.answered


def test_frames_of_a_robot_under_our_name_are_believed() -> None:
    swarm = Swarm(3)
    swarm.elect()
    for sequence in (1, 2):
        swarm.world.put('r1', frame('r1', sequence, presence()))
    swarm.run(1.0)
    assert len(swarm.outputs('r1', NameTaken)) == 1


def test_numbers_as_large_as_a_header_holds_are_told_on() -> None:
    """Of one that probes, and of one that speaks under the same name; both are somebody's word."""
    swarm = Swarm(3)
    swarm.elect()
    largest = 2**64 - 1
    for number in range(1, 20):
        for to, nonce in (('r2', largest), ('', largest - 1)):
            header = FrameHeader(
                VERSION, 0, swarm_hash('zoo'), 'r2', to, largest, nonce, number
            )
            swarm.world.put('r1', FrameArrived(header, presence()))
        swarm.run(0.1)
    assert swarm.world.up('r1') and swarm.status('r1').status.frames.accepted


def test_what_is_no_message_at_all_is_counted() -> None:
    swarm = Swarm(3)
    swarm.elect()
    for _ in range(7):
        swarm.world.put('r1', FrameUnreadable(11))
    swarm.world.put('r1', BeliefUnreadable())
    swarm.run(2.0)
    status = swarm.status('r1').status
    assert status.frames.malformed == 7
    assert status.frames.received == status.frames.accepted + status.frames.dropped
    assert status.evidence_dropped == {'UNREADABLE': 1}
