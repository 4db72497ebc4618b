"""Who votes: what the robot begins with, and requests of its users to change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.raft import (
    ChangeEnd,
    ChangeResult,
    Membership,
    Persist,
    Raft,
    Restored,
    Snapshot,
    SnapshotMark,
)
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.events import ChangeAnswered, ChangeAsked, Output
from swarm_consensus.storage import Storage

# Changes go one at a time; a few may wait to hear so.
CHANGES_MAX = 64

_STATUSES = {
    ChangeEnd.DONE: Status.DECIDED,
    ChangeEnd.ILLEGAL: Status.REFUSED,
    ChangeEnd.BUSY: Status.REFUSED,
    ChangeEnd.NOT_LEADER: Status.NO_QUORUM,
    ChangeEnd.UNKNOWN: Status.UNKNOWN,
}


def first_membership(config: RuntimeConfig) -> Membership:
    """
    Return the membership of a swarm that is new: the robots in the order of swarm.yaml.

    The first `voters_max` vote and the rest learn; with `voters_max` 0 all vote. Of four robots
    only three vote: a fourth voter would not let one robot more be lost.
    """
    count = min(config.voters_max or len(config.robots), len(config.robots))
    if config.voters_max and count > 2:
        count -= 1 - count % 2
    return Membership(config.robots[:count], config.robots[count:])


def begin(
    config: RuntimeConfig, storage: Storage, incarnation: int, restored: Restored
) -> Restored:
    """
    Return what Raft begins with; a robot that never ran keeps from now on whom it began with.

    So the first membership is what was agreed when the swarm was made, and not what a swarm.yaml
    says later, when some robots have read it and others have not. With `rejoin` the storage is
    empty because its disk is new, and the robot must not count before it is let in again.

    :raises StorageFull: no room to keep it.
    """
    if restored.snapshot is not None or restored.entries:
        return restored
    first = Snapshot(SnapshotMark(0, 0, first_membership(config)), b'')
    hard_state = restored.hard_state
    if config.rejoin and not hard_state.lost:
        hard_state = replace(hard_state, lost=f'{config.robot}:{incarnation}')
    storage.write(Persist(hard_state=hard_state, snapshot=first))
    return replace(restored, hard_state=hard_state, snapshot=first)


class Changes:
    """
    Open requests of one robot to change the membership.

    :param new_request_id: gives ids that no other robot or boot uses.
    """

    def __init__(
        self, config: RuntimeConfig, raft: Raft, new_request_id: Callable[[], str]
    ) -> None:
        self._robots = frozenset(config.robots)
        self._tick_ns = config.tick_ns
        self._raft = raft
        self._new_request_id = new_request_id
        self._waiting: dict[str, int] = {}

    def ask(self, asked: ChangeAsked, outputs: list[Output]) -> None:
        """Check a request and hand it to the log, which ends it by its deadline."""
        reason = self._objection(asked)
        if reason:
            outputs.append(self._answer(asked.key, Status.REFUSED, reason))
            return
        request_id = self._new_request_id()
        self._waiting[request_id] = asked.key
        ticks = max(1, asked.timeout_ns // self._tick_ns)
        self._raft.change(request_id, asked.voters, asked.learners, ticks)

    def _objection(self, asked: ChangeAsked) -> str:
        if asked.timeout_ns <= 0:
            return 'the timeout must be greater than 0 s'
        if len(self._waiting) >= CHANGES_MAX:
            return 'too many requests wait at this robot; try again later'
        named = asked.voters + asked.learners
        twice = [robot for robot in named if named.count(robot) > 1]
        if twice:
            return f"'{twice[0]}' is named twice"
        strangers = [robot for robot in named if robot not in self._robots]
        if strangers:
            return (
                f"'{strangers[0]}' is not among the robots of the swarm "
                f'({", ".join(sorted(self._robots))}); name it in swarm.yaml of every robot first'
            )
        return ''

    def ended(self, result: ChangeResult, outputs: list[Output]) -> None:
        """Answer whoever waits for this change."""
        key = self._waiting.pop(result.request_id, None)
        if key is not None:
            outputs.append(self._answer(key, _STATUSES[result.end], result.reason))

    def _answer(self, key: int, status: Status, reason: str) -> ChangeAnswered:
        membership = self._raft.status().membership
        return ChangeAnswered(key, status, reason, membership.voters, membership.learners)
