"""The byte budget: never too much, the urgent first and at once, nobody starved, and it adds up."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from swarm_consensus.transport.budget import (
    FRAME_BYTES_MIN,
    PRESSURE_FULL_NS,
    RATE_MIN,
    Budget,
    TokenBucket,
    least_burst,
    wire_bytes,
)
from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.frame import Frame, FrameCounters, TrafficClass
from swarm_consensus.transport.outbox import QUEUE_SECONDS, Outbox

SECOND = 1_000_000_000
ELECTION, LOG, AGREEMENT, BELIEF, BULK = TrafficClass
FRAME_BYTES_MAX = 5_000
LARGEST = wire_bytes(2, 2, FRAME_BYTES_MAX, 64)


@dataclass(frozen=True, slots=True)
class Data:
    number: int
    data: bytes = b''


CODEC: Codec[Any] = Codec({1: Data})


class Radio:
    """An outbox with a budget, and what has left it."""

    def __init__(self, rate: int = 20_000, **changes: Any) -> None:
        self.rate = rate
        self.burst = least_burst(rate, LARGEST)
        self.now_ns = 7
        self.budget = Budget(rate, self.burst, self.now_ns)
        self.box: Outbox[Any] = Outbox(
            robot='r1', swarm=7, incarnation=5, nonce=6, codec=CODEC, counters=FrameCounters(),
            frame_bytes_max=FRAME_BYTES_MAX, budget=self.budget, **changes,
        )  # fmt: skip
        self.left: list[tuple[int, Frame]] = []

    def offer(self, traffic_class: TrafficClass, size: int = 100, key: object = None) -> bool:
        return self.box.offer(Data(1, bytes(size)), (), traffic_class, key).taken

    def flush(self) -> list[TrafficClass]:
        frames = self.box.flush(self.now_ns)
        self.left += [(self.now_ns, frame) for frame in frames]
        return [TrafficClass(frame.header.traffic_class) for frame in frames]

    def run(self, seconds: float) -> None:
        """Send what may be sent, waking up only when the outbox says so."""
        until_ns = self.now_ns + int(seconds * SECOND)
        self.flush()
        while (due_ns := self.box.due_ns) is not None and due_ns <= until_ns:
            assert due_ns > self.now_ns, 'it asks to be looked at again at once'
            self.now_ns = due_ns
            self.flush()
        self.now_ns = until_ns

    def bytes_of(self, traffic_class: TrafficClass) -> int:
        return sum(
            cost(frame) for _, frame in self.left if frame.header.traffic_class == traffic_class
        )

    def check(self) -> None:
        """Hold that no window of time saw more than the budget, and that the counters add up."""
        check_windows([(at_ns, cost(frame)) for at_ns, frame in self.left], self.rate, self.burst)
        for traffic_class, count in self.box.classes.items():
            assert count.waiting == self.box.waiting(traffic_class)
            accounted = count.sent + count.coalesced + count.dropped + count.waiting
            assert count.offered == accounted, traffic_class


def cost(frame: Frame) -> int:
    return wire_bytes(2, len(frame.header.to), len(frame.batch), len(frame.signature))


def check_windows(taken: list[tuple[int, int]], rate: int, burst: int) -> None:
    """Hold that between any two events no more left than rate * t + burst."""
    sums = [0, *accumulate(amount for _, amount in taken)]
    for first, (begin_ns, _) in enumerate(taken):
        for last in range(first, len(taken)):
            amount = sums[last + 1] - sums[first]
            allowed = burst * SECOND + rate * (taken[last][0] - begin_ns)
            assert amount * SECOND <= allowed, (first, last)


@given(
    st.integers(1, 10**6),
    st.integers(1, 10**6),
    st.lists(st.tuples(st.integers(0, 10**10), st.integers(0, 10**6)), max_size=40),
)
def test_the_bucket_never_gives_more_than_rate_times_time_and_burst(
    rate: int, burst: int, history: list[tuple[int, int]]
) -> None:
    now_ns, taken = 3, []
    bucket = TokenBucket(rate, burst, now_ns)
    for passed_ns, amount in history:
        now_ns += passed_ns
        if amount > bucket.level(now_ns):
            with pytest.raises(ValueError, match='bytes of'):
                bucket.take(amount, now_ns)
            continue
        bucket.take(amount, now_ns)
        taken.append((now_ns, amount))
    check_windows(taken, rate, burst)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.data())
def test_the_bucket_says_to_the_nanosecond_when_it_will_do(
    rate: int, burst: int, data: st.DataObject
) -> None:
    bucket = TokenBucket(rate, burst, 0)
    bucket.take(data.draw(st.integers(0, burst)), 0)
    wanted = data.draw(st.integers(0, burst))
    wait_ns = bucket.wait_ns(wanted, 0)
    if wait_ns:
        assert bucket.level(wait_ns - 1) < wanted
    assert bucket.level(wait_ns) >= wanted
    # A clock that stands still, or seems to go back, brings nothing in.
    assert bucket.level(0) == bucket.level(wait_ns)


@given(
    st.sampled_from([RATE_MIN, 5_000, 20_000, 300_000]),
    st.lists(
        st.tuples(
            st.integers(0, SECOND // 2),
            st.lists(
                st.tuples(
                    st.sampled_from(TrafficClass),
                    st.integers(0, FRAME_BYTES_MAX + 50) | st.integers(0, 300),
                    st.none() | st.sampled_from('ab'),
                ),
                max_size=6,
            ),
        ),
        max_size=30,
    ),
    st.sampled_from([0, 2_000_000, SECOND]),
)
@settings(deadline=None)
def test_whatever_is_offered_the_budget_holds_and_every_message_is_accounted_for(
    rate: int, history: list[Any], linger_ns: int
) -> None:
    radio = Radio(rate, linger_ns={BELIEF: linger_ns, BULK: linger_ns})
    last_ns: dict[TrafficClass, int] = {}
    for passed_ns, offers in history:
        radio.now_ns += passed_ns
        for traffic_class, size, key in offers:
            radio.offer(traffic_class, size, key)
            assert radio.box.waiting_bytes(traffic_class) <= max(
                rate * QUEUE_SECONDS, FRAME_BYTES_MAX
            )
        before = len(radio.left)
        for frame_class in radio.flush():
            frame = radio.left[before][1]
            before += 1
            urgent = [c for c in (ELECTION, LOG, AGREEMENT) if c < frame_class]
            if any(radio.box.waiting(c) for c in urgent):
                # Something more urgent stays behind: only as the share of a class that waits long.
                share = rate // (5 if frame_class is LOG else 20)
                waited_ns = radio.now_ns - last_ns.get(frame_class, 0)
                assert waited_ns * share >= (cost(frame) - 20) * SECOND
            last_ns[frame_class] = radio.now_ns
        radio.check()
    # All of it leaves in the end, woken only when the outbox says so, and no later than it can.
    waiting = sum(radio.box.waiting_bytes(c) + 400 * radio.box.waiting(c) for c in TrafficClass)
    radio.run(2 * linger_ns / SECOND + 2 * (waiting + radio.burst) / rate)
    assert [radio.box.waiting(c) for c in TrafficClass] == [0] * 5
    assert radio.box.due_ns is None
    radio.check()


def test_in_a_flood_of_beliefs_and_bulk_what_is_urgent_leaves_at_once() -> None:
    radio = Radio()
    waits = []
    for step in range(2_000):
        for _ in range(4):
            radio.offer(BELIEF, 200)
            radio.offer(BULK, 900)
        if step % 10 == 0:
            radio.offer(ELECTION, 60)
        if step % 20 == 0:
            radio.offer(LOG, 300)
        radio.flush()
        waits += [c for c in (ELECTION, LOG) if radio.box.waiting(c)]
        radio.now_ns += SECOND // 100
    assert waits == []
    radio.check()
    used = sum(cost(frame) for _, frame in radio.left)
    # And nothing of the budget is left unused.
    assert used >= 0.98 * 20_000 * 20
    assert radio.box.classes[BELIEF].dropped and radio.box.classes[BULK].dropped


def test_a_log_that_could_take_all_leaves_each_class_below_its_share() -> None:
    radio = Radio(100_000)
    for _ in range(3_000):
        for traffic_class in (LOG, AGREEMENT, BELIEF, BULK):
            while radio.offer(traffic_class, 400):
                pass
        radio.flush()
        radio.now_ns += SECOND // 100
    radio.check()
    total = sum(cost(frame) for _, frame in radio.left)
    shares = {c: radio.bytes_of(c) / total for c in TrafficClass}
    assert shares[LOG] > 0.82
    for minor in (AGREEMENT, BELIEF, BULK):
        assert 0.035 < shares[minor] < 0.06, shares
    assert all(radio.box.pressure(c, radio.now_ns) == 1.0 for c in (LOG, AGREEMENT, BELIEF, BULK))


def test_elections_without_end_leave_the_log_and_all_others_their_shares() -> None:
    radio = Radio(50_000)
    for _ in range(3_000):
        for traffic_class in TrafficClass:
            while radio.offer(traffic_class, 200):
                pass
        radio.flush()
        radio.now_ns += SECOND // 100
    radio.check()
    total = sum(cost(frame) for _, frame in radio.left)
    shares = {c: radio.bytes_of(c) / total for c in TrafficClass}
    assert shares[ELECTION] > 0.62 and 0.17 < shares[LOG] < 0.22, shares
    assert all(0.035 < shares[c] < 0.06 for c in (AGREEMENT, BELIEF, BULK)), shares


@pytest.mark.parametrize('large', [LOG, AGREEMENT, BELIEF, BULK])
@pytest.mark.parametrize('rate', [RATE_MIN, 20_000])
def test_the_largest_frame_of_any_class_leaves_in_any_flood(
    large: TrafficClass, rate: int
) -> None:
    radio = Radio(rate)
    size = FRAME_BYTES_MAX // (3 if large is AGREEMENT else 1) - 60
    assert radio.offer(large, size)
    for _ in range(20 * (LARGEST + rate) // (rate // 20)):
        for other in (BELIEF, BULK, LOG):
            if other is not large:
                radio.offer(other, 100)
        radio.flush()
        radio.now_ns += SECOND // 20
        if not radio.box.waiting(large):
            break
    assert not radio.box.waiting(large)
    radio.check()


def test_pressure_is_how_long_a_queue_stands() -> None:
    radio = Radio()
    for _ in range(30):
        radio.offer(BELIEF, 1_000)
    radio.flush()
    assert radio.box.waiting(BELIEF) and radio.budget.waits(BELIEF)
    assert radio.box.pressure(BELIEF, radio.now_ns) == 0.0
    assert radio.box.pressure(BELIEF, radio.now_ns + PRESSURE_FULL_NS // 4) == 0.25
    assert radio.box.pressure(BELIEF, radio.now_ns + 9 * PRESSURE_FULL_NS) == 1.0
    assert radio.box.pressure(LOG, radio.now_ns) == 0.0
    radio.run(10)
    assert radio.box.pressure(BELIEF, radio.now_ns) == 0.0 and not radio.budget.waits(BELIEF)


def test_what_waits_is_replaced_by_what_is_newer() -> None:
    radio = Radio()
    for number in range(1_000):
        radio.box.offer(Data(number, bytes(700)), (), BELIEF, number % 20)
        radio.flush()
        radio.now_ns += SECOND // 200
    radio.run(3)
    count = radio.box.classes[BELIEF]
    assert count.coalesced > 700 and count.dropped == 0
    last = [m.number for _, f in radio.left for m in CODEC.decode_batch(f.batch)][-20:]
    assert sorted(last) == list(range(980, 1_000))
    radio.check()


def test_frames_are_small_where_the_budget_is() -> None:
    radio = Radio(20_000)
    for _ in range(20):
        radio.offer(LOG, 300)
    radio.run(2)
    assert max(len(frame.batch) for _, frame in radio.left) <= FRAME_BYTES_MIN
    assert len(radio.left) == 7


def test_settings_with_which_something_could_never_leave_are_refused() -> None:
    with pytest.raises(ValueError, match=f'at least {RATE_MIN}'):
        Budget(RATE_MIN - 1, 10**6, 0)
    with pytest.raises(ValueError, match='at least the rate'):
        Budget(20_000, 19_999, 0)
    with pytest.raises(ValueError, match='at least 1'):
        TokenBucket(0, 1, 0)


def test_a_frame_of_several_packets_counts_the_header_of_each() -> None:
    assert wire_bytes(2, 0, 100, 0) - wire_bytes(2, 0, 99, 0) == 1
    assert wire_bytes(2, 3, 100, 64) - wire_bytes(2, 0, 100, 0) == 67
    alone = wire_bytes(2, 0, 0, 0)
    assert wire_bytes(2, 0, 60_000, 0) - 60_000 - alone == 20 * (60_000 // 1480)
