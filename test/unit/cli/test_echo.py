"""`swarm echo` says in words what is in a frame, and what is wrong with one that is not right."""

from __future__ import annotations

from swarm_consensus.cli.echo import describe
from swarm_consensus.decision.types import ANY_REVISION, Command, Status
from swarm_consensus.protocols.raft import AppendEntries, Entry, EntryKind, Heartbeat
from swarm_consensus.runtime.wire import COMMANDS, MESSAGES
from swarm_consensus.transport.frame import FrameHeader, TrafficClass


def header(traffic_class: int = TrafficClass.LOG, to: str = '') -> FrameHeader:
    """A frame's header, as robot_1 would send it."""
    return FrameHeader(1, traffic_class, 5, 'robot_1', to, 9, 7, 42)


def test_messages_and_their_receivers_are_named() -> None:
    """A heartbeat for two robots."""
    batch = MESSAGES.encode_batch([Heartbeat(3, 'robot_1', 17, 4)], ('robot_2', 'robot_3'))
    first, second = describe(header(TrafficClass.ELECTION), batch)
    assert first == f'robot_1 -> all  election  #42  {len(batch)} bytes'
    assert second.endswith(
        "Heartbeat(term=3, leader='robot_1', commit=17, round=4)  (for robot_2, robot_3)"
    )


def test_entries_of_the_log_are_shown_by_what_they_decide() -> None:
    """Commands by subject and choice; empty ones and unknown ones as what they are."""
    command = Command('r', 'robot_2', 'sign', ANY_REVISION, Status.DECIDED, '7', b'', 1.0, (), 0)
    entries = (
        Entry(4, 2, EntryKind.NOOP),
        Entry(5, 2, EntryKind.COMMAND, COMMANDS.encode(command)),
        Entry(6, 2, EntryKind.COMMAND, b'\xc1what'),
    )
    batch = MESSAGES.encode_batch([AppendEntries(2, 'robot_1', 3, 1, entries, 3)])
    _, line = describe(header(to='robot_2'), batch)
    assert "[4@2 noop; 5@2 sign='7' by robot_2; 6@2 5 bytes]" in line


def test_what_is_not_a_frame_of_ours_is_said_to_be_so() -> None:
    """Nothing that arrives ends the listening."""
    first, second = describe(header(traffic_class=9), b'\xff\x00garbage')
    assert 'class 9?' in first
    assert 'not decodable' in second
