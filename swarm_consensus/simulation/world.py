"""
A swarm on virtual time.

Each robot is the real `RobotRuntime` with its own memory disk and its own clock. It steps when
something arrives and when its next tick is due, and every step is over at once: time passes only
between steps. The power of a robot may fail within a step, where its fuse says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import heapq
from random import Random
from typing import Any

from swarm_consensus.missions import Registry
from swarm_consensus.protocols.raft import Persist
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.events import FrameArrived, Input, Output
from swarm_consensus.runtime.models import ModelSetup
from swarm_consensus.runtime.robot import RobotRuntime
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.simulation.fuse import CrashPoint, Fuse
from swarm_consensus.simulation.network import Faults, Network
from swarm_consensus.simulation.observer import Observer
from swarm_consensus.storage.chunks import MemoryChunks
from swarm_consensus.storage.errors import StorageFull
from swarm_consensus.storage.memory import DurabilityPoint, MemoryDisk, SimulatedCrash
from swarm_consensus.storage.recovery import open_recovering
from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.frame import Frame
from swarm_consensus.transport.keys import Keys

# A robot whose next tick is due now would otherwise be asked again at the same instant for ever.
SLEEP_NS_MIN = 1_000
PERMILLE = 1_000


class _Clock:
    """A clock that is fast or slow, and never jumps."""

    __slots__ = ('_local_ns', '_since_ns', '_world', 'permille')

    def __init__(self, world: World) -> None:
        self._world = world
        self._since_ns = 0
        self._local_ns = 0
        self.permille = PERMILLE

    def now_ns(self) -> int:
        """Return virtual time as this robot has it: the port `Clock`."""
        return self._local_ns + (self._world.now_ns - self._since_ns) * self.permille // PERMILLE

    def run_at(self, permille: int) -> None:
        """Change the speed from now on."""
        self._local_ns, self._since_ns = self.now_ns(), self._world.now_ns
        self.permille = permille

    def to_world_ns(self, local_ns: int) -> int:
        """Return how long a time on this clock takes, rounded up."""
        return -(-local_ns * PERMILLE // self.permille)


class _Host:
    """One robot's place in the world: the transport of its runtime, its clock and its disk."""

    def __init__(
        self, world: World, place: str, config: RuntimeConfig, keys: Keys | None
    ) -> None:
        self.place = place
        self.config = config
        self.keys = keys
        # What survives a crash of the models, as the disk does.
        self.chunks = MemoryChunks()
        self.clock = _Clock(world)
        self.disk: MemoryDisk
        self.use(MemoryDisk())
        self.runtime: RobotRuntime | None = None
        self.boots = 0
        self.fuse: Fuse | None = None
        self.stalled = False
        self.waiting: list[Input] = []
        # When it is to be woken next, in world time, and for when a wake-up is planned.
        self.due_ns = 0
        self.planned_ns = -1
        # What is on its way here, by the end of the slot in which it arrives.
        self.arriving: dict[int, list[Input]] = {}
        self._world = world

    def use(self, disk: MemoryDisk) -> None:
        """Put a disk in."""
        disk.crash_at = self._pass_disk
        self.disk = disk

    def send(self, frames: Sequence[Frame]) -> None:
        """Put frames on the air: the port `Transport`."""
        if self.fuse is None:
            self._world.broadcast(self.place, frames)
            return
        self.pass_point(CrashPoint.BEFORE_SEND)
        half = len(frames) // 2
        if half:
            self._world.broadcast(self.place, frames[:half])
            self.pass_point(CrashPoint.AMID_SEND)
        self._world.broadcast(self.place, frames[half:])
        self.pass_point(CrashPoint.AFTER_SEND)

    def pass_point(self, point: CrashPoint) -> None:
        """
        Go on, unless the fuse blows here.

        :raises SimulatedCrash: it does.
        """
        if self.fuse is not None and self.fuse.blows(point):
            raise SimulatedCrash(point.value)

    def _pass_disk(self, point: DurabilityPoint, persist: Persist | None) -> bool:
        booted = self.runtime is not None
        if booted and persist is not None and point is DurabilityPoint.AFTER_WRITE:
            self._world.observer.wrote(self._world.now_ns, self.place, persist)
        return self.fuse is not None and self.fuse.blows(CrashPoint(point.value))


class World:
    """
    Robots, network and time of one simulation.

    :param seed: decides everything that is left to chance.
    :param configs: one a robot.
    :param listener: called with (time in ns, robot, output) for everything that a robot tells.
    :param observer: told of everything.
    :param overhear: whether a frame for one robot also reaches the others, which drop it unread,
        as DDS does. Without it a run is faster, and name probes are not heard.
    :param keys: what each robot holds, by its name; a robot that is not among them has none.
    :param models: that all robots share.
    :param missions: the code of missions and activities that a robot has, by its name, at a boot.
    :param slot_ns: frames arrive at the ends of slots of this length, and a robot takes all of a
        slot in at one step, as it does that finds several when it wakes; 0: each on its own.
    :param codec: with which robots read frames.
    """

    def __init__(
        self,
        seed: int,
        configs: Sequence[RuntimeConfig],
        faults: Faults = Faults(),  # noqa: B008
        listener: Callable[[int, str, Output], None] | None = None,
        observer: Observer | None = None,
        overhear: bool = True,
        keys: Mapping[str, Keys] | None = None,
        models: Sequence[ModelSetup] = (),
        missions: Callable[[str], Registry] | None = None,
        slot_ns: int = 0,
        codec: Codec[Any] = MESSAGES,
    ) -> None:
        self.now_ns = 0
        self.steps = 0
        self.observer = observer or Observer()
        self._random = Random(seed)
        self.network = Network(Random(self._random.getrandbits(64)), faults)
        self._listener = listener
        self._overhear = overhear
        self._keys = dict(keys or {})
        self._models = tuple(models)
        self._missions = missions
        self._slot_ns = slot_ns
        self._codec = codec
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
        self._hosts[place] = _Host(self, place, config, self._keys.get(config.robot))
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
        self._hosts[robot].use(MemoryDisk())

    def runtime(self, robot: str) -> RobotRuntime | None:
        """Return the runtime of a robot, to look at; None while it is down."""
        return self._hosts[robot].runtime

    def up(self, robot: str) -> bool:
        """Return whether a robot runs."""
        return self._hosts[robot].runtime is not None

    def boots(self, robot: str) -> int:
        """Return how often a robot was started."""
        return self._hosts[robot].boots

    def stalled(self, robot: str) -> bool:
        """Return whether a robot runs and does nothing."""
        return self._hosts[robot].stalled

    # -- what happens to robots -----------------------------------------------------------------

    def start(self, robot: str) -> bool:
        """Boot a robot from its disk; returns whether it runs, which it cannot on a full disk."""
        host = self._hosts[robot]
        host.boots += 1
        host.fuse = None
        try:
            opened = open_recovering(host.disk, robot=robot, now_ms=host.boots)
        except StorageFull:
            return False
        try:
            runtime = RobotRuntime(
                host.config,
                clock=host.clock,
                transport=host,
                storage=opened.storage,
                incarnation=opened.incarnation,
                restored=opened.restored,
                random=Random(self._random.getrandbits(64)),
                records=opened.records,
                records_lost=opened.records_lost,
                keys=host.keys,
                models=self._models,
                chunks=host.chunks,
                missions=None if self._missions is None else self._missions(robot),
                codec=self._codec,
            )
        except StorageFull:
            opened.storage.close()
            return False
        host.runtime = runtime
        self.observer.booted(self.now_ns, robot, runtime, opened.restored)
        self._sleep(host)
        return True

    def crash(self, robot: str, where: str = '') -> None:
        """Take a robot down without warning; what it had not synced is gone."""
        host = self._hosts[robot]
        host.runtime = None
        host.fuse = None
        host.stalled = False
        host.waiting.clear()
        host.planned_ns = -1
        host.disk.crash()
        self.observer.crashed(self.now_ns, robot, where)

    def leave(self, robot: str) -> None:
        """Shut a robot down in order: it says farewell."""
        host = self._hosts[robot]
        if host.runtime is not None:
            host.runtime.farewell()
            host.runtime.close()
            self.crash(robot)

    def arm(self, robot: str, fuse: Fuse | None) -> None:
        """Let the power of a robot fail at a point of its steps; None: not any more."""
        self._hosts[robot].fuse = fuse

    def skew(self, robot: str, permille: int) -> None:
        """Let the clock of a robot run at so many thousandths of the right speed from now on."""
        self._hosts[robot].clock.run_at(permille)

    def stall(self, robot: str) -> None:
        """Let a robot do nothing: what comes for it waits."""
        self._hosts[robot].stalled = True

    def resume(self, robot: str) -> None:
        """Let a robot go on after a stall, with all that came meanwhile at once."""
        host = self._hosts[robot]
        if host.stalled:
            host.stalled = False
            waiting, host.waiting = host.waiting, []
            self._step(host, waiting)

    def chunks(self, robot: str) -> MemoryChunks:
        """Return the chunks of models that a robot holds."""
        return self._hosts[robot].chunks

    def put(self, robot: str, item: Input) -> None:
        """Give an input to a robot now; a robot that is down does not get it."""
        self._step(self._hosts[robot], [item])

    # -- time -----------------------------------------------------------------------------------

    def at(self, time_ns: int, action: Callable[[], None]) -> None:
        """Have something done at a time, after what is already planned for it."""
        self._count += 1
        heapq.heappush(self._agenda, (time_ns, self._count, action))

    def run(self, until_ns: int) -> None:
        """Let time pass."""
        agenda = self._agenda
        while agenda and agenda[0][0] <= until_ns:
            time_ns, _, action = heapq.heappop(agenda)
            if time_ns > self.now_ns:
                self.now_ns = time_ns
            action()
        self.now_ns = until_ns

    def broadcast(self, sender: str, frames: Sequence[Frame]) -> None:
        """Plan the arrival of frames at every other robot."""
        self.observer.sent(self.now_ns, sender, frames)
        if self._slot_ns:
            self._broadcast_slotted(sender, frames)
            return
        now_ns, delays = self.now_ns, self.network.delays
        for header, batch, signature in frames:
            arrival = FrameArrived(header, batch, signature)
            for robot, host in self._hosts.items():
                if robot == sender or (
                    header.to and not self._overhear and header.to != host.config.robot
                ):
                    continue
                for delay_ns in delays(sender, robot, now_ns):
                    self.at(now_ns + delay_ns, _Delivery(self, host, arrival))

    def _broadcast_slotted(self, sender: str, frames: Sequence[Frame]) -> None:
        """Plan likewise, each arrival for the end of its slot."""
        now_ns, slot_ns, delays = self.now_ns, self._slot_ns, self.network.delays
        for header, batch, signature in frames:
            arrival = FrameArrived(header, batch, signature)
            for robot, host in self._hosts.items():
                if robot == sender or (
                    header.to and not self._overhear and header.to != host.config.robot
                ):
                    continue
                for delay_ns in delays(sender, robot, now_ns):
                    ends_ns = -(-(now_ns + delay_ns) // slot_ns) * slot_ns
                    waiting = host.arriving.get(ends_ns)
                    if waiting is None:
                        host.arriving[ends_ns] = [arrival]
                        self.at(ends_ns, _Slot(self, host, ends_ns))
                    else:
                        waiting.append(arrival)

    def deliver(self, host: _Host, arrivals: list[Input]) -> None:
        """Let frames arrive together."""
        self._step(host, arrivals)

    def wake(self, host: _Host, time_ns: int) -> None:
        """Let a robot do what is due by time alone, if this wake-up was not replaced."""
        if host.planned_ns != time_ns or host.runtime is None:
            return
        host.planned_ns = -1
        if host.due_ns > self.now_ns:
            self._plan(host)
        else:
            self._step(host, [])

    def _sleep(self, host: _Host) -> None:
        runtime = host.runtime
        if runtime is None:
            return
        sleep_ns = host.clock.to_world_ns(runtime.sleep_ns())
        host.due_ns = self.now_ns + max(sleep_ns, SLEEP_NS_MIN)
        if host.planned_ns < 0 or host.due_ns < host.planned_ns:
            self._plan(host)

    def _plan(self, host: _Host) -> None:
        host.planned_ns = host.due_ns
        self.at(host.due_ns, _Waking(self, host, host.due_ns))

    def _step(self, host: _Host, inputs: list[Input]) -> None:
        runtime = host.runtime
        if runtime is None:
            return
        if host.stalled:
            host.waiting += inputs
            return
        self.steps += 1
        try:
            outputs = runtime.step(inputs)
            runtime.flush()
        except SimulatedCrash as crash:
            self.observer.stepped(self.now_ns, host.place, ())
            self.crash(host.place, str(crash))
            return
        self.observer.stepped(self.now_ns, host.place, outputs)
        if self._listener is not None:
            for output in outputs:
                self._listener(self.now_ns, host.place, output)
        if host.runtime is runtime:
            self._sleep(host)


class _Delivery:
    """A frame on its way; a class, because a closure for every frame costs twice the memory."""

    __slots__ = ('_arrival', '_host', '_world')

    def __init__(self, world: World, host: _Host, arrival: FrameArrived) -> None:
        self._world = world
        self._host = host
        self._arrival = arrival

    def __call__(self) -> None:
        self._world.deliver(self._host, [self._arrival])


class _Slot:
    """The end of a slot in which frames arrive at a robot."""

    __slots__ = ('_ends_ns', '_host', '_world')

    def __init__(self, world: World, host: _Host, ends_ns: int) -> None:
        self._world = world
        self._host = host
        self._ends_ns = ends_ns

    def __call__(self) -> None:
        self._world.deliver(self._host, self._host.arriving.pop(self._ends_ns))


class _Waking:
    """A robot's wake-up."""

    __slots__ = ('_host', '_time_ns', '_world')

    def __init__(self, world: World, host: _Host, time_ns: int) -> None:
        self._world = world
        self._host = host
        self._time_ns = time_ns

    def __call__(self) -> None:
        self._world.wake(self._host, self._time_ns)
