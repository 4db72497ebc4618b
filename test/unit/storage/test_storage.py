"""What every storage must do: both implementations, beside an obvious twin of lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
import tempfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pytest

from swarm_consensus.protocols.agreement.records import RECORDS_LOST_KEY, Record
from swarm_consensus.protocols.raft import (
    Entry,
    EntryKind,
    HardState,
    InvariantError,
    Membership,
    Persist,
    Snapshot,
    SnapshotMark,
)
from swarm_consensus.storage import (
    MemoryDisk,
    MemoryStorage,
    Recovered,
    SqliteStorage,
    Storage,
    StorageError,
)

Open = Callable[[], Storage]


def sqlite_in(folder: Path) -> Open:
    return lambda: SqliteStorage(folder, swarm='team', robot='robot_1')


@pytest.fixture(params=['memory', 'sqlite'])
def open_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the same place again and again; what is still open at the end is closed."""
    disk = MemoryDisk()
    opened: list[Storage] = []
    inner: Open = (
        sqlite_in(tmp_path / 'r') if request.param == 'sqlite' else lambda: MemoryStorage(disk)
    )

    def make() -> Storage:
        opened.append(inner())
        return opened[-1]

    yield make
    for storage in opened:
        storage.close()


def entry(index: int, term: int = 1, data: bytes = b'data') -> Entry:
    return Entry(index, term, EntryKind.COMMAND, data)


MEMBERSHIP = Membership(('robot_1', 'robøt'), ('r3',), ('r4', 'r5'), ('r5',), ('r3:17',))


def snapshot(
    index: int, term: int = 1, data: bytes = b'state', membership: Membership = MEMBERSHIP
) -> Snapshot:
    return Snapshot(SnapshotMark(index, term, membership), data)


def test_a_new_place_is_empty(open_storage: Open) -> None:
    assert open_storage().load() == Recovered()


def test_what_was_written_is_there_after_reopening(open_storage: Open) -> None:
    storage = open_storage()
    storage.boot(1000)
    storage.write(Persist(HardState(3, 'robot_2'), (entry(1), entry(2, 2, b''))))
    storage.write(Persist(None, (entry(3, 3, bytes(range(256)) * 100),)))
    storage.write(Persist(HardState(2**63 - 1, ''), ()))
    before = storage.load()
    storage.close()
    after = open_storage().load()
    assert before == after
    assert after.hard_state == HardState(2**63 - 1, '')
    assert [e.index for e in after.entries] == [1, 2, 3]
    assert after.entries[2].data == bytes(range(256)) * 100
    assert after.restored.entries == after.entries


def test_entries_that_overwrite_cut_off_what_is_behind(open_storage: Open) -> None:
    storage = open_storage()
    storage.write(Persist(None, tuple(entry(i) for i in range(1, 8))))
    storage.write(Persist(None, (entry(4, 2), entry(5, 2))))
    expected = (entry(1), entry(2), entry(3), entry(4, 2), entry(5, 2))
    assert storage.load().entries == expected
    storage.write(Persist(None, (entry(6, 2),)))
    storage.close()
    storage = open_storage()
    assert storage.load().entries == (*expected, entry(6, 2))
    storage.write(Persist(None, (entry(1, 9),)))
    assert storage.load().entries == (entry(1, 9),)


@pytest.mark.parametrize('indexes', [(5,), (0,), (3, 5), (4, 3), (3, 3)])
def test_a_gap_is_a_broken_invariant_and_changes_nothing(
    open_storage: Open, indexes: tuple[int, ...]
) -> None:
    storage = open_storage()
    storage.write(Persist(HardState(1, 'a'), (entry(1), entry(2), entry(3))))
    before = storage.load()
    with pytest.raises(InvariantError):
        storage.write(Persist(HardState(2, 'b'), tuple(entry(i, 2) for i in indexes)))
    assert storage.load() == before
    storage.write(Persist(None, (entry(4),)))


def test_the_boot_number_grows_whatever_the_clock_says(open_storage: Open) -> None:
    numbers = []
    for now_ms in (1000, 500, -7, 5000, 5000, 0):
        storage = open_storage()
        numbers.append(storage.boot(now_ms))
        assert storage.load().incarnation == numbers[-1]
        storage.close()
    assert numbers == [1000, 1001, 1002, 5000, 5001, 5002]
    storage = open_storage()
    storage.write(Persist(HardState(1, 'a')))
    assert storage.load().incarnation == 5002


def test_a_closed_storage_says_so(open_storage: Open) -> None:
    storage = open_storage()
    storage.close()
    storage.close()
    for use in (
        storage.load,
        lambda: storage.boot(0),
        lambda: storage.write(Persist(HardState(1))),
        lambda: storage.write_records([Record('a', b'')]),
    ):
        with pytest.raises(StorageError, match='closed'):
            use()


def test_an_empty_batch_is_no_work(open_storage: Open) -> None:
    storage = open_storage()
    storage.write(Persist())
    storage.write_records([])
    assert storage.load() == Recovered()


def test_a_snapshot_takes_the_place_of_the_log_up_to_its_mark(open_storage: Open) -> None:
    storage = open_storage()
    storage.write(Persist(HardState(1, 'a'), tuple(entry(i) for i in range(1, 8))))
    storage.write(Persist(snapshot=snapshot(4)))
    for _ in range(2):
        assert storage.load() == Recovered(
            0, HardState(1, 'a'), (entry(5), entry(6), entry(7)), snapshot(4)
        )
        assert storage.load().restored.snapshot == snapshot(4)
        storage.close()
        storage = open_storage()
    # The log goes on, and is overwritten right behind the mark.
    storage.write(Persist(None, (entry(8),)))
    storage.write(Persist(None, (entry(5, 2),)))
    assert storage.load().entries == (entry(5, 2),)
    storage.write(Persist(snapshot=snapshot(5, 2, b'', Membership(('robot_2',)))))
    storage.close()
    after = open_storage().load()
    assert after.snapshot == snapshot(5, 2, b'', Membership(('robot_2',))) and not after.entries


@pytest.mark.parametrize('mark', [(9, 1), (20, 5), (3, 2)])
def test_a_snapshot_of_another_log_cuts_off_the_whole_log(
    open_storage: Open, mark: tuple[int, int]
) -> None:
    """Its entry is behind the stored log, or has another term there."""
    storage = open_storage()
    storage.write(Persist(None, tuple(entry(i) for i in range(1, 8))))
    storage.write(Persist(HardState(7, 'b'), snapshot=snapshot(*mark)))
    storage.close()
    storage = open_storage()
    assert storage.load() == Recovered(0, HardState(7, 'b'), (), snapshot(*mark))
    new = (entry(mark[0] + 1, 7), entry(mark[0] + 2, 7))
    storage.write(Persist(None, new))
    storage.close()
    assert open_storage().load().entries == new


def test_a_batch_may_hold_all_three(open_storage: Open) -> None:
    storage = open_storage()
    storage.write(Persist(None, (entry(1), entry(2))))
    storage.write(Persist(HardState(3, 'a', 'r1:5'), (entry(9, 3), entry(10, 3)), snapshot(8, 2)))
    storage.close()
    expected = Recovered(0, HardState(3, 'a', 'r1:5'), (entry(9, 3), entry(10, 3)), snapshot(8, 2))
    storage = open_storage()
    assert storage.load() == expected
    # The same snapshot again takes nothing away.
    storage.write(Persist(snapshot=snapshot(8, 2)))
    assert storage.load() == expected


@pytest.mark.parametrize(
    'persist',
    [
        Persist(HardState(9), snapshot=snapshot(4)),
        Persist(HardState(9), snapshot=snapshot(5, 2)),
        Persist(HardState(9), (entry(5, 2),)),
        Persist(HardState(9), (entry(9),)),
        Persist(HardState(9), (entry(6),), snapshot(6)),
        Persist(HardState(9), (entry(8),), snapshot(6, 2)),
        Persist(HardState(9), (entry(9),), snapshot(6)),
    ],
)
def test_what_does_not_join_a_snapshot_changes_nothing(
    open_storage: Open, persist: Persist
) -> None:
    storage = open_storage()
    storage.write(Persist(None, tuple(entry(i) for i in range(1, 8)), None))
    storage.write(Persist(snapshot=snapshot(5)))
    before = storage.load()
    with pytest.raises(InvariantError):
        storage.write(persist)
    assert storage.load() == before
    storage.write(Persist(None, (entry(8),)))


def test_a_large_snapshot_is_whole(open_storage: Open) -> None:
    data = b''.join(b'%08d' % i for i in range(1_250_000))
    storage = open_storage()
    for round_number in (1, 2):
        storage.write(Persist(None, (entry(round_number),)))
        storage.write(Persist(snapshot=snapshot(round_number, 1, data[round_number:])))
        assert storage.load().snapshot == snapshot(round_number, 1, data[round_number:])
    storage.close()
    assert open_storage().load().snapshot == snapshot(2, 1, data[2:])


def test_what_was_lost_stays_lost_until_it_is_said_otherwise(open_storage: Open) -> None:
    storage = open_storage()
    storage.write(Persist(HardState(0, '', 'robot_1:17')))
    storage.close()
    storage = open_storage()
    assert storage.load().hard_state == HardState(0, '', 'robot_1:17')
    storage.write(Persist(None, (entry(1),)))
    assert storage.load().hard_state.lost == 'robot_1:17'
    storage.write(Persist(HardState(4)))
    storage.close()
    assert open_storage().load().hard_state == HardState(4)


def test_records_are_there_after_reopening_sorted_by_key(open_storage: Open) -> None:
    storage = open_storage()
    large = bytes(range(256)) * 100
    storage.write_records([Record('b/10', b'x'), Record('b/9', b''), Record('ø\0', large)])
    storage.write_records([Record('a', b'y'), Record('b/10', None), Record('never', None)])
    expected = (Record('a', b'y'), Record('b/9', b''), Record('ø\0', large))
    assert storage.load() == Recovered(records=expected)
    storage.close()
    storage = open_storage()
    assert storage.load() == Recovered(records=expected)
    # Overwritten, longer and shorter; and a batch with the log, in one.
    storage.write(
        Persist(HardState(2, 'a'), (entry(1),)), [Record('a', large), Record('ø\0', b'z')]
    )
    storage.close()
    assert open_storage().load() == Recovered(
        0, HardState(2, 'a'), (entry(1),), None,
        (Record('a', large), Record('b/9', b''), Record('ø\0', b'z')),
    )  # fmt: skip


def test_of_several_records_of_one_key_the_last_counts(open_storage: Open) -> None:
    storage = open_storage()
    storage.write_records([Record('a', b'1'), Record('a', b'2')])
    storage.write_records([Record('b', b'1'), Record('b', None), Record('a', None)])
    assert not storage.load().records
    storage.write_records([Record('a', None), Record('a', b'3')])
    storage.close()
    assert open_storage().load().records == (Record('a', b'3'),)


def test_records_outlive_the_log_that_they_were_written_with(open_storage: Open) -> None:
    storage = open_storage()
    storage.write(Persist(None, (entry(1), entry(2))), [Record('a', b'1')])
    storage.write(Persist(snapshot=snapshot(9, 3)))
    storage.write(Persist(snapshot=snapshot(12, 4)), [Record('b', b'2')])
    storage.close()
    assert open_storage().load().records == (Record('a', b'1'), Record('b', b'2'))


@pytest.mark.parametrize(
    ('persist', 'records', 'error'),
    [
        (Persist(None, (entry(7),)), [Record('a', b'new'), Record('b', b'')], InvariantError),
        (Persist(None, (entry(3),)), [Record('b', b''), Record('\ud800', b'')], ValueError),
        (Persist(), [Record('a', None), Record('\ud800', None)], ValueError),
    ],
)
def test_a_batch_that_is_refused_writes_neither_log_nor_records(
    open_storage: Open, persist: Persist, records: list[Record], error: type[Exception]
) -> None:
    storage = open_storage()
    storage.write(Persist(None, (entry(1), entry(2))), [Record('a', b'old')])
    before = storage.load()
    with pytest.raises(error):
        storage.write(persist, records)
    assert storage.load() == before
    storage.write(Persist(None, (entry(3),)), [Record('b', b'')])
    storage.close()
    assert open_storage().load().records == (Record('a', b'old'), Record('b', b''))


def test_a_loss_of_records_is_told_until_it_is_taken_back(open_storage: Open) -> None:
    storage = open_storage()
    storage.write_records([Record(RECORDS_LOST_KEY, b'')])
    storage.close()
    storage = open_storage()
    storage.write_records([Record('a', b'')])
    assert storage.load() == Recovered(records=(Record('a', b''),), records_lost=True)
    storage.write_records([Record(RECORDS_LOST_KEY, None), Record('b', b'')])
    storage.close()
    assert open_storage().load() == Recovered(records=(Record('a', b''), Record('b', b'')))


class ListTwin:
    """What a storage holds, in the most obvious way: the whole log, and where it begins."""

    def __init__(self) -> None:
        self.incarnation = 0
        self.hard_state = HardState()
        self.snapshot: Snapshot | None = None
        self.log: list[Entry] = []
        self.records: list[Record] = []

    @property
    def mark(self) -> int:
        return self.snapshot.mark.index if self.snapshot else 0

    @property
    def end(self) -> int:
        return self.log[-1].index if self.log else self.mark

    def write(self, persist: Persist) -> None:
        if persist.hard_state is not None:
            self.hard_state = persist.hard_state
        if persist.snapshot is not None:
            mark = persist.snapshot.mark
            places = {e.index: e.term for e in self.log}
            if self.snapshot:
                places[self.mark] = self.snapshot.mark.term
            stays = places.get(mark.index) == mark.term
            self.log = [e for e in self.log if stays and e.index > mark.index]
            self.snapshot = persist.snapshot
        if persist.entries:
            first = persist.entries[0].index
            self.log = [e for e in self.log if e.index < first] + list(persist.entries)

    def write_records(self, records: list[Record]) -> None:
        for record in records:
            self.records = [other for other in self.records if other.key != record.key]
            if record.data is not None:
                self.records.append(record)

    def recovered(self) -> Recovered:
        lost = any(record.key == RECORDS_LOST_KEY for record in self.records)
        records = [record for record in self.records if record.key != RECORDS_LOST_KEY]
        records.sort(key=lambda record: record.key)
        return Recovered(self.incarnation, self.hard_state, tuple(self.log), self.snapshot,
                         tuple(records), lost)  # fmt: skip


# One step: a snapshot so many places behind the mark, and of the stored term or another; then
# entries that start `back` before the end, and records with them or alone; a reopening; or a boot.
snapshots = st.tuples(st.integers(1, 12), st.booleans(), st.binary(max_size=9000))
batches = st.tuples(
    st.integers(0, 4),
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(EntryKind), st.binary(max_size=40)),
             max_size=5),
    st.none() | st.tuples(st.integers(0, 2**63 - 1), st.sampled_from(['', 'robot_1', 'robøt']),
                          st.sampled_from(['', 'robot_1:17'])),
    st.none() | snapshots,
)  # fmt: skip
# Few keys, so that most are there already; some data is larger than a page.
keys = st.sampled_from([*(f'k{i}' for i in range(12)), 'ø', RECORDS_LOST_KEY])
record_data = st.binary(max_size=600) | st.binary(max_size=9).map(lambda data: data * 900)
record_lists = st.lists(st.builds(Record, keys, st.none() | record_data), max_size=14)
steps = st.lists(
    st.one_of(st.tuples(batches, record_lists), record_lists, st.just('reopen'),
              st.integers(0, 2000)),
    max_size=25,
)  # fmt: skip


def batch_from(twin: ListTwin, step: object) -> Persist:
    back, contents, vote, cut = step  # type: ignore[misc]
    new, end = None, twin.end
    mark = twin.mark
    if cut is not None:
        ahead, agrees, data = cut
        mark += ahead
        terms = {e.index: e.term for e in twin.log}
        term = terms.get(mark, 3) if agrees else 77
        new = snapshot(mark, term, data)
        end = end if terms.get(mark) == term else mark
    first = max(mark + 1, end + 1 - back)
    entries = tuple(Entry(first + i, *rest) for i, rest in enumerate(contents))
    return Persist(None if vote is None else HardState(*vote), entries, new)


@given(steps)
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_both_storages_equal_a_list(history: list[object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        disk = MemoryDisk()
        opens: list[Open] = [lambda: MemoryStorage(disk), sqlite_in(Path(folder) / 'r')]
        storages = [make() for make in opens]
        twin = ListTwin()
        for step in history:
            if step == 'reopen':
                for storage in storages:
                    storage.close()
                storages = [make() for make in opens]
            elif isinstance(step, int):
                twin.incarnation = max(twin.incarnation + 1, step)
                assert [storage.boot(step) for storage in storages] == [twin.incarnation] * 2
            elif isinstance(step, list):
                twin.write_records(step)
                for storage in storages:
                    storage.write_records(step)
            else:
                batch, records = step  # type: ignore[misc]
                persist = batch_from(twin, batch)
                twin.write(persist)
                twin.write_records(records)
                for storage in storages:
                    storage.write(persist, records)
            assert [storage.load() for storage in storages] == [twin.recovered()] * 2
        for storage in storages:
            storage.close()
