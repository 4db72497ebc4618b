"""
One node of PySyncObj as a process of its own that takes commands of the bench.

Its state is a dictionary, its proposals are calls of a replicated method from inside the process,
and its settings are the defaults but for `appendEntriesUseBatch`.
"""

from __future__ import annotations

from collections.abc import Sequence
import sys
from typing import Any

from pysyncobj import FAIL_REASON, SyncObj, SyncObjConf, replicated

from bench.load import KEYS, VALUE, Load, serve


class Store(SyncObj):
    """
    Values by name.

    :param own: address of this node.
    :param others: addresses of the others.
    """

    def __init__(self, own: str, others: Sequence[str], use_batch: bool) -> None:
        super().__init__(own, list(others), SyncObjConf(appendEntriesUseBatch=use_batch))
        self._values: dict[str, bytes] = {}

    @replicated
    def put(self, name: str, value: bytes) -> int:
        """Replace a value."""
        self._values[name] = value
        return len(value)


def main(arguments: Sequence[str]) -> None:
    """Run a node: `batch` or `no_batch`, its own address, then those of the others."""
    mode, own, *others = arguments
    store = Store(own, others, {'batch': True, 'no_batch': False}[mode])
    load = Load(lambda number: begin(number))

    def begin(number: int) -> None:
        def done(_result: Any, error: int) -> None:
            load.ended(number, '' if error == FAIL_REASON.SUCCESS else f'reason {error}')

        store.put(f'load/{number % KEYS}', VALUE, callback=done)

    def leads() -> bool:
        connected = all(store.isNodeConnected(node) for node in store.otherNodes)
        return bool(store._isLeader() and store.isReady() and connected)

    serve(load, leads)
    store.destroy()


if __name__ == '__main__':
    main(sys.argv[1:])
