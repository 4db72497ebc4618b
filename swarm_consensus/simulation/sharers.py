"""
Users of the shared state of a simulated swarm, and what must hold of it when all is healed.

They write at any robot that is up, whatever is cut off or broken, and take down what was
acknowledged. At the end all robots have the same state, byte for byte; what was acknowledged is in
it, what was removed by somebody who had seen it is not, and the counter is the sum of the
increments. Only what was acknowledged by a robot whose disk was found damaged later may be gone,
with that disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.crdt import Action, Operation
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import Output, SharedAnswered, SharedAsked
from swarm_consensus.simulation.facts import InvariantBroken
from swarm_consensus.simulation.probe import Probe
from swarm_consensus.simulation.world import World

COUNT = 'count'


@dataclass(slots=True)
class _Asked:
    """
    One change.

    :ivar told: it was acknowledged.
    :ivar disks: how often the disk of the robot had been replaced by then.
    """

    robot: str
    operation: Operation
    disks: int
    told: bool = False


class Sharers:
    """
    All users of a run.

    :param count: how many there are.
    :param think_ns: longest pause of a user between two changes.
    :param random: where their choices come from.
    :ivar done: changes that were acknowledged.
    """

    def __init__(self, count: int, world: World, think_ns: int, random: Random) -> None:
        self.done = 0
        self._count = count
        self._world = world
        self._think_ns = think_ns
        self._random = random
        self._asked: dict[int, _Asked] = {}
        self._removed: set[str] = set()
        self._ended = False

    def start(self) -> None:
        """Let all users begin."""
        for _ in range(self._count):
            self._think()

    def stop(self) -> None:
        """Let no change begin any more."""
        self._ended = True

    def _think(self) -> None:
        pause_ns = 1 + self._random.randrange(self._think_ns)
        self._world.at(self._world.now_ns + pause_ns, self._act)

    def _act(self) -> None:
        if self._ended:
            return
        robot = self._random.choice(self._world.robots)
        runtime = self._world.runtime(robot)
        if runtime is not None and not self._world.stalled(robot):
            self._ask(robot, self._change(Probe(runtime)))
        self._think()

    def _change(self, probe: Probe) -> Operation:
        number = len(self._asked)
        choice = self._random.random()
        keys = [key for key in probe.shared_keys if key != COUNT]
        if choice < 0.2 and keys:
            return Operation(Action.REMOVE, self._random.choice(keys))
        if choice < 0.5:
            return Operation(Action.INCREMENT, COUNT, b'', self._random.randint(1, 3))
        action = self._random.choice([Action.PUT, Action.ASSIGN, Action.ADD, Action.GROW])
        return Operation(action, f'k/{number}', b'%d' % number)

    def _ask(self, robot: str, operation: Operation) -> None:
        key = len(self._asked)
        disks = self._world.disk(robot).replaced
        self._asked[key] = _Asked(robot, operation, disks)
        if operation.action is Action.REMOVE:
            # It may be done though nobody is told so.
            self._removed.add(operation.key)
        self._world.put(robot, SharedAsked(key, operation, SECOND))

    def hear(self, robot: str, output: Output) -> None:
        """Take in what a robot tells."""
        if isinstance(output, SharedAnswered) and output.status is Status.DECIDED:
            asked = self._asked[output.key]
            asked.told = True
            asked.disks = self._world.disk(robot).replaced
            self.done += 1

    # -- after the healing ------------------------------------------------------------------------

    @property
    def _probes(self) -> list[Probe]:
        runtimes = (self._world.runtime(robot) for robot in self._world.robots)
        return [Probe(runtime) for runtime in runtimes if runtime is not None]

    @property
    def level(self) -> int:
        """Return the level to which history is settled."""
        return max(probe.shared_level for probe in self._probes)

    def disagreement(self) -> str:
        """Return what is not equal yet; '' where all is."""
        if not self._count:
            return ''
        probes = self._probes
        states = {probe.shared_state for probe in probes}
        if len(states) == 1:
            return ''
        levels = {probe.name: probe.shared_level for probe in probes}
        return f'the robots have {len(states)} different states, at the levels {levels}'

    def check(self) -> None:
        """
        Hold what is in the state, now that all have the same.

        :raises InvariantBroken: something is missing, or there that must not be.
        """
        if not self._count:
            return
        probe = self._probes[0]
        there = set(probe.shared_keys)
        least = most = 0
        for asked in self._asked.values():
            operation = asked.operation
            kept = asked.told and self._world.disk(asked.robot).replaced == asked.disks
            if operation.action is Action.INCREMENT:
                least += operation.amount if kept else 0
                most += operation.amount
            elif operation.action is Action.REMOVE:
                continue
            elif kept and operation.key not in there | self._removed:
                raise InvariantBroken('shared state', f'{asked} was acknowledged, and is gone')
        count = sum(item.count for item in probe.shared_items(COUNT))
        if not least <= count <= most:
            raise InvariantBroken(
                'shared state', f'the counter is {count}; acknowledged {least}, asked {most}'
            )
        self._hold_removed(there)

    def _hold_removed(self, there: set[str]) -> None:
        """Hold that what was removed for good is not there."""
        if self.level:
            # A settlement may undo a removal of what its author had to write again.
            return
        for asked in self._asked.values():
            kept = asked.told and self._world.disk(asked.robot).replaced == asked.disks
            if asked.operation.action is Action.REMOVE and kept and asked.operation.key in there:
                raise InvariantBroken('shared state', f'{asked} was acknowledged, and is undone')
