"""Settings that cannot keep the promise are refused with what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from swarm_consensus.protocols.agreement.config import AgreementConfig
from swarm_consensus.protocols.agreement.errors import ConfigError
from swarm_consensus.protocols.agreement.messages import PIECES_MAX, ROBOTS_MAX

FOUR = ('a', 'b', 'c', 'd')


def config(**changes: Any) -> AgreementConfig:
    settings: dict[str, Any] = {'robot': 'a', 'robots': FOUR, 'faults_max': 1, 'lies': True}
    return AgreementConfig(**settings | changes)


def test_the_defaults_hold() -> None:
    made = config()
    assert (made.thresholds.heard, made.thresholds.honest) == (3, 2)
    assert made.pieces.count(made.value_bytes_max) == 5


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'robot': 'x'}, "robot 'x' is not among the robots"),
        ({'robots': ('a', 'b', 'b', 'd')}, 'a robot is named twice'),
        ({'robots': ('a', *map(str, range(ROBOTS_MAX)))}, f'the agreement serves {ROBOTS_MAX}'),
        ({'faults_max': 2}, 'it takes 7 robots to bear 2, and 4 bear 1'),
        ({'faults_max': 2, 'lies': False}, 'it takes 5 robots to bear 2, and 4 bear 1'),
        ({'faults_max': -1}, '-1 are faulty'),
        ({'resend_ticks': 0}, 'resend_ticks is 0; the least is 1'),
        ({'window': 0}, 'window is 0; the least is 1'),
        ({'instances_max': 0}, 'instances_max is 0; the least is 1'),
        ({'kept_max': 0}, 'kept_max is 0; the least is 1'),
        ({'subjects_max': -5}, 'subjects_max is -5; the least is 1'),
        ({'outcome_bytes_max': 0}, 'outcome_bytes_max is 0; the least is 1'),
        ({'value_bytes_max': -1}, 'value_bytes_max is -1; the least is 0'),
        ({'value_bytes_max': PIECES_MAX * 8192 + 1}, 'make the pieces larger'),
        ({'piece_bytes': 0}, 'make the pieces larger'),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**changes)
    assert words in str(caught.value)
