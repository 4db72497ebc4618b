"""Tasks at robots: awarded by the log, stopped in time, open again, and ended with a reason."""

from __future__ import annotations

from dataclasses import replace
import itertools

import pytest
from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.allocation import (
    Method,
    RuleScoring,
    ScoringSetting,
    Task,
    UserPathScoring,
    Worker,
)
from swarm_consensus.protocols.tasks import AddTask, CancelTask, ReportKind, TaskStatus
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import (
    HandBackAsked,
    HandedBack,
    Notice,
    StatusReport,
    TaskAnswered,
    TaskAsked,
    TaskGo,
    TaskGoing,
    TasksAnswered,
    TasksAsked,
    TaskStop,
    WorkerTold,
    WorkTold,
)
from swarm_consensus.runtime.task_settings import TaskSettings

# The user's nodes of these tests say but once where they are.
PATIENT = TaskSettings(silence_ns=3600 * SECOND)
_keys = itertools.count(1)


def ask(swarm: Swarm, robot: str, operation, request_id: str = '', timeout: float = 2.0) -> int:
    key = next(_keys)
    swarm.world.put(robot, TaskAsked(key, operation, request_id, int(timeout * SECOND)))
    return key


def add(swarm: Swarm, robot: str, name: str, x: float = 0.0, **settings) -> int:
    return ask(swarm, robot, AddTask(Task(name, x, 0.0, **settings)))


def answer(swarm: Swarm, key: int) -> TaskAnswered:
    (found,) = [o for _, _, o in swarm.told if isinstance(o, TaskAnswered) and o.key == key]
    return found


def on_duty(swarm: Swarm, *robots: str, spread: float = 100.0) -> None:
    """Put robots on duty, in a row."""
    for robot in robots or swarm.robots:
        place = spread * swarm.robots.index(robot)
        swarm.world.put(robot, WorkerTold(Worker(robot, place, 0.0)))


def goes(swarm: Swarm, robot: str) -> list[str]:
    return [go.record.name for go in swarm.outputs(robot, TaskGo)]


def who_goes(swarm: Swarm, name: str) -> list[str]:
    return [r for _, r, o in swarm.told if isinstance(o, TaskGo) and o.record.name == name]


def report(swarm: Swarm, robot: str, name: str, kind=ReportKind.DONE, reason: str = '') -> None:
    go = [go for go in swarm.outputs(robot, TaskGo) if go.record.name == name][-1]
    swarm.world.put(robot, WorkTold(name, go.record.award, kind, reason))


def stands(swarm: Swarm, robot: str, name: str) -> tuple[str, tuple[str, ...], str]:
    key = next(_keys)
    swarm.world.put(robot, TasksAsked(key, name, ended=True))
    swarm.run(0.01)
    (found,) = [o for _, _, o in swarm.told if isinstance(o, TasksAnswered) and o.key == key]
    (record,) = found.records
    return record.status.name, record.holders, record.reason


def test_each_task_goes_to_the_robot_beside_it_and_is_done() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    keys = [add(swarm, leader, f't{n}', 100.0 * n) for n in range(3)]
    swarm.run(2.0)
    assert [answer(swarm, key).status for key in keys] == [Status.DECIDED] * 3
    assert [goes(swarm, robot) for robot in swarm.robots] == [['t0'], ['t1'], ['t2']]
    for number, robot in enumerate(swarm.robots):
        assert stands(swarm, leader, f't{number}')[:2] == ('STARTED', (robot,))
        report(swarm, robot, f't{number}', reason='all well')
    swarm.run(1.0)
    for number in range(3):
        assert stands(swarm, leader, f't{number}') == ('DONE', (), 'all well')


def test_seven_tasks_in_a_burst_are_all_done_and_each_once() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    for number in range(7):
        add(swarm, swarm.robots[number % 3], f't{number}', 40.0 * number)
    done = set()
    for _ in range(30):
        swarm.run(0.5)
        for _, robot, output in tuple(swarm.told):
            if isinstance(output, TaskGo) and (robot, output.record.name) not in done:
                done.add((robot, output.record.name))
                report(swarm, robot, output.record.name)
    assert sorted(name for _, name in done) == [f't{n}' for n in range(7)]
    assert {stands(swarm, leader, f't{n}')[0] for n in range(7)} == {'DONE'}


def test_a_task_that_comes_again_under_its_request_id_is_added_once() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    first = ask(swarm, leader, AddTask(Task('t', 0, 0)), 'mine')
    swarm.run(0.5)
    again = ask(swarm, swarm.robots[0], AddTask(Task('t', 0, 0)), 'mine')
    other = ask(swarm, leader, AddTask(Task('t', 0, 0)), 'other')
    swarm.run(0.5)
    assert answer(swarm, first).status is answer(swarm, again).status is Status.DECIDED
    assert answer(swarm, other).reason == 'there is a task of this name already'


@pytest.mark.parametrize('how', ['killed', 'cut off'])
def test_the_task_of_a_robot_that_is_gone_goes_to_another_after_it_stopped(how: str) -> None:
    swarm = Swarm(5, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    lost = next(robot for robot in swarm.robots if robot != leader)
    add(swarm, leader, 't', 100.0 * swarm.robots.index(lost))
    swarm.run(1.5)
    assert who_goes(swarm, 't') == [lost]
    began_ns = swarm.world.now_ns
    if how == 'killed':
        swarm.world.crash(lost)
    else:
        swarm.world.network.split([[lost], [r for r in swarm.robots if r != lost]])
    swarm.run(9.0)
    assert len(who_goes(swarm, 't')) == 2
    times = [(at, o) for at, r, o in swarm.told if isinstance(o, (TaskGo, TaskStop))]
    (went_on_ns,) = [at for at, o in times[1:] if isinstance(o, TaskGo)]
    # Duty 5 s, two moves of time of 0.5 s, a claim.
    assert went_on_ns - began_ns < 7 * SECOND
    if how == 'cut off':
        (stop_ns,) = [at for at, o in times if isinstance(o, TaskStop)]
        settings = TaskSettings()
        assert stop_ns + settings.stop_ns <= went_on_ns
        (stop,) = swarm.outputs(lost, TaskStop)
        assert stop.reason == 'its duty could not be renewed in time'


def test_a_robot_that_goes_off_duty_stops_first_and_gives_its_task_back() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    add(swarm, leader, 't', 0.0)
    swarm.run(1.5)
    swarm.world.put('r1', WorkerTold(None))
    swarm.run(1.0)
    (stop,) = swarm.outputs('r1', TaskStop)
    assert stop.reason == 'the robot goes off duty'
    assert who_goes(swarm, 't') == ['r1']
    report(swarm, 'r1', 't', ReportKind.STOPPED, 'parked')
    swarm.run(1.5)
    # At once: nobody waited for the duty to end.
    assert who_goes(swarm, 't') == ['r1', 'r2']


def handed_back(swarm: Swarm, robot: str) -> list[bool]:
    return [told.done for told in swarm.outputs(robot, HandedBack)]


def test_a_robot_that_shuts_down_hands_its_task_back_once_its_node_has_stopped() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    add(swarm, leader, 't', 0.0)
    swarm.run(1.5)
    swarm.world.put('r1', HandBackAsked())
    swarm.run(0.5)
    (stop,) = swarm.outputs('r1', TaskStop)
    assert stop.reason == 'the robot goes off duty'
    # That a STOP was sent is no sign that anything has stopped.
    assert handed_back(swarm, 'r1') == [] and who_goes(swarm, 't') == ['r1']
    report(swarm, 'r1', 't', ReportKind.STOPPED, 'parked')
    # What its node says meanwhile does not put it on duty again.
    on_duty(swarm, 'r1')
    swarm.run(0.3)
    assert handed_back(swarm, 'r1') == [True]
    swarm.world.crash('r1')
    swarm.run(1.5)
    assert who_goes(swarm, 't') == ['r1', 'r2']


def test_what_is_done_in_the_last_moment_is_not_done_again() -> None:
    for seed in range(8):
        swarm = Swarm(3, seed, tasks=PATIENT)
        leader = swarm.elect()
        on_duty(swarm)
        swarm.run(1.5)
        add(swarm, leader, 't', 0.0)
        swarm.run(1.5)
        swarm.world.put('r1', HandBackAsked())
        report(swarm, 'r1', 't')
        swarm.run(1.0)
        assert handed_back(swarm, 'r1') == [True], f'seed {seed}'
        assert stands(swarm, leader, 't')[0] == 'DONE', f'seed {seed}'


def test_a_robot_without_tasks_shuts_down_at_once() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    swarm.world.put('r1', HandBackAsked())
    swarm.run(0.02)
    assert handed_back(swarm, 'r1') == [True]
    on_duty(swarm, 'r2', 'r3')
    swarm.run(1.5)
    swarm.world.put('r2', HandBackAsked())
    swarm.run(0.3)
    assert handed_back(swarm, 'r2') == [True]
    add(swarm, leader, 't', 100.0)
    swarm.run(1.5)
    assert who_goes(swarm, 't') == ['r3']


@pytest.mark.parametrize('why', ['no quorum', 'no report', 'full disk'])
def test_a_robot_that_shuts_down_does_not_wait_for_ever(why: str) -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    add(swarm, leader, 't', 0.0)
    swarm.run(1.5)
    if why == 'no quorum':
        swarm.world.crash('r2')
        swarm.world.crash('r3')
    elif why == 'full disk':
        swarm.world.disk('r1').full = True
    swarm.world.put('r1', HandBackAsked())
    swarm.run(0.1)
    if why != 'no report':
        report(swarm, 'r1', 't', ReportKind.STOPPED)
    swarm.run(2.7)
    assert handed_back(swarm, 'r1') == []
    swarm.run(0.4)
    assert handed_back(swarm, 'r1') == [False]
    if why == 'no report':
        # Then its duty runs out, as that of a robot that was killed.
        swarm.world.crash('r1')
        swarm.run(7.0)
        assert who_goes(swarm, 't') == ['r1', 'r2']


def test_a_report_that_cannot_come_is_not_waited_for() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    add(swarm, leader, 't', 0.0)
    swarm.run(1.5)
    for robot in swarm.robots:
        swarm.world.put(robot, HandBackAsked(heard=False))
    swarm.run(0.02)
    assert handed_back(swarm, 'r1') == [False]
    assert len(swarm.outputs('r1', TaskStop)) == 1
    swarm.run(0.3)
    # The others have nothing that anybody could be at.
    assert handed_back(swarm, 'r2') == handed_back(swarm, 'r3') == [True]


def test_a_cancelled_task_is_stopped_and_then_ends() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    add(swarm, leader, 't', 0.0)
    swarm.run(1.5)
    ask(swarm, leader, CancelTask('t', 'not needed'))
    swarm.run(0.5)
    assert stands(swarm, leader, 't') == ('STOPPING', ('r1',), 'not needed')
    (stop,) = swarm.outputs('r1', TaskStop)
    assert stop.reason == 'not needed'
    report(swarm, 'r1', 't', ReportKind.STOPPED)
    swarm.run(0.5)
    assert stands(swarm, leader, 't') == ('CANCELLED', (), 'not needed')


def test_a_failed_task_goes_round_until_it_has_failed_for_good() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    ask(swarm, leader, AddTask(Task('t', 0, 0), attempts_max=2))
    swarm.run(1.5)
    for _ in range(2):
        robot = who_goes(swarm, 't')[-1]
        report(swarm, robot, 't', ReportKind.FAILED, 'the door is locked')
        swarm.run(2.0)
    assert stands(swarm, leader, 't') == ('FAILED', (), 'the door is locked')


def test_a_team_goes_together() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    add(swarm, leader, 't', 0.0, robots=2)
    swarm.run(2.0)
    assert sorted(who_goes(swarm, 't')) == ['r1', 'r2']
    for robot in ('r1', 'r2'):
        report(swarm, robot, 't')
    swarm.run(0.5)
    assert stands(swarm, leader, 't')[0] == 'DONE'


def test_a_task_that_opens_later_is_left_open_until_it_is_time_to_set_off() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    # 5 s away from r1, as it goes 1 m a second.
    asked_ns = swarm.world.now_ns
    add(swarm, leader, 'later', -5.0, opens_ms=20_000)
    swarm.run(3.0)
    # Meanwhile its robot does something else.
    add(swarm, leader, 'now', -1.0)
    swarm.run(2.0)
    assert goes(swarm, 'r1') == ['now']
    report(swarm, 'r1', 'now')
    swarm.run(20.0)
    ((at_ns, record),) = [
        (at, o.record) for at, r, o in swarm.told if isinstance(o, TaskGo) and r == 'r1'
    ][1:]
    assert record.name == 'later' and 14 * SECOND < at_ns - asked_ns < 17 * SECOND
    told = [(at, o) for at, _, o in swarm.told if isinstance(o, TaskGoing)]
    for at_ns, going in told:
        if going.record.name == 'later':
            # To a move of committed time.
            opens_s = (going.record.task.opens_ms - going.clock_ms) / 1000
            assert opens_s >= 20 - (at_ns - asked_ns) / SECOND - 0.6


def test_only_robots_that_can_do_a_task_get_it_and_a_group_goes_in_its_order() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    swarm.world.put('r1', WorkerTold(Worker('r1', 0.0, 0.0)))
    swarm.world.put('r2', WorkerTold(Worker('r2', 100.0, 0.0, capabilities=('lift',))))
    swarm.world.put('r3', WorkerTold(Worker('r3', 200.0, 0.0, payload_kg=5.0)))
    swarm.run(1.5)
    add(swarm, leader, 'lifted', 0.0, capabilities=('lift',), group='g', order=1)
    add(swarm, leader, 'carried', 0.0, payload_kg=4.0, group='g')
    add(swarm, leader, 'flown', 0.0, capabilities=('fly',))
    swarm.run(3.0)
    assert [goes(swarm, robot) for robot in swarm.robots] == [[], [], ['carried']]
    report(swarm, 'r3', 'carried')
    swarm.run(2.0)
    assert [goes(swarm, robot) for robot in swarm.robots] == [[], ['lifted'], ['carried']]


@pytest.mark.parametrize('method', Method)
def test_every_method_gives_a_deadline_to_who_can_meet_it_and_ends_what_nobody_can(
    method: Method,
) -> None:
    swarm = Swarm(3, tasks=replace(PATIENT, method=method))
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    add(swarm, leader, 'near', 103.0, deadline_ms=9_000, work=2.0)
    add(swarm, leader, 'far', 5_000.0, deadline_ms=9_000)
    add(swarm, leader, 'team', 50.0, robots=2)
    add(swarm, leader, 'crowd', 50.0, robots=4)
    swarm.run(3.0)
    assert goes(swarm, 'r2') == ['near']
    report(swarm, 'r2', 'near')
    swarm.run(12.0)
    assert stands(swarm, leader, 'far') == ('EXPIRED', (), 'nobody could begin it in time')
    # Four robots are not there; that keeps the three from nothing.
    assert len(who_goes(swarm, 'team')) == 2 and who_goes(swarm, 'crowd') == []


def test_a_whole_swarm_that_is_rebooted_takes_its_tasks_up_again() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    for number in range(3):
        add(swarm, leader, f't{number}', 100.0 * number)
    # In the middle of it: some are awarded, and some are not.
    swarm.run(0.4)
    for robot in swarm.robots:
        swarm.world.crash(robot)
    swarm.run(0.5)
    for robot in swarm.robots:
        swarm.world.start(robot)
    before = len(swarm.told)
    swarm.elect()
    on_duty(swarm)
    swarm.run(4.0)
    goes = [(r, o.record.name) for _, r, o in swarm.told[before:] if isinstance(o, TaskGo)]
    assert sorted(goes) == [('r1', 't0'), ('r2', 't1'), ('r3', 't2')]


def test_a_robot_whose_disk_is_full_stops_in_time() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    full = next(robot for robot in swarm.robots if robot != leader)
    add(swarm, leader, 't', 100.0 * swarm.robots.index(full))
    swarm.run(1.5)
    assert who_goes(swarm, 't') == [full]
    swarm.world.disk(full).full = True
    swarm.run(8.0)
    assert len(swarm.outputs(full, TaskStop)) == 1
    assert len(who_goes(swarm, 't')) == 2


def test_a_robot_whose_user_is_silent_loses_its_task_and_gets_no_other() -> None:
    swarm = Swarm(3, tasks=TaskSettings())
    leader = swarm.elect()
    for step in range(40):
        on_duty(swarm, *(swarm.robots if step < 8 else ('r2', 'r3')))
        swarm.run(0.5)
        if step == 4:
            add(swarm, leader, 't', 0.0)
    assert who_goes(swarm, 't') == ['r1', 'r2']
    assert len(swarm.outputs('r1', TaskStop)) == 1


def test_who_has_a_task_hears_so_often_enough_to_trust_in_it() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    add(swarm, leader, 't', 0.0)
    swarm.run(1.5)
    swarm.world.network.split([['r1'], ['r2', 'r3']])
    swarm.run(8.0)
    told = [(at, o) for at, r, o in swarm.told if isinstance(o, TaskGoing) and r == 'r1']
    assert len(told) >= 6
    (stop_ns,) = [at for at, _, o in swarm.told if isinstance(o, TaskStop)]
    # All name the same end, or a later one after a renewal, and none is told after the stop.
    ends = [at + going.valid_ns for at, going in told]
    assert ends == sorted(ends) and told[-1][0] <= stop_ns < ends[-1]
    (again_ns,) = [at for at, r, o in swarm.told if isinstance(o, TaskGo) and r != 'r1']
    assert ends[-1] <= again_ns


def test_a_short_duty_is_told_anew_before_it_ends() -> None:
    short = TaskSettings(
        duty_ns=SECOND // 2,
        renew_ns=SECOND // 10,
        stop_ns=SECOND // 10,
        silence_ns=3600 * SECOND,
    )
    swarm = Swarm(3, tasks=short)
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    add(swarm, leader, 't', 0.0)
    swarm.run(5.0)
    assert who_goes(swarm, 't') == ['r1']
    told = [(at, o.valid_ns) for at, _, o in swarm.told if isinstance(o, TaskGoing)]
    assert len(told) > 20
    for (at, valid_ns), (next_at, _) in itertools.pairwise(told):
        assert next_at < at + valid_ns


def test_who_settles_longer_waits_longer_for_a_better_bid() -> None:
    began = []
    for settle_ns in (0, SECOND):
        swarm = Swarm(3, tasks=TaskSettings(settle_ns=settle_ns, silence_ns=3600 * SECOND))
        leader = swarm.elect()
        on_duty(swarm)
        swarm.run(1.5)
        asked_ns = swarm.world.now_ns
        add(swarm, leader, 't', 0.0)
        swarm.run(3.0)
        (at,) = [at for at, _, o in swarm.told if isinstance(o, TaskGo)]
        began.append(at - asked_ns)
    assert began[0] < SECOND // 2 and SECOND <= began[1] < 3 * SECOND // 2


def test_thousands_of_tasks_are_listed_by_pages_whatever_becomes_of_them() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    leader = swarm.elect()
    names = [f't{number:04}' for number in range(2100)]
    for start in range(0, len(names), 100):
        for name in names[start : start + 100]:
            add(swarm, leader, name)
        swarm.run(0.2)
    swarm.run(1.0)

    def page(**more) -> TasksAnswered:
        key = next(_keys)
        swarm.world.put(leader, TasksAsked(key, **more))
        swarm.run(0.01)
        (found,) = [o for _, _, o in swarm.told if isinstance(o, TasksAnswered) and o.key == key]
        return found

    listed: list[str] = []
    more = True
    while more:
        # Some that were listed already end, and some that were not.
        for name in (names[len(listed) // 2], names[-1 - len(listed) // 4]):
            ask(swarm, leader, CancelTask(name))
        swarm.run(0.3)
        found = page(ended=True, after=listed[-1] if listed else '', count_max=5_000)
        assert len(found.records) <= 1000
        listed += [record.name for record in found.records]
        more = found.more
    assert listed == names
    few = page(prefix='t20', count_max=3)
    assert [record.name for record in few.records] == ['t2000', 't2001', 't2002'] and few.more
    # Those that have ended stand in it only where they are wanted, or asked for by name.
    ended = {r.name for r in page(ended=True).records} - {r.name for r in page().records}
    assert names[0] in ended
    assert [r.status.name for r in page(name=names[0]).records] == ['CANCELLED']
    assert page(name='unknown').records == ()


def test_a_scoring_whose_gains_rise_is_told_once_with_the_numbers() -> None:
    rising = UserPathScoring('mine:score', lambda robot, path: float(len(path) ** 2))
    swarm = Swarm(1, tasks=TaskSettings(scoring=rising, silence_ns=3600 * SECOND))
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(1.5)
    for number in range(6):
        add(swarm, leader, f't{number}', 10.0 * number)
    swarm.run(6.0)
    warned = [o for o in swarm.outputs(leader, Notice) if 'diminish' in o.text]
    (notice,) = warned
    assert notice.warning and notice.text.startswith(
        "gains do not diminish by the scoring 'mine:score': task 't"
    )
    assert 'gains 3 once others were taken, and one that was taken before gains 1. ' in notice.text
    assert swarm.outputs(leader, StatusReport)[-1].status.bids_bent >= 3


def test_robots_that_bid_by_different_settings_name_each_other_and_the_setting() -> None:
    other = TaskSettings(
        silence_ns=3600 * SECOND,
        scoring=RuleScoring(ScoringSetting(discount=0.9)),
        # Of no account where robots bid for themselves.
        bundle_max=2,
    )
    swarm = Swarm(3, tasks=PATIENT, own={'r3': {'tasks': other}})
    leader = swarm.elect()
    on_duty(swarm)
    swarm.run(6.0)
    add(swarm, leader, 't', 0.0)
    swarm.run(6.0)
    warned = {
        robot: [notice.text for notice in swarm.outputs(robot, Notice) if 'bids' in notice.text]
        for robot in swarm.robots
    }
    for robot in ('r1', 'r2'):
        (text,) = warned[robot]
        assert text.startswith(
            "'r3' bids for tasks by other settings than this robot: tasks_discount is 0.9 there "
            'and 0.999 here. Who'
        )
        status = swarm.outputs(robot, StatusReport)[-1].status
        assert status.task_problems == (text,)
    assert sorted(text.split(' here')[0] for text in warned['r3']) == [
        f"'{robot}' bids for tasks by other settings than this robot: tasks_discount is 0.999 "
        'there and 0.9'
        for robot in ('r1', 'r2')
    ]
    # It is only told: the log gives each task to one robot whatever they bid.
    assert who_goes(swarm, 't') == ['r1']


def test_a_robot_that_comes_back_with_the_settings_of_the_others_is_told_of_no_more() -> None:
    swarm = Swarm(3, tasks=PATIENT, own={'r3': {'tasks': TaskSettings(method=Method.GREEDY)}})
    swarm.elect()
    on_duty(swarm)
    swarm.run(4.0)
    status = swarm.outputs('r1', StatusReport)[-1].status
    (problem,) = status.task_problems
    assert 'tasks_method is greedy there and cbba here. Who' in problem
    swarm.world.crash('r3')
    swarm.world.configure('r3', lambda config: replace(config, tasks=PATIENT))
    swarm.world.start('r3')
    on_duty(swarm)
    swarm.run(8.0)
    assert swarm.outputs('r1', StatusReport)[-1].status.task_problems == ()
    texts = [notice.text for notice in swarm.outputs('r1', Notice)]
    assert texts[-1] == "'r3' bids for tasks by the settings of this robot"


def test_without_tasks_and_robots_on_duty_nobody_stays_awake() -> None:
    swarm = Swarm(3, tasks=PATIENT)
    swarm.elect()
    swarm.run(5.0)
    before = swarm.world.steps
    swarm.run(10.0)
    idle = swarm.world.steps - before
    on_duty(swarm)
    swarm.run(1.0)
    for robot in swarm.robots:
        swarm.world.put(robot, WorkerTold(None))
    swarm.run(5.0)
    before = swarm.world.steps
    swarm.run(10.0)
    assert swarm.world.steps - before < 1.5 * idle


@pytest.mark.parametrize(
    ('settings', 'text'),
    [
        ({'duty_ns': 2 * SECOND}, 'duty \\(2 s\\) must be longer'),
        ({'renew_ns': 0}, 'must be above 0 s'),
        ({'settle_ns': -1}, 'must not be negative'),
        ({'relay_ns': -1}, 'must not be negative'),
        ({'leave_ns': -1}, 'must not be negative'),
        ({'drift_percent': 60}, 'drift_percent is 60'),
        ({'duty_ns': 4000 * SECOND}, 'an hour is the most'),
    ],
)
def test_settings_that_cannot_be(settings, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        TaskSettings(**settings)


def test_every_status_is_one_of_the_book() -> None:
    assert [status.value for status in TaskStatus] == list(range(1, 9))
