"""Definitions of messages, with all that they are made of."""

from __future__ import annotations

import pytest

from swarm_consensus.live.definitions import definition


def test_a_definition_has_those_of_its_parts_once_each() -> None:
    text = definition('swarm_consensus/msg/SwarmStatus')
    first, *parts = text.split('=' * 80 + '\n')
    assert 'string applied_digest' in first and not first.startswith('MSG')
    assert sorted(part.partition('\n')[0] for part in parts) == [
        'MSG: builtin_interfaces/Time',
        'MSG: swarm_consensus/ClassTraffic',
        'MSG: swarm_consensus/FrameCounters',
        'MSG: swarm_consensus/PeerStatus',
    ]
    belief = definition('swarm_consensus/msg/Belief')
    assert belief.count('MSG: std_msgs/Header') == belief.count('MSG: builtin_interfaces/Time') == 1


def test_what_is_not_installed_is_said() -> None:
    with pytest.raises(FileNotFoundError, match='swarm_consensus/msg/None: no definition below'):
        definition('swarm_consensus/msg/None')
