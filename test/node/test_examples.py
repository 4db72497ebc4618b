"""The examples, run as users run them."""

from __future__ import annotations

import asyncio
from pathlib import Path
import sys

import numpy as np
from std_msgs.msg import String
from swarm_testing.node_probe import NodeProbe
from swarm_testing.processes import ProcessGroup
from swarm_testing.swarm_processes import SwarmProcesses

from swarm_consensus.client import AsyncioSwarmClient, SwarmClient
from swarm_consensus.examples._small_network import accuracy, first_parameters, write_onnx

YAML = """
swarm: examples_test
robots: 3
subjects:
  other: {labels: [a, b]}
"""


async def propose(choice: str) -> None:
    async def made(client: AsyncioSwarmClient) -> None:
        assert (await client.propose('sign/7', choice, timeout=10.0)).answered

    async with SwarmClient.connect(robot='robot_3') as client:
        await made(client)


def test_behaviours_act_on_what_is_decided_and_one_claims_it(
    processes: ProcessGroup, tmp_path: Path
) -> None:
    swarm = SwarmProcesses(processes, tmp_path / 'swarm', YAML)
    swarm.start()
    swarm.wait_for_quorum()
    with NodeProbe('/') as probe:
        robots = swarm.robots[:2]
        said = {robot: probe.collect(String, f'/{robot}/behaviour') for robot in robots}
        for robot in robots:
            command = [sys.executable, '-m', 'swarm_consensus.examples.behaviour_node']
            processes.start([*command, '--ros-args', '-r', f'__ns:=/{robot}'], f'{robot}/behaviour')

        def both_watch() -> bool:
            return all(
                any(
                    info.node_name == 'behaviour'
                    for info in probe.node.get_subscriptions_info_by_topic(f'/{robot}/decision')
                )
                and probe.node.count_publishers(f'/{robot}/behaviour')
                for robot in robots
            )

        probe.wait_for(both_watch)
        for robot in robots:
            # Who answers knows who listens to it: what it says is heard from now on.
            probe.get_parameter(f'/{robot}/behaviour', 'use_sim_time')
        # The watch begins with the match, which takes a moment and is not to be seen from here.
        for number in range(10):
            asyncio.run(propose(f'turn {number}'))
            probe.turn(1.0)
            words = {robot: [message.data for message in said[robot]] for robot in robots}
            # A claim may be answered when the next sign has come already.
            claims = {
                robot: [line for line in words[robot] if not line.startswith('sign/7: turn ')]
                for robot in robots
            }
            if all(claims.values()):
                break
        assert all(each[0].startswith('sign/7: turn ') for each in words.values()), words
        outcomes = sorted({line.split(': ')[1] for each in claims.values() for line in each})
        owner = next(robot for robot in robots if 'sign/7: mine' in words[robot])
        assert outcomes == ['mine', f'of /{owner}'], words


def test_a_program_proposes_and_prints_what_is_decided(
    processes: ProcessGroup, tmp_path: Path
) -> None:
    swarm = SwarmProcesses(processes, tmp_path / 'swarm', YAML)
    swarm.start()
    swarm.wait_for_quorum()
    watcher = [sys.executable, '-m', 'swarm_consensus.examples.asyncio_watcher']
    first = processes.start([*watcher, 'robot_1', '--goal', 'charger'], 'first')
    first.wait_for_output('goal: charger (DECIDED)')
    second = processes.start([*watcher, 'robot_2', '--goal', 'exit'], 'second')
    second.wait_for_output('goal: charger (REFUSED)')
    asyncio.run(propose('left'))
    for watching in (first, second):
        watching.wait_for_output('sign/7: left (committed, index ')
        assert watching.interrupt() == 0
    nobody = processes.start([*watcher, 'robot_9'], 'nobody')
    assert nobody.wait(40.0) == 1
    assert 'no consensus_node answers in /robot_9' in nobody.output


ADAPTING = """
swarm: adapting
robots: 3
network: {transport: udp}
consensus: {name_probe: 0.2, model_encoding: int8}
inference:
  - {subject: sign, model: model.onnx, input: tensor, exchange: signs, held_out: held_out.npz}
subjects:
  sign: {labels: [a, b, c]}
"""


def test_robots_that_know_one_class_each_learn_all_of_them(
    processes: ProcessGroup, tmp_path: Path
) -> None:
    random = np.random.default_rng(5)
    centres = random.normal(size=(3, 12))
    labels = np.repeat(np.arange(3), 60)
    inputs = centres[labels] + 0.3 * random.normal(size=(180, 12))
    begun = first_parameters(12, 16, 3, random)
    write_onnx(tmp_path / 'model.onnx', begun)
    np.savez(tmp_path / 'held_out.npz', inputs=inputs[::2], labels=labels[::2])
    swarm = SwarmProcesses(processes, tmp_path, ADAPTING)
    swarm.start()
    swarm.wait_for_quorum()
    adapting = []
    for number, robot in enumerate(swarm.robots):
        own = (labels == number) & (np.arange(180) % 2 == 1)
        data = tmp_path / f'{robot}.npz'
        np.savez(data, inputs=inputs[own], labels=labels[own])
        command = [sys.executable, '-m', 'swarm_consensus.examples.adapt_model', robot, 'signs']
        command += [str(data), '--rounds', '8', '--steps', '3', '--rate', '0.2']
        if number == 0:
            command += ['--merge', '3']
        adapting.append(processes.start(command, f'{robot}/adapt'))
    for each in adapting:
        assert each.wait(120.0) == 0
        assert 'revision 8:' in each.output, each.output

    async def learnt() -> float:
        async with SwarmClient.connect(robot='robot_3') as client:
            model = await client.read_model('signs')
        assert model.revision == 8
        return accuracy(model.arrays, inputs[::2], labels[::2])

    # One class alone would be a third.
    assert asyncio.run(learnt()) > 0.9
