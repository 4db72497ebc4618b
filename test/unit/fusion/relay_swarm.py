"""Robots with a relay each on a radio graph, and a centre that knows what each of them has said."""

from __future__ import annotations

from random import Random

from swarm_consensus.protocols.fusion.messages import Item, Items, Message
from swarm_consensus.protocols.fusion.relay import FOR_EVER, Relay, RelayConfig
from swarm_consensus.simulation.fusion.graphs import Graph
from swarm_consensus.simulation.fusion.radio import Radio, RadioFaults

TICK_US = 1_000
TOPIC = 'sign'
PERFECT = RadioFaults()


class RelaySwarm:
    """
    Robots r000, r001, ... whose ticks are the rounds of the radio.

    :ivar said: the newest that each robot has said in all its boots; the truth to compare with.
    """

    def __init__(
        self, graph: Graph, seed: int, faults: RadioFaults = PERFECT, **settings: int
    ) -> None:
        self.random = Random(seed)
        self.names = tuple(f'r{n:03}' for n in range(len(graph)))
        self.radio: Radio[Message] = Radio(graph, faults, self.random)
        self.settings = settings
        self.boots = [1] * len(graph)
        self.sequences = [0] * len(graph)
        self.said: dict[int, Item] = {}
        self.admitted: list[list[Item]] = [[] for _ in graph]
        self.relays = [self._boot(robot) for robot in range(len(graph))]
        self.items_sent = 0

    def _boot(self, robot: int) -> Relay:
        config = RelayConfig(
            self.names[robot], self.names, self.boots[robot], TICK_US, **self.settings
        )
        self.admitted[robot] = []

        def admit(item: Item) -> int:
            self.admitted[robot].append(item)
            return FOR_EVER

        return Relay(config, Random(self.random.getrandbits(64)), admit)

    def reboot(self, robot: int) -> None:
        """Let a robot forget everything but its count of boots."""
        self.boots[robot] += 1
        self.sequences[robot] = 0
        self.relays[robot] = self._boot(robot)

    def say(self, robot: int, body: bytes, topic: str = TOPIC) -> Item:
        """Let a robot say something new."""
        self.sequences[robot] += 1
        item = Item(self.names[robot], self.boots[robot], self.sequences[robot], topic, body)
        self.relays[robot].put(item)
        self.said[robot] = item
        return item

    def run(self, rounds: int = 1) -> None:
        """Let rounds pass."""
        for _ in range(rounds):
            for receiver, sender, message in self.radio.next_round():
                self.relays[receiver].receive(self.names[sender], message)
            for robot, relay in enumerate(self.relays):
                relay.pass_time(1)
                effects = relay.take_effects()
                for send in effects.send if effects else ():
                    if isinstance(send.message, Items):
                        self.items_sent += len(send.message.items)
                    self.radio.send(robot, send.message)

    def held(self, robot: int, topic: str = TOPIC) -> dict[str, tuple[int, int, bytes]]:
        """What a robot holds: (boot, sequence, body) of each robot."""
        items = self.relays[robot].held(topic)
        return {name: (i.incarnation, i.sequence, i.body) for name, i in items.items()}

    def truth(self, robots: set[int] | None = None) -> dict[str, tuple[int, int, bytes]]:
        """What everybody should hold."""
        return {
            item.origin: (item.incarnation, item.sequence, item.body)
            for robot, item in self.said.items()
            if robots is None or robot in robots
        }

    def settle(self, rounds_max: int, robots: set[int] | None = None) -> int:
        """Let rounds pass until all hold the truth; returns how many it took."""
        for count in range(rounds_max + 1):
            truth = self.truth(robots)
            if all(self.held(r) == truth for r in (robots or range(len(self.relays)))):
                return count
            self.run()
        wrong = {
            robot: set(self.truth(robots).items()) ^ set(self.held(robot).items())
            for robot in (robots or range(len(self.relays)))
        }
        raise AssertionError(f'not the same after {rounds_max} rounds: {wrong}')
