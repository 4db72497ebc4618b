"""
How long a swarm of five is without a leader: each is killed with -9 under a load of proposals.

The election timeout is that of the defaults: 0.6 s of silence at least, 1.2 s at most. Whatever
was acknowledged is looked for in every log at the end.
"""

from __future__ import annotations

from typing import Any

from bench.as_tested import process_group
from bench.rows import percentile, row

KILLS = 30


def rows() -> list[dict[str, Any]]:
    """Measure and return the rows."""
    with process_group() as processes:
        from swarm_testing.failover import PARAMETERS, PERIOD_S, kill_leader
        from swarm_testing.log_checks import check_logs
        from swarm_testing.proposal_load import ProposalLoad
        from swarm_testing.robot_processes import RobotProcesses
        from swarm_testing.swarm_probe import SwarmProbe

        swarm = RobotProcesses(processes, 5, PARAMETERS, steady=False)
        swarm.start_all()
        with SwarmProbe(swarm.names) as probe:
            probe.wait_until_ready()
            load = ProposalLoad(probe, swarm.names, PERIOD_S)
            load.run_for(20)
            failovers = [kill_leader(swarm, probe, load) for _ in range(KILLS)]
            load.finish()
            probe.wait_until_ready()
            check_logs(probe, load)
    result = []
    for what, times in (
        ('to a new leader', [failover.leader for failover in failovers]),
        ('to the next commit', [failover.commit for failover in failovers]),
    ):
        name = f'leader of 5 killed {KILLS} times, {what}'
        result += [
            row(f'{name}, p50', percentile(times, 50), 's'),
            row(f'{name}, p99', percentile(times, 99), 's'),
        ]
    return result
