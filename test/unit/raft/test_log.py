"""The log against a slow twin, and the rules of what is restored and configured."""

from __future__ import annotations

from collections import deque
from random import Random

import pytest

from swarm_consensus.protocols.raft import (
    ConfigError,
    Entry,
    EntryKind,
    HardState,
    InvariantError,
    Membership,
    Persist,
    Raft,
    RaftConfig,
    Restored,
    Snapshot,
    SnapshotMark,
)
from swarm_consensus.protocols.raft.log import UNAVAILABLE, RaftLog


def entries(terms: str, first: int = 1) -> tuple[Entry, ...]:
    return tuple(
        Entry(i, int(t), EntryKind.COMMAND, t.encode()) for i, t in enumerate(terms, first)
    )


def restored(terms: str, mark: tuple[int, int] = (0, 0), applied: int = 0) -> Restored:
    membership = Membership(('a', 'b', 'c'))
    snapshot = Snapshot(SnapshotMark(*mark, membership), b'') if mark[0] else None
    return Restored(HardState(9, ''), entries(terms, mark[0] + 1), snapshot, applied)


def terms_of(log: RaftLog) -> str:
    return ''.join(str(entry.term) for entry in log.slice(log.first_index, log.last_index))


def test_merge_does_what_a_slow_twin_does() -> None:
    random = Random(11)
    for _ in range(3000):
        # As in real logs: behind the first difference, no term is in common.
        common = '1' * random.randint(0, 4)
        ours = common + ''.join(sorted(random.choices('24', k=random.randint(0, 5))))
        theirs = common + ''.join(sorted(random.choices('35', k=random.randint(0, 5))))
        if random.random() < 0.3:
            theirs = ours[: random.randint(0, len(ours))]
        if not theirs:
            continue
        log = RaftLog(restored(ours))
        first = random.randint(1, min(len(common) + 1, len(theirs)))
        twin = ours
        for place in range(first - 1, len(theirs)):
            if place >= len(twin):
                twin += theirs[place]
            elif twin[place] != theirs[place]:
                twin = twin[:place] + theirs[place]
        log.merge(entries(theirs[first - 1 :], first))
        assert terms_of(log) == twin, (ours, theirs, first)
        assert log.last_index == len(twin)


def test_what_is_saved_rebuilds_the_log() -> None:
    random = Random(12)
    for _ in range(500):
        log, disk, writes = RaftLog(Restored(HardState(9))), [], []
        for term in range(1, 9):
            first = random.randint(log.commit + 1, log.last_index + 1)
            log.merge(entries(str(term) * random.randint(1, 3), first))
            if random.random() < 0.7 and (persist := log.save(None)):
                del disk[persist.entries[0].index - 1 :]
                disk.extend(persist.entries)
                writes.append(persist.entries[-1])
                assert disk == log.slice(1, log.last_index)
            if random.random() < 0.5 and writes:
                last = writes.pop(0)
                log.saved(last.index, last.term)
            assert log.persisted <= log.last_index
        log.save(None)
        while log._writes:
            log.saved(log._writes[0].index, log._writes[0].term)
        assert log.persisted == log.last_index


class StoredLog:
    """What is on the disk, after the rules on `Persist`."""

    def __init__(self) -> None:
        self.mark = (0, 0)
        self.terms: dict[int, int] = {}

    def write(self, persist: Persist) -> None:
        if persist.snapshot is not None:
            index, term = persist.snapshot.mark.index, persist.snapshot.mark.term
            assert index >= self.mark[0], 'an older snapshot would be stored'
            keep = self.terms.get(index) == term
            self.terms = {i: t for i, t in self.terms.items() if keep and i > index}
            self.mark = (index, term)
        if persist.entries:
            first = persist.entries[0].index
            last = max(self.terms, default=self.mark[0])
            assert self.mark[0] < first <= last + 1, 'a gap would be stored'
            self.terms = {i: t for i, t in self.terms.items() if i < first}
            self.terms |= {entry.index: entry.term for entry in persist.entries}

    def term(self, index: int) -> int:
        return self.mark[1] if index == self.mark[0] else self.terms.get(index, UNAVAILABLE)


def snapshot_at(index: int, term: int) -> Snapshot:
    return Snapshot(SnapshotMark(index, term, Membership(('a', 'b', 'c'))), b'%d' % index)


def test_snapshots_between_cuts_leave_memory_and_disk_as_a_slow_twin_has_them() -> None:
    random = Random(14)
    installed = 0
    for _ in range(800):
        log, disk = RaftLog(Restored(HardState(9))), StoredLog()
        written: deque[tuple[Persist, list[int]]] = deque()
        twin = [0]  # the term at each index, from the beginning on
        for term in range(1, 10):
            step = random.choice(['merge', 'merge', 'commit', 'compact', 'install', 'sync'])
            if step == 'merge':
                first = random.randint(log.commit + 1, log.last_index + 1)
                new = entries(str(term) * random.randint(1, 3), first)
                log.merge(new)
                twin[first:] = [entry.term for entry in new]
            elif step == 'commit' and log.commit < log.last_index:
                log.commit_to(random.randint(log.commit + 1, log.last_index))
            elif step == 'compact' and log.snapshot_index < log.handed:
                index = random.randint(log.snapshot_index + 1, log.handed)
                log.compact(snapshot_at(index, twin[index]), index + 1 - random.choice([0, 1, 3]))
            elif step == 'install':
                index = log.commit + random.randint(1, 4)
                # The committed part of the log, and other entries than ours behind it.
                twin[log.commit + 1 :] = [term] * (index - log.commit)
                log.install(snapshot_at(index, term))
                installed += 1
            if random.random() < 0.6:
                persist = log.save(None)
                log.hand_out()
                if persist is not None:
                    written.append((persist, twin[:]))
            if step == 'sync' and written:
                persist, then = written.popleft()
                disk.write(persist)
                log.saved(*persist.end)
                # What counts as durable is on the disk, and is what is in the log now.
                for index in range(disk.mark[0], log.persisted + 1):
                    assert disk.term(index) == twin[index]
                assert max(disk.terms, default=disk.mark[0]) == len(then) - 1
            here = range(log.base_index, log.last_index + 1)
            assert [log.term(index) for index in here] == twin[log.base_index :]
            assert log.base_index <= log.snapshot_index <= log.handed <= log.commit
            assert log.persisted <= log.last_index == len(twin) - 1
        if (persist := log.save(None)) is not None:
            written.append((persist, twin[:]))
        for persist, _ in written:
            disk.write(persist)
            log.saved(*persist.end)
        assert log.persisted == log.last_index
        assert disk.mark[0] == log.snapshot_index
        assert list(disk.terms.values()) == twin[disk.mark[0] + 1 :]
    assert installed > 300


def test_an_install_voids_the_acknowledgement_of_what_it_cut() -> None:
    log = RaftLog(Restored(HardState(9)))
    log.merge(entries('1112'))
    log.commit_to(2)
    first = log.save(None)
    log.hand_out()
    log.install(snapshot_at(6, 3))
    second = log.save(None)
    assert (second.entries, second.snapshot, second.end) == ((), snapshot_at(6, 3), (6, 3))
    assert log.saved(*first.end) and log.persisted == 2
    assert log.saved(*second.end) and log.persisted == 6


def test_a_compaction_keeps_what_was_asked_for_in_memory() -> None:
    log = RaftLog(restored('112233', applied=5))
    log.compact(snapshot_at(4, 2), first=3)
    assert (log.first_index, log.snapshot_index, log.last_index) == (3, 4, 6)
    assert [log.term(index) for index in range(1, 7)] == [UNAVAILABLE, 1, 2, 2, 3, 3]
    assert log.save(None) == Persist(snapshot=snapshot_at(4, 2))
    assert not log.saved(4, 2) and log.persisted == 6
    for index, term in [(4, 2), (6, 3), (5, 2)]:
        with pytest.raises(InvariantError):
            log.compact(snapshot_at(index, term), first=1)
    log.compact(snapshot_at(5, 3), first=9)
    assert (log.first_index, log.snapshot_index) == (6, 5)


@pytest.mark.parametrize(('index', 'term'), [(2, 1), (1, 1), (4, 2)])
def test_what_the_log_reaches_is_not_installed(index: int, term: int) -> None:
    log = RaftLog(restored('1122', applied=2))
    with pytest.raises(InvariantError):
        log.install(snapshot_at(index, term))


def test_last_index_of_term_is_what_a_slow_twin_finds() -> None:
    random = Random(13)
    for _ in range(2000):
        start = random.choice([0, 3])
        terms = ''.join(sorted(random.choices('2345', k=random.randint(0, 8))))
        log = RaftLog(restored(terms, (start, 1) if start else (0, 0)))
        index, term = random.randint(-1, 14), random.randint(-1, 7)
        twin = max(
            [start]
            + [i for i in range(start + 1, min(index, log.last_index) + 1) if log.term(i) <= term]
        )
        assert log.last_index_of_term(index, term) == twin


def test_a_log_over_a_snapshot_knows_what_it_has() -> None:
    log = RaftLog(restored('45', (7, 3)))
    assert [log.term(index) for index in (6, 7, 8, 9, 10)] == [UNAVAILABLE, 3, 4, 5, UNAVAILABLE]
    assert (log.first_index, log.last_index, log.commit, log.handed) == (8, 9, 7, 7)
    assert log.entry(7) is None and log.entry(8).term == 4


@pytest.mark.parametrize(
    'broken',
    [
        Restored(HardState(1), entries('1', first=2)),
        Restored(HardState(5), entries('21')),
        Restored(HardState(1), entries('2')),
        Restored(HardState(1), entries('0')),
        Restored(HardState(1), entries('1'), applied=2),
        Restored(HardState(-1)),
        restored('', (3, 0)),
        Restored(HardState(5), (), Snapshot(SnapshotMark(0, 1, Membership(('a',))), b'')),
        Restored(HardState(1), (), Snapshot(SnapshotMark(2, 2, Membership(('a',))), b'')),
    ],
)
def test_a_broken_log_is_not_started(broken: Restored) -> None:
    with pytest.raises(InvariantError):
        Raft(RaftConfig('a', ('a',)), broken, Random(1))


def test_what_is_committed_is_never_cut() -> None:
    log = RaftLog(restored('111'))
    log.commit_to(2)
    with pytest.raises(InvariantError) as error:
        log.merge(entries('2', first=2))
    assert 'committed' in str(error.value) and error.value.state == {'first': 2, 'commit': 2}
    for index in (1, 2, 4):
        with pytest.raises(InvariantError):
            log.commit_to(index)


@pytest.mark.parametrize(
    'wrong',
    [
        {'robot': ''},
        {'voters': ()},
        {'voters': ('a', 'a')},
        {'learners': ('a',)},
        {'heartbeat_ticks': 10},
        {'heartbeat_ticks': 0},
        {'entry_bytes_max': 48 * 1024},
        {'uncommitted_bytes_max': 0},
        {'append_target_bytes': 48 * 1024 + 1},
        {'append_target_bytes': -1},
        {'inflight_appends_max': 0},
        {'proposal_ticks': 0},
        {'retry_ticks': -1},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError):
        RaftConfig(**{'robot': 'a', 'voters': ('a', 'b', 'c'), **wrong})
