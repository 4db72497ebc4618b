"""Who is there, worked out only when something has changed, is the same as worked out anew."""

from __future__ import annotations

from random import Random

import pytest

from swarm_consensus.runtime.config import MILLISECOND, SECOND, RuntimeConfig
from swarm_consensus.runtime.members import Members

NAMES = tuple(f'r{number}' for number in range(8))
CONFIG = RuntimeConfig('zoo', 'r0', NAMES, (), name_probe_ns=0)


@pytest.mark.parametrize('seed', range(20))
def test_alive_is_what_was_heard_in_time_whatever_came_between(seed: int) -> None:
    random = Random(seed)
    members = Members(CONFIG, 1, 7, 0)
    heard: dict[str, int] = {}
    now_ns = 0
    seen = set()
    for _ in range(400):
        now_ns += random.choice((0, 1, 50 * MILLISECOND, SECOND // 2, SECOND))
        robot = random.choice(NAMES[1:])
        what = random.random()
        if what < 0.5:
            members.heard(robot, 1, now_ns)
            heard[robot] = now_ns
        elif what < 0.55:
            members.forget(robot)
            heard.pop(robot, None)
        elif what < 0.6:
            members.certain = frozenset(random.sample(NAMES, 2))
        elif what < 0.65:
            members.left = frozenset(random.sample(NAMES[1:], 2))
        limit = CONFIG.peer_timeout_ns
        there = {name for name, at_ns in heard.items() if now_ns - at_ns <= limit}
        expected = tuple(sorted((there - members.left) | members.certain | {'r0'}))
        assert members.alive(now_ns) == expected, f'seed {seed} at {now_ns} ns'
        seen.add(expected)
    assert len(seen) > 20
