"""Values of the supervisor: its rules, and what it says of the processes."""

from __future__ import annotations

from enum import Enum

from swarm_consensus.protocols.values import value

# Exit code with which a program says that a restart will not help.
EXIT_CONFIGURATION = 2


@value
class Respawn:
    """
    How what died is restarted: after a delay that doubles with each death in a row.

    :param delay_min: before the first restart, s.
    :param delay_max: bound of the delay, s.
    :param healthy_after: a process that ran this long begins anew at `delay_min`, s.
    """

    delay_min: float = 0.5
    delay_max: float = 10.0
    healthy_after: float = 30.0

    def delay(self, deaths: int) -> float:
        """Return the delay after the n-th death in a row, n from 1."""
        return float(min(self.delay_max, self.delay_min * 2.0 ** min(deaths - 1, 30)))


@value
class Patience:
    """How long a process may take to end after each signal, s."""

    interrupt: float = 5.0
    terminate: float = 3.0
    kill: float = 5.0


class Phase(Enum):
    """What a process is doing."""

    DOWN = 'down'  # not wanted to run
    RUNNING = 'running'
    ENDING = 'ending'
    WAITING = 'waiting'  # died, and will be restarted
    ENDED = 'ended'  # by itself, and will not be restarted
    FAILED = 'failed'  # a restart would not help


class EventKind(Enum):
    """What happened to a process."""

    STARTED = 'started'
    DIED = 'died'
    ENDED = 'ended'
    RESTARTING = 'restarting'
    FAILED = 'failed'
    STUCK = 'stuck'


@value
class Event:
    """Something that happened to a process, in words for people too."""

    kind: EventKind
    label: str
    robot: str
    text: str


@value
class ProcessState:
    """
    How a process stands.

    :param pid: 0 where it does not run.
    :param starts: how often it was started.
    :param exit_code: of the last end; None: never ended.
    """

    label: str
    robot: str
    phase: Phase
    pid: int
    starts: int
    exit_code: int | None
