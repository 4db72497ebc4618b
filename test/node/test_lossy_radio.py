"""Robots that hear each other late, and not always."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from swarm_testing import quorum_checks
from swarm_testing.failover import p50_p99
from swarm_testing.lossy import DELAY_S, LOSS, PROPOSALS, lossy_fleet, measure
from swarm_testing.namespaces import NamespacesUnavailable


@pytest.mark.slow
@pytest.mark.alone
def test_proposals_commit_soon_under_loss_and_delay(processes, figure):
    with ExitStack() as stack:
        try:
            fleet = stack.enter_context(lossy_fleet(processes))
        except NamespacesUnavailable as error:
            pytest.skip(f'no radio here: {error}')
        # Each proposal is committed within its deadline, or this raises.
        found = measure(fleet)
        logs = [fleet.at(robot, quorum_checks.log) for robot in fleet.names]
    assert all(log == logs[0] for log in logs)
    assert len(logs[0]) == PROPOSALS * len(fleet.names)
    radio = f'{LOSS:.0%} loss and {DELAY_S * 1e3:.0f} ms delay'
    figure(f'proposals of 5 robots under {radio}, {found.elections} elections meanwhile:')
    for place, took in (('the leader', found.leading), ('followers', found.following)):
        if took:
            figure(f'  {len(took)} at {place}: {p50_p99(took)}')
