"""
Robots with nothing but Raft, a disk and a faulty network, in one process and on virtual time.

`Cluster` carries out each robot's effects in the order that effects.py asks for, and checks the
invariants of raft_invariants.py after each batch. It knows Raft by its public calls alone.
Everything random comes from one seed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
import heapq
from random import Random
import struct

from raft_invariants import Invariants

from swarm_consensus.protocols.raft import (
    ChangeResult,
    Effects,
    Entry,
    EntryKind,
    HardState,
    Message,
    Outcome,
    Persist,
    ProposalResult,
    Raft,
    RaftConfig,
    ReadResult,
    Restored,
    Role,
    Snapshot,
    TransferResult,
)


def state_of(applied: Sequence[Entry]) -> bytes:
    """Return the state after these entries: the whole of them, so that nothing can hide."""
    return b''.join(
        struct.pack('<IBB', entry.term, entry.kind, len(entry.data)) + entry.data
        for entry in applied
    )


def applied_in(state: bytes) -> list[Entry]:
    """Return the entries that make this state."""
    applied: list[Entry] = []
    at = 0
    while at < len(state):
        term, kind, size = struct.unpack_from('<IBB', state, at)
        at += 6 + size
        applied.append(Entry(len(applied) + 1, term, EntryKind(kind), state[at - size : at]))
    return applied


@dataclass
class Disk:
    """What outlives a crash: `entries` stand behind the snapshot."""

    hard_state: HardState = HardState()
    entries: list[Entry] = field(default_factory=list)
    snapshot: Snapshot | None = None

    @property
    def base(self) -> int:
        return 0 if self.snapshot is None else self.snapshot.mark.index

    @property
    def log(self) -> list[Entry]:
        """The whole log, with what the snapshot stands for."""
        return ([] if self.snapshot is None else applied_in(self.snapshot.data)) + self.entries

    def write(self, persist: Persist) -> None:
        if persist.hard_state is not None:
            self.hard_state = persist.hard_state
        if persist.snapshot is not None:
            mark = persist.snapshot.mark
            assert mark.index >= self.base, 'an older snapshot would be written'
            place = mark.index - self.base
            known = 0 < place <= len(self.entries) and self.entries[place - 1].term == mark.term
            self.entries = self.entries[place:] if known else []
            self.snapshot = persist.snapshot
        if persist.entries:
            place = persist.entries[0].index - 1 - self.base
            assert 0 <= place <= len(self.entries), 'a gap would be written'
            del self.entries[place:]
            self.entries.extend(persist.entries)


class Robot:
    """
    One robot: its Raft, its disk, what waits for the disk, and what it has applied.

    `log` is what Raft holds, with what a snapshot stands for.
    """

    def __init__(self, config: RaftConfig, disk: Disk) -> None:
        self.config = config
        self.name = config.robot
        self.disk = disk
        self.raft: Raft | None = None
        self.waiting: deque[Effects] = deque()
        self.log: list[Entry] = []
        self.applied: list[Entry] = []
        self.proposals: list[ProposalResult] = []
        self.reads: list[ReadResult] = []
        self.transfers: list[TransferResult] = []
        self.changes: list[ChangeResult] = []
        self.losses = 0
        self.stalled_until = 0

    @property
    def alive(self) -> bool:
        return self.raft is not None

    def start(self, random: Random) -> None:
        disk = self.disk
        restored = Restored(disk.hard_state, tuple(disk.entries), disk.snapshot)
        self.raft = Raft(self.config, restored, random)
        self.log = disk.log
        self.applied = self.log[: disk.base]


@dataclass
class Weather:
    """
    How the network and the disks behave.

    :param loss: probability that a message to one receiver is lost.
    :param repeat: probability that it arrives twice.
    :param delay_max: a message arrives after 0..delay_max ticks; so messages overtake.
    :param sync: probability, a tick, that a disk finishes what waits; 1: at once.
    """

    loss: float = 0.0
    repeat: float = 0.0
    delay_max: int = 0
    sync: float = 1.0


class Cluster:
    """
    A swarm of robots.

    :param names: the voters.
    :param learners: robots that hold the log and do not count.
    :param logs: terms of the entries that a robot starts with, one digit each, as in the paper.
    :param term: durable term of the robots at the start.
    :param priorities: rank of each robot; 0 where none is given.
    :param others: robots that are no members, and run.
    :param paces: ticks of each robot in one tick of the swarm, at most 1; 1 where none is given.
    """

    def __init__(
        self,
        names: Sequence[str],
        seed: int = 1,
        logs: dict[str, str] | None = None,
        term: int = 0,
        weather: Weather | None = None,
        priorities: dict[str, int] | None = None,
        learners: Sequence[str] = (),
        others: Sequence[str] = (),
        paces: dict[str, float] | None = None,
        **settings: int,
    ) -> None:
        self.random = Random(seed)
        self.weather = weather or Weather()
        self.now = 0
        self.lost: Callable[[str, str, Message], bool] = lambda sender, to, message: False
        self.invariants = Invariants(names)
        self.robots: dict[str, Robot] = {}
        self.trace: list[tuple[str, str, Message]] = []
        self._air: list[tuple[int, int, str, Message]] = []
        self._count = 0
        self._requests = 0
        self.installs = 0
        settings = {'election_ticks': 10, 'heartbeat_ticks': 2, **settings}
        self._paces = paces or {}
        self._passed: dict[str, float] = {}
        robots = [*names, *learners, *others]
        for name in robots:
            priority = (priorities or {}).get(name, 0)
            config = RaftConfig(
                name,
                tuple(names),
                tuple(learners),
                priority=priority,
                robots=tuple(robots),
                **settings,
            )
            terms = [int(digit) for digit in (logs or {}).get(name, '')]
            entries = [
                Entry(index, entry_term, EntryKind.COMMAND, f'{index}@{entry_term}'.encode())
                for index, entry_term in enumerate(terms, 1)
            ]
            robot = Robot(config, Disk(HardState(max([term, *terms])), entries))
            self.robots[name] = robot
            self.invariants.restored(name, entries)
            robot.start(Random(self.random.getrandbits(64)))

    # -- people's view ----------------------------------------------------------------------

    def __getitem__(self, name: str) -> Raft:
        raft = self.robots[name].raft
        assert raft is not None, f'{name} is down'
        return raft

    def role(self, name: str) -> Role:
        return self[name].role

    def terms(self, name: str) -> list[int]:
        return [entry.term for entry in self.robots[name].log]

    def applied(self, name: str) -> list[bytes]:
        return [
            entry.data for entry in self.robots[name].applied if entry.kind is EntryKind.COMMAND
        ]

    def result(self, request_id: str) -> ProposalResult | None:
        for robot in self.robots.values():
            for result in robot.proposals:
                if result.request_id == request_id:
                    return result
        return None

    def read_result(self, request_id: str) -> ReadResult | None:
        for robot in self.robots.values():
            for result in robot.reads:
                if result.request_id == request_id:
                    return result
        return None

    @property
    def alive(self) -> list[Robot]:
        return [robot for robot in self.robots.values() if robot.alive]

    @property
    def leaders(self) -> list[str]:
        return [robot.name for robot in self.alive if self[robot.name].role is Role.LEADER]

    # -- what happens -------------------------------------------------------------------------

    def tick(self, names: Iterable[str] | None = None, count: int = 1) -> None:
        """Let time pass at some robots only; messages stay in the air until `settle`."""
        for _ in range(count):
            for name in list(names) if names is not None else [r.name for r in self.alive]:
                self[name].tick()
                self.carry_out(name)

    def propose(self, name: str, data: bytes = b'', deadline_ticks: int = 0) -> str:
        """Propose at a robot; returns the request id."""
        self._requests += 1
        request_id = f'{name}/{self._requests}'
        data = data or request_id.encode()
        self.invariants.proposed(request_id, data)
        self[name].propose(request_id, data, deadline_ticks)
        self.carry_out(name)
        return request_id

    def read(self, name: str, deadline_ticks: int = 0) -> str:
        """Read at a robot; returns the request id."""
        self._requests += 1
        request_id = f'{name}/{self._requests}'
        self.invariants.read_begun(request_id)
        self[name].read(request_id, deadline_ticks)
        self.carry_out(name)
        return request_id

    def snapshot(self, name: str) -> None:
        """Let a robot take a snapshot of what it has applied, if that is more than its last."""
        robot = self.robots[name]
        if len(robot.applied) > self[name].status().snapshot_index:
            self[name].snapshot(len(robot.applied), state_of(robot.applied))
            self.carry_out(name)

    def transfer(self, name: str, target: str = '') -> None:
        """Ask a robot to hand its leadership over."""
        self.invariants.transfer_begun(name)
        self[name].transfer(target)
        self.carry_out(name)

    def change(
        self,
        name: str,
        voters: Sequence[str],
        learners: Sequence[str] = '',
        deadline_ticks: int = 0,
    ) -> str:
        """Ask a robot for a change of membership; returns the request id."""
        self._requests += 1
        request_id = f'{name}/{self._requests}'
        self.invariants.change_begun(request_id)
        self[name].change(request_id, tuple(voters), tuple(learners), deadline_ticks)
        self.carry_out(name)
        return request_id

    def change_result(self, request_id: str) -> ChangeResult | None:
        for robot in self.robots.values():
            for result in robot.changes:
                if result.request_id == request_id:
                    return result
        return None

    def lose(self, name: str) -> None:
        """Stop a robot and destroy its disk; when it is up again, it knows that."""
        self.crash(name)
        robot = self.robots[name]
        robot.losses += 1
        robot.disk = Disk(HardState(lost=f'{name}:{robot.losses}'))
        self.invariants.lost(name)

    def receive(self, name: str, message: Message) -> None:
        self[name].receive(message)
        self.carry_out(name)

    def crash(self, name: str) -> None:
        """Stop a robot; of what waits for the disk, some first part may have got there."""
        robot = self.robots[name]
        robot.raft = None
        for effects in list(robot.waiting)[: self.random.randint(0, len(robot.waiting))]:
            if effects.persist is not None:
                robot.disk.write(effects.persist)
        robot.waiting.clear()
        self.invariants.crashed(name, robot.disk.log, robot.disk.hard_state.lost)

    def restart(self, name: str, **settings: int) -> None:
        robot = self.robots[name]
        robot.config = replace(robot.config, **settings)
        self._passed[name] = self.now * self._paces.get(name, 1.0)
        robot.start(Random(self.random.getrandbits(64)))

    @contextmanager
    def cut(self, *names: str):  # noqa: ANN201
        """Cut robots off from the others (not from each other) for a while."""
        before = self.lost
        self.lost = lambda sender, to, message: (
            (sender in names) != (to in names) or before(sender, to, message)
        )
        yield
        self.lost = before

    def elect(self, name: str) -> None:
        """Let a robot win an election: the others have not heard a leader for long."""
        self.campaign(name)
        if self.role(name) is not Role.LEADER:
            # The first may only have told it of a higher term.
            self.campaign(name)
        assert self.role(name) is Role.LEADER, self[name].status()

    def campaign(self, name: str) -> None:
        """Let a robot call an election that the others listen to."""
        ticks = self.robots[name].config.election_ticks
        before, self.lost = self.lost, lambda sender, to, message: True
        self.tick([robot.name for robot in self.alive], ticks)
        self.lost = before
        self.drop_air()
        term = self[name].term
        for _ in range(2 * ticks):
            sent = len(self.trace)
            self.tick([name])
            if len(self.trace) > sent or self[name].term > term:
                break
        self.settle()

    def drop_air(self) -> None:
        self._air.clear()

    def settle(self, steps_max: int = 10_000) -> None:
        """Deliver messages in order until none is left; no time passes."""
        for _ in range(steps_max):
            if not self._air:
                return
            _, _, to, message = heapq.heappop(self._air)
            if self.robots[to].alive:
                self.receive(to, message)
        raise AssertionError('the robots never stop talking')

    def run(self, ticks: int) -> None:
        """Let time pass for all robots in the weather that there is."""
        for _ in range(ticks):
            self.now += 1
            for robot in self.alive:
                if robot.stalled_until > self.now:
                    continue
                # Time that passed while it was stalled comes first, where it comes late at all.
                for _ in range(self._due(robot)):
                    self.tick([robot.name])
                if robot.waiting and self.random.random() < self.weather.sync:
                    self._sync(robot, self.random.randint(1, len(robot.waiting)))
            posted = self._count
            while self._air and self._air[0][0] <= self.now:
                assert self._count - posted < 20_000, 'the robots never stop talking'
                _, count, to, message = heapq.heappop(self._air)
                robot = self.robots[to]
                if robot.stalled_until > self.now:
                    heapq.heappush(self._air, (robot.stalled_until, count, to, message))
                elif robot.alive:
                    self.receive(to, message)

    def _due(self, robot: Robot) -> int:
        """Return how many ticks a robot's own clock makes now."""
        pace = self._paces.get(robot.name)
        if pace is None:
            return 1
        passed = self._passed.get(robot.name, 0.0)
        self._passed[robot.name] = self.now * pace
        return int(self.now * pace) - int(passed)

    # -- carrying out ---------------------------------------------------------------------------

    def carry_out(self, name: str) -> None:
        """Do what a robot's Raft wants done."""
        robot = self.robots[name]
        raft = robot.raft
        if raft is None:
            return
        while (effects := raft.take_effects()) is not None:
            self._send(robot, effects.send_now)
            self.invariants.saw(
                name, raft, effects.persist, robot.log, robot.disk.hard_state.term
            )
            persist = effects.persist
            if persist is not None and persist.snapshot is not None:
                applied = applied_in(persist.snapshot.data)
                self.invariants.snapshot(persist.snapshot.mark, applied)
                if effects.install is not None:
                    robot.log = applied
            if persist is not None and persist.entries:
                del robot.log[persist.entries[0].index - 1 :]
                robot.log.extend(persist.entries)
            self.invariants.leads(name, raft, robot.log)
            robot.waiting.append(effects)
            if self.weather.sync >= 1:
                self._sync(robot, len(robot.waiting))

    def _sync(self, robot: Robot, count: int) -> None:
        """Let the disk finish the first `count` batches that wait, and do what waited for it."""
        raft = robot.raft
        assert raft is not None
        for effects in [robot.waiting.popleft() for _ in range(count)]:
            persist = effects.persist
            if persist is not None:
                robot.disk.write(persist)
                self.invariants.durable(robot.name, persist, robot.disk.log)
                if persist.end is not None:
                    raft.persisted(*persist.end)
            self._send(robot, effects.send_after)
            if effects.install is not None:
                assert persist is not None and persist.snapshot is effects.install
                self.installs += 1
                robot.applied = applied_in(effects.install.data)
            for entry in effects.committed:
                self.invariants.applied(robot.name, raft.term, entry, len(robot.applied) + 1)
                robot.applied.append(entry)
            for read in effects.reads:
                self.invariants.read_ended(read, len(robot.applied))
            for result in effects.proposals:
                self.invariants.proposal_ended(result)
            for end in effects.transfers:
                self.invariants.transfer_ended(robot.name, end)
            for change in effects.changes:
                self.invariants.change_ended(change)
            robot.changes.extend(effects.changes)
            robot.transfers.extend(effects.transfers)
            robot.reads.extend(effects.reads)
            robot.proposals.extend(effects.proposals)
        self.carry_out(robot.name)

    def _send(self, robot: Robot, sends: Iterable) -> None:
        for send in sends:
            assert robot.name not in send.to
            self.trace.append((robot.name, ','.join(send.to), send.message))
            self.invariants.sent(send.message)
            for to in send.to or [name for name in self.robots if name != robot.name]:
                self._post(robot.name, to, send.message)

    def _post(self, sender: str, to: str, message: Message) -> None:
        weather = self.weather
        if self.lost(sender, to, message) or self.random.random() < weather.loss:
            return
        copies = 2 if self.random.random() < weather.repeat else 1
        for _ in range(copies):
            self._count += 1
            at = self.now + (self.random.randint(0, weather.delay_max) if weather.delay_max else 0)
            heapq.heappush(self._air, (at, self._count, to, message))

    def committed(self, request_id: str) -> bool:
        result = self.result(request_id)
        return result is not None and result.outcome is Outcome.COMMITTED
