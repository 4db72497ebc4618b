"""
What a leader knows about one follower, and what it may send to it.

A follower starts in PROBE: one append at a time, to find where the logs match. Its first
acceptance moves it to REPLICATE: appends flow without waiting for answers, up to a window. What a
rejection or a heartbeat's answer shows to be lost is sent again, and the flow goes on; only where
the logs may differ is there a PROBE again. One that needs an entry which is no more in the
leader's log is in SNAPSHOT: it gets no appends until it accepts something, which need not be this
snapshot.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from swarm_consensus.protocols.raft.chunks import Outgoing, Source


class Flow(Enum):
    """How appends go to a follower."""

    PROBE = 'probe'
    REPLICATE = 'replicate'
    SNAPSHOT = 'snapshot'


class Progress:
    """
    One follower in the eyes of the leader.

    Holds always: 0 <= match < next; match never falls within a term, unless the log is lost.

    :ivar match: the follower's log is durable and equal to ours up to here.
    :ivar next: first entry to send next.
    :ivar flow: how appends go.
    :ivar probing: PROBE only: an append is under way, wait for the answer.
    :ivar inflight: REPLICATE only: last index of each append under way.
    :ivar outgoing: SNAPSHOT: what it is being sent. It stays behind for a while, in case that what
        the follower accepted meanwhile does not do.
    :ivar resent: last index that had been sent when what follows a loss was last sent again.
    :ivar sent_commit: commit index last sent.
    :ivar priority: its rank, as it last said.
    :ivar heard: tick when it was last heard.
    :ivar steady_since: tick since when it is heard without a gap, as far as anybody looked.
    :ivar lost: HardState.lost as it last said; where it is not '', it counts for nothing.
    :ivar lost_round: heartbeat round that was the latest when it said so.
    :ivar round: last heartbeat round that it answered.
    :ivar mark_round: round at which the two below were noted; 0: none under way. Its answer, or
        a later one, shows whether what had been sent by then arrived.
    :ivar mark_next: `next` when that round went out.
    :ivar mark_match: `match` when that round went out.
    """

    __slots__ = (
        'flow',
        'heard',
        'inflight',
        'lost',
        'lost_round',
        'mark_match',
        'mark_next',
        'mark_round',
        'match',
        'next',
        'outgoing',
        'priority',
        'probing',
        'resent',
        'robot',
        'round',
        'sent_commit',
        'steady_since',
    )

    def __init__(self, robot: str, next_index: int, now: int) -> None:
        self.robot = robot
        self.match = 0
        self.next = next_index
        self.flow = Flow.PROBE
        self.probing = False
        self.inflight: deque[int] = deque()
        self.outgoing: Outgoing | None = None
        self.resent = 0
        self.sent_commit = 0
        self.priority = 0
        self.heard = now
        self.steady_since = now
        self.lost = ''
        self.lost_round = 0
        self.round = 0
        self.mark_round = 0
        self.mark_next = 0
        self.mark_match = 0

    def accepted(self, index: int) -> None:
        """Take note that the follower's log is equal to ours, and durable, up to `index`."""
        moved = index > self.match
        if moved:
            self.match = index
        if self.next <= index:
            self.next = index + 1
        if self.flow is Flow.REPLICATE:
            inflight = self.inflight
            while inflight and inflight[0] <= index:
                inflight.popleft()
        elif moved or (index == self.match and self.flow is Flow.PROBE):
            self.replicate()

    def rejected(self, index: int, next_guess: int, gap: bool) -> bool:
        """
        Take note that the follower had no match at `index`, the place before an append.

        :param next_guess: where to try next.
        :param gap: the logs are equal up to there, so that all it lacks is what got lost.
        :returns: False where it is an old answer, which changes nothing.
        """
        if index <= self.match:
            # It had acknowledged this place. A follower that insists has lost its log; to answer
            # would be to ask the same again, as fast as the network goes.
            return False
        if self.flow is Flow.SNAPSHOT or (self.flow is Flow.PROBE and index != self.next - 1):
            # Probes go one at a time: this one does not answer the last.
            return False
        next_index = max(min(index, next_guess), self.match + 1)
        if self.flow is Flow.PROBE or not gap:
            self.probe(next_index)
        elif index < self.resent:
            # It answers an append that left before all of this was sent again.
            return False
        else:
            self._restart(next_index)
        return True

    def lost_log(self, token: str, round_: int) -> None:
        """Take note that the follower has lost its log, and nothing is known of the new one."""
        self.lost = token
        self.lost_round = round_
        self.match = 0
        self.probe(self.next)

    def probe(self, next_index: int) -> None:
        """Go back to one append at a time, from `next_index`."""
        self.flow = Flow.PROBE
        self._restart(next_index)

    def replicate(self) -> None:
        """Let appends flow from the first entry that is not known to be there."""
        self.flow = Flow.REPLICATE
        self._restart(self.match + 1)

    def send_snapshot(self, source: Source) -> None:
        """Send a snapshot in place of entries, from where it was if it was being sent before."""
        self.flow = Flow.SNAPSHOT
        if self.outgoing is None or self.outgoing.source is not source:
            self.outgoing = Outgoing(source)
        self._restart(source.index + 1)

    def resend(self) -> None:
        """Send all again that is not known to be there."""
        self._restart(self.match + 1)

    def _restart(self, next_index: int) -> None:
        self.resent = max(self.resent, self.next - 1)
        self.next = next_index
        self.probing = False
        self.inflight.clear()
        self.sent_commit = min(self.sent_commit, next_index - 1)
        self.mark_round = 0

    def sent(self, last_index: int, commit: int) -> None:
        """Take note that an append that ends at `last_index` (or is empty) went out."""
        self.sent_commit = commit
        if self.flow is Flow.PROBE:
            self.probing = True
        elif last_index >= self.next:
            self.next = last_index + 1
            self.inflight.append(last_index)

    def mark(self, round_: int) -> None:
        """Take note of what had been sent when a heartbeat round went out."""
        if not self.mark_round:
            self.mark_round = round_
            self.mark_next = self.next
            self.mark_match = self.match
            if self.outgoing is not None:
                self.outgoing.mark()

    def answered(self, round_: int, match: int) -> bool:
        """
        Take note of the answer to a heartbeat, after `accepted` was told of its match.

        :param match: what the follower holds of our log since it follows us in this boot.
        :returns: whether there is something to send again.
        """
        if round_ > self.round:
            self.round = round_
        if not self.mark_round or round_ < self.mark_round:
            return False
        expected, restarted = self.mark_next - 1, match < self.mark_match
        self.mark_round = 0
        if self.flow is Flow.SNAPSHOT:
            return self.outgoing is not None and self.outgoing.heartbeat_answered()
        if self.flow is Flow.PROBE:
            again = self.probing
            self.probing = False
            return again
        if restarted:
            # It was rebooted and does not know that its log matches, so it cannot commit.
            self.probe(self.match + 1)
            return True
        if self.match < expected:
            self.resend()
            return True
        return False
