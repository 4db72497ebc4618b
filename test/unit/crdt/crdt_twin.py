"""
The slow and obvious twin: what the types mean, by the log of all operations and who had seen what.

An operation knows the operations that its robot had seen. A write is in force as long as nobody who
had seen it wrote in its place or removed it. Nothing here knows of dots, contexts or joins.
"""

from __future__ import annotations

from dataclasses import dataclass

from crdt_ops import Op

from swarm_consensus.protocols.crdt import Kind

WRITES = {
    'put': Kind.REGISTER,
    'assign': Kind.MULTI,
    'add': Kind.ADD_SET,
    'grow': Kind.GROW_SET,
    'increment': Kind.COUNTER,
}


@dataclass(frozen=True)
class Logged:
    """An operation in the log."""

    number: int
    robot: str
    op: Op
    time: int
    seen: frozenset[int]

    def removes(self, other: Logged) -> bool:
        """Return whether this takes `other` out of force: it had seen it and is aimed at it."""
        if other.number not in self.seen or other.op.name not in WRITES:
            return False
        mine, its = self.op, other.op
        if mine.name == 'remove':
            return mine.key == its.key
        if mine.name == 'remove_map':
            return its.key.startswith('a/')
        if mine.name == 'discard':
            return its.name == 'add' and (mine.key, mine.item) == (its.key, its.item)
        if mine.name in ('put', 'assign'):
            return (mine.name, mine.key) == (its.name, its.key)
        if mine.name in ('add', 'grow'):
            return (mine.name, mine.key, mine.item) == (its.name, its.key, its.item)
        return False

    def goes_on(self, other: Logged) -> bool:
        """Return whether this increment holds what `other` has added, and stands in its place."""
        return (
            other.number in self.seen
            and self.op.name == other.op.name == 'increment'
            and (self.robot, self.op.key) == (other.robot, other.op.key)
        )


class Twin:
    """The log."""

    def __init__(self) -> None:
        self.log: list[Logged] = []

    def append(self, robot: str, op: Op, time: int, seen: set[int]) -> int:
        """Take an operation down; returns its number."""
        self.log.append(Logged(len(self.log), robot, op, time, frozenset(seen)))
        return len(self.log) - 1

    def is_closed(self, seen: set[int]) -> bool:
        """Return whether all that the seen operations had seen was seen, too."""
        return all(self.log[number].seen <= seen for number in seen)

    def read(self, seen: set[int]) -> dict[tuple[str, Kind], object]:
        """Return what a robot reads that has seen these operations."""
        ops = [self.log[number] for number in sorted(seen)]
        force: dict[tuple[str, Kind], list[Logged]] = {}
        for op in ops:
            kind = WRITES.get(op.op.name)
            if kind is not None and not any(
                other.removes(op) or other.goes_on(op) for other in ops
            ):
                force.setdefault((op.op.key, kind), []).append(op)
        found: dict[tuple[str, Kind], object] = {}
        for (key, kind), writes in force.items():
            if kind is Kind.REGISTER:
                found[key, kind] = max(writes, key=lambda w: (w.time, w.robot)).op.item
            elif kind is Kind.COUNTER:
                found[key, kind] = self._count(key, ops)
            else:
                found[key, kind] = tuple(sorted({write.op.item for write in writes}))
        return found

    def _count(self, key: str, ops: list[Logged]) -> int:
        """
        Return a counter: of each robot its increments in force.

        With an increment that no removal has seen go those of the same robot before it, back to
        the last one that the robot itself had seen removed.
        """
        total = 0
        for robot in {op.robot for op in ops}:
            chain: list[Logged] = []
            for op in ops:
                if (op.robot, op.op.name, op.op.key) != (robot, 'increment', key):
                    continue
                visible = [self.log[number] for number in op.seen]
                if chain and any(other.removes(chain[-1]) for other in visible):
                    chain = []
                chain.append(op)
            if chain and not any(other.removes(chain[-1]) for other in ops):
                total += sum(op.op.amount for op in chain)
        return total
