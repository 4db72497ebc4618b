"""
An ordered key-value store with versions, compare-and-set, leases and watches, as a state machine.

Deterministic: `store.py` and `leases.py` are determined by the operations that they are given, in
order, and by nothing else; equal logs give equal stores. `watch.py` is local to a robot: what it
holds is no part of the state. The meaning of versions, indexes and leases follows etcd's.
"""

from swarm_consensus.protocols.keyvalue.operations import (
    ANY,
    ELAPSED_MS_MAX,
    KEY_CHARACTERS_MAX,
    TTL_MS_MAX,
    VALUE_BYTES_MAX,
    Delete,
    Expected,
    Grant,
    Item,
    KeepAlive,
    Operation,
    Put,
    Result,
    ResultStatus,
    Revoke,
    key_after,
    prefix_end,
)
from swarm_consensus.protocols.keyvalue.store import KeyValueImage, KeyValueStore, Page
from swarm_consensus.protocols.keyvalue.watch import (
    Event,
    EventKind,
    WatchEnd,
    WatchEnded,
    Watches,
)

__all__ = [
    'ANY',
    'ELAPSED_MS_MAX',
    'KEY_CHARACTERS_MAX',
    'TTL_MS_MAX',
    'VALUE_BYTES_MAX',
    'Delete',
    'Event',
    'EventKind',
    'Expected',
    'Grant',
    'Item',
    'KeepAlive',
    'KeyValueImage',
    'KeyValueStore',
    'Operation',
    'Page',
    'Put',
    'Result',
    'ResultStatus',
    'Revoke',
    'WatchEnd',
    'WatchEnded',
    'Watches',
    'key_after',
    'prefix_end',
]
