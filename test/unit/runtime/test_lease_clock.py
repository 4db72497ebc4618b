"""The clock of the leases: no stretch of time counts twice, and little is lost."""

from __future__ import annotations

from random import Random

from swarm_consensus.protocols.keyvalue import ELAPSED_MS_MAX
from swarm_consensus.runtime.config import MILLISECOND, SECOND
from swarm_consensus.runtime.lease_clock import LeaseClock

PERIOD = 100 * MILLISECOND


def test_a_leader_loses_no_time_between_two_moves() -> None:
    """It measures on from where the last stretch ended, however long the log took."""
    clock, now, counted = LeaseClock(PERIOD), 0, 0
    assert clock.poll(now, 1, True, 0) == 0
    index = 0
    for _ in range(100):
        now += 130 * MILLISECOND + 333
        elapsed = clock.poll(now, 1, True, index)
        assert elapsed >= 100
        clock.proposed('t', now, elapsed)
        assert clock.poll(now, 1, True, index) == 0
        assert clock.due_ns is None
        now += 20 * MILLISECOND
        index += 1
        clock.applied('t', index, 1)
        counted += elapsed
    assert now - 21 * MILLISECOND - MILLISECOND <= counted * MILLISECOND <= now


def test_it_runs_only_while_the_robot_leads_and_there_are_leases() -> None:
    """And begins anew each time, so that the time without a leader does not count."""
    clock = LeaseClock(PERIOD)
    assert clock.poll(0, 0, True, 0) == 0
    assert clock.due_ns is None
    assert clock.poll(SECOND, 3, True, 0) == 0
    assert clock.due_ns == SECOND + PERIOD
    assert clock.poll(2 * SECOND, 3, False, 0) == 0
    assert clock.poll(3 * SECOND, 3, True, 0) == 0
    assert clock.poll(3 * SECOND + PERIOD, 4, True, 0) == 0
    assert clock.poll(3 * SECOND + 2 * PERIOD, 4, True, 0) == 100


def test_what_another_leader_counted_is_not_counted_again() -> None:
    """It measures from when it saw that applied."""
    clock = LeaseClock(PERIOD)
    clock.poll(0, 2, True, 0)
    clock.poll(PERIOD, 2, True, 0)
    clock.proposed('mine', PERIOD, 100)
    assert clock.poll(3 * PERIOD, 2, True, 7) == 0
    clock.applied('mine', 9, 2)
    assert clock.poll(4 * PERIOD, 2, True, 7) == 100


def test_a_move_that_was_not_taken_is_made_up_for() -> None:
    """Up to the bound of one command; beyond it leases live longer."""
    clock = LeaseClock(PERIOD)
    clock.poll(0, 2, True, 0)
    assert clock.poll(PERIOD, 2, True, 0) == 100
    clock.proposed('one', PERIOD, 100)
    clock.ended('other')
    assert clock.poll(2 * PERIOD, 2, True, 0) == 0
    clock.ended('one')
    assert clock.poll(2 * PERIOD, 2, True, 0) == 200
    now = 3600 * SECOND
    assert clock.poll(now, 2, True, 0) == ELAPSED_MS_MAX
    clock.proposed('two', now, ELAPSED_MS_MAX)
    clock.applied('two', 1, 2)
    assert clock.poll(now + PERIOD - 1, 2, True, 1) == 0
    assert clock.poll(now + PERIOD, 2, True, 1) == 100


def test_two_robots_that_lead_in_turn_never_count_more_than_has_passed() -> None:
    """Random leaders, delays and losses, against the time that has truly passed."""
    for seed in range(50):
        draw = Random(seed)
        clocks = [LeaseClock(PERIOD), LeaseClock(PERIOD)]
        now = counted = index = time_index = 0
        term, leader, begun = 1, 0, 0
        log: list[tuple[str, int, int, int]] = []
        for step in range(400):
            now += draw.randint(0, 60 * MILLISECOND)
            if draw.random() < 0.03:
                term, leader = term + 1, draw.randrange(2)
            for n, clock in enumerate(clocks):
                elapsed = clock.poll(now, term if n == leader else 0, True, time_index)
                if elapsed:
                    name = f'{n} {step}'
                    clock.proposed(name, now, elapsed)
                    if draw.random() < 0.8:
                        log.append((name, time_index, elapsed, term))
                    else:
                        clock.ended(name)
            while log and draw.random() < 0.4:
                name, previous, elapsed, entry_term = log.pop(0)
                index += 1
                if previous == time_index:
                    time_index = index
                    counted += elapsed
                    for clock in clocks:
                        clock.applied(name, index, entry_term)
                clocks[int(name[0])].ended(name)
            assert counted * MILLISECOND <= now - begun, f'seed {seed}, step {step}'
        assert counted * MILLISECOND > now // 3, f'seed {seed}'
