"""view_node beside a real swarm: what RViz and Foxglove get to show."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
import sys
from typing import Any

from lifecycle_msgs.msg import Transition
from nav_msgs.msg import Odometry
import pytest
from swarm_testing.processes import Process, ProcessGroup
from swarm_testing.swarm_probe import LATCHED, SwarmProbe
from visualization_msgs.msg import Marker, MarkerArray
import yaml

from swarm_consensus.client import SwarmClient
from swarm_consensus.composition.compose import compose_view
from swarm_consensus.composition.node_commands import node_commands
from swarm_consensus.composition.swarm_file import parse_swarm
from swarm_consensus.msg import WorkerState

# Generous: the machine may be busy.
WAIT_S = 60.0
TOPIC = '/swarm_markers'


def start_view(processes: ProcessGroup, **parameters: Any) -> Process:
    command = [sys.executable, '-m', 'swarm_consensus.live.view_node', '--ros-args']
    for name, value in parameters.items():
        command += ['-p', f'{name}:={json.dumps(value)}']
    return processes.start(command, 'view_node')


class Screen:
    """Shows what a viewer would: the newest array alone, as each is the whole picture."""

    def __init__(self, probe: SwarmProbe) -> None:
        self._arrays = probe.collect(MarkerArray, TOPIC, LATCHED)
        self._probe = probe

    def __len__(self) -> int:
        return len(self._arrays)

    def layer(self, name: str) -> list[Marker]:
        if not self._arrays:
            return []
        wipe, *drawn = self._arrays[-1].markers
        assert wipe.action == Marker.DELETEALL
        assert {each.action for each in drawn} <= {Marker.ADD}
        assert {each.header.frame_id for each in drawn} <= {'map'}
        return [each for each in drawn if each.ns == name]

    def texts(self, layer: str) -> list[str]:
        return [each.text for each in self.layer(layer)]

    def places(self) -> dict[str, tuple[float, float]]:
        """Return where each robot stands; below its name."""
        return {
            each.text.splitlines()[0]: (each.pose.position.x, each.pose.position.y)
            for each in self.layer('names')
        }

    def leader(self) -> str:
        """Return the robot that the mark of the leader is at; '': none."""
        for mark in self.layer('leader'):
            for robot, place in self.places().items():
                if place == (mark.pose.position.x, mark.pose.position.y):
                    return robot
        return ''

    def wait_for(self, condition: Any) -> None:
        self._probe.wait_for(condition, WAIT_S)


def test_robots_appear_where_they_are_and_the_mark_of_the_leader_moves_when_it_dies(
    swarm, probe, processes, repository: Path, tmp_path: Path
):
    text = 'swarm: test_swarm\nrobots: 3\nsubjects: {animal: }\n'
    composed = parse_swarm(text, tmp_path / 'swarm.yaml')
    (command,) = node_commands([compose_view(composed)], tmp_path)
    variables = {**processes.environment, **command.environment}
    view = processes.start(list(command.arguments), command.label, variables)
    screen = Screen(probe)
    screen.wait_for(lambda: list(screen.places()) == swarm.names)
    leader = probe.leader()
    screen.wait_for(lambda: screen.leader() == leader)
    assert len(screen.layer('robots')) == 3 and len(set(screen.places().values())) == 3
    screen.wait_for(
        lambda: any(
            f'{leader} leads' in text and '3 of 3 robots heard' in text
            for text in screen.texts('headline')
        )
    )
    screen.wait_for(lambda: [len(each.points) for each in screen.layer('links')] == [6])

    # What swarm.rviz shows is what the node publishes.
    published = dict(probe.node.get_publisher_names_and_types_by_node('view_node', '/'))
    rviz = yaml.safe_load((repository / 'config' / 'swarm.rviz').read_text())
    for display in rviz['Visualization Manager']['Displays']:
        if 'Topic' in display:
            kind = display['Class'].removeprefix('rviz_default_plugins/')
            assert published[display['Topic']['Value']] == [f'visualization_msgs/msg/{kind}']

    odometry = probe.publisher(Odometry, '/robot_2/odom')
    worker = probe.publisher(WorkerState, '/robot_3/worker')
    # In a frame of its own it counts from where the robot began, and that is its place here.
    moved = Odometry()
    moved.header.frame_id = 'robot_2/odom'
    moved.pose.pose.position.x, moved.pose.pose.position.y = 0.25, -0.5
    began = screen.places()['robot_2']

    def come_along() -> bool:
        odometry.publish(moved)
        x, y = screen.places()['robot_2']
        return (x - began[0], y - began[1]) == pytest.approx((0.25, -0.5))

    screen.wait_for(come_along)
    moved.header.frame_id = 'map'
    moved.pose.pose.position.x, moved.pose.pose.position.y = 5.0, 6.0

    def stand_there() -> bool:
        odometry.publish(moved)
        worker.publish(WorkerState(on_duty=True, x=-4.0, y=3.0))
        there = screen.places()
        return (there['robot_2'], there['robot_3']) == ((5.0, 6.0), (-4.0, 3.0))

    screen.wait_for(stand_there)

    def believed() -> bool:
        for robot in swarm.names:
            probe.believe(robot, 'dog', probability=0.7)
        said = screen.texts('beliefs')
        return said.count('animal: dog 70 %') == 3 and any(
            text.startswith('animal: dog') for text in screen.texts('answers')
        )

    screen.wait_for(believed)

    async def add() -> None:
        async with SwarmClient.connect('robot_1') as client:
            assert (await client.tasks.add('paint', 1.0, 2.0)).done

    asyncio.run(add())

    def painted() -> bool:
        return any(
            each.type == Marker.CUBE and (each.pose.position.x, each.pose.position.y) == (1.0, 2.0)
            for each in screen.layer('tasks')
        )

    screen.wait_for(painted)
    assert any(text.startswith('paint: ') for text in screen.texts('tasks'))

    swarm.kill([leader])
    screen.wait_for(lambda: screen.leader() not in ('', leader))
    screen.wait_for(
        lambda: {'1 out of reach', '2 together, quorum'} <= set(screen.texts('parts'))
    )

    # What is no longer kept true is taken away.
    assert view.interrupt() == 0
    screen.wait_for(lambda: not screen.layer('headline'))


def test_it_is_silent_while_it_is_inactive_and_shows_the_swarm_that_it_is_told(
    swarm, probe, processes
):
    start_view(processes, swarm='other', period=0.1)
    screen = Screen(probe)
    screen.wait_for(lambda: screen.texts('headline') == ['no robot is heard yet'])
    assert probe.change_state('/view_node', Transition.TRANSITION_DEACTIVATE)
    screen.wait_for(lambda: not screen.layer('headline'))
    drawn = len(screen)
    probe.turn(0.5)
    assert len(screen) == drawn
    assert not probe.set_parameter('/view_node', 'swarm', 'test_swarm').successful
    assert probe.change_state('/view_node', Transition.TRANSITION_CLEANUP)
    assert probe.set_parameter('/view_node', 'swarm', 'test_swarm').successful
    assert probe.change_state('/view_node', Transition.TRANSITION_CONFIGURE)
    assert probe.change_state('/view_node', Transition.TRANSITION_ACTIVATE)
    screen.wait_for(lambda: list(screen.places()) == swarm.names)


@pytest.mark.parametrize(
    ('parameters', 'said'),
    [
        ({'odom': '/odom'}, "odom is '/odom': give a name relative to the namespace"),
        ({'odom': 'o dom'}, "odom is 'o dom': "),
        ({'frame_id': ''}, 'frame_id is empty: set it to the frame of the tasks'),
        ({'size': 0.0}, 'size is 0 m, but must be between 0.01 and 1000 m'),
    ],
)
def test_what_cannot_be_drawn_so_is_said(processes, parameters: dict[str, Any], said: str):
    view = start_view(processes, **parameters)
    assert view.wait() == 2
    assert f'cannot start: {said}' in view.output.replace('wrong parameters:\n  ', '')
