"""Which membership is in force where, against a slow twin that keeps one for each place."""

from __future__ import annotations

from random import Random

import pytest

from swarm_consensus.protocols.raft import InvariantError, Membership
from swarm_consensus.protocols.raft.memberships import Memberships


def membership(number: int) -> Membership:
    return Membership(('a', 'b', f'c{number}'))


def test_each_place_has_the_membership_that_a_slow_twin_gives_it() -> None:
    random = Random(21)
    for _ in range(300):
        start = random.choice([0, 0, 5])
        history = Memberships(start, membership(0))
        twin = {start: membership(0)}
        first = start
        for number in range(1, 30):
            last = max(twin)
            match random.choice(['plain', 'plain', 'config', 'cut', 'compact', 'reset']):
                case 'plain':
                    twin[last + 1] = twin[last]
                case 'config':
                    history.append(last + 1, membership(number))
                    twin[last + 1] = membership(number)
                case 'cut':
                    cut = random.randint(first + 1, last + 1)
                    twin = {index: m for index, m in twin.items() if index < cut}
                    before = history.latest
                    assert history.truncate(cut) == (history.latest != before)
                case 'compact':
                    first = random.randint(first, last)
                    history.compact(first)
                    twin = {index: m for index, m in twin.items() if index >= first}
                case 'reset' if random.random() < 0.2:
                    first = last + random.randint(0, 3)
                    history.reset(first, membership(number))
                    twin = {first: membership(number)}
            assert [history.at(index) for index in twin] == list(twin.values())
            assert history.latest == twin[max(twin)]
            order = list(dict.fromkeys(twin.values()))
            for index in twin:
                known = twin[index] == history.latest
                assert history.last_two(index) == tuple(order[-1 if known else -2 :])


def test_what_cannot_be_is_refused() -> None:
    history = Memberships(5, membership(0))
    history.append(7, membership(1))
    for index in (6, 7):
        with pytest.raises(InvariantError):
            history.append(index, membership(2))
    with pytest.raises(InvariantError, match='forgotten'):
        history.at(4)
    with pytest.raises(InvariantError, match='never cut off'):
        history.truncate(5)
    assert history.latest == membership(1) and history.latest_index == 7


def test_compaction_keeps_the_one_in_force_at_the_place() -> None:
    history = Memberships(0, membership(0))
    history.append(3, membership(1))
    history.append(6, membership(2))
    history.compact(4)
    assert [history.at(index) for index in (4, 5, 6)] == [
        membership(1),
        membership(1),
        membership(2),
    ]
    with pytest.raises(InvariantError):
        history.at(2)
