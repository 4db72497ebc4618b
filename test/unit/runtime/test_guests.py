"""What a guest may do with missions, tasks and keys: nothing, and it says so at once."""

from __future__ import annotations

from dataclasses import replace
import itertools
from typing import Any

import pytest
from swarm_testing.mission_swarm import MissionSwarm
from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.decision.types import Status
from swarm_consensus.missions import ANY_ROBOT, Mission, Registry, Retry
from swarm_consensus.protocols.allocation import Task, Worker
from swarm_consensus.protocols.keyvalue import Put
from swarm_consensus.protocols.missions.events import MissionStatus
from swarm_consensus.protocols.missions.operations import Begin, Cancel, Forget, Signal
from swarm_consensus.protocols.tasks import AddTask, CancelTask, Operation
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import (
    KeyValueAnswered,
    KeyValueAsked,
    Notice,
    RangeAnswered,
    RangeAsked,
    TaskAnswered,
    TaskAsked,
    TaskGo,
    WorkerTold,
)
from swarm_consensus.runtime.mission_events import MissionsAsked, MissionsTold
from swarm_consensus.runtime.task_settings import TaskSettings

GUEST = 'scout'
WORDS = (
    "this robot is a guest of swarm 'zoo' and takes part at the level fused only; ask one of the "
    'robots that swarm.yaml names'
)
_keys = itertools.count(1)


async def anywhere(mission: Mission, robot: Any) -> object:
    """Something that is done by whoever can, or by one robot."""
    return await mission.gather(
        *[
            mission.activity('where', n, robot=robot, schedule_to_start=4, retry=Retry(1))
            for n in range(6)
        ]
    )


def code(robot: str) -> Registry:
    return Registry({'anywhere': anywhere}, {'where': lambda context, given: given})


def join(swarm: Swarm) -> None:
    """Have a guest join that has what all robots have."""
    config = swarm.world._hosts['r1'].config
    swarm.world.add(replace(config, robot=GUEST))
    swarm.run(1.0)
    status = swarm.status(GUEST).status
    assert status.guest and status.alive == (*swarm.robots, GUEST)


@pytest.fixture
def swarm() -> MissionSwarm:
    swarm = MissionSwarm(
        code, open_membership=True, tasks=TaskSettings(silence_ns=3600 * SECOND)
    )
    swarm.elect()
    join(swarm)
    return swarm


def test_changes_of_missions_are_refused_at_once(swarm: MissionSwarm) -> None:
    swarm.begin('r1', 'm', 'anywhere', 'nobody')
    for operation in (
        Begin('g', 'anywhere', b'null'), Signal('m', 's', b'1'), Cancel('m', 'x'), Forget('m'),
    ):
        key = swarm.ask(GUEST, operation)
        swarm.run(0.05)
        answer = swarm.answered(key)
        assert answer is not None
        assert (answer.status, answer.reason) == (Status.REFUSED, WORDS)
    assert swarm.query(GUEST, 'm', 'q') == WORDS
    for mission in ('', 'm'):
        swarm.world.put(GUEST, MissionsAsked(next(_keys), mission, '', 0, 10))
        told = swarm.outputs(GUEST, MissionsTold)[-1]
        assert (told.missions, told.reason) == ((), WORDS)
    swarm.run(0.5)
    assert swarm.row('g') is None
    row = swarm.row('m')
    assert row is not None and not row.cancel_asked


def test_a_guest_runs_nothing_for_missions(swarm: MissionSwarm) -> None:
    """Though it has the code, and is the only one that is asked for."""
    swarm.begin('r1', 'any', 'anywhere', ANY_ROBOT)
    swarm.begin('r2', 'guest', 'anywhere', GUEST)
    assert swarm.finish('any') is MissionStatus.COMPLETED
    assert swarm.finish('guest') is MissionStatus.FAILED
    assert len(swarm.runs) == 6 and all(robot != GUEST for _, robot, _ in swarm.jobs)
    assert 'ran out of schedule-to-start time' in str(swarm.events('guest')[-1])
    # When the others are gone it does not take over either.
    swarm.begin('r1', 'late', 'anywhere', ANY_ROBOT)
    swarm.run(0.02)
    for robot in swarm.robots:
        swarm.world.crash(robot)
    swarm.run(10)
    assert all(robot != GUEST for _, robot, _ in swarm.jobs)
    for robot in swarm.robots:
        swarm.world.start(robot)
    assert swarm.finish('late') in (MissionStatus.COMPLETED, MissionStatus.FAILED)


def test_a_guest_adds_no_tasks_and_is_given_none(swarm: MissionSwarm) -> None:
    """Though it says that it is ready, and is the nearest; said once."""
    operations: tuple[Operation, ...] = (AddTask(Task('g', 0.0, 0.0)), CancelTask('t', ''))
    for operation in operations:
        key = next(_keys)
        swarm.world.put(GUEST, TaskAsked(key, operation, '', 2 * SECOND))
        (answer,) = [each for each in swarm.outputs(GUEST, TaskAnswered) if each.key == key]
        assert (answer.status, answer.reason) == (Status.REFUSED, WORDS)
    for _ in range(20):
        swarm.world.put(GUEST, WorkerTold(Worker(GUEST, 0.0, 0.0)))
        swarm.run(0.1)
    notices = [each.text for each in swarm.outputs(GUEST, Notice) if 'tasks' in each.text]
    assert notices == [f'it is given no tasks: {WORDS}']
    key = next(_keys)
    swarm.world.put('r1', TaskAsked(key, AddTask(Task('t', 0.0, 0.0)), '', 2 * SECOND))
    swarm.run(3.0)
    assert not [o for _, _, o in swarm.told if isinstance(o, TaskGo)], 'nobody is on duty'
    swarm.world.put('r3', WorkerTold(Worker('r3', 900.0, 0.0)))
    swarm.run(3.0)
    assert [r for _, r, o in swarm.told if isinstance(o, TaskGo)] == ['r3']
    assert swarm.status(GUEST).status.last_index == 0


def test_the_key_value_store_is_asked_elsewhere(swarm: MissionSwarm) -> None:
    """A read of what a guest has would find nothing, and be wrong."""
    key = next(_keys)
    swarm.world.put(GUEST, KeyValueAsked(key, Put('k', b'v'), '', 2 * SECOND))
    answer = swarm.outputs(GUEST, KeyValueAnswered)[-1]
    assert (answer.key, answer.status, answer.reason) == (key, Status.REFUSED, WORDS)
    for linearizable in (True, False):
        swarm.world.put(
            GUEST, RangeAsked(next(_keys), '', '', 10, linearizable, 2 * SECOND)
        )
        read = swarm.outputs(GUEST, RangeAnswered)[-1]
        assert (read.status, read.reason, read.items) == (Status.REFUSED, WORDS, ())
