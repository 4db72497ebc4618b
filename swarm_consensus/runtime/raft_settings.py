"""How the settings of a robot become those of its Raft."""

from __future__ import annotations

from dataclasses import replace

from swarm_consensus.protocols.raft import RaftConfig
from swarm_consensus.runtime.config import RuntimeConfig

# Bytes of a frame that are kept free beside the entries of an append.
FRAME_OVERHEAD_BYTES = 1_000
# What a command holds beside its value: names, ids, voters.
COMMAND_OVERHEAD_BYTES = 8_000
# Largest state that travels to a robot that was away; it is held in memory as a whole.
SNAPSHOT_BYTES_MAX = 64 << 20
# Under a byte budget: parts of a second that an append and a piece of a snapshot take, and what is
# not committed yet, which is how long a proposal may wait; and appends under way to one robot.
BUDGET_APPENDS_A_SECOND = 20
BUDGET_PIECES_A_SECOND = 20
BUDGET_UNCOMMITTED_MS = 500
BUDGET_INFLIGHT_APPENDS = 16
PIECE_BYTES_MIN = 1_000


def raft_config(config: RuntimeConfig) -> RaftConfig:
    """Return the settings of Raft."""
    settings = _raft_config(config)
    rate = config.bytes_per_second
    if not rate:
        return settings
    return replace(
        settings,
        append_target_bytes=min(
            settings.append_bytes_max, max(PIECE_BYTES_MIN, rate // BUDGET_APPENDS_A_SECOND)
        ),
        inflight_appends_max=BUDGET_INFLIGHT_APPENDS,
        snapshot_chunk_bytes=min(
            settings.snapshot_chunk_bytes, max(PIECE_BYTES_MIN, rate // BUDGET_PIECES_A_SECOND)
        ),
        uncommitted_bytes_max=min(
            settings.uncommitted_bytes_max, rate * BUDGET_UNCOMMITTED_MS // 1000
        ),
    )


def _raft_config(config: RuntimeConfig) -> RaftConfig:
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
