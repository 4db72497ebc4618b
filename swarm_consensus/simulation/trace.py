"""
What happened in a run: a hash over all of it, and on demand the lines for people.

The hash covers every frame, every write and every output with its time and robot, so two runs
with equal hashes were the same to the last byte.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
import hashlib

from swarm_consensus.protocols.raft import Persist, Restored
from swarm_consensus.runtime.events import Output, StatusReport
from swarm_consensus.runtime.robot import RobotRuntime
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.simulation.observer import Observer
from swarm_consensus.transport.compression import Expander
from swarm_consensus.transport.frame import Frame

_EXPANDER = Expander()

TEXT_CHARACTERS_MAX = 180


class Trace(Observer):
    """
    The trace of one run.

    :param lines_max: how many of the last lines are kept; 0: none, which is faster.
    """

    def __init__(self, lines_max: int = 0) -> None:
        self.lines: deque[str] = deque(maxlen=lines_max)
        self._hash = hashlib.blake2b(digest_size=16)
        self._verbose = lines_max > 0

    @property
    def digest(self) -> str:
        """Return the hash over all that has happened so far, as hex digits."""
        return self._hash.hexdigest()

    def booted(
        self, now_ns: int, robot: str, runtime: RobotRuntime, restored: Restored
    ) -> None:
        """Take a boot in."""
        self._take(now_ns, robot, 'boots with ', restored)

    def crashed(self, now_ns: int, robot: str, where: str) -> None:
        """Take a crash in."""
        self._take(now_ns, robot, 'crashes ', where)

    def wrote(self, now_ns: int, robot: str, persist: Persist) -> None:
        """Take a write in."""
        self._take(now_ns, robot, 'writes ', persist)

    def sent(self, now_ns: int, robot: str, frames: Sequence[Frame]) -> None:
        """Take frames in."""
        for header, batch, _signature in frames:
            self._hash.update(f'{now_ns} {header.sender} {header.to} {header.sequence} '.encode())
            self._hash.update(batch)
            if self._verbose:
                for item in MESSAGES.inspect_batch(_EXPANDER.expand(batch)):
                    to = ','.join(item.to) or 'all'
                    self._line(now_ns, robot, f'-> {to}: {item.message!r}')

    def stepped(self, now_ns: int, robot: str, outputs: Sequence[Output]) -> None:
        """Take outputs in."""
        for output in outputs:
            if not isinstance(output, StatusReport):
                self._take(now_ns, robot, 'tells ', output)
            else:
                # Most of it are counters, which would cost more than all the rest.
                status = output.status
                self._take(now_ns, robot, 'is ', (status.role, status.term, status.leader))

    def noted(self, now_ns: int, text: str) -> None:
        """Take in what the simulation does."""
        self._take(now_ns, '', text, '')

    def _take(self, now_ns: int, robot: str, verb: str, what: object) -> None:
        text = f'{verb}{what!r}' if what != '' else verb
        self._hash.update(f'{now_ns} {robot} {text}'.encode())
        if self._verbose:
            self._line(now_ns, robot, text)

    def _line(self, now_ns: int, robot: str, text: str) -> None:
        if len(text) > TEXT_CHARACTERS_MAX:
            text = text[:TEXT_CHARACTERS_MAX] + ' ...'
        self.lines.append(f'{now_ns / 1e6:10.3f} ms  {robot or "*":3} {text}')
