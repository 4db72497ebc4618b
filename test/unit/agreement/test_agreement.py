"""Many instances at one robot: they all end, alike everywhere, and are forgotten."""

from __future__ import annotations

from agreement_swarm import Swarm
import pytest

SUBJECTS = ('a', 'b', 'c')
# n, f, lies
SWARMS = ((4, 1, True), (5, 2, False), (7, 2, True), (1, 0, False), (2, 0, False))


@pytest.mark.parametrize(('count', 'faults', 'lies'), SWARMS)
@pytest.mark.parametrize('seed', range(2))
def test_subjects_and_epochs_end_alike_and_leave_one_row_each(
    count: int, faults: int, lies: bool, seed: int
) -> None:
    swarm = Swarm(seed, count, faults, lies)
    swarm.run(SUBJECTS, 4)
    for robot in swarm.up:
        assert sorted(robot.disk) == [f'subject/{subject}' for subject in SUBJECTS]
        assert robot.up.under_way == 0
        assert not robot.up.dropped


@pytest.mark.parametrize('common', [True, False])
@pytest.mark.parametrize(('count', 'faults', 'lies'), SWARMS[:2])
@pytest.mark.parametrize('seed', range(6))
def test_lost_repeated_and_late_messages_change_nothing(
    count: int, faults: int, lies: bool, seed: int, common: bool
) -> None:
    swarm = Swarm(
        seed, count, faults, lies, loss=0.4, repeat=0.2, delay_ticks=8, common=common
    )
    swarm.run(SUBJECTS, 3)
    assert all(not robot.up.dropped for robot in swarm.up)


@pytest.mark.parametrize(('count', 'faults', 'lies'), SWARMS[:3])
@pytest.mark.parametrize('seed', range(3))
def test_it_goes_on_with_all_the_faulty_ones_down(
    count: int, faults: int, lies: bool, seed: int
) -> None:
    swarm = Swarm(seed, count, faults, lies, honest=range(faults, count), loss=0.2)
    swarm.run(SUBJECTS, 3)


@pytest.mark.parametrize(('count', 'faults', 'lies'), SWARMS[:2])
@pytest.mark.parametrize('seed', range(10))
def test_power_failures_at_any_batch_make_nobody_contradict_itself(
    count: int, faults: int, lies: bool, seed: int
) -> None:
    swarm = Swarm(seed, count, faults, lies, loss=0.1, crash=0.03)
    swarm.run(SUBJECTS, 3, idle=False)
    swarm.crash = 0.0
    swarm.settle_down()
    assert sum(robot.boot for robot in swarm.up) > count
