"""What must hold of the logs of all robots after a load of proposals, whatever had happened."""

from __future__ import annotations

from collections import Counter

from swarm_testing.proposal_load import ProposalLoad
from swarm_testing.swarm_probe import SwarmProbe


def check_logs(probe: SwarmProbe, load: ProposalLoad) -> None:
    """Every acknowledged proposal is in every log once, at the place that was acknowledged."""
    probe.wait_for_equal_logs()
    logs = {
        robot: [(d.subject, d.choice, d.index) for d in probe.log(robot)] for robot in probe.robots
    }
    log = logs[probe.robots[0]]
    assert all(other == log for other in logs.values())
    applied = Counter((subject, choice) for subject, choice, _ in log)
    assert not {key for key, count in applied.items() if count > 1}, 'applied twice'
    places = {(subject, choice): index for subject, choice, index in log}
    lost = {key for key in load.acknowledged if key not in places}
    assert not lost, 'acknowledged and lost'
    assert {key: places[key] for key in load.acknowledged} == load.acknowledged
