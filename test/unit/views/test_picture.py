"""The picture of a swarm, from what real runtimes on virtual time publish."""

from __future__ import annotations

from dataclasses import replace
import math

import pytest
from swarm_testing.virtual_swarm import LABELS, Swarm, policy

from swarm_consensus.decision.types import Decision, Level, Status
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import DecisionMade, RobotStatus, StatusReport
from swarm_consensus.transport.frame import TrafficClass
from swarm_consensus.transport.hashes import labels_hash
from swarm_consensus.views.decision_log import LINES_MAX
from swarm_consensus.views.picture import Picture
from swarm_consensus.views.subjects import SUBJECTS_MAX
from swarm_consensus.views.values import Hearing, Snapshot, TaskLine, Work


class Onlooker:
    """A picture that is told what the robots of a virtual swarm publish."""

    def __init__(self, swarm: Swarm) -> None:
        self.swarm = swarm
        self.picture = Picture()
        self.deaf_to: set[str] = set()
        self._told = 0

    def look(self) -> Snapshot:
        for time_ns, robot, output in self.swarm.told[self._told :]:
            if robot in self.deaf_to:
                continue
            if isinstance(output, StatusReport):
                self.picture.tell_status(output.status, time_ns)
            elif isinstance(output, DecisionMade):
                self.picture.tell_decision(robot, output.decision, time_ns)
        self._told = len(self.swarm.told)
        return self.picture.look(self.swarm.world.now_ns)


@pytest.fixture
def swarm() -> Swarm:
    swarm = Swarm(5)
    swarm.elect()
    swarm.run(3.0)
    return swarm


def status_of(swarm: Swarm, robot: str = 'r1') -> RobotStatus:
    return swarm.status(robot).status


def test_before_anybody_was_heard_there_is_nothing() -> None:
    empty = Picture().look(0)
    assert (empty.swarm, empty.leader, empty.robots, empty.parts) == ('', '', (), ())
    assert not empty.has_quorum


def test_a_swarm_that_is_well_is_one_part_with_its_leader(swarm: Swarm) -> None:
    seen = Onlooker(swarm).look()
    assert (seen.swarm, seen.leader) == ('zoo', swarm.leader)
    assert seen.term == status_of(swarm).term
    assert (seen.has_quorum, seen.quorum_size) == (True, 3)
    assert seen.parts == (swarm.robots,) and seen.out_of_reach == ()
    assert {link.hearing for link in seen.links} == {Hearing.BOTH} and len(seen.links) == 10
    assert [(row.robot, row.state, row.part) for row in seen.robots] == [
        (robot, 'alive', 'voter') for robot in swarm.robots
    ]
    assert [row.robot for row in seen.robots if row.role == 'leader'] == [swarm.leader]
    assert seen.alarms == ()


def test_a_split_appears_as_parts_and_heals(swarm: Swarm) -> None:
    onlooker = Onlooker(swarm)
    minority, majority = ('r1', 'r2'), ('r3', 'r4', 'r5')
    swarm.world.network.split([minority, majority])
    swarm.run(8.0)
    seen = onlooker.look()
    assert seen.parts == (majority, minority)
    across = [link for link in seen.links if (link.first in minority) != (link.second in minority)]
    assert {link.hearing for link in across} == {Hearing.NONE} and len(across) == 6
    quorum = {row.robot: row.has_quorum for row in seen.robots}
    assert quorum == {robot: robot in majority for robot in swarm.robots}
    assert seen.leader in majority and seen.has_quorum
    swarm.world.network.heal()
    swarm.run(8.0)
    assert onlooker.look().parts == (swarm.robots,)


def test_who_looks_from_one_side_sees_the_others_out_of_reach(swarm: Swarm) -> None:
    onlooker = Onlooker(swarm)
    onlooker.look()
    swarm.world.network.split([('r1', 'r2'), ('r3', 'r4', 'r5')])
    onlooker.deaf_to = {'r3', 'r4', 'r5'}
    swarm.run(8.0)
    seen = onlooker.look()
    assert seen.parts == (('r1', 'r2'),)
    assert seen.out_of_reach == ('r3', 'r4', 'r5')
    assert not seen.has_quorum
    assert [row.heard for row in seen.robots] == [True, True, False, False, False]
    assert {row.state for row in seen.robots[2:]} <= {'suspect', 'dead'}
    # Nothing is said of links between two robots that are not heard.
    assert not [link for link in seen.links if {link.first, link.second} <= {'r3', 'r4', 'r5'}]


def test_one_direction_that_fails_is_shown_as_such(swarm: Swarm) -> None:
    swarm.world.network.cut_one_way('r1', 'r2')
    swarm.run(5.0)
    seen = Onlooker(swarm).look()
    one_way = [link for link in seen.links if link.hearing is Hearing.ONE_WAY]
    assert [(link.first, link.second) for link in one_way] == [('r1', 'r2')]
    assert seen.parts == (swarm.robots,)


def test_a_robot_that_crashed_is_dead_and_one_that_left_is_not_missed(swarm: Swarm) -> None:
    onlooker = Onlooker(swarm)
    swarm.world.crash('r1')
    swarm.world.leave('r2')
    swarm.run(30.0)
    seen = onlooker.look()
    assert [row.state for row in seen.robots[:2]] == ['dead', 'left']
    assert seen.out_of_reach == ('r1',)
    swarm.world.start('r1')
    swarm.run(5.0)
    seen = onlooker.look()
    assert (seen.robots[0].state, seen.out_of_reach) == ('alive', ())


def test_an_earlier_boot_is_not_believed(swarm: Swarm) -> None:
    picture = Picture()
    status = status_of(swarm)
    picture.tell_status(status, 0)
    picture.tell_status(replace(status, incarnation=status.incarnation - 1, term=99), 0)
    assert picture.look(0).term == status.term


def test_decisions_of_several_robots_are_one_line_and_the_newest_answer_counts(
    swarm: Swarm,
) -> None:
    onlooker = Onlooker(swarm)
    key = swarm.propose('r2', 'dock')
    swarm.run(1.0)
    swarm.propose('r3', 'home')
    swarm.run(1.0)
    first = swarm.proposed(key)
    assert first is not None
    seen = onlooker.look()
    lines = [line for line in seen.decisions if line.subject == 'target']
    assert [(line.choice, line.index > 0) for line in lines] == [('dock', True), ('home', True)]
    assert lines[0].index == first.index and lines[0].known_by == swarm.robots
    (subject,) = seen.subjects
    assert subject.answer is not None
    assert (subject.answer.choice, subject.answer.revision, subject.at_one) == ('home', 2, True)
    # After a reboot a robot publishes again what its log holds.
    swarm.world.crash('r1')
    swarm.world.start('r1')
    swarm.run(5.0)
    assert [line for line in onlooker.look().decisions if line.subject == 'target'] == lines


def decision(subject: str = 's', **fields: object) -> Decision:
    base = Decision(
        subject, 1, 'x', b'', 1.0, Level.COMMITTED, Status.DECIDED, 1, 1, 'a', (), 0.0, ''
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def test_the_log_is_bounded_and_what_it_forgot_does_not_come_back() -> None:
    picture = Picture()
    for index in range(1, LINES_MAX + 11):
        picture.tell_decision('a', decision(index=index), index)
    picture.tell_decision('b', decision(index=5), 10_000)
    lines = picture.look(0).decisions
    assert [line.index for line in lines] == list(range(11, LINES_MAX + 11))
    for number in range(SUBJECTS_MAX + 5):
        picture.tell_decision('a', decision(f'x/{number}', index=10_000 + number), 0)
    assert len(picture.look(0).subjects) == SUBJECTS_MAX


def test_no_answer_of_each_robot_is_one_line_that_is_renewed() -> None:
    picture = Picture()
    for time_ns in (1, 2, 3):
        for robot in ('a', 'b'):
            picture.tell_decision(
                robot, decision(status=Status.NO_QUORUM, index=0, revision=0), time_ns
            )
    assert [(line.time_ns, line.known_by) for line in picture.look(0).decisions] == [
        (3, ('a',)),
        (3, ('b',)),
    ]
    assert picture.look(0).subjects == ()


def test_robots_with_different_answers_are_not_at_one(swarm: Swarm) -> None:
    picture = Picture()
    for robot in swarm.robots:
        picture.tell_status(status_of(swarm, robot), 0)
    fused = {'level': Level.FUSED, 'index': 0}
    picture.tell_decision('r1', decision(choice='cat', **fused), 0)
    picture.tell_decision('r2', decision(choice='dog', **fused), 0)
    (subject,) = picture.look(0).subjects
    assert [(answer.robot, answer.choice) for answer in subject.answers] == [
        ('r1', 'cat'),
        ('r2', 'dog'),
    ]
    assert not subject.at_one
    # Who is not heard any more has no say in that.
    picture.tell_status(status_of(swarm, 'r1'), 10 * SECOND)
    assert picture.look(10 * SECOND).subjects[0].at_one


def logs(*probabilities: float) -> list[float]:
    return [math.log(p) for p in probabilities]


def test_beliefs_are_distributions_and_together_the_product_of_the_fresh_ones() -> None:
    picture = Picture(belief_age_max_ns=5 * SECOND)
    # Constants cancel: likelihoods need not sum to 1.
    picture.tell_belief('a', 'sign', LABELS, 0, [v + 7.0 for v in logs(0.6, 0.3, 0.1)], 0)
    picture.tell_belief('b', 'sign', (), labels_hash(LABELS), logs(0.2, 0.6, 0.2), 4 * SECOND)
    (subject,) = picture.look(4 * SECOND).subjects
    assert subject.labels == LABELS
    assert [(row.robot, row.choice, row.fresh) for row in subject.beliefs] == [
        ('a', 'cat', True),
        ('b', 'dog', True),
    ]
    assert subject.beliefs[0].probabilities == pytest.approx((0.6, 0.3, 0.1))
    assert subject.together == pytest.approx([p / 0.32 for p in (0.12, 0.18, 0.02)])
    later = picture.look(7 * SECOND).subjects[0]
    assert [row.fresh for row in later.beliefs] == [False, True]
    assert later.together == pytest.approx((0.2, 0.6, 0.2))
    assert picture.look(20 * SECOND).subjects[0].together == ()


@pytest.mark.parametrize(
    'log_likelihood', [[], [0.0, math.nan, 0.0], [0.0, -math.inf, 0.0], [0.0, 0.0]]
)
def test_what_is_no_belief_is_counted(log_likelihood: list[float]) -> None:
    picture = Picture()
    picture.tell_belief('a', 'sign', LABELS, 0, log_likelihood, 0)
    seen = picture.look(0)
    assert seen.subjects == () and seen.alarms == ('1 beliefs were none',)


def test_beliefs_over_other_labels_do_not_mix() -> None:
    picture = Picture()
    picture.tell_belief('a', 'sign', LABELS, 0, logs(0.8, 0.1, 0.1), 0)
    picture.tell_belief('b', 'sign', ('up', 'down'), 0, logs(0.5, 0.5), 1)
    (subject,) = picture.look(1).subjects
    assert (subject.labels, [row.robot for row in subject.beliefs]) == (('up', 'down'), ['b'])


def test_the_rates_are_those_of_the_counters_and_begin_anew_with_a_boot(swarm: Swarm) -> None:
    picture = Picture()
    status = status_of(swarm)

    def sent(count: int, incarnation: int, now_ns: int) -> list[float]:
        traffic = tuple(replace(each, bytes=count) for each in status.traffic)
        picture.tell_status(replace(status, traffic=traffic, incarnation=incarnation), now_ns)
        (row,) = [row for row in picture.look(now_ns).robots if row.robot == 'r1']
        return [use.bytes_per_second for use in row.classes]

    boot = status.incarnation
    assert sent(1_000, boot, 0) == [-1.0] * len(TrafficClass)
    assert sent(1_500, boot, SECOND // 10) == [-1.0] * len(TrafficClass)
    assert sent(5_000, boot, 2 * SECOND) == [2_000.0] * len(TrafficClass)
    assert sent(9_000, boot, 2 * SECOND + 1) == [2_000.0] * len(TrafficClass)
    assert sent(100, boot + 1, 5 * SECOND) == [-1.0] * len(TrafficClass)


def test_what_must_not_be_is_said(swarm: Swarm) -> None:
    picture = Picture()
    first, second = status_of(swarm, 'r1'), status_of(swarm, 'r2')
    picture.tell_status(replace(first, leader='r1', accused=('r5',)), 0)
    picture.tell_status(
        replace(second, leader='r2', applied_index=first.applied_index, applied_digest='other'), 0
    )
    picture.tell_status(replace(status_of(swarm, 'r3'), lost=True), 0)
    alarms = picture.look(0).alarms
    assert f'term {first.term} has several leaders: r1, r2' in alarms
    assert f'the logs differ at index {first.applied_index}: r1 against r2' in alarms
    assert 'proved to have lied: r5' in alarms
    assert 'lost their log: r3' in alarms
    assert picture.look(60 * SECOND).alarms == ()


def test_tasks_are_those_told_last() -> None:
    picture = Picture()
    work = Work('a', (TaskLine('t', 'DONE', ('b',), ''),))
    picture.tell_work(work)
    assert picture.look(0).work == work


def test_policy_of_the_virtual_swarm_is_fused_as_shown() -> None:
    """What the swarm decides from beliefs has the confidence that the picture gives them."""
    swarm = Swarm(3, policies=[policy(3, confidence=0.5)])
    swarm.elect()
    picture = Picture()
    for robot, probabilities in zip(
        swarm.robots, ((0.6, 0.3, 0.1), (0.5, 0.4, 0.1), (0.7, 0.2, 0.1)), strict=True
    ):
        swarm.believe(robot, *probabilities)
        picture.tell_belief(robot, 'animal', LABELS, 0, logs(*probabilities), 0)
    swarm.run(2.0)
    (made,) = [each for each in swarm.decisions('r1') if each.subject == 'animal']
    (subject,) = picture.look(0).subjects
    assert made.voters == swarm.robots
    assert max(subject.together) == pytest.approx(made.confidence, abs=1e-6)


def test_who_is_asked_is_the_leader_where_it_is_heard_else_one_with_a_quorum(swarm: Swarm) -> None:
    def asked(*statuses: RobotStatus) -> str:
        picture = Picture()
        for status in statuses:
            picture.tell_status(status, 0)
        return picture.look(0).to_ask

    *others, last = [status_of(swarm, robot) for robot in swarm.robots if robot != swarm.leader]
    cut_off = [replace(status, has_quorum=False) for status in others]
    leader = status_of(swarm, swarm.leader)
    assert asked(last, *others, leader) == swarm.leader
    # The leader that others tell of is not heard here.
    assert asked(*cut_off, last) == last.robot == asked(last, *cut_off)
    assert asked(*cut_off) in {status.robot for status in others}
    assert asked() == ''
    stale = Picture()
    stale.tell_status(leader, 0)
    assert stale.look(60 * SECOND).to_ask == ''
