"""How one robot's Raft is set up: each setting with its meaning, unit and consequence."""

from __future__ import annotations

from swarm_consensus.protocols.raft.entry import Membership
from swarm_consensus.protocols.raft.errors import ConfigError
from swarm_consensus.protocols.values import value

# Beyond these no honest robot goes. A jump of the term this far would take centuries of
# elections, so a message that claims it is broken; indexes and terms stay far inside 63 bits.
TERM_JUMP_MAX = 2**32
NUMBER_MAX = 2**62

# What an entry costs on the wire beside its data, for the byte bounds.
ENTRY_OVERHEAD_BYTES = 32


# A voter that refuses for its own higher rank gives up a fifth of it with each of the longest
# election rounds that pass without a leader, so after five of them it votes for anybody.
RANK_DECAY_ROUNDS = 5

# While a snapshot is being sent, entries behind it stay in memory, so that the follower can go on
# from it: up to this many times trailing_entries.
TRAILING_FACTOR_SENDING = 8

# Election timeouts that a leader leads before it hands over to a robot of higher rank; twice as
# many after each attempt that failed, up to HANDOVER_TIMEOUTS_MAX, as each one costs a pause.
HANDOVER_TIMEOUTS = 8
HANDOVER_TIMEOUTS_MAX = 128

# Election timeouts of silence after which a voter is given up, where nothing is configured.
REPLACE_TIMEOUTS = 30


@value
class RaftConfig:
    """
    Settings of one robot's Raft.

    Times are ticks; the length of a tick is the caller's choice.

    :param robot: name of this robot.
    :param voters: robots that count for elections and commits, in any order; the same at every
        robot. It holds only until the log or a snapshot says otherwise.
    :param learners: robots that hold the log and do not count.
    :param election_ticks: silence of the leader after which an election may start; each robot
        waits a random time in [election_ticks, 2 * election_ticks). Also how long a leader goes
        on without a quorum. Longer: slower failover. Shorter: elections by mere delay.
    :param heartbeat_ticks: time between two heartbeats; also how soon a lost append is noticed.
        Smaller than election_ticks, 5 to 10 times smaller serves well.
    :param append_bytes_max: bytes of entries in one append (each counts its data and
        ENTRY_OVERHEAD_BYTES). One entry goes out whatever its size.
    :param append_target_bytes: where the caller may hold appends back while heartbeats go on, as a
        byte budget does: an append of so many bytes takes no further entries, and `Raft.pause`
        tells when they are held back. 0: they leave in the order in which they were made.
    :param inflight_appends_max: appends under way to one follower before the leader waits for
        an answer. Times append_bytes_max, this bounds the bytes under way.
    :param entry_bytes_max: largest data of one proposal; a larger one is refused. Must fit in an
        append.
    :param uncommitted_bytes_max: bytes appended by a leader, or waiting at another robot, and
        not yet committed. Beyond it proposals are refused as OVERLOADED until some commit. One is
        taken whatever its size where nothing else is under way.
    :param proposals_max: proposals of this robot under way at once; beyond it OVERLOADED.
    :param reads_max: reads under way at once, own and forwarded ones apart; beyond it OVERLOADED.
    :param proposal_ticks: deadline of a proposal or read where the caller gives none.
    :param retry_ticks: time after which a forwarded proposal or read that got no answer is sent
        again; 0: one and a half heartbeat_ticks, at least 2. The leader knows repetitions for what
        they are: too short a time costs messages only, too long a one delays what was lost.
    :param trailing_entries: entries in front of a snapshot that stay in memory, so that a follower
        that is a little behind gets entries and not the whole state.
    :param snapshot_chunk_bytes: state in one piece of a snapshot on its way; a frame must hold it.
    :param snapshot_window: pieces under way to one follower, and pieces that a follower keeps
        that came too early. Times snapshot_chunk_bytes, this bounds the bytes under way.
    :param snapshot_bytes_max: largest snapshot that is taken, at every robot the same: a larger
        one that is sent is dropped as TOO_LARGE, and the robot that needs it stays behind. A robot
        holds its latest in memory, and one more while it sends or is sent one.
    :param priority: rank of this robot as leader; 0 is the lowest. A voter whose own rank is
        higher does not vote for a candidate whose log is no better than its own; this wears off
        (RANK_DECAY_ROUNDS) while there is no leader. A leader hands over to a caught-up voter of
        higher rank, at most once in HANDOVER_TIMEOUTS. It never costs safety, and each robot may
        change its own at a reboot.
    :param robots: all robots of the swarm, members or not: their messages are let through, so
        that a robot which lags behind a change of membership still hears a leader that it does
        not know as a member. (): voters and learners.
    :param voters_max: how many voters the leader keeps by itself, an odd number: it replaces
        voters that are silent or have lost their log by learners, promotes learners where voters
        are too few, and demotes voters where they are too many. 0: membership changes only where
        somebody asks for it.
    :param replace_ticks: silence after which a voter is replaced, and time that a learner must
        have been heard without a gap before it is promoted; 0: REPLACE_TIMEOUTS election timeouts.
        Shorter: less time with one failure less to spare, more changes where robots come and go.
    :param clock_drift_percent: bound of how much slower one robot's ticks may be than another's,
        for lease reads: a leader that a quorum has just heard answers reads without a round. The
        same at every robot. Every tick that passed must then be given, be it late and at once,
        before anything else is taken in: a leader whose time stood still would answer from the
        past. A rebooted robot votes only after election_ticks. -1: no leases.
    :raises ConfigError: settings that contradict each other, with what to change.
    """

    robot: str
    voters: tuple[str, ...]
    learners: tuple[str, ...] = ()
    election_ticks: int = 10
    heartbeat_ticks: int = 1
    append_bytes_max: int = 48 * 1024
    append_target_bytes: int = 0
    inflight_appends_max: int = 64
    entry_bytes_max: int = 40 * 1024
    uncommitted_bytes_max: int = 16 * 1024 * 1024
    proposals_max: int = 65_536
    reads_max: int = 65_536
    proposal_ticks: int = 100
    retry_ticks: int = 0
    trailing_entries: int = 1_000
    snapshot_chunk_bytes: int = 32 * 1024
    snapshot_window: int = 8
    snapshot_bytes_max: int = 64 * 1024 * 1024
    priority: int = 0
    robots: tuple[str, ...] = ()
    voters_max: int = 0
    replace_ticks: int = 0
    clock_drift_percent: int = -1

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        if not self.robot:
            raise ConfigError('`robot` is empty; give this robot its name')
        self._check_members()
        if not 1 <= self.heartbeat_ticks < self.election_ticks:
            raise ConfigError(
                f'heartbeat_ticks ({self.heartbeat_ticks}) must be at least 1 and smaller than '
                f'election_ticks ({self.election_ticks}); 5 to 10 times smaller serves well'
            )
        if self.entry_bytes_max + ENTRY_OVERHEAD_BYTES > self.append_bytes_max:
            raise ConfigError(
                f'entry_bytes_max ({self.entry_bytes_max}) plus {ENTRY_OVERHEAD_BYTES} must fit '
                f'in append_bytes_max ({self.append_bytes_max})'
            )
        if self.append_target_bytes > self.append_bytes_max:
            raise ConfigError(
                f'append_target_bytes ({self.append_target_bytes}) must not be greater than '
                f'append_bytes_max ({self.append_bytes_max})'
            )
        for name in (
            'inflight_appends_max',
            'uncommitted_bytes_max',
            'proposals_max',
            'reads_max',
            'proposal_ticks',
            'snapshot_chunk_bytes',
            'snapshot_window',
            'snapshot_bytes_max',
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f'{name} ({getattr(self, name)}) must be at least 1')
        for name in ('retry_ticks', 'priority', 'trailing_entries', 'append_target_bytes'):
            if getattr(self, name) < 0:
                raise ConfigError(f'{name} ({getattr(self, name)}) must not be negative')
        self._check_care()

    def _check_care(self) -> None:
        if self.voters_max and (self.voters_max < 1 or self.voters_max % 2 == 0):
            raise ConfigError(
                f'voters_max ({self.voters_max}) must be odd, or 0: one voter more than an odd '
                'number survives no more failures'
            )
        if self.replace_ticks and self.replace_ticks <= self.election_ticks:
            raise ConfigError(
                f'replace_ticks ({self.replace_ticks}) must be greater than election_ticks '
                f'({self.election_ticks}), or 0'
            )
        if not -1 <= self.clock_drift_percent < 100:
            raise ConfigError(f'clock_drift_percent ({self.clock_drift_percent}) is not -1..99')
        if self.clock_drift_percent >= 0 and self.lease_ticks <= self.heartbeat_ticks:
            raise ConfigError(
                f'a lease would last {self.lease_ticks} ticks, no longer than heartbeat_ticks '
                f'({self.heartbeat_ticks}): raise election_ticks or set clock_drift_percent to -1'
            )

    def _check_members(self) -> None:
        if not self.voters:
            raise ConfigError('`voters` is empty; a swarm needs at least one')
        members = self.voters + self.learners
        if '' in members or len(set(members)) != len(members):
            raise ConfigError(
                f'voters {self.voters} and learners {self.learners} must be non-empty names, '
                'each robot once'
            )
        if '' in self.robots:
            raise ConfigError('`robots` holds an empty name')

    @property
    def lease_ticks(self) -> int:
        """
        Ticks that a lease lasts from the tick in which its round began; 0: no leases.

        One tick less than the drift alone allows: what lasts n ticks at a voter is longer than
        n - 1 of its ticks.
        """
        if self.clock_drift_percent < 0:
            return 0
        return (self.election_ticks - 1) * (100 - self.clock_drift_percent) // 100

    @property
    def give_up_ticks(self) -> int:
        """Silence after which a voter is replaced."""
        return self.replace_ticks or REPLACE_TIMEOUTS * self.election_ticks

    @property
    def membership(self) -> Membership:
        """Membership that holds until the log or a snapshot says otherwise."""
        return Membership(self.voters, self.learners)
