"""What every storage must do: both implementations, beside an obvious twin of lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
import tempfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pytest

from swarm_consensus.protocols.raft import Entry, EntryKind, HardState, InvariantError, Persist
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
    ):
        with pytest.raises(StorageError, match='closed'):
            use()


def test_an_empty_batch_is_no_work(open_storage: Open) -> None:
    storage = open_storage()
    storage.write(Persist())
    assert storage.load() == Recovered()


# One step: a batch that starts `back` entries before the end, a reopening, or a boot.
batches = st.tuples(
    st.integers(0, 4),
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(EntryKind), st.binary(max_size=40)),
             max_size=5),
    st.none() | st.tuples(st.integers(0, 2**63 - 1), st.sampled_from(['', 'robot_1', 'robøt'])),
)  # fmt: skip
steps = st.lists(st.one_of(batches, st.just('reopen'), st.integers(0, 2000)), max_size=25)


@given(steps)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_both_storages_equal_a_list(history: list[object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        disk = MemoryDisk()
        opens: list[Open] = [lambda: MemoryStorage(disk), sqlite_in(Path(folder) / 'r')]
        storages = [make() for make in opens]
        incarnation, hard_state = 0, HardState()
        log: list[Entry] = []
        for step in history:
            if step == 'reopen':
                for storage in storages:
                    storage.close()
                storages = [make() for make in opens]
            elif isinstance(step, int):
                incarnation = max(incarnation + 1, step)
                assert [storage.boot(step) for storage in storages] == [incarnation] * 2
            else:
                back, contents, vote = step  # type: ignore[misc]
                first = max(1, len(log) + 1 - back)
                entries = tuple(Entry(first + i, *rest) for i, rest in enumerate(contents))
                if entries:
                    log[first - 1 :] = entries
                hard_state = hard_state if vote is None else HardState(*vote)
                persist = Persist(None if vote is None else hard_state, entries)
                for storage in storages:
                    storage.write(persist)
            expected = Recovered(incarnation, hard_state, tuple(log))
            assert [storage.load() for storage in storages] == [expected] * 2
        for storage in storages:
            storage.close()
