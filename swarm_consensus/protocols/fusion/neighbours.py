"""
Who is in reach, whom those in reach hear, and who else is there behind them.

From the hellos of its neighbours a robot knows the graph two hops around it. That tells for whom
something has to be said again (relay.py). Signs of life of those further away come through the
others: each robot counts its own, the counts travel, and a count that no longer grows is that of a
robot that is gone (van Renesse, Minsky and Hayden, 1998, section 2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import hashlib

from swarm_consensus.protocols.fusion.messages import ROBOTS_MAX, SIGNS_MAX, Hello, Sign


def roster_hash(robots: Sequence[str]) -> int:
    """Return a hash of the sorted names of all robots; 63 bits."""
    digest = hashlib.blake2b(b'swarm_consensus/roster/1', digest_size=8)
    for robot in robots:
        name = robot.encode()
        digest.update(len(name).to_bytes(4, 'big') + name)
    return int.from_bytes(digest.digest(), 'big') & (2**63 - 1)


@dataclass(slots=True)
class _Neighbour:
    """
    A robot in reach.

    :ivar hears: mask of the places that it hears, its own among them; 0 where it counts robots
        otherwise.
    """

    at: int
    hears: int


@dataclass(slots=True)
class _Signs:
    """
    Of one other robot, the newest sign of life.

    :ivar told: the count that this robot has passed on.
    :ivar told_at: when.
    """

    incarnation: int
    beat: int
    at: int
    told: tuple[int, int] = (0, 0)
    told_at: int = -1


class Neighbours:
    """
    The robots around one robot.

    :param robots: names of all robots of the swarm. Only these have a place in masks on the wire;
        another one, this robot itself included, is a guest, with a place here alone.
    :param near_ticks: silence after which one in reach counts as out of reach.
    :param far_ticks: time without a new sign of life after which a robot counts as gone.
    :raises ValueError: more robots than a mask holds.
    """

    def __init__(
        self, robot: str, robots: Sequence[str], near_ticks: int, far_ticks: int
    ) -> None:
        if len(robots) > ROBOTS_MAX:
            raise ValueError(f'{len(robots)} robots; evidence travels among {ROBOTS_MAX} at most')
        self.robot = robot
        self.robots = tuple(sorted(robots))
        self.places = {name: place for place, name in enumerate(self.robots)}
        self.roster = roster_hash(self.robots)
        self._named_mask = (1 << len(self.robots)) - 1
        self.join(robot)
        self._near_ticks = near_ticks
        self._far_ticks = far_ticks
        self._near: dict[str, _Neighbour] = {}
        self._near_mask = 0
        # Counts up whenever it changes who is near or whom these hear.
        self.changes = 0
        # Whom all that are near hear, and after how many changes this was found.
        self._common, self._common_at = 0, -1
        self._signs: dict[str, _Signs] = {}
        # Of whom signs come, and until when that stands if nobody comes.
        self._there: frozenset[str] = frozenset()
        self._there_until = -1

    def join(self, robot: str) -> None:
        """Give a place to a robot, where it has none."""
        if robot not in self.places:
            taken = set(self.places.values())
            self.places[robot] = next(n for n in range(len(taken) + 1) if n not in taken)

    def leave(self, robot: str) -> None:
        """Forget a robot that is none of the swarm."""
        place = self.places.get(robot, 0)
        if robot == self.robot or place < len(self.robots):
            return
        del self.places[robot]
        self._signs.pop(robot, None)
        self._there_until = -1
        if self._near.pop(robot, None) is not None:
            self._near_mask &= ~(1 << place)
            self.changes += 1

    def greeted(self, sender: str, hello: Hello, now: int) -> bool:
        """
        Take in a hello.

        :returns: whether its sender was not in reach before.
        """
        same = hello.roster == self.roster
        heard = int.from_bytes(hello.heard, 'little') & self._named_mask
        hears = heard | 1 << self.places[sender] if same else 0
        before = self._near.get(sender)
        new = before is None
        if before is None or before.hears != hears:
            self.changes += 1
        self._near[sender] = _Neighbour(now, hears)
        self._near_mask |= 1 << self.places[sender]
        self.sign(sender, hello.incarnation, hello.beat, now)
        if same:
            for place, incarnation, beat in hello.signs:
                # Of those in reach this robot hears more than others can tell.
                if place < len(self.robots) and not self._near_mask >> place & 1:
                    self.sign(self.robots[place], incarnation, beat, now)
        return new

    def sign(self, robot: str, incarnation: int, beat: int, now: int) -> None:
        """Take note of a sign of life of another robot, from itself or told by others."""
        if robot == self.robot or robot not in self.places:
            return
        before = self._signs.get(robot)
        if before is None:
            self._signs[robot] = _Signs(incarnation, beat, now)
        elif (incarnation, beat) > (before.incarnation, before.beat):
            before.incarnation, before.beat, before.at = incarnation, beat, now
        else:
            return
        self._is_there(robot)

    def touch(self, robot: str, now: int) -> None:
        """Take note that a robot has said something new, by whatever way it came."""
        if robot != self.robot:
            self._signs.setdefault(robot, _Signs(0, 0, now)).at = now
            self._is_there(robot)

    def _is_there(self, robot: str) -> None:
        if robot not in self._there:
            self._there_until = -1

    def expire(self, now: int) -> bool:
        """Forget neighbours that have been silent for too long; returns whether there were any."""
        silent = [n for n, each in self._near.items() if now - each.at > self._near_ticks]
        for name in silent:
            del self._near[name]
            self._near_mask &= ~(1 << self.places[name])
            self.changes += 1
        return bool(silent)

    def heard(self, sender: str, now: int) -> None:
        """Take note of any other message of a robot in reach."""
        if sender in self._near:
            self._near[sender].at = now

    def is_near(self, robot: str) -> bool:
        """Return whether a robot is in reach."""
        return robot in self._near

    @property
    def near(self) -> frozenset[str]:
        """Return the robots in reach."""
        return frozenset(self._near)

    @property
    def count(self) -> int:
        """Return how many robots are in reach."""
        return len(self._near)

    def reachable(self, now: int) -> frozenset[str]:
        """Return the robots of which signs of life come, from near or far, and this one."""
        if now > self._there_until:
            # Until the first of them has been silent for too long only who comes changes it.
            far = self._far_ticks
            there = {robot: s.at for robot, s in self._signs.items() if now - s.at <= far}
            self._there_until = min(there.values(), default=now) + far
            self._there = frozenset((*there, self.robot))
        return self._there

    def mask(self) -> bytes:
        """Return the robots in reach as a mask, as short as it can be."""
        mask = self._near_mask & self._named_mask
        return mask.to_bytes((mask.bit_length() + 7) // 8, 'little')

    def deaf_to(self, speaker: str) -> Iterator[str]:
        """Yield the robots in reach that are not known to hear a robot, other than itself."""
        bit = 1 << self.places[speaker]
        if self._common_at != self.changes:
            self._common, self._common_at = -1, self.changes
            for each in self._near.values():
                self._common &= each.hears
        if self._common & bit:
            # Where all are in reach of all this is so for nearly every item that comes.
            return
        for name, each in self._near.items():
            if name != speaker and not each.hears & bit:
                yield name

    def hearing(self, speaker: str) -> Iterator[str]:
        """Yield the robots in reach that are known to hear a robot, and itself if it is near."""
        bit = 1 << self.places[speaker]
        for name, each in self._near.items():
            if name == speaker or each.hears & bit:
                yield name

    def hears(self) -> dict[int, int]:
        """Return, by place, the masks of whom the robots of the swarm in reach hear."""
        return {
            place: each.hears
            for name, each in self._near.items()
            if (place := self.places[name]) < len(self.robots)
        }

    def signs_to_tell(self, now: int) -> tuple[Sign, ...]:
        """Return new signs of life of robots that some neighbour does not hear, each once."""
        everybody_hears = -1
        for each in self._near.values():
            everybody_hears &= each.hears
        news = [
            (signs.told_at, place, signs)
            for robot, signs in self._signs.items()
            if (signs.incarnation, signs.beat) > signs.told
            and (place := self.places[robot]) < len(self.robots)
            and not everybody_hears >> place & 1
        ]
        # Those first that waited longest: with many robots not all fit into one hello.
        news.sort(key=lambda each: each[:2])
        told: list[Sign] = []
        for _, place, signs in news[:SIGNS_MAX]:
            signs.told, signs.told_at = (signs.incarnation, signs.beat), now
            told.append((place, signs.incarnation, signs.beat))
        return tuple(told)
