"""
How many bytes a robot may put on the radio, and which class of traffic gets them.

A token bucket holds the bytes: never more than rate * t + burst leave in any t. Of what is in it
the less urgent classes must leave a part to the more urgent ones, as trunk reservation does on
telephone lines: under a flood of beliefs the bucket then stands at what is kept for elections and
the log, and these leave at once, as if there were no flood.

Classes go strictly in their order, with one exception, as a class may ask for all that there is:
the log for what users propose, and even elections for rounds of heartbeats that confirm reads. Then
no evidence would arrive, no robot that was away would catch up, and no read would end whose answer
travels with the log. So each class below the first that waits saves a small share of what comes in,
which no other class can touch, and its next frame leaves when it has saved what that takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from swarm_consensus.transport.frame import TrafficClass

_SECOND = 1_000_000_000
_EVER = 2**62

# IPv4, UDP, and of RTPS 2.x: header, INFO_TS, DATA with no inline QoS.
_IP_BYTES = 20
_UDP_BYTES = 8
_RTPS_BYTES = 20 + 12 + 24
# An IP packet over Ethernet or Wi-Fi carries so much of a datagram.
_FRAGMENT_BYTES = 1480
# msg/Frame.msg in CDR: encapsulation, version, class and swarm, the other numbers, four lengths,
# the closing zeros of two strings, and the most padding.
_CDR_BYTES = 4 + 16 + 24 + 4 * 4 + 2 + 13

# What a class leaves in the bucket, in thousandths of what comes in a second: a tenth of a second
# for elections, three more for the log.
_KEPT_FOR_ELECTIONS = 100
_KEPT_FOR_LOG = 400
# And so much at once is the most that beliefs take, and that bulk takes, of a bucket that is full.
_BELIEF_BURST = 500
_BULK_BURST = 400
# Guaranteed shares, in thousandths of the budget.
_SHARES = {
    TrafficClass.LOG: 200,
    TrafficClass.AGREEMENT: 50,
    TrafficClass.BELIEF: 50,
    TrafficClass.BULK: 50,
}
# Several messages share a frame up to this part of a second, so that what is more urgent never
# waits long behind one, and up to one packet in any case.
_FRAME = 50
FRAME_BYTES_MIN = 1_200

# Below this the signs of life of a swarm alone would need more than all.
RATE_MIN = 1_000
# A queue that has stood so long is as bad as it gets.
PRESSURE_FULL_NS = _SECOND


def wire_bytes(sender_bytes: int, to_bytes: int, batch_bytes: int, signature_bytes: int) -> int:
    """
    Return an estimate of what a frame takes on the network: one copy, over IPv4, UDP and RTPS.

    What DDS adds by itself is not in it: discovery, the acknowledgements of reliable topics, and
    copies, where it sends one to each receiver.

    :param sender_bytes: length of the name of the sender.
    :param to_bytes: length of the name of the only receiver; 0: for all.
    """
    datagram = (
        _UDP_BYTES + _RTPS_BYTES + _CDR_BYTES
        + sender_bytes + to_bytes + batch_bytes + signature_bytes
    )  # fmt: skip
    return datagram + _IP_BYTES * -(-datagram // _FRAGMENT_BYTES)


class TokenBucket:
    """
    Bytes that may leave. Exact: no rounding ever lets more through, or loses any.

    :param rate: bytes that come in each second.
    :param burst: most bytes that it holds; it begins full.
    """

    __slots__ = ('_at_ns', '_level', 'burst', 'rate')

    def __init__(self, rate: int, burst: int, now_ns: int) -> None:
        if rate < 1 or burst < 1:
            raise ValueError(f'rate ({rate}) and burst ({burst}) must be at least 1')
        self.rate = rate
        self.burst = burst
        # In bytes times nanoseconds, so that what comes in is a whole number.
        self._level = burst * _SECOND
        self._at_ns = now_ns

    def level(self, now_ns: int) -> int:
        """Return the whole bytes that are in it."""
        passed_ns = now_ns - self._at_ns
        if passed_ns > 0:
            self._level = min(self._level + passed_ns * self.rate, self.burst * _SECOND)
            self._at_ns = now_ns
        return self._level // _SECOND

    def take(self, amount: int, now_ns: int) -> None:
        """
        Take bytes out.

        :raises ValueError: there are not so many in it.
        """
        if amount > self.level(now_ns):
            raise ValueError(f'{amount} bytes of {self.level(now_ns)}')
        self._level -= amount * _SECOND

    def wait_ns(self, amount: int, now_ns: int, growing: int = 0) -> int:
        """
        Return how long it takes until so many bytes are in it, were there no `burst`.

        :param growing: bytes a second by which the amount grows meanwhile; less than `rate`.
        """
        self.level(now_ns)
        missing = amount * _SECOND - self._level
        return max(0, -(-missing // (self.rate - growing)))


def least_burst(rate: int, largest_frame_bytes: int) -> int:
    """Return the smallest burst with which a robot can send every frame that it may have to."""
    return max(rate, largest_frame_bytes + rate * _KEPT_FOR_ELECTIONS // 1000)


class Budget:
    """
    The byte budget of a robot.

    :param rate: bytes a second, whole frames, by `wire_bytes`.
    :param burst: most bytes at once; see `least_burst`.
    :ivar frame_bytes: several messages share a batch up to this size.
    :raises ValueError: settings with which some frames could never leave.
    """

    def __init__(self, rate: int, burst: int, now_ns: int) -> None:
        if rate < RATE_MIN or burst < rate:
            raise ValueError(
                f'a budget of {rate} bytes a second with bursts of {burst} bytes: the rate must be '
                f'at least {RATE_MIN}, and the burst at least the rate'
            )
        self.rate = rate
        self.frame_bytes = max(FRAME_BYTES_MIN, rate // _FRAME)
        self._bucket = TokenBucket(rate, burst, now_ns)
        kept = {
            TrafficClass.ELECTION: 0,
            TrafficClass.LOG: rate * _KEPT_FOR_ELECTIONS // 1000,
            TrafficClass.AGREEMENT: rate * _KEPT_FOR_LOG // 1000,
            TrafficClass.BELIEF: burst - rate * _BELIEF_BURST // 1000,
            TrafficClass.BULK: burst - rate * _BULK_BURST // 1000,
        }
        self._kept = tuple(kept[each] for each in TrafficClass)
        self._shares = {each: max(1, rate * share // 1000) for each, share in _SHARES.items()}
        # Since when something of a class waits for bytes; -1: nothing does.
        self._waits_since_ns = [-1] * len(TrafficClass)
        # When a class last sent a frame, or began to wait.
        self._served_ns = [now_ns] * len(TrafficClass)

    def choose(self, costs: Mapping[TrafficClass, int], now_ns: int) -> TrafficClass | None:
        """
        Return the class that sends its next frame now; None: nobody may.

        :param costs: the most that the next frame of each class takes that has one to send, the
            most urgent first.
        """
        if not costs:
            return None
        level = self._bucket.level(now_ns)
        head = next(iter(costs))
        saved = self._saved(costs, now_ns)
        others = sum(saved.values()) - saved.get(head, 0)
        if level >= self._needed(head, costs[head] + others):
            return head
        for saver, savings in saved.items():
            if savings == costs[saver] <= level:
                return saver
        return None

    def spend(self, traffic_class: TrafficClass, cost: int, now_ns: int) -> None:
        """Take note that a frame leaves which takes so much."""
        self._bucket.take(cost, now_ns)
        self._served_ns[traffic_class] = now_ns

    def leave_waiting(self, waiting: Iterable[TrafficClass], now_ns: int) -> None:
        """Take note of the classes that have to wait for bytes, and that the others have not."""
        since = self._waits_since_ns
        still = set(waiting)
        for traffic_class in TrafficClass:
            if traffic_class not in still:
                since[traffic_class] = -1
            elif since[traffic_class] < 0:
                since[traffic_class] = self._served_ns[traffic_class] = now_ns

    def due_ns(self, costs: Mapping[TrafficClass, int], now_ns: int) -> int:
        """Return when the next frame may leave; `costs` as in `choose`, not empty."""
        bucket = self._bucket
        head = next(iter(costs))
        saved = self._saved(costs, now_ns)
        # What the others save grows meanwhile.
        others = sum(saved.values()) - saved.get(head, 0)
        growing = sum(self._shares[each] for each in saved if each is not head)
        needed = self._kept[head] + costs[head] + others
        wait_ns = min(
            bucket.wait_ns(bucket.burst, now_ns), bucket.wait_ns(needed, now_ns, growing)
        )
        for saver in saved:
            cost = costs[saver]
            turn_ns = self._served_ns[saver] - (-cost * _SECOND // self._shares[saver])
            wait_ns = min(wait_ns, max(turn_ns - now_ns, bucket.wait_ns(cost, now_ns)))
        return now_ns + wait_ns

    def waits(self, traffic_class: TrafficClass) -> bool:
        """Return whether something of a class had to wait for bytes when last all was sent."""
        return self._waits_since_ns[traffic_class] >= 0

    def room(self, traffic_class: TrafficClass, now_ns: int) -> int:
        """Return how many bytes of a class may leave at once; of a full bucket, as many as ever."""
        level = self._bucket.level(now_ns)
        if level == self._bucket.burst:
            return _EVER
        return max(0, level - self._kept[traffic_class])

    def pressure(self, traffic_class: TrafficClass, now_ns: int) -> float:
        """
        Return how hard it presses that a class gets too few bytes: 0.0 where nothing waits, to 1.0.

        What counts is how long something of the class has waited without a break (a standing queue:
        Nichols and Jacobson, "Controlling queue delay", 2012), not how much: a burst that leaves in
        time is no reason to send less.
        """
        since_ns = self._waits_since_ns[traffic_class]
        if since_ns < 0:
            return 0.0
        return min(1.0, max(0, now_ns - since_ns) / PRESSURE_FULL_NS)

    def _needed(self, traffic_class: TrafficClass, cost: int) -> int:
        """Return what must be in the bucket before a class sends a frame of this cost."""
        # A frame that is larger than what is not kept for others goes when the bucket is full.
        return min(cost + self._kept[traffic_class], self._bucket.burst)

    def _saved(
        self, costs: Mapping[TrafficClass, int], now_ns: int
    ) -> dict[TrafficClass, int]:
        """Return what each class that waits has saved for its next frame, the most urgent first."""
        return {
            each: min(costs[each], (now_ns - self._served_ns[each]) * share // _SECOND)
            for each, share in self._shares.items()
            if each in costs and self._waits_since_ns[each] >= 0
        }
