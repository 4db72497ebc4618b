"""
How replicas that are gone are forgotten, and what becomes of one that comes back.

A context would grow by a row with every replica that ever was. So now and then the history of those
that are gone is *settled*: one record, the same for the whole swarm, says which replicas go on and
what the last dot of each of the others is. Behind it the swarm stands at the next *level*. There,
every dot of a replica whose name was made at a lower level and which has no row counts as seen.
The rows of the settled replicas are dropped; what they wrote stays, until somebody removes it.

The rule, and what it rests on:

1. There is one record for each level. Who holds the records apart is the caller's part: the runtime
   has them committed in the replicated log. Partitions can therefore not settle each other; where
   there is no quorum nobody is forgotten, and everything else goes on.
2. A replica takes a level over only when it has the record and has seen all that it settles: it
   knows so by its own rows, or a peer that stands at that level has said that it lacks nothing.
3. A dot behind the last one that the record names is void, everywhere. The robot that wrote it
   and comes back takes a new name, writes again what was void, and nothing is lost, doubled or
   resurrected: the record says exactly where it was cut off. Only a removal of a void write, of
   which its author has not heard by then, does not hold.
4. Records name the last dots of the newest RETIRED_MAX settled replicas. A robot that stays away
   for so long that it is no longer among them cannot know which of its last writes the others had
   seen and removed. It does not write them again: it reports them (`Effects.lost`). What the others
   had acknowledged is not among these, and a robot that had nothing unheard loses nothing.

A counter keeps what settled replicas added to it, one write each, until it is removed: to hand a
sum over to another replica exactly once would take an agreement for each counter.

Akka's Distributed Data prunes by moving the entries of a removed node under markers that live for a
time; a node that is away for longer resurrects them. Here levels take the place of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.crdt.context import SEQUENCE_MAX, Context
from swarm_consensus.protocols.crdt.ids import (
    ID_CHARACTERS_MAX,
    LEVEL_MAX,
    boot_of,
    is_replica_id,
    level_of,
    robot_of,
)
from swarm_consensus.protocols.values import value

KEPT_MAX = 1024
RETIRED_MAX = 256

_Id = Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)]
# name, its last dot, level at which it was settled
_Retired = tuple[
    _Id, Annotated[int, Bounds(maximum=SEQUENCE_MAX)], Annotated[int, Bounds(maximum=LEVEL_MAX)]
]


@value
class Settlement:
    """
    The record of one level.

    :param level: that is reached by it.
    :param kept: replicas of lower levels that go on, sorted.
    :param retired: the settled replicas that are still named, newest level last.
    :param retired_from: every replica that was settled at this level or a later one is named.
    """

    level: Annotated[int, Bounds(minimum=1, maximum=LEVEL_MAX)]
    kept: Annotated[tuple[_Id, ...], Bounds(length_max=KEPT_MAX)]
    retired: Annotated[tuple[_Retired, ...], Bounds(length_max=RETIRED_MAX)]
    retired_from: Annotated[int, Bounds(minimum=1, maximum=LEVEL_MAX)]

    def problem(self) -> str:
        """Return what is wrong in one that a peer or the log told; '' for nothing."""
        names = (*self.kept, *(name for name, _, _ in self.retired))
        if not all(map(is_replica_id, names)) or len(set(names)) != len(names):
            return 'SETTLEMENT_NAMES'
        if not self.kept or not 1 <= self.retired_from <= self.level:
            return 'SETTLEMENT_RULES'
        if any(level_of(name) >= self.level for name in names):
            return 'SETTLEMENT_LEVELS'
        return ''

    def settles(self, writer: str) -> bool:
        """Return whether a replica is settled by this record or one before it."""
        return level_of(writer) < self.level and writer not in self.kept

    def final(self, writer: str) -> int | None:
        """
        Return the last dot of a replica that `settles` names; None: it is no longer known.

        A replica that no record names was never heard of by those who settled it: 0.
        """
        for name, sequence, _ in self.retired:
            if name == writer:
                return sequence
        # It was settled at some level behind that of its name, and those are all named here.
        return 0 if level_of(writer) + 1 >= self.retired_from else None

    def joins(self, context: Context) -> bool:
        """Return whether a replica knows by its own rows that it has seen all that this settles."""
        return context.level == self.level - 1 and all(
            context.rows.get(name, 0) >= sequence
            for name, sequence, level in self.retired
            if level == self.level
        )


def superseded(context: Context) -> set[str]:
    """Return the replicas whose robot has taken another name in a later boot."""
    newest: dict[str, str] = {}
    for writer in context.rows:
        robot = robot_of(writer)
        if robot not in newest or _age(newest[robot]) < _age(writer):
            newest[robot] = writer
    return {writer for writer in context.rows if newest[robot_of(writer)] != writer}


def _age(writer: str) -> tuple[int, int, str]:
    return boot_of(writer), level_of(writer), writer


def settle(
    context: Context,
    before: Settlement | None,
    proposer: str,
    is_gone: Callable[[str], bool],
) -> Settlement | None:
    """
    Return the record of the next level, by what one replica has seen; None: nothing to settle.

    Dots of a settled replica that others have seen and this one has not become void, so a caller
    waits until the replicas that are gone have been quiet for a while.

    :param before: the record of the level of this replica; None at level 0.
    :param proposer: name of this replica; it is kept.
    :param is_gone: whether the robot of a replica is gone; no need to be right for safety.
    """
    old = superseded(context)
    gone = {
        writer: row
        for writer, row in context.rows.items()
        if writer != proposer
        and writer not in context.gaps
        and (writer in old or is_gone(robot_of(writer)))
    }
    if not gone:
        return None
    # So few at once that all of them are named.
    names = sorted(gone)[:RETIRED_MAX]
    kept = tuple(sorted((context.rows.keys() | {proposer}) - set(names)))
    if len(kept) > KEPT_MAX:
        return None
    level = context.level + 1
    retired, retired_from = _retired(before, {name: gone[name] for name in names}, level)
    return Settlement(level, kept, retired, retired_from)


def _retired(
    before: Settlement | None, gone: Mapping[str, int], level: int
) -> tuple[tuple[tuple[str, int, int], ...], int]:
    """Return the replicas to name, and from which level on all are named."""
    named = [] if before is None else list(before.retired)
    retired_from = 1 if before is None else before.retired_from
    room = RETIRED_MAX - len(gone)
    while len(named) > room:
        # A level goes as a whole, or it could not be said what is named.
        oldest = named[0][2]
        named = [each for each in named if each[2] != oldest]
        retired_from = oldest + 1
    named += [(name, gone[name], level) for name in sorted(gone)]
    return tuple(named), retired_from

