"""Whose frames arrive, by what a simulation says; and that those which do not are counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.msg import RadioLinks, RadioReach
from swarm_consensus.nodes.simulated_radio import SimulatedRadio
from swarm_consensus.runtime.events import FramesOutOfReach


class Node:
    """As much of a node as is needed: what it subscribed to, and what it warned of."""

    def __init__(self) -> None:
        self.topics: dict[str, Callable[[Any], None]] = {}
        self.warnings: list[str] = []

    def create_subscription(self, kind: Any, topic: str, callback: Any, qos: Any) -> str:
        self.topics[topic] = callback
        return topic

    def destroy_subscription(self, topic: str) -> None:
        del self.topics[topic]

    def get_logger(self) -> Node:
        return self

    def warning(self, text: str) -> None:
        self.warnings.append(text)


def links(**hears: list[str]) -> RadioLinks:
    return RadioLinks(
        robots=[RadioReach(robot=robot, hears=others) for robot, others in hears.items()]
    )


def heard(radio: SimulatedRadio) -> set[str]:
    return {robot for robot in ('a', 'b', 'c', 'guest') if radio.reaches(robot)}


def test_who_is_heard_is_what_was_said_last() -> None:
    node = Node()
    radio = SimulatedRadio(cast(Any, node), '/links', 'a')
    assert heard(radio) == set()
    tell = node.topics['/links']
    tell(links(a=['b'], b=['a', 'c'], c=['b']))
    # Nothing keeps those away that are not in the simulation, nor a namesake.
    assert heard(radio) == {'a', 'b', 'guest'}
    tell(links(a=[], b=['c'], c=['b']))
    assert heard(radio) == {'a', 'guest'}
    assert not node.warnings
    radio.destroy()
    assert not node.topics


def test_a_robot_that_the_simulation_does_not_know_hears_all_and_says_so_once() -> None:
    node = Node()
    radio = SimulatedRadio(cast(Any, node), '/links', 'guest')
    for _ in range(2):
        node.topics['/links'](links(a=['b'], b=[]))
        assert heard(radio) == {'a', 'b', 'c', 'guest'}
    assert node.warnings == ['the simulated radio knows no robot guest: all frames arrive here']


def test_frames_out_of_reach_are_counted_and_have_not_arrived() -> None:
    swarm = Swarm(3)
    swarm.elect()
    swarm.run(2)
    swarm.world.put('r1', FramesOutOfReach(7))
    swarm.world.put('r1', FramesOutOfReach(5))
    swarm.run(2)
    frames = swarm.status('r1').status.frames
    assert frames.out_of_reach == 12
    assert frames.received == frames.accepted + frames.dropped
