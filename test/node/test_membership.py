"""Robots as real processes: who dies, leaves, joins with no list to edit, and comes back."""

from __future__ import annotations

from collections.abc import Iterator
import time

import pytest
from swarm_testing import member_checks
from swarm_testing.fleet import Fleet, on_hosts
from swarm_testing.namespaces import Namespaces
from swarm_testing.robot_processes import SWARM, RobotProcesses
from swarm_testing.swarm_probe import DECIDED, LATCHED, SwarmProbe

from swarm_consensus.msg import MemberEvent, PeerStatus
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.key_files import write_keys

pytestmark = pytest.mark.alone

COUNT = 6
GUEST = 'scout'
FUSED = {
    'subjects': ['animal', 'weather'],
    'subject.weather.labels': ['dry', 'wet'],
    'subject.weather.level': 'fused',
    'subject.weather.quorum': '1',
    'subject.weather.evidence_age_max': 0.0,
    'subject.weather.deadline': 600.0,
}
# Silence before a robot is asked, a round before the next begins and the round itself.
SUSPECTED_S = 1.0 + 0.5 + 0.5
# Then as long as a suspect has whom only one robot does not reach: 4 periods, 6 times stretched.
DEAD_S = SUSPECTED_S + 4 * 6 * 0.5
# What the machine may be late with, and the news on its way.
LATE_S = 2.0


def state_of(probe, robot, other):
    """Return how a robot sees another one; None: not at all."""
    status = probe.statuses.get(robot)
    for peer in () if status is None else status.peers:
        if peer.robot == other:
            return peer.state
    return None


def all_see(probe, robots, other, state):
    return all(state_of(probe, robot, other) == state for robot in robots if robot != other)


def told(events, robot, kind):
    """Return the robots that told of an event of a robot."""
    return [n for n, list_ in events.items()
            if any(e.event == kind and e.robot == robot for e in list_)]  # fmt: skip


def test_a_robot_that_is_killed_is_told_from_one_that_leaves(processes, figure):
    robots = RobotProcesses(processes, COUNT)
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        events = {
            name: probe.collect(MemberEvent, f'/{name}/member_events', LATCHED)
            for name in robots.names
        }
        probe.wait_until_ready()
        probe.wait_for(
            lambda: all(
                all_see(probe, robots.names, r, PeerStatus.STATE_ALIVE) for r in robots.names
            )
        )
        victim, leaver = [r for r in robots.names if r != probe.leader()][:2]
        others = [r for r in robots.names if r not in (victim, leaver)]
        incarnation = probe.statuses[victim].incarnation

        began = time.monotonic()
        robots.kill([victim])
        probe.wait_for(lambda: all(victim not in probe.statuses[r].alive for r in others))
        missed = time.monotonic() - began
        probe.wait_for(lambda: all_see(probe, others, victim, PeerStatus.STATE_DEAD))
        dead = time.monotonic() - began
        figure(f'killed: out of `alive` at all after {missed:.2f} s, dead after {dead:.2f} s')
        assert missed < SUSPECTED_S + LATE_S
        assert dead < DEAD_S + LATE_S
        probe.wait_for(lambda: set(others) <= set(told(events, victim, MemberEvent.DIED)))
        accusers = [e.accuser for r in others for e in events[r] if e.event == MemberEvent.DIED]
        assert set(accusers) <= set(others) | {leaver}

        began = time.monotonic()
        assert robots[leaver].interrupt() == 0
        probe.wait_for(lambda: all_see(probe, others, leaver, PeerStatus.STATE_LEFT))
        figure(f'left: known to all after {time.monotonic() - began:.2f} s')
        # Nobody ever took it for dead, and it is missing at once.
        probe.turn(2 * SUSPECTED_S)
        assert not told(events, leaver, MemberEvent.DIED)
        probe.wait_for(lambda: set(others) <= set(told(events, leaver, MemberEvent.LEFT)))
        assert all(leaver not in probe.statuses[r].alive for r in others)

        # Both come back, and are known for what they are.
        probe.forget([victim, leaver])
        robots.start(victim)
        robots.start(leaver)
        probe.wait_until_ready()
        for robot in (victim, leaver):
            probe.wait_for(lambda: all_see(probe, robots.names, robot, PeerStatus.STATE_ALIVE))  # noqa: B023
            probe.wait_for(lambda: set(others) <= set(told(events, robot, MemberEvent.RETURNED)))  # noqa: B023
        assert probe.statuses[victim].incarnation > incarnation
    assert not any('Traceback' in robots[name].output for name in robots.names)


def guest_takes_part(processes, parameters):
    """Let a robot that is in nobody's list come, take part and leave."""
    robots = RobotProcesses(processes, COUNT, {**FUSED, 'membership': 'open', **parameters})
    robots.start_all()
    everybody = [*robots.names, GUEST]
    with SwarmProbe(everybody) as probe:
        events = {
            name: probe.collect(MemberEvent, f'/{name}/member_events', LATCHED)
            for name in robots.names
        }
        probe.wait_until_ready(robots.names)
        guest = robots.start(GUEST)
        probe.wait_for(lambda: all_see(probe, everybody, GUEST, PeerStatus.STATE_ALIVE), 20.0)
        # The guest's own status may be the last to come.
        probe.wait_for(
            lambda: all(
                r in probe.statuses and sorted(probe.statuses[r].alive) == sorted(everybody)
                for r in everybody
            )
        )
        assert probe.statuses[GUEST].guest
        assert [p.robot for p in probe.statuses['robot_1'].peers if p.guest] == [GUEST]
        # On another topic than the status, so it may come later.
        probe.wait_for(lambda: told(events, GUEST, MemberEvent.JOINED) == robots.names)

        # Its evidence counts at the level fused, also where it is the only one.
        # Said more than once: a guest that has just come may not be known to listen yet.
        probe.keep_believing(GUEST, 'wet', subject='weather', labels=('dry', 'wet'))
        decisions = probe.wait_for_decision('weather')
        assert all(d.choice == 'wet' and d.voters == [GUEST] for d in decisions.values())
        # And nowhere else: it votes for nothing, and nobody asks it.
        probe.believe(GUEST, 'dog', 'animal/1')
        answer = probe.proposed(probe.propose(GUEST, 'goal', 'mine'))
        assert 'guest' in answer.reason
        for robot in robots.names:
            probe.believe(robot, 'cat', 'animal/1')
        decided = probe.wait_for_decision('animal/1', robots.names)
        assert all(d.choice == 'cat' and GUEST not in d.voters for d in decided.values())
        assert probe.proposed(probe.propose('robot_1', 'goal', 'go')).status == DECIDED
        assert sorted(probe.statuses['robot_1'].voters) == robots.names[:5]
        assert GUEST not in (*probe.statuses['robot_1'].learners,)

        assert guest.interrupt() == 0
        probe.wait_for(lambda: all_see(probe, robots.names, GUEST, PeerStatus.STATE_LEFT))
        assert not told(events, GUEST, MemberEvent.DIED)
    assert 'Traceback' not in guest.output
    assert not any('Traceback' in robots[name].output for name in robots.names)


def test_a_robot_that_is_in_nobodys_list_joins_takes_part_and_leaves(processes):
    guest_takes_part(processes, {})


def test_a_guest_needs_a_key_where_the_swarm_has_keys(processes, tmp_path):
    names = [f'robot_{n + 1}' for n in range(COUNT)]
    write_keys(tmp_path / 'keys', deal(SWARM, [*names, GUEST], 1))
    guest_takes_part(processes, {'keys_folder': str(tmp_path / 'keys')})


def test_a_closed_swarm_lets_nobody_in(processes):
    robots = RobotProcesses(processes, 3)
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        probe.wait_until_ready()
        closed = robots.start(GUEST)
        assert closed.wait() == 2
        assert 'write `membership: open` for all robots' in closed.output
        # One that thinks that the swarm is open is not heard.
        robots.start('other', {'membership': 'open'})
        probe.wait_for(lambda: all(probe.statuses[r].frames.stranger > 0 for r in robots.names))
        assert all(len(probe.statuses[r].peers) == 2 for r in robots.names)


# -- networks --------------------------------------------------------------------------------------


@pytest.fixture
def fleet(processes) -> Iterator[Fleet]:
    """Six robots on six hosts."""
    with on_hosts(processes, Namespaces(COUNT)) as hosts:
        robots = RobotProcesses(processes, COUNT, FUSED)
        with Fleet(hosts, robots, processes) as fleet:
            yield fleet


def test_two_halves_of_a_swarm_find_each_other_again(fleet, figure):
    everybody = fleet.names
    fleet.wait_until_ready(everybody)
    halves = everybody[:3], everybody[3:]
    fleet.hosts.cut_off(range(3))
    began = time.monotonic()
    for half, other in (halves, halves[::-1]):
        for robot in half:
            fleet.at(robot, member_checks.wait_for, half, PeerStatus.STATE_ALIVE)
            fleet.at(robot, member_checks.wait_for, other, PeerStatus.STATE_DEAD)
    figure(f'split: the other half is dead to all after {time.monotonic() - began:.1f} s')
    assert time.monotonic() - began < DEAD_S + 2 * LATE_S
    fleet.hosts.heal()
    began = time.monotonic()
    for robot in everybody:
        fleet.at(robot, member_checks.wait_for, everybody, PeerStatus.STATE_ALIVE)
    figure(f'healed: all are alive to all after {time.monotonic() - began:.1f} s')
    fleet.wait_until_ready(everybody)
