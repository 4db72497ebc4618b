"""
Durable workflows of a swarm, written as ordinary `async def` functions.

A mission's history lives in the committed log. The robot that runs its code is only its current
worker: when it dies, another one replays the history and goes on. This room holds what runs the
code; it has no clock, no threads and no I/O of its own. Histories, and what may happen to them,
are in protocols/missions.
"""

from swarm_consensus.missions.context import Mission
from swarm_consensus.missions.errors import (
    ActivityError,
    ActivityTimedOutError,
    ActivityUnknownError,
    Cancelled,
    ChildError,
    HistoryFullError,
    MissionError,
    NonDeterminismError,
    TimedOutError,
)
from swarm_consensus.missions.interpreter import Interpreter, MissionFunction
from swarm_consensus.missions.registry import MissionCode, Registry, RegistryError
from swarm_consensus.protocols.missions.events import ANY_ROBOT, Delivery, Retry

__all__ = [
    'ANY_ROBOT',
    'ActivityError',
    'ActivityTimedOutError',
    'ActivityUnknownError',
    'Cancelled',
    'ChildError',
    'Delivery',
    'HistoryFullError',
    'Interpreter',
    'Mission',
    'MissionCode',
    'MissionError',
    'MissionFunction',
    'NonDeterminismError',
    'Registry',
    'RegistryError',
    'Retry',
    'TimedOutError',
]
