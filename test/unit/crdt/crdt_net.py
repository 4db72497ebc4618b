"""
Replicas on a faulty network in virtual ticks, each with a disk that outlives it.

Messages travel as the bytes of the real codec. What is kept is what `Keep` says, all or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from swarm_consensus.protocols.crdt import (
    MESSAGE_TYPES,
    Digest,
    Effects,
    Image,
    Message,
    Replica,
    ReplicaConfig,
    Settlement,
    Standing,
    Write,
)
from swarm_consensus.protocols.crdt.context import Dot
from swarm_consensus.transport.codec import Codec

CODEC: Codec[Message] = Codec(dict(enumerate(MESSAGE_TYPES, start=96)))
TICK_MS = 20


class Disk:
    """What one robot has kept."""

    def __init__(self) -> None:
        self.standing: Standing | None = None
        self.writes: dict[Dot, Write] = {}

    def keep(self, effects: Effects) -> None:
        """Make the batch durable."""
        if effects.keep is None:
            return
        self.standing = effects.keep.standing
        for dot, write in effects.keep.writes:
            if write is None:
                self.writes.pop(dot, None)
            else:
                self.writes[dot] = write

    def copy(self) -> Disk:
        """Return what an old backup of it would be."""
        other = Disk()
        other.standing, other.writes = self.standing, dict(self.writes)
        return other

    @property
    def image(self) -> Image | None:
        """Return what a replica begins with."""
        if self.standing is None:
            return None
        return Image(self.standing, tuple(self.writes[dot] for dot in sorted(self.writes)))


class Net:
    """
    The robots and what is on its way between them.

    :ivar loss: share of the messages to a robot that are lost.
    :ivar again: share that arrive twice.
    :ivar delay_max: ticks that a message may take.
    :ivar sides: who hears whom; robots that are on no side hear nobody.
    """

    def __init__(self, seed: int, robots: int, **changes: int) -> None:
        self.random = Random(seed)
        self.loss = self.again = 0.0
        self.delay_max = 1
        self.ticks = 0
        self.messages = 0
        self.bytes = 0
        self.record: Settlement | None = None
        self.lost: list[Write] = []
        self.void: list[Write] = []
        self._changes = changes
        self._boots: dict[str, int] = {}
        self._mail: list[tuple[int, int, str, str, bytes]] = []
        self.replicas: dict[str, Replica] = {}
        self.disks: dict[str, Disk] = {}
        self.sides: list[set[str]] = [set()]
        for number in range(robots):
            self.join(f'r{number + 1}')

    def join(self, robot: str) -> Replica:
        """Start a robot, from its disk where it has one."""
        disk = self.disks.setdefault(robot, Disk())
        self._boots[robot] = self._boots.get(robot, 0) + 1
        config = ReplicaConfig(robot, **self._changes)
        one = self.replicas[robot] = Replica(
            config, self._boots[robot], Random(self.random.getrandbits(64)), disk.image
        )
        self.sides[0].add(robot)
        if self.record is not None and self.random.random() < 0.5:
            one.settled(self.record)
        return one

    def crash(self, robot: str) -> None:
        """Take a robot down; its disk stays."""
        del self.replicas[robot]
        for side in self.sides:
            side.discard(robot)

    def visit(self, robot: str, act: Callable[[Replica], object]) -> None:
        """
        Let a robot come for a moment, take in what the others have, do something and be gone.

        Nothing of that is lost, and it takes no time.
        """
        hosts = sorted(self.replicas)
        config = ReplicaConfig(robot, **self._changes)
        guest = Replica(config, 1, Random(self.random.getrandbits(64)))
        first = self.replicas[hosts[0]]
        mine = first.state
        guest.receive(
            hosts[0], Digest(first.level, mine.context_hash(), mine.content_hash()), self.now_ms
        )
        while not guest.ready:
            guest.tick()
            first.tick()
            for message in _told(guest):
                first.receive(robot, message, self.now_ms)
            for message in _told(first, self.disks[hosts[0]]):
                guest.receive(hosts[0], message, self.now_ms)
        act(guest)
        for message in _told(guest):
            for host in hosts:
                self.do(host, lambda one, m=message: one.receive(robot, m, self.now_ms))

    def leave(self, robot: str) -> None:
        """Take a robot away for good, with its disk."""
        self.crash(robot)
        del self.disks[robot]

    def split(self, *sides: set[str]) -> None:
        """Let only robots of one side hear each other."""
        self.sides = [set(side) for side in sides]

    def heal(self) -> None:
        """Let all hear each other, and lose nothing any more."""
        self.sides = [set(self.replicas)]
        self.loss = self.again = 0.0
        self.delay_max = 1
        self._tell_record(list(self.replicas))

    @property
    def now_ms(self) -> int:
        """Return what the robots' clocks show."""
        return self.ticks * TICK_MS

    def do(self, robot: str, act: Callable[[Replica], object]) -> None:
        """Have something done at a robot, and carry out what comes of it."""
        act(self.replicas[robot])
        self.carry_out(robot)

    def carry_out(self, robot: str) -> None:
        """Keep, then send."""
        effects = self.replicas[robot].take_effects()
        if effects is None:
            return
        self.disks[robot].keep(effects)
        self.lost += effects.lost
        self.void += effects.void
        for send in effects.send:
            data = CODEC.encode(send.message)
            self.messages += 1
            self.bytes += len(data)
            for to in [send.to] if send.to else self.replicas:
                if to == robot or to not in self.replicas or not self._hears(robot, to):
                    continue
                for _ in range(2 if self.random.random() < self.again else 1):
                    if self.random.random() >= self.loss:
                        due = self.ticks + self.random.randint(1, self.delay_max)
                        self._mail.append((due, self.random.getrandbits(32), to, robot, data))

    def _hears(self, robot: str, to: str) -> bool:
        return any(robot in side and to in side for side in self.sides)

    def run(self, ticks: int) -> None:
        """Let time pass."""
        for _ in range(ticks):
            self.ticks += 1
            due = sorted(mail for mail in self._mail if mail[0] <= self.ticks)
            self._mail = [mail for mail in self._mail if mail[0] > self.ticks]
            for _, _, to, sender, data in due:
                if to in self.replicas:
                    self.replicas[to].receive(sender, CODEC.decode(data), self.now_ms)
                    self.carry_out(to)
            for robot in list(self.replicas):
                self.replicas[robot].tick()
                self.carry_out(robot)

    def settle(self, proposer: str, gone: set[str]) -> bool:
        """Have one record committed, as a log would, and told to all that hear the proposer."""
        record = self.replicas[proposer].propose(gone.__contains__)
        level = 0 if self.record is None else self.record.level
        self.carry_out(proposer)
        if record is None or record.level != level + 1:
            return False
        self.record = CODEC_RECORD.decode(CODEC_RECORD.encode(record))
        self._tell_record(robot for robot in list(self.replicas) if self._hears(proposer, robot))
        return True

    def _tell_record(self, robots: Iterable[str]) -> None:
        record = self.record
        for robot in robots:
            if record is not None:
                self.do(robot, lambda one: one.settled(record))

    @property
    def states(self) -> set[bytes]:
        """Return the states of all robots that are up, as bytes."""
        return {one.state.encode() for one in self.replicas.values()}

    def run_until_equal(self, ticks_max: int) -> int:
        """Let time pass until all are equal; returns how many ticks it took."""
        for ticks in range(ticks_max):
            if len(self.states) == 1:
                return ticks
            self.run(1)
        assert len(self.states) == 1, f'not equal after {ticks_max} ticks'
        return ticks_max


def _told(one: Replica, disk: Disk | None = None) -> list[Message]:
    effects = one.take_effects()
    if effects is None:
        return []
    if disk is not None:
        disk.keep(effects)
    return [send.message for send in effects.send]


CODEC_RECORD: Codec[Settlement] = Codec({1: Settlement})
