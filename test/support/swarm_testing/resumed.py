"""How often a coroutine that waits is resumed."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar

T = TypeVar('T')


class Counted(Generic[T]):
    """
    Awaits something, and counts.

    :param awaited: what is awaited.
    :ivar resumed: how often whoever awaits it was resumed.
    :ivar waiting: whether it is awaited now.
    """

    def __init__(self, awaited: Awaitable[T]) -> None:
        self._awaited = awaited
        self.resumed = 0
        self.waiting = False

    def __await__(self) -> Generator[Any, Any, T]:
        self.waiting = True
        steps = self._awaited.__await__()
        try:
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    return end.value
                yield step
                self.resumed += 1
        finally:
            self.waiting = False
