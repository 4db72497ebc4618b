"""Missions under loss, partitions and crashes: every one ends, and no effect is had twice."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from swarm_testing.mission_swarm import MissionSwarm

from swarm_consensus.missions import ANY_ROBOT, ActivityError, Delivery, Mission, Registry, Retry
from swarm_consensus.protocols.missions.events import (
    ActivityCompleted,
    ActivityLost,
    ActivityScheduled,
    ActivityStarted,
    ActivityTimedOut,
    MissionStatus,
    WorkerChanged,
)
from swarm_consensus.simulation.network import Faults

RETRY = Retry(attempts_max=50, first_ms=200, longest_ms=1000)


async def errands(mission: Mission, number: Any) -> object:
    """A mission with all kinds of steps."""
    done: list[object] = []
    for turn in range(9):
        done.append(
            await mission.activity(
                'work',
                [number, turn],
                delivery=Delivery.IDEMPOTENT,
                robot=ANY_ROBOT if turn % 3 == 1 else '',
                retry=RETRY,
            )
        )
        await mission.sleep(0.2)
    done += await mission.gather(
        *[
            mission.activity('work', [number, n], delivery=Delivery.IDEMPOTENT, retry=RETRY)
            for n in ('a', 'b')
        ]
    )
    if number % 3 == 0:
        done.append(await mission.child('leaf', number))
    try:
        done.append(await mission.activity('once', number, delivery=Delivery.AT_MOST_ONCE))
    except ActivityError as error:
        done.append(error.kind)
    return done


async def leaf(mission: Mission, number: Any) -> object:
    return await mission.activity(
        'work', [number, 'leaf'], delivery=Delivery.IDEMPOTENT, retry=RETRY
    )


def code(robot: str) -> Registry:
    def act(context: object, given: object) -> object:
        return given

    return Registry({'errands': errands, 'leaf': leaf}, {'work': act, 'once': act})


def storm(seed: int, missions: int) -> MissionSwarm:
    chance = Random(f'storm {seed}')
    swarm = MissionSwarm(
        code,
        seed=seed,
        faults=Faults(loss=0.2, duplication=0.05),
        takes_ms=250,
        mission_lease_ns=2_000_000_000,
    )
    swarm.elect()
    wanted = {f'm{number}': swarm.robots[number % 3] for number in range(missions)}

    def ask() -> None:
        for number, (mission, robot) in enumerate(wanted.items()):
            if swarm.row(mission) is None and swarm.world.up(robot):
                swarm.begin(robot, mission, 'errands', number)

    for _ in range(40):
        ask()
        swarm.run(chance.uniform(0.2, 1.0))
        act = chance.random()
        robot = chance.choice(swarm.robots)
        if act < 0.35 and all(swarm.world.up(each) for each in swarm.robots):
            swarm.world.crash(robot)
        elif act < 0.45:
            swarm.world.network.split([[robot], [r for r in swarm.robots if r != robot]])
        elif act < 0.5:
            swarm.world.network.cut_one_way(robot, chance.choice(swarm.robots))
        else:
            swarm.world.network.heal()
            for each in swarm.robots:
                if not swarm.world.up(each):
                    swarm.world.start(each)
    swarm.world.network.heal()
    swarm.world.network.faults = Faults()
    for robot in swarm.robots:
        if not swarm.world.up(robot):
            swarm.world.start(robot)
    swarm.run_until(lambda: not (ask() or any(swarm.row(m) is None for m in wanted)), 30)
    return swarm


@pytest.mark.parametrize('seed', range(6))
def test_every_mission_ends_and_every_repetition_is_reported(seed: int) -> None:
    swarm = storm(seed, 6)
    for number in range(6):
        assert swarm.finish(f'm{number}', 120) is MissionStatus.COMPLETED, f'seed {seed}'
    # Until the last lease has ended, time goes on.
    swarm.run(8)
    assert len(set(swarm.digests().values())) == 1, f'seed {seed}'
    reported: Counter[str] = Counter()
    names: dict[str, str] = {}
    epochs: dict[str, list[int]] = {}
    missions = [f'm{n}' for n in range(6)]
    children = [f'{m}/1.{n}' for m in missions for n in range(1, 40) if swarm.row(f'{m}/1.{n}')]
    assert len(children) == 2
    for mission in missions + children:
        for event in swarm.events(mission):
            token = f'{mission}/1.{getattr(event, "activity", 0)}'
            if isinstance(event, ActivityStarted):
                reported[token] += 1
            elif isinstance(event, ActivityScheduled):
                names[f'{mission}/1.{event.number}'] = event.name
            elif isinstance(event, WorkerChanged):
                epochs.setdefault(mission, []).append(event.epoch)
    for mission, found in epochs.items():
        assert found == sorted(set(found)), f'seed {seed}: epochs of {mission}: {found}'
    assert set(swarm.runs) <= set(reported), f'seed {seed}: not every run is in the history'
    # What runs at most once may not have run at all: its robot fell when the log had it begun.
    worked = [token for token in swarm.runs if names[token] == 'work']
    assert len(worked) == 6 * 11 + len(children), f'seed {seed}: {len(worked)} activities have run'
    for token, runs in swarm.runs.items():
        allowed = 1 if names[token] == 'once' else reported[token]
        assert runs <= allowed, f'seed {seed}: {token} ran {runs} times'


@pytest.mark.parametrize('seed', range(3))
def test_each_activity_is_completed_once_whatever_happens(seed: int) -> None:
    swarm = storm(100 + seed, 4)
    for number in range(4):
        swarm.finish(f'm{number}', 120)
        ended: Counter[int] = Counter()
        started: Counter[int] = Counter()
        for event in swarm.events(f'm{number}'):
            if isinstance(event, ActivityCompleted):
                ended[event.activity] += 1
            elif isinstance(event, ActivityLost | ActivityTimedOut) and event.final:
                ended[event.activity] += 1
            elif isinstance(event, ActivityStarted):
                started[event.activity] += 1
                assert event.attempt == started[event.activity], 'an attempt is begun once'
        assert ended and set(ended.values()) == {1}, f'seed {seed}: {ended}'


def test_the_storms_do_hit_missions() -> None:
    """Or what is held above would say little."""
    lost, workers, twice = 0, 0, 0
    for seed in range(3):
        swarm = storm(seed, 6)
        for number in range(6):
            swarm.finish(f'm{number}', 120)
            events = swarm.events(f'm{number}')
            lost += sum(isinstance(event, ActivityLost) for event in events)
            workers += sum(isinstance(event, WorkerChanged) for event in events) - 1
        twice += sum(runs > 1 for runs in swarm.runs.values())
    assert lost >= 5 and workers >= 10 and twice >= 3, (lost, workers, twice)


@pytest.mark.parametrize('parallel', [16, 64])
def test_two_hundred_missions_at_once(parallel: int) -> None:
    """All end, and each activity is run once; with the bound of the default, and a wide one."""

    async def three(mission: Mission, number: Any) -> object:
        return [await mission.activity('work', [number, step]) for step in range(3)]

    def only(robot: str) -> Registry:
        return Registry({'three': three}, {'work': lambda context, given: given})

    swarm = MissionSwarm(only, takes_ms=20, mission_activities_max=parallel)
    swarm.elect()
    for number in range(200):
        swarm.begin(swarm.robots[number % 3], f'n{number}', 'three', number)
    most = 0

    def ended() -> bool:
        nonlocal most
        for robot in swarm.robots:
            most = max(most, sum(each[0] == robot for each in swarm._open))
        return all(swarm.status_of(f'n{n}') is MissionStatus.COMPLETED for n in range(200))

    swarm.run_until(ended)
    assert len(swarm.runs) == 600 and set(swarm.runs.values()) == {1}
    assert 1 < most <= parallel
    for number in range(200):
        kinds = Counter(type(event) for event in swarm.events(f'n{number}'))
        assert kinds[ActivityStarted] == kinds[ActivityCompleted] == 3
        assert not kinds[ActivityLost] and not kinds[ActivityTimedOut]
    workers = {row.worker for n in range(200) if (row := swarm.row(f'n{n}')) is not None}
    assert workers == set(swarm.robots), 'each robot has its share'
