"""Robots that take their time from /clock: their timers go as it goes, and stand as it stands."""

from __future__ import annotations

from importlib.util import find_spec
import time

import pytest
from swarm_testing.processes import ProcessGroup
from swarm_testing.quorum_checks import without_quorum
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.sim_world import WorldTime, start_world
from swarm_testing.swarm_probe import DECIDED, NO_QUORUM, SwarmProbe

pytestmark = pytest.mark.skipif(find_spec('mujoco') is None, reason='needs the extra `sim`')

WAIT_S = 60.0
FACTOR = 3.0
# Long beside what a busy machine takes to hand a frame over, at three times real time.
PARAMETERS = {'use_sim_time': True, 'election_ticks': 60, 'name_probe': 0.3}


def test_robots_decide_by_the_time_of_a_world_and_elect_nobody_while_it_stands(
    processes: ProcessGroup,
) -> None:
    robots = RobotProcesses(processes, 3, PARAMETERS)
    world = {
        'robots': robots.names,
        'real_time_factor': FACTOR,
        'camera_rate': 0.0,
        'scan_rate': 0.0,
        'odom_rate': 0.0,
    }
    robots.start_all()
    start_world(processes, world)
    with SwarmProbe(robots.names) as probe:
        world_time = WorldTime(probe)
        probe.wait_until_ready()
        assert probe.proposed(probe.propose('robot_1', 'map', 'm1')).status == DECIDED

        # The leader dies while time stands: nobody misses it until time goes on.
        world_time.stop()
        leader = probe.leader()
        term = probe.statuses[leader].term
        left = [robot for robot in robots.names if robot != leader]
        robots.kill([leader])
        stood_s = world_time.now_s
        # An election would be due after 0.8 s of the wall clock at that pace.
        probe.turn(2.5)
        assert {probe.statuses[robot].term for robot in left} == {term}
        assert {probe.statuses[robot].leader for robot in left} == {leader}
        assert world_time.now_s - stood_s < 0.5
        # What needs no time is done meanwhile.
        answer = probe.read_result(probe.read(left[0], 'map', linearizable=False))
        assert [decision.choice for decision in answer.decisions] == ['m1']
        world_time.go_on()
        probe.wait_for(lambda: probe.leader(left) in left, WAIT_S)
        assert all(probe.statuses[robot].term > term for robot in left)
        assert probe.proposed(probe.propose(left[0], 'map', 'm2')).status == DECIDED

        # A deadline is one of the world as well.
        robots.kill([left[1]])
        probe.wait_for(lambda: without_quorum(probe, left[0]), WAIT_S)
        begun_s, wall_s = world_time.now_s, time.monotonic()
        proposal = probe.propose(left[0], 'map', 'm3', timeout=6.0)
        probe.wait_for(proposal.done, WAIT_S)
        assert proposal.result().decision.status == NO_QUORUM
        passed_s, waited_s = world_time.now_s - begun_s, time.monotonic() - wall_s
        # By the wall clock it would have been 6 s here and 18 s there.
        assert 5.5 < passed_s < 6.0 * FACTOR - 3.0, (passed_s, waited_s)
