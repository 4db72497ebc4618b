"""How one replica is set up: each setting with its meaning."""

from __future__ import annotations

from swarm_consensus.protocols.crdt.kinds import VALUE_BYTES_MAX
from swarm_consensus.protocols.values import value

# Room in a message for the names of writers, spans and the message itself.
MESSAGE_OVERHEAD_BYTES = 1_000
_FROM_1 = (
    'digest_ticks',
    'pull_ticks',
    'pull_timeout_ticks',
    'flush_ticks',
    'listen_ticks',
    'value_bytes_max',
    'bytes_max',
    'pieces_max',
    'rows_max',
    'ahead_ms_max',
)


@value
class ReplicaConfig:
    """
    Settings of one replica. Times are ticks; the length of a tick is the caller's choice.

    :param robot: name of the robot.
    :param digest_ticks: ticks between two digests to all. Shorter: what was lost is noticed sooner.
        Longer: fewer bytes.
    :param pull_ticks: least ticks between two pulls. Every write on its way makes digests differ,
        and most of these differences are gone by themselves.
    :param pull_timeout_ticks: ticks after which an answer is no longer waited for.
    :param flush_ticks: most ticks until what came from others is durable, too; own writes are
        durable before they leave.
    :param listen_ticks: how long a replica that has no name yet listens for the level of the others
        before it writes.
    :param value_bytes_max: largest value of a register.
    :param bytes_max: memory that live writes take, about; a write beyond it is refused, and twice
        as much is taken from peers.
    :param message_bytes_max: largest message, about.
    :param pieces_max: deltas in the answer to one pull.
    :param rows_max: rows and spans of the causal context; a delta that needs more is dropped.
    :param ahead_ms_max: see HybridClock.
    :raises ValueError: settings that cannot work.
    """

    robot: str
    digest_ticks: int = 25
    pull_ticks: int = 5
    pull_timeout_ticks: int = 25
    flush_ticks: int = 10
    listen_ticks: int = 50
    value_bytes_max: int = 32_768
    bytes_max: int = 16 << 20
    message_bytes_max: int = 50_000
    pieces_max: int = 16
    rows_max: int = 4096
    ahead_ms_max: int = 60_000

    def __post_init__(self) -> None:
        for name in _FROM_1:
            if getattr(self, name) < 1:
                raise ValueError(f'{name} is {getattr(self, name)}; the least is 1')
        if self.value_bytes_max > VALUE_BYTES_MAX:
            raise ValueError(
                f'value_bytes_max is {self.value_bytes_max}; a message carries {VALUE_BYTES_MAX}'
            )
        if self.message_bytes_max < self.value_bytes_max + MESSAGE_OVERHEAD_BYTES:
            raise ValueError(
                f'message_bytes_max is {self.message_bytes_max}; a value of {self.value_bytes_max} '
                f'bytes needs {self.value_bytes_max + MESSAGE_OVERHEAD_BYTES}'
            )
