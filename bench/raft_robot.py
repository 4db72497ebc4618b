"""
One consensus_node as a process of its own that takes commands of the bench.

The node is the real one, with its executor, its topics and its runtime's thread. What differs: it
keeps its log where the first argument says, in `memory` or on `disk`, and the proposals, puts to
its key-value store, come from a load inside the process and not from a service.
"""

from __future__ import annotations

from collections.abc import Sequence
import os
from pathlib import Path
import signal
import sys
import threading

from bench.load import KEYS, VALUE, Load, serve
from swarm_consensus.nodes.consensus_node import ConsensusNode
from swarm_consensus.nodes.executor import run
from swarm_consensus.protocols.keyvalue import Put
from swarm_consensus.protocols.raft import Role
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import KeyValueAnswered, KeyValueAsked, Output
from swarm_consensus.storage import MemoryDisk, Place

TIMEOUT_NS = 10 * SECOND


class LoadedNode(ConsensusNode):
    """
    A consensus_node with a load inside.

    :param in_memory: whether the log is kept in memory only.
    """

    def __init__(self, in_memory: bool) -> None:
        super().__init__()
        self._in_memory = in_memory
        self.load = Load(self._begin)
        threading.Thread(target=self._serve, daemon=True).start()

    def storage_place(self, folder: Path) -> Place:
        """Keep the log where the bench wants it."""
        return MemoryDisk() if self._in_memory else super().storage_place(folder)

    def _serve(self) -> None:
        serve(self.load, self._leads)
        os.kill(os.getpid(), signal.SIGINT)

    def _leads(self) -> bool:
        status = self._status
        return (
            status is not None
            and status.role is Role.LEADER
            and len(status.alive) == len(status.peers) + 1
            and status.commit_index > 0
        )

    def _begin(self, number: int) -> None:
        driver = self._driver
        assert driver is not None
        # Below 0: never the key of a service's request.
        put = Put(f'load/{number % KEYS}', VALUE)
        driver.put(KeyValueAsked(-number, put, '', TIMEOUT_NS))

    def _deliver(self, outputs: list[Output]) -> None:
        others = []
        for output in outputs:
            if isinstance(output, KeyValueAnswered) and output.key < 0:
                self.load.ended(-output.key, output.reason)
            else:
                others.append(output)
        super()._deliver(others)


def main(arguments: Sequence[str]) -> int:
    """Run the node: `memory` or `disk`, then arguments of ROS."""
    in_memory = {'memory': True, 'disk': False}[arguments[0]]
    return run(lambda: LoadedNode(in_memory), arguments[1:])


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
