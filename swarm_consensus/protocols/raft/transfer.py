"""
Fifth floor: leadership goes from this robot to another one (thesis 3.10).

The leader stops taking in proposals, lets the target's log come up to its own, and tells the
target to campaign at once, which voters answer although they hear a leader. What the target has
not reached within an election timeout is aborted: the leader takes in proposals again. Until the
target is elected, the leader leads: it replicates, commits and serves reads.

The word to campaign may be lost, so it is repeated with each heartbeat. One that arrives when the
target has campaigned is of an older term and changes nothing.

A leader does this by itself, too, for a voter of higher rank that has all that is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from swarm_consensus.protocols.raft.config import (
    HANDOVER_TIMEOUTS,
    HANDOVER_TIMEOUTS_MAX,
    RaftConfig,
)
from swarm_consensus.protocols.raft.effects import Send, TransferEnd, TransferResult
from swarm_consensus.protocols.raft.entry import Restored
from swarm_consensus.protocols.raft.messages import Message, TimeoutNow
from swarm_consensus.protocols.raft.progress import Flow, Progress
from swarm_consensus.protocols.raft.quorum import halves
from swarm_consensus.protocols.raft.snapshots import Snapshots
from swarm_consensus.protocols.raft.status import Drop, Role


class Transfer(Snapshots):
    """
    A transfer on its way, one at a time.

    :ivar _target: robot that is to lead; '' for none. It stays when this robot stops leading,
        until it is known who leads, so that whoever asked hears how it ended.
    :ivar _asked: somebody asked for this transfer; else it is for the target's rank.
    :ivar _transferring: leader: a transfer is under way, so no proposal is taken in.
    :ivar _transfer_due: tick at which the transfer ends as TIMEOUT.
    :ivar _urged_at: tick when the target was last told to campaign.
    :ivar _urged: leader: somebody was told so in this term, be the transfer aborted since: the word
        may be late, and voters answer although they hear this leader.
    :ivar _handover_at: leader: tick from which it may hand over to a higher rank, and
        `_handover_timeouts` the election timeouts from one attempt to the next.
    """

    def __init__(self, config: RaftConfig, restored: Restored, random: Random) -> None:
        self._target = ''
        self._asked = False
        self._transferring = False
        self._transfer_due = 0
        self._urged_at = 0
        self._urged = False
        self._handover_at = 0
        self._handover_timeouts = HANDOVER_TIMEOUTS
        self._transfer_results: list[TransferResult] = []
        super().__init__(config, restored, random)

    def _make_handlers(self) -> dict[type[Message], Callable[[Any], None]]:
        return super()._make_handlers() | {TimeoutNow: self._on_timeout_now}

    def _on_new_term(self) -> None:
        if self._transferring:
            # This robot leads no more; whether the target does will be seen.
            self._transferring = False
            self._transfer_due = self._now + self._config.election_ticks
        self._urged = False
        super()._on_new_term()

    def _on_leader_known(self) -> None:
        if self._target:
            reached = self._leader == self._target
            self._end_transfer(TransferEnd.DONE if reached else TransferEnd.OTHER_LEADER)
        super()._on_leader_known()

    # -- at the leader --------------------------------------------------------------------------

    def _transfer(self, target: str) -> None:
        """Begin to hand over, or say why not."""
        self._dirty = True
        if self._role is not Role.LEADER:
            self._transfer_results.append(TransferResult(target, TransferEnd.NOT_LEADER))
            return
        if self._transferring and target in ('', self._target):
            self._asked = True
            return
        target = target or self._best_target()
        if not self._can_lead(target):
            self._transfer_results.append(TransferResult(target, TransferEnd.NO_TARGET))
            return
        if self._transferring:
            self._end_transfer(TransferEnd.REPLACED)
        self._start(target, asked=True)
        if target == self._robot:
            self._end_transfer(TransferEnd.DONE)

    def _can_lead(self, target: str) -> bool:
        """Return whether a robot is a voter that has its log."""
        p = self._progress.get(target)
        return any(target in half for half in halves(self._membership)) and not (p and p.lost)

    def _take_membership(self) -> None:
        super()._take_membership()
        self._check_target()

    def _note_loss(self, p: Progress, token: str, round_: int = 0) -> bool:
        noted = super()._note_loss(p, token, round_)
        self._check_target()
        return noted

    def _check_target(self) -> None:
        """End a transfer whose target can lead no more."""
        if self._transferring and not self._can_lead(self._target):
            self._end_transfer(TransferEnd.NO_TARGET)

    def _start(self, target: str, asked: bool) -> None:
        self._target = target
        self._asked = asked
        self._transferring = True
        self._transfer_due = self._now + self._config.election_ticks
        self._urged_at = self._now - self._config.heartbeat_ticks

    def _best_target(self) -> str:
        """Return the voter that needs least to lead, among those that are there; '' for none."""
        fit = self._heard_voters()
        return max(fit, key=lambda p: (p.match, p.priority)).robot if fit else ''

    def _heard_voters(self) -> list[Progress]:
        since = self._now - self._config.election_ticks
        return [p for p in self._followers if p.heard > since and self._can_lead(p.robot)]

    def _become_leader(self) -> None:
        super()._become_leader()
        self._handover_timeouts = HANDOVER_TIMEOUTS
        self._put_handover_off()

    def _put_handover_off(self) -> None:
        self._handover_at = self._now + self._handover_timeouts * self._config.election_ticks

    def _tick_leader(self) -> None:
        super()._tick_leader()
        # With the heartbeat only: that is when followers say how they stand, and something is
        # sent anyway.
        if self._beat and self._now >= self._handover_at and not self._transferring:
            self._hand_over_by_rank()

    def _hand_over_by_rank(self) -> None:
        """Begin to hand over to the voter of the highest rank above this robot's, if one is fit."""
        commit = self._log.commit
        if commit < self._term_start:
            return
        fit = [
            p
            for p in self._heard_voters()
            if p.priority > self._config.priority and p.flow is Flow.REPLICATE and p.match >= commit
        ]
        if fit:
            self._start(max(fit, key=lambda p: (p.priority, p.match)).robot, asked=False)
            self._handover_timeouts = min(2 * self._handover_timeouts, HANDOVER_TIMEOUTS_MAX)
            self._put_handover_off()

    def _end_transfer(self, end: TransferEnd) -> None:
        self._transfer_results.append(TransferResult(self._target, end, self._asked))
        self._target = ''
        self._transferring = False
        # Proposals that waited can go on.
        self._dirty = True

    def _tick_transfer(self) -> None:
        """Abort a transfer that takes too long."""
        if self._now >= self._transfer_due:
            self._end_transfer(TransferEnd.TIMEOUT)

    def _accept(self, p: Progress, index: int) -> None:
        super()._accept(p, index)
        if p.robot == self._target:
            self._dirty = True

    def _flush_leader(self) -> None:
        super()._flush_leader()
        if self._transferring:
            self._urge()

    def _urge(self) -> None:
        """Tell the target to campaign, if its log is as long as this robot's."""
        p = self._progress.get(self._target)
        if p is None or p.match < self._log.last_index:
            return
        if self._now - self._urged_at >= self._config.heartbeat_ticks:
            self._urged_at = self._now
            self._urged = True
            self._out.append(Send((self._target,), TimeoutNow(self._term, self._robot)))

    # -- at the target --------------------------------------------------------------------------

    def _on_timeout_now(self, message: TimeoutNow) -> None:
        if not self._follow(message.term, message.leader, 0):
            return
        if not self._may_campaign:
            self._drop(Drop.UNASKED)
            return
        # No pre-vote: the leader itself vouches that this robot can win.
        self._campaign(pre=False, transfer=True)
