"""
Floor of automatic care: the leader keeps the voters that the swarm needs (config.voters_max).

One change at a time, the most pressing first:

1. A robot that lost its log is made a learner, so that it can come back. A learner takes its
   place if there is a fit one.
2. Voters beyond voters_max become learners; those that are silent or rank lowest go first.
3. A voter that is silent for replace_ticks changes places with the fittest learner.
4. Where voters are fewer than voters_max, learners are promoted, to an odd number of voters only: a
   second or a fourth voter survives no failure more than one or three do, and each commit would
   wait for one robot more.

What would leave less than a majority of live voters is not done. A silent voter without a learner
to take its place stays one: with fewer voters the others would survive no more.

Against robots that come and go: a learner is fit only if it was heard without a gap for as long as
it takes to be given up, and of changes that no loss demands there is one in that time. A robot
that flaps so becomes a learner once and stays one, for as long as others do better.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from swarm_consensus.protocols.raft.config import RaftConfig
from swarm_consensus.protocols.raft.entry import Membership, Restored
from swarm_consensus.protocols.raft.progress import Flow, Progress
from swarm_consensus.protocols.raft.quorum import majority
from swarm_consensus.protocols.raft.reconfiguration import Changes
from swarm_consensus.protocols.values import value


@value
class Health:
    """
    A member in the eyes of the leader.

    :param robot: its name.
    :param match: how much of the log it has.
    :param priority: its rank.
    :param live: it was heard within an election timeout, and has not lost its log.
    :param silent: it was not heard for replace_ticks.
    :param lost: it lost its log, and no membership has dealt with that.
    :param fit: it can be promoted: heard without a gap for replace_ticks, and not behind.
    """

    robot: str
    match: int = 0
    priority: int = 0
    live: bool = True
    silent: bool = False
    lost: bool = False
    fit: bool = False


def plan(
    membership: Membership,
    healths: Mapping[str, Health],
    leader: str,
    voters_max: int,
    lost_only: bool,
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """
    Return voters and learners of the most pressing change, or None where there is none.

    :param membership: in force, not joint.
    :param healths: of each member.
    :param lost_only: only what a lost log demands.
    """
    voters, learners = membership.voters, membership.learners
    fit = [healths[name] for name in learners if healths[name].fit]
    fit.sort(key=lambda health: (-health.match, -health.priority, health.robot))
    lost = [name for name in voters + learners if healths[name].lost]
    wanted: list[str] = list(voters)
    if lost:
        wanted = _without(voters, lost[0], fit if len(voters) <= voters_max else [])
    elif lost_only:
        return None
    elif len(voters) > voters_max:
        wanted = _best(voters, healths, leader)[:voters_max]
    else:
        silent = [name for name in voters if healths[name].silent]
        if silent and fit:
            wanted = _without(voters, silent[0], fit)
        elif len(voters) < voters_max:
            more = 1 if len(voters) % 2 == 0 else 2
            wanted += [health.robot for health in fit[:more]] if len(fit) >= more else []
    live = [name for name in wanted if healths[name].live]
    if len(live) < majority(len(wanted)) or (not lost and set(wanted) == set(voters)):
        return None
    rest = [name for name in voters + learners if name not in wanted]
    return tuple(wanted), tuple(rest)


def _without(voters: tuple[str, ...], gone: str, fit: list[Health]) -> list[str]:
    """Return the voters without one, and with the fittest learner in its place."""
    if gone not in voters:
        return list(voters)
    return [name for name in voters if name != gone] + [health.robot for health in fit[:1]]


def _best(voters: tuple[str, ...], healths: Mapping[str, Health], leader: str) -> list[str]:
    def order(name: str) -> tuple[bool, bool, int, int, str]:
        health = healths[name]
        return name != leader, not health.live, -health.priority, -health.match, name

    return sorted(voters, key=order)


class Care(Changes):
    """
    Automatic care.

    :ivar _care_at: leader: tick from which it may begin a change that no loss demands.
    :ivar _care_commit: leader: what was committed one to two election timeouts ago: who has it is
        not behind; `_care_commit_next` takes its place at `_care_mark_at`.
    """

    def __init__(self, config: RaftConfig, restored: Restored, random: Random) -> None:
        self._care_at = 0
        self._care_commit = 0
        self._care_commit_next = 0
        self._care_mark_at = 0
        super().__init__(config, restored, random)

    def _become_leader(self) -> None:
        super()._become_leader()
        # By then it is known who answers.
        self._care_at = self._now + 2 * self._config.election_ticks
        self._care_commit = self._care_commit_next = self._log.commit
        self._care_mark_at = self._now

    def _tick_leader(self) -> None:
        super()._tick_leader()
        if self._beat and self._config.voters_max:
            self._look_after()

    def _look_after(self) -> None:
        """Note how the members do, and begin a change if one is needed and possible."""
        ticks = self._config.election_ticks
        for p in self._followers:
            if self._now - p.heard > ticks:
                p.steady_since = self._now
        if self._now >= self._care_mark_at:
            self._care_commit, self._care_commit_next = self._care_commit_next, self._log.commit
            self._care_mark_at = self._now + ticks
        if self._settling or self._membership.joint or self._transferring:
            return
        healths = {p.robot: self._health(p) for p in self._followers}
        healths[self._robot] = Health(self._robot, priority=self._config.priority)
        lost_only = self._now < self._care_at
        planned = plan(self._membership, healths, self._robot, self._config.voters_max, lost_only)
        if planned is not None:
            self._care_at = self._now + self._config.give_up_ticks
            self._begin_change(*planned)

    def _health(self, p: Progress) -> Health:
        config = self._config
        silence = self._now - p.heard
        live = silence < config.election_ticks and not p.lost
        steady = self._now - p.steady_since >= config.give_up_ticks
        level = p.flow is Flow.REPLICATE and p.match >= self._care_commit
        return Health(
            p.robot,
            p.match,
            p.priority,
            live=live,
            silent=silence >= config.give_up_ticks,
            lost=bool(p.lost) and p.lost not in self._membership.readmitted,
            fit=live and steady and level,
        )
