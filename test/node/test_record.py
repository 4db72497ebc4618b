"""Real robots that are recorded while their leader is killed, and run again from that."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
import subprocess
import sys

import pytest
from swarm_testing.mission_robots import CODE, SUPPORT, MissionRobots, begun, ended
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import SwarmProbe

from swarm_consensus.client import SwarmClient
from swarm_consensus.nodes.recording import runtime_maker
from swarm_consensus.recording.replay import Replayed, replay


def recordings(folder: Path, robot: str) -> list[Path]:
    """Return the files of the boots of a robot, in their order."""
    return sorted(folder.glob(f'{robot}-*.mcap'))


def again(path: Path) -> Replayed:
    found = replay(path, runtime_maker)
    assert found.divergence is None, (path.name, found.divergence)
    return found


def swarm_replay(*words: object) -> tuple[int, str, str]:
    """Run `swarm replay`; returns exit code, output and errors."""
    command = [sys.executable, '-m', 'swarm_consensus.cli.main', 'replay', *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=dict(os.environ)
    )
    return done.returncode, done.stdout, done.stderr


def test_a_run_in_which_the_leader_is_killed_gives_the_same_decisions_again(processes, tmp_path):
    folder = tmp_path / 'recordings'
    swarm = RobotProcesses(processes, 3, {'record': str(folder), 'voters_max': 3})
    swarm.start_all()
    with SwarmProbe(swarm.names) as probe:
        probe.wait_until_ready()
        for robot in swarm.names:
            probe.believe(robot, 'dog', probability=0.8)
        probe.wait_for_decision('animal')
        victim = probe.leader()
        probe.proposed(probe.propose(victim, 'goal', 'dock'))
        probe.wait_for_decision('goal')
        swarm.kill([victim])
        rest = [robot for robot in swarm.names if robot != victim]
        probe.forget(swarm.names)
        probe.wait_for(lambda: probe.statuses.get(rest[0]) and probe.leader(rest) in rest)
        assert probe.proposed(probe.propose(rest[0], 'goal', 'home')).revision == 2
        swarm.start(victim)
        probe.forget([victim])
        probe.wait_until_ready()
        assert probe.proposed(probe.propose(victim, 'goal', 'away')).revision == 3
        # The victim publishes again what it knew: its last decision is waited for, not how many.
        probe.wait_for(
            lambda: all(
                any(each.choice == 'away' for each in probe.published(robot, 'goal'))
                for robot in swarm.names
            )
        )
        published = {
            robot: [(each.subject, each.choice, each.index) for each in probe.decisions[robot]]
            for robot in swarm.names
        }
    for robot in swarm.names:
        assert swarm[robot].interrupt() == 0
        files = recordings(folder, robot)
        boots = [again(path) for path in files]
        assert [found.whole for found in boots] == ([False, True] if robot == victim else [True])
        # What the robot has published, with what it published again after its reboot.
        decided = [
            (each.subject, each.choice, each.index) for found in boots for each in found.decisions
        ]
        assert decided == published[robot]
        assert {'dog', 'dock', 'home', 'away'} == {choice for _, choice, _ in decided}

    files = [path for robot in swarm.names for path in recordings(folder, robot)]
    code, out, error = swarm_replay(*files)
    assert (code, error) == (0, '')
    assert out.count('the same again, to the last frame') == 4
    assert out.count(', cut off') == 1 and "goal = 'home', DECIDED, committed at" in out
    code, out, error = swarm_replay(tmp_path / 'none.mcap', files[0])
    assert code == 2 and 'none.mcap' in error and 'the same again' in out


def test_a_mission_whose_worker_is_killed_is_run_again_and_its_activities_are_not(
    processes, tmp_path, monkeypatch
):
    folder, target = tmp_path / 'recordings', tmp_path / 'target'
    target.mkdir()
    code = {
        'missions': [f'{CODE}:ten_steps'],
        'activities': [f'{CODE}:step'],
        'mission_lease': 1.5,
        'peer_timeout': 1.0,
    }
    swarm = MissionRobots(processes, 3, {**code, 'record': str(folder), 'voters_max': 3})
    swarm.start_all()

    async def work(asked: str) -> str:
        async with SwarmClient.connect(asked) as client:
            await begun(client, 'm', 'ten_steps', {'folder': str(target), 'takes': 0.1})
            async with asyncio.timeout(60.0):
                while len(list(target.glob('effect *'))) < 3:
                    await asyncio.sleep(0.05)
            (mission,) = (await client.mission('m')).missions
            worker = mission.worker
        swarm.kill([worker])
        (rest,) = [robot for robot in swarm.names if robot not in (worker, asked)][:1]
        async with SwarmClient.connect(rest if worker == asked else asked) as client:
            assert (await ended(client, 'm')).missions[0].status.name == 'COMPLETED'
        return worker

    killed = asyncio.run(work('robot_1'))
    effects = sorted(path.name for path in target.iterdir())
    for robot in swarm.names:
        if robot != killed:
            assert swarm[robot].interrupt() == 0
    (path,) = recordings(folder, killed)
    monkeypatch.syspath_prepend(str(SUPPORT))
    assert not again(path).whole
    for robot in swarm.names:
        assert again(recordings(folder, robot)[0]).whole is (robot != killed)
    runs = (target / 'runs').read_text()
    assert sorted(path.name for path in target.iterdir()) == effects
    assert len(effects) == 11 and len(runs.splitlines()) in (10, 11, 12)


@pytest.mark.parametrize(
    ('parameters', 'why'),
    [
        ({'models': ['m'], 'model_files': ['m.onnx']}, 'a robot with models cannot be recorded'),
        ({'record': '/proc/none'}, 'No such file or directory'),
    ],
)
def test_what_cannot_be_recorded_is_said_at_the_start(processes, tmp_path, parameters, why):
    swarm = RobotProcesses(processes, 1, {'record': str(tmp_path)} | parameters)
    process = swarm.start('robot_1')
    process.wait_for_output(why)
    assert process.wait() in (1, 2)
