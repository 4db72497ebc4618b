"""
What a robot must find again after a reboot: its vote, its log, what it said in agreements, the
number of its boot.

A port (port.py) with a twin in memory for simulation and an implementation on disk. Rules of this
room: the standard library and `protocols` only; no clock; nothing is answered for before the disk
has it; every error names the file and what to do, and none is repaired by forgetting.
"""

from swarm_consensus.storage.errors import (
    StorageDamaged,
    StorageError,
    StorageForeign,
    StorageFull,
    StorageLocked,
    StorageVersionError,
)
from swarm_consensus.storage.folder import default_folder, robot_folder, validate_name
from swarm_consensus.storage.memory import (
    DurabilityPoint,
    MemoryDisk,
    MemoryStorage,
    SimulatedCrash,
)
from swarm_consensus.storage.port import Recovered, Storage
from swarm_consensus.storage.recovery import (
    OnDamage,
    Opened,
    Place,
    SqlitePlace,
    open_recovering,
)
from swarm_consensus.storage.sqlite import SqliteStorage

__all__ = [
    'DurabilityPoint',
    'MemoryDisk',
    'MemoryStorage',
    'OnDamage',
    'Opened',
    'Place',
    'Recovered',
    'SimulatedCrash',
    'SqlitePlace',
    'SqliteStorage',
    'Storage',
    'StorageDamaged',
    'StorageError',
    'StorageForeign',
    'StorageFull',
    'StorageLocked',
    'StorageVersionError',
    'default_folder',
    'open_recovering',
    'robot_folder',
    'validate_name',
]
