"""How one robot's runtime is set up; built from node parameters or by the simulation."""

from __future__ import annotations

from dataclasses import field

from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.subjects import WEIGHT_MAX
from swarm_consensus.decision.tolerance import tolerance_problem, too_many
from swarm_consensus.decision.types import Level
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.task_settings import TaskSettings
from swarm_consensus.transport.budget import RATE_MIN, least_burst, wire_bytes
from swarm_consensus.transport.signing import SIGNATURE_BYTES

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
# Most that evidence takes in a batch beside its numbers (names have 256 characters at most), and
# each of these.
EVIDENCE_BYTES = 2_200
NUMBER_BYTES = 9
# About what a heartbeat, or its answer, takes in a batch, beside the name of the sender.
HEARTBEAT_BYTES = 40


@value
class RuntimeConfig:
    """
    Settings of one robot's runtime. Times in nanoseconds unless the name says ticks.

    :param robots: all robots of the swarm, this one included.
    :param tick_ns: length of a tick, the unit of the protocols' timers.
    :param peer_timeout_ns: silence after which a robot counts as gone.
    :param name_probe_ns: how long to listen for another robot of the same name before taking
        part, from the first contact with the swarm, or four times as long without any; 0 does not
        listen.
    :param time_period_ns: distance of the commands by which the leader moves committed time, while
        there are leases; a lease ends by up to two of it later than its ttl.
    :param open_membership: robots that are not in `robots` may join, and this robot may be one of
        them: a guest, which takes part at the level FUSED and decides nothing else.
    :param members_max: robots that are remembered, guests and those that are gone included.
    :param member_keep_ns: how long a guest that is dead or has left is remembered.
    :param probe_period_ns: how often this robot asks one that it does not hear whether it lives.
    :param probe_timeout_ns: how long the answer may take before others are asked for help.
    :param suspicion_multiplier: least time that a suspect has to answer, in probe periods; in a
        swarm of more than 10 robots times the logarithm of their number.
    :param suspicion_stretch: how many times longer it has where only one robot does not reach it.
    :param sync_period_ns: how often this robot compares with another one what both know of all.
    :param propose_patience_ns: how long robots other than the leader leave a decision from
        beliefs to the leader.
    :param priority: rank of this robot as leader, 0 the lowest; the swarm prefers the highest.
    :param rejoin: this robot took part before, and its storage is empty because the disk is new. It
        then comes back like one whose log was damaged. Changes nothing where there is a log.
    :param voters_max: most robots that vote, of whom the first in `robots` begin; the others hold
        the log and take the place of voters that are gone. 0: all vote, and nobody is replaced.
    :param replace_ns: silence after which a voter is replaced by the freshest learner.
    :param clock_drift_percent: most by which the clocks of two robots go faster or slower than each
        other; the leader then serves reads without asking the others. -1: it asks.
    :param snapshot_entries: the state takes the place of the log after each so many entries of it.
    :param snapshot_log_bytes: data in the entries applied after which it is, too.
    :param trailing_entries: entries before a snapshot that stay in memory, for slow robots.
    :param bytes_per_second: most that this robot puts on the radio, whole frames by
        `transport.budget.wire_bytes`; 0: no budget.
    :param burst_bytes: most at once after a pause; 0: the least with which every frame can leave.
    :param compress_min_bytes: batches of so many bytes or more are compressed, where that gains;
        0: none are.
    :param linger_ns: how long after a frame with beliefs, or bulk, the next one waits for company.
    :param weights: of the evidence of each robot at the level AGREED, in the order of `robots`, by
        swarm.yaml and the same at all of them; (): all 1.
    :param agreed_lies: whether faulty robots may do anything, or only stop.
    :param agreed_faults: how many robots may be faulty at the level AGREED.
    :param agreed_resend_ns: time without progress after which a robot says again what it said.
    :param agreed_window: epochs of one subject under way at once.
    :param agreed_instances_max: epochs under way at once over all subjects.
    :param agreed_exclude: whether a robot that is proved to have contradicted itself is removed
        from the swarm, beside being reported.
    :param shared_digest_ns: time between two comparisons of the shared state with the others.
    :param shared_bytes_max: memory that the shared state may take; twice as much from others.
    :param shared_retire_ns: silence after which a robot is taken out of the causal context of the
        shared state; 0: never.
    :param shared_ahead_ns: how far ahead of this robot's clock another one may write.
    :param mission_lease_ns: silence after which another robot takes over the missions of one, and
        what was begun there counts as lost; up to two `time_period_ns` longer.
    :param mission_activities_max: activities of missions that run at this robot at once.
    :param tasks: how this robot takes part in the allocation of tasks.
    :raises ValueError: settings that contradict each other, with what to change.
    """

    swarm: str
    robot: str
    robots: tuple[str, ...]
    policies: tuple[Policy, ...]
    tick_ns: int = 20 * MILLISECOND
    heartbeat_ticks: int = 5
    election_ticks: int = 30
    presence_period_ns: int = SECOND // 2
    peer_timeout_ns: int = 2 * SECOND
    name_probe_ns: int = SECOND
    proposal_timeout_ns: int = SECOND
    time_period_ns: int = SECOND // 2
    propose_patience_ns: int = 100 * MILLISECOND
    belief_resend_ns: int = 200 * MILLISECOND
    status_period_ns: int = SECOND
    weight: float = 1.0
    frame_bytes_max: int = 60_000
    value_bytes_max: int = 32_768
    subjects_open_max: int = 1024
    priority: int = 0
    rejoin: bool = False
    voters_max: int = 5
    replace_ns: int = 30 * SECOND
    clock_drift_percent: int = -1
    snapshot_entries: int = 10_000
    snapshot_log_bytes: int = 16 << 20
    trailing_entries: int = 1_000
    bytes_per_second: int = 0
    burst_bytes: int = 0
    compress_min_bytes: int = 500
    linger_ns: int = 2 * MILLISECOND
    weights: tuple[float, ...] = ()
    agreed_lies: bool = False
    agreed_faults: int = 0
    agreed_resend_ns: int = 100 * MILLISECOND
    agreed_window: int = 4
    agreed_instances_max: int = 256
    agreed_exclude: bool = False
    shared_digest_ns: int = SECOND // 2
    shared_bytes_max: int = 16 << 20
    shared_retire_ns: int = 86_400 * SECOND
    shared_ahead_ns: int = 60 * SECOND
    mission_lease_ns: int = 5 * SECOND
    mission_activities_max: int = 16
    open_membership: bool = False
    members_max: int = 256
    member_keep_ns: int = 600 * SECOND
    probe_period_ns: int = SECOND // 2
    probe_timeout_ns: int = 150 * MILLISECOND
    suspicion_multiplier: int = 4
    suspicion_stretch: int = 6
    sync_period_ns: int = 30 * SECOND
    tasks: TaskSettings = field(default_factory=TaskSettings)

    def __post_init__(self) -> None:
        if self.guest and not self.open_membership:
            raise ValueError(
                f"robot '{self.robot}' is not among the robots of swarm '{self.swarm}' "
                f'({", ".join(self.robots)}); add it to `robots`, or write `membership: open` for '
                'all robots, so that others may join'
            )
        if 2 * self.probe_timeout_ns >= self.probe_period_ns:
            raise ValueError(
                f'probe_timeout ({self.probe_timeout_ns * 1e-9:g} s) must be less than half of '
                f'probe_period ({self.probe_period_ns * 1e-9:g} s)'
            )
        if len(set(self.robots)) != len(self.robots):
            raise ValueError(f'`robots` names a robot twice: {", ".join(self.robots)}')
        if self.heartbeat_ticks >= self.election_ticks:
            raise ValueError(
                f'heartbeat_ticks ({self.heartbeat_ticks}) must be smaller than election_ticks '
                f'({self.election_ticks}); 5 to 10 times smaller serves well'
            )
        if self.value_bytes_max + 10_000 > self.frame_bytes_max:
            raise ValueError(
                f'value_bytes_max ({self.value_bytes_max}) must leave 10000 bytes of '
                f'frame_bytes_max ({self.frame_bytes_max}) for what goes with a value'
            )
        if len(self.weights) not in (0, len(self.robots)):
            raise ValueError(
                f'weights has {len(self.weights)} numbers for {len(self.robots)} robots; give one '
                'for each, in the order of `robots`, or none'
            )
        self._check_labels()
        self._check_budget()
        self._check_agreed()

    def _check_labels(self) -> None:
        labels_max = (self.frame_bytes_max - EVIDENCE_BYTES) // NUMBER_BYTES
        for policy in self.policies:
            if len(policy.labels) > labels_max:
                raise ValueError(
                    f"subject '{policy.name}' has {len(policy.labels)} labels; evidence on at most "
                    f'{labels_max} fits into a frame of frame_bytes_max {self.frame_bytes_max}'
                )

    @property
    def guest(self) -> bool:
        """Return whether swarm.yaml does not name this robot."""
        return self.robot not in self.robots

    @property
    def guest_reason(self) -> str:
        """Return why this robot cannot serve what is decided in the log; '' where it can."""
        if not self.guest:
            return ''
        return (
            f"this robot is a guest of swarm '{self.swarm}' and takes part at the level fused "
            'only; ask one of the robots that swarm.yaml names'
        )

    @property
    def budget_burst_bytes(self) -> int:
        """Return the burst of the byte budget."""
        return self.burst_bytes or self._least_burst

    @property
    def _least_burst(self) -> int:
        name_bytes = max(len(robot.encode()) for robot in (*self.robots, self.robot))
        frame = wire_bytes(name_bytes, name_bytes, self.frame_bytes_max, SIGNATURE_BYTES)
        return least_burst(self.bytes_per_second, frame)

    @property
    def _least_rate(self) -> int:
        """Return the least byte budget with which a robot can lead."""
        name_bytes = max(len(robot.encode()) for robot in (*self.robots, self.robot))
        heartbeat = wire_bytes(name_bytes, 0, HEARTBEAT_BYTES + name_bytes, 0)
        return max(RATE_MIN, 2 * heartbeat * SECOND // (self.tick_ns * self.heartbeat_ticks))

    def _check_budget(self) -> None:
        if min(self.linger_ns, self.compress_min_bytes) < 0:
            raise ValueError(
                f'linger ({self.linger_ns} ns) and compress_min_bytes '
                f'({self.compress_min_bytes}) must not be negative'
            )
        if not self.bytes_per_second:
            if self.burst_bytes:
                raise ValueError('burst_bytes means nothing without bytes_per_second')
            return
        if self.bytes_per_second < self._least_rate:
            raise ValueError(
                f'bytes_per_second is {self.bytes_per_second}, must be 0 for no budget or at least '
                f'{self._least_rate}, twice what the heartbeats of a leader take: raise it, or '
                'heartbeat_ticks and election_ticks'
            )
        if self.burst_bytes and self.burst_bytes < self._least_burst:
            raise ValueError(
                f'burst_bytes is {self.burst_bytes}, must be 0 or at least {self._least_burst} '
                f'with frame_bytes_max {self.frame_bytes_max} and bytes_per_second '
                f'{self.bytes_per_second}, or the largest frame could never leave'
            )

    def _check_agreed(self) -> None:
        robots = len(self.robots)
        if any(policy.level is Level.AGREED for policy in self.policies):
            if problem := too_many(robots):
                raise ValueError(problem)
        if problem := tolerance_problem(robots, self.agreed_faults, self.agreed_lies):
            raise ValueError(problem)
        if not all(0.0 < weight <= WEIGHT_MAX for weight in self.weights):
            raise ValueError(f'weights must be above 0 and at most {WEIGHT_MAX:g}: {self.weights}')
        if min(self.agreed_resend_ns, self.agreed_window, self.agreed_instances_max) < 1:
            raise ValueError(
                'agreed_resend, agreed_window and agreed_instances_max must be above 0: '
                f'{self.agreed_resend_ns} ns, {self.agreed_window}, {self.agreed_instances_max}'
            )
