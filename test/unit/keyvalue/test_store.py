"""The key-value store: versions, compare-and-set, leases by committed time, and its images."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from keyvalue_twin import KEYS, TwinStore, random_operation
import pytest

from swarm_consensus.protocols.images import ImageError
from swarm_consensus.protocols.keyvalue import (
    ELAPSED_MS_MAX,
    KEY_CHARACTERS_MAX,
    TTL_MS_MAX,
    Delete,
    Event,
    EventKind,
    Expected,
    Grant,
    KeepAlive,
    KeyValueStore,
    Operation,
    Put,
    Result,
    ResultStatus,
    Revoke,
    key_after,
    prefix_end,
)
from swarm_consensus.protocols.keyvalue import leases as leases_module
from swarm_consensus.protocols.keyvalue import store as store_module


class Log:
    """A store driven as by a log that begins at index 1."""

    def __init__(self) -> None:
        self.store = KeyValueStore()
        self.index = 0
        self.events: list[Event] = []

    def do(self, operation: Operation) -> Result:
        """The next entry does an operation."""
        self.index += 1
        result, events = self.store.apply(self.index, operation)
        self.events += events
        return result

    def elapse(self, elapsed_ms: int, previous: int | None = None) -> bool:
        """The next entry moves time."""
        self.index += 1
        if previous is None:
            previous = self.store.leases.time_index
        counted, events = self.store.elapse(self.index, previous, elapsed_ms)
        self.events += events
        return counted


@pytest.mark.parametrize('seed', range(40))
def test_it_does_what_the_obvious_twin_does(seed: int) -> None:
    """Random operations: equal results, events and ranges; and again from an image half-way."""
    draw = Random(seed)
    store, twin = KeyValueStore(), TwinStore()
    half_way = draw.randint(1, 300)
    for index in range(1, 301):
        if draw.random() < 0.15:
            previous = draw.choice([twin.time_index, twin.time_index, index - 1])
            elapsed = draw.choice([0, 1, 29, 30, 100])
            done = store.elapse(index, previous, elapsed)
            assert done == twin.elapse(index, previous, elapsed), f'seed {seed}, index {index}'
        else:
            operation = random_operation(draw, index)
            done_one = store.apply(index, operation)
            assert done_one == twin.apply(index, operation), f'seed {seed}, index {index}'
        if index == half_way:
            image = store.image()
            store = KeyValueStore.restored(image, index)
            assert store.image() == image, f'seed {seed}'
        first, last = draw.choice(('', *KEYS)), draw.choice(('', *KEYS))
        page = store.range(first, last, 3, 10**6)
        every = twin.range(first, last)
        assert list(page.items) == every[:3] and page.more == (len(every) > 3), f'seed {seed}'
        assert len(store) == len(twin.items)


def test_a_deleted_key_begins_anew_and_its_index_never_comes_again() -> None:
    """Versions count from 1 again, so only the modified index tells the old key from the new."""
    log = Log()
    log.do(Put('k', b'1'))
    old = log.do(Put('k', b'2'))
    assert (old.version, old.modified_index) == (2, 2)
    assert log.do(Delete('k')).status is ResultStatus.DONE
    assert log.do(Delete('k')).status is ResultStatus.NOT_FOUND
    log.do(Put('k', b'1'))
    log.do(Put('k', b'2'))
    item = log.store.get('k')
    assert item is not None
    assert (item.version, item.created_index, item.modified_index) == (2, 5, 6)
    lost = log.do(Put('k', b'3', expected=Expected(modified_index=old.modified_index)))
    assert (lost.status, lost.version, lost.modified_index) == (ResultStatus.CONFLICT, 2, 6)
    won = log.do(Put('k', b'3', expected=Expected(version=2, modified_index=6, value=b'2')))
    assert won.status is ResultStatus.DONE


def test_absence_can_be_expected() -> None:
    """Of two that create a key, one does."""
    log = Log()
    assert log.do(Put('k', b'a', expected=Expected(version=0))).status is ResultStatus.DONE
    assert log.do(Put('k', b'b', expected=Expected(version=0))).status is ResultStatus.CONFLICT
    assert log.do(Delete('x', Expected(value=b''))).status is ResultStatus.CONFLICT


def test_a_range_is_read_in_pages_without_gap_or_repetition() -> None:
    """Bounded in number and in bytes; one key comes in any case."""
    log = Log()
    names = [f'{n:03}' for n in range(100)]
    for name in sorted(names, key=lambda name: name[::-1]):
        log.do(Put(name, b'v' * 10))
    for count_max, bytes_max in ((7, 10**6), (50, 25), (50, 1)):
        read: list[str] = []
        first, more = '', True
        while more:
            page = log.store.range(first, '', count_max, bytes_max)
            read += [item.key for item in page.items]
            first, more = key_after(read[-1]), page.more
        assert read == names


@pytest.mark.parametrize(
    ('prefix', 'end'),
    [
        ('', ''),
        ('a', 'b'),
        ('a/', 'a0'),
        ('\U0010ffff', ''),
        ('a\U0010ffff', 'b'),
        ('\ud7ff', '\ue000'),
    ],
)
def test_prefix_end_is_behind_every_key_with_the_prefix_and_no_other(
    prefix: str, end: str
) -> None:
    """And is valid UTF-8, so that it can travel."""
    assert prefix_end(prefix) == end
    end.encode()
    assert not end or prefix + '\U0010ffff' * 3 < end


def test_a_lease_lives_at_least_its_ttl_and_then_takes_its_keys() -> None:
    """The stretch in which it was granted does not count against it."""
    log = Log()
    log.elapse(500)
    assert log.do(Grant(1000, lease=7)).lease == 7
    log.do(Put('b', b'', lease=7))
    log.do(Put('a', b'', lease=7))
    log.do(Put('free', b'', lease=7))
    log.do(Put('free', b''))
    log.elapse(999)
    log.elapse(999)
    assert 7 in log.store.leases and log.store.leases.remaining_ms(7) == 1
    del log.events[:]
    log.elapse(1)
    assert 7 not in log.store.leases
    assert [(e.kind, e.key) for e in log.events] == [
        (EventKind.EXPIRED, 'a'),
        (EventKind.EXPIRED, 'b'),
    ]
    assert log.store.get('free') is not None
    assert log.do(KeepAlive(7)).status is ResultStatus.LEASE_NOT_FOUND


def test_a_lease_that_is_kept_alive_stays_and_a_revoked_one_goes_at_once() -> None:
    """Both are operations like the others, at their place in the log."""
    log = Log()
    log.do(Grant(100, lease=1))
    log.do(Put('k', b'', lease=1))
    for _ in range(10):
        log.elapse(60)
        assert log.do(KeepAlive(1)) == Result(ResultStatus.DONE, log.index, lease=1, ttl_ms=100)
    assert log.do(Revoke(1)).status is ResultStatus.DONE
    assert log.events[-1] == Event(EventKind.DELETE, 'k', b'', 0, log.index)
    assert log.store.get('k') is None


def test_two_leaders_do_not_count_one_stretch_twice() -> None:
    """Of two commands that follow the same one, the first in the log counts."""
    log = Log()
    log.do(Grant(1000, lease=1))
    assert log.elapse(400, previous=0)
    first = log.store.leases.time_index
    assert not log.elapse(400, previous=0)
    assert log.elapse(500, previous=first)
    assert not log.elapse(500, previous=first)
    assert not log.elapse(500, previous=log.index)
    assert log.store.leases.time_ms == 900


def test_one_command_moves_time_by_no_more_than_the_bound() -> None:
    """Whatever a leader says; and never back."""
    log = Log()
    log.elapse(10**9)
    log.elapse(-5)
    assert log.store.leases.time_ms == ELAPSED_MS_MAX


def test_leases_end_in_the_order_of_deadline_and_id() -> None:
    """Not in the order in which anything came."""
    log = Log()
    for lease, ttl in ((5, 20), (3, 10), (4, 20), (9, 10)):
        log.do(Grant(ttl, lease))
        log.do(Put(f'key of {lease}', b'', lease))
    log.elapse(0)
    del log.events[:]
    log.elapse(20)
    assert [e.key[-1] for e in log.events] == ['3', '9', '4', '5']


def test_what_is_out_of_bounds_is_refused_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the state machine itself, alike on every robot."""
    monkeypatch.setattr(store_module, 'KEYS_MAX', 2)
    monkeypatch.setattr(store_module, 'VALUE_BYTES_MAX', 400)
    monkeypatch.setattr(store_module, 'STORE_BYTES_MAX', 700)
    monkeypatch.setattr(leases_module, 'LEASES_MAX', 1)
    log = Log()
    for wrong in (
        Put('', b''),
        Put('k' * (KEY_CHARACTERS_MAX + 1), b''),
        Put('k', b'v' * 401),
        Grant(0),
        Grant(TTL_MS_MAX + 1),
    ):
        assert log.do(wrong).status is ResultStatus.INVALID
    assert log.do(Put('k', b'', lease=1)).status is ResultStatus.LEASE_NOT_FOUND
    assert log.do(Grant(1, lease=1)).status is ResultStatus.DONE
    assert log.do(Grant(1, lease=1)).status is ResultStatus.LEASE_EXISTS
    assert log.do(Grant(1, lease=2)).status is ResultStatus.FULL
    log.do(Put('a', b'v' * 200))
    assert log.do(Put('b', b'v' * 200)).status is ResultStatus.FULL
    assert log.do(Put('b', b'')).status is ResultStatus.DONE
    assert log.do(Put('c', b'')).status is ResultStatus.FULL
    # A full store can still be emptied, and its values made smaller.
    monkeypatch.setattr(store_module, 'STORE_BYTES_MAX', 300)
    assert log.do(Put('a', b'v' * 150)).status is ResultStatus.DONE
    assert log.do(Put('a', b'v' * 151)).status is ResultStatus.FULL
    assert log.do(Delete('a')).status is ResultStatus.DONE
    assert [item.key for item in log.store.range('', '', 10, 10).items] == ['b']


def test_an_id_that_is_free_is_given_to_a_lease_without_one() -> None:
    """Also where somebody has taken the one that would come next."""
    log = Log()
    log.do(Grant(10, lease=2))
    assert log.do(Grant(10)).lease == 3
    assert log.do(Grant(10)).lease == 4


def test_an_image_that_contradicts_itself_is_refused() -> None:
    """Each with what is wrong."""
    log = Log()
    log.do(Grant(10, lease=1))
    log.elapse(0)
    log.do(Put('a', b'', lease=1))
    log.do(Put('b', b''))
    image = log.store.image()
    a, b = image.items
    for changed, index, reason in (
        (replace(image, items=(b, a)), 4, "key 'a' after key 'b'"),
        (replace(image, items=(a, a)), 4, "key 'a' after key 'a'"),
        (replace(image, items=((*a[:5], 2), b)), 4, 'hangs on lease 2'),
        (replace(image, items=((*a[:2], 0, *a[3:]), b)), 4, 'versions of key'),
        (image, 3, 'versions of key'),
        (replace(image, items=(), time_index=9), 4, 'time of 9'),
        (replace(image, leases=((1, 10, 11),)), 4, 'lease 1 ends at 11 ms'),
        (replace(image, leases=((1, 10, 0),)), 4, 'lease 1 ends at 0 ms'),
        (replace(image, leases=((1, 0, 0),)), 4, 'a ttl of 0'),
        (replace(image, leases=((1, 10, 10), (1, 10, 10))), 4, 'lease 1 after lease 1'),
    ):
        with pytest.raises(ImageError, match=reason):
            KeyValueStore.restored(changed, index)
