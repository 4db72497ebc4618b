"""Watches: every change once and in order, or a clear word that some are lost."""

from __future__ import annotations

from random import Random

import pytest

from swarm_consensus.protocols.keyvalue import (
    Event,
    EventKind,
    WatchEnd,
    WatchEnded,
    Watches,
    prefix_end,
)
from swarm_consensus.protocols.keyvalue import watch as watch_module


def put(index: int, key: str = 'k', value: bytes = b'') -> Event:
    """A change."""
    return Event(EventKind.PUT, key, value, 1, index)


def test_a_watch_is_told_what_is_in_its_range_from_its_index_on_once() -> None:
    """What was there before it and what comes after, in order."""
    watches = Watches()
    watches.happened([put(1, 'a/1')])
    watches.happened([put(2, 'a/2'), put(2, 'b')])
    assert watches.add(7, 'a/', prefix_end('a/'), 2) is None
    assert watches.add(8, '', '', 3) is None
    assert watches.take() == [(7, (put(2, 'a/2'),))]
    assert watches.take() == []
    watches.happened([put(3, 'a/1'), put(3, 'c')])
    assert watches.take() == [(7, (put(3, 'a/1'),)), (8, (put(3, 'a/1'), put(3, 'c')))]
    watches.cancel(8)
    watches.happened([put(4)])
    assert watches.take() == []


def test_older_than_what_is_kept_is_answered_with_where_to_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An index of which a change is dropped is none to begin at."""
    monkeypatch.setattr(watch_module, 'EVENTS_MAX', 3)
    watches = Watches()
    for index in (1, 4, 4, 4, 9):
        watches.happened([put(index, f'{index}')])
    assert watches.from_index == 5
    assert watches.add(1, '', '', 4) == WatchEnded(1, WatchEnd.COMPACTED, 5)
    assert watches.add(1, '', '', 5) is None
    assert watches.take() == [(1, (put(9, '9'),))]


def test_history_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large values push the old ones out sooner."""
    monkeypatch.setattr(watch_module, 'EVENT_BYTES_MAX', 1000)
    watches = Watches()
    for index in range(1, 10):
        watches.happened([put(index, 'k', b'v' * 300)])
    assert watches.from_index == 9


def test_a_slow_watch_is_held_back_and_ends_once_it_loses_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It holds no more than its share; others, and those that want other keys, go on."""
    monkeypatch.setattr(watch_module, 'EVENTS_MAX', 10)
    monkeypatch.setattr(watch_module, 'UNTAKEN_MAX', 4)
    watches = Watches()
    for key, first, last in ((1, '', ''), (2, '', ''), (3, 'x', '')):
        assert watches.add(key, first, last, 1) is None
    told: list[int] = []
    for index in range(1, 15):
        assert watches.happened([put(index)]) == []
        for key, events in watches.take():
            if key == 2:
                watches.taken(2, len(events))
            else:
                told += [event.index for event in events]
    assert told == [1, 2, 3, 4]
    assert watches.happened([put(15)]) == [WatchEnded(1, WatchEnd.TOO_SLOW, 6)]
    assert watches.take() == [(2, (put(15),))]
    watches.happened([put(16, 'y')])
    assert [key for key, _ in watches.take()] == [2, 3]


def test_a_watch_that_takes_goes_on_where_it_was_held_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the middle of the changes of one index too."""
    monkeypatch.setattr(watch_module, 'UNTAKEN_MAX', 2)
    watches = Watches()
    watches.add(1, '', '', 1)
    watches.happened([put(1, name) for name in 'abcde'])
    told = []
    for _ in range(3):
        ((_, events),) = watches.take()
        assert watches.take() == []
        told += [event.key for event in events]
        watches.taken(1, len(events))
    assert told == list('abcde')


def test_a_snapshot_ends_the_watches_that_it_jumped_over() -> None:
    """Those that begin behind it stay."""
    watches = Watches()
    watches.add(1, '', '', 1)
    watches.add(2, '', '', 50)
    watches.add(3, '', '', 51)
    watches.happened([put(1)])
    assert watches.jumped(50) == [
        WatchEnded(1, WatchEnd.COMPACTED, 51),
        WatchEnded(2, WatchEnd.COMPACTED, 51),
    ]
    watches.happened([put(51)])
    assert watches.take() == [(3, (put(51),))]
    assert watches.add(4, '', '', 50) == WatchEnded(4, WatchEnd.COMPACTED, 51)


def test_the_number_of_watches_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused, with the reason."""
    monkeypatch.setattr(watch_module, 'WATCHES_MAX', 1)
    watches = Watches()
    assert watches.add(1, '', '', 1) is None
    assert watches.add(1, 'a', '', 1) is None
    assert watches.add(2, '', '', 1) == WatchEnded(2, WatchEnd.TOO_MANY, 1)


@pytest.mark.parametrize('seed', range(30))
def test_nothing_is_lost_or_told_twice(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a list of everything: a watch has all of its range up to where it ended, or now."""
    monkeypatch.setattr(watch_module, 'EVENTS_MAX', 20)
    monkeypatch.setattr(watch_module, 'UNTAKEN_MAX', 5)
    draw = Random(seed)
    watches = Watches()
    everything: list[Event] = []
    told: dict[int, list[Event]] = {}
    wants: dict[int, tuple[str, str, int]] = {}
    ended: dict[int, WatchEnded] = {}
    for index in range(1, 400):
        if draw.random() < 0.05:
            key = len(wants) + 1
            wanted = (draw.choice('abc'), draw.choice(['', 'b', 'c']), index - draw.randint(0, 25))
            refused = watches.add(key, *wanted)
            if refused is None:
                wants[key] = wanted
                told[key] = []
            else:
                assert refused.from_index > wanted[2]
        events = [put(index, draw.choice('abc')) for _ in range(draw.choice([0, 1, 1, 3]))]
        everything += events
        ended.update((end.key, end) for end in watches.happened(events))
        for key, batch in watches.take():
            told[key] += batch
        for key in told:
            if draw.random() < 0.3:
                watches.taken(key, draw.randint(0, 5))
    for key in told:
        watches.taken(key, 1000)
    while batches := watches.take():
        for key, batch in batches:
            told[key] += batch
            watches.taken(key, len(batch))
    assert ended or seed % 2, 'most seeds see a slow watch end'
    for key, (first, last, from_index) in wants.items():
        wanted_events = [
            e
            for e in everything
            if e.index >= from_index and e.key >= first and (not last or e.key < last)
        ]
        if key in ended:
            assert told[key] == wanted_events[: len(told[key])], f'seed {seed}'
            assert wanted_events[len(told[key])].index < ended[key].from_index, f'seed {seed}'
        else:
            assert told[key] == wanted_events, f'seed {seed}'
