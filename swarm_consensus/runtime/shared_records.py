"""
How the shared state is kept: one record for each live write, under its dot, and one for the rest.

The records stand beside those of agreements, in the same table, and are written in the same way: a
batch as a whole or not at all. Where the store was lost or damaged there are none, and the replica
begins under a new name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from swarm_consensus.protocols import crdt
from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.crdt.kinds import KEY_CHARACTERS_MAX
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.shared_requests import PREFIX, RecentRequests
from swarm_consensus.transport.codec import Codec

STANDING_KEY = 'shared'
_PREFIX = 'shared/'


@value
class KeptWrite:
    """A live write without its dot, which is its record's key."""

    key: Annotated[str, Bounds(length_max=KEY_CHARACTERS_MAX)]
    kind: int
    item: bytes
    time: int
    content: bytes


# On disk for years: kinds never change their number, their fields or their meaning.
_WRITES: Codec[KeptWrite] = Codec({1: KeptWrite})
_STANDINGS: Codec[crdt.Standing] = Codec({1: crdt.Standing})
# In the committed key-value store for as long.
SETTLEMENTS: Codec[crdt.Settlement] = Codec({1: crdt.Settlement})


def records_of(keep: crdt.Keep) -> list[Record]:
    """Return what makes a batch durable."""
    records = [
        Record(
            f'{_PREFIX}{writer}/{sequence}',
            None
            if write is None
            else _WRITES.encode(KeptWrite(write[0], write[1], write[2], write[5], write[6])),
        )
        for (writer, sequence), write in keep.writes
    ]
    records.append(Record(STANDING_KEY, _STANDINGS.encode(keep.standing)))
    return records


def split_records(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Return the records of agreements, and those of the shared state."""
    others: list[Record] = []
    shared: list[Record] = []
    for record in records:
        ours = record.key == STANDING_KEY or record.key.startswith((_PREFIX, PREFIX))
        (shared if ours else others).append(record)
    return others, shared


def restored(records: Iterable[Record]) -> tuple[crdt.Image | None, RecentRequests]:
    """
    Return what the replica was, None where it was nothing, and which requests were done.

    :param records: those of the shared state.
    :raises MalformedError: a record is none that this package wrote.
    """
    writes: list[Record] = []
    requests: list[Record] = []
    standing: crdt.Standing | None = None
    for record in records:
        if record.data is not None and record.key == STANDING_KEY:
            standing = _STANDINGS.decode(record.data)
        else:
            (writes if record.key.startswith(_PREFIX) else requests).append(record)
    image = None if standing is None else crdt.Image(standing, _writes_in(writes))
    return image, RecentRequests(requests)


def _writes_in(records: Sequence[Record]) -> tuple[crdt.Write, ...]:
    writes = []
    for record in records:
        assert record.data is not None, f'{record.key} is on the disk without data'
        writer, _, sequence = record.key.removeprefix(_PREFIX).rpartition('/')
        kept = _WRITES.decode(record.data)
        writes.append(
            (kept.key, kept.kind, kept.item, writer, int(sequence), kept.time, kept.content)
        )
    return tuple(writes)
