"""A swarm on virtual time that runs missions, whose activities take virtual time too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from swarm_consensus.decision.types import Status
from swarm_consensus.missions import Registry
from swarm_consensus.missions.payload import pack, unpack
from swarm_consensus.protocols.missions import MissionRow
from swarm_consensus.protocols.missions.events import Event, MissionStatus
from swarm_consensus.protocols.missions.operations import Begin, Cancel, EndKind, Signal
from swarm_consensus.runtime.config import MILLISECOND, SECOND
from swarm_consensus.runtime.events import Output
from swarm_consensus.runtime.mission_events import (
    ActivityEnded,
    ActivityJob,
    ActivityKey,
    ActivityStop,
    MissionAnswered,
    MissionAsked,
    MissionQueried,
    MissionQueryAnswered,
    UserOperation,
)
from swarm_consensus.simulation.network import Faults
from swarm_testing.virtual_swarm import Swarm

Act = Callable[[str, Any], object]


class MissionSwarm(Swarm):
    """
    Robots whose activities have effects, which are counted.

    :param act: what an activity does, by its name and input.
    :param takes_ms: how long it takes.
    :ivar runs: how often each activity was run, by token.
    :ivar effects: how often each had its effect, by token: an idempotent target has it once.
    :ivar jobs: every attempt that was begun: time, robot, job.
    """

    def __init__(
        self,
        registry: Callable[[str], Registry],
        robots: int = 3,
        seed: int = 1,
        faults: Faults = Faults(),  # noqa: B008
        *,
        act: Act = lambda name, given: given,
        takes_ms: int = 50,
        **changes: object,
    ) -> None:
        self.act = act
        self.takes_ns = takes_ms * MILLISECOND
        self.runs: Counter[str] = Counter()
        self.jobs: list[tuple[int, str, ActivityJob]] = []
        self.stops: list[tuple[str, ActivityStop]] = []
        self._open: dict[tuple[str, int, ActivityKey], ActivityJob] = {}
        super().__init__(robots, seed, faults, missions=registry, **changes)
        self.world._listener = self._heard
        self._asks = 10**6

    def _heard(self, time_ns: int, robot: str, output: Output) -> None:
        if isinstance(output, ActivityJob):
            self._begin(time_ns, robot, output)
        elif isinstance(output, ActivityStop):
            self.stops.append((robot, output))
            self._end(robot, self.world.boots(robot), output.attempt, cancelled=True)
        else:
            self.told.append((time_ns, robot, output))

    def _begin(self, time_ns: int, robot: str, job: ActivityJob) -> None:
        self.jobs.append((time_ns, robot, job))
        self.runs[job.token] += 1
        boot = self.world.boots(robot)
        self._open[robot, boot, job.attempt] = job
        self.world.at(time_ns + self.takes_ns, lambda: self._end(robot, boot, job.attempt))

    def _end(self, robot: str, boot: int, key: ActivityKey, cancelled: bool = False) -> None:
        job = self._open.pop((robot, boot, key), None)
        if job is None or self.world.boots(robot) != boot or not self.world.up(robot):
            return
        if cancelled:
            ended = ActivityEnded(key, EndKind.CANCELLED, kind='Cancelled', message='stopped')
            self.world.at(self.world.now_ns + 1, lambda: self.world.put(robot, ended))
            return
        try:
            result = pack(self.act(job.name, unpack(job.input, 'the input')), 'the result')
            ended = ActivityEnded(key, EndKind.COMPLETED, result)
        except ValueError as error:
            ended = ActivityEnded(key, EndKind.FAILED, kind='ValueError', message=str(error))
        self.world.put(robot, ended)

    def ask(self, robot: str, operation: UserOperation, request_id: str = '') -> int:
        """Ask a robot for something; returns the key of the answer."""
        self._asks += 1
        self.world.put(robot, MissionAsked(self._asks, operation, request_id, 2 * SECOND))
        return self._asks

    def begin(self, robot: str, mission: str, name: str, input: object = None) -> int:
        """Begin a mission."""
        return self.ask(robot, Begin(mission, name, pack(input, 'the input')), f'begin {mission}')

    def signal(self, robot: str, mission: str, name: str, payload: object = None) -> int:
        """Tell a mission something."""
        return self.ask(robot, Signal(mission, name, pack(payload, 'the signal')))

    def cancel(self, robot: str, mission: str, reason: str = 'enough') -> int:
        """Ask a mission to end."""
        return self.ask(robot, Cancel(mission, reason))

    def query(self, robot: str, mission: str, name: str, argument: object = None) -> str | object:
        """Ask the code of a mission something; returns the answer, or why there is none."""
        self._asks += 1
        key = self._asks
        self.world.put(robot, MissionQueried(key, mission, name, pack(argument, 'it')))
        [told] = [x for x in self.outputs(robot, MissionQueryAnswered) if x.key == key]
        return told.reason or unpack(told.answer, 'the answer')

    def answered(self, key: int) -> MissionAnswered | None:
        """The answer to what was asked."""
        answers = [o for _, _, o in self.told if isinstance(o, MissionAnswered) and o.key == key]
        assert len(answers) <= 1, f'{key} was answered {len(answers)} times'
        return answers[0] if answers else None

    def taken(self, key: int) -> bool:
        """Whether what was asked was done."""
        answer = self.answered(key)
        return answer is not None and answer.status is Status.DECIDED

    def row(self, mission: str, robot: str = '') -> MissionRow | None:
        """How a mission stands at a robot; at the one that has come furthest."""
        states = [
            # One that is recorded stands around another one.
            getattr(runtime, '_runtime', runtime)._state
            for each in ([robot] if robot else self.robots)
            if (runtime := self.world.runtime(each)) is not None
        ]
        newest = max(states, key=lambda state: state.index, default=None)
        return None if newest is None else newest.missions.get(mission)

    def events(self, mission: str) -> list[Event]:
        """The history of a mission."""
        row = self.row(mission)
        return [] if row is None else [each.event for each in row.history]

    def status_of(self, mission: str) -> MissionStatus | None:
        """How a mission stands."""
        row = self.row(mission)
        return None if row is None else row.status

    def run_until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Let time pass until something holds."""
        until_ns = self.world.now_ns + int(seconds * SECOND)
        while not condition():
            assert self.world.now_ns < until_ns, f'not within {seconds} s'
            self.run(0.02)

    def finish(self, mission: str, seconds: float = 60) -> MissionStatus:
        """Let time pass until a mission has ended."""

        def ended() -> bool:
            status = self.status_of(mission)
            return status is not None and status.closed

        self.run_until(ended, seconds)
        status = self.status_of(mission)
        assert status is not None
        return status
