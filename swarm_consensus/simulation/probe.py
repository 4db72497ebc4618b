"""
How a robot stands inside: the one place that looks behind the runtime's back.

The invariants are about what Raft keeps to itself: role, term, commit index, what is applied. A
robot is not asked for it by its public ways, because looking must not change anything, and must
be cheap enough to be done after each step.
"""

from __future__ import annotations

from collections.abc import Iterator

from swarm_consensus.protocols.agreement.broadcast import PieceRules
from swarm_consensus.protocols.crdt import Item, items_at
from swarm_consensus.protocols.raft import InvariantError, Membership, Role
from swarm_consensus.runtime.robot import RobotRuntime


class Probe:
    """A view of one boot of one robot."""

    __slots__ = ('_agreed', '_agreement', '_raft', '_shared', '_state', '_work')

    def __init__(self, runtime: RobotRuntime) -> None:
        self._raft = runtime._raft
        self._state = runtime._state
        self._work = runtime._work
        self._agreed = runtime._agreed
        self._agreement = runtime._agreed.agreement
        self._shared = runtime._shared

    @property
    def name(self) -> str:
        """Return the name of the robot."""
        return self._raft._robot

    def look(self) -> tuple[Role, int, int, int]:
        """Return role, term, commit index, and the index of the last entry applied."""
        raft = self._raft
        return raft.role, raft.term, raft.commit_index, self._state.index

    @property
    def digest(self) -> str:
        """Return the digest of the state."""
        return self._state.digest

    @property
    def lost(self) -> bool:
        """Return whether this robot lost its log, and no membership has dealt with that yet."""
        return bool(self._raft._lost)

    @property
    def stands_still(self) -> bool:
        """Return whether anything stands still for want of room on the disk."""
        return self._work.held or self._agreed.held or self._shared.held

    @property
    def agreed_held(self) -> bool:
        """Return whether the level agreed stands still for want of room on the disk."""
        return self._agreed.held

    @property
    def forgot_what_it_said(self) -> bool:
        """Return whether what this robot said in agreements was lost, and may not be over yet."""
        return self._agreed.used and self._agreement.recovering

    @property
    def place(self) -> int:
        """Return the place of this robot among those of its swarm, sorted."""
        return self._agreement.robots.index(self.name)

    @property
    def standing_hash(self) -> int:
        """Return a hash of what this robot has settled at the level agreed."""
        return self._agreed.standing_hash

    @property
    def faults_max(self) -> int:
        """Return how many robots the level agreed bears; all where it is not used."""
        thresholds = self._agreement.config.thresholds
        return thresholds.faults if self._agreed.used else thresholds.robots

    @property
    def pieces(self) -> PieceRules:
        """Return how inputs of agreements are cut."""
        return self._agreement.config.pieces

    def settled(self) -> Iterator[tuple[str, int, tuple[tuple[int, bytes], ...]]]:
        """Give (name, newest epoch, recent epochs with hashes of their outcomes) of subjects."""
        for subject in self._agreement._subjects:
            yield subject.name, subject.settled, subject.recent

    @property
    def shared_state(self) -> bytes:
        """Return the shared state, as the bytes that equal states have in common."""
        return self._shared.replica.state.encode()

    @property
    def shared_level(self) -> int:
        """Return how much of the history of the shared state is settled."""
        return self._shared.replica.level

    def shared_items(self, key: str) -> tuple[Item, ...]:
        """Return what stands under a key of the shared state."""
        return items_at(self._shared.replica.state, key)

    @property
    def shared_keys(self) -> list[str]:
        """Return the keys of the shared state."""
        return self._shared.replica.state.keys()

    @property
    def end(self) -> tuple[int, int]:
        """Return (term, index) of the last entry of the log."""
        log = self._raft._log
        return log.last_term, log.last_index

    def membership_at(self, index: int) -> Membership:
        """Return the membership in force at an entry, or now where that is forgotten."""
        try:
            return self._raft._memberships.at(index)
        except InvariantError:
            return self._raft._membership

    @property
    def membership(self) -> Membership:
        """Return the membership in force at this robot."""
        return self._raft._membership
