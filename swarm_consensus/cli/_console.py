"""What `swarm up` shows: lines of many nodes, each with the coloured name of its node."""

from __future__ import annotations

from collections.abc import Iterable
import os
import sys
import threading
from typing import TextIO

# Told apart on dark and bright grounds; red is left to errors.
_COLORS = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)
_RED = 31
_BOLD = 1


def wants_color(stream: TextIO) -> bool:
    """Whether a stream is for people and they have not asked for plain text (no-color.org)."""
    return stream.isatty() and not os.environ.get('NO_COLOR')


class Console:
    """
    Prints whole lines from any thread.

    :param labels: names of the nodes, `<robot>/<node>`; those of a robot get one colour.
    """

    def __init__(self, labels: Iterable[str], stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self.color = wants_color(self._stream)
        names = list(labels)
        self._width = max((len(name) for name in [*names, 'swarm']), default=0)
        robots = list(dict.fromkeys(name.partition('/')[0] for name in names))
        self._colors = {
            robot: _COLORS[number % len(_COLORS)] for number, robot in enumerate(robots)
        }
        self._lock = threading.Lock()

    def line(self, label: str, text: str) -> None:
        """Print a line of a node."""
        color = self._colors.get(label.partition('/')[0], _BOLD)
        self._print(f'{self._painted(label.ljust(self._width), color)} | {text}')

    def say(self, text: str, *, error: bool = False) -> None:
        """Print a line of our own."""
        name = self._painted('swarm'.ljust(self._width), _RED if error else _BOLD)
        self._print(f'{name} | {self._painted(text, _RED) if error else text}')

    def _painted(self, text: str, color: int) -> str:
        return f'\x1b[{color}m{text}\x1b[0m' if self.color else text

    def _print(self, text: str) -> None:
        with self._lock:
            try:
                print(text, file=self._stream, flush=True)
            except BrokenPipeError:
                # Whoever read on is gone; the swarm lives on and ends by its signals.
                self._stream = open(os.devnull, 'w', encoding='utf-8')  # noqa: SIM115
