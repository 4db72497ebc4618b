"""The suspicion timer goes by the published rule, to the tick."""

from __future__ import annotations

import pytest

from swarm_consensus.protocols.gossip.swim.config import SwimConfig
from swarm_consensus.protocols.gossip.swim.suspicion import Suspicion, timeout_ticks

SECOND = 1_000


def test_the_timer_shrinks_from_30_s_to_2_s_by_the_published_rule():
    suspicion = Suspicion('accuser', 0, wanted=3, shortest=2 * SECOND, longest=30 * SECOND)
    assert suspicion.due == 30 * SECOND
    assert suspicion.confirm('second')
    assert suspicion.due - 2 * SECOND == 14 * SECOND
    assert suspicion.confirm('third')
    assert suspicion.due - 3 * SECOND == 4_810
    assert suspicion.confirm('fourth')
    # Overdue since two seconds, where it comes at four.
    assert suspicion.due - 4 * SECOND == -2 * SECOND


def test_only_other_robots_confirm_and_only_as_many_as_are_wanted():
    suspicion = Suspicion('accuser', 500, wanted=2, shortest=100, longest=900)
    assert not suspicion.confirm('accuser')
    assert suspicion.confirm('second') and not suspicion.confirm('second')
    assert suspicion.confirm('third') and not suspicion.confirm('fourth')
    assert (suspicion.confirmations, suspicion.due) == (2, 600)


def test_without_confirmations_to_come_the_timer_is_the_shortest():
    assert timeout_ticks(0, 0, shortest=25, longest=30_000) == 25


@pytest.mark.parametrize('confirmations', range(8))
def test_the_timer_never_leaves_its_bounds(confirmations):
    assert 40 <= timeout_ticks(confirmations, 3, shortest=40, longest=400) <= 400


def test_a_swarm_gives_more_time_the_larger_it_is_and_wants_no_more_accusers_than_it_has():
    config = SwimConfig('r', 1, probe_ticks=100, suspicion_multiplier=4, suspicion_stretch=6)
    assert config.suspicion(2) == (0, 400, 2400)
    assert config.suspicion(3) == (1, 400, 2400)
    assert config.suspicion(10) == (2, 400, 2400)
    assert config.suspicion(100) == (2, 800, 4800)
