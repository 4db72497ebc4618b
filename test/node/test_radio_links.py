"""Robots as real processes that part by where they are in a world, and heal when they are back."""

from __future__ import annotations

from importlib.util import find_spec
import itertools

from geometry_msgs.msg import Twist, Vector3
import pytest
from swarm_testing.processes import ProcessGroup
from swarm_testing.quorum_checks import without_quorum
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.sim_geometry import AROUND_A_WALL, RANGE_M, WALL_M
from swarm_testing.sim_world import start_world
from swarm_testing.swarm_probe import DECIDED, LATCHED, NO_QUORUM, SwarmProbe

from swarm_consensus.msg import RadioLinks

pytestmark = pytest.mark.skipif(find_spec('mujoco') is None, reason='needs the extra `sim`')

WAIT_S = 60.0
PARAMETERS = {
    'use_sim_time': True,
    'radio': '/radio_links',
    'election_ticks': 60,
    'name_probe': 0.3,
    'status_period': 0.5,
}
WORLD = {
    'starts': list(itertools.chain.from_iterable(AROUND_A_WALL)),
    'objects': 1,
    'radio_range': RANGE_M,
    'radio_wall': WALL_M,
    'camera_rate': 0.0,
    'real_time_factor': 3.0,
}


def test_a_robot_behind_a_wall_is_parted_from_the_swarm_until_it_is_back(
    processes: ProcessGroup,
) -> None:
    robots = RobotProcesses(processes, 3, PARAMETERS)
    here, away = robots.names[:2], robots.names[2]
    robots.start_all()
    start_world(processes, {'robots': robots.names, **WORLD})
    with SwarmProbe(robots.names) as probe:
        links = probe.collect(RadioLinks, '/radio_links', LATCHED)
        drive = probe.publisher(Twist, f'/{away}/cmd_vel')
        probe.wait_until_ready()

        def hears() -> dict[str, list[str]]:
            return {each.robot: list(each.hears) for each in links[-1].robots}

        whole = {name: [each for each in robots.names if each != name] for name in robots.names}
        in_two = {here[0]: [here[1]], here[1]: [here[0]], away: []}
        # They come from the world, and what robots say from them.
        probe.wait_for(lambda: links and hears() == whole, WAIT_S)
        probe.wait_for_subscriber(drive)

        def drive_until(links_are: dict[str, list[str]], speed_mps: float) -> None:
            # How far exactly does not matter: there is more than a metre beyond either way.
            drive.publish(Twist(linear=Vector3(x=speed_mps)))
            probe.wait_for(lambda: hears() == links_are, WAIT_S)
            drive.publish(Twist())

        assert probe.proposed(probe.propose(away, 'map', 'before')).status == DECIDED

        def frames() -> tuple[int, int]:
            counters = probe.statuses[away].frames
            return counters.out_of_reach, counters.received

        kept_away = frames()[0]
        drive_until(in_two, 0.4)

        def parted() -> bool:
            alone = probe.statuses[away]
            return (
                without_quorum(probe, away)
                and list(alone.alive) == [away]
                and all(
                    probe.statuses[robot].has_quorum
                    and sorted(probe.statuses[robot].alive) == here
                    for robot in here
                )
            )

        probe.wait_for(parted, WAIT_S)
        before = frames()
        assert before[0] > kept_away
        lost = probe.propose(away, 'map', 'lost', timeout=2.0)
        decided = probe.propose(here[0], 'map', 'meanwhile')
        assert probe.proposed(decided).status == DECIDED
        assert probe.proposed(lost).status == NO_QUORUM
        # DDS brings what the others say, and the radio does not.
        probe.wait_for(lambda: frames()[0] > before[0] + 10, WAIT_S)
        assert frames()[1] == before[1]

        drive_until(whole, -0.4)
        probe.wait_until_ready()
        answer = probe.read_result(probe.read(away, 'map'))
        assert [decision.choice for decision in answer.decisions] == ['meanwhile']
        probe.wait_for_equal_logs()


def test_a_robot_of_a_simulation_that_is_not_there_says_what_it_waits_for(
    processes: ProcessGroup,
) -> None:
    robot = RobotProcesses(processes, 1, PARAMETERS).start('robot_1')
    line = robot.wait_for_output('this robot waits for a simulation', WAIT_S)
    assert 'nothing is heard on /clock (use_sim_time) and /radio_links (radio)' in line
    assert robot.interrupt() == 0
