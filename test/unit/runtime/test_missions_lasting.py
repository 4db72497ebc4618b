"""What missions promise their authors, over the real runtime, with workers that die on the way."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from swarm_testing.mission_swarm import MissionSwarm

from swarm_consensus.missions import Delivery, Mission, Registry, Retry
from swarm_consensus.protocols.missions.events import (
    ActivityCompleted,
    ActivityFailed,
    ActivityScheduled,
    ActivityStarted,
    MissionCompleted,
    MissionFailed,
    MissionStarted,
    MissionStatus,
    SignalReceived,
    WorkerChanged,
)

COMPLETED = MissionStatus.COMPLETED


def swarm_of(act: Any = lambda name, given: given, takes_ms: int = 50, **missions: Any) -> Any:
    """Robots that have missions, and activities of three names."""

    def registry(robot: str) -> Registry:
        nothing = dict.fromkeys(('step', 'do', 'undo'), lambda context, given: given)
        return Registry(missions, nothing)

    swarm = MissionSwarm(registry, act=act, takes_ms=takes_ms)
    swarm.elect()
    return swarm


def replace_worker(swarm: MissionSwarm, mission: str) -> str:
    """Kill the worker of a mission, wait for another one, and let it come back; its name."""
    row = swarm.row(mission)
    assert row is not None
    worker, epoch = row.worker, row.epoch
    swarm.world.crash(worker)
    swarm.run_until(lambda: (r := swarm.row(mission)) is not None and r.epoch > epoch)
    swarm.world.start(worker)
    return worker


def test_a_mission_goes_on_as_new_with_what_it_was_told_meanwhile() -> None:
    """Each run has a short history; signals that came early go along; each run ends its worker."""

    async def rounds(mission: Mission, given: Any) -> object:
        mission.on_query('round', lambda _: given['round'])
        step = await mission.activity('step', given['round'], delivery=Delivery.IDEMPOTENT)
        word = await mission.wait_signal('word')
        heard = [*given['heard'], [step, word]]
        if given['round'] < 4:
            mission.continue_as_new({'round': given['round'] + 1, 'heard': heard})
        return heard

    swarm = swarm_of(rounds=rounds)
    swarm.begin('r1', 'm', 'rounds', {'round': 1, 'heard': []})
    swarm.run(0.5)
    swarm.signal('r2', 'm', 'word', 'a')
    swarm.signal('r2', 'm', 'word', 'b')
    swarm.run_until(lambda: (row := swarm.row('m')) is not None and row.run == 3)
    swarm.run(0.5)
    row = swarm.row('m')
    assert row is not None and len(row.history) < 10
    assert isinstance(row.history[0].event, MissionStarted) and row.history[0].event.run == 3
    replace_worker(swarm, 'm')
    swarm.run(0.5)
    assert swarm.query('r3', 'm', 'round') == 3
    swarm.signal('r2', 'm', 'word', 'c')
    swarm.signal('r2', 'm', 'word', 'd')
    assert swarm.finish('m') is COMPLETED
    last = swarm.events('m')[-1]
    assert isinstance(last, MissionCompleted)
    assert last.result == b'[[1,"a"],[2,"b"],[3,"c"],[4,"d"]]'
    assert swarm.runs == Counter({f'm/{run}.1': 1 for run in (1, 2, 3, 4)})
    assert sum(isinstance(event, SignalReceived) for event in swarm.events('m')) <= 1


def test_a_mission_that_began_with_old_code_keeps_to_it_and_a_new_one_has_the_new() -> None:
    async def before(mission: Mission, _: Any) -> object:
        first = await mission.activity('step', 'old')
        return [first, await mission.wait_signal('go')]

    async def after(mission: Mission, _: Any) -> object:
        better = mission.version('better step', 0, 1)
        first = await mission.activity('step', 'new' if better else 'old')
        return [first, await mission.wait_signal('go')]

    codes = {'job': before}

    def registry(robot: str) -> Registry:
        return Registry(dict(codes), {'step': lambda context, given: given})

    swarm = MissionSwarm(registry)
    swarm.elect()
    swarm.begin('r1', 'old', 'job')
    swarm.run(1.0)
    codes['job'] = after
    # As in the field: one robot after the other gets the new code.
    for robot in swarm.robots:
        swarm.world.crash(robot)
        swarm.run(8.0)
        swarm.world.start(robot)
        swarm.run(4.0)
    swarm.begin('r1', 'new', 'job')
    swarm.run(1.0)
    for mission in ('old', 'new'):
        swarm.signal('r2', mission, 'go', 1)
        assert swarm.finish(mission) is COMPLETED
        last = swarm.events(mission)[-1]
        assert isinstance(last, MissionCompleted) and last.result == f'["{mission}",1]'.encode()
    assert sum(isinstance(event, WorkerChanged) for event in swarm.events('old')) >= 2
    assert swarm.runs == Counter({'old/1.1': 1, 'new/1.1': 1})


@pytest.mark.parametrize('killed', range(4))
def test_what_was_done_is_undone_the_last_first_whoever_does_it(killed: int) -> None:
    """The worker is killed at each of the steps that undo; each has its effect once."""
    undone: list[int] = []

    def act(name: str, given: Any) -> object:
        if name == 'undo':
            undone.append(given)
        if given == 'fail':
            raise ValueError('jammed')
        return given

    async def saga(mission: Mission, _: Any) -> object:
        async def part(number: int) -> None:
            await mission.activity('do', number, delivery=Delivery.IDEMPOTENT)
            mission.compensate('undo', number, delivery=Delivery.IDEMPOTENT)

        await mission.gather(part(1), part(2))
        await part(3)
        return await mission.activity('do', 'fail', retry=Retry(attempts_max=1))

    swarm = swarm_of(act, takes_ms=300, saga=saga)
    swarm.begin('r1', 'm', 'saga')
    if killed:
        def undoing() -> bool:
            names = [job.name for _, _, job in swarm.jobs]
            return names.count('undo') >= killed

        swarm.run_until(undoing)
        replace_worker(swarm, 'm')
    assert swarm.finish('m') is MissionStatus.FAILED
    last = swarm.events('m')[-1]
    assert isinstance(last, MissionFailed) and last.kind == 'ValueError'
    assert 'jammed' in last.message and 'not compensated' not in last.message
    assert [job.name for _, _, job in swarm.jobs][:4] == ['do'] * 4
    # An effect whose robot died before it could tell may be had again, by the same token.
    assert list(dict.fromkeys(undone)) in ([3, 2, 1], [3, 1, 2])
    assert len(undone) == 3


def test_the_time_between_attempts_grows_and_outlives_the_worker() -> None:
    failures = iter(range(3))

    def act(name: str, given: Any) -> object:
        if next(failures, None) is not None:
            raise ValueError('slipped')
        return given

    async def stubborn(mission: Mission, _: Any) -> object:
        return await mission.activity(
            'step', 5, retry=Retry(attempts_max=4, first_ms=1000, factor_percent=300)
        )

    swarm = swarm_of(act, stubborn=stubborn)
    swarm.begin('r1', 'm', 'stubborn')
    swarm.run_until(lambda: len(swarm.jobs) == 3)
    swarm.run(0.5)
    # During the longest of the waits, 9 s.
    replace_worker(swarm, 'm')
    assert swarm.finish('m') is COMPLETED
    row = swarm.row('m')
    assert row is not None
    history = row.history
    failed = [each.time_ms for each in history if isinstance(each.event, ActivityFailed)]
    started = [each.time_ms for each in history if isinstance(each.event, ActivityStarted)]
    waits = [b - a for a, b in zip(failed, started[1:], strict=True)]
    for wait_ms, least_ms in zip(waits, (1000, 3000, 9000), strict=True):
        assert least_ms <= wait_ms <= least_ms + 2500, waits
    assert [job.attempt.attempt for _, _, job in swarm.jobs] == [1, 2, 3, 4]


def test_children_and_parallel_steps_go_on_when_every_worker_dies_once() -> None:
    async def parent(mission: Mission, _: Any) -> object:
        return await mission.gather(
            *[mission.child('part', number) for number in range(3)],
            mission.activity('step', 'own', delivery=Delivery.IDEMPOTENT),
        )

    async def part(mission: Mission, number: Any) -> object:
        found = await mission.gather(
            *[
                mission.activity('step', [number, n], delivery=Delivery.IDEMPOTENT)
                for n in range(3)
            ]
        )
        return len(found) + number

    swarm = swarm_of(takes_ms=1000, parent=parent, part=part)
    swarm.begin('r1', 'm', 'parent')
    swarm.run_until(lambda: len(swarm.jobs) >= 8)
    for robot in swarm.robots:
        swarm.world.crash(robot)
        swarm.run(1.5)
        swarm.world.start(robot)
        swarm.run(1.5)
    assert swarm.finish('m') is COMPLETED
    last = swarm.events('m')[-1]
    assert isinstance(last, MissionCompleted) and last.result == b'[3,4,5,"own"]'
    for mission in ('m', 'm/1.1', 'm/1.2', 'm/1.3'):
        kinds = Counter(type(event) for event in swarm.events(mission))
        assert kinds[ActivityCompleted] == kinds[ActivityScheduled]
