"""A member without ROS takes part: the example in swarm_consensus/examples, as its own process."""

from __future__ import annotations

import asyncio
from pathlib import Path
import sys

import pytest
from swarm_testing.node_probe import NodeProbe
from swarm_testing.processes import Process, ProcessGroup
from swarm_testing.swarm_processes import SwarmProcesses

from swarm_consensus.client import Reading, Status, SwarmClient
from swarm_consensus.msg import Belief

pytest.importorskip('cyclonedds')

LABELS = ['stop', 'go']
YAML = f"""
swarm: raw_dds_test
robots: 3
subjects:
  sign: {{labels: {LABELS}, deadline: 5.0}}
"""
# Runs the example, and fails if anything of ROS was imported on the way.
RUN = """
import sys
from swarm_consensus.examples.dds_member import main
code = main(sys.argv[1:])
ros = [name for name in sys.modules if name.split('.')[0] in ('rclpy', 'rpyutils', 'std_msgs')]
sys.exit(f'imported {ros}' if ros else code)
"""


@pytest.fixture
def swarm(processes: ProcessGroup, tmp_path: Path) -> SwarmProcesses:
    robots = SwarmProcesses(processes, tmp_path / 'swarm', YAML)
    robots.start()
    robots.wait_for_quorum()
    return robots


def member(processes: ProcessGroup, *arguments: str) -> Process:
    return processes.start([sys.executable, '-c', RUN, *arguments], f'dds_member {arguments[0]}')


def read(robot: str, subject: str) -> Reading:
    async def main() -> Reading:
        async with SwarmClient.connect(robot=robot) as client:
            return await client.read(subject)

    return asyncio.run(main()).raise_for_status()


def test_it_proposes_through_any_robot_and_learns_the_outcome(
    swarm: SwarmProcesses, processes: ProcessGroup
) -> None:
    for number, robot in enumerate(swarm.robots, start=1):
        proposing = member(
            *(processes, 'propose', f'/{robot}', 'mode', f'mode {number}', '--value', 'grün')
        )
        assert proposing.wait(30.0) == 0
        assert f'/{robot} decided mode: mode {number} (committed, DECIDED' in proposing.output
    decision = read('robot_1', 'mode').decision
    assert (decision.choice, decision.revision) == ('mode 3', 3)
    assert decision.proposer == 'robot_3' and decision.value.decode() == 'grün'


def test_its_request_is_applied_once(swarm: SwarmProcesses, processes: ProcessGroup) -> None:
    for choice in ('first', 'second'):
        proposing = member(
            *(processes, 'propose', '/robot_2', 'once', choice, '--request-id', 'the same')
        )
        assert proposing.wait(30.0) == 0
        assert 'decided once: first' in proposing.output
    assert read('robot_2', 'once').decision.revision == 1


def test_it_is_refused_with_the_reason(swarm: SwarmProcesses, processes: ProcessGroup) -> None:
    proposing = member(processes, 'propose', '/robot_1', 'sign', 'halt')
    assert proposing.wait(30.0) == 1
    assert 'REFUSED' in proposing.output and "'halt' is not a label" in proposing.output


def test_it_hears_that_nobody_answers(processes: ProcessGroup) -> None:
    proposing = member(processes, 'propose', '/nobody', 'mode', 'x', '--timeout', '1')
    assert proposing.wait(30.0) == 1
    assert 'no answer from /nobody within 1 s' in proposing.output


def test_it_observes_beliefs_and_decisions_of_all_robots(
    swarm: SwarmProcesses, processes: ProcessGroup
) -> None:
    watching = member(processes, 'watch', '--seconds', '240')
    with NodeProbe('/') as probe:
        publishers = {robot: probe.publisher(Belief, f'/{robot}/belief') for robot in swarm.robots}

        def believe_until(text: str) -> None:
            def heard() -> bool:
                for robot, publisher in publishers.items():
                    belief = Belief(robot=robot, subject='sign/1', labels=LABELS)
                    belief.header.stamp = probe.node.get_clock().now().to_msg()
                    belief.log_likelihood = [-3.0, -0.05]
                    publisher.publish(belief)
                probe.turn(0.2)
                return text in watching.output

            probe.wait_for(heard, 90.0)

        for robot in swarm.robots:
            believe_until(f'/{robot} believes sign/1: go')
            believe_until(f'/{robot} decided sign/1: go (committed, DECIDED')
    assert watching.alive
    assert read('robot_1', 'sign/1').decision.status is Status.DECIDED


def test_one_who_comes_late_sees_what_was_decided(
    swarm: SwarmProcesses, processes: ProcessGroup
) -> None:
    assert member(processes, 'propose', '/robot_1', 'early', 'yes').wait(30.0) == 0
    watching = member(processes, 'watch', '--seconds', '60')
    for robot in swarm.robots:
        watching.wait_for_output(f'/{robot} decided early: yes', 40.0)
    # One that dies takes nothing down, and what the others decide goes on being seen.
    swarm.kill('robot_3')
    assert member(processes, 'propose', '/robot_1', 'later', 'yes').wait(30.0) == 0
    watching.wait_for_output('/robot_2 decided later: yes')
