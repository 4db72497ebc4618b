"""The next batch of effects, while it is put together."""

from __future__ import annotations

from swarm_consensus.protocols.agreement.effects import (
    CaughtUp,
    Contradiction,
    Decided,
    Effects,
    Kept,
    Opened,
    Send,
)
from swarm_consensus.protocols.agreement.messages import Message


class Pending:
    """
    What is to be done; each list becomes the field of Effects of the same name.

    What is over need not leave the disk at once: it goes with the next thing that is kept, or with
    a tick.
    """

    __slots__ = (
        *('_drop', '_drop_now', '_keep', '_send'),
        *('caught_up', 'contradictions', 'decided', 'opened'),
    )

    def __init__(self) -> None:
        self._keep: dict[str, Kept | None] = {}
        self._drop: dict[str, None] = {}
        self._drop_now = False
        self._send: list[Send] = []
        self.opened: list[Opened] = []
        self.caught_up: list[CaughtUp] = []
        self.decided: list[Decided] = []
        self.contradictions: list[Contradiction] = []

    def keep(self, kept: Kept) -> None:
        """Have something kept, in the place of what was kept under its name."""
        self._keep[kept.key] = kept

    def drop(self, key: str) -> None:
        """Have nothing kept under a name, some time soon."""
        self._keep.pop(key, None)
        self._drop[key] = None

    def tick(self) -> None:
        """Let nothing wait any longer."""
        self._drop_now = bool(self._drop)

    @property
    def idle(self) -> bool:
        """Whether nothing waits for a tick."""
        return not self._drop

    def post(self, to: tuple[str, ...], message: Message) -> None:
        """Send a message; () is to all."""
        self._send.append(Send(to, message))

    def take(self) -> Effects | None:
        """Return the batch and begin a new one; None: there is nothing in it."""
        if self._keep or self._drop_now:
            # Of one name, what stands in `_keep` is the newer one.
            self._keep = {**self._drop, **self._keep}
            self._drop, self._drop_now = {}, False
        lists = self._send, self.opened, self.caught_up, self.decided, self.contradictions
        if not self._keep and not any(lists):
            return None
        effects = Effects(
            tuple(self._keep.items()),
            tuple(self._send),
            tuple(self.opened),
            tuple(self.caught_up),
            tuple(self.decided),
            tuple(self.contradictions),
        )
        self._keep.clear()
        for each in lists:
            each.clear()
        return effects
