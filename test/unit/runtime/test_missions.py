"""Missions as robots run them: over the real runtime on virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from swarm_testing.mission_swarm import MissionSwarm

from swarm_consensus.missions import ANY_ROBOT, Delivery, Mission, Registry, Retry
from swarm_consensus.protocols.missions.events import (
    ActivityLost,
    ActivityStarted,
    Event,
    MissionCompleted,
    MissionFailed,
    MissionStatus,
    WorkerChanged,
)
from swarm_consensus.protocols.missions.operations import Forget
from swarm_consensus.runtime.mission_events import ActivityBeat, MissionTold, MissionWatched

COMPLETED = MissionStatus.COMPLETED


async def ten_steps(mission: Mission, delivery: Any) -> object:
    done: list[object] = []
    mission.on_query('done', lambda _: done)
    for number in range(10):
        done.append(
            await mission.activity(
                'step', number, delivery=Delivery(delivery or Delivery.IDEMPOTENT)
            )
        )
    return done


async def nap(mission: Mission, seconds: Any) -> object:
    began = mission.now()
    await mission.sleep(seconds)
    return mission.now() - began


async def listen(mission: Mission, _: Any) -> object:
    return [await mission.wait_signal('word') for _ in range(3)]


async def family(mission: Mission, count: Any) -> object:
    return await mission.gather(*[mission.child('nap', 0.1 * n) for n in range(count)])


async def anywhere(mission: Mission, robot: Any) -> object:
    return await mission.activity('where', robot=robot, schedule_to_start=5)


async def missing(mission: Mission, _: Any) -> object:
    return await mission.activity('nothing', retry=Retry(attempts_max=1))


def code(robot: str) -> Registry:
    def step(context: object, given: object) -> object:
        return given

    return Registry(
        {f.__name__: f for f in (ten_steps, nap, listen, family, anywhere, missing)},
        {'step': step, 'where': step},
    )


def result(events: list[Event]) -> bytes:
    last = events[-1]
    assert isinstance(last, MissionCompleted), last
    return last.result


@pytest.mark.parametrize('robots', [1, 3])
def test_a_mission_runs_to_its_end(robots: int) -> None:
    swarm = MissionSwarm(code, robots)
    swarm.elect()
    key = swarm.begin('r1', 'm', 'ten_steps')
    assert swarm.finish('m') is COMPLETED
    assert swarm.taken(key)
    assert result(swarm.events('m')) == b'[0,1,2,3,4,5,6,7,8,9]'
    assert set(swarm.runs.values()) == {1} and len(swarm.runs) == 10
    swarm.run(1)
    assert len(set(swarm.digests().values())) == 1
    again = swarm.begin('r1', 'm', 'ten_steps')
    assert swarm.taken(again), 'the same request has its first answer'
    other = swarm.ask(swarm.robots[-1], Forget('m'))
    swarm.run(0.5)
    assert swarm.taken(other) and swarm.row('m') is None


@pytest.mark.parametrize('step', range(10))
@pytest.mark.parametrize('moment', ['begun', 'done'])
def test_the_worker_dies_at_every_step_and_another_goes_on(step: int, moment: str) -> None:
    """Each effect is had once by its token; each activity that had ended ran once."""
    swarm = MissionSwarm(code, seed=step, takes_ms=200)
    swarm.elect()
    swarm.begin('r2', 'm', 'ten_steps')

    def reached() -> bool:
        begun = [job for _, _, job in swarm.jobs if job.attempt.activity == step + 1]
        ended = [e for e in swarm.events('m') if getattr(e, 'activity', 0) == step + 1]
        return bool(begun) and (moment == 'begun' or len(ended) == 2)

    swarm.run_until(reached)
    row = swarm.row('m')
    assert row is not None
    worker = row.worker
    swarm.world.crash(worker)
    assert swarm.finish('m') is COMPLETED
    assert result(swarm.events('m')) == b'[0,1,2,3,4,5,6,7,8,9]'
    assert len(swarm.runs) == 10
    lost = [e for e in swarm.events('m') if isinstance(e, ActivityLost)]
    repeated = {token for token, runs in swarm.runs.items() if runs > 1}
    # What was begun in the log, and not yet in the world, is reported as lost too.
    assert repeated <= {f'm/1.{e.activity}' for e in lost} and len(lost) <= 1
    workers = [e.robot for e in swarm.events('m') if isinstance(e, WorkerChanged)]
    # The last step may have been reported before the robot went down.
    assert workers[0] == worker and (len(workers) == 2 or step == 9)


def test_a_robot_that_reboots_takes_its_missions_up_again_at_once() -> None:
    swarm = MissionSwarm(code, 1, takes_ms=500)
    swarm.elect()
    swarm.begin('r1', 'm', 'ten_steps', int(Delivery.AT_LEAST_ONCE))
    swarm.run_until(lambda: len(swarm.jobs) == 3)
    swarm.world.crash('r1')
    swarm.run(0.5)
    swarm.world.start('r1')
    began_ns = swarm.world.now_ns
    swarm.run_until(lambda: len(swarm.jobs) == 4)
    assert swarm.world.now_ns - began_ns < 4_000_000_000, 'its own old lease is not waited for'
    assert swarm.finish('m') is COMPLETED
    assert swarm.jobs[3][2].repeated and swarm.jobs[3][2].token == swarm.jobs[2][2].token


def test_what_must_not_run_twice_does_not() -> None:
    swarm = MissionSwarm(code, takes_ms=300)
    swarm.elect()
    swarm.begin('r1', 'm', 'ten_steps', int(Delivery.AT_MOST_ONCE))
    swarm.run_until(lambda: len(swarm.jobs) == 4)
    swarm.world.crash(swarm.jobs[-1][1])
    assert swarm.finish('m') is MissionStatus.FAILED
    last = swarm.events('m')[-1]
    assert isinstance(last, MissionFailed) and last.kind == 'ActivityUnknownError'
    assert set(swarm.runs.values()) == {1}


def test_a_worker_that_is_cut_off_is_replaced_and_appends_nothing() -> None:
    swarm = MissionSwarm(code, takes_ms=400)
    swarm.elect()
    swarm.begin('r1', 'm', 'ten_steps')
    swarm.run_until(lambda: len(swarm.jobs) == 3)
    row = swarm.row('m')
    assert row is not None
    worker = row.worker
    rest = [robot for robot in swarm.robots if robot != worker]
    swarm.world.network.split([[worker], rest])
    assert swarm.finish('m') is COMPLETED
    # It was asked to end what it ran before another one could begin it.
    stopped = [stop for robot, stop in swarm.stops if robot == worker]
    assert len(stopped) <= 1
    swarm.world.network.heal()
    swarm.run(3)
    assert len(set(swarm.digests().values())) == 1
    assert result(swarm.events('m')) == b'[0,1,2,3,4,5,6,7,8,9]'
    started = [e for e in swarm.events('m') if isinstance(e, ActivityStarted)]
    assert len(started) - 10 == len([e for e in swarm.events('m') if isinstance(e, ActivityLost)])


@pytest.mark.parametrize('delivery', [Delivery.AT_MOST_ONCE, Delivery.AT_LEAST_ONCE])
def test_what_ended_because_its_robot_was_cut_off_may_have_been_done(delivery: Delivery) -> None:
    swarm = MissionSwarm(code, takes_ms=8000)
    swarm.elect()
    swarm.begin('r1', 'm', 'ten_steps', int(delivery))
    swarm.run_until(lambda: bool(swarm.jobs))
    [(_, worker, job)] = swarm.jobs
    swarm.world.network.split([[worker], [each for each in swarm.robots if each != worker]])
    swarm.run_until(lambda: bool(swarm.stops))
    # Its lease ends by committed time, and that stands still until there is another leader.
    swarm.world.network.heal()
    ended = swarm.finish('m', 200)
    events = swarm.events('m')
    workers = [event.robot for event in events if isinstance(event, WorkerChanged)]
    assert workers == [worker], 'its lease has ended'
    lost = [event.attempt for event in events if isinstance(event, ActivityLost)]
    assert lost == [1], 'it is no failure'
    if delivery is Delivery.AT_MOST_ONCE:
        assert ended is MissionStatus.FAILED and swarm.runs[job.token] == 1
        last = events[-1]
        assert isinstance(last, MissionFailed) and last.kind == 'ActivityUnknownError'
    else:
        assert ended is COMPLETED and swarm.runs[job.token] == 2
        assert swarm.jobs[1][2].repeated and not swarm.jobs[2][2].repeated


def test_timers_are_not_early_and_outlive_their_robot() -> None:
    swarm = MissionSwarm(code)
    swarm.elect()
    for number, robot in enumerate(swarm.robots):
        swarm.begin(robot, f'm{number}', 'nap', 3)
    swarm.run(1)
    swarm.world.crash('r2')
    for number in range(3):
        assert swarm.finish(f'm{number}', 20) is COMPLETED
        assert float(result(swarm.events(f'm{number}'))) >= 3


def test_signals_queries_and_cancellation_reach_a_mission_from_any_robot() -> None:
    swarm = MissionSwarm(code)
    swarm.elect()
    swarm.begin('r1', 'm', 'listen')
    swarm.run(1)
    for robot in swarm.robots:
        assert not swarm.taken(swarm.signal(robot, 'm', 'word', robot))
        swarm.run(0.3)
    assert swarm.finish('m') is COMPLETED
    assert result(swarm.events('m')) == b'["r1","r2","r3"]'
    late = swarm.signal('r1', 'm', 'word')
    swarm.run(0.3)
    answer = swarm.answered(late)
    assert answer is not None and answer.reason == 'the mission has ended'
    swarm.begin('r2', 'n', 'ten_steps')
    swarm.run_until(lambda: len(swarm.jobs) == 3)
    swarm.run(0.3)
    answers = [swarm.query(robot, 'n', 'done') for robot in swarm.robots]
    assert all(isinstance(each, list) and len(each) >= 2 for each in answers)
    assert 'there is no query' in str(swarm.query('r1', 'n', 'nothing'))
    assert 'no mission' in str(swarm.query('r1', 'none', 'done'))
    swarm.cancel('r3', 'n', 'enough')
    assert swarm.finish('n') is MissionStatus.CANCELLED
    assert swarm.stops, 'what ran was asked to end'


def test_children_run_on_any_robot() -> None:
    swarm = MissionSwarm(code)
    swarm.elect()
    swarm.begin('r1', 'm', 'family', 8)
    assert swarm.finish('m', 30) is COMPLETED
    workers = set()
    for number in range(1, 9):
        row = swarm.row(f'm/1.{number}')
        assert row is not None and row.status is COMPLETED
        workers.add(row.worker)
    assert len(workers) > 1


def test_activities_run_where_they_are_asked_to() -> None:
    swarm = MissionSwarm(code)
    swarm.elect()
    for robot in swarm.robots:
        swarm.begin('r1', robot, 'anywhere', robot)
    swarm.begin('r1', 'any', 'anywhere', ANY_ROBOT)
    swarm.begin('r1', 'none', 'anywhere', 'r9')
    swarm.begin('r1', 'missing', 'missing')
    for mission in (*swarm.robots, 'any'):
        assert swarm.finish(mission) is COMPLETED
    assert {job.attempt.mission: robot for _, robot, job in swarm.jobs if robot in swarm.robots}
    for robot in swarm.robots:
        assert [r for _, r, job in swarm.jobs if job.attempt.mission == robot] == [robot]
    assert swarm.finish('none') is MissionStatus.FAILED
    assert swarm.finish('missing') is MissionStatus.FAILED
    last = swarm.events('missing')[-1]
    assert isinstance(last, MissionFailed) and "has no activity 'nothing'" in last.message


@pytest.mark.parametrize(('heartbeat', 'most'), [(0, 12), (0.9, 30)])
def test_many_signs_of_life_cost_few_commits(heartbeat: float, most: int) -> None:
    """An action tells how far it is a hundred times a second; that is not for the log."""

    async def long(mission: Mission, _: Any) -> object:
        return await mission.activity(
            'step', 7, heartbeat=heartbeat, retry=Retry(attempts_max=1)
        )

    def only(robot: str) -> Registry:
        return Registry({'long': long}, {'step': lambda context, given: given})

    swarm = MissionSwarm(only, takes_ms=6000)
    swarm.elect()
    swarm.begin('r1', 'm', 'long')
    swarm.run_until(lambda: bool(swarm.jobs))
    _, robot, job = swarm.jobs[0]

    def index() -> int:
        runtime = swarm.world.runtime(robot)
        assert runtime is not None
        return runtime._state.index

    before = index()
    for beat in range(500):
        swarm.world.put(robot, ActivityBeat(job.attempt, b'%d' % beat))
        swarm.run(0.01)
    # Among them those of time and of the robot's lease.
    assert index() - before <= most + 15
    row = swarm.row('m')
    assert row is not None and int(row.activities[1].beat) > 380
    swarm.run(0.5)
    assert (swarm.row('m') or row).activities[1].beat == b'499', 'the newest is not left out'
    swarm.world.put(robot, ActivityBeat(job.attempt, b'500'))
    assert swarm.finish('m') is COMPLETED
    assert result(swarm.events('m')) == b'7'


def test_wrong_code_stops_a_mission_and_corrected_code_goes_on() -> None:
    async def right(mission: Mission, _: Any) -> object:
        await mission.activity('step', 1)
        await mission.activity('step', 2)
        return await mission.wait_signal('go')

    async def wrong(mission: Mission, _: Any) -> object:
        await mission.activity('step', 7)
        return None

    codes: dict[str, Any] = dict.fromkeys(('r1', 'r2', 'r3'), right)

    def registry(robot: str) -> Registry:
        return Registry({'job': codes[robot]}, {'step': lambda context, given: given})

    swarm = MissionSwarm(registry)
    swarm.elect()
    swarm.begin('r1', 'm', 'job')
    swarm.run_until(lambda: len(swarm.jobs) == 2)
    swarm.run(0.5)
    codes.update(dict.fromkeys(codes, wrong))
    for robot in swarm.robots:
        swarm.world.crash(robot)
    for robot in swarm.robots:
        swarm.world.start(robot)
    swarm.run_until(lambda: swarm.status_of('m') is MissionStatus.NONDETERMINISTIC)
    swarm.run(10)
    row = swarm.row('m')
    assert row is not None and row.status is MissionStatus.NONDETERMINISTIC
    assert 'test_missions.py:' in row.reason and "'step' with 7" in row.reason
    assert row.epoch == 2, 'they do not hand it on among themselves'
    assert set(swarm.runs.values()) == {1}
    codes['r2'] = right
    swarm.world.crash('r2')
    swarm.world.start('r2')
    swarm.run_until(lambda: swarm.status_of('m') is MissionStatus.RUNNING)
    swarm.signal('r1', 'm', 'go', 'on')
    assert swarm.finish('m') is COMPLETED
    assert set(swarm.runs.values()) == {1}


def test_only_a_robot_that_has_something_to_do_keeps_a_lease() -> None:
    """A mission that waits costs one lease and the moves of time; when it has ended, nothing."""
    swarm = MissionSwarm(code)
    swarm.elect()
    swarm.begin('r1', 'm', 'listen')
    swarm.run(10)
    row = swarm.row('m')
    state = swarm.world.runtime('r1')._state  # type: ignore[union-attr]
    assert row is not None
    assert [lease for lease, _, _ in state.keyvalue.leases.rows()] == [row.lease]
    for _ in range(3):
        swarm.signal('r2', 'm', 'word')
    assert swarm.finish('m') is COMPLETED
    swarm.run(10)
    assert not len(state.keyvalue.leases)
    index = state.index
    swarm.run(10)
    assert state.index == index, 'nothing is committed any more'


def test_a_robot_that_comes_back_by_a_snapshot_goes_on() -> None:
    """Missions that ended while it was away are over for it too, and those who watch are told."""
    swarm = MissionSwarm(code, snapshot_entries=40, trailing_entries=5)
    swarm.elect()
    swarm.begin('r1', 'm', 'ten_steps')
    swarm.begin('r2', 'n', 'listen')
    swarm.run_until(lambda: len(swarm.jobs) >= 4)
    away = next(robot for robot in swarm.robots if robot != swarm.leader)
    swarm.world.put(away, MissionWatched(7, 'm'))
    swarm.world.network.split([[away], [r for r in swarm.robots if r != away]])
    assert swarm.finish('m') is COMPLETED
    rest = next(robot for robot in swarm.robots if robot != away)
    swarm.ask(rest, Forget('m'))
    for number in range(60):
        swarm.signal(rest, 'n', 'other', number)
    swarm.run(2)
    swarm.world.network.heal()
    swarm.run(5)
    assert swarm.row('m', away) is None
    told = [output for output in swarm.outputs(away, MissionTold) if output.key == 7]
    assert told[-1].view is None, 'it was forgotten'
    for number in range(3):
        swarm.signal(away, 'n', 'word', number)
    assert swarm.finish('n') is COMPLETED
    swarm.run(10)
    state = swarm.world.runtime(away)._state  # type: ignore[union-attr]
    assert not len(state.keyvalue.leases)


def test_a_robot_without_code_serves_its_users_and_claims_nothing() -> None:
    swarm = MissionSwarm(lambda robot: code(robot) if robot == 'r2' else Registry())
    swarm.elect()
    key = swarm.begin('r1', 'm', 'ten_steps')
    assert swarm.finish('m') is COMPLETED
    assert swarm.taken(key)
    assert {robot for _, robot, _ in swarm.jobs} == {'r2'}
    assert 'no code' in str(swarm.query('r3', 'm', 'done'))
    assert swarm.query('r2', 'm', 'done') == list(range(10))
