"""
What a mission can raise, and what is raised into it.

`Cancelled` and `Continued` are no `Exception`: an `except Exception` around a step does not stop
them on their way out.
"""

from __future__ import annotations


class MissionError(Exception):
    """
    Something went wrong with a mission's step, or the mission says that it itself has failed.

    :ivar kind: by which retries and those who wait for the mission know the error.
    """

    def __init__(self, message: str, kind: str = '') -> None:
        super().__init__(message)
        self.kind = kind or type(self).__name__


class ActivityError(MissionError):
    """An activity failed, and does not run again; `kind` is that of its last error."""


class ActivityTimedOutError(ActivityError):
    """
    An activity was not begun or not ended in time, and does not run again.

    :ivar started: whether it had begun: then nobody knows whether it has had its effect.
    """

    def __init__(self, message: str, started: bool) -> None:
        super().__init__(message)
        self.started = started


class ActivityUnknownError(ActivityError):
    """
    An activity was begun, nobody knows how far it came, and it does not run again.

    It is AT_MOST_ONCE, or has no attempts left; its robot is gone, or has lost what did the work.
    """


class ChildError(MissionError):
    """A child mission has failed or was cancelled; `kind` is that of its error."""


class TimedOutError(MissionError):
    """What was waited for did not come in time."""


class HistoryFullError(MissionError):
    """The history of this run is full: it has to `continue_as_new` before it is."""


class Cancelled(BaseException):  # noqa: N818
    """The mission, or this part of it, has been asked to end."""


class Continued(BaseException):  # noqa: N818
    """
    The mission goes on as a new run.

    :ivar input: of the new run, encoded.
    """

    def __init__(self, input: bytes) -> None:
        super().__init__('the mission goes on as a new run')
        self.input = input


class Halted(BaseException):  # noqa: N818
    """The interpreter has stopped; the code is being taken down and can ask for nothing more."""


class NonDeterminismError(Exception):
    """
    The code of a mission does something else than its history says it did.

    :ivar place: `file:line` of the command, or of where the code waits.
    :ivar event: number of the event that it does not fit, from 1; 0: none.
    """

    def __init__(self, place: str, event: int, message: str) -> None:
        super().__init__(f'{place}: {message}')
        self.place = place
        self.event = event
