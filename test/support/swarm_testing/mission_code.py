"""Missions and activities of the tests with real robots; what they do stands in a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from swarm_consensus.missions import Delivery, Mission, Retry
from swarm_consensus.nodes.mission_activities import ActivityContext

STEPS = 10
# The waits of the default, 15 s in all, are of no use to a test.
SOON = Retry(first_ms=100)


async def ten_steps(mission: Mission, goal: Any) -> object:
    """Ten steps, one after the other; each has its effect once by its token."""
    done: list[object] = []
    mission.on_query('done', lambda _: done)
    for number in range(STEPS):
        step = {**goal, 'number': number}
        done.append(
            await mission.activity('step', step, delivery=Delivery.IDEMPOTENT, retry=SOON)
        )
    return done


async def until_told(mission: Mission, goal: Any) -> object:
    """Undo a step unless somebody says `go`."""
    await mission.activity('step', {**goal, 'number': 0})
    mission.compensate('step', {**goal, 'number': 'undone'})
    return await mission.wait_signal('go')


async def decide(mission: Mission, goal: Any) -> object:
    """Have a ROS action run."""
    return await mission.activity('ask', goal, retry=SOON)


async def work(mission: Mission, given: Any) -> object:
    """Have the ROS action `work` run, with what the test says; undo a step where that fails."""
    mission.compensate('step', {**given['undo'], 'number': 'undone'})
    retry = Retry(first_ms=100, **given.get('retry', {}))
    options = {**given.get('options', {}), 'retry': retry}
    if 'delivery' in options:
        options['delivery'] = Delivery[options['delivery']]
    return await mission.activity('work', given['goal'], **options)


def step(context: ActivityContext, given: Any) -> object:
    """Say that it is run, take its time, and have its effect, once for each token."""
    folder = Path(given['folder'])
    token = context.token.replace('/', '_')
    with (folder / 'runs').open('a') as file:
        file.write(f'{os.environ.get("ROBOT", "")} {token} {context.attempt}\n')
    context.wait(given.get('takes', 0.2))
    with (folder / f'effect {token}').open('a') as file:
        file.write(f'{context.attempt}\n')
    return given['number']
