"""How long a user at a robot waits until a proposal is committed; run by a probe beside it."""

from __future__ import annotations

from dataclasses import dataclass
import time

from swarm_testing.swarm_probe import DECIDED, SwarmProbe

# The deadline of one proposal; whoever is cut off from the swarm is told so by then.
PROPOSAL_S = 5.0


@dataclass(frozen=True, slots=True)
class Latencies:
    """
    What one user saw.

    :ivar leading: s, proposals while this robot led.
    :ivar following: s, proposals while another one led.
    :ivar term: of the robot when the last one was answered.
    """

    leading: tuple[float, ...]
    following: tuple[float, ...]
    term: int


def measure(
    probe: SwarmProbe, robot: str, count: int, period: float, wait: float = 0.0
) -> Latencies:
    """
    Propose one value after the other, each to be committed within its deadline.

    :param count: how many.
    :param period: least time between two of them, s.
    :param wait: before the first one, so that users at several robots do not go in step, s.
    """
    probe.turn(wait)
    leading: list[float] = []
    following: list[float] = []
    for number in range(count):
        began = time.monotonic()
        asked = probe.propose(robot, f'load/{robot}', str(number), timeout=PROPOSAL_S)
        answer = probe.proposed(asked)
        took = time.monotonic() - began
        assert answer.status == DECIDED, (robot, number, answer.status, answer.reason)
        (leading if probe.statuses[robot].leader == robot else following).append(took)
        probe.turn(max(0.0, period - took))
    return Latencies(tuple(leading), tuple(following), probe.statuses[robot].term)
