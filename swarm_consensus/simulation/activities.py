"""
Activities of missions on virtual time: each in a thread, of which never more than one runs.

An activity is an ordinary function that may wait. The world hands it the turn and goes on only when
it has ended or waits; what it waits for is virtual time. So a run with activities is as much the
matter of its seed as one without. The context is that of `nodes/mission_activities.py`.
"""

from __future__ import annotations

import threading
from typing import Any

from swarm_consensus.missions import MissionError, Registry
from swarm_consensus.missions.payload import pack, unpack
from swarm_consensus.protocols.missions.operations import EndKind
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.mission_events import (
    ActivityBeat,
    ActivityEnded,
    ActivityJob,
    ActivityKey,
    ActivityStop,
)
from swarm_consensus.simulation.world import World


class ActivityCancelled(Exception):  # noqa: N818 -- as the one of the nodes
    """The activity ends because it was asked to."""


class VirtualActivity:
    """
    One attempt that runs, and what it knows of itself: the context of its function.

    :ivar mission: that it is done for.
    :ivar attempt: which attempt this is, from 1.
    :ivar token: the same for all attempts.
    :ivar repeated: of an earlier attempt nobody knows how far it came.
    :ivar details: what the last sign of life of an earlier attempt said; None: nothing.
    """

    def __init__(self, world: World, robot: str, job: ActivityJob, function: Any) -> None:
        self.mission = job.attempt.mission
        self.attempt = job.attempt.attempt
        self.token = job.token
        self.repeated = job.repeated
        self.details = unpack(job.beat, 'the details') if job.beat else None
        self.gone = False
        self._world = world
        self._robot = robot
        self._job = job
        self._function = function
        self._reason: str | None = None
        self._wakes_ns = -1
        self._ended: ActivityEnded | None = None
        self._turn = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        # A daemon: a run that ends amid an activity leaves it where it waits.
        self._thread = threading.Thread(target=self._run, name=job.name, daemon=True)

    @property
    def cancelled(self) -> bool:
        """Whether it is asked to end."""
        return self._reason is not None

    def wait(self, seconds: float) -> None:
        """
        Let virtual time pass, unless it is asked to end.

        :raises ActivityCancelled: it is.
        """
        if self._reason is None:
            self._wakes_ns = self._world.now_ns + max(0, int(seconds * SECOND))
            self._world.at(self._wakes_ns, self._wake)
            self._back.release()
            self._turn.acquire()
        if self._reason is not None:
            raise ActivityCancelled(self._reason)

    def heartbeat(self, details: object = None) -> None:
        """
        Give a sign of life, with how far it is; the next attempt is told.

        :raises ActivityCancelled: it is asked to end.
        """
        if self._reason is not None:
            raise ActivityCancelled(self._reason)
        beat = ActivityBeat(self._job.attempt, pack(details, 'the details'))
        self._world.at(self._world.now_ns, lambda: self._put(beat))

    # -- in the thread of the world ---------------------------------------------------------------

    def begin(self) -> None:
        """Run until it waits or has ended."""
        self._thread.start()
        self._hand_over()

    def stop(self, reason: str) -> None:
        """Ask it to end; it hears of it at once."""
        if self._reason is None and not self.gone:
            self._reason = reason
            self._hand_over()

    def _wake(self) -> None:
        if not self.gone and self._reason is None and self._world.now_ns >= self._wakes_ns:
            self._hand_over()

    def _hand_over(self) -> None:
        self._turn.release()
        self._back.acquire()
        if self._ended is not None:
            self.gone = True
            self._put(self._ended)

    def _put(self, item: ActivityBeat | ActivityEnded) -> None:
        self._world.put(self._robot, item)

    # -- in its own -------------------------------------------------------------------------------

    def _run(self) -> None:
        self._turn.acquire()
        self._ended = self._outcome()
        self._back.release()

    def _outcome(self) -> ActivityEnded:
        job = self._job
        try:
            result = self._function(self, unpack(job.input, 'the input'))
            data = pack(result, f"the result of '{job.name}'")
            return ActivityEnded(job.attempt, EndKind.COMPLETED, data)
        except ActivityCancelled as error:
            return ActivityEnded(
                job.attempt, EndKind.CANCELLED, kind='Cancelled', message=str(error)
            )
        # The activity is the user's: whatever it raises is its failure, and is in the history.
        except BaseException as error:  # noqa: BLE001
            kind = error.kind if isinstance(error, MissionError) else type(error).__name__
            return ActivityEnded(job.attempt, EndKind.FAILED, kind=kind, message=str(error))


class VirtualActivities:
    """
    The activities that run at one robot.

    :param registry: its code.
    """

    def __init__(self, world: World, robot: str, registry: Registry) -> None:
        self._world = world
        self._robot = robot
        self._registry = registry
        self._running: dict[ActivityKey, VirtualActivity] = {}

    def hear(self, output: ActivityJob | ActivityStop) -> None:
        """Begin an activity, or ask one to end, once the step that says so is over."""
        self._world.at(self._world.now_ns, lambda: self._carry_out(output))

    def lose(self) -> None:
        """Forget them all: the robot is down."""
        for activity in self._running.values():
            activity.gone = True
        self._running.clear()

    def _carry_out(self, output: ActivityJob | ActivityStop) -> None:
        for key in [key for key, each in self._running.items() if each.gone]:
            del self._running[key]
        if isinstance(output, ActivityStop):
            running = self._running.get(output.attempt)
            if running is not None:
                running.stop(output.reason)
            return
        function = self._registry.activity(output.name)
        activity = VirtualActivity(self._world, self._robot, output, function)
        self._running[output.attempt] = activity
        activity.begin()
