"""
Random swarms in bad weather hold the invariants, and agree once the weather is good.

Every draw comes from the seed in the test's name; `RAFT_SEEDS=first:count` runs others.
"""

from __future__ import annotations

import os
from random import Random

import pytest
from raft_cluster import Cluster, Weather
from raft_turnover import Turnover

from swarm_consensus.protocols.raft import Outcome, Role

_FIRST, _COUNT = (int(part) for part in os.environ.get('RAFT_SEEDS', '1:300').split(':'))
_TICKS = 240
_CHUNK = 25


def storm(seed: int) -> Cluster:
    """Run one swarm through faults drawn from the seed, heal it, and check that it agrees."""
    random = Random(seed)
    names = 'abcdefg'[: random.choice([1, 2, 3, 3, 3, 4, 5, 5, 5, 7])]
    weather = Weather(
        loss=random.choice([0, 0.05, 0.2, 0.4]),
        repeat=random.choice([0, 0.1]),
        delay_max=random.choice([0, 1, 3, 8]),
        sync=random.choice([1, 1, 0.7, 0.3]),
    )
    settings = {
        'inflight_appends_max': random.choice([1, 2, 64]),
        'append_bytes_max': random.choice([64, 200, 4096]),
        'entry_bytes_max': 32,
        'uncommitted_bytes_max': random.choice([100, 1000, 100_000]),
        'proposal_ticks': random.choice([20, 60]),
        'election_ticks': random.choice([5, 10]),
    }
    # A stream of its own: what is drawn here leaves the rest of the seed as it is.
    more = Random(f'{seed}/more')
    handovers = more.choice([0, 0.02, 0.2])
    ranks = more.choice([1, 1, 2, 9])
    learners = 'xyz'[: more.choice([0, 0, 0, 1, 3])]
    turnover = Turnover(seed, settings['election_ticks'])
    settings |= turnover.settings
    voters, names = names, names + learners + turnover.others
    # And another one: how snapshots are taken and sent.
    bulk = Random(f'{seed}/bulk')
    snapshots = bulk.choice([0, 0.05, 0.1, 0.2, 0.5])
    settings['trailing_entries'] = bulk.choice([0, 0, 1, 4])
    settings['snapshot_chunk_bytes'] = bulk.choice([50, 200, 1000])
    settings['snapshot_window'] = bulk.choice([1, 3, 8])
    # And one of a radio that is too slow in every fifth seed, so that what was made waits at times.
    radio = Random(f'{seed}/radio')
    pauses = radio.choice([0.1, 0.5]) if seed % 5 == 3 else 0
    settings['append_target_bytes'] = radio.choice([1, 60]) if pauses else 0
    # One robot is away for so long that the log has gone on without it.
    away = bulk.choice(names)
    away_from = bulk.randrange(10, 80)
    away_to = away_from + bulk.choice([0, 40, 80, 120])
    writes = bulk.choice([0.1, 0.4, 0.8])
    priorities = {name: more.randrange(ranks) for name in names}
    cluster = Cluster(
        voters,
        seed,
        weather=weather,
        priorities=priorities,
        learners=learners,
        others=turnover.others,
        paces=turnover.paces(names),
        **settings,
    )
    crash = random.choice([0, 0.005, 0.03])
    restart = random.choice([0.05, 0.5])
    stall = random.choice([0, 0.01])
    coup = random.choice([0, 0, 0.03, 0.3])
    load = random.choice([0.02, 0.2, 0.6])
    cuts = random.choice([0, 0.02, 0.05])
    one_way = random.random() < 0.3
    cut: set[tuple[str, str]] = set()
    cluster.lost = lambda sender, to, message: (
        (sender, to) in cut or (away in (sender, to) and away_from <= cluster.now < away_to)
    )
    for _ in range(_TICKS):
        for name in names:
            robot = cluster.robots[name]
            leads = robot.alive and cluster.role(name) is Role.LEADER
            if leads and random.random() < coup:
                fate = random.choice(['crash', 'alone', 'asleep'])
                if fate == 'crash':
                    cluster.crash(name)
                elif fate == 'asleep':
                    robot.stalled_until = cluster.now + random.randint(15, 40)
                else:
                    cut.clear()
                    cut.update(both for x in names if x != name for both in [(x, name), (name, x)])
            elif robot.alive and random.random() < crash:
                cluster.crash(name)
            elif not robot.alive and random.random() < restart:
                cluster.restart(name)
            elif random.random() < stall:
                robot.stalled_until = cluster.now + random.randint(5, 40)
            if robot.alive:
                turnover.step(cluster, name, names)
            if turnover.leases and robot.stalled_until >= cluster.now:
                # It takes nothing in before the time that it missed.
                continue
            if robot.alive and random.random() < load / len(names):
                (cluster.propose if random.random() < 0.7 else cluster.read)(name)
            if robot.alive and cluster.role(name) is Role.LEADER and random.random() < load:
                # Most of all where it may be a leader of the past.
                cluster.read(name)
            if robot.alive and more.random() < handovers:
                cluster.transfer(name, more.choice(['', 'stranger', *names]))
            if robot.alive and radio.random() < pauses:
                cluster[name].pause(radio.random() < 0.5, radio.random() < 0.5)
            if robot.alive and bulk.random() < snapshots:
                cluster.snapshot(name)
            if robot.alive and bulk.random() < writes / len(names):
                cluster.propose(name)
        if random.random() < cuts:
            side = {name for name in names if random.random() < 0.5}
            cut.clear()
            cut.update(
                (x, y)
                for x in names
                for y in names
                if (x in side and y not in side) or (not one_way and x not in side and y in side)
            )
        elif random.random() < 0.03:
            cut.clear()
        cluster.run(1)
    heal(cluster, turnover.settings['voters_max'])
    return cluster


def heal(cluster: Cluster, voters_max: int = 0) -> None:
    """Let all robots up, the network whole; hold that they agree on one log and all is ended."""
    cluster.lost = lambda sender, to, message: False
    cluster.weather = Weather()
    for robot in cluster.robots.values():
        robot.stalled_until = 0
        if not robot.alive:
            cluster.restart(robot.name)
        cluster[robot.name].pause(False, False)
    cluster.run(120)
    for _ in range(40):
        if is_quiet(cluster, voters_max):
            break
        cluster.run(10)
    assert len(cluster.leaders) == 1, cluster.leaders
    leader = cluster.leaders[0]
    last = cluster.propose(leader)
    cluster.run(10)
    assert cluster.result(last).outcome is Outcome.COMMITTED
    members = cluster[leader].status().membership.robots
    logs = {tuple(cluster.robots[name].log) for name in members}
    assert len(logs) == 1
    applied = {tuple(cluster.robots[name].applied) for name in members}
    assert applied == logs, 'something in the log is not applied everywhere'
    assert not cluster.invariants.open_changes, 'a change never ended'
    for robot in cluster.alive:
        status = cluster[robot.name].status()
        assert (status.proposals, status.reads) == (0, 0), 'something never ended'
        assert status.transfer == '', 'it never got its leadership back'


def is_quiet(cluster: Cluster, voters_max: int) -> bool:
    """Return whether one robot leads and no change of membership is under way or wanted."""
    if len(cluster.leaders) != 1:
        return False
    status = cluster[cluster.leaders[0]].status()
    membership = status.membership
    if status.changing:
        return False
    if not voters_max:
        return True
    lost = any(cluster[name].status().lost for name in membership.robots)
    wanted = min(voters_max, (len(membership.robots) - 1) // 2 * 2 + 1)
    return not lost and wanted <= len(membership.voters) <= voters_max


@pytest.mark.parametrize('first', range(_FIRST, _FIRST + _COUNT, _CHUNK))
def test_invariants_hold_in_bad_weather(first: int) -> None:
    for seed in range(first, min(first + _CHUNK, _FIRST + _COUNT)):
        try:
            storm(seed)
        except Exception as error:
            raise AssertionError(f'seed {seed}: RAFT_SEEDS={seed}:1') from error


def test_a_seed_replays_byte_by_byte() -> None:
    first, second = storm(7), storm(7)
    assert first.trace == second.trace
