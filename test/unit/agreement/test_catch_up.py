"""Robots that were away, or lost their disk, come to where the others are, and believe no liar."""

from __future__ import annotations

from agreement_swarm import Robot, Swarm
import pytest

from swarm_consensus.protocols.agreement.broadcast import digest
from swarm_consensus.protocols.agreement.catch_up import CLAIMS_MAX
from swarm_consensus.protocols.agreement.effects import SubjectKept
from swarm_consensus.protocols.agreement.messages import (
    STANDINGS_MAX,
    Kind,
    Message,
    OutcomeTold,
    Piece,
    Standings,
    StandingsWanted,
    Statement,
)
from swarm_consensus.protocols.agreement.voice import members


def missed_the_first_of_two(swarm: Swarm) -> Robot:
    """Let all settle two epochs, but one robot that has heard of the second only."""

    def swallows(sender: str, name: str, message: Message) -> bool:
        first = isinstance(message, (Statement, Piece)) and message.epoch == 1
        return name == 'r00' and (first or isinstance(message, OutcomeTold))

    swarm.swallows = swallows
    begun = swarm.robots['r01']
    while begun.settled.get('a', 0) < 2:
        if swarm.now < 2:
            swarm.begin('a', begun)
        swarm.tick()
        assert swarm.now < 100, swarm.report()
    return swarm.robots['r00']


def told(swarm: Swarm, newest: int) -> OutcomeTold:
    """Return what honest robots tell at some epoch of subject 'a'."""
    recent = tuple((each, digest(swarm.outcomes['a', each])) for each in range(1, newest + 1))
    return OutcomeTold('a', recent, swarm.outcomes['a', newest])


def test_an_outcome_that_was_caught_up_is_told_before_what_follows_on_it() -> None:
    swarm = Swarm(1)
    behind = missed_the_first_of_two(swarm)
    for name in ('r01', 'r02'):
        behind.up.receive(name, told(swarm, 1))
    # The driver judges by the outcome before, so a wrong order gives another outcome.
    swarm.carry_out(behind)
    assert behind.settled['a'] == 2
    assert {('a', 1), ('a', 2)} <= behind.ended.keys()


def test_two_outcomes_that_come_at_once_do_not_stop_the_robot() -> None:
    swarm = Swarm(1)
    behind = missed_the_first_of_two(swarm)
    for newest in (1, 2):
        for name in ('r01', 'r02'):
            behind.up.receive(name, told(swarm, newest))
    swarm.carry_out(behind)
    assert behind.settled['a'] == 2


def without(swarm: Swarm, name: str, subjects: tuple[str, ...], epochs: int) -> None:
    """Let the others settle epochs while one robot is cut off."""
    swarm.cut.add(name)
    away = swarm.robots.pop(name)
    swarm.run(subjects, epochs, idle=False, rate=0.6, ticks_max=20_000)
    swarm.robots[name] = away
    swarm.cut.clear()


def settled_before(
    swarm: Swarm, names: tuple[str, ...], epoch: int, subjects: tuple[str, ...]
) -> None:
    """Let robots come from a disk on which subjects are settled."""
    recent = tuple((each, digest(b'x')) for each in range(max(1, epoch - 15), epoch + 1))
    for subject in subjects:
        swarm.outcomes[subject, epoch] = b'x'
        for name in names:
            row = SubjectKept(subject, epoch, b'x', recent, ())
            swarm.robots[name].disk[row.key] = row
    for name in names:
        swarm.boot(name)


@pytest.mark.parametrize('behind', [1, 4, 5, 30])
@pytest.mark.parametrize(('count', 'faults', 'lies'), [(4, 1, True), (5, 2, False)])
def test_a_robot_that_was_cut_off_comes_after(
    count: int, faults: int, lies: bool, behind: int
) -> None:
    swarm = Swarm(behind, count, faults, lies, loss=0.2)
    swarm.run(('a', 'b'), 1)
    without(swarm, 'r02', ('a', 'b'), 1 + behind)
    for robot in swarm.up:
        robot.up.returned()
    swarm.run(('a', 'b'), 2 + behind)
    robot = swarm.robots['r02']
    assert sorted(robot.disk) == ['subject/a', 'subject/b']


def test_a_thousand_epochs_are_caught_up_by_one_outcome() -> None:
    swarm = Swarm(5)
    settled_before(swarm, ('r00', 'r01', 'r02'), 1000, ('a',))
    before = swarm.sent['OutcomeTold']
    swarm.robots['r03'].up.returned()
    swarm.run(('a',), 1002)
    assert swarm.robots['r03'].ended['a', 1000] == b'x'
    assert swarm.sent['OutcomeTold'] - before < 20


def test_more_subjects_than_are_asked_for_at_once_are_all_caught_up() -> None:
    swarm = Swarm(5, loss=0.1)
    subjects = tuple(f's{number}' for number in range(5 * CLAIMS_MAX))
    settled_before(swarm, ('r00', 'r01', 'r02'), 3, subjects)
    new = swarm.boot('r03')
    swarm.settle_down()
    assert len(new.settled) == 5 * CLAIMS_MAX


def test_a_new_robot_takes_part_at_once() -> None:
    swarm = Swarm(7, honest=range(3))
    swarm.run(('a', 'b'), 3)
    new = swarm.boot('r03')
    swarm.run(('a', 'b'), 5)
    assert new.settled == {'a': 5, 'b': 5}
    assert any(vector[3] is not None for vector in swarm.vectors.values())


@pytest.mark.parametrize('seed', range(4))
def test_f_liars_with_one_outcome_are_not_believed(seed: int) -> None:
    swarm = Swarm(seed, 7, 2, honest=range(5))
    settled_before(swarm, ('r01', 'r02', 'r03', 'r04'), 3, ('a', 'b'))

    def lie() -> None:
        for name in ('r05', 'r06'):
            epoch = swarm.random.choice((1, 2, 5, 40, 10**9))
            recent = tuple((each, digest(b'lie')) for each in range(max(1, epoch - 3), epoch + 1))
            subject = swarm.random.choice('abcx')
            swarm.post(name, (), OutcomeTold(subject, recent, b'lie'))
            page = Standings('', tuple((each, epoch, epoch) for each in 'abcx'), False)
            swarm.post(name, (), page)
            far = Statement(swarm.random.choice('ab'), epoch, True, settled=digest(b'lie'))
            swarm.post(name, (), far)

    swarm.acts.append(lie)
    swarm.run(('a', 'b'), 5, idle=False)
    assert b'lie' not in {end for robot in swarm.up for end in robot.ended.values()}
    assert all(robot.up.standing('x') == (0, b'') for robot in swarm.up)
    swarm.acts.clear()
    swarm.settle_down()


@pytest.mark.parametrize('seed', range(6))
def test_a_robot_that_lost_its_disk_never_contradicts_what_it_said(seed: int) -> None:
    swarm = Swarm(seed, loss=0.1, delay_ticks=3)
    for _ in range(3 + seed):
        swarm.work(('a', 'b', 'c'), 9, 0.6)
        swarm.tick()
    lost = swarm.lose_disk('r01')
    assert lost.up.recovering
    assert lost.up.free_epoch('new') is None
    swarm.run(('a', 'b', 'c'), 9)
    assert not lost.up.recovering
    # Nobody has seen it contradict itself, and it takes part again.
    assert all(not robot.up.dropped['CONTRADICTION'] for robot in swarm.up)
    assert any(
        swarm.vectors[where][1] == value
        for where, value in lost.inputs.items()
        if where in swarm.vectors
    )


def test_a_robot_that_lost_its_disk_says_nothing_while_too_few_answer() -> None:
    swarm = Swarm(1)
    swarm.run(('a',), 1)
    swarm.cut.add('r03')
    lost = swarm.lose_disk('r00')
    swarm.cut |= {'r02'}
    for _ in range(200):
        swarm.begin('a', swarm.robots['r01'])
        swarm.tick()
    assert lost.up.recovering
    assert not lost.kept
    assert lost.up.under_way == 0
    swarm.cut.clear()
    swarm.run(('a',), 3)
    assert lost.kept


def test_pages_without_end_do_not_hold_a_robot() -> None:
    swarm = Swarm(1, 7, 2, honest=range(6), subjects_max=500)
    names = iter(range(10**6, 10**7))

    def page(sender: str, message: Message) -> None:
        if isinstance(message, StandingsWanted):
            standings = tuple((f'x{next(names)}', 7, 9) for _ in range(STANDINGS_MAX))
            swarm.post('r06', (sender,), Standings(message.after, standings, True))

    swarm.ears['r06'] = page
    lost = swarm.lose_disk('r00')
    swarm.run(('a',), 2)
    assert len(lost.up._catch_up._silent_to) <= 500
    assert lost.settled == {'a': 2}


@pytest.mark.parametrize('case', ['missed', 'rebooted', 'behind'])
def test_who_was_told_the_outcome_still_helps_those_who_were_not(case: str) -> None:
    """
    Two liars help one robot to the end, tell its outcome to another one, and fall silent.

    The three that are left need the words of all five, and are told the outcome by two only.
    """
    swarm = Swarm(3, 7, 2)
    liars = ('r05', 'r06')

    def swallows(sender: str, name: str, message: Message) -> bool:
        if 'r00' in (sender, name):
            return sender == 'r00' or case != 'behind' or not isinstance(message, Piece)
        if sender not in liars or name not in ('r02', 'r03', 'r04'):
            return False
        if isinstance(message, Statement):
            # They never learn that the input of r00 is not in.
            return bool(message.settled) or any(
                members(mask)[0] == 0 and (kind is Kind.END or (kind is Kind.AUX and round_))
                for kind, round_, _, mask in message.votes
            )
        return isinstance(message, OutcomeTold)

    swarm.swallows = swallows
    newest = 2 if case == 'behind' else 1
    for _ in range(newest):
        swarm.begin('a', swarm.robots['r01'])
    while not all(swarm.robots[name].settled.get('a') == newest for name in ('r01', *liars)):
        swarm.tick()
        assert swarm.now < 300, swarm.report()
    for name in liars:
        del swarm.robots[name]
    left = [swarm.robots[name] for name in ('r02', 'r03', 'r04')]
    assert not any(robot.settled for robot in left)
    swarm.robots['r00'].up.receive('r01', Statement('a', 4 + newest, False))
    for name in ('r01', *liars):
        swarm.robots['r00'].up.receive(name, told(swarm, newest))
    swarm.carry_out(swarm.robots['r00'])
    assert swarm.robots['r00'].settled == {'a': newest}
    swarm.swallows = lambda sender, name, message: False
    if case == 'rebooted':
        # What it may still say there outlives a reboot.
        swarm.boot('r00')
    while not all(robot.settled.get('a') == newest for robot in left):
        swarm.tick()
        assert swarm.now < 2000, swarm.report()
    swarm.run(('a',), 4)
    assert all(sorted(robot.disk) == ['subject/a'] for robot in swarm.up)


def test_an_answer_that_comes_late_gives_new_hope() -> None:
    swarm = Swarm(152, loss=0.3, repeat=0.2, delay_ticks=1)
    settled_before(swarm, ('r00', 'r01', 'r02'), 9, ('a',))
    swarm.swallows = lambda sender, name, message: (
        isinstance(message, OutcomeTold) or {sender, name} >= {'r01', 'r03'}
    )
    behind = swarm.robots['r03']
    behind.up.returned()
    for _ in range(500):
        swarm.tick()
    # It asks rarely by now, and would soon have given up; one more robot tells it.
    wanted = behind.up._catch_up._wanted['a']
    due = wanted.due
    assert wanted.times >= 6
    behind.up.receive('r01', OutcomeTold('a', ((9, digest(b'x')),), b'x'))
    assert wanted.times == 0
    assert swarm.now < wanted.due < due
    swarm.swallows = lambda sender, name, message: False
    for _ in range(60):
        swarm.tick()
    assert behind.settled == {'a': 9}


def test_a_liar_gives_hope_once() -> None:
    swarm = Swarm(1, honest=range(3))
    robot = swarm.robots['r00']
    swarm.settle_down()
    for epoch in range(10, 1010):
        robot.up.receive('r03', Statement('a', epoch, False))
        swarm.tick()
    # Eight times at most, then a liar may begin anew.
    assert swarm.sent['OutcomeWanted'] < 1000 / 100 * 8
    swarm.settle_down()
