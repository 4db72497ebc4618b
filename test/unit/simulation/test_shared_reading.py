"""What is read once for all robots is what each would have read for itself."""

from __future__ import annotations

import pytest

from swarm_consensus.protocols.raft import Heartbeat
from swarm_consensus.runtime.members import Presence
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.simulation import shared_reading
from swarm_consensus.simulation.shared_reading import SharedReading
from swarm_consensus.transport.errors import MalformedError


def batch(number: int) -> bytes:
    messages = [
        MESSAGES.encode(Heartbeat(number, 'a', 1, 1), ('b', 'c')),
        MESSAGES.encode(Presence(False, number)),
    ]
    return MESSAGES.join(messages)


@pytest.mark.parametrize('receiver', ['b', 'd', None])
def test_each_robot_gets_what_is_meant_for_it(receiver: str | None) -> None:
    codec, data = SharedReading(), batch(3)
    for _ in range(2):
        assert codec.decode_batch(data, receiver) == MESSAGES.decode_batch(data, receiver)
    assert codec.decode_batch(bytearray(data), receiver) == codec.decode_batch(data, receiver)


def test_what_is_no_batch_is_malformed_each_time() -> None:
    codec = SharedReading()
    for _ in range(2):
        with pytest.raises(MalformedError):
            codec.decode_batch(b'\xc1', 'b')


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_reading, 'BATCHES_MAX', 3)
    codec = SharedReading()
    for number in range(10):
        assert codec.decode_batch(batch(number)) == MESSAGES.decode_batch(batch(number))
    assert len(codec._read) == 3
