"""The chunks that others have asked for: a bounded queue in which each robot has its turn."""

from __future__ import annotations

from collections import OrderedDict

from swarm_consensus.protocols.parameters.effects import Serve


class Serving:
    """
    What is to be sent.

    :param per_robot_max: chunks that wait for one robot; it asks again for what found no room.
    :param robots_max: robots that chunks wait for.
    """

    def __init__(self, per_robot_max: int, robots_max: int) -> None:
        self._per_robot_max = per_robot_max
        self._robots_max = robots_max
        # Robot to the hashes that wait for it, both in the order of their turns.
        self._queues: OrderedDict[str, OrderedDict[bytes, None]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._queues)

    def add(self, robot: str, chunk: bytes) -> bool:
        """Queue a chunk, unless it waits already; False: there is no room."""
        queue = self._queues.get(robot)
        if queue is None:
            if len(self._queues) >= self._robots_max:
                return False
            queue = self._queues[robot] = OrderedDict()
        if chunk not in queue and len(queue) >= self._per_robot_max:
            return False
        queue[chunk] = None
        return True

    def take(self, count_max: int) -> list[Serve]:
        """Return what is to be sent now, one chunk for each robot in turn."""
        taken: list[Serve] = []
        while self._queues and len(taken) < count_max:
            robot, queue = self._queues.popitem(last=False)
            taken.append(Serve(robot, queue.popitem(last=False)[0]))
            if queue:
                self._queues[robot] = queue
        return taken
