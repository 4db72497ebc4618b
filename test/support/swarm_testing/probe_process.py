"""
A `SwarmProbe` in a process of its own, for probes that live on another host than the test.

Fast DDS looks up the addresses of its host once a process, so one process cannot be on two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
import multiprocessing
from typing import Any

from swarm_testing.swarm_probe import SwarmProbe

ANSWER_S = 120.0  # every wait of a probe ends before

# In the process of the probe only.
_probe: SwarmProbe | None = None


def _open(robots: Sequence[str], name: str) -> None:
    global _probe
    _probe = SwarmProbe(robots, name)


def _run(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    assert _probe is not None, 'the probe is closed'
    return function(_probe, *arguments)


def _close() -> None:
    global _probe
    if _probe is not None:
        _probe.__exit__(None, None, None)
        _probe = None


class ProbeProcess:
    """
    The process lives where the thread is that makes it: in its network namespace, if any.

    :param robots: as for `SwarmProbe`.
    :param name: of the node.
    """

    def __init__(self, robots: Sequence[str], name: str) -> None:
        # Not forked: threads of DDS in this process would be missing in the child.
        context = multiprocessing.get_context('spawn')
        self._pool = ProcessPoolExecutor(1, context)
        self._opened = self._pool.submit(_open, list(robots), name)

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """
        Return `function(probe, *arguments)`, as computed there; what it raises is raised here.

        :param function: of a module below test/support, so that the process finds it.
        """
        return self.begin(function, *arguments).result(ANSWER_S)

    def begin(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Like `run`, but returns the future of it, so that several probes may be at work."""
        self._opened.result(ANSWER_S)
        return self._pool.submit(_run, function, arguments)

    def close(self) -> None:
        """End the probe and its process."""
        self._pool.submit(_close)
        self._pool.shutdown()
