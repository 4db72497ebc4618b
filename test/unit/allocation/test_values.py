"""Tasks, robots and settings that cannot be are refused with what to change."""

from __future__ import annotations

import math

import pytest

from swarm_consensus.protocols.allocation import (
    AllocationError,
    BidderConfig,
    BidStatement,
    Field,
    ScoringSetting,
    Task,
    Worker,
)


@pytest.mark.parametrize(
    ('settings', 'text'),
    [
        ({'task': ''}, 'name of 0 characters'),
        ({'task': 'x' * 129}, 'name of 129 characters'),
        ({'x_m': math.nan}, 'x_m is nan'),
        ({'y_m': 2e9}, 'y_m is 2e\\+09'),
        ({'work': -1.0}, 'work is -1, give 0..1e\\+09'),
        ({'worth': 0.0}, 'worth is 0, it must be greater than 0'),
        ({'worth': math.inf}, 'worth is inf'),
        ({'capabilities': ('fly', 'fly')}, 'stands twice'),
        ({'capabilities': tuple(map(str, range(33)))}, '33 capabilities'),
        ({'robots': 0}, 'robots is 0, give 1..64'),
        ({'opens_ms': 5, 'closes_ms': 4}, 'closes_ms \\(4\\) is before opens_ms \\(5\\)'),
        ({'opens_ms': 5, 'deadline_ms': 4}, 'deadline_ms'),
        ({'deadline_ms': -1}, 'deadline_ms is -1'),
        ({'order': 1}, 'needs a group'),
        ({'order': -1, 'group': 'g'}, 'order is -1'),
    ],
)
def test_a_task_that_cannot_be(settings, text: str) -> None:
    with pytest.raises(AllocationError, match=text):
        Task(**({'task': 't', 'x_m': 0.0, 'y_m': 0.0} | settings))


@pytest.mark.parametrize(
    ('settings', 'text'),
    [
        ({'robot': ''}, 'name of 0'),
        ({'speed_mps': 0.0}, 'speed_mps must be greater than 0'),
        ({'rate': -1.0}, 'rate is -1'),
        ({'rate': 0.0}, 'rate must be greater than 0'),
        ({'range_m': math.inf}, 'range_m is inf'),
        ({'capabilities': ('',)}, 'a capability of'),
    ],
)
def test_a_robot_that_cannot_be(settings, text: str) -> None:
    with pytest.raises(AllocationError, match=text):
        Worker(**({'robot': 'r', 'x_m': 0.0, 'y_m': 0.0} | settings))


def test_who_suits_a_task() -> None:
    task = Task('t', 0, 0, payload_kg=2, capabilities=('fly', 'lift'))
    able = Worker('r', 0, 0, payload_kg=2, capabilities=('dig', 'lift', 'fly'))
    assert able.suits(task)
    assert not Worker('r', 0, 0, payload_kg=1, capabilities=('lift', 'fly')).suits(task)
    assert not Worker('r', 0, 0, payload_kg=2, capabilities=('lift',)).suits(task)


@pytest.mark.parametrize(
    'bids', [(('a', 0.0),), (('a', 1.0), ('b', 2.0)), (('a', 1.0), ('a', 1.0)), (('a', -1.0),)]
)
def test_a_statement_that_cannot_be(bids) -> None:
    with pytest.raises(ValueError, match='bid'):
        BidStatement('r', 1, 1, bids)


def test_a_statement_describes_its_own_robot() -> None:
    with pytest.raises(ValueError, match='describes another'):
        BidStatement('r', 1, 1, (), Worker('s', 0, 0))


@pytest.mark.parametrize(
    ('settings', 'text'),
    [
        ({'rule': 'best'}, "no scoring 'best'; there is time_discounted, path_length"),
        ({'discount': 0.0}, 'discount is 0'),
        ({'discount': 1.1}, 'discount is 1.1'),
        ({'cost_per_m': -1.0}, 'cost_per_m is -1'),
    ],
)
def test_a_scoring_that_cannot_be(settings, text: str) -> None:
    with pytest.raises(AllocationError, match=text):
        ScoringSetting(**settings)


@pytest.mark.parametrize(
    ('settings', 'text'),
    [({'bundle_max': 0}, 'bundle_max is 0, give 1..64'), ({'relay_ticks': -1}, 'relay_ticks')],
)
def test_a_bidder_that_cannot_be(settings, text: str) -> None:
    with pytest.raises(AllocationError, match=text):
        BidderConfig('r', 1, **settings)


def test_a_field_with_a_name_twice() -> None:
    with pytest.raises(AllocationError, match='same name'):
        Field([Task('t', 0, 0), Task('t', 1, 0)])
