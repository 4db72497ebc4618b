"""A caller that breaks a rule of this room is stopped at once, and nothing has changed."""

from __future__ import annotations

from agreement_swarm import Swarm
import pytest

from swarm_consensus.protocols.agreement.errors import InvariantError


def test_an_input_goes_only_where_it_was_asked_for() -> None:
    swarm = Swarm(1, value_bytes_max=100, piece_bytes=50)
    robot = swarm.robots['r00']
    for epoch in (0, 2, 5, 10**9):
        with pytest.raises(InvariantError, match=f'a/{epoch} is not open'):
            robot.up.propose('a', epoch, b'')
    with pytest.raises(InvariantError, match='an input of 101 bytes'):
        robot.up.propose('a', 1, bytes(101))
    assert robot.up.under_way == 0
    assert robot.up.take_effects() is None or robot.up.free_epoch('a') == 1


def test_nobody_has_two_inputs_in_an_epoch() -> None:
    swarm = Swarm(1)
    robot = swarm.robots['r00']
    assert swarm.begin('a', robot) == 1
    with pytest.raises(InvariantError, match='a/1: a second input'):
        robot.up.propose('a', 1, b'')


def test_an_epoch_that_is_settled_takes_no_input() -> None:
    swarm = Swarm(1)
    swarm.run(['a'], 1)
    with pytest.raises(InvariantError, match='a/1 is not open'):
        swarm.robots['r00'].up.propose('a', 1, b'')


def test_only_what_was_decided_is_settled() -> None:
    swarm = Swarm(1, outcome_bytes_max=100)
    robot = swarm.robots['r00']
    with pytest.raises(InvariantError, match='a/1 is not the one that was decided'):
        robot.up.settle('a', 1, b'')
    swarm.begin('a', robot)
    with pytest.raises(InvariantError, match='a/1 is not the one that was decided'):
        robot.up.settle('a', 1, b'')
    swarm.run(['a'], 1)
    for epoch in (1, 2):
        with pytest.raises(InvariantError, match=f'a/{epoch} is not the one that was decided'):
            robot.up.settle('a', epoch, b'')


def test_an_outcome_has_a_bound() -> None:
    swarm = Swarm(1, 1, 0, lies=False, outcome_bytes_max=100)
    robot = swarm.robots['r00'].up
    robot.propose('a', 1, b'')
    effects = robot.take_effects()
    assert effects is not None
    assert [each.epoch for each in effects.decided] == [1]
    with pytest.raises(InvariantError, match='an outcome of 101 bytes'):
        robot.settle('a', 1, bytes(101))
    robot.settle('a', 1, bytes(100))


@pytest.mark.parametrize('name', ['r00', 'stranger'])
def test_only_other_robots_of_the_swarm_are_muted(name: str) -> None:
    with pytest.raises(InvariantError, match=f"'{name}' is not another robot"):
        Swarm(1).robots['r00'].up.mute(name)


def test_an_input_after_the_end_is_not_asked_for() -> None:
    swarm = Swarm(2)
    swarm.run(['a'], 2)
    assert not any(robot.up.lacks_input('a', 2) for robot in swarm.up)
    assert {robot.up.free_epoch('a') for robot in swarm.up} == {3}
