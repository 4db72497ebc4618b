"""What is too large is refused where it is made, aloud, and with the limit in the message."""

from __future__ import annotations

import pytest
from swarm_testing.virtual_swarm import Swarm, policy

from swarm_consensus.decision.types import Level, Status
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.events import BeliefsRefused, Notice


def warnings(swarm: Swarm, robot: str) -> list[str]:
    return [notice.text for notice in swarm.outputs(robot, Notice) if notice.warning]


@pytest.mark.parametrize('level', [Level.COMMITTED, Level.AGREED])
@pytest.mark.parametrize(
    ('asked', 'reason'),
    [
        ({'subject': 'target/' + 's' * 300}, 'the subject has 307 characters, at most 256'),
        ({'choice': 'c' * 257}, 'the choice has 257 characters, at most 256'),
        ({'request_id': 'i' * 1_000}, 'the request_id has 1000 characters, at most 256'),
        ({'value': bytes(3_001)}, 'the value has 3001 bytes, value_bytes_max allows 3000'),
    ],
)
def test_a_proposal_too_large_is_refused_with_the_limit(
    level: Level, asked: dict[str, object], reason: str
) -> None:
    target = policy(3, name='target', labels=(), labels_hash=0, level=level, fusion='plurality')
    swarm = Swarm(3, policies=[target], value_bytes_max=3_000)
    swarm.elect()
    given = {'choice': 'x', **asked}
    key = swarm.propose('r1', **given)  # type: ignore[arg-type]
    answer = swarm.proposed(key)
    assert answer is not None and answer.status is Status.REFUSED
    assert reason in answer.reason


def test_more_labels_than_a_frame_carries_are_refused_at_start() -> None:
    many = policy(3, labels=tuple(str(n) for n in range(7_000)))
    with pytest.raises(ValueError, match=r"'animal' has 7000 labels; evidence on at most 6422 "):
        RuntimeConfig(swarm='s', robot='r1', robots=('r1', 'r2', 'r3'), policies=(many,))


def test_as_many_labels_as_are_allowed_do_fit() -> None:
    """With the longest names that there may be, and the numbers that take most room."""
    labels = tuple(str(n) for n in range(1_088))
    subject = 'animal/' + 'ß' * 249
    swarm = Swarm(3, policies=[policy(3, labels=labels, quorum=4)], frame_bytes_max=12_000,
                  value_bytes_max=2_000)  # fmt: skip
    swarm.elect()
    swarm.believe('r1', *(1 / (n + 3) for n in range(1_088)), subject=subject)
    swarm.run(2)
    assert warnings(swarm, 'r1') == [] and not swarm.status('r1').status.frames.refused_to_send
    assert swarm.status('r1').status.traffic[3].sent
    with pytest.raises(ValueError, match='1088 fits into a frame of frame_bytes_max 12000'):
        Swarm(3, policies=[policy(3, labels=(*labels, 'x'))], frame_bytes_max=12_000,
              value_bytes_max=2_000)  # fmt: skip


def test_beliefs_that_are_dropped_for_their_size_or_number_are_told_of() -> None:
    swarm = Swarm(3)
    swarm.elect()
    for _ in range(3):
        swarm.believe('r1', 0.9, 0.05, 0.05, subject='animal/' + 's' * 250)
    swarm.world.put('r1', BeliefsRefused(17))
    swarm.run(2)
    told = warnings(swarm, 'r1')
    assert '3 beliefs were dropped: their subjects have more than 256 characters' in told
    assert any(text.startswith('17 beliefs were dropped: they came faster') for text in told)
    # Each once, and no more of it while nothing more is dropped.
    swarm.run(5)
    assert warnings(swarm, 'r1') == told
