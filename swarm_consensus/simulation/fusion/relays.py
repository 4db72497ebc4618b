"""Robots on a radio graph that relay items; their ticks are the rounds of the radio."""

from __future__ import annotations

from random import Random

from swarm_consensus.protocols.fusion.messages import Hello, Item, Items, Vector
from swarm_consensus.protocols.fusion.relay import FOR_EVER, Relay, RelayConfig
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.simulation.fusion.graphs import Graph
from swarm_consensus.simulation.fusion.radio import Radio, RadioFaults

TICK_US = 20_000
TOPIC = 'sign'


class Relays:
    """
    Robots r0000, r0001, ...

    :ivar bytes: that each robot has sent, by the real codec, without headers of frames.
    """

    def __init__(
        self, graph: Graph, seed: int, faults: RadioFaults, *, hello_ticks: int
    ) -> None:
        random = Random(seed)
        self.names = tuple(f'r{n:04}' for n in range(len(graph)))
        self.radio: Radio[Hello | Items | Vector] = Radio(graph, faults, random)
        self.bytes = [0] * len(graph)
        self._sequence = 0
        self.relays = [
            Relay(
                RelayConfig(name, self.names, 1, TICK_US, hello_ticks=hello_ticks),
                Random(random.getrandbits(64)),
                lambda item: FOR_EVER,
            )
            for name in self.names
        ]

    def say(self, robot: int, body: bytes) -> None:
        """Let a robot say something new."""
        self._sequence += 1
        self.relays[robot].put(Item(self.names[robot], 1, self._sequence, TOPIC, body))

    def step(self) -> None:
        """Let a round pass."""
        for receiver, sender, message in self.radio.next_round():
            self.relays[receiver].receive(self.names[sender], message)
        for robot, relay in enumerate(self.relays):
            relay.pass_time(1)
            effects = relay.take_effects()
            for send in effects.send if effects else ():
                assert isinstance(send.message, (Hello, Items, Vector))
                self.bytes[robot] += len(MESSAGES.encode(send.message, send.to))
                self.radio.send(robot, send.message)

    def agree(self) -> bool:
        """Return whether all hold the newest item of every robot."""
        first = self.relays[0]
        digest = first.digest(TOPIC)
        if any(relay.digest(TOPIC) != digest for relay in self.relays):
            return False
        held = first.held(TOPIC)
        return all(
            name in held and held[name].version == relay.held(TOPIC)[name].version
            for name, relay in zip(self.names, self.relays, strict=True)
        )
