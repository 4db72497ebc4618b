"""The picture of one swarm: told what its robots publish, it says at any moment how all stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from swarm_consensus.decision.types import Decision
from swarm_consensus.runtime.events import RobotStatus
from swarm_consensus.views.decision_log import DecisionLog
from swarm_consensus.views.links import links, parts
from swarm_consensus.views.subjects import Subjects
from swarm_consensus.views.traffic import Rates
from swarm_consensus.views.values import RobotRow, Snapshot, Work

SECOND = 1_000_000_000


@dataclass(slots=True)
class _Robot:
    status: RobotStatus
    told_ns: int
    rates: Rates = field(default_factory=Rates)


class Picture:
    """
    Of one swarm. Times are nanoseconds of one monotonic clock of the caller's.

    :param stale_ns: a robot whose newest status is older is not heard; more than its status_period.
    :param deaf_ns: silence after which one robot does not hear another one; more than some
        presence_periods.
    :param belief_age_max_ns: older beliefs are shown, and count no more.
    """

    def __init__(
        self,
        stale_ns: int = 3 * SECOND,
        deaf_ns: int = 2 * SECOND,
        belief_age_max_ns: int = 5 * SECOND,
    ) -> None:
        self._stale_ns = stale_ns
        self._deaf_ns = deaf_ns
        self._robots: dict[str, _Robot] = {}
        self._subjects = Subjects(belief_age_max_ns)
        self._log = DecisionLog()
        self._work = Work()
        self._odd_beliefs = 0

    # -- what is told ------------------------------------------------------------------------------

    def tell_status(self, status: RobotStatus, now_ns: int) -> None:
        """Take in a status; of an earlier boot than is known it changes nothing."""
        robot = self._robots.get(status.robot)
        if robot is None:
            robot = self._robots[status.robot] = _Robot(status, now_ns)
        elif status.incarnation < robot.status.incarnation:
            return
        robot.status, robot.told_ns = status, now_ns
        robot.rates.tell(status.incarnation, status.traffic, now_ns)

    def tell_decision(self, robot: str, decision: Decision, time_ns: int) -> None:
        """
        Take in a decision.

        :param time_ns: when the robot learned of it, ns of its own clock.
        """
        self._log.tell(robot, decision, time_ns)
        if decision.status.answered:
            self._subjects.tell_answer(robot, decision)

    def tell_belief(
        self,
        robot: str,
        subject: str,
        labels: Sequence[str],
        labels_hash: int,
        log_likelihood: Sequence[float],
        now_ns: int,
    ) -> None:
        """Take in what a robot's sensors say; what is no belief is counted."""
        if not self._subjects.tell_belief(
            robot, subject, labels, labels_hash, log_likelihood, now_ns
        ):
            self._odd_beliefs += 1

    def tell_work(self, work: Work) -> None:
        """Take in the tasks and missions that a robot has told."""
        self._work = work

    # -- how it looks ------------------------------------------------------------------------------

    def look(self, now_ns: int, other_swarms: Sequence[str] = ()) -> Snapshot:
        """Return how all stands."""
        heard = {
            name: robot.status
            for name, robot in self._robots.items()
            if now_ns - robot.told_ns <= self._stale_ns
        }
        peers = {
            peer.robot for status in (heard or self._statuses()).values() for peer in status.peers
        }
        rows = tuple(
            self._row(name, heard, now_ns) for name in sorted({*self._robots, *peers})
        )
        # Who has said farewell is neither cut off nor down.
        there = [row.robot for row in rows if row.heard or row.state != 'left']
        hears = {
            name: {
                peer.robot
                for peer in status.peers
                if 0 <= peer.silence_ns <= self._deaf_ns
            }
            for name, status in heard.items()
        }
        together, out_of_reach = parts(there, hears)
        newest = max(
            (heard or self._statuses()).values(),
            key=lambda status: (status.term, bool(status.leader), status.has_quorum),
            default=None,
        )
        return Snapshot(
            swarm='' if newest is None else newest.swarm,
            leader='' if newest is None else newest.leader,
            term=0 if newest is None else newest.term,
            has_quorum=any(status.has_quorum for status in heard.values()),
            quorum_size=0 if newest is None else newest.quorum_size,
            robots=rows,
            links=links(there, hears),
            parts=together,
            out_of_reach=out_of_reach,
            subjects=self._subjects.look(heard.keys(), now_ns),
            decisions=self._log.look(),
            work=self._work,
            alarms=tuple(self._alarms(heard)),
            other_swarms=tuple(other_swarms),
        )

    def _statuses(self) -> dict[str, RobotStatus]:
        return {name: robot.status for name, robot in self._robots.items()}

    def _row(self, name: str, heard: Mapping[str, RobotStatus], now_ns: int) -> RobotRow:
        robot = self._robots.get(name)
        said = [
            peer
            for status in heard.values()
            for peer in status.peers
            if peer.robot == name and peer.state is not None
        ]
        states = [peer.state for peer in said if peer.state is not None]
        here = name in heard
        if here:
            doubted = any(not peer.alive for peer in said)
            state = 'suspect' if doubted else 'alive'
        else:
            # What counts for more is the later state (SWIM, 4.2).
            state = max(states).name.lower() if states else 'unknown'
        part = ''
        for status in heard.values():
            if name in status.voters:
                part = 'voter'
            elif name in status.learners:
                part = part or 'learner'
        guest = any(peer.guest for peer in said) or (robot is not None and robot.status.guest)
        if not part and guest:
            part = 'guest'
        if robot is None:
            return RobotRow(
                name, False, -1.0, state, '', part, '', 0, 0, 0, False, 0, (), 0, False, 0
            )
        status = robot.status
        frames = status.frames
        return RobotRow(
            robot=name,
            heard=here,
            age_s=(now_ns - robot.told_ns) / SECOND,
            state=state,
            role=status.role.name.lower(),
            part=part,
            leader=status.leader,
            term=status.term,
            commit_index=status.commit_index,
            applied_index=status.applied_index,
            has_quorum=status.has_quorum,
            bytes_per_second=status.bytes_per_second,
            classes=robot.rates.uses(status.traffic),
            refused_frames=(
                frames.malformed + frames.oversize + frames.replayed + frames.impostor
                + frames.forged + frames.stranger
            ),  # fmt: skip
            lost=status.lost,
            health=status.health,
        )

    def _alarms(self, heard: Mapping[str, RobotStatus]) -> list[str]:
        """Return what should not be, of the robots that are heard."""
        found = []
        leaders: dict[int, set[str]] = {}
        digests: dict[int, dict[str, list[str]]] = {}
        accused: set[str] = set()
        for name, status in sorted(heard.items()):
            if status.leader:
                leaders.setdefault(status.term, set()).add(status.leader)
            # At 0 nothing is applied; a robot that lost its log has none to compare.
            if status.applied_index and not status.lost:
                logs = digests.setdefault(status.applied_index, {})
                logs.setdefault(status.applied_digest, []).append(name)
            accused.update(status.accused)
        for term, names in sorted(leaders.items()):
            if len(names) > 1:
                found.append(f'term {term} has several leaders: {", ".join(sorted(names))}')
        for index, logs in sorted(digests.items()):
            if len(logs) > 1:
                groups = ' against '.join(', '.join(names) for names in logs.values())
                found.append(f'the logs differ at index {index}: {groups}')
        if accused:
            found.append(f'proved to have lied: {", ".join(sorted(accused))}')
        lost = [name for name, status in sorted(heard.items()) if status.lost]
        if lost:
            found.append(f'lost their log: {", ".join(lost)}')
        if self._odd_beliefs:
            found.append(f'{self._odd_beliefs} beliefs were none')
        return found
