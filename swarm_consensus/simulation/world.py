"""
A swarm on virtual time.

Each robot is the real `RobotRuntime` with its own memory disk. It steps when something arrives
and when its next tick is due, and every step is over at once: time passes only between steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import heapq
from random import Random

from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.events import FrameArrived, Input, Output
from swarm_consensus.runtime.robot import RobotRuntime
from swarm_consensus.simulation.network import Faults, Network
from swarm_consensus.storage.memory import MemoryDisk, MemoryStorage
from swarm_consensus.transport.frame import FrameHeader

# A robot whose next tick is due now would otherwise be asked again at the same instant for ever.
SLEEP_NS_MIN = 1_000


class _Host:
    """One robot's place in the world: clock and transport of its runtime, and its disk."""

    def __init__(self, world: World, place: str, config: RuntimeConfig) -> None:
        self.place = place
        self.config = config
        self.disk = MemoryDisk()
        self.runtime: RobotRuntime | None = None
        self.boots = 0
        self._world = world

    def now_ns(self) -> int:
        """Return virtual time: the port `Clock`."""
        return self._world.now_ns

    def send(self, frames: Sequence[tuple[FrameHeader, bytes]]) -> None:
        """Put frames on the air: the port `Transport`."""
        self._world.broadcast(self.place, frames)


class World:
    """
    Robots, network and time of one simulation.

    :param seed: decides everything that is left to chance.
    :param configs: one a robot.
    :param listener: called with (time in ns, robot, output) for everything that a robot tells.
    """

    def __init__(
        self,
        seed: int,
        configs: Sequence[RuntimeConfig],
        faults: Faults = Faults(),  # noqa: B008
        listener: Callable[[int, str, Output], None] | None = None,
    ) -> None:
        self.now_ns = 0
        self._random = Random(seed)
        self.network = Network(Random(self._random.getrandbits(64)), faults)
        self._listener = listener
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._hosts: dict[str, _Host] = {}
        for config in configs:
            self.add(config)

    @property
    def robots(self) -> tuple[str, ...]:
        """Return the names of all robots, up or down."""
        return tuple(self._hosts)

    def add(self, config: RuntimeConfig, place: str = '') -> None:
        """
        Put a robot into the world and boot it.

        :param place: what the world calls it; '': its name. Another place lets two robots of one
            name meet.
        """
        place = place or config.robot
        self._hosts[place] = _Host(self, place, config)
        self.start(place)

    def configure(self, robot: str, change: Callable[[RuntimeConfig], RuntimeConfig]) -> None:
        """Change the settings of a robot, from its next boot on."""
        host = self._hosts[robot]
        host.config = change(host.config)

    def disk(self, robot: str) -> MemoryDisk:
        """Return a robot's disk, to switch its faults on."""
        return self._hosts[robot].disk

    def replace_disk(self, robot: str) -> None:
        """Give a robot that is down an empty disk."""
        self._hosts[robot].disk = MemoryDisk()

    def up(self, robot: str) -> bool:
        """Return whether a robot runs."""
        return self._hosts[robot].runtime is not None

    def start(self, robot: str) -> None:
        """Boot a robot from its disk."""
        host = self._hosts[robot]
        storage = MemoryStorage(host.disk)
        host.boots += 1
        host.runtime = RobotRuntime(
            host.config,
            clock=host,
            transport=host,
            storage=storage,
            incarnation=storage.boot(host.boots),
            restored=storage.load().restored,
            random=Random(self._random.getrandbits(64)),
        )
        self._sleep(host)

    def crash(self, robot: str) -> None:
        """Take a robot down without warning; what it had not synced is gone."""
        host = self._hosts[robot]
        host.runtime = None
        host.disk.crash()

    def put(self, robot: str, item: Input) -> None:
        """Give an input to a robot now; a robot that is down does not get it."""
        self._step(self._hosts[robot], [item])

    def at(self, time_ns: int, action: Callable[[], None]) -> None:
        """Have something done at a time, after what is already planned for it."""
        self._count += 1
        heapq.heappush(self._agenda, (time_ns, self._count, action))

    def run(self, until_ns: int) -> None:
        """Let time pass."""
        while self._agenda and self._agenda[0][0] <= until_ns:
            time_ns, _, action = heapq.heappop(self._agenda)
            self.now_ns = max(self.now_ns, time_ns)
            action()
        self.now_ns = until_ns

    def broadcast(self, sender: str, frames: Sequence[tuple[FrameHeader, bytes]]) -> None:
        """Plan the arrival of frames at every other robot."""
        for header, batch in frames:
            arrival = FrameArrived(header, batch)
            for robot, host in self._hosts.items():
                if robot == sender:
                    continue
                for delay_ns in self.network.delays(sender, robot):
                    self.at(self.now_ns + delay_ns, _Delivery(self, host, arrival))

    def deliver(self, host: _Host, arrival: FrameArrived) -> None:
        """Let a frame arrive."""
        self._step(host, [arrival])

    def _sleep(self, host: _Host) -> None:
        runtime = host.runtime
        if runtime is None:
            return
        boot = host.boots

        def wake() -> None:
            if host.boots == boot and host.runtime is not None:
                self._step(host, [])
                self._sleep(host)

        self.at(self.now_ns + max(runtime.sleep_ns(), SLEEP_NS_MIN), wake)

    def _step(self, host: _Host, inputs: list[Input]) -> None:
        if host.runtime is None:
            return
        outputs = host.runtime.step(inputs)
        host.runtime.flush()
        for output in outputs:
            if self._listener is not None:
                self._listener(self.now_ns, host.place, output)


class _Delivery:
    """A frame on its way; a class, because a closure for every frame costs twice the memory."""

    __slots__ = ('_arrival', '_host', '_world')

    def __init__(self, world: World, host: _Host, arrival: FrameArrived) -> None:
        self._world = world
        self._host = host
        self._arrival = arrival

    def __call__(self) -> None:
        self._world.deliver(self._host, self._arrival)
