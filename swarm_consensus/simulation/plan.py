"""Everything that a seed decides before a run begins: the swarm, its load and its troubles."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.types import Level
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.config import MILLISECOND, SECOND, RuntimeConfig
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.keys import Keys


@value
class Plan:
    """
    The draw of one seed.

    :param configs: one a robot.
    :param clocks: speed of each robot's clock, in thousandths.
    :param troubled_ns: how long there are faults.
    :param clients: how many there are.
    :param think_ns: longest pause of a client between two operations.
    :param timeouts_ns: one of these is the timeout of an operation.
    :param subjects: what the operations are about.
    :param value_bytes: size of the values; large ones make a log that one frame cannot carry.
    :param reads: share of reads among the operations.
    :param overhear: see `World`.
    :param keys: share of operations on the key-value store, puts and reads.
    :param agreed: subjects of the level agreed; () where the seed has none.
    :param agreement: share of operations on these.
    :param sharers: users of the shared state; 0: nobody shares anything.
    :param dealt: what each robot holds in a swarm with keys; else None.
    :param absent: names of sources of faults that this seed must not have.
    :param vehemence: how much happens: mean number of faults of each kind in a second.
    """

    configs: tuple[RuntimeConfig, ...]
    clocks: tuple[int, ...]
    troubled_ns: int
    clients: int
    think_ns: int
    timeouts_ns: tuple[int, ...]
    subjects: tuple[str, ...]
    value_bytes: tuple[int, ...]
    reads: float
    overhear: bool
    keys: float
    agreed: tuple[str, ...]
    agreement: float
    sharers: int
    dealt: dict[str, Keys] | None
    absent: frozenset[str]
    vehemence: float


def draw(seed: int) -> Plan:
    """Draw everything from a seed."""
    random = Random(f'{seed}/plan')
    count = random.choice([1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7])
    robots = tuple(f'r{n + 1}' for n in range(count))
    heartbeat_ticks = random.choice([1, 2, 3])
    ranks = random.choice([1, 1, 2, 9])
    # Either people change the membership, or disks are damaged and the swarm does it by itself:
    # people could leave just those who are damaged.
    damaged = random.random() < 0.4
    # Under leases no clock may be faster or slower than the others by more than is configured.
    leases = random.random() < 0.15
    tick_ns = random.choice([10, 20]) * MILLISECOND
    election_ticks = heartbeat_ticks * random.choice([5, 10] if leases else [3, 5])
    common = RuntimeConfig(
        swarm='storm',
        robot=robots[0],
        robots=robots,
        policies=(),
        tick_ns=tick_ns,
        heartbeat_ticks=heartbeat_ticks,
        election_ticks=election_ticks,
        proposal_timeout_ns=SECOND,
        presence_period_ns=SECOND,
        status_period_ns=SECOND,
        # A quarter of it must be longer than frames of an earlier boot straggle: 100 ms here.
        name_probe_ns=random.choice([0, 0, 0, SECOND]),
        frame_bytes_max=random.choice([12_000, 60_000]),
        value_bytes_max=2_000,
        voters_max=random.choice([3, 5, 7] if damaged else [0, 0, 3, 5, 7]),
        replace_ns=random.choice([2, 10, 100]) * election_ticks * tick_ns,
        clock_drift_percent=12 if leases else -1,
        snapshot_entries=random.choice([5, 20, 60, 10_000]),
        trailing_entries=random.choice([0, 3, 1000]),
    )
    common = _draw_budget(seed, common)
    sharers, common = _draw_shared(seed, common)
    agreed = _draw_agreed(seed, common)
    configs = tuple(
        replace(agreed.common, robot=robot, priority=random.randrange(ranks)) for robot in robots
    )
    spread = 50 if leases else random.choice([0, 0, 50, 300])
    absent = {'Changes' if damaged else 'Rots', 'Drifts' if leases else ''}
    return Plan(
        configs=configs,
        clocks=tuple(1000 + random.randint(-spread, spread) for _ in robots),
        # An epoch of the level agreed is some hundred frames: such a seed is shorter.
        troubled_ns=random.choice([1, 3, 5]) * SECOND // (2 if agreed.subjects else 1),
        clients=random.choice([1, 2, 3, 5]),
        think_ns=random.choice([20, 100, 300]) * MILLISECOND,
        timeouts_ns=random.choice([(SECOND // 5,), (SECOND,), (SECOND // 10, 2 * SECOND)]),
        subjects=('a', 'b', 'c')[: random.choice([1, 1, 2, 3])],
        value_bytes=random.choice([(0,), (0, 0, 0, 2000), (2000,)]),
        reads=random.choice([0.2, 0.5, 0.8]),
        overhear=random.random() < 0.1,
        # Every third seed; the others are the runs that they were before there were keys.
        keys=0.0 if seed % 3 else 0.5,
        agreed=agreed.subjects,
        agreement=agreed.share,
        sharers=sharers,
        dealt=agreed.dealt,
        absent=frozenset(absent),
        vehemence=random.choice([1, 3, 6, 12]),
    )


def _draw_shared(seed: int, common: RuntimeConfig) -> tuple[int, RuntimeConfig]:
    """
    Draw who shares state: every seventh seed has some, the others are the runs that they were.

    :returns: how many users there are, and the settings.
    """
    if seed % 7 != 1:
        return 0, common
    random = Random(f'{seed}/shared')
    return random.choice([1, 2, 4]), replace(
        common,
        # Where there are bytes for little more than heartbeats, digests must not take them.
        shared_digest_ns=random.choice([20, 20, 100, 500]) * MILLISECOND
        if not common.bytes_per_second
        else SECOND // 2,
        # Robots that are only away are settled as well.
        shared_retire_ns=random.choice([0, SECOND // 5, SECOND // 2, 86_400 * SECOND]),
    )


def _draw_budget(seed: int, common: RuntimeConfig) -> RuntimeConfig:
    """
    Draw a byte budget: every fifth seed has one, the others are the runs that they were before.

    It is a few times what the heartbeats alone take, so that at times nearly all has to wait.
    """
    if seed % 5 != 2:
        return common
    random = Random(f'{seed}/budget')
    heartbeats = SECOND // (common.tick_ns * common.heartbeat_ticks)
    rate = heartbeats * random.choice([600, 1_000, 3_000])
    return replace(common, bytes_per_second=rate, linger_ns=random.choice([0, 2, 20]) * MILLISECOND)


@value
class _Agreed:
    """What a seed has of the level agreed."""

    common: RuntimeConfig
    subjects: tuple[str, ...] = ()
    share: float = 0.0
    dealt: dict[str, Keys] | None = None


def _draw_agreed(seed: int, common: RuntimeConfig) -> _Agreed:
    """
    Draw the level agreed: every fourth seed has it, the others are the runs that they were before.

    From a stream of its own, so that all else in a seed stays what it is.
    """
    if seed % 8 not in (3, 4):
        return _Agreed(common)
    random = Random(f'{seed}/agreed')
    count = len(common.robots)
    lies = count >= 4 and random.random() < 0.6
    faults = (count - 1) // (3 if lies else 2)
    # One proposal decides, or no client could decide anything by itself.
    policy = Policy(
        name='g',
        labels=(),
        labels_hash=0,
        level=Level.AGREED,
        quorum=1,
        confidence=0.0,
        settle_ns=50 * MILLISECOND,
        deadline_ns=SECOND,
        decide_at_deadline=True,
        revise=True,
        evidence_age_max_ns=0,
        fusion='plurality',
        support=1,
    )
    common = replace(
        common,
        policies=(policy,),
        agreed_lies=lies,
        agreed_faults=faults,
        agreed_resend_ns=random.choice([50, 100, 300]) * MILLISECOND,
        agreed_window=random.choice([1, 2, 4]),
        agreed_instances_max=random.choice([8, 256]),
    )
    dealt = None
    if random.random() < 0.2:
        dealt = deal(common.swarm, common.robots, faults, random.randbytes)
    subjects = ('g', 'g/1', 'g/2')[: random.choice([1, 1, 2, 3])]
    return _Agreed(common, subjects, random.choice([0.5, 0.9, 1.0]), dealt)
