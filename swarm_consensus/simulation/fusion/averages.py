"""Robots on a radio graph that average; their ticks are the rounds of the radio."""

from __future__ import annotations

from dataclasses import dataclass, replace
import itertools
from random import Random

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.protocols.fusion.averaging import Averaging, AveragingConfig
from swarm_consensus.protocols.fusion.messages import Hello, Shares
from swarm_consensus.protocols.fusion.relay import KNOWN, Relay, RelayConfig
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.simulation.fusion.graphs import Graph
from swarm_consensus.simulation.fusion.radio import Radio, RadioFaults

TICK_US = 1_000
TOPIC = 'sign'


@dataclass(slots=True)
class Weight:
    """
    What was sent, by the real codec, without the headers of frames.

    :ivar shares: bytes of the shares of all robots.
    :ivar hellos: bytes of their hellos.
    """

    shares: int = 0
    hellos: int = 0
    hello_count: int = 0


class Averages:
    """
    Robots r0000, r0001, ...; each has a relay, for its hellos, and an average.

    :param width: components of the inputs.
    :param weigh: count the bytes of everything that is sent.
    :ivar inputs: what each robot has put in, or None.
    :ivar up: which robots run.
    """

    def __init__(
        self,
        graph: Graph,
        width: int,
        seed: int,
        faults: RadioFaults,
        *,
        hello_ticks: int = 2,
        near_ticks: int = 30,
        shares_max: int = 8,
        weigh: bool = False,
    ) -> None:
        self.random = Random(seed)
        self.width = width
        self.names = tuple(f'r{n:04}' for n in range(len(graph)))
        self.places = {name: place for place, name in enumerate(self.names)}
        self.radio: Radio[Hello | Shares] = Radio(graph, faults, self.random)
        self.inputs: list[NDArray[np.float64] | None] = [None] * len(graph)
        self.boots = [1] * len(graph)
        self.up = [True] * len(graph)
        self._weight = Weight()
        self._weigh = weigh
        self._ticks = (hello_ticks, near_ticks)
        self._shares_max = shares_max
        self.relays: list[Relay] = []
        self.averages: list[Averaging] = []
        for robot in range(len(graph)):
            relay, average = self._boot(robot)
            self.relays.append(relay)
            self.averages.append(average)

    def _boot(self, robot: int) -> tuple[Relay, Averaging]:
        hello_ticks, near_ticks = self._ticks
        config = RelayConfig(
            self.names[robot],
            self.names,
            self.boots[robot],
            TICK_US,
            hello_ticks=hello_ticks,
            idle_ticks=hello_ticks,
            near_ticks=near_ticks,
            far_ticks=2 * near_ticks,
        )
        relay = Relay(config, Random(self.random.getrandbits(64)), lambda item: KNOWN)
        average = Averaging(
            AveragingConfig(TOPIC, self.boots[robot], self.width, TICK_US, 1, self._shares_max),
            relay.neighbours,
            Random(self.random.getrandbits(64)),
            itertools.count(1),
        )
        return relay, average

    def reboot(self, robot: int) -> None:
        """Let a robot forget everything but its count of boots, and run."""
        self.boots[robot] += 1
        self.relays[robot], self.averages[robot] = self._boot(robot)
        self.inputs[robot] = None
        self.up[robot] = True

    def stop(self, robot: int) -> None:
        """Let a robot be gone."""
        self.up[robot] = False
        self.inputs[robot] = None

    def put(self, robot: int, vector: NDArray[np.float64] | None, age_us: int = 0) -> None:
        """Let a robot put something in, in the place of what it had put in before."""
        self.inputs[robot] = vector
        self.averages[robot].put(vector, age_us)

    def step(self) -> None:
        """Let a round pass."""
        for receiver, sender, message in self.radio.next_round():
            if not self.up[receiver]:
                continue
            if isinstance(message, Shares):
                self.averages[receiver].receive(self.names[sender], message)
            else:
                self.relays[receiver].receive(self.names[sender], message)
        for robot, up in enumerate(self.up):
            if up:
                self._speak(robot)

    def _speak(self, robot: int) -> None:
        for protocol in (self.relays[robot], self.averages[robot]):
            protocol.pass_time(1)
            effects = protocol.take_effects()
            for send in effects.send if effects else ():
                assert isinstance(send.message, (Hello, Shares))
                if self._weigh:
                    size = len(MESSAGES.encode(send.message, send.to))
                    if isinstance(send.message, Shares):
                        self._weight.shares += size
                    else:
                        self._weight.hellos += size
                        self._weight.hello_count += 1
                to = {self.places[name] for name in send.to}
                self.radio.send(robot, send.message, to)

    def weight(self) -> Weight:
        """Return what was sent so far, where it is weighed."""
        return replace(self._weight)

    def truth(self, robots: set[int]) -> NDArray[np.float64]:
        """Return the sums over some robots, and how many of them have an input."""
        total = np.zeros(self.width + 1)
        for robot in robots:
            vector = self.inputs[robot]
            if vector is not None:
                total[:-1] += vector
                total[-1] += 1
        return total

    def error(self, robots: set[int]) -> float:
        """Return the largest difference between the truth of robots and what they take for it."""
        truth = self.truth(robots)
        worst = 0.0
        for robot in robots:
            sums = self.averages[robot].sums()
            if sums is None:
                return float('inf')
            worst = max(worst, float(np.abs(sums - truth).max()))
        return worst
