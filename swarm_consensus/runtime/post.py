"""The way out of a robot: messages become frames, and what can wait a little goes with the next."""

from __future__ import annotations

from collections import Counter

from swarm_consensus.protocols.raft import AppendEntries, Heartbeat, Send
from swarm_consensus.runtime.ports import Transport
from swarm_consensus.runtime.wire import traffic_class
from swarm_consensus.transport.outbox import Outbox


class Post:
    """
    What one robot sends.

    :param others: how many other robots the swarm has.
    :param dropped: counts what could not be sent.
    """

    def __init__(
        self,
        outbox: Outbox[object],
        transport: Transport,
        others: int,
        dropped: Counter[str],
    ) -> None:
        self._outbox = outbox
        self._transport = transport
        self._others = others
        self._dropped = dropped
        # A commit index on its way to the followers, in a message of its own unless an append that
        # leaves soon tells it: that halves the messages of a robot that proposes one by one.
        self._notice: Send | None = None

    @property
    def notice(self) -> Send | None:
        """Return what waits for more to go with it."""
        return self._notice

    def offer(self, message: object, to: tuple[str, ...] = (), key: str = '') -> None:
        """
        Queue a message.

        :param to: receivers; (): every robot.
        :param key: a later message with the same takes its place; '': none does.
        """
        if len(to) == self._others > 1:
            # All the others: their names would take more room than many a message.
            to = ()
        outcome = self._outbox.offer(message, to, traffic_class(message), key or None)
        if not outcome.taken:
            # The protocols send again what was not heard; people find the count in diagnostics.
            self._dropped[f'NOT_SENT_{outcome.name}'] += 1

    def offer_raft(self, send: Send) -> None:
        """Queue a message of Raft; what tells of commits and nothing else waits for company."""
        message, notice = send.message, self._notice
        if isinstance(message, Heartbeat) and not message.round:
            if notice is not None and notice.to != send.to:
                self.offer(notice.message, notice.to)
            self._notice = send
            return
        if notice is not None and isinstance(message, AppendEntries):
            # The index that the notice tells was reached before this append was made.
            if set(notice.to).issubset(send.to):
                self._notice = None
        self.offer(message, send.to)

    def send_notice(self) -> None:
        """Send what waited for more to go with it."""
        notice, self._notice = self._notice, None
        if notice is not None:
            self.offer(notice.message, notice.to)
            self.send()

    def send(self) -> None:
        """Send everything that is queued."""
        frames = self._outbox.flush()
        if frames:
            self._transport.send(frames)
