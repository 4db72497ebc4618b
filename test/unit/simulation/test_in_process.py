"""A swarm of a swarm.yaml in one process: it decides, bears cuts, and is the matter of its seed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from swarm_consensus.composition.swarm_file import parse_swarm
from swarm_consensus.missions import Delivery, Mission, Registry
from swarm_consensus.nodes.robot_settings import RobotSettings, settings_of
from swarm_consensus.protocols.allocation import Task, Worker
from swarm_consensus.protocols.missions.events import MissionStatus
from swarm_consensus.protocols.missions.operations import Begin
from swarm_consensus.protocols.tasks import AddTask
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import Output, TaskAsked, TaskGo, WorkerTold
from swarm_consensus.runtime.mission_events import (
    MissionAsked,
    MissionTold,
    MissionWatched,
)
from swarm_consensus.simulation.in_process import InProcessSwarm
from swarm_consensus.simulation.witnesses import watch

FILE = """
swarm: team
robots: 3
consensus: {name_probe: 0}
subjects:
  sign: {labels: [stop, yield, go]}
"""


def settings() -> tuple[RobotSettings, ...]:
    return settings_of(parse_swarm(FILE, 'swarm.yaml'))


def run(seed: int = 1, loss: float = 0.0, split: bool = False) -> tuple[InProcessSwarm, Any]:
    swarm = InProcessSwarm(settings(), seed, loss=loss)
    policies = settings()[0].config.policies
    return swarm, watch(swarm, policies, seed=seed, seconds=9.0, split=split)


def test_all_that_is_seen_is_decided_and_mostly_right() -> None:
    swarm, report = run()
    assert (report.robots, report.objects, report.contradictions) == (3, 9, 0)
    assert report.decided == 9 and report.right >= 7
    assert report.leader in swarm.robots
    assert len(report.latencies_s) == 9 and all(0.0 < each < 2.0 for each in report.latencies_s)
    assert 0.4 < report.alone < 1.0


def test_loss_and_a_split_lose_no_decision_and_make_no_contradiction() -> None:
    _, report = run(loss=0.1, split=True)
    assert (report.decided, report.contradictions) == (9, 0)


def test_a_seed_is_a_run() -> None:
    (one, first), (other, second) = run(5, 0.1), run(5, 0.1)
    assert one.world.steps == other.world.steps
    assert (first.latencies_s, first.right) == (second.latencies_s, second.right)
    assert run(6, 0.1)[1].latencies_s != first.latencies_s


def test_nobody_hears_whom_the_radio_does_not_reach() -> None:
    """A robot out of reach follows nobody; the other two go on."""
    swarm = InProcessSwarm(settings(), reach=lambda one, other: 'robot_3' not in (one, other))
    leader = swarm.run_until_led()
    swarm.run(3.0)
    assert leader != 'robot_3'
    away = swarm.status('robot_3')
    assert away is not None and away.status.alive == ('robot_3',) and not away.status.leader
    here = swarm.status(leader)
    assert here is not None and here.status.alive == ('robot_1', 'robot_2')


def test_a_swarm_that_finds_no_leader_is_said_to_have_none() -> None:
    swarm = InProcessSwarm(settings(), reach=lambda one, other: False)
    with pytest.raises(TimeoutError, match='no leader after 5 s'):
        swarm.run_until_led(5.0)


def test_after_a_crash_another_robot_leads() -> None:
    swarm = InProcessSwarm(settings())
    first = swarm.run_until_led()
    swarm.crash(first)
    assert swarm.status(first) is None
    swarm.run(3.0)
    assert swarm.run_until_led() != first


@pytest.mark.parametrize('loss', [-0.1, 1.5])
def test_a_loss_that_is_no_share_is_refused(loss: float) -> None:
    with pytest.raises(ValueError, match='from 0 to 1'):
        InProcessSwarm(settings(), loss=loss)


def test_a_swarm_that_sees_nothing_is_refused() -> None:
    swarm = InProcessSwarm(settings())
    with pytest.raises(ValueError, match='no subject has labels'):
        watch(swarm, (), seed=1, seconds=1.0)


def test_a_task_goes_to_the_robot_beside_it() -> None:
    swarm = InProcessSwarm(settings())
    told: list[tuple[str, Output]] = []
    swarm.listen(lambda _, robot, output: told.append((robot, output)))
    leader = swarm.run_until_led()
    for number, robot in enumerate(swarm.robots):
        swarm.put(robot, WorkerTold(Worker(robot, 100.0 * number, 0.0)))
    swarm.run(1.5)
    swarm.put(leader, TaskAsked(1, AddTask(Task('look', 205.0, 0.0)), '', 2 * SECOND))
    swarm.run(2.0)
    assert [robot for robot, each in told if isinstance(each, TaskGo)] == ['robot_3']


async def visit(mission: Mission, rooms: Any) -> object:
    return [await mission.activity('look', room, delivery=Delivery.IDEMPOTENT) for room in rooms]


def missions(function: Any) -> tuple[RobotSettings, ...]:
    registry = Registry({'visit': visit}, {'look': function})
    return tuple(RobotSettings(each.config, None, registry) for each in settings())


class Told:
    """A mission that is begun at a robot, and what becomes of it."""

    def __init__(self, swarm: InProcessSwarm, robot: str, rooms: list[str]) -> None:
        self.status: MissionStatus | None = None
        self.rows: list[Any] = []
        swarm.listen(self._hear)
        keys = itertools.count(1)
        begin = Begin('tour', 'visit', str(rooms).replace("'", '"').encode())
        swarm.put(robot, MissionAsked(next(keys), begin, 'once', 2 * SECOND))
        swarm.run(0.5)
        swarm.put(robot, MissionWatched(next(keys), 'tour'))

    def _hear(self, now_ns: int, robot: str, output: Output) -> None:
        if isinstance(output, MissionTold):
            self.rows.append(output)


def test_activities_of_missions_take_virtual_time() -> None:
    """Each waits two seconds of it; none of them takes time of ours."""
    done: list[tuple[str, float]] = []

    def look(context: Any, room: Any) -> object:
        context.heartbeat('looking')
        context.wait(2.0)
        done.append((room, swarm.now_s))
        return f'{room} is empty'

    swarm = InProcessSwarm(missions(look))
    leader = swarm.run_until_led()
    told = Told(swarm, leader, ['hall', 'attic'])
    swarm.run(8.0)
    assert [room for room, _ in done] == ['hall', 'attic']
    assert 2.0 <= done[1][1] - done[0][1] < 3.0
    assert 'attic is empty' in str(told.rows[-1])


def test_an_activity_that_fails_is_begun_again_and_its_error_is_told() -> None:
    calls: list[int] = []

    def look(context: Any, room: Any) -> object:
        calls.append(context.attempt)
        if context.attempt < 3:
            raise OSError('the door is shut')
        return room

    swarm = InProcessSwarm(missions(look))
    told = Told(swarm, swarm.run_until_led(), ['hall'])
    swarm.run(15.0)
    assert calls == [1, 2, 3]
    assert 'hall' in str(told.rows[-1])
