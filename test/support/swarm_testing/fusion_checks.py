"""What robots must say of evidence that they fuse; run by a probe beside the robot."""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.msg import Decision
from swarm_testing.swarm_probe import SwarmProbe

WEATHER = ('dry', 'wet')
# An answer is said anew when its confidence has moved by this much.
STEP = 0.01


def believe(probe: SwarmProbe, robot: str, subject: str, label: str, probability: float) -> None:
    """Give a robot evidence."""
    probe.keep_believing(robot, label, subject=subject, labels=WEATHER, probability=probability)


def wait_until_fused(
    probe: SwarmProbe,
    robot: str,
    subject: str,
    robots: Sequence[str],
    expected: tuple[str, float],
    timeout: float,
) -> float:
    """
    Wait until a robot has fused the evidence of exactly these to a choice and its confidence.

    :returns: age of the oldest of it, s, as it said.
    """

    def newest() -> Decision | None:
        published = probe.published(robot, subject)
        return published[-1] if published else None

    def done() -> bool:
        decision = newest()
        return (
            decision is not None
            and list(decision.voters) == sorted(robots)
            and decision.choice == expected[0]
            and abs(decision.confidence - expected[1]) <= STEP
        )

    probe.wait_for(done, timeout)
    decision = newest()
    assert decision is not None
    assert decision.level == Decision.LEVEL_FUSED
    assert decision.robots == len(robots)
    assert 0.0 <= decision.spread < 1.0
    return float(decision.oldest_age)


def wait_until_averaged(
    probe: SwarmProbe,
    robot: str,
    subject: str,
    robots: int,
    expected: tuple[str, float],
    timeout: float,
) -> None:
    """Wait until a robot says the average of so many robots, with a choice and its confidence."""

    def done() -> bool:
        published = probe.published(robot, subject)
        return bool(published) and (
            (published[-1].robots, published[-1].choice) == (robots, expected[0])
            and abs(published[-1].confidence - expected[1]) <= STEP
        )

    probe.wait_for(done, timeout)
    assert not probe.published(robot, subject)[-1].voters


def hears(probe: SwarmProbe, robot: str, robots: Sequence[str], timeout: float) -> None:
    """Wait until a robot hears exactly these and itself, by its status."""
    wanted = sorted({robot, *robots})
    probe.wait_for(
        lambda: robot in probe.statuses and sorted(probe.statuses[robot].alive) == wanted, timeout
    )
