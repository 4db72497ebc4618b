"""
Ground floor of the machine: term, vote, role, time, and what is waiting to be handed out.

The machine is built in floors, each a class over the one below: `Core` (here), `Election`,
`Replication`, `Snapshots`, `Transfer`, `Reads`, `Proposals`, and on top `Raft` with the calls from
outside. A floor knows those below it, and hears of theirs by overriding the hooks named `_on_...`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from swarm_consensus.protocols.raft.changes import decode_membership
from swarm_consensus.protocols.raft.config import NUMBER_MAX, TERM_JUMP_MAX, RaftConfig
from swarm_consensus.protocols.raft.effects import Send
from swarm_consensus.protocols.raft.entry import (
    Entry,
    EntryKind,
    HardState,
    Membership,
    Restored,
)
from swarm_consensus.protocols.raft.errors import InvariantError
from swarm_consensus.protocols.raft.log import RaftLog
from swarm_consensus.protocols.raft.memberships import Memberships
from swarm_consensus.protocols.raft.messages import Message
from swarm_consensus.protocols.raft.status import Drop, Role


class Core:
    """
    State that all floors share. Attributes hold between calls:

    :ivar _term: latest term seen, and `_vote` this robot's vote in it; both go into the next
        `Persist` when they change, before any promise that rests on them.
    :ivar _lost: token of the loss of this robot's log; '' for none (HardState.lost).
    :ivar _leader: leader of `_term`, '' for none known; own name exactly when role is LEADER.
    :ivar _membership: who holds the log: the latest of `_memberships`, which know since when.
    :ivar _known: whose messages are taken in: all robots that the configuration names, and all
        that ever were members while this robot ran. Who is a member now does not matter here: this
        robot, or the other, may lag behind.
    :ivar _now: ticks since start.
    :ivar _timer: tick from which the election timeout counts: leader last heard, vote given,
        or campaign begun.
    :ivar _promised_at: with leases: tick at which a leader of an earlier term was last heard, or
        of the boot: before it this robot may have heard one.
    :ivar _orphaned_at: tick since which no leader is known; only where `_leader` is ''.
    :ivar _dirty: there may be something to hand out.
    """

    def __init__(self, config: RaftConfig, restored: Restored, random: Random) -> None:
        self._config = config
        self._robot = config.robot
        self._random = random
        self._log = RaftLog(restored)
        self._term = restored.hard_state.term
        self._vote = restored.hard_state.vote
        self._lost = restored.hard_state.lost
        if self._term < 0 or self._term > NUMBER_MAX:
            raise InvariantError('restored term is out of range', hard_state=restored.hard_state)
        self._hard_state_changed = False
        self._role = Role.FOLLOWER
        self._leader = ''
        mark = None if restored.snapshot is None else restored.snapshot.mark
        self._membership: Membership = config.membership if mark is None else mark.membership
        self._memberships = Memberships(self._log.snapshot_index, self._membership)
        self._known = frozenset(config.membership.robots + config.robots)
        for entry in restored.entries:
            if entry.kind is EntryKind.CONFIG:
                self._restore_membership(entry)
        self._take_membership()
        self._now = 0
        # Who never was in a term never heard a leader.
        self._promised_at = 0 if self._term else -config.election_ticks
        self._timer = 0
        self._timeout = 0
        self._orphaned_at = 0
        self._draw_timeout()
        self._dirty = False
        self._send_now: list[Send] = []
        self._send_after: list[Send] = []
        self._drops: dict[Drop, int] = {}
        self._handlers: Mapping[type[Message], Callable[[Any], None]] = self._make_handlers()

    def _restore_membership(self, entry: Entry) -> None:
        membership = decode_membership(entry.data)
        if membership is None:
            raise InvariantError('a restored membership makes no sense', entry=entry)
        self._memberships.append(entry.index, membership)
        self._known |= frozenset(membership.robots)

    def _make_handlers(self) -> dict[type[Message], Callable[[Any], None]]:
        """Return who takes in which message; each floor adds its own."""
        return {}

    # -- hooks ------------------------------------------------------------------------------

    def _on_new_term(self) -> None:
        """Hear that role or term start anew: what was counted for the old ones is void."""

    def _on_leader_known(self) -> None:
        """Hear that the term has a leader, be it this robot."""

    def _on_committed(self, entries: list[Entry]) -> None:
        """Hear that the commit index moved over these entries."""

    # -- role and term ------------------------------------------------------------------------

    def _become_follower(self, term: int, leader: str) -> None:
        """Follow in `term`, which is not below the present one; `leader` '' where unknown."""
        self._enter(term, Role.FOLLOWER)
        if leader:
            self._set_leader(leader)

    def _enter(self, term: int, role: Role) -> None:
        """Take a role in a term; votes of an older term are forgotten."""
        if term < self._term:
            raise InvariantError('the term never falls', term=self._term, to=term)
        if term > self._term:
            self._term = term
            self._vote = ''
            self._hard_state_changed = True
        self._role = role
        if self._leader:
            self._orphaned_at = self._now
            self._promised_at = self._timer
        self._leader = ''
        self._timer = self._now
        self._draw_timeout()
        self._dirty = True
        self._on_new_term()

    def _set_leader(self, leader: str) -> None:
        self._leader = leader
        self._timer = self._now
        self._dirty = True
        self._on_leader_known()

    def _draw_timeout(self) -> None:
        """Draw anew how long to wait for a leader, so that robots do not campaign together."""
        ticks = self._config.election_ticks
        self._timeout = ticks + self._random.randrange(ticks)

    def _commit_to(self, index: int) -> None:
        entries = self._log.commit_to(index)
        self._dirty = True
        self._on_committed(entries)

    def _take_membership(self) -> None:
        """Put the latest membership of the log in force: one was set, cut off or installed."""
        self._membership = self._memberships.latest
        self._known |= frozenset(self._membership.robots)

    # -- peers --------------------------------------------------------------------------------

    def _drop(self, reason: Drop) -> None:
        """Count a message that is not taken in."""
        self._drops[reason] = self._drops.get(reason, 0) + 1

    def _is_peer(self, robot: str) -> bool:
        """Return whether this is another member; counts the drop where it is not."""
        if robot == self._robot:
            self._drop(Drop.OWN_NAME)
            return False
        if robot not in self._known:
            self._drop(Drop.STRANGER)
            return False
        return True

    def _is_term(self, term: int) -> bool:
        """Return whether an honest robot could be in this term; counts the drop if not."""
        if 0 < term <= min(NUMBER_MAX, self._term + TERM_JUMP_MAX):
            return True
        self._drop(Drop.OUT_OF_RANGE)
        return False

    @property
    def _hears_leader(self) -> bool:
        """Whether the leader was heard within the election timeout, or is this robot."""
        if self._role is Role.LEADER:
            return True
        return bool(self._leader) and self._now - self._timer < self._config.election_ticks

    @property
    def _keeps_promise(self) -> bool:
        """
        Whether a leader of an earlier term may hold a lease by this robot's answer.

        A leader whose term is known is looked after by `_hears_leader`; but a robot forgets it as
        soon as it hears of a higher term, which ends no lease.
        """
        config = self._config
        return (
            config.clock_drift_percent >= 0
            and self._now - self._promised_at < config.election_ticks
        )

    @property
    def _is_voter(self) -> bool:
        """Whether this robot votes in the membership in force."""
        return self._robot in self._membership.voters or self._robot in self._membership.outgoing

    def _take_hard_state(self) -> HardState | None:
        if not self._hard_state_changed:
            return None
        self._hard_state_changed = False
        return HardState(self._term, self._vote, self._lost)
