"""
Robots with nothing but the agreement, a disk and a bad network, in one process and on virtual time.

`Swarm` carries out each robot's effects in the order that effects.py asks for, and holds after
each batch what must hold: nothing is said that is not kept, nobody contradicts itself, epochs are
settled in order and alike everywhere. It judges as the runtime does: the outcome of an epoch
follows from the outcome before it and the vector. Everything random comes from one seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
import heapq
from random import Random

from swarm_consensus.protocols.agreement.agreement import Agreement
from swarm_consensus.protocols.agreement.broadcast import digest
from swarm_consensus.protocols.agreement.config import AgreementConfig
from swarm_consensus.protocols.agreement.effects import (
    CaughtUp,
    Decided,
    Effects,
    InputKept,
    Kept,
    SaidKept,
    SubjectKept,
    input_key,
)
from swarm_consensus.protocols.agreement.messages import (
    Kind,
    Message,
    OutcomeTold,
    Piece,
    Statement,
)
from swarm_consensus.protocols.agreement.slots import slots
from swarm_consensus.protocols.agreement.voice import members

Where = tuple[str, int]


class IdealCoin:
    """A common coin without keys: each share is the robot's name."""

    def __init__(self, me: str, faults: int, seed: int) -> None:
        self.threshold = faults + 1
        self._me = me
        self._seed = seed

    def share(self, name: bytes) -> bytes:
        return self._me.encode()

    def valid(self, name: bytes, robot: str, share: bytes) -> bool:
        return share == robot.encode()

    def value(self, name: bytes, shares: Mapping[str, bytes]) -> int:
        assert len(shares) >= self.threshold
        return blake2b(name + self._seed.to_bytes(8, 'big')).digest()[0] & 1


def robots_of(count: int) -> tuple[str, ...]:
    return tuple(f'r{place:02}' for place in range(count))


def filled(statement: Statement) -> dict[object, object]:
    """Return everything that a statement says, also where an honest robot may say both."""
    found: dict[object, object] = dict(slots(statement))
    for kind, round_, value, mask in statement.votes:
        if kind.repeats:
            found.update(((kind, each, round_, value), True) for each in members(mask))
    return found


def binds(slot: object) -> bool:
    """Return whether a robot that forgot a slot could fill it otherwise (voice.py)."""
    assert isinstance(slot, tuple)
    return slot[0] in ('echo', Kind.AUX, Kind.CONF, Kind.GRADE)


def judged(before: bytes, decided: Decided) -> bytes:
    """Return the outcome of an epoch; whoever judges by an old outcome gets another one."""
    return blake2b(before + repr((decided.epoch, decided.vector)).encode()).digest()


@dataclass
class Robot:
    """
    One honest robot, over all its boots.

    :ivar agreement: None while it is down.
    :ivar kept: everything that was ever kept of what it said, by instance.
    :ivar said: everything that it said without its being kept, by instance and slot.
    """

    name: str
    disk: dict[str, Kept] = field(default_factory=dict)
    agreement: Agreement | None = None
    boot: int = 0
    outcomes: dict[str, bytes] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    kept: dict[Where, dict[object, object]] = field(default_factory=dict)
    said: dict[tuple[Where, object], object] = field(default_factory=dict)
    kept_inputs: dict[Where, bytes] = field(default_factory=dict)
    ended: dict[Where, bytes] = field(default_factory=dict)
    to_propose: dict[Where, int] = field(default_factory=dict)
    inputs: dict[Where, bytes] = field(default_factory=dict)
    accused: list[object] = field(default_factory=list)
    lost: bool = False

    @property
    def up(self) -> Agreement:
        assert self.agreement is not None
        return self.agreement


class Swarm:
    """
    :param count: n.
    :param honest: places of the robots that run the agreement; others are down, or liars.
    :param loss: share of the messages that is lost; `repeat`: that arrives twice.
    :param delay_ticks: longest way of a message.
    :param crash: chance of a power failure at each batch of effects.
    :param settings: of AgreementConfig.
    """

    def __init__(
        self,
        seed: int,
        count: int = 4,
        faults: int = 1,
        lies: bool = True,
        *,
        honest: Iterable[int] | None = None,
        loss: float = 0.0,
        repeat: float = 0.0,
        delay_ticks: int = 2,
        crash: float = 0.0,
        common: bool = True,
        **settings: int,
    ) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.names = robots_of(count)
        self.faults, self.lies, self.common = faults, lies, common
        self.loss, self.repeat, self.delay_ticks, self.crash = loss, repeat, delay_ticks, crash
        self.settings = settings
        self.now = 0
        self.value_of: Callable[[str, str, int], bytes] = lambda robot, subject, epoch: (
            f'{robot} on {subject}/{epoch}'.encode()
        )
        self.robots: dict[str, Robot] = {}
        self.outcomes: dict[Where, bytes] = {}
        self.vectors: dict[Where, tuple[bytes | None, ...]] = {}
        self.net: list[tuple[float, int, str, int, str, Message]] = []
        self.sent: Counter[str] = Counter()
        self.bytes_sent = 0
        # What liars do: called each tick, and for each message that one hears.
        self.acts: list[Callable[[], None]] = []
        self.ears: dict[str, Callable[[str, Message], None]] = {}
        self.cut: set[str] = set()
        # Which messages (sender, receiver, message) the network swallows on purpose.
        self.swallows: Callable[[str, str, Message], bool] = lambda sender, name, message: False
        self._number = 0
        for place in range(count) if honest is None else honest:
            self.boot(self.names[place])

    # -- robots ---------------------------------------------------------------------------------

    def config(self, name: str, lost: bool = False) -> AgreementConfig:
        return AgreementConfig(name, self.names, self.faults, self.lies, lost=lost, **self.settings)

    def boot(self, name: str, lost: bool = False) -> Robot:
        """Start a robot, from its disk where it has one."""
        robot = self.robots.setdefault(name, Robot(name))
        robot.boot += 1
        coin = IdealCoin(name, self.faults, self.seed) if self.common and self.lies else None
        restored = list(robot.disk.values())
        self.random.shuffle(restored)
        robot.agreement = agreement = Agreement(
            self.config(name, lost or robot.lost),
            coin,
            Random(self.random.getrandbits(64)),
            restored,
        )
        robot.to_propose.clear()
        # What was told right before a power failure may not be on the disk: it ends once more.
        robot.settled.clear()
        robot.outcomes.clear()
        for subject in agreement.settled_subjects:
            robot.settled[subject], robot.outcomes[subject] = agreement.standing(subject)
        agreement.returned()
        return robot

    def lose_disk(self, name: str) -> Robot:
        """Start a robot on an empty disk."""
        self.robots[name] = fresh = Robot(name, boot=self.robots[name].boot, lost=True)
        self.boot(name)
        return fresh

    @property
    def up(self) -> list[Robot]:
        return [robot for robot in self.robots.values() if robot.agreement is not None]

    def carry_out(self, robot: Robot) -> None:
        """Do what a robot's agreement wants, and hold it to the order of the effects."""
        hold = self.random.random() < 0.3
        while (effects := robot.up.take_effects(hold)) is not None:
            fails = self.random.random() < self.crash
            point = self.random.randrange(4) if fails else 4
            if point == 0:
                break
            self._keep(robot, effects)
            sends = effects.send
            if point == 1:
                sends = ()
            elif point == 2:
                sends = sends[: self.random.randrange(len(sends) + 1)]
            for send in sends:
                self._hold_to_kept(robot, send.message)
                self.post(robot.name, send.to, send.message)
            if point < 4:
                break
            self._tell(robot, effects)
        else:
            return
        self.boot(robot.name)

    def _keep(self, robot: Robot, effects: Effects) -> None:
        for key, kept in effects.keep:
            if kept is None:
                robot.disk.pop(key, None)
                continue
            assert key == kept.key
            robot.disk[key] = kept
            if isinstance(kept, InputKept) and self.names[kept.proposer] == robot.name:
                assert robot.kept_inputs.setdefault((kept.subject, kept.epoch), kept.value) == (
                    kept.value
                ), f'{self.seed}: {robot.name} has two inputs'
            if isinstance(kept, SaidKept):
                where = kept.statement.subject, kept.statement.epoch
                before = robot.kept.setdefault(where, {})
                new = filled(kept.statement)
                gone = [slot for slot in before if before[slot] != new.get(slot)]
                assert not gone, f'{self.seed}: {robot.name} takes back {gone} of {where}'
                before.update(new)
        for kept in robot.disk.values():
            if isinstance(kept, SaidKept):
                for proposer, _ in kept.statement.echoes:
                    key = input_key(kept.statement.subject, kept.statement.epoch, proposer)
                    assert key in robot.disk, 'an echo promises the value'

    def _hold_to_kept(self, robot: Robot, message: Message) -> None:
        """Hold that nothing is said that binds and that a reboot would forget."""
        told = f'{self.seed}: {robot.name} says what is not kept: {message}'
        if isinstance(message, Statement):
            where = message.subject, message.epoch
            row = robot.disk.get(f'subject/{message.subject}')
            over = isinstance(row, SubjectKept) and message.epoch <= row.epoch
            said = filled(message)
            settled = said.pop(('settled',), None)
            if settled is not None:
                assert over and isinstance(row, SubjectKept), told
                assert (message.epoch, settled) in row.recent, told
            for slot in [slot for slot in said if not binds(slot)]:
                # Not kept, and yet the same after any number of reboots.
                content = said.pop(slot)
                assert robot.said.setdefault((where, slot), content) == content, told
            kept = robot.kept.get(where, {})
            if f'said/{message.epoch}/{message.subject}' not in robot.disk:
                assert over or not said, told
            before = robot.kept.setdefault(where, {}) if over else kept
            for slot, content in said.items():
                # Where all is over a robot may say its last words and forget them for ever.
                there = before.setdefault(slot, content) if over else before.get(slot)
                assert there == content, told
        elif isinstance(message, Piece) and self.names[message.proposer] == robot.name:
            where = message.subject, message.epoch
            assert message.data in robot.kept_inputs.get(where, b''), told
            row = robot.disk.get(f'subject/{message.subject}')
            over = isinstance(row, SubjectKept) and message.epoch <= row.epoch
            assert over or input_key(*where, message.proposer) in robot.disk, told
        elif isinstance(message, OutcomeTold):
            row = robot.disk.get(f'subject/{message.subject}')
            assert isinstance(row, SubjectKept), told
            assert set(message.recent) <= set(row.recent) | {
                (e, digest(o)) for (s, e), o in robot.ended.items() if s == message.subject
            }, told

    def _tell(self, robot: Robot, effects: Effects) -> None:
        for opened in effects.opened:
            delay = self.random.choice((0, 0, 1, 4))
            robot.to_propose[opened.subject, opened.epoch] = self.now + delay
        for each in effects.caught_up:
            self._ended(robot, each, each.outcome, 1, 10**9)
        for decided in effects.decided:
            self._valid(robot, decided)
            outcome = judged(robot.outcomes.get(decided.subject, b''), decided)
            robot.up.settle(decided.subject, decided.epoch, outcome)
            self._ended(robot, decided, outcome, 1, 1)
        for found in effects.contradictions:
            assert found.robot not in self.robots, f'{self.seed}: {found}'
            robot.accused.append(found)

    def _ended(
        self, robot: Robot, end: Decided | CaughtUp, outcome: bytes, least: int, most: int
    ) -> None:
        step = end.epoch - robot.settled.get(end.subject, 0)
        assert least <= step <= most, f'{self.seed}: {robot.name}: {end} after {robot.settled}'
        where = end.subject, end.epoch
        known = self.outcomes.setdefault(where, outcome)
        assert known == outcome, f'{self.seed}: {robot.name} has another outcome of {where}'
        robot.settled[end.subject] = end.epoch
        robot.outcomes[end.subject] = outcome
        robot.ended[where] = outcome

    def _valid(self, robot: Robot, decided: Decided) -> None:
        where = decided.subject, decided.epoch
        known = self.vectors.setdefault(where, decided.vector)
        assert known == decided.vector, f'{self.seed}: {robot.name} has another {where}'
        found = [value for value in decided.vector if value is not None]
        assert len(found) >= len(self.names) - self.faults, f'{self.seed}: {decided}'
        for name, value in zip(self.names, decided.vector, strict=True):
            if name in self.robots and value is not None and not self.robots[name].lost:
                assert value == self.robots[name].inputs[where], f'{self.seed}: {decided}'

    # -- the network ----------------------------------------------------------------------------

    def post(self, sender: str, to: tuple[str, ...], message: Message) -> None:
        """Send a message, as the network likes."""
        self.sent[type(message).__name__] += 1
        if isinstance(message, Piece):
            self.bytes_sent += len(message.data)
        boot = self.robots[sender].boot if sender in self.robots else 0
        for name in to or self.names:
            if name == sender or {name, sender} & self.cut:
                continue
            if self.swallows(sender, name, message):
                continue
            for _ in range(1 + (self.random.random() < self.repeat)):
                if self.random.random() >= self.loss:
                    at = self.now + self.random.random() * self.delay_ticks
                    self._number += 1
                    heapq.heappush(self.net, (at, self._number, sender, boot, name, message))

    def deliver(self) -> None:
        """Hand over what arrives in this tick."""
        while self.net and self.net[0][0] <= self.now:
            _, _, sender, boot, name, message = heapq.heappop(self.net)
            if name in self.ears:
                self.ears[name](sender, message)
                continue
            robot = self.robots.get(name)
            if robot is None or robot.agreement is None or {name, sender} & self.cut:
                continue
            known = self.robots.get(sender)
            if known is not None and known.lost and boot < known.boot:
                # The guard drops frames of a boot that is over.
                continue
            robot.agreement.receive(sender, message, witness=(sender, message))
            if self.random.random() < 0.7:
                # Else it takes in more before its effects are carried out.
                self.carry_out(robot)

    # -- time -----------------------------------------------------------------------------------

    def tick(self) -> None:
        self.now += 1
        for act in self.acts:
            act()
        self.deliver()
        for robot in self.up:
            self._put_in(robot)
            robot.up.tick()
            self.carry_out(robot)
            while robot.up.waiting:
                self.carry_out(robot)

    def _put_in(self, robot: Robot) -> None:
        for (subject, epoch), at in tuple(robot.to_propose.items()):
            if not robot.up.lacks_input(subject, epoch):
                robot.to_propose.pop((subject, epoch), None)
            elif at <= self.now:
                self.propose(robot, subject, epoch)

    def propose(self, robot: Robot, subject: str, epoch: int) -> None:
        robot.to_propose.pop((subject, epoch), None)
        value = self.value_of(robot.name, subject, epoch)
        robot.inputs[subject, epoch] = value
        robot.up.propose(subject, epoch, value)
        self.carry_out(robot)

    def begin(self, subject: str, robot: Robot | None = None) -> int | None:
        """Have a robot put an input into the next free epoch; returns which one."""
        robot = robot or self.random.choice(self.up)
        epoch = robot.up.free_epoch(subject)
        if epoch is not None:
            self.propose(robot, subject, epoch)
        return epoch

    def work(self, subjects: Iterable[str], epochs: int, rate: float = 0.3) -> None:
        """Have robots put inputs in, up to an epoch of each subject."""
        for robot in self.up:
            for subject in subjects:
                epoch = robot.up.free_epoch(subject)
                if epoch is not None and epoch <= epochs and self.random.random() < rate:
                    self.propose(robot, subject, epoch)

    def ended(self, subjects: Iterable[str], epochs: int) -> bool:
        return all(
            robot.settled.get(subject, 0) >= epochs for robot in self.up for subject in subjects
        )

    def run(
        self,
        subjects: Iterable[str],
        epochs: int,
        *,
        ticks_max: int = 3000,
        idle: bool = True,
        rate: float = 0.3,
    ) -> int:
        """Work until all is settled (and idle); returns the ticks that it took."""
        subjects = tuple(subjects)
        begun = self.now
        while not self.ended(subjects, epochs) or (idle and not self.idle):
            assert self.now - begun < ticks_max, self.report()
            self.work(subjects, epochs, rate)
            self.tick()
        return self.now - begun

    def settle_down(self, ticks_max: int = 3000) -> None:
        """Let time pass until nothing is due."""
        begun = self.now
        while not self.idle:
            assert self.now - begun < ticks_max, self.report()
            self.tick()

    @property
    def idle(self) -> bool:
        return not self.net and all(robot.up.idle for robot in self.up)

    def report(self) -> str:
        lines = [f'seed {self.seed}, tick {self.now}, {len(self.net)} messages under way']
        for robot in self.up:
            lines.append(
                f'{robot.name} boot {robot.boot} idle {robot.up.idle} settled {robot.settled} '
                f'under way {robot.up.under_way} recovering {robot.up.recovering} '
                f'dropped {dict(robot.up.dropped)} disk {sorted(robot.disk)}'
            )
        return '\n'.join(lines)
