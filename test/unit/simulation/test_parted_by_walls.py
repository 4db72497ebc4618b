"""A swarm in one process whose robots have bodies: it parts by where they go, and heals."""

from __future__ import annotations

import pytest
from swarm_testing.sim_geometry import AROUND_A_WALL, BEHIND_M, RANGE_M, WALL_M

from swarm_consensus.composition.swarm_file import parse_swarm
from swarm_consensus.nodes.robot_settings import settings_of
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import Output, ProposeAnswered, ProposeAsked, RobotStatus
from swarm_consensus.simulation.embedded.arena import draw
from swarm_consensus.simulation.embedded.physics import Physics, missing
from swarm_consensus.simulation.embedded.radio import ShadowedRadio
from swarm_consensus.simulation.in_process import Decisions, InProcessSwarm

FILE = """
swarm: team
robots: 3
consensus: {name_probe: 0}
subjects:
  sign: {labels: [stop, yield, go]}
  map: {}
"""
AWAY = 'robot_3'


@pytest.mark.skipif(bool(missing()), reason=missing() or 'MuJoCo is there')
def test_a_robot_that_drives_behind_a_wall_is_parted_until_it_is_back() -> None:
    arena = draw(1, ('robot_1', 'robot_2', AWAY), 1, AROUND_A_WALL)
    radio = ShadowedRadio(arena, RANGE_M, WALL_M)
    swarm = InProcessSwarm(settings_of(parse_swarm(FILE, 'swarm.yaml')), reach=radio.reach)
    decisions = Decisions()
    answers: dict[int, ProposeAnswered] = {}

    def hear(now_ns: int, robot: str, output: Output) -> None:
        decisions(now_ns, robot, output)
        if isinstance(output, ProposeAnswered):
            answers[output.key] = output

    swarm.listen(hear)
    keys = iter(range(1, 10))

    def status(robot: str) -> RobotStatus:
        report = swarm.status(robot)
        assert report is not None
        return report.status

    def propose(robot: str, choice: str) -> bool:
        key = next(keys)
        swarm.put(
            robot,
            ProposeAsked(
                key=key,
                subject='map',
                choice=choice,
                value=b'',
                expected_revision=-1,
                request_id='',
                timeout_ns=3 * SECOND,
            ),
        )
        swarm.run(4.0)
        return answers[key].decision.status.answered

    with Physics(arena) as physics:

        def drive(speed_mps: float) -> None:
            began_m = physics.pose(AWAY)[1]
            physics.drive(AWAY, speed_mps, 0.0)
            while abs(physics.pose(AWAY)[1] - began_m) < BEHIND_M:
                live(0.1)
            physics.drive(AWAY, 0.0, 0.0)

        def live(seconds: float) -> None:
            for _ in range(round(10 * seconds)):
                physics.run(0.1)
                radio.move({robot: physics.pose(robot)[:2] for robot in arena.starts})
                swarm.run(0.1)

        live(5.0)
        assert swarm.leader and all(status(robot).has_quorum for robot in swarm.robots)
        assert propose(AWAY, 'before')
        drive(0.5)
        live(10.0)
        assert radio.links == {('robot_1', 'robot_2'), ('robot_2', 'robot_1')}
        assert not status(AWAY).has_quorum and status(AWAY).alive == (AWAY,)
        for robot in ('robot_1', 'robot_2'):
            assert status(robot).has_quorum and status(robot).alive == ('robot_1', 'robot_2')
        assert not propose(AWAY, 'lost')
        assert propose('robot_1', 'meanwhile')
        assert decisions.told['map'][AWAY].decision.choice == 'before'
        drive(-0.5)
        live(5.0)
        for robot in swarm.robots:
            assert status(robot).has_quorum and status(robot).alive == swarm.robots
        # What was decided without it has reached it, and its own proposal went nowhere.
        assert decisions.told['map'][AWAY].decision.choice == 'meanwhile'
        assert not decisions.contradictions
