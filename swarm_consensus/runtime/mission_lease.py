"""
The lease with which a robot works for missions.

It is held while the robot has something to do for missions, and given up by letting it end. Leases
that an earlier boot of this robot has left are ended at once: what hangs on them need not wait.
"""

from __future__ import annotations

from swarm_consensus.decision.replicated import Outcome
from swarm_consensus.protocols.keyvalue import Grant, KeepAlive, Result, ResultStatus, Revoke
from swarm_consensus.runtime.config import MILLISECOND, SECOND
from swarm_consensus.runtime.mission_proposals import MissionProposals

RETRY_NS = SECOND // 5


class MissionLease:
    """
    The lease of one robot.

    :param ttl_ns: how long it lives without being kept alive.
    :ivar lease: its id; 0: there is none.
    """

    def __init__(self, proposals: MissionProposals, ttl_ns: int) -> None:
        self.lease = 0
        self._proposals = proposals
        self._ttl_ns = ttl_ns
        self._asking = False
        self._next_ns = 0
        # Up to then it lives for sure, by this robot's own clock.
        self._sure_until_ns = 0
        self._revoking: set[int] = set()
        self._known: set[int] = set()

    @property
    def due_ns(self) -> int | None:
        """Return when it is to be kept alive; None: an answer is awaited."""
        return None if self._asking else self._next_ns

    def sure(self, now_ns: int) -> bool:
        """Return whether it lives for sure: another robot cannot have been told that it ended."""
        return self.lease != 0 and now_ns < self._sure_until_ns

    def hold(self, now_ns: int) -> None:
        """Get it, or keep it alive, where that is due."""
        if self._asking or now_ns < self._next_ns:
            return
        self._asking = True
        asked_ns = now_ns

        def ended(outcome: Outcome | None) -> None:
            self._asking = False
            if not isinstance(outcome, Result):
                self._next_ns = asked_ns + RETRY_NS
            elif outcome.status is ResultStatus.DONE:
                self.lease = outcome.lease
                self._known.add(outcome.lease)
                self._sure_until_ns = asked_ns + self._ttl_ns
                self._next_ns = asked_ns + self._ttl_ns // 3
            else:
                # It has ended, or there is no room for another one.
                self._next_ns = asked_ns + (RETRY_NS if self.lease == 0 else 0)
                self.lease = 0

        if self.lease:
            self._proposals.keyvalue(KeepAlive(self.lease), ended)
        else:
            self._proposals.keyvalue(Grant(self._ttl_ns // MILLISECOND), ended)

    def known(self, lease: int) -> bool:
        """Return whether a lease is of this boot."""
        return lease in self._known

    def end(self, lease: int) -> None:
        """End a lease of an earlier boot."""
        if lease in self._revoking:
            return
        self._revoking.add(lease)
        self._proposals.keyvalue(Revoke(lease), lambda _: self._revoking.discard(lease))
