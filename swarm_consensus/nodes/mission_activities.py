"""
The activities of missions as a robot carries them out: each in a thread of its own.

An activity is an ordinary function of (context, input). What it returns is its result, what it
raises is its failure; both go into the history. It is asked to end through the context, and has to
look there now and then: nobody can stop a thread that does not.
"""

from __future__ import annotations

from collections.abc import Callable
import threading
from typing import Any

from swarm_consensus.missions import MissionError, Registry
from swarm_consensus.missions.payload import pack, unpack
from swarm_consensus.protocols.missions.operations import EndKind
from swarm_consensus.runtime.events import Input
from swarm_consensus.runtime.mission_events import (
    ActivityBeat,
    ActivityEnded,
    ActivityJob,
    ActivityKey,
    ActivityStop,
)


class ActivityCancelled(Exception):  # noqa: N818
    """The activity ends because it was asked to."""


class OutcomeUnknown(Exception):  # noqa: N818
    """
    The activity cannot know how far it came, as what did the work is gone.

    Whether it is done again is what its mission says by `delivery`, as where a robot is gone.
    """


class ActivityContext:
    """
    What an activity knows of itself.

    :ivar mission: that it is done for.
    :ivar attempt: which attempt this is, from 1.
    :ivar token: the same for all attempts: hand it to whoever has the effect, so that it has it
        once.
    :ivar repeated: of an earlier attempt nobody knows how far it came.
    :ivar details: what the last sign of life of an earlier attempt said; None: nothing.
    """

    def __init__(self, job: ActivityJob, put: Callable[[Input], object]) -> None:
        self.mission = job.attempt.mission
        self.attempt = job.attempt.attempt
        self.token = job.token
        self.repeated = job.repeated
        self.details = unpack(job.beat, 'the details') if job.beat else None
        self._key = job.attempt
        self._put = put
        self._stop = threading.Event()
        self._reason = ''

    @property
    def cancelled(self) -> bool:
        """Whether it is asked to end."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> None:
        """
        Wait, unless it is asked to end.

        :raises ActivityCancelled: it is.
        """
        if self._stop.wait(seconds):
            raise ActivityCancelled(self._reason)

    def heartbeat(self, details: object = None) -> None:
        """
        Give a sign of life, with how far it is; the next attempt is told.

        :raises ActivityCancelled: it is asked to end.
        """
        if self._stop.is_set():
            raise ActivityCancelled(self._reason)
        self.beat(details)

    def beat(self, details: object = None) -> None:
        """Give a sign of life, also while it is ending because it was asked to."""
        self._put(ActivityBeat(self._key, pack(details, 'the details')))

    def stop(self, reason: str) -> None:
        """Ask it to end."""
        self._reason = reason
        self._stop.set()


class ActivityThreads:
    """
    The activities that run on this robot.

    :param put: hands an input to the runtime.
    """

    def __init__(self, registry: Registry, put: Callable[[Input], object]) -> None:
        self._registry = registry
        self._put = put
        self._running: dict[ActivityKey, ActivityContext] = {}

    def deliver(self, output: ActivityJob | ActivityStop) -> None:
        """Begin an activity, or ask one to end; in the thread of the runtime."""
        if isinstance(output, ActivityStop):
            running = self._running.get(output.attempt)
            if running is not None:
                running.stop(output.reason)
            return
        context = self._running[output.attempt] = ActivityContext(output, self._put)
        # A daemon: an activity that does not look at its context must not keep the robot from
        # shutting down.
        threading.Thread(
            target=self._run, args=(output, context), name=output.name, daemon=True
        ).start()

    def stop(self) -> None:
        """Ask all to end, and hear no more of them."""
        for context in tuple(self._running.values()):
            context.stop('the robot shuts down')
        self._running.clear()

    def _run(self, job: ActivityJob, context: ActivityContext) -> None:
        ended = self._outcome(job, context)
        if self._running.pop(job.attempt, None) is not None:
            self._put(ended)

    def _outcome(self, job: ActivityJob, context: ActivityContext) -> ActivityEnded:
        function: Any = self._registry.activity(job.name)
        try:
            result = function(context, unpack(job.input, 'the input'))
            data = pack(result, f"the result of '{job.name}'")
            return ActivityEnded(job.attempt, EndKind.COMPLETED, data)
        except ActivityCancelled as error:
            return ActivityEnded(
                job.attempt, EndKind.CANCELLED, kind='Cancelled', message=str(error)
            )
        except OutcomeUnknown as error:
            return ActivityEnded(
                job.attempt, EndKind.UNKNOWN, kind='OutcomeUnknown', message=str(error)
            )
        # The activity is the user's: whatever it raises is its failure, and is in the history.
        except BaseException as error:  # noqa: BLE001
            kind = error.kind if isinstance(error, MissionError) else type(error).__name__
            return ActivityEnded(job.attempt, EndKind.FAILED, kind=kind, message=str(error))
