"""How the settings of a robot become those of its Raft."""

from __future__ import annotations

from swarm_consensus.protocols.raft import RaftConfig
from swarm_consensus.runtime.config import RuntimeConfig

# Bytes of a frame that are kept free beside the entries of an append.
FRAME_OVERHEAD_BYTES = 1_000
# What a command holds beside its value: names, ids, voters.
COMMAND_OVERHEAD_BYTES = 8_000
# Largest state that travels to a robot that was away; it is held in memory as a whole.
SNAPSHOT_BYTES_MAX = 64 << 20


def raft_config(config: RuntimeConfig) -> RaftConfig:
    """Return the settings of Raft."""
    return RaftConfig(
        robot=config.robot,
        voters=config.robots,
        election_ticks=config.election_ticks,
        heartbeat_ticks=config.heartbeat_ticks,
        append_bytes_max=config.frame_bytes_max - FRAME_OVERHEAD_BYTES,
        # The rest is for the membership, which each piece of a snapshot names.
        snapshot_chunk_bytes=config.frame_bytes_max // 2,
        entry_bytes_max=config.value_bytes_max + COMMAND_OVERHEAD_BYTES,
        proposal_ticks=max(1, config.proposal_timeout_ns // config.tick_ns),
        robots=config.robots,
        priority=config.priority,
        voters_max=config.voters_max,
        replace_ticks=config.replace_ns // config.tick_ns,
        clock_drift_percent=config.clock_drift_percent,
        trailing_entries=config.trailing_entries,
        snapshot_bytes_max=SNAPSHOT_BYTES_MAX,
    )
