"""
Robots under the hand of a scenario: nothing moves, is delivered or becomes durable by itself.

Each robot is a real Raft over its own disk; their messages lie in the air until somebody delivers
them. The election timeout of each robot is fixed, so that a scenario says who campaigns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
import json
from random import Random

from scenario_messages import is_kind

from swarm_consensus.protocols.raft import (
    Effects,
    Entry,
    EntryKind,
    HardState,
    Message,
    Persist,
    Raft,
    RaftConfig,
    Restored,
    Role,
    Send,
    Snapshot,
    VoteRequest,
)

DELIVERIES_MAX = 20_000


class FixedTimeout(Random):
    """A source of chance whose election timeouts are as late as `offset` says, within the range."""

    offset = 0

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        """Return `offset`, or the largest number of the range."""
        return min(self.offset, start - 1)


@dataclass
class Store:
    """A log as far as it was told: on the disk, or in the view of its robot."""

    hard_state: HardState = HardState()
    snapshot: Snapshot | None = None
    entries: list[Entry] = field(default_factory=list)

    @property
    def base(self) -> int:
        """Place before the first entry."""
        return 0 if self.snapshot is None else self.snapshot.mark.index

    def write(self, persist: Persist) -> None:
        """Take in a write, in the order that effects.py gives."""
        if persist.hard_state is not None:
            self.hard_state = persist.hard_state
        if persist.snapshot is not None:
            self._put_snapshot(persist.snapshot)
        if persist.entries:
            first = persist.entries[0].index
            assert self.base < first <= self.base + len(self.entries) + 1, 'a gap is written'
            del self.entries[first - 1 - self.base :]
            self.entries.extend(persist.entries)

    def _put_snapshot(self, snapshot: Snapshot) -> None:
        mark = snapshot.mark
        assert mark.index >= self.base, 'the stored snapshot is newer'
        place = mark.index - self.base
        kept = (
            0 < place <= len(self.entries) and self.entries[place - 1].term == mark.term
        ) or mark.index == self.base
        self.entries = self.entries[place:] if kept else []
        self.snapshot = snapshot

    @property
    def terms(self) -> str:
        """The log as the papers write it, `1,1,2`; a snapshot stands as the place it covers."""
        text = ','.join(str(entry.term) for entry in self.entries)
        if self.snapshot is None:
            return text or '-'
        return f'[..{self.base}]{text}'


class StateMachine:
    """What is applied: the commands in order, each with its place."""

    def __init__(self, snapshot: Snapshot | None) -> None:
        self.commands: list[tuple[int, str]] = []
        self.index = 0
        if snapshot is not None:
            self.install(snapshot)

    def apply(self, entry: Entry) -> None:
        """Take in the next entry."""
        assert entry.index == self.index + 1, f'{entry} is applied after place {self.index}'
        self.index = entry.index
        if entry.kind is EntryKind.COMMAND:
            self.commands.append((entry.index, entry.data.decode()))

    def install(self, snapshot: Snapshot) -> None:
        """Be what a snapshot holds."""
        self.commands = [(index, text) for index, text in json.loads(snapshot.data)['commands']]
        self.index = snapshot.mark.index

    def snapshot(self, index: int, size: int) -> bytes:
        """Return the state as it was at a place that is applied, filled up to `size` bytes."""
        commands = [command for command in self.commands if command[0] <= index]
        data = json.dumps({'commands': commands}).encode()
        return data.ljust(size)


class Robot:
    """One robot: its Raft (None while it is stopped), its disk, and what waits for the disk."""

    def __init__(self, config: RaftConfig, timeout: int) -> None:
        self.config = config
        self.name = config.robot
        self.timeout = timeout
        self.disk = Store()
        self.view = Store()
        self.raft: Raft | None = None
        self.state = StateMachine(None)
        self.disk_held = False
        self.waiting: deque[Effects] = deque()
        self.boots = 0
        self.seen = (Role.FOLLOWER, 0)

    def start(self) -> None:
        """Begin with what the disk has."""
        self.boots += 1
        random = FixedTimeout(f'{self.name}{self.boots}')
        random.offset = self.timeout - self.config.election_ticks
        disk = self.disk
        restored = Restored(disk.hard_state, tuple(disk.entries), disk.snapshot)
        self.raft = Raft(self.config, restored, random)
        self.view = replace(disk, entries=list(disk.entries))
        self.state = StateMachine(disk.snapshot)
        self.seen = (self.raft.role, self.raft.term)


@dataclass(eq=False)
class Flight:
    """One message on its way to one receiver; `send` is equal for all that share the message."""

    send: int
    sender: str
    to: str
    message: Message


@dataclass(frozen=True)
class Filter:
    """Which messages are meant; what is empty does not matter."""

    kinds: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()

    def __call__(self, flight: Flight) -> bool:
        return (
            (not self.kinds or any(is_kind(flight.message, kind) for kind in self.kinds))
            and (not self.senders or flight.sender in self.senders)
            and (not self.receivers or flight.to in self.receivers)
        )


class Swarm:
    """
    The robots, and the air between them.

    :param tell: a message (sender, receiver, message) for people.

    :ivar said: what happened that people want to read: changes of roles, and results.
    :ivar ends: how each request ended, by its id.
    :ivar lost: messages that are lost as soon as they are sent.
    :ivar held: messages that stay in the air whoever delivers.
    :ivar watched: messages whose delivery is told.
    :ivar campaigns: how often each robot asked for votes or pre-votes.
    """

    def __init__(self, tell: Callable[[str, str, Message], str]) -> None:
        self.robots: dict[str, Robot] = {}
        self.air: list[Flight] = []
        self.said: list[str] = []
        self.ends: dict[str, str] = {}
        self.lost: list[Callable[[Flight], bool]] = []
        self.held: list[Filter] = []
        self.watched: list[Filter] = []
        self.campaigns: dict[str, int] = {}
        self._tell = tell
        self._sends = 0
        self._leaders: dict[int, str] = {}
        self._committed: dict[int, Entry] = {}

    def raft(self, name: str) -> Raft:
        """Return a robot's Raft; it runs."""
        raft = self.robots[name].raft
        assert raft is not None, f'{name} is stopped'
        return raft

    @property
    def running(self) -> list[Robot]:
        """The robots that are not stopped."""
        return [robot for robot in self.robots.values() if robot.raft is not None]

    # -- inputs -------------------------------------------------------------------------------

    def do(self, name: str, act: Callable[[Raft], None]) -> None:
        """Call a robot's Raft and carry out what it wants done."""
        act(self.raft(name))
        self.carry_out(name)

    def tick(self, names: Iterable[str], count: int = 1) -> None:
        """Let time pass at some robots."""
        chosen = list(names)
        for _ in range(count):
            for name in chosen:
                self.do(name, Raft.tick)

    def deliver(self, wanted: Filter, count: int = DELIVERIES_MAX, new: bool = True) -> int:
        """
        Deliver messages in the order in which they were sent, but for those that are held.

        :param count: how many at most.
        :param new: also those that are sent meanwhile.
        :returns: how many.
        """
        last = self._sends
        done = 0
        while done < count:
            flight = next(
                (f for f in self._deliverable(wanted) if new or f.send <= last),
                None,
            )
            if flight is None:
                return done
            self.air.remove(flight)
            self._arrive(flight)
            done += 1
        assert count < DELIVERIES_MAX, 'the robots never stop talking'
        return done

    def _deliverable(self, wanted: Filter) -> Iterator[Flight]:
        return (f for f in self.air if wanted(f) and not any(held(f) for held in self.held))

    def _arrive(self, flight: Flight) -> None:
        if any(watched(flight) for watched in self.watched):
            self.said.append(self._tell(flight.sender, flight.to, flight.message))
        if self.robots[flight.to].raft is not None:
            self.do(flight.to, lambda raft: raft.receive(flight.message))

    def stop(self, name: str) -> None:
        """End a robot at once; what waits for its disk is gone."""
        robot = self.robots[name]
        robot.raft = None
        robot.waiting.clear()
        robot.disk_held = False

    # -- what robots want done ------------------------------------------------------------------

    def carry_out(self, name: str) -> None:
        """Do what a robot's Raft wants done, as far as its disk goes along."""
        robot = self.robots[name]
        raft = self.raft(name)
        while (effects := raft.take_effects()) is not None:
            self._send(robot, effects.send_now)
            if effects.persist is not None:
                robot.view.write(effects.persist)
            self._tell_role(robot)
            robot.waiting.append(effects)
            if not robot.disk_held:
                self.write(name)
            else:
                self._finish_free(robot)
        self._tell_role(robot)

    def write(self, name: str, count: int = DELIVERIES_MAX) -> None:
        """Let a robot's disk finish its first `count` writes."""
        robot = self.robots[name]
        while robot.waiting and count:
            self._finish(robot, robot.waiting.popleft())
            count -= 1
            self._finish_free(robot)
        self.carry_out(name)

    def _finish_free(self, robot: Robot) -> None:
        """Finish the batches at the front that need no disk."""
        while robot.waiting and robot.waiting[0].persist is None:
            self._finish(robot, robot.waiting.popleft())

    def _finish(self, robot: Robot, effects: Effects) -> None:
        raft = self.raft(robot.name)
        persist = effects.persist
        if persist is not None:
            robot.disk.write(persist)
            if persist.end is not None:
                raft.persisted(*persist.end)
        self._send(robot, effects.send_after)
        if effects.install is not None:
            robot.state.install(effects.install)
            self.said.append(f'{robot.name} installs a snapshot of {effects.install.mark.index}')
        for entry in effects.committed:
            known = self._committed.setdefault(entry.index, entry)
            assert known == entry, f'state machine safety: {robot.name} applies {entry} for {known}'
            robot.state.apply(entry)
        self._tell_ends(robot, effects)

    def _send(self, robot: Robot, sends: Iterable[Send]) -> None:
        for send in sends:
            self._sends += 1
            if isinstance(send.message, VoteRequest):
                self.campaigns[robot.name] = self.campaigns.get(robot.name, 0) + 1
            for to in send.to or [name for name in self.robots if name != robot.name]:
                flight = Flight(self._sends, robot.name, to, send.message)
                if to in self.robots and not any(lost(flight) for lost in self.lost):
                    self.air.append(flight)

    # -- what people read -----------------------------------------------------------------------

    def _tell_role(self, robot: Robot) -> None:
        raft = self.raft(robot.name)
        before, now = robot.seen, (raft.role, raft.term)
        robot.seen = now
        if now == before:
            return
        role, term = now
        if role is Role.LEADER:
            # A robot that is a quorum by itself says nothing of a term that its disk does not have.
            durable = robot.disk.hard_state.term == term
            other = self._leaders.setdefault(term, robot.name) if durable else robot.name
            assert other == robot.name, f'election safety: {other}, {robot.name} lead term {term}'
            self.said.append(f'{robot.name} leads term {term}')
        elif role is Role.PRE_CANDIDATE:
            self.said.append(f'{robot.name} asks for pre-votes in term {term}')
        elif role is Role.CANDIDATE:
            self.said.append(f'{robot.name} is candidate in term {term}')
        elif before[0] is Role.LEADER:
            self.said.append(f'{robot.name} steps down in term {term}')
        elif before[0] is not Role.FOLLOWER:
            self.said.append(f'{robot.name} follows in term {term}')

    def _tell_ends(self, robot: Robot, effects: Effects) -> None:
        name = robot.name
        for read in effects.reads:
            text = read.reason.name.lower() if read.reason else f'reads at {read.index}'
            self._tell_end(name, read.request_id, text)
        for proposal in effects.proposals:
            text = proposal.outcome.value
            if proposal.reason:
                text += f' {proposal.reason.name.lower()}'
            if proposal.index:
                text += f' {proposal.index}@{proposal.term}'
            self._tell_end(name, proposal.request_id, text)
        for transfer in effects.transfers:
            what = 'transfer' if transfer.asked else 'handover'
            self._tell_end(name, f'{what}-to-{transfer.target}', transfer.end.value)
        for change in effects.changes:
            reason = f' ({change.reason})' if change.reason else ''
            self._tell_end(name, change.request_id, change.end.name.lower() + reason)

    def _tell_end(self, name: str, request: str, text: str) -> None:
        self.ends[request] = text
        self.said.append(f'{name}: {request}: {text}')
