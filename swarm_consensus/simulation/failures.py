"""What is said of a seed that failed: what broke, the last lines of its run, how to replay it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

LINES_MAX = 60


class Lines(Protocol):
    """The trace of a run."""

    @property
    def lines(self) -> Iterable[str]:
        """Return the last lines of it."""


# Runs a seed and keeps so many lines of its trace.
RunSeed = Callable[[int, int], tuple[Any, Exception | None, Lines]]


def failure_text(
    seed: int,
    error: Exception,
    run_seed: RunSeed,
    command: str,
    lines_max: int = LINES_MAX,
) -> str:
    """
    Return all that is worth reading about a failure.

    The run is repeated to get its lines: without them it is several times faster.

    :param command: replays the seed.
    """
    _, again, trace = run_seed(seed, lines_max)
    lines = [f'seed {seed}: the last of what happened', *trace.lines]
    if repr(again) != repr(error):
        lines.append(f'and the second run ended otherwise: {again!r}')
    lines += [f'seed {seed}: {type(error).__name__}: {error}', f'replay: {command}']
    return '\n'.join(lines)
