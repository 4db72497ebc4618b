"""
What one robot knows of all bids, its own among them, and who wins by them.

A bid beats another when it is higher, and of equal ones that of the robot with the lesser name:
a total order, so that robots who know the same bids see the same winners. A task that takes k
robots is won by the k best.
"""

from __future__ import annotations

from collections.abc import Iterable
import hashlib

import numpy as np

from swarm_consensus.protocols.allocation.field import Field, Flags, Floats
from swarm_consensus.protocols.allocation.messages import HASH_BYTES, BidStatement, KnownRow


class Board:
    """
    The newest statement of every robot.

    :param robot: whose board it is.
    :ivar absent: robots whose bids do not count.
    """

    def __init__(self, robot: str) -> None:
        self._robot = robot
        self._statements: dict[str, BidStatement] = {}
        self._bids: dict[str, dict[str, float]] = {}
        self.absent: frozenset[str] = frozenset()
        self._hash = b''
        self._field = Field(())
        # Of the bid that must be beaten for each task of the field: its height, and whether an
        # equal one of this robot beats it.
        self._to_beat: Floats = np.zeros(0)
        self._beaten_by_equal: Flags = np.zeros(0, bool)
        # Places for which these are to be found out anew, when somebody asks.
        self._unweighed: set[int] = set()

    @property
    def statements(self) -> Iterable[BidStatement]:
        """Return the newest statement of each robot."""
        return self._statements.values()

    def statement(self, robot: str) -> BidStatement | None:
        """Return the newest statement of a robot; None: nothing is known of it."""
        return self._statements.get(robot)

    def present(self, statement: BidStatement) -> bool:
        """Return whether what a robot states counts."""
        return statement.robot not in self.absent

    def put(self, statement: BidStatement) -> bool:
        """Take a statement in; returns whether it is news."""
        before = self._statements.get(statement.robot)
        if before is not None and not self._is_newer(statement, before):
            return False
        self._statements[statement.robot] = statement
        self._hash = b''
        if statement.robot not in self.absent:
            self._replace(statement.robot, () if before is None else before.bids, statement.bids)
        return True

    @staticmethod
    def _is_newer(statement: BidStatement, before: BidStatement) -> bool:
        if statement.incarnation == before.incarnation:
            return statement.version > before.version
        return statement.incarnation > before.incarnation

    def set_absent(self, robots: frozenset[str]) -> None:
        """Let the bids of these robots not count, and those of all others."""
        for robot in sorted(robots ^ self.absent):
            statement = self._statements.get(robot)
            if statement is not None:
                gone = robot in robots
                self._replace(robot, statement.bids if gone else (), () if gone else statement.bids)
        self.absent = robots

    def _replace(
        self,
        robot: str,
        before: Iterable[tuple[str, float]],
        after: Iterable[tuple[str, float]],
    ) -> None:
        old, new = dict(before), dict(after)
        for task, bid in old.items():
            if new.get(task) != bid:
                bids = self._bids[task]
                del bids[robot]
                if not bids:
                    del self._bids[task]
                self._touch(robot, task)
        for task, bid in new.items():
            if old.get(task) != bid:
                self._bids.setdefault(task, {})[robot] = bid
                self._touch(robot, task)

    def _touch(self, robot: str, task: str) -> None:
        if robot != self._robot:
            place = self._field.places.get(task)
            if place is not None:
                self._unweighed.add(place)

    # -- who wins ---------------------------------------------------------------------------------

    def set_field(self, field: Field) -> None:
        """Take the tasks over that are open."""
        self._field = field
        self._to_beat = np.zeros(len(field))
        self._beaten_by_equal = np.ones(len(field), bool)
        self._unweighed = {field.places[task] for task in self._bids if task in field.places}

    def _weigh_all(self) -> None:
        for place in self._unweighed:
            self._weigh(place)
        self._unweighed.clear()

    def _weigh(self, place: int) -> None:
        task = self._field.tasks[place]
        others = [
            (-bid, robot)
            for robot, bid in self._bids.get(task.task, {}).items()
            if robot != self._robot
        ]
        if len(others) < task.robots:
            self._to_beat[place], self._beaten_by_equal[place] = 0.0, True
            return
        height, robot = min(others) if task.robots == 1 else sorted(others)[task.robots - 1]
        self._to_beat[place] = -height
        self._beaten_by_equal[place] = self._robot < robot

    def beats(self, bids: Floats) -> Flags:
        """Return for which tasks of the field bids of this robot would be among the winners."""
        if self._unweighed:
            self._weigh_all()
        result: Flags = (bids > self._to_beat) | ((bids == self._to_beat) & self._beaten_by_equal)
        return result

    def holds(self, name: str, bid: float) -> bool:
        """Return whether a bid of this robot for an open task is among the winners."""
        if self._unweighed:
            self._weigh_all()
        place = self._field.places[name]
        height = self._to_beat[place]
        return bool(bid > height or (bid == height and self._beaten_by_equal[place]))

    def winners(self, task: str) -> tuple[str, ...]:
        """Return who wins a task by the bids that are known, the best first; () for nobody."""
        place = self._field.places.get(task)
        if place is None:
            return ()
        bids = self._bids.get(task, {})
        best = sorted(bids, key=lambda robot: (-bids[robot], robot))
        return tuple(best[: self._field.tasks[place].robots])

    # -- what is known ----------------------------------------------------------------------------

    def known(self) -> tuple[KnownRow, ...]:
        """Return which statement of each robot is the newest here, in order of their names."""
        return tuple(
            [(name, x.incarnation, x.version) for name, x in sorted(self._statements.items())]
        )

    def hash(self) -> bytes:
        """Return a hash of `known`."""
        if not self._hash:
            lines = [f'{name}\0{number}\0{version}\n' for name, number, version in self.known()]
            text = ''.join(lines).encode('utf-8', 'surrogatepass')
            self._hash = hashlib.blake2b(text, digest_size=HASH_BYTES).digest()
        return self._hash

    def newer_than(self, rows: Iterable[KnownRow]) -> list[BidStatement]:
        """Return the statements that somebody who knows `rows` lacks."""
        known = {name: (incarnation, version) for name, incarnation, version in rows}
        return [
            statement
            for name, statement in sorted(self._statements.items())
            if _number(statement) > known.get(name, (0, 0))
        ]

    def lacks(self, rows: Iterable[KnownRow]) -> bool:
        """Return whether somebody who knows `rows` knows what is not known here."""
        for name, incarnation, version in rows:
            statement = self._statements.get(name)
            if statement is None or _number(statement) < (incarnation, version):
                return True
        return False


def _number(statement: BidStatement) -> tuple[int, int]:
    return statement.incarnation, statement.version
