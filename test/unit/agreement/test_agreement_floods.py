"""A liar that floods keeps nobody from deciding, and fills no memory."""

from __future__ import annotations

from random import Random

from agreement_swarm import Robot, Swarm
import pytest

from swarm_consensus.protocols.agreement.broadcast import digest, root_of
from swarm_consensus.protocols.agreement.catch_up import CLAIMS_MAX, TOLD_BYTES_MAX
from swarm_consensus.protocols.agreement.instance import EVIDENCE_MAX
from swarm_consensus.protocols.agreement.messages import (
    STANDINGS_MAX,
    Kind,
    Message,
    OutcomeTold,
    OutcomeWanted,
    Piece,
    PiecesWanted,
    Standings,
    StandingsWanted,
    Statement,
)
from swarm_consensus.protocols.agreement.telling import BYTES_A_TICK, TOLD_MAX
from swarm_consensus.protocols.agreement.voice import mask_of

LIAR = 3


def test_epochs_that_a_liar_began_ahead_of_the_others_end_too() -> None:
    swarm = Swarm(3, honest=range(3), instances_max=64)
    for number in range(100):
        ahead = Statement(f'x{number}', 1 + number % 4, False, echoes=((LIAR, bytes(32)),))
        swarm.post('r03', (), ahead)
    swarm.tick()
    swarm.tick()
    assert any(robot.up.under_way for robot in swarm.up)
    swarm.settle_down()
    assert {robot.up.under_way for robot in swarm.up} == {0}
    swarm.run(['a', 'b'], 2)


class Flood:
    """Says anything that a robot could say, at random."""

    def __init__(self, random: Random, robots: int) -> None:
        self.random = random
        self.robots = robots

    def subject(self) -> str:
        return self.random.choice(('a', 'b', 'c', f'x{self.random.randrange(10**6)}'))

    def epoch(self) -> int:
        return self.random.choice((1, 2, 3, 4, 5, 6, 9, 50, 10**9))

    def root(self) -> bytes:
        return self.random.choice((bytes(32), b'x' * 32, root_of(1, (digest(b'l'),))))

    def place(self) -> int:
        return self.random.choice((LIAR, LIAR, self.random.randrange(self.robots), 200))

    def vote(self) -> tuple[Kind, int, int, bytes]:
        random = self.random
        round_ = random.choice((0, 0, 1, 2, 5, 60, 9999))
        mask = mask_of(random.sample(range(self.robots), random.randint(1, self.robots)))
        return random.choice(tuple(Kind)), round_, random.randrange(4), mask

    def statement(self) -> Statement:
        random = self.random
        return Statement(
            self.subject(),
            self.epoch(),
            random.random() < 0.5,
            tuple((self.place(), self.root()) for _ in range(random.randrange(3))),
            tuple((self.place(), self.root()) for _ in range(random.randrange(3))),
            tuple(self.vote() for _ in range(random.randrange(4))),
            tuple((self.place(), 2, b'share') for _ in range(random.randrange(2))),
            random.choice((b'', b'', digest(b'lie'))),
        )

    def piece(self) -> Piece:
        data = self.random.choice((b'l', b'm', b''))
        return Piece(self.subject(), self.epoch(), self.place(), len(data), (), 0, data)

    def message(self) -> Message:
        subject, epoch, random = self.subject(), self.epoch(), self.random
        recent = ((max(epoch - 1, 1), digest(b'lie')), (epoch, digest(b'lie')))
        names = tuple(sorted(f'y{random.randrange(10**6)}' for _ in range(STANDINGS_MAX)))
        return random.choice(
            (
                self.statement(),
                self.statement(),
                self.piece(),
                PiecesWanted(subject, epoch, self.place(), self.root(), ()),
                OutcomeWanted(subject, 0),
                OutcomeTold(subject, recent, b'lie'),
                StandingsWanted(random.choice(('', 'a', 'x'))),
                Standings('', tuple((name, epoch, epoch + 3) for name in names), True),
            )
        )


def hold_bounds(robot: Robot) -> None:
    """Hold that nothing at a robot is larger than it may be."""
    agreement = robot.up
    config = agreement.config
    assert agreement.under_way <= config.instances_max
    assert len(agreement._settled) <= config.kept_max
    assert len(agreement._subjects) <= config.subjects_max
    live = sum(len(each.live) for each in agreement._subjects)
    assert live == agreement.under_way + len(agreement._settled)
    # Nothing is remembered of a subject in which nothing happens.
    assert all(each.settled or each.live for each in agreement._subjects)
    for each in agreement._subjects:
        assert all(each.settled - config.window < epoch for epoch in each.live), each.live
        for instance in each.live.values():
            assert all(len(heard.messages) <= EVIDENCE_MAX for heard in instance._heard.values())
    catch_up = agreement._catch_up
    robots = len(config.robots)
    assert len(catch_up._wanted) <= CLAIMS_MAX * robots
    assert sum(catch_up._claims.values()) == len(catch_up._wanted)
    assert all(count <= CLAIMS_MAX for count in catch_up._claims.values())
    assert len(catch_up._asked) < robots
    told: dict[int, int] = {}
    for wanted in catch_up._wanted.values():
        for place, each_told in wanted.told.items():
            told[place] = told.get(place, 0) + len(each_told.outcome)
    assert all(told.get(place, 0) == size for place, size in catch_up._told_bytes.items())
    assert all(size <= TOLD_BYTES_MAX for size in told.values())
    assert all(len(each) <= TOLD_MAX for each in agreement._telling._told.values())
    # On the disk: one row a subject, and what is said and held in live instances.
    assert len(robot.disk) <= len(agreement._subjects) + live * (robots + 1)


@pytest.mark.parametrize(('common', 'seed'), [(True, 0), (True, 1), (False, 2)])
def test_a_flood_of_all_that_can_be_said_holds_nobody(common: bool, seed: int) -> None:
    swarm = Swarm(
        seed, honest=range(3), loss=0.1, common=common, instances_max=48, kept_max=64,
        subjects_max=1000,
    )  # fmt: skip
    flood = Flood(Random(seed), 4)

    def act() -> None:
        for _ in range(10):
            swarm.post('r03', (), flood.message())
        if swarm.now % 10 == 0:
            for robot in swarm.up:
                hold_bounds(robot)
        if swarm.now % 40 == 0:
            swarm.random.choice(swarm.up).up.returned()

    swarm.acts.append(act)
    ticks = swarm.run(('a', 'b', 'c'), 6, idle=False, ticks_max=1500)
    assert ticks < 600
    swarm.acts.clear()
    swarm.settle_down()
    for robot in swarm.up:
        hold_bounds(robot)
        assert robot.up.under_way == 0
        assert not [key for key in robot.disk if not key.startswith('subject/')]


def test_who_asks_without_end_is_answered_so_much_a_tick() -> None:
    swarm = Swarm(1, honest=range(3), resend_ticks=4)
    swarm.value_of = lambda robot, subject, epoch: bytes(20_000)
    swarm.run(tuple(f's{number}' for number in range(20)), 1)
    robot = swarm.robots['r00']
    for record in robot.up._subjects:
        record.outcome = bytes(30_000)
    swarm.begin('a', robot)
    root = robot.up._under_way['a', 1].subset.voice.echoed(0)
    assert root is not None
    ticks = 40
    outcomes = pieces = pages = statements = 0
    for _ in range(ticks):
        robot.up.tick()
        for number in range(100):
            robot.up.receive('r03', OutcomeWanted(f's{number % 20}', 0))
            robot.up.receive('r03', StandingsWanted(''))
            robot.up.receive('r03', Statement('s1', 1, True))
            robot.up.receive('r03', Statement('a', 1, True))
            robot.up.receive('r03', PiecesWanted('a', 1, 0, root, ()))
        effects = robot.up.take_effects()
        assert effects is not None
        sends = [send.message for send in effects.send if send.to == ('r03',)]
        outcomes += sum(len(each.outcome) for each in sends if isinstance(each, OutcomeTold))
        pieces += sum(len(each.data) for each in sends if isinstance(each, Piece))
        pages += sum(isinstance(each, Standings) for each in sends)
        statements += sum(isinstance(each, Statement) for each in sends)
    assert 0 < outcomes + pieces <= ticks * (BYTES_A_TICK + 30_000)
    # The same outcome only once in a while.
    assert outcomes <= (ticks / 2 + 1) * 20 * 30_000
    assert pages <= ticks
    assert 0 < statements <= ticks / 2 + 1
