"""
What missions cost: replay of a long history, many at once, and a step over DDS in commits' worth.

A step is an activity that does nothing, on the worker: from when one begins to when the next one
does. The commits beside it are those of the same robots, three consensus_nodes with their logs on
disk, sequential, proposed in the leader's process; the mission runs on its leader, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
import time
from typing import Any

from bench import clusters
from bench.mission_steps import steps
from bench.robot_cost import cpu_seconds
from bench.rows import percentile, row
from bench.swarm_processes import Robots, loopback
from swarm_consensus.client import AsyncioSwarmClient, SwarmClient
from swarm_consensus.missions import Interpreter, Registry
from swarm_consensus.missions.payload import pack
from swarm_consensus.protocols.missions.events import (
    ActivityCompleted,
    ActivityScheduled,
    ActivityStarted,
    MissionStarted,
    Recorded,
)
from swarm_consensus.protocols.missions.operations import Begin, EndKind
from swarm_consensus.runtime.config import SECOND, RuntimeConfig
from swarm_consensus.runtime.events import Output
from swarm_consensus.runtime.mission_events import ActivityEnded, ActivityJob, MissionAsked
from swarm_consensus.simulation.world import World

ROUNDS = 5
EVENTS = 10_000
MISSIONS = 200
STEPS = 5
STEPS_DDS = 300
SEQUENTIAL_S = 1.0
COMMITS_A_STEP = 3
PATIENCE_S = 60.0
CODE = {
    'missions': "['bench.mission_steps:steps']",
    'activities': "['bench.mission_steps:tick']",
}


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    history = long_history(EVENTS)
    replays = [replay(history) for _ in range(ROUNDS)]
    found = [
        row(f'mission, replay of {EVENTS:,} events', percentile(replays, 50), 's', goal=2.0),
        row(
            f'{MISSIONS} missions of {STEPS} steps at once on 3 robots on virtual time, CPU of all '
            'robots',
            many(MISSIONS),
            's',
        ),
    ]
    with loopback(hears_itself=True):
        with clusters.ours('disk') as cluster:
            commit_ms = float(cluster.measure(1, SEQUENTIAL_S)['p50_ms'])
        step_ms = over_dds()
    with loopback():
        wall_s, cpu_s = many_over_dds(MISSIONS)
    at_once = f'{MISSIONS} missions of {STEPS} steps at once on 3 robots over DDS'
    found.append(row(f'{at_once}, until all have ended', wall_s, 's'))
    found.append(row(f'{at_once}, CPU of all robots until then', cpu_s, 's'))
    title = 'mission step on 3 robots over DDS'
    for share in (50, 99):
        found.append(
            row(
                f'{title}, p{share}',
                percentile(step_ms, share),
                'ms',
                goal=COMMITS_A_STEP * commit_ms if share == 50 else None,
                peer='a commit',
                peer_value=commit_ms,
            )
        )
    return found


def long_history(events: int) -> list[Recorded]:
    """Return a history of three events for each step."""
    goal = {'count': events // 3, 'file': ''}
    history = [Recorded(0, MissionStarted('steps', pack(goal, 'the input'), 1))]
    worker = Interpreter(steps, 'm')
    worker.advance(history)
    while worker.pending:
        for command in worker.pending:
            history.append(Recorded(len(history), command))
            if isinstance(command, ActivityScheduled):
                number = command.number
                history.append(Recorded(len(history), ActivityStarted(number, 1, 'r1', 1)))
                history.append(Recorded(len(history), ActivityCompleted(number, 1, b'1')))
        worker.advance(history)
    return history


def replay(history: list[Recorded]) -> float:
    """Return how long a replay takes, s."""
    worker = Interpreter(steps, 'm')
    began = time.perf_counter()
    worker.advance(history)
    seconds = time.perf_counter() - began
    if not worker.closed:
        raise RuntimeError('the replay did not come to its end')
    return seconds


def many(missions: int) -> float:
    """Return the CPU time of three robots that run missions at once on virtual time, s."""
    robots = ('r1', 'r2', 'r3')

    def listener(time_ns: int, robot: str, output: Output) -> None:
        if isinstance(output, ActivityJob):
            ended = ActivityEnded(output.attempt, EndKind.COMPLETED, b'1')
            world.at(time_ns + 1, lambda: world.put(robot, ended))

    world = World(
        1,
        [RuntimeConfig('bench', robot, robots, (), name_probe_ns=0) for robot in robots],
        listener=listener,
        missions=lambda robot: Registry({'steps': steps}, {'tick': lambda context, given: given}),
    )
    world.run(3 * SECOND)
    began = time.process_time()
    for number in range(missions):
        begin = Begin(f'm{number}', 'steps', pack({'count': STEPS, 'file': ''}, 'the input'))
        world.put(robots[number % 3], MissionAsked(number + 1, begin, f'b{number}', 5 * SECOND))
    state = world.runtime('r1')
    assert state is not None
    for _ in range(600):
        world.run(world.now_ns + SECOND // 10)
        table = state._state.missions
        if len(table) == missions and not table.running:
            return time.process_time() - began
    raise RuntimeError('the missions did not end within 60 s of virtual time')


def over_dds() -> list[float]:
    """Return how long each step of a mission takes, ms."""
    with Robots(3, CODE) as robots:
        return asyncio.run(_measured(robots.names))


def many_over_dds(missions: int) -> tuple[float, float]:
    """
    Return how long real robots take for missions at once, s, and the CPU time of all of them, s.

    From the first begin until all have ended at each robot; each step has been done once.
    """
    with Robots(3, CODE) as robots:
        return asyncio.run(_many_measured(robots, missions))


async def _many_measured(robots: Robots, missions: int) -> tuple[float, float]:
    file = Path('build') / f'missions_at_once_{time.monotonic_ns()}'
    file.parent.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(SwarmClient.connect(name)) for name in robots.names
        ]
        for number, client in enumerate(clients):
            # A robot that has run one has all that it needs in memory, and the others know of it.
            await _until(lambda: _begin(client, f'warm {number}', 5, ''))  # noqa: B023
            await _until(lambda: _ended(client, f'warm {number}'))  # noqa: B023
        before = [cpu_seconds(pid) for pid in robots.pids]
        began = time.monotonic()

        async def begin(number: int) -> None:
            client = clients[number % len(clients)]
            await _until(lambda: _begin(client, f'm{number}', STEPS, str(file.absolute())))

        async def over(client: AsyncioSwarmClient) -> bool:
            found = (await client.missions('m')).missions
            return len(found) == missions and all(each.status.closed for each in found)

        await asyncio.gather(*[begin(number) for number in range(missions)])
        await asyncio.gather(*[_until(lambda c=client: over(c)) for client in clients])
        wall_s = time.monotonic() - began
        after = [cpu_seconds(pid) for pid in robots.pids]
    done = len(file.read_text().split())
    file.unlink()
    if done != missions * STEPS:
        raise RuntimeError(f'{done} steps were done, of {missions * STEPS}')
    return wall_s, sum(after) - sum(before)


async def _measured(names: list[str]) -> list[float]:
    file = Path('build') / f'mission_steps_{time.monotonic_ns()}'
    file.parent.mkdir(exist_ok=True)
    async with SwarmClient.connect(names[0]) as client:
        await _until(lambda: _begin(client, 'warm', 5, ''))
        await _until(lambda: _ended(client, 'warm'))
        leader = (await client.status()).leader
    async with SwarmClient.connect(leader) as client:
        # Begun while this robot holds a lease, it is the worker itself.
        await _until(lambda: _begin(client, 'measured', STEPS_DDS, str(file.absolute())))
        await _until(lambda: _ended(client, 'measured'))
    times = [int(line) for line in file.read_text().split()]
    file.unlink()
    return [(b - a) / 1e6 for a, b in zip(times, times[1:], strict=False)]


async def _begin(client: AsyncioSwarmClient, mission: str, count: int, file: str) -> bool:
    goal = {'count': count, 'file': file}
    change = await client.begin_mission(mission, 'steps', goal, request_id=f'begin {mission}')
    return change.done


async def _ended(client: AsyncioSwarmClient, mission: str) -> bool:
    found = await client.mission(mission, count_max=1)
    return bool(found.missions) and found.missions[0].status.closed


async def _until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not await condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f'not within {PATIENCE_S:g} s')
        await asyncio.sleep(0.2)
