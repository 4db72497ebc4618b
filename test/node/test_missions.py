"""Missions with real robots over DDS: workers killed, services, action, client and command line."""

from __future__ import annotations

import asyncio
from collections import Counter
import json
import sys
import time

from action_msgs.msg import GoalStatus
import pytest
from rclpy.action import ActionClient
from swarm_testing.mission_code import STEPS
from swarm_testing.mission_robots import PARAMETERS, WAIT_S, MissionRobots, begun, ended
from swarm_testing.swarm_probe import SwarmProbe

from swarm_consensus.action import RunMission
from swarm_consensus.cli.main import main
from swarm_consensus.client import MissionStatus, Status, SwarmClient


@pytest.fixture
def swarm(processes):
    robots = MissionRobots(processes, 3, PARAMETERS)
    robots.start_all()
    return robots


def runs_of(folder):
    """What was run: (robot, token, attempt)."""
    file = folder / 'runs'
    return [tuple(line.split()) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.slow
def test_the_worker_is_killed_at_every_step_of_ten(swarm, tmp_path):
    """The mission ends; each effect was had once, and what ran twice is reported as lost."""

    async def working():
        """A client of a robot that runs, whoever that is."""
        for robot in swarm.names:
            if swarm[robot].alive:
                return SwarmClient.connect(robot)
        raise AssertionError('no robot runs')

    async def go():
        async with await working() as client:
            goal = {'folder': str(tmp_path), 'takes': 0.5}
            await begun(client, 'm', 'ten_steps', goal)
        deadline = time.monotonic() + 8 * WAIT_S
        killed = 0
        for number in range(1, STEPS + 1):
            token = f'm_1.{number}'
            while not (found := [run for run in runs_of(tmp_path) if run[1] == token]):
                assert time.monotonic() < deadline, runs_of(tmp_path)
                await asyncio.sleep(0.02)
            worker = found[-1][0]
            swarm[worker].kill()
            killed += 1
            await asyncio.sleep(0.1)
            swarm.start(worker)
        assert killed == STEPS
        async with SwarmClient.connect(swarm.names[0]) as client:
            return await ended(client, 'm')

    found = asyncio.run(go())
    mission = found.missions[0]
    assert mission.status is MissionStatus.COMPLETED, mission
    assert mission.result == list(range(STEPS))
    runs = Counter(token for _, token, _ in runs_of(tmp_path))
    lost = Counter(event.text.split()[4] for event in found.history if event.kind == 'ActivityLost')
    assert set(runs) == {f'm_1.{n}' for n in range(1, STEPS + 1)}
    for token, count in runs.items():
        assert count <= 1 + lost[token.partition('.')[2]], (token, count, lost)
    kinds = Counter(event.kind for event in found.history)
    assert kinds['ActivityCompleted'] == STEPS
    assert kinds['WorkerChanged'] >= 2
    for number in range(1, STEPS + 1):
        effects = (tmp_path / f'effect m_1.{number}').read_text().splitlines()
        # By the token a target has it once; written twice only where the report of it was lost.
        assert len(effects) <= 1 + lost[str(number)], (number, effects)


def test_services_action_client_and_command_line(swarm, tmp_path, capfd):
    """Each way in; a mission that is cancelled undoes what it has done."""
    goal = {'folder': str(tmp_path), 'takes': 0.05}

    async def go():
        async with SwarmClient.connect(swarm.names[0]) as client:
            await begun(client, 'm', 'ten_steps', goal)
            again = await client.begin_mission('m', 'ten_steps', goal)
            assert again.status is Status.REFUSED and 'there is a mission' in again.reason
            assert (await ended(client, 'm')).missions[0].result == list(range(STEPS))
            answer = await client.query_mission('m', 'done')
            assert answer.answer == list(range(STEPS)), answer
            wrong = await client.query_mission('m', 'nothing')
            assert 'there is no query' in wrong.reason
            await begun(client, 'told', 'again', goal)
            assert (await client.signal_mission('told', 'go', {'x': 1})).done
            assert (await ended(client, 'told')).missions[0].result == {'x': 1}
            await begun(client, 'undone', 'again', goal)
            assert (await client.cancel_mission('undone', 'enough')).done
            mission = (await ended(client, 'undone')).missions[0]
            assert (mission.status, mission.reason) == (MissionStatus.CANCELLED, 'enough')
            names = [each.mission for each in (await client.missions()).missions]
            assert names == ['m', 'told', 'undone']
            unknown = await client.mission('unknown')
            assert 'knows no mission' in unknown.reason
            assert (await client.forget_mission('told')).done
            await begun(client, 'action', 'decide', {'subject': 'animal', 'timeout': 0.5})
            mission = (await ended(client, 'action')).missions[0]
            assert (mission.status, mission.error) == (MissionStatus.FAILED, 'Aborted'), mission

    asyncio.run(go())
    robot = ['--robot', swarm.names[1]]
    assert main(['missions', 'begin', 'cli', 'again', json.dumps(goal), *robot]) == 0
    assert main(['missions', 'signal', 'cli', 'go', '[1]', *robot]) == 0
    assert main(['missions', 'wait', 'cli', *robot]) == 0
    assert main(['missions', 'list', *robot]) == 0
    assert main(['missions', 'show', 'cli', *robot]) == 0
    out = capfd.readouterr().out
    assert '[1]' in out and 'COMPLETED' in out and "signal 'go' with [1]" in out
    assert main(['missions', 'begin', 'cli', 'again', '{', *robot]) == 1
    assert 'no JSON' in capfd.readouterr().err
    assert main(['missions', 'query', 'm', 'done', *robot]) == 0
    assert json.loads(capfd.readouterr().out) == list(range(STEPS))
    assert main(['missions', 'query', 'm', 'nothing', *robot]) == 1
    assert 'there is no query' in capfd.readouterr().err
    assert main(['missions', 'begin', 'ended', 'again', json.dumps(goal), *robot]) == 0
    assert main(['missions', 'cancel', 'ended', 'too late', *robot]) == 0
    assert main(['missions', 'wait', 'ended', *robot]) == 1
    assert 'CANCELLED' in (error := capfd.readouterr().err) and 'too late' in error
    assert main(['missions', 'forget', 'ended', *robot]) == 0
    assert main(['missions', 'show', 'ended', *robot]) == 1
    assert "knows no mission 'ended'" in capfd.readouterr().err
    assert sys.exc_info() == (None, None, None)


def test_the_action_run_mission_waits_and_cancels(swarm, tmp_path):
    """Feedback on the way, the result at the end; to cancel the goal ends the mission."""
    goal = json.dumps({'folder': str(tmp_path), 'takes': 0.05})
    with SwarmProbe(swarm.names) as probe:
        probe.wait_until_ready()
        client = ActionClient(probe.node, RunMission, f'/{swarm.names[0]}/run_mission')
        probe.wait_for(client.server_is_ready)

        def send(**fields):
            told = []
            sent = client.send_goal_async(
                RunMission.Goal(**fields), lambda message: told.append(message.feedback.state)
            )
            probe.wait_for(sent.done)
            handle = sent.result()
            assert handle.accepted
            return handle, handle.get_result_async(), told

        _, result, told = send(mission='m', name='ten_steps', input=goal)
        probe.wait_for(result.done, WAIT_S)
        answer = result.result()
        assert answer.status == GoalStatus.STATUS_SUCCEEDED and answer.result.begun
        assert json.loads(answer.result.state.result) == list(range(STEPS))
        assert told and any('step, attempt 1' in way for s in told for way in s.under_way)
        _, result, _ = send(mission='m', name='ten_steps', input=goal)
        probe.wait_for(result.done, WAIT_S)
        assert result.result().status == GoalStatus.STATUS_SUCCEEDED, 'it is watched again'
        handle, result, told = send(mission='n', name='again', input=goal)
        probe.wait_for(lambda: any(state.history_length >= 5 for state in told), WAIT_S)
        handle.cancel_goal_async()
        probe.wait_for(result.done, WAIT_S)
        answer = result.result()
        assert answer.status == GoalStatus.STATUS_CANCELED, answer
        assert 'the goal of its run_mission was cancelled' in answer.result.state.reason
        _, result, _ = send(mission='x', name='again', input='{')
        probe.wait_for(result.done, WAIT_S)
        assert not result.result().result.begun
        assert 'no JSON' in result.result().result.state.reason
        client.destroy()
