"""
Anti-entropy of one replica: when it compares, whom it pulls from, and how it answers.

Whoever lacks something finds that out by the digest of another and pulls; nobody has to know what
the others have. Digests become seldom while nothing happens, and come soon when something does.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from swarm_consensus.protocols.crdt.config import ReplicaConfig
from swarm_consensus.protocols.crdt.context import Context
from swarm_consensus.protocols.crdt.deltas import SPAN_WIRE_BYTES
from swarm_consensus.protocols.crdt.effects import Send
from swarm_consensus.protocols.crdt.kinds import Write
from swarm_consensus.protocols.crdt.messages import (
    BUCKETS,
    HASH_BYTES,
    Digest,
    Dots,
    HashRange,
    Pull,
    Pulled,
    context_in,
    tabled,
)
from swarm_consensus.protocols.crdt.state import State

# Digests of a replica where nothing happens are up to so many times rarer.
BACKOFF_MAX = 8
# Pulls that are answered in one tick; what else is asked is asked again.
ANSWERS_PER_TICK_MAX = 8
_NUMBER_MAX = 2**31
_HASH_MAX = 2 ** (8 * HASH_BYTES) - 1


class AntiEntropy:
    """
    The part of a replica that finds and mends differences.

    :param state: of the replica; only read here.
    :param dropped: counts what is not answered.
    :ivar in_step: this replica has once had all that another one had.
    """

    def __init__(
        self, config: ReplicaConfig, random: Random, state: State, dropped: Counter[str]
    ) -> None:
        self._config = config
        self._random = random
        self._state = state
        self._dropped = dropped
        self._ticks = 0
        self._interval = config.digest_ticks
        # The first digests of robots that start together are spread.
        self._digest_tick = random.randrange(config.digest_ticks)
        # Robots whose digest differed, the newest last.
        self._differing: dict[str, None] = {}
        self._pull_tick = 0
        self._number = random.randrange(_NUMBER_MAX)
        # Whom the pull under way was sent to, and until when its end is waited for.
        self._asked = ''
        self._timeout_tick = 0
        self._answered = 0
        self._send: list[Send] = []
        self.in_step = False

    def take(self) -> list[Send]:
        """Return what is to be sent."""
        send, self._send = self._send, []
        return send

    def changed(self) -> None:
        """Tell the others soon how this replica stands."""
        self._interval = self._config.digest_ticks
        latest = self._ticks + self._interval
        if self._digest_tick > latest:
            self._digest_tick = latest - self._random.randrange(self._interval)

    # -- time -------------------------------------------------------------------------------------

    def idle_ticks(self, used: bool) -> int:
        """Return after how many ticks something is due by time alone."""
        due = []
        if used:
            due.append(self._digest_tick)
        if self._asked:
            due.append(self._timeout_tick)
        elif self._differing:
            due.append(self._pull_tick)
        return min(due, default=self._ticks + BACKOFF_MAX * self._config.digest_ticks) - self._ticks

    def tick(self, used: bool) -> None:
        """Let a tick pass; a swarm that shares nothing sends nothing."""
        self._ticks += 1
        self._answered = 0
        if used and self._ticks >= self._digest_tick:
            self._tell()
        if self._asked and self._ticks >= self._timeout_tick:
            self._asked = ''
        if self._differing and not self._asked and self._ticks >= self._pull_tick:
            self._pull(self._random.choice(list(self._differing)))

    def _tell(self) -> None:
        self._send.append(Send(self._digest()))
        spread = self._random.randrange(-(self._interval // 4), self._interval // 4 + 1)
        self._digest_tick = self._ticks + max(1, self._interval + spread)
        self._interval = min(2 * self._interval, BACKOFF_MAX * self._config.digest_ticks)

    def _digest(self) -> Digest:
        state = self._state
        return Digest(state.context.level, state.context_hash(), state.content_hash())

    # -- pulling ----------------------------------------------------------------------------------

    def compare(self, sender: str, digest: Digest) -> bool:
        """Take in how another replica stands; returns whether the two are equal."""
        if digest == self._digest():
            self._differing.pop(sender, None)
            self.in_step = True
            return True
        if not self._differing:
            # Those who find a difference in one moment do not all ask in the next.
            wait = 1 + self._random.randrange(self._config.pull_ticks)
            self._pull_tick = max(self._pull_tick, self._ticks + wait)
        self._differing[sender] = None
        self.changed()
        return False

    def _pull(self, peer: str) -> None:
        state = self._state
        # Its next digest tells whether there is still a difference.
        self._differing.pop(peer, None)
        self._number = (self._number + 1) % _NUMBER_MAX
        self._asked = peer
        self._timeout_tick = self._ticks + self._config.pull_timeout_ticks
        self._pull_tick = self._ticks + self._config.pull_ticks
        writers, spans = tabled(list(state.context.spans()))
        pull = Pull(self._number, state.context.level, writers, spans, state.bucket_hashes())
        self._send.append(Send(pull, peer))

    def pulled(self, sender: str, message: Pulled) -> bool:
        """Take in the end of an answer; returns whether it is that of the pull under way."""
        if sender != self._asked or message.number != self._number:
            return False
        self._asked = ''
        if message.more:
            self._pull(sender)
        else:
            self.in_step = True
        return True

    def gone_there(self, message: Dots) -> list[Write]:
        """Return the live writes that the sender has seen and that are live there no more."""
        there = context_in(message)
        return [
            write
            for each in message.buckets
            for write in self._state.not_in(each)
            if there.contains(write[3], write[4])
        ]

    # -- answering --------------------------------------------------------------------------------

    def answer(self, sender: str, pull: Pull) -> Context | None:
        """Answer a pull; returns what the sender has seen, or None where there is no time."""
        if self._answered == ANSWERS_PER_TICK_MAX:
            self._dropped['BUSY'] += 1
            return None
        self._answered += 1
        there = context_in(pull)
        level = self._state.context.level
        pieces, more = 0, False
        for delta in self._state.missing(there, self._config.message_bytes_max):
            more = pieces == self._config.pieces_max
            if more:
                break
            pieces += 1
            self._send.append(Send(delta, sender))
        if not more and level <= pull.level:
            more = self._tell_dots(sender, pull)
        # A level can be taken over only where nothing was missing: some of this may be lost.
        lacks = pieces or more
        more = more or (pieces > 0 and level > pull.level)
        self._send.append(Send(Pulled(pull.number, more, 0 if lacks else level), sender))
        return there

    def _tell_dots(self, sender: str, pull: Pull) -> bool:
        """Tell what is live in buckets that differ; returns whether there are more of these."""
        ours = self._state.bucket_hashes()
        differing = [
            bucket
            for bucket in range(BUCKETS)
            if ours[(at := bucket * HASH_BYTES) : at + HASH_BYTES]
            != pull.buckets[at : at + HASH_BYTES]
        ]
        if not differing:
            return False
        # Some differ because of writes on their way, so those that matter must all have a turn.
        self._random.shuffle(differing)
        writers, spans = tabled(list(self._state.context.spans()))
        room = self._config.message_bytes_max - sum(len(writer) + 3 for writer in writers)
        room -= SPAN_WIRE_BYTES * len(spans)
        told: list[HashRange] = []
        for bucket in differing:
            if room < 4 * SPAN_WIRE_BYTES and told:
                break
            found = self._range(bucket, max(1, room // HASH_BYTES))
            room -= len(found[3]) + SPAN_WIRE_BYTES
            told.append(found)
        dots = Dots(self._state.context.level, writers, spans, tuple(told))
        self._send.append(Send(dots, sender))
        return len(told) < len(differing)

    def _range(self, bucket: int, count_max: int) -> HashRange:
        """Return the hashes of a bucket, or so many in a row where they are too many."""
        hashes = self._state.hashes_in(bucket)
        if len(hashes) <= count_max:
            first, last = 0, len(hashes)
        else:
            first = self._random.randrange(len(hashes) - count_max + 1)
            last = first + count_max
        lowest = hashes[first] if first else 0
        highest = hashes[last - 1] if last < len(hashes) else _HASH_MAX
        told = b''.join(each.to_bytes(HASH_BYTES, 'big') for each in hashes[first:last])
        return bucket, lowest, highest, told
