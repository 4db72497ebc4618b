"""
Whole swarms in one process: how many times faster than real time 10, 30 and 100 robots run.

All of a robot but ROS, DDS and the disk (simulation/in_process.py), with the settings of an
ordinary swarm.yaml. Each second all robots see an object and decide on it at the level `committed`.
"""

from __future__ import annotations

import time
from typing import Any

from bench.rows import row
from swarm_consensus.composition.swarm_file import parse_swarm
from swarm_consensus.nodes.robot_settings import resized, settings_of
from swarm_consensus.runtime.garbage import tamed_garbage_collector
from swarm_consensus.simulation.in_process import InProcessSwarm
from swarm_consensus.simulation.witnesses import Witnesses

# Robots, and virtual seconds that are measured.
SWARMS = {10: 60.0, 30: 30.0, 100: 10.0}
GOAL = 1.0
FILE = """
swarm: bench
robots: 3
subjects:
  sign:
    labels: [stop, yield, go]
"""


def rows() -> list[dict[str, Any]]:
    """Return a row for each size; the goal is for the largest, and holds for the others too."""
    return [_measured(robots, seconds) for robots, seconds in SWARMS.items()]


def _measured(robots: int, seconds: float) -> dict[str, Any]:
    settings = settings_of(resized(parse_swarm(FILE, 'bench.yaml'), robots))
    swarm = InProcessSwarm(settings)
    witnesses = Witnesses(swarm, settings[0].config.policies, seed=1)
    with tamed_garbage_collector():
        swarm.run_until_led()
        swarm.run(2.0)
        witnesses.show(seconds)
        began_s = time.perf_counter()
        swarm.run(seconds)
        factor = seconds / (time.perf_counter() - began_s)
        swarm.run(2.0)
    report = witnesses.report(seconds, seconds / factor)
    if report.decided < report.objects or report.contradictions:
        raise RuntimeError(f'{robots} robots decided {report.decided} of {report.objects} objects')
    return row(
        f'in one process: {robots} robots', factor, 'x real time', 'higher', goal=GOAL
    )
