"""
What happened in a run: a hash over all of it, and on demand the lines for people.

The hash covers every message with its way and every reboot, so two runs with equal hashes were the
same to the last byte.
"""

from __future__ import annotations

from collections import deque
import hashlib

from swarm_consensus.protocols.agreement.messages import InstanceMessage
from swarm_consensus.simulation.adversary.styles import Flight

TEXT_CHARACTERS_MAX = 180


class Trace:
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

    def sent(self, robot: int, receivers: tuple[int, ...], message: InstanceMessage) -> None:
        """Take in what leaves a robot."""
        self._hash.update(f'{robot}>{receivers}{message!r}'.encode())

    def delivered(self, step: int, flight: Flight) -> None:
        """Take in what arrives."""
        self._hash.update(b'%d %d\n' % (flight.number, flight.receiver))
        if flight.number < 0:
            # Forged by the scheduler, so that it was never sent.
            self._hash.update(repr(flight.message).encode())
        if self._verbose:
            self._line(step, f'{flight.sender} -> {flight.receiver}: {flight.message!r}')

    def noted(self, step: int, text: str) -> None:
        """Take in what else happens."""
        self._hash.update(text.encode())
        if self._verbose:
            self._line(step, text)

    def _line(self, step: int, text: str) -> None:
        if len(text) > TEXT_CHARACTERS_MAX:
            text = text[:TEXT_CHARACTERS_MAX] + ' ...'
        self.lines.append(f'step {step:6} {text}')
