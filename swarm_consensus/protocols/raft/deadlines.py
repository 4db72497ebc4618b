"""What of one robot has to end at which tick."""

from __future__ import annotations

from typing import Generic, TypeVar

WaitingT = TypeVar('WaitingT')


class Deadlines(Generic[WaitingT]):
    """
    What waits, by the tick at which it has to end.

    What has ended before is forgotten at once, and not at its tick: that may be an hour away, and
    tens of thousands may end in each second until then.

    :ivar _due: no tick of it is empty.
    """

    __slots__ = ('_due',)

    def __init__(self) -> None:
        self._due: dict[int, dict[str, WaitingT]] = {}

    def __bool__(self) -> bool:
        return bool(self._due)

    def add(self, tick: int, request_id: str, waiting: WaitingT) -> None:
        """Let a request end at a tick, if it does not before."""
        due = self._due.get(tick)
        if due is None:
            self._due[tick] = {request_id: waiting}
        else:
            due[request_id] = waiting

    def remove(self, tick: int, request_id: str) -> None:
        """
        Forget a request that has ended.

        :raises KeyError: it does not wait for this tick.
        """
        due = self._due[tick]
        del due[request_id]
        if not due:
            del self._due[tick]

    def at(self, tick: int) -> tuple[WaitingT, ...]:
        """Return what has to end at a tick, in the order in which it was added; it stays."""
        due = self._due.get(tick)
        return () if due is None else tuple(due.values())
