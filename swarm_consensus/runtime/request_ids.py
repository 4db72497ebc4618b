"""The ids of this robot's own proposals: one session for each boot (protocols/sessions.py)."""

from __future__ import annotations

from collections import OrderedDict


class RequestIds:
    """
    Gives ids that no other robot or boot uses, and keeps account of those still open.

    :ivar acked: the lowest sequence number that this robot may still ask the outcome of.
    :ivar _open: ids whose outcome is not known yet, with their sequence numbers; oldest first.
    """

    def __init__(self, robot: str, incarnation: int) -> None:
        self._session = f'{robot}:{incarnation}'
        self._sequence = 0
        self._others = 0
        self._open: OrderedDict[str, int] = OrderedDict()
        # Read for each proposal, so it is not looked for then.
        self.acked = 1

    @property
    def open(self) -> tuple[str, ...]:
        """Return the ids of the proposals that have not ended."""
        return tuple(self._open)

    def new(self) -> str:
        """Return the id of a new proposal; `ended` is to be called once it has ended."""
        self._sequence += 1
        request_id = f'{self._session}#{self._sequence}'
        self._open[request_id] = self._sequence
        return request_id

    def ended(self, request_id: str) -> None:
        """Note that nobody here waits for this proposal any more; other ids are ignored."""
        sequence = self._open.pop(request_id, None)
        if sequence == self.acked:
            self.acked = next(iter(self._open.values()), self._sequence + 1)

    def new_read(self) -> str:
        """Return an id for what does not change the state, and so needs no session."""
        self._others += 1
        return f'{self._session}/{self._others}'
