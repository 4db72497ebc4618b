"""How the settings of a robot become those of its Raft: nothing that a frame could not carry."""

from __future__ import annotations

import pytest

from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.raft_settings import raft_config


@pytest.mark.parametrize('frame_bytes_max', [12_000, 60_000, 1_000_000])
@pytest.mark.parametrize('bytes_per_second', [0, 5_000, 20_000, 300_000, 1_000_000_000])
def test_what_a_robot_makes_fits_into_its_frames(
    frame_bytes_max: int, bytes_per_second: int
) -> None:
    config = RuntimeConfig(
        swarm='s', robot='r1', robots=('r1', 'r2', 'r3'), policies=(), value_bytes_max=2_000,
        frame_bytes_max=frame_bytes_max, bytes_per_second=bytes_per_second,
    )  # fmt: skip
    raft = raft_config(config)
    room = frame_bytes_max - 1_000
    assert raft.append_target_bytes <= raft.append_bytes_max <= room
    assert raft.snapshot_chunk_bytes <= frame_bytes_max // 2
    if bytes_per_second:
        # And what is under way takes a second at most.
        assert raft.uncommitted_bytes_max <= bytes_per_second
        assert raft.append_target_bytes <= max(1_000, bytes_per_second // 10)
    else:
        assert raft.append_target_bytes == 0
