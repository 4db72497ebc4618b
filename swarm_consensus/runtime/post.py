"""The way out of a robot: messages become frames, and what can wait a little goes with the next."""

from __future__ import annotations

from collections import Counter

from swarm_consensus.protocols.raft import AppendEntries, Heartbeat, Send
from swarm_consensus.runtime.coalescing import coalescing_key
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.ports import Transport
from swarm_consensus.runtime.wire import MESSAGES, traffic_class
from swarm_consensus.transport.budget import Budget
from swarm_consensus.transport.compression import Compressor
from swarm_consensus.transport.frame import FrameCounters, TrafficClass
from swarm_consensus.transport.outbox import ClassTraffic, Offer, Outbox
from swarm_consensus.transport.signing import Signer

# What is to leave before a new proposal may make this robot wait so long; else it is refused.
DELAY_MAX_MS = 500


def open_outbox(
    config: RuntimeConfig,
    *,
    swarm: int,
    incarnation: int,
    nonce: int,
    signer: Signer | None,
    counters: FrameCounters,
    now_ns: int,
) -> Outbox[object]:
    """Return the outbox of one boot of a robot, with the budget that its settings give it."""
    budget = None
    if config.bytes_per_second:
        budget = Budget(config.bytes_per_second, config.budget_burst_bytes, now_ns)
    return Outbox(
        robot=config.robot,
        swarm=swarm,
        incarnation=incarnation,
        nonce=nonce,
        codec=MESSAGES,
        frame_bytes_max=config.frame_bytes_max,
        signer=signer,
        counters=counters,
        budget=budget,
        compressor=Compressor(config.compress_min_bytes) if config.compress_min_bytes else None,
        linger_ns=dict.fromkeys((TrafficClass.BELIEF, TrafficClass.BULK), config.linger_ns),
    )


class Post:
    """
    What one robot sends.

    :param others: how many other robots the swarm has.
    :param dropped: counts what could not be sent.
    :ivar now_ns: the time for the byte budget.
    """

    def __init__(
        self,
        outbox: Outbox[object],
        transport: Transport,
        others: int,
        dropped: Counter[str],
        now_ns: int = 0,
    ) -> None:
        self.now_ns = now_ns
        self._outbox = outbox
        self._budget = outbox.budget
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

    @property
    def due_ns(self) -> int | None:
        """Return when more of what waits may leave; None: nothing waits for time to pass."""
        return self._outbox.due_ns

    @property
    def budgeted(self) -> bool:
        """Return whether there is a byte budget, so that messages may have to wait."""
        return self._budget is not None

    def begin(self, now_ns: int) -> None:
        """Begin a step: let the time pass, and send what may leave by now."""
        self.now_ns = now_ns
        due_ns = self._outbox.due_ns
        if due_ns is not None and now_ns >= due_ns:
            self.send()

    def offer(
        self,
        message: object,
        to: tuple[str, ...] = (),
        key: str = '',
        in_class: TrafficClass | None = None,
    ) -> Offer:
        """
        Queue a message.

        :param to: receivers; (): every robot.
        :param key: a later message with the same takes its place; '': none does, or one that makes
            it useless (coalescing.py).
        :param in_class: the traffic class, where it is not that of all messages of the type.
        """
        if len(to) == self._others > 1:
            # All the others: their names would take more room than many a message.
            to = ()
        slot: object = key or None
        if slot is None and self._budget is not None:
            slot = coalescing_key(message, to)
        if in_class is None:
            in_class = traffic_class(message)
        outcome = self._outbox.offer(message, to, in_class, slot)
        if not outcome.taken:
            # The protocols send again what was not heard; people find the count in diagnostics.
            self._dropped[f'NOT_SENT_{outcome.name}'] += 1
        return outcome

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
        """Send everything that is queued, as far as the byte budget goes."""
        frames = self._outbox.flush(self.now_ns)
        if frames:
            self._transport.send(frames)

    # -- back-pressure --------------------------------------------------------------------------

    def waits(self, of_class: TrafficClass) -> bool:
        """Return whether something of a class was left when last all was sent that could be."""
        return self._budget is not None and self._budget.waits(of_class)

    def pressure(self, of_class: TrafficClass) -> float:
        """Return how hard it presses that a class gets too few bytes, 0.0 to 1.0."""
        return self._outbox.pressure(of_class, self.now_ns)

    def pressures(self) -> tuple[float, ...]:
        """Return that of each class, in their order."""
        return tuple(self.pressure(each) for each in TrafficClass)

    def room(self, of_class: TrafficClass) -> int | None:
        """Return how many bytes more of a class may leave at once; None: as many as there are."""
        if self._budget is None:
            return None
        return self._budget.room(of_class, self.now_ns) - self._waiting_bytes(of_class)

    def _waiting_bytes(self, of_class: TrafficClass) -> int:
        """Return the bytes that leave before a message that is now offered to a class."""
        return sum(self._outbox.waiting_bytes(each) for each in TrafficClass if each <= of_class)

    def overloaded(self, of_class: TrafficClass) -> str:
        """Return why nobody should make more for a class to carry now; '' where it may."""
        if self._budget is None:
            return ''
        waiting = self._waiting_bytes(of_class)
        if waiting * 1000 <= self._budget.rate * DELAY_MAX_MS:
            return ''
        return (
            f'OVERLOADED: {waiting} bytes wait for the budget of this robot '
            f'(bytes_per_second {self._budget.rate}); try again later'
        )

    def traffic(self) -> tuple[ClassTraffic, ...]:
        """Return what became of the messages of each class, in their order."""
        return self._outbox.traffic(self.now_ns)
