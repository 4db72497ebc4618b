"""Quorum arithmetic against slow twins that try every set of robots, and of faulty ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import pytest

from swarm_consensus.protocols.agreement.errors import ConfigError
from swarm_consensus.protocols.agreement.quorum import Thresholds, faults_most

ROBOTS_MAX = 8
Robots = frozenset[int]


def sets(robots: int, size: int) -> list[Robots]:
    return [frozenset(each) for each in combinations(range(robots), size)]


def borne(lies: bool) -> Iterator[Thresholds]:
    """Every swarm up to a size, with every number of faulty robots that it bears."""
    for robots in range(1, ROBOTS_MAX + 1):
        for faults in range(faults_most(robots, lies) + 1):
            yield Thresholds(robots, faults, lies)


def least(robots: int, holds: Callable[[list[Robots], list[Robots]], bool], faulty: int) -> int:
    """Return the least size of which all sets of robots hold something, whichever are faulty."""
    sizes = range(1, robots + 1)
    return next(size for size in sizes if holds(sets(robots, size), sets(robots, faulty)))


def meet(some: list[Robots], faulty: list[Robots]) -> bool:
    return always_meet(some, some, faulty)


def reach(some: list[Robots], faulty: list[Robots]) -> bool:
    """Each of these sets has a robot that is not faulty."""
    return all(each - out for each in some for out in faulty)


def always_meet(some: list[Robots], others: list[Robots], faulty: list[Robots]) -> bool:
    """Any two have a robot in common, whichever are faulty, that is not among those."""
    return all((x & y) - liars for x in some for y in others for liars in faulty)


def can_bear_slow(robots: int, faults: int, lies: bool) -> bool:
    """What all but the faulty ones say has to bind the others, whoever is heard."""
    if faults >= robots:
        return False
    heard = sets(robots, robots - faults)
    return always_meet(heard, heard, sets(robots, faults) if lies else [frozenset()])


@pytest.mark.parametrize('lies', [True, False])
def test_as_many_faulty_robots_are_borne_as_leave_any_two_quorums_an_honest_one(lies: bool) -> None:
    for robots in range(1, ROBOTS_MAX + 1):
        bears = [f for f in range(robots + 1) if can_bear_slow(robots, f, lies)]
        assert bears == list(range(faults_most(robots, lies) + 1)), robots


@pytest.mark.parametrize('lies', [True, False])
def test_more_faulty_robots_than_can_be_borne_are_refused(lies: bool) -> None:
    for robots in range(1, ROBOTS_MAX + 1):
        for faults in range(robots + 2):
            if can_bear_slow(robots, faults, lies):
                assert Thresholds(robots, faults, lies).heard == robots - faults
            else:
                with pytest.raises(ConfigError):
                    Thresholds(robots, faults, lies)


def test_three_robots_cannot_bear_a_liar_and_the_error_says_what_to_change() -> None:
    with pytest.raises(ConfigError) as error:
        Thresholds(3, 1, True)
    assert str(error.value) == (
        '1 liar among 3 robots could tell two halves of the others different things, and both '
        'would believe it; it takes 4 robots to bear 1, and 3 bear 0'
    )


def test_six_robots_cannot_bear_two_liars() -> None:
    with pytest.raises(ConfigError) as error:
        Thresholds(6, 2, True)
    assert str(error.value) == (
        '2 liars among 6 robots could tell two halves of the others different things, and both '
        'would believe it; it takes 7 robots to bear 2, and 6 bear 1'
    )


def test_two_of_four_robots_cannot_crash_and_the_error_says_what_to_change() -> None:
    with pytest.raises(ConfigError) as error:
        Thresholds(4, 2, False)
    assert str(error.value) == (
        'of 4 robots 2 are no majority, so two parts of the swarm could decide differently; '
        'it takes 5 robots to bear 2, and 4 bear 1'
    )


@pytest.mark.parametrize(('robots', 'faults'), [(0, 0), (-1, 0), (4, -1)])
def test_what_is_no_swarm_is_refused(robots: int, faults: int) -> None:
    with pytest.raises(ConfigError) as error:
        Thresholds(robots, faults, True)
    assert str(error.value) == f'{robots} robots of which {faults} are faulty: no swarm'


def test_echo_is_the_least_number_of_which_any_two_sets_meet_in_an_honest_robot() -> None:
    for t in borne(lies=True):
        assert t.echo == least(t.robots, meet, t.faults), t
        # The honest ones reach it alone.
        assert t.echo <= t.heard


def test_honest_is_the_least_number_that_cannot_all_be_liars() -> None:
    for t in borne(lies=True):
        assert t.honest == least(t.robots, reach, t.faults), t
    assert {t.honest for t in borne(lies=False)} == {1}


@pytest.mark.parametrize('lies', [True, False])
def test_lasting_is_the_least_number_that_cannot_all_crash(lies: bool) -> None:
    for t in borne(lies):
        assert t.lasting == least(t.robots, reach, t.faults), t


@pytest.mark.parametrize('lies', [True, False])
def test_majority_is_the_least_number_of_which_any_two_sets_meet(lies: bool) -> None:
    for t in borne(lies):
        assert t.majority == least(t.robots, meet, 0), t
        assert t.majority <= t.heard


def test_honest_majority_is_the_least_number_with_f_plus_1_honest_ones_in_it() -> None:
    for t in borne(lies=True):
        # So many that, were f more of them faulty, one honest robot were left: 2f of them out.
        assert t.honest_majority == least(t.robots, reach, 2 * t.faults), t
        assert t.honest_majority <= t.heard


def test_where_robots_lie_any_two_that_heard_enough_have_heard_f_plus_1_robots_in_common() -> None:
    for t in borne(lies=True):
        heard = sets(t.robots, t.heard)
        assert all(len(x & y) >= t.honest for x in heard for y in heard), t


def test_where_robots_crash_whoever_heard_enough_has_heard_one_of_any_that_last() -> None:
    # So a robot that goes on without a decision has met one of the f + 1 that another counted.
    for t in borne(lies=False):
        nobody = [frozenset[int]()]
        heard, lasting = sets(t.robots, t.heard), sets(t.robots, t.lasting)
        assert always_meet(heard, lasting, nobody), t
