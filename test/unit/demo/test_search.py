"""The search: robots find their way, and a small swarm finds and decides what is there."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from swarm_consensus.cli.main import main
from swarm_consensus.decision.types import Status
from swarm_consensus.demo.search import report
from swarm_consensus.demo.search.mission import Found, Options, Outcome, Search
from swarm_consensus.demo.search.pilot import AHEAD_M, HALF_WIDTH_M, STOP_M, Map, steer
from swarm_consensus.demo.search.robot import INSPECT, SearchRobot
from swarm_consensus.demo.search.vision import Camera, Classifier
from swarm_consensus.protocols.allocation import Task
from swarm_consensus.protocols.tasks import CancelTask, ReportKind, TaskRecord, TaskStatus
from swarm_consensus.runtime.events import (
    Input,
    TaskAnswered,
    TaskAsked,
    TaskChanged,
    TaskGo,
    TaskStop,
    WorkTold,
)
from swarm_consensus.simulation.embedded import physics as physics_module
from swarm_consensus.simulation.embedded.arena import Arena, draw, rooms
from swarm_consensus.simulation.embedded.physics import LIDAR_RANGE_M, RAYS

needs_mujoco = pytest.mark.skipif(
    bool(physics_module.missing()), reason=physics_module.missing() or 'MuJoCo is there'
)
ROOMS = Arena(rooms(), (), {})


# -- finding the way ------------------------------------------------------------------------------


def test_the_way_goes_around_walls_and_ends_at_the_place() -> None:
    """From one side of a wall to the other, step by step, without touching any."""
    ways = Map(ROOMS)
    place, goal = (3.6, 1.0), (5.3, 1.0)
    assert ROOMS.walls_between(place, goal) == 1
    for _ in range(40):
        aim = ways.aim(*place, *goal)
        assert math.dist(place, aim) < AHEAD_M + 0.6
        assert ROOMS.wall_distance(np.asarray([aim]))[0] > 0.3
        place = aim
        if place == goal:
            return
    raise AssertionError(f'not there, but at {place}')


def test_all_of_the_area_is_within_sight_of_a_viewpoint() -> None:
    ways = Map(ROOMS)
    views = ways.viewpoints(2.6)
    assert all(ROOMS.wall_distance(np.asarray([view]))[0] > 0.3 for view in views)
    for x_m, y_m in itertools.product(np.arange(0.7, 9.4, 0.5), np.arange(0.7, 7.4, 0.5)):
        if ROOMS.wall_distance(np.asarray([(x_m, y_m)]))[0] < 0.5:
            continue
        seen = [
            view
            for view in views
            if math.dist(view, (x_m, y_m)) < 3.5 and not ROOMS.walls_between(view, (x_m, y_m))
        ]
        assert seen, (x_m, y_m)


def scan_of(*obstacles: tuple[float, float]) -> np.ndarray:
    """A scan that shows points of a hand's width, at (bearing in degrees, distance in m)."""
    scan = np.full(RAYS, LIDAR_RANGE_M)
    for bearing, distance in obstacles:
        for ray in range(int(bearing) - 8, int(bearing) + 9):
            scan[ray % RAYS] = distance
    return scan


def test_a_robot_goes_straight_where_it_is_free_and_around_what_is_not() -> None:
    here = (5.0, 4.0, 0.0)
    speed, turn = steer(here, (7.0, 4.0), scan_of())
    assert speed > 0.3 and turn == 0.0
    speed, turn = steer(here, (7.0, 4.0), scan_of((0, 0.5)))
    assert abs(turn) > 0.5
    # It is nearer past the left of something that is to the right.
    _, turn = steer(here, (7.0, 4.0), scan_of((340, 0.5)))
    assert turn > 0.3
    speed, _ = steer(here, (7.0, 4.0), scan_of((0, STOP_M - 0.05)))
    assert speed == 0.0
    # All around is something: it turns on the spot.
    assert steer(here, (7.0, 4.0), np.full(RAYS, HALF_WIDTH_M)) == (0.0, 1.0)


# -- one robot ------------------------------------------------------------------------------------


class Alone:
    """A robot of the search whose runtime and body are played by the test."""

    def __init__(self) -> None:
        self.put: list[Input] = []
        self.robot = SearchRobot(
            'r',
            ROOMS,
            Map(ROOMS),
            Classifier(),
            Camera(np.random.default_rng(1)),
            (5.0, 4.0),
            self.put.append,
        )

    def book(self, name: str, x_m: float, index: int, status=TaskStatus.OPEN) -> TaskRecord:
        task = Task(name, x_m, 2.0)
        record = TaskRecord(task, 1, status, index, index, 0, 0, 3, award=index)
        self.robot.hear(TaskChanged(record), 0.0)
        return record


def test_of_two_tasks_for_one_thing_the_first_in_the_log_counts() -> None:
    alone = Alone()
    alone.book(f'{INSPECT}other_1', 3.0, 12)
    alone.book(f'{INSPECT}r_1', 3.2, 11)
    alone.book(f'{INSPECT}r_2', 6.0, 10)
    alone.book('search/1', 3.0, 1)
    assert list(alone.robot.known()) == [f'{INSPECT}r_2', f'{INSPECT}r_1']


def test_a_robot_cancels_its_own_task_where_another_was_first() -> None:
    alone = Alone()
    alone.book(f'{INSPECT}other_1', 3.0, 11)
    alone.book(f'{INSPECT}r_1', 3.2, 12)
    alone.robot._cancel_doubles(1.0)
    (asked,) = alone.put
    assert isinstance(asked, TaskAsked) and isinstance(asked.operation, CancelTask)
    assert asked.operation.task == f'{INSPECT}r_1'
    # One answer at a time is waited for.
    alone.robot._cancel_doubles(2.0)
    assert len(alone.put) == 1
    alone.robot.hear(TaskAnswered(asked.key, Status.NO_QUORUM, ''), 3.0)
    alone.robot._cancel_doubles(4.0)
    assert len(alone.put) == 2


def test_a_robot_that_is_to_stop_says_that_it_has() -> None:
    alone = Alone()
    record = alone.book(f'{INSPECT}other_1', 3.0, 11, TaskStatus.STARTED)
    alone.robot.hear(TaskGo(record), 1.0)
    alone.robot.hear(TaskStop(record.name, record.award, 'cancelled'), 2.0)
    assert alone.put == [WorkTold(record.name, 11, ReportKind.STOPPED)]


# -- the whole ------------------------------------------------------------------------------------


def run(**options) -> Outcome:
    with Search(Options(**options)) as search:
        return search.run()


@needs_mujoco
def test_two_robots_find_and_decide_and_two_runs_are_equal() -> None:
    options = {'robots': 2, 'objects': 3, 'seed': 3, 'loss': 0.1, 'limit_s': 25.0}
    first, second = run(**options), run(**options)
    assert first.things == second.things and first.trails == second.trails
    assert first.found >= 1 and first.right >= 1
    assert not first.contradictions
    assert all(each.truth for each in first.things), 'something stands where nothing does'
    assert sum(first.done.values()) >= 3
    other = run(**(options | {'seed': 4, 'limit_s': 5.0}))
    assert other.trails != first.trails


@needs_mujoco
def test_robots_keep_off_walls_and_each_other() -> None:
    outcome = run(robots=4, objects=4, seed=5, limit_s=20.0)
    for trail in outcome.trails.values():
        assert ROOMS.wall_distance(np.asarray(trail)).min() > 0.1
    for one, other in itertools.combinations(outcome.trails.values(), 2):
        apart = [math.dist(a, b) for a, b in zip(one, other, strict=True)]
        assert min(apart) > 0.2


@needs_mujoco
def test_sim_prints_its_report_and_draws_its_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ['--robots', '1', '--objects', '1', '--seconds', '4', '--headless']
    # Four seconds are too few, which is said.
    assert main(['sim', *arguments, '--output', str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert 'robot_1 leads' in said and 'the time was over' in said
    assert (tmp_path / 'search.png').stat().st_size > 10_000


def test_the_report_counts_what_is_right() -> None:
    def found(task: str, truth: str, choice: str, central: str, **alone: str) -> Found:
        return Found(task, 1.0, 1.0, truth, choice, 0.9, ('a',), central, alone)

    outcome = Outcome(
        options=Options(robots=2, objects=4, loss=0.1, split=True),
        arena=draw(1, ('a', 'b'), 4),
        things=(
            found('1', 'ball', 'ball', 'ball', a='ball', b='cone'),
            found('2', 'cone', 'ball', 'cone', a='cone'),
            found('3', '', 'ball', 'ball', b='ball'),
            found('4', 'crate', '', '', ),
        ),
        done={'a': 3, 'b': 2},
        seconds=60.0,
        real_s=10.0,
        complete=True,
        reach=0.5,
        parts_max=2,
        contradictions=('object/2',),
        trails={'a': [(1.0, 1.0)], 'b': [(2.0, 2.0)]},
        top=np.zeros((640, 800, 3), np.uint8),
        links=(),
    )
    assert (outcome.found, outcome.right, outcome.central_right) == (3, 1, 2)
    assert outcome.alone_right() == {'a': 2, 'b': 0}
    said = '\n'.join(report.lines(outcome))
    assert 'nothing stands where the swarm has 3' in said
    assert 'FAULT: robots told different answers on object/2' in said
    assert report.conditions(outcome) == '10% of the frames lost, cut in two from 20 to 60 s'


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--robots', '0'], '1 to 20 robots'),
        (['--objects', '99'], '1 to 12 objects'),
        (['--loss', '-1'], 'loss is -1'),
    ],
)
@needs_mujoco
def test_sim_refuses_what_cannot_be(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['sim', *arguments]) == 2
    assert message in capsys.readouterr().err
