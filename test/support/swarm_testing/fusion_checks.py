"""What robots must say of evidence that they fuse; run by a probe beside the robot."""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.msg import Decision
from swarm_testing.swarm_probe import SwarmProbe

WEATHER = ('dry', 'wet')


def believe(probe: SwarmProbe, robot: str, subject: str, label: str, probability: float) -> None:
    """Give a robot evidence."""
    probe.believe(robot, label, subject, labels=WEATHER, probability=probability)


def wait_until_fused(
    probe: SwarmProbe, robot: str, subject: str, robots: Sequence[str], timeout: float
) -> tuple[str, float, float]:
    """
    Wait until a robot has fused the evidence of exactly these.

    :returns: (choice, confidence, oldest age in s) of what it published then.
    """

    def newest() -> Decision | None:
        published = probe.published(robot, subject)
        return published[-1] if published else None

    def done() -> bool:
        decision = newest()
        return decision is not None and list(decision.voters) == sorted(robots)

    probe.wait_for(done, timeout)
    decision = newest()
    assert decision is not None
    assert decision.level == Decision.LEVEL_FUSED
    assert decision.robots == len(robots)
    assert 0.0 <= decision.spread < 1.0
    return decision.choice, decision.confidence, decision.oldest_age


def hears(probe: SwarmProbe, robot: str, robots: Sequence[str], timeout: float) -> None:
    """Wait until a robot hears exactly these and itself, by its status."""
    wanted = sorted({robot, *robots})
    probe.wait_for(
        lambda: robot in probe.statuses and sorted(probe.statuses[robot].alive) == wanted, timeout
    )
