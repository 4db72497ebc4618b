"""
One seed, one run: honest robots, liars and a network that is against them.

The adversary moves and the robots answer. A step is one message that arrives at one robot, and all
that comes of it; a power failure can fall between any two things of it that others notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from random import Random

from swarm_consensus.protocols.agreement.broadcast import PieceRules
from swarm_consensus.protocols.agreement.coin import coin_name
from swarm_consensus.protocols.agreement.messages import InstanceMessage, Statement
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.subset import SubsetRules
from swarm_consensus.protocols.values import value
from swarm_consensus.simulation.adversary.checks import (
    Agreement,
    Check,
    Consistency,
    Custody,
    Swarm,
    Totality,
    Validity,
)
from swarm_consensus.simulation.adversary.coin import IdealCoin, Mint
from swarm_consensus.simulation.adversary.follow_coin import COIN_FOLLOWER, CoinFollower
from swarm_consensus.simulation.adversary.follow_throws import THROWS_FOLLOWER, ThrowsFollower
from swarm_consensus.simulation.adversary.liars import LIARS, Battlefield, Liar, Sent
from swarm_consensus.simulation.adversary.plan import Plan, draw
from swarm_consensus.simulation.adversary.robot import SUBJECT, Disk, Robot, Step
from swarm_consensus.simulation.adversary.scripted import Conspiracy, Scripted
from swarm_consensus.simulation.adversary.styles import STYLES, Flight, Style
from swarm_consensus.simulation.adversary.trace import Trace
from swarm_consensus.simulation.adversary.words import words

VALUE_BYTES_MAX = 4096
# Once all robots have ended, so many of the messages that are still in flight arrive.
AFTERMATH = 500
# How often the rounds are looked at, in steps.
LOOK_EVERY = 16
SCRIPTS: dict[str, type[Scripted]] = {
    COIN_FOLLOWER: CoinFollower,
    THROWS_FOLLOWER: ThrowsFollower,
}
PROMISES: tuple[type[Check], ...] = (Agreement, Validity, Totality, Consistency, Custody)


class Failure(Enum):
    """Where in a step the power fails."""

    BEFORE_WRITE = 'before_write'
    BEFORE_SEND = 'before_send'
    AMID_SEND = 'amid_send'
    AFTER_SEND = 'after_send'


# What reached only some is what makes trouble.
FAILURES = (*Failure, Failure.AMID_SEND, Failure.AMID_SEND)


@value
class Report:
    """
    What a run that held was like.

    :param digest: hash over everything that happened.
    :param steps: messages that arrived.
    :param rounds: of the longest agreement.
    :param reboots: of honest robots.
    :param crashed: robots that crashed for good.
    :param dropped: messages of liars that did not decode.
    :param accused: how often an honest robot caught a liar contradicting itself.
    :param followed: rounds that went as the script of the adversary wanted.
    """

    seed: int
    plan: Plan
    digest: str
    steps: int
    rounds: int
    reboots: int
    crashed: int
    dropped: int
    accused: int
    followed: int


class Arena:
    """
    The run of one seed.

    :param trace: takes down what happens.
    :param meters: are told what the checks are told.
    """

    def __init__(
        self, seed: int, plan: Plan, trace: Trace, meters: Sequence[type[Check]] = ()
    ) -> None:
        self._seed = seed
        self._plan = plan
        self._trace = trace
        self._random = Random(f'{seed}/arena')
        names = tuple(f'r{robot:02}' for robot in range(plan.robots))
        thresholds = Thresholds(plan.robots, plan.faults, plan.lies)
        pieces = PieceRules(VALUE_BYTES_MAX, plan.piece_bytes)
        self._mint = Mint(seed, plan.faults + 1)
        self._rules = tuple(
            SubsetRules(
                names,
                robot,
                thresholds,
                pieces,
                IdealCoin(self._mint, names[robot]) if plan.common else None,
            )
            for robot in range(plan.robots)
        )
        swarm = Swarm(plan.robots, plan.faults, frozenset(plan.honest), plan.common)
        self.checks = [check(swarm) for check in (*PROMISES, *meters)]
        self._style = self._make_style(names, pieces)
        self._field = Battlefield(
            self._rules,
            plan.epochs,
            plan.honest,
            plan.value_bytes,
            self._mint if plan.common else None,
        )
        self._liars: dict[int, Liar] = {
            robot: LIARS[name](robot, self._field, Random(f'{seed}/liar/{robot}'))
            for robot, name in plan.liars.items()
        }
        self._disks = {robot: Disk() for robot in plan.honest}
        self._robots = {robot: self._boot(robot, 0) for robot in plan.honest}
        self._boots = dict.fromkeys(plan.honest, 0)
        self._settled: dict[int, int] = dict.fromkeys(plan.honest, 0)
        self._fuses: dict[int, Failure] = {}
        self._begun: set[int] = set()
        self._restarts_left = plan.restarts
        self._number = self._steps = self._rounds = self._quiet = self._accused = 0

    def _make_style(self, names: tuple[str, ...], pieces: PieceRules) -> Style:
        plan, random = self._plan, Random(f'{self._seed}/style')
        script = SCRIPTS.get(plan.style)
        if script is not None:
            conspiracy = Conspiracy(self._mint, plan.faults, tuple(plan.liars), names, pieces)
            return script(random, plan.robots, plan.honest, self._peek, conspiracy)
        return STYLES[plan.style](random, plan.robots, plan.honest, self._peek)

    def _peek(self, epoch: int, proposer: int, round_: int) -> int | None:
        return self._mint.peek(coin_name(SUBJECT, epoch, proposer, round_))

    def _boot(self, robot: int, boot: int) -> Robot:
        return Robot(
            self._rules[robot],
            self._plan.epochs,
            self._disks[robot],
            boot,
            Random(f'{self._seed}/robot/{robot}/{boot}'),
        )

    # -- the run --------------------------------------------------------------------------------

    def run(self) -> Report:
        """
        Run to the end.

        :raises InvariantBroken: a promise does not hold.
        :raises InvariantError: a robot found that a rule of its own does not hold.
        """
        for robot in self._plan.honest:
            self._begin(robot, 1)
        while waiting := self._waiting():
            self._style.tired = self._steps > self._plan.tired_after
            self._trouble()
            flight = self._style.pick()
            if flight is None:
                self._ask(waiting)
            else:
                self._deliver(flight)
                if self._random.random() < self._plan.tick_chance:
                    robot = self._random.choice(waiting)
                    if robot in self._robots:
                        self._take(robot, self._robots[robot].tick())
        for _ in range(AFTERMATH):
            flight = self._style.pick()
            if flight is None:
                break
            self._deliver(flight)
        self._look()
        style = self._style
        return Report(
            seed=self._seed,
            plan=self._plan,
            digest=self._trace.digest,
            steps=self._steps,
            rounds=self._rounds,
            reboots=sum(self._boots.values()),
            crashed=len(self._plan.honest) - len(self._robots),
            dropped=self._field.garbage,
            accused=self._accused,
            followed=style.rounds_followed if isinstance(style, Scripted) else 0,
        )

    def _waiting(self) -> list[int]:
        """Return the robots that have not ended all epochs."""
        return [robot for robot in self._robots if self._settled[robot] < self._plan.epochs]

    def _deliver(self, flight: Flight) -> None:
        self._steps += 1
        if self._steps % LOOK_EVERY == 0:
            self._look()
        self._trace.delivered(self._steps, flight)
        robot = self._robots.get(flight.receiver)
        if robot is not None:
            self._take(flight.receiver, robot.hear(flight.sender, flight.message))

    def _look(self) -> None:
        rounds = max((robot.rounds for robot in self._robots.values()), default=0)
        self._rounds = max(self._rounds, rounds)
        for check in self.checks:
            check.moved(self._steps, rounds)

    def _ask(self, waiting: list[int]) -> None:
        """Nothing is in flight: those who wait ask for what they miss, or wait for ever."""
        self._quiet += 1
        asked = False
        for robot in waiting:
            step = self._robots[robot].tick()
            asked |= bool(step.sends)
            self._take(robot, step)
        # By then every holder of a value was asked.
        if not asked or self._quiet > self._plan.robots + 2:
            for check in self.checks:
                check.stuck(waiting, self._settled[waiting[0]] + 1)

    # -- what robots do -------------------------------------------------------------------------

    def _begin(self, robot: int, epoch: int) -> None:
        self._style.begin(epoch)
        if epoch not in self._begun:
            self._begun.add(epoch)
            for liar, one in self._liars.items():
                self._lie(liar, one.begin(epoch))
        # An input that was on the disk already stays what it was.
        value = self._random.randbytes(self._random.choice(self._plan.value_bytes))
        if robot in self._robots:
            self._take(robot, self._robots[robot].begin(epoch, value))

    def _take(self, robot: int, step: Step) -> None:
        """Do what a step asks for, unless the power fails in between."""
        for liar in step.accused:
            self._accused += 1
            for check in self.checks:
                check.accused(liar, robot)
        failure = self._fuses.pop(robot, None) if step.sends else None
        if failure is Failure.BEFORE_WRITE:
            self._crash(robot, failure)
            return
        self._write(robot, step)
        sends = step.sends
        if failure is Failure.BEFORE_SEND:
            sends = []
        elif failure is Failure.AMID_SEND:
            at = self._random.randrange(len(sends))
            receivers, message = sends[at]
            some = tuple(
                receiver for receiver in receivers if self._random.random() < self._plan.reach
            )
            sends = [*sends[:at], (some, message)]
        for receivers, message in sends:
            self._send(robot, receivers, message)
        if failure is not None:
            self._crash(robot, failure)
            return
        self._settle(robot)

    def _write(self, robot: int, step: Step) -> None:
        disk = self._disks[robot]
        for write in step.writes:
            self._quiet = 0
            epoch = write.statement.epoch
            disk.said.setdefault(epoch, []).append(write.statement)
            disk.held.setdefault(epoch, {}).update(write.held)
            for check in self.checks:
                check.wrote(robot, write.statement, write.held)
                if robot in write.held:
                    check.put_in(robot, epoch, write.held[robot])

    def _settle(self, robot: int) -> None:
        while robot in self._robots and self._settled[robot] < self._plan.epochs:
            epoch = self._settled[robot] + 1
            vector = self._robots[robot].vector(epoch)
            if vector is None:
                return
            self._settled[robot] = epoch
            self._trace.noted(self._steps, f'robot {robot} ends epoch {epoch} with {vector!r}')
            for check in self.checks:
                check.settled(robot, epoch, vector)
            if epoch < self._plan.epochs:
                self._begin(robot, epoch + 1)

    # -- what is said ---------------------------------------------------------------------------

    def _send(self, robot: int, receivers: tuple[int, ...], message: InstanceMessage) -> None:
        self._trace.sent(robot, receivers, message)
        for check in self.checks:
            check.said(robot, receivers, message)
        if isinstance(message, Statement):
            for proposer, round_, _ in message.shares:
                self._mint.show(coin_name(SUBJECT, message.epoch, proposer, round_))
        parts = tuple(words(message)) if self._plan.apart else (message,)
        for receiver in receivers:
            if receiver in self._robots:
                for part in parts:
                    self._fly(robot, receiver, part)
        self._field.note(message)
        for liar, one in self._liars.items():
            self._lie(liar, one.overhear(robot, receivers, message))

    def _lie(self, liar: int, lies: Iterable[Sent]) -> None:
        for receiver, message in lies:
            self._trace.sent(liar, (receiver,), message)
            for part in words(message) if self._plan.apart else (message,):
                self._fly(liar, receiver, part)

    def _fly(self, sender: int, receiver: int, message: InstanceMessage) -> None:
        self._number += 1
        self._style.add(Flight(self._number, sender, receiver, message))

    # -- power ----------------------------------------------------------------------------------

    def _trouble(self) -> None:
        """Lay fuses: they blow when their robot has something to say next."""
        for robot, step in self._plan.crashes.items():
            if self._steps >= step and robot in self._robots:
                self._fuses.setdefault(robot, self._random.choice(FAILURES))
        if self._restarts_left and self._random.random() < self._plan.restart_chance:
            self._restarts_left -= 1
            robot = self._random.choice(list(self._robots))
            self._fuses.setdefault(robot, self._random.choice(FAILURES))

    def _crash(self, robot: int, failure: Failure) -> None:
        self._quiet = 0
        for_good = robot in self._plan.crashes and self._steps >= self._plan.crashes[robot]
        what = 'crashes for good' if for_good else 'reboots'
        self._trace.noted(self._steps, f'robot {robot} {what}, {failure.value}')
        # Nothing is sure to arrive that a robot said which is never heard again.
        lost = self._style.lose(robot, self._plan.loses, heard=not for_good)
        self._trace.noted(self._steps, f'{lost} messages of robot {robot} are lost')
        if for_good:
            del self._robots[robot]
            return
        self._boots[robot] += 1
        self._settled[robot] = 0
        again = self._robots[robot] = self._boot(robot, self._boots[robot])
        self._take(robot, again.wake())
        self._begin(robot, 1)


def run_seed(seed: int, lines_max: int = 0) -> tuple[Report | None, Exception | None, Trace]:
    """
    Run a seed.

    :param lines_max: lines of the trace that are kept.
    :returns: the report or what went wrong, and the trace.
    """
    trace = Trace(lines_max)
    try:
        return Arena(seed, draw(seed), trace).run(), None, trace
    except Exception as error:  # noqa: BLE001 - whatever a seed breaks is its finding
        return None, error, trace
