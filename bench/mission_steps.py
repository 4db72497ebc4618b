"""The missions and activities of the bench."""

from __future__ import annotations

from pathlib import Path
import time
from typing import Any

from swarm_consensus.missions import Delivery, Mission


async def steps(mission: Mission, goal: Any) -> object:
    """Steps that do nothing, one after the other."""
    for number in range(goal['count']):
        await mission.activity(
            'tick', {'number': number, 'file': goal['file']}, delivery=Delivery.IDEMPOTENT
        )
    return goal['count']


def tick(context: Any, given: Any) -> object:
    """Say when it was."""
    if given['file']:
        with Path(given['file']).open('a') as file:
            file.write(f'{time.monotonic_ns()}\n')
    return given['number']
