"""
Shared state: a map of registers, sets and counters that every robot may write at any time.

Delta-state CRDTs: whatever is lost, doubled, reordered or cut off, replicas that have seen the same
writes hold the same state, byte for byte. `kinds.py` says what the types mean, `state.py` how two
states are joined, `replica.py` and `anti_entropy.py` how they meet, `settlement.py` how robots that
are gone are forgotten.

Liars are not borne here: a robot that may speak at all may write, remove and hide what it likes. It
cannot crash another one, fill its memory beyond a bound, or carry its clock away.
"""

from swarm_consensus.protocols.crdt.config import ReplicaConfig
from swarm_consensus.protocols.crdt.effects import Effects, Image, Keep, Own, Send, Standing
from swarm_consensus.protocols.crdt.kinds import Kind, Write
from swarm_consensus.protocols.crdt.local_writes import RefusedError
from swarm_consensus.protocols.crdt.messages import (
    MESSAGE_TYPES,
    Delta,
    Digest,
    Dots,
    Message,
    Pull,
    Pulled,
)
from swarm_consensus.protocols.crdt.operations import (
    Action,
    Item,
    Operation,
    items_at,
    page,
)
from swarm_consensus.protocols.crdt.replica import Replica
from swarm_consensus.protocols.crdt.settlement import Settlement
from swarm_consensus.protocols.crdt.state import State

__all__ = [
    'MESSAGE_TYPES',
    'Action',
    'Delta',
    'Digest',
    'Dots',
    'Effects',
    'Image',
    'Item',
    'Keep',
    'Kind',
    'Message',
    'Operation',
    'Own',
    'Pull',
    'Pulled',
    'RefusedError',
    'Replica',
    'ReplicaConfig',
    'Send',
    'Settlement',
    'Standing',
    'State',
    'Write',
    'items_at',
    'page',
]
