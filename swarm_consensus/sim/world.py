"""
The world in a thread of its own: time goes on at its pace, sensors look when they are due.

Callbacks of the middleware only leave commands here. The thread that renders has to be the one
that gives the graphics back, so it does that whenever it ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
import threading

from swarm_consensus.sim.pace import Pace
from swarm_consensus.simulation.embedded.model import STEP_S
from swarm_consensus.simulation.embedded.physics import Physics


class Alarm:
    """
    Something that is due so many times a second of the world.

    :param rate_hz: 0: never.
    """

    __slots__ = ('_done', '_rate_hz')

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._done = 0

    def due(self, world_s: float) -> bool:
        """Return whether it is due now; several times missed are one."""
        turns = int(world_s * self._rate_hz + 1e-6)
        if turns == self._done:
            return False
        self._done = turns
        return True


class WorldThread:
    """
    Lets time pass in a world until it is told to stop, and as often as it is started.

    :param physics: used by this thread alone while it runs.
    :param pace: how fast; its factor may be changed.
    :param clock_rate_hz: how often to look up, by the time of the world.
    :param passed: called in the thread after every piece of time.
    :param failed: called in the thread with what ended it, if anything did.
    """

    def __init__(
        self,
        physics: Physics,
        pace: Pace,
        clock_rate_hz: float,
        passed: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._physics = physics
        self._pace = pace
        self._piece_s = max(1, round(1.0 / (clock_rate_hz * STEP_S))) * STEP_S
        self._passed = passed
        self._failed = failed
        self._commands: deque[tuple[str, float, float]] = deque()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def drive(self, robot: str, speed_mps: float, turn_radps: float) -> None:
        """Have a robot go so from the next piece of time on; from any thread."""
        self._commands.append((robot, speed_mps, turn_radps))

    def start(self) -> None:
        """Let time go on."""
        self._stop.clear()
        # The time that the world stood still is not to be made up for.
        self._pace.factor = self._pace.factor
        self._thread = threading.Thread(target=self._run, name='world', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Have time stand still; returns when it does."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._pace.wait_s(self._physics.time_s)):
                while self._commands:
                    self._physics.drive(*self._commands.popleft())
                self._physics.run(self._piece_s)
                self._passed()
        except Exception as error:  # noqa: BLE001 -- handed to the node, which gives up
            self._failed(error)
        finally:
            self._physics.close()
