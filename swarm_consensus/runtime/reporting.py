"""What a robot says of itself: its status when it changes or its period comes, and notices."""

from __future__ import annotations

from collections.abc import Mapping

from swarm_consensus.decision.replicated import ReplicatedState
from swarm_consensus.protocols.agreement.agreement import Agreement
from swarm_consensus.protocols.gossip.swim.swim import MemberView
from swarm_consensus.protocols.raft import Membership, Raft, RaftStatus
from swarm_consensus.runtime.accusations import Accusations
from swarm_consensus.runtime.belief_flow import BeliefFlow
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.deciding import SUBJECT_CHARACTERS_MAX
from swarm_consensus.runtime.events import FlowTold, Notice, Output, Peer, RobotStatus, StatusReport
from swarm_consensus.runtime.members import Members
from swarm_consensus.runtime.post import Post
from swarm_consensus.runtime.swim_work import SwimWork
from swarm_consensus.runtime.tasks import TaskWork
from swarm_consensus.transport.frame import FrameCounters, TrafficClass


class Reporter:
    """
    Decides when there is something to say about the standing of the swarm.

    :param dropped: counts evidence that is not taken in, by the reason.
    :param shared: the same of messages of the shared state.
    :ivar flow: what the byte budget carries, for those who make beliefs.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        incarnation: int,
        post: Post,
        now_ns: int,
        *,
        raft: Raft,
        state: ReplicatedState,
        members: Members,
        counters: FrameCounters,
        dropped: Mapping[str, int],
        agreement: Agreement,
        shared: Mapping[str, int],
        accusations: Accusations,
        swim: SwimWork,
        tasks: TaskWork,
    ) -> None:
        self._config = config
        self._incarnation = incarnation
        self._post = post
        self._raft = raft
        self._state = state
        self._members = members
        self._counters = counters
        self._dropped = dropped
        self._agreement = agreement
        self._shared = shared
        self._accusations = accusations
        self._swim = swim
        self._tasks = tasks
        self.flow = BeliefFlow(now_ns)
        self._due_ns = 0
        self._last: tuple[object, ...] = ()
        self._alive: tuple[str, ...] = (config.robot,)
        self._leader = ''
        self._had_quorum = False
        self._membership: Membership | None = None
        self._lost = ''
        self._told_losses: dict[str, int] = {}
        self._too_large = {
            'SUBJECT_TOO_LONG': 'beliefs were dropped: their subjects have more than '
            f'{SUBJECT_CHARACTERS_MAX} characters',
            'NOT_SENT_OVERSIZE': 'messages were not sent: they are larger than frame_bytes_max '
            f'({config.frame_bytes_max}) allows',
            'BELIEFS_REFUSED': 'beliefs were dropped: they came faster than this robot takes them '
            'in; lower rate_max of inference_node',
        }
        self._changes = 0
        self.period_ns = config.status_period_ns

    @property
    def due_ns(self) -> int:
        """Return when there is something to say at the latest."""
        flow_ns = self.flow.due_ns
        return self._due_ns if flow_ns is None else min(self._due_ns, flow_ns)

    def report(self, outputs: list[Output], now_ns: int, ticked: bool) -> None:
        """Append notices and a status where something changed or the period came round."""
        raft, members, swim = self._raft, self._members, self._swim
        changed = (raft.role, raft.leader, raft.term) != self._last
        if not changed and not ticked:
            return
        if self._post.budgeted and self.flow.poll(
            now_ns, self._post.pressure(TrafficClass.BELIEF)
        ):
            outputs.append(FlowTold(self.flow.rate_hz, self._post.pressures()))
        status = raft.status()
        alive = members.alive(now_ns)
        changed |= alive != self._alive or status.has_quorum != self._had_quorum
        changed |= status.membership != self._membership or status.lost != self._lost
        changed |= swim.changes != self._changes
        if not changed and now_ns < self._due_ns:
            return
        self._notices(status, alive, members.left, outputs)
        self._notices_of_losses(outputs)
        self._changes = swim.changes
        self._last = (status.role, status.leader, status.term)
        self._alive = alive
        self._due_ns = now_ns + self.period_ns
        known = {member.robot: member for member in swim.members}
        peers = tuple(
            self._peer(robot, alive, status, known.get(robot), now_ns)
            for robot in sorted(known.keys() | set(self._config.robots))
            if robot != self._config.robot
        )
        outputs.append(
            StatusReport(
                RobotStatus(
                    swarm=self._config.swarm,
                    robot=self._config.robot,
                    incarnation=self._incarnation,
                    role=status.role,
                    leader=status.leader,
                    term=status.term,
                    commit_index=status.commit_index,
                    applied_index=self._state.index,
                    last_index=status.last_index,
                    applied_digest=self._state.digest,
                    voters=status.membership.voters,
                    learners=status.membership.learners,
                    changing_membership=status.membership.joint,
                    first_index=status.first_index,
                    lost=bool(status.lost),
                    quorum_size=status.quorum_size,
                    has_quorum=status.has_quorum,
                    alive=alive,
                    peers=peers,
                    frames=self._counters.copy(),
                    evidence_dropped=dict(self._dropped)
                    | {f'AGREEMENT_{name}': n for name, n in self._agreement.dropped.items()}
                    | {f'SHARED_{name}': n for name, n in self._shared.items()}
                    | {f'MEMBERSHIP_{name}': n for name, n in swim.dropped.items()},
                    agreed_quorum_size=self._agreement.config.thresholds.heard,
                    agreed_open=self._agreement.under_way,
                    accused=self._accusations.accused,
                    traffic=self._post.traffic(),
                    bytes_per_second=self._config.bytes_per_second,
                    guest=self._config.guest,
                    health=swim.health,
                    task_problems=self._tasks.problems,
                    bids_bent=self._tasks.bidder.bent,
                )
            )
        )

    def _peer(
        self,
        robot: str,
        alive: tuple[str, ...],
        status: RaftStatus,
        known: MemberView | None,
        now_ns: int,
    ) -> Peer:
        silence_ns, incarnation = self._members.silence(robot, now_ns)
        if known is not None:
            # Others may know of a later boot than was heard here.
            incarnation = max(incarnation, known.incarnation)
        return Peer(
            robot=robot,
            alive=robot in alive,
            silence_ns=silence_ns,
            incarnation=incarnation,
            match_index=status.match.get(robot, 0),
            state=None if known is None else known.state,
            guest=robot not in self._config.robots,
        )

    def _notices_of_losses(self, outputs: list[Output]) -> None:
        """Say aloud what this robot's own producers made too large, once a status at most."""
        for reason, text in self._too_large.items():
            count = self._dropped.get(reason, 0)
            new = count - self._told_losses.get(reason, 0)
            if new:
                self._told_losses[reason] = count
                outputs.append(Notice(f'{new} {text}', warning=True))

    def _notices(
        self,
        status: RaftStatus,
        alive: tuple[str, ...],
        left: frozenset[str],
        outputs: list[Output],
    ) -> None:
        for robot in sorted(set(self._alive) - set(alive) - left):
            seconds = self._config.peer_timeout_ns * 1e-9
            outputs.append(Notice(f'{robot} not heard for {seconds:g} s', warning=True))
        if status.leader and status.leader != self._leader:
            outputs.append(Notice(f'{status.leader} leads in term {status.term}'))
            self._leader = status.leader
        if self._had_quorum and not status.has_quorum:
            text = (
                f'no quorum: {status.quorum_size} of {len(status.membership.voters)} voters '
                'are needed to commit'
            )
            outputs.append(Notice(text, warning=True))
        elif status.has_quorum and not self._had_quorum:
            outputs.append(Notice('in contact with a quorum'))
        self._had_quorum = status.has_quorum
        self._notices_of_members(status, outputs)

    def _notices_of_members(self, status: RaftStatus, outputs: list[Output]) -> None:
        """Tell how the membership changed, and whether this robot counts."""
        new, old = status.membership, self._membership
        self._membership = new
        if old is not None and (new.voters, new.learners) != (old.voters, old.learners):
            learners = f'; learners: {", ".join(new.learners)}' if new.learners else ''
            outputs.append(Notice(f'voters: {", ".join(new.voters)}{learners}'))
        if status.lost and not self._lost:
            text = (
                'this robot lost its log: it does not vote until the others have let it in again '
                'as a learner, which needs a quorum without it'
            )
            outputs.append(Notice(text, warning=True))
        elif self._lost and not status.lost:
            outputs.append(Notice('this robot was let in again, as a learner'))
        self._lost = status.lost
