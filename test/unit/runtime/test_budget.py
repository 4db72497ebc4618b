"""A swarm within its byte budget: the urgent is as fast as ever, the rest thins out and says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from swarm_testing.virtual_swarm import Swarm, policy

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.keyvalue import Put
from swarm_consensus.protocols.raft import AppendEntries, SnapshotChunk
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.events import FlowTold, StatusReport
from swarm_consensus.runtime.members import Presence
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.simulation.observer import Observer
from swarm_consensus.transport.budget import wire_bytes
from swarm_consensus.transport.compression import Expander
from swarm_consensus.transport.frame import Frame, TrafficClass

RATE = 20_000
SECOND = 1_000_000_000
EXPANDER = Expander()
LABELS = tuple(f'label_{n}' for n in range(200))


class Radio(Observer):
    """What went on the air: when, from whom, how many bytes, and which messages."""

    def __init__(self) -> None:
        self.sent_bytes: dict[str, list[tuple[int, int]]] = {}
        self.messages: list[tuple[int, str, object]] = []

    def sent(self, now_ns: int, robot: str, frames: Sequence[Frame]) -> None:
        """Take down frames."""
        for header, batch, signature in frames:
            cost = wire_bytes(len(robot), len(header.to), len(batch), len(signature))
            self.sent_bytes.setdefault(robot, []).append((now_ns, cost))
            found = MESSAGES.decode_batch(EXPANDER.expand(batch))
            self.messages += [(now_ns, robot, message) for message in found]

    def of(self, kind: type, robot: str = '', since_ns: int = 0) -> list[object]:
        return [
            m for at_ns, r, m in self.messages
            if isinstance(m, kind) and (not robot or r == robot) and at_ns >= since_ns
        ]  # fmt: skip

    def rate(self, robot: str, since_ns: int, until_ns: int) -> float:
        """Bytes a second of a robot in a span of time."""
        sizes = [size for at_ns, size in self.sent_bytes[robot] if since_ns <= at_ns < until_ns]
        return sum(sizes) * SECOND / (until_ns - since_ns)


def swarm_of(robots: int, radio: Radio, seed: int = 1, **changes: object) -> Swarm:
    many = policy(robots, name='crowd', labels=LABELS, quorum=robots + 1, deadline_ns=100 * SECOND)
    settings = {'bytes_per_second': RATE, **changes}
    return Swarm(robots, seed, policies=[policy(robots), many], observer=radio, **settings)


def flood(swarm: Swarm, seconds: float, hz: float = 250.0) -> None:
    """Have every robot believe more than ten times what its budget carries."""
    random = Random(1)
    for step in range(max(1, int(seconds * hz))):
        for robot in swarm.robots:
            # Such as a model gives: float32, and no two alike.
            values = np.float32([random.uniform(0.001, 1.0) for _ in LABELS])
            swarm.believe(robot, *values.tolist(), subject=f'crowd/{step % 50}')
        swarm.run(1.0 / hz)


def latency(swarm: Swarm, robot: str) -> float:
    """How long a proposal at a robot takes until it is answered, in s of virtual time."""
    began = swarm.world.now_ns
    key = swarm.propose(robot, 'x', subject=f'load/{robot}')
    while swarm.proposed(key) is None:
        swarm.run(0.0002)
    assert swarm.proposed(key).status is Status.DECIDED
    return (swarm.world.now_ns - began) / SECOND


def check_counts(swarm: Swarm) -> dict[str, StatusReport]:
    """Hold that what every robot says of its traffic adds up and is bounded."""
    reports = {robot: swarm.status(robot).status for robot in swarm.robots}
    for status in reports.values():
        for count in status.traffic:
            accounted = count.sent + count.coalesced + count.dropped + count.waiting
            assert count.offered == accounted, count
            assert count.waiting_bytes <= 60_000
    return reports


def test_a_flood_of_beliefs_leaves_the_log_as_fast_as_it_was() -> None:
    radio = Radio()
    swarm = swarm_of(3, radio)
    leader = swarm.elect()
    swarm.run(3)
    idle = sorted(latency(swarm, robot) for robot in swarm.robots * 10)
    flood(swarm, 3)
    begun_ns = swarm.world.now_ns
    loaded = []
    for robot in swarm.robots * 10:
        flood(swarm, 0.1)
        loaded.append(latency(swarm, robot))
    assert sorted(loaded)[15] <= 2 * idle[15] and max(loaded) <= 2 * idle[-1]
    for robot in swarm.robots:
        assert radio.rate(robot, begun_ns, swarm.world.now_ns) <= RATE * 1.05
        assert radio.rate(robot, begun_ns, swarm.world.now_ns) > RATE * 0.8
    status = check_counts(swarm)[leader]
    beliefs = status.traffic[TrafficClass.BELIEF]
    assert beliefs.offered > 10 * beliefs.sent and beliefs.coalesced > beliefs.sent
    assert beliefs.pressure == 1.0 and status.traffic[TrafficClass.LOG].pressure == 0.0
    assert status.bytes_per_second == RATE
    # Nobody lost contact, and nobody else was elected meanwhile.
    assert {swarm.status(robot).status.term for robot in swarm.robots} == {status.term}
    assert all(len(swarm.status(robot).status.alive) == 3 for robot in swarm.robots)


def test_a_leader_that_is_gone_is_replaced_as_soon_in_a_flood() -> None:
    def failover(loaded: bool, seed: int) -> float:
        swarm = swarm_of(3, Radio(), seed)
        leader = swarm.elect()
        swarm.run(1.5)
        if loaded:
            flood(swarm, 2)
        swarm.world.crash(leader)
        began = swarm.world.now_ns
        while swarm.leader in ('', leader):
            if loaded:
                flood(swarm, 0.02)
            else:
                swarm.run(0.02)
        return (swarm.world.now_ns - began) / SECOND

    idle = sorted(failover(False, seed) for seed in range(9))
    loaded = sorted(failover(True, seed) for seed in range(9))
    assert loaded[4] <= 1.5 * idle[4] and loaded[-1] <= 2 * idle[-1], (idle, loaded)


def test_producers_are_told_a_rate_that_the_budget_carries_and_are_let_go_again() -> None:
    radio = Radio()
    swarm = swarm_of(3, radio)
    swarm.elect()
    swarm.run(2)
    assert not swarm.outputs('r1', FlowTold)
    hz, rates = 250.0, []
    for _ in range(60):
        flood(swarm, 0.5, hz)
        told = swarm.outputs('r1', FlowTold)
        hz = min(250.0, told[-1].belief_rate_max_hz or 250.0) if told else 250.0
        rates.append(hz)
    # A belief of 200 labels takes about 1 kB, compressed: some 15 a second fit beside the rest.
    settled = rates[20:]
    assert 5 < sum(settled) / len(settled) < 25, rates
    began_ns = swarm.world.now_ns
    swarm.run(15)
    assert swarm.outputs('r1', FlowTold)[-1].belief_rate_max_hz == 0.0
    count = len(swarm.outputs('r1', FlowTold))
    swarm.run(5)
    assert len(swarm.outputs('r1', FlowTold)) == count
    assert began_ns < swarm.world.now_ns


def test_gossip_and_signs_of_life_thin_out_under_pressure_and_nobody_is_missed() -> None:
    radio = Radio()
    swarm = swarm_of(3, radio)
    swarm.elect()
    swarm.run(2)
    begun_ns = swarm.world.now_ns
    swarm.run(4)
    calm = len(radio.of(Presence, since_ns=begun_ns))
    flood(swarm, 3)
    begun_ns = swarm.world.now_ns
    flood(swarm, 4)
    assert 0 < len(radio.of(Presence, since_ns=begun_ns)) <= 0.85 * calm
    assert all(len(swarm.status(robot).status.alive) == 3 for robot in swarm.robots)


def test_proposals_beyond_the_budget_are_refused_and_nothing_is_sent_twice() -> None:
    radio = Radio()
    swarm = swarm_of(3, radio)
    leader = swarm.elect()
    swarm.run(2)
    keys = []
    random = Random(1)
    for step in range(200):
        for robot in swarm.robots:
            value = random.randbytes(400)
            keys.append(
                swarm.propose(robot, str(step), f'load/{robot}', value=value, timeout=3.0)
            )
        swarm.run(0.05)
    swarm.run(5)
    ends = Counter(swarm.proposed(key).status for key in keys)
    refused = [d for key in keys if (d := swarm.proposed(key)).status is Status.REFUSED]
    assert ends[Status.DECIDED] > 200 and len(refused) > 100
    assert all(decision.reason.startswith('OVERLOADED: ') for decision in refused)
    # Of what is in the log, hardly any entry travelled more than once to the same robot.
    entries = sum(len(m.entries) for m in radio.of(AppendEntries, leader))  # type: ignore[attr-defined]
    assert entries <= 1.3 * swarm.status(leader).status.last_index
    assert len(set(swarm.digests().values())) == 1
    check_counts(swarm)


def test_a_snapshot_travels_in_small_pieces_while_the_log_goes_on() -> None:
    radio = Radio()
    swarm = swarm_of(3, radio, snapshot_entries=20, trailing_entries=0, bytes_per_second=0)
    leader = swarm.elect()
    away = next(robot for robot in swarm.robots if robot != leader)
    swarm.world.crash(away)
    random = Random(1)
    for number in range(60):
        swarm.change(leader, Put(f'key{number}', random.randbytes(2_000)))
        swarm.run(0.02)
    for robot in swarm.robots:
        swarm.reconfigure(robot, bytes_per_second=RATE)
        if robot != away:
            swarm.world.crash(robot)
            swarm.world.start(robot)
    leader = swarm.elect()
    swarm.run(2)
    idle = max(latency(swarm, leader) for _ in range(10))
    swarm.world.start(away)
    begun_ns = swarm.world.now_ns
    loaded = []
    for _ in range(40):
        swarm.run(0.5)
        loaded.append(latency(swarm, leader))
    pieces = radio.of(SnapshotChunk, since_ns=begun_ns)
    assert pieces and max(len(piece.data) for piece in pieces) <= 1_000  # type: ignore[attr-defined]
    assert sorted(loaded)[20] <= 2 * idle
    size = pieces[0].size  # type: ignore[attr-defined]
    assert size > 100_000 and sum(len(p.data) for p in pieces) < 2 * size  # type: ignore[attr-defined]
    swarm.run(2)
    assert len(set(swarm.digests().values())) == 1
    check_counts(swarm)


def test_settings_with_which_a_robot_could_not_lead_or_send_are_refused() -> None:
    common = {'swarm': 's', 'robot': 'r1', 'robots': ('r1', 'r2'), 'policies': ()}
    with pytest.raises(ValueError, match=r'bytes_per_second is 2000, must be 0 .* heartbeat'):
        RuntimeConfig(**common, bytes_per_second=2_000)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='burst_bytes is 30000, must be 0 or at least'):
        RuntimeConfig(**common, bytes_per_second=RATE, burst_bytes=30_000)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='burst_bytes means nothing'):
        RuntimeConfig(**common, burst_bytes=30_000)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='must not be negative'):
        RuntimeConfig(**common, linger_ns=-1)  # type: ignore[arg-type]
    config = RuntimeConfig(**common, bytes_per_second=2_000, heartbeat_ticks=20, election_ticks=99)  # type: ignore[arg-type]
    assert config.budget_burst_bytes > config.frame_bytes_max
