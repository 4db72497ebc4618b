"""Missions that a program runs and waits for, by the client, with real robots over DDS."""

from __future__ import annotations

import asyncio

import pytest
from swarm_testing.mission_code import STEPS
from swarm_testing.mission_robots import PARAMETERS, WAIT_S, MissionRobots, ended

from swarm_consensus.client import MissionStatus, NoAnswerError, Status, SwarmClient


@pytest.fixture
def swarm(processes):
    robots = MissionRobots(processes, 3, PARAMETERS)
    robots.start_all()
    return robots


async def ran(client, *arguments, **more):
    """Run a mission; again while there is no leader yet."""
    while True:
        run = await asyncio.wait_for(client.run_mission(*arguments, **more), WAIT_S)
        if run.status is not Status.NO_QUORUM:
            return run


async def when(condition):
    """Wait until something holds."""
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.05)


def test_a_mission_is_run_and_its_end_is_the_answer(swarm, tmp_path):
    """With every step told on the way; once it has ended it is not run again."""
    goal = {'folder': str(tmp_path), 'takes': 0.05}
    told = []

    async def go():
        async with SwarmClient.connect(swarm.names[0]) as client:
            run = await ran(client, 'm', 'ten_steps', goal, on_progress=told.append)
            assert run.completed and run.mission.result == list(range(STEPS)), run
            assert run.raise_for_status() is run
            again = await ran(client, 'm', 'ten_steps', goal)
            assert again.mission == run.mission, 'it is the same mission'
            other = await ran(client, 'm', 'again', goal)
            assert (other.status, other.begun, other.mission) == (Status.REFUSED, False, None)
            assert "'m', and it has the code 'ten_steps'" in other.reason
            with pytest.raises(NoAnswerError, match='it has the code'):
                other.raise_for_status()
            broken = await ran(client, 'broken', 'ten_steps', {})
            assert broken.status is Status.DECIDED and not broken.completed, 'it has ended'
            assert (broken.mission.status, broken.mission.error) == (
                MissionStatus.FAILED,
                'KeyError',
            )

    asyncio.run(go())
    lengths = [each.history_length for each in told]
    assert lengths == sorted(lengths) and len(set(lengths)) >= STEPS, lengths
    assert any('step, attempt 1' in way for each in told for way in each.under_way)


def test_who_stops_waiting_leaves_it_alone_and_who_cancels_ends_it(swarm, tmp_path):
    """A timeout and a client that is closed are no wish that the mission end."""
    goal = {'folder': str(tmp_path), 'takes': 0.05}
    robot = swarm.names[0]

    async def go():
        async with SwarmClient.connect(robot) as client:
            run = await ran(client, 'm', 'again', goal, timeout=3.0)
            assert run.status is Status.UNKNOWN and 'within 3 s' in run.reason, run
            told = []
            waiting = asyncio.create_task(
                client.run_mission('m', 'again', goal, on_progress=told.append)
            )
            await when(lambda: told)
        with pytest.raises(Exception, match='closed'):
            await waiting
        async with SwarmClient.connect(robot) as client:
            await asyncio.sleep(1.0)
            report = (await client.mission('m')).missions[0]
            assert report.status is MissionStatus.RUNNING and not report.cancel_requested
            told.clear()
            waiting = asyncio.create_task(
                client.run_mission('m', 'again', goal, on_progress=told.append)
            )
            await when(lambda: told)
            waiting.cancel()
            found = await ended(client, 'm')
            assert found.missions[0].status is MissionStatus.CANCELLED
            assert 'run_mission was cancelled' in found.missions[0].reason
            # By the other way it is waited for, until all is undone.
            waiting = asyncio.create_task(client.run_mission('n', 'again', goal))
            while not (await client.mission('n')).missions:
                await asyncio.sleep(0.1)
            assert (await client.cancel_mission('n', 'enough')).done
            run = await asyncio.wait_for(waiting, WAIT_S)
            assert run.status is Status.DECIDED and not run.completed
            assert (run.mission.status, run.mission.reason) == (MissionStatus.CANCELLED, 'enough')

    asyncio.run(go())


def test_the_robot_that_is_asked_may_be_restarted(swarm, tmp_path):
    """The mission goes on at another one, and the call hears of its end."""
    goal = {'folder': str(tmp_path), 'takes': 0.05}
    robot, other = swarm.names[:2]
    told = []

    async def go():
        async with SwarmClient.connect(robot) as client, SwarmClient.connect(other) as second:
            run = await ran(client, 'm', 'again', goal, timeout=2.0)
            assert run.begun or run.status is Status.UNKNOWN
            waiting = asyncio.create_task(
                client.run_mission('m', 'again', goal, on_progress=told.append)
            )
            await when(lambda: told)
            swarm[robot].kill()
            await asyncio.sleep(0.5)
            swarm.start(robot)
            change = await second.signal_mission('m', 'go', 7, timeout=30.0)
            assert change.done, change
            run = await asyncio.wait_for(waiting, WAIT_S)
            assert run.completed and run.mission.result == 7, run

    asyncio.run(go())


def test_a_guest_runs_no_missions_and_says_so(processes, tmp_path):
    """It has the code of all robots; what it is asked for, it refuses at once."""
    robots = MissionRobots(processes, 1, {**PARAMETERS, 'membership': 'open'})
    robots.start_all()
    robots.start('scout')

    async def go():
        async with SwarmClient.connect('scout') as guest, SwarmClient.connect('robot_1') as client:
            goal = {'folder': str(tmp_path), 'takes': 0.05}
            run = await ran(client, 'm', 'ten_steps', goal)
            assert run.completed and run.mission.worker == 'robot_1', run
            answers = [
                await guest.run_mission('n', 'ten_steps', goal),
                await guest.begin_mission('n', 'ten_steps', goal),
                await guest.cancel_mission('m'),
                await guest.missions(),
                await guest.mission('m'),
                await guest.put('k', b'v'),
                await guest.tasks.add('t', 0.0, 0.0),
            ]
            for answer in answers:
                assert answer.status is Status.REFUSED, answer
                assert 'is a guest of swarm' in answer.reason, answer
            query = await guest.query_mission('m', 'done')
            assert 'is a guest of swarm' in query.reason
            assert [each.mission for each in (await client.missions()).missions] == ['m']

    asyncio.run(go())
    assert 'runs no missions and no activities' in robots['scout'].output
