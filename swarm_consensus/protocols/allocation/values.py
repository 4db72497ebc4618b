"""
Tasks and the robots that carry them out, as values.

Places are in metres in one frame that all robots share (REP-103), amounts of work in any unit as
long as the rates of the robots are in the same one by second. Times of a task are milliseconds of
the *task clock*, which all robots read alike: in a swarm that is committed time
(decision/tasks.py), in a bench whatever runs there.
"""

from __future__ import annotations

import math
from typing import Annotated

from swarm_consensus.protocols.allocation.errors import AllocationError
from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.values import value

ID_CHARACTERS_MAX = 128
CAPABILITIES_MAX = 32
TEAM_MAX = 64
ORDER_MAX = 10_000
# Largest coordinate, amount of work, range and value: far beyond any swarm, and far from where
# sums of squares lose all their digits.
NUMBER_MAX = 1e9
TIME_MS_MAX = 2**53

_Id = Annotated[str, Bounds(length_max=ID_CHARACTERS_MAX)]
_Capabilities = Annotated[tuple[_Id, ...], Bounds(length_max=CAPABILITIES_MAX)]
_TimeMs = Annotated[int, Bounds(maximum=TIME_MS_MAX)]


@value
class Task:
    """
    Something that is to be done at a place.

    :param task: its name, unique among the tasks that are not forgotten yet.
    :param work: amount of work; a robot needs work / rate seconds for it. 0: being there is enough.
    :param worth: what it is worth to have it done, > 0.
    :param payload_kg: what the robot must be able to carry.
    :param capabilities: what the robot must be able to do; all of them.
    :param robots: how many robots it takes at once.
    :param opens_ms: work may not begin before; 0: at any time.
    :param closes_ms: work may not begin after; 0: at any time.
    :param deadline_ms: work must have ended by then; 0: at any time.
    :param group: tasks of one group are carried out in the order of their `order`: none begins
        before all those of a lower one have ended. '': no group.
    :raises AllocationError: what cannot be, and what to change.
    """

    task: _Id
    x_m: float
    y_m: float
    z_m: float = 0.0
    work: float = 0.0
    worth: float = 1.0
    payload_kg: float = 0.0
    capabilities: _Capabilities = ()
    robots: Annotated[int, Bounds(minimum=1, maximum=TEAM_MAX)] = 1
    opens_ms: _TimeMs = 0
    closes_ms: _TimeMs = 0
    deadline_ms: _TimeMs = 0
    group: _Id = ''
    order: Annotated[int, Bounds(maximum=ORDER_MAX)] = 0

    def __post_init__(self) -> None:
        _check_name(self.task, 'a task')
        where = f"task '{self.task}'"
        for name in ('x_m', 'y_m', 'z_m'):
            _check_number(where, name, getattr(self, name), -NUMBER_MAX)
        for name in ('work', 'payload_kg'):
            _check_number(where, name, getattr(self, name), 0.0)
        _check_number(where, 'worth', self.worth, 0.0)
        if not self.worth > 0:
            raise AllocationError(f'{where}: worth is {self.worth:g}, it must be greater than 0')
        _check_capabilities(where, self.capabilities)
        if not 1 <= self.robots <= TEAM_MAX:
            raise AllocationError(f'{where}: robots is {self.robots}, give 1..{TEAM_MAX}')
        for name in ('opens_ms', 'closes_ms', 'deadline_ms'):
            if not 0 <= getattr(self, name) <= TIME_MS_MAX:
                raise AllocationError(f'{where}: {name} is {getattr(self, name)}, give 0..2^53')
        for name in ('closes_ms', 'deadline_ms'):
            end_ms = getattr(self, name)
            if end_ms and end_ms < self.opens_ms:
                raise AllocationError(
                    f'{where}: {name} ({end_ms}) is before opens_ms ({self.opens_ms})'
                )
        if not 0 <= self.order <= ORDER_MAX:
            raise AllocationError(f'{where}: order is {self.order}, give 0..{ORDER_MAX}')
        if self.order and not self.group:
            raise AllocationError(f'{where}: an order of {self.order} needs a group')


@value
class Worker:
    """
    What a robot can do, and where it is.

    :param rate: work by second, > 0.
    :param payload_kg: most that it can carry.
    :param range_m: how far it can still go before its battery is down to its reserve.
    :param free_in_s: it is at its place, and can go on, after so long; what it carries out now
        ends then.
    :raises AllocationError: what cannot be, and what to change.
    """

    robot: _Id
    x_m: float
    y_m: float
    z_m: float = 0.0
    speed_mps: float = 1.0
    rate: float = 1.0
    payload_kg: float = 0.0
    capabilities: _Capabilities = ()
    range_m: float = NUMBER_MAX
    free_in_s: float = 0.0

    def __post_init__(self) -> None:
        _check_name(self.robot, 'a robot')
        where = f"robot '{self.robot}'"
        for name in ('x_m', 'y_m', 'z_m'):
            _check_number(where, name, getattr(self, name), -NUMBER_MAX)
        for name in ('speed_mps', 'rate', 'payload_kg', 'range_m', 'free_in_s'):
            _check_number(where, name, getattr(self, name), 0.0)
        for name in ('speed_mps', 'rate'):
            if not getattr(self, name) > 0:
                raise AllocationError(f'{where}: {name} must be greater than 0')
        _check_capabilities(where, self.capabilities)

    def suits(self, task: Task) -> bool:
        """Return whether it can do what a task asks, wherever it is."""
        return self.payload_kg >= task.payload_kg and set(task.capabilities) <= set(
            self.capabilities
        )


def _check_name(name: str, what: str) -> None:
    if not 0 < len(name) <= ID_CHARACTERS_MAX:
        raise AllocationError(
            f'{what} has a name of {len(name)} characters, give 1..{ID_CHARACTERS_MAX}'
        )


def _check_number(where: str, name: str, number: float, minimum: float) -> None:
    if not math.isfinite(number) or not minimum <= number <= NUMBER_MAX:
        raise AllocationError(f'{where}: {name} is {number:g}, give {minimum:g}..{NUMBER_MAX:g}')


def _check_capabilities(where: str, capabilities: tuple[str, ...]) -> None:
    if len(capabilities) > CAPABILITIES_MAX:
        raise AllocationError(
            f'{where}: {len(capabilities)} capabilities, there can be {CAPABILITIES_MAX}'
        )
    for name in capabilities:
        _check_name(name, f'a capability of {where}')
    if len(set(capabilities)) != len(capabilities):
        raise AllocationError(f'{where}: a capability stands twice')
