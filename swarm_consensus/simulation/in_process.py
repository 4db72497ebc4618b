"""
A whole swarm in one process: the same runtimes as on robots, on virtual time.

What the nodes of a robot are for, DDS, a thread and a disk, is played by a `World`: an in-process
radio, a virtual clock and memory. All else is the code that runs on robots: consensus, fusion,
tasks and missions. One seed is one run, and a run goes as fast as the processor allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from swarm_consensus.missions import Registry
from swarm_consensus.runtime.config import MILLISECOND, SECOND, RuntimeConfig
from swarm_consensus.runtime.events import DecisionMade, Input, Output, StatusReport
from swarm_consensus.runtime.mission_events import ActivityJob, ActivityStop
from swarm_consensus.simulation.activities import VirtualActivities
from swarm_consensus.simulation.network import Faults, Network
from swarm_consensus.simulation.observer import Observer
from swarm_consensus.simulation.shared_reading import SharedReading
from swarm_consensus.simulation.world import World
from swarm_consensus.transport.keys import Keys

# As long as frames of 100 robots that share a radio wait for each other.
SLOT_NS = 10 * MILLISECOND
# Hears (time in ns, robot, what it tells).
Listener = Callable[[int, str, Output], None]


class Settings(Protocol):
    """What is known of one robot before it boots; `nodes.robot_settings` makes it of a file."""

    @property
    def config(self) -> RuntimeConfig:
        """Return the settings of its runtime."""

    @property
    def keys(self) -> Keys | None:
        """Return what it signs with; None: the swarm has no keys."""

    @property
    def missions(self) -> Registry:
        """Return the code of missions and activities that it has."""


class Radio(Network):
    """
    A radio whose frames wait for the end of a slot, and that may not reach everybody.

    :param random: where all luck comes from.
    :param loss: share of frames lost, 0..1; each receiver has its own luck.
    :param reach: whether a frame gets from one robot to another now, by their names.
    :raises ValueError: a loss that is no share.
    """

    def __init__(
        self,
        random: Random,
        loss: float = 0.0,
        reach: Callable[[str, str], bool] | None = None,
    ) -> None:
        if not 0.0 <= loss <= 1.0:
            raise ValueError(f'loss is {loss}, must be from 0 to 1')
        super().__init__(random, Faults(loss=loss))
        self._reach = reach

    def delays(self, sender: str, receiver: str, now_ns: int = 0) -> list[int]:
        """Return [delay in ns] of a frame; []: it is lost, or does not reach."""
        if self._reach is not None and not self._reach(sender, receiver):
            return []
        if self._cut and (sender, receiver) in self._cut:
            return []
        loss = self.faults.loss
        if loss and self._random.random() < loss:
            return []
        return [self.faults.delay_min_ns]


class InProcessSwarm:
    """
    The robots of a swarm in this process.

    :param robots: one a robot.
    :param seed: of everything that is left to chance.
    :param loss: share of frames that the radio loses.
    :param reach: see `Radio`; None: everybody reaches everybody.
    :param observer: told of everything.
    :ivar world: with the clock and the robots, for faults: a crash, a stall, a skewed clock.
    :ivar radio: to cut the swarm.
    """

    def __init__(
        self,
        robots: Sequence[Settings],
        seed: int = 1,
        *,
        loss: float = 0.0,
        reach: Callable[[str, str], bool] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._listeners: list[Listener] = []
        self._statuses: dict[str, StatusReport] = {}
        registries = {each.config.robot: each.missions for each in robots}
        self.radio = Radio(Random(f'{seed}/radio'), loss, reach)
        self.world = World(
            seed,
            [each.config for each in robots],
            listener=self._hear,
            observer=observer,
            overhear=False,
            keys={each.config.robot: each.keys for each in robots if each.keys is not None},
            missions=registries.__getitem__,
            slot_ns=SLOT_NS,
            codec=SharedReading(),
        )
        self.world.network = self.radio
        self._activities = {
            robot: VirtualActivities(self.world, robot, registry)
            for robot, registry in registries.items()
        }

    @property
    def robots(self) -> tuple[str, ...]:
        """Return the names of all robots."""
        return self.world.robots

    @property
    def now_s(self) -> float:
        """Return how much virtual time has passed, in s."""
        return self.world.now_ns / SECOND

    def listen(self, listener: Listener) -> None:
        """Have somebody hear everything that robots tell from now on, in its order."""
        self._listeners.append(listener)

    def put(self, robot: str, item: Input) -> None:
        """Give an input to a robot now, as its nodes would."""
        self.world.put(robot, item)

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.world.run(self.world.now_ns + round(seconds * SECOND))

    def crash(self, robot: str) -> None:
        """Take a robot down without warning, with the activities that run there."""
        self._activities[robot].lose()
        self._statuses.pop(robot, None)
        self.world.crash(robot)

    def status(self, robot: str) -> StatusReport | None:
        """Return the newest status that a robot has told; None: it has told none since its boot."""
        return self._statuses.get(robot)

    @property
    def leader(self) -> str:
        """Return who leads in the newest term that a robot tells of; '' for nobody."""
        told = [each.status for each in self._statuses.values()]
        return max(told, key=lambda status: status.term).leader if told else ''

    def run_until_led(self, seconds_max: float = 30.0) -> str:
        """
        Let time pass until most robots follow one leader; returns its name.

        :raises TimeoutError: they do not within so long.
        """
        until_s = self.now_s + seconds_max
        while self.now_s < until_s:
            self.run(0.1)
            leader = self.leader
            following = sum(each.status.leader == leader for each in self._statuses.values())
            if leader and 2 * following > len(self.robots):
                return leader
        raise TimeoutError(f'the robots follow no leader after {seconds_max:g} s')

    def _hear(self, now_ns: int, robot: str, output: Output) -> None:
        if isinstance(output, StatusReport):
            self._statuses[robot] = output
        elif isinstance(output, ActivityJob | ActivityStop):
            self._activities[robot].hear(output)
        for listener in self._listeners:
            listener(now_ns, robot, output)


class Decisions:
    """
    What robots decide, as they tell it; a listener.

    :ivar first: by subject, the first answer that any robot told, and when in ns.
    :ivar told: by subject and robot, the newest answer.
    :ivar contradictions: subjects on which two robots told different answers of one revision.
    """

    def __init__(self) -> None:
        self.first: dict[str, tuple[int, DecisionMade]] = {}
        self.told: dict[str, dict[str, DecisionMade]] = {}
        self.contradictions: set[str] = set()
        self._choices: dict[tuple[str, int], str] = {}

    def __call__(self, now_ns: int, robot: str, output: Output) -> None:
        """Hear what a robot tells."""
        if not isinstance(output, DecisionMade) or not output.decision.status.answered:
            return
        decision = output.decision
        self.first.setdefault(decision.subject, (now_ns, output))
        self.told.setdefault(decision.subject, {})[robot] = output
        choice = self._choices.setdefault((decision.subject, decision.revision), decision.choice)
        if choice != decision.choice:
            self.contradictions.add(decision.subject)
