"""Compacted logs, and the state sent in pieces to robots that were away (thesis 5)."""

from __future__ import annotations

from random import Random

import pytest
from raft_cluster import Cluster, Weather, applied_in, state_of

from swarm_consensus.protocols.raft import (
    AppendEntries,
    AppendReply,
    ConfigError,
    Drop,
    Entry,
    EntryKind,
    HardState,
    Heartbeat,
    HeartbeatReply,
    InvariantError,
    Membership,
    Outcome,
    Persist,
    Raft,
    RaftConfig,
    Refusal,
    Restored,
    Role,
    Send,
    Snapshot,
    SnapshotChunk,
    SnapshotMark,
    SnapshotReply,
)
from swarm_consensus.protocols.raft.chunks import digest_of

SETTINGS = {'trailing_entries': 0, 'snapshot_chunk_bytes': 50, 'snapshot_window': 4}
ABC = Membership(('a', 'b', 'c'))


def chunks(swarm: Cluster, since: int = 0) -> list[tuple[str, int, int]]:
    """Return receivers, index and offset of each piece that was sent."""
    return [
        (to, m.index, m.offset) for _, to, m in swarm.trace[since:] if type(m) is SnapshotChunk
    ]


def compacted(count: int = 20, away: str = 'c', names: str = 'abc', **settings: int) -> Cluster:
    """Return a swarm that `a` leads, whose log went on and was compacted while some were away."""
    swarm = Cluster(names, **{**SETTINGS, **settings})
    swarm.elect('a')
    swarm.run(4)
    with swarm.cut(*away):
        for _ in range(count):
            swarm.propose('a')
            swarm.run(1)
        swarm.drop_air()
        for name in names:
            if name not in away:
                swarm.snapshot(name)
    return swarm


def agree(swarm: Cluster) -> None:
    last = swarm.propose('a')
    swarm.run(6)
    assert swarm.committed(last)
    assert len({tuple(robot.applied) for robot in swarm.alive}) == 1


# -- one robot ------------------------------------------------------------------------------------


def follower(terms: str = '', commit: int = 0, **settings: int) -> Raft:
    log = tuple(Entry(i, int(t), EntryKind.COMMAND, b'x') for i, t in enumerate(terms, 1))
    config = RaftConfig('a', ('a', 'b', 'c'), **{**SETTINGS, **settings})
    raft = Raft(config, Restored(HardState(5, ''), log), Random(1))
    prev = (len(log), log[-1].term) if commit else (0, 0)
    raft.receive(AppendEntries(5, 'b', *prev, (), commit))
    while (effects := raft.take_effects()) is not None:
        assert effects.install is None
    return raft


def piece(index: int = 9, index_term: int = 4, state: bytes = b'state', **changes: object):  # noqa: ANN201
    fields = {
        'term': 5,
        'leader': 'b',
        'index': index,
        'index_term': index_term,
        'membership': ABC,
        'size': len(state),
        'digest': digest_of(state),
        'offset': 0,
        'data': state,
    }
    return SnapshotChunk(**fields | changes)


def test_a_snapshot_is_handed_out_once_and_the_log_in_front_of_it_goes() -> None:
    swarm = Cluster('a', trailing_entries=2)
    swarm.elect('a')
    for _ in range(5):
        swarm.propose('a')
    swarm['a'].snapshot(5, b'five')
    effects = swarm['a'].take_effects()
    mark = SnapshotMark(5, 1, Membership(('a',)))
    assert effects.persist == Persist(snapshot=Snapshot(mark, b'five'))
    assert effects.persist.end == (5, 1) and effects.install is None
    status = swarm['a'].status()
    assert (status.first_index, status.snapshot_index, status.last_index) == (4, 5, 6)
    swarm['a'].snapshot(5, b'five')
    assert swarm['a'].take_effects() is None


def test_a_snapshot_of_what_was_not_handed_out_or_is_older_is_an_error() -> None:
    swarm = Cluster('a')
    swarm.elect('a')
    swarm.propose('a')
    swarm['a'].snapshot(2, b'two')
    for index in (1, 3):
        with pytest.raises(InvariantError):
            swarm['a'].snapshot(index, b'')
    with pytest.raises(ConfigError, match='snapshot_bytes_max'):
        follower('11', 1, snapshot_bytes_max=3).snapshot(1, b'four')
    mark = SnapshotMark(1, 1, ABC)
    with pytest.raises(ConfigError, match='snapshot_bytes_max'):
        Raft(
            RaftConfig('a', ('a',), snapshot_bytes_max=3),
            Restored(HardState(1), (), Snapshot(mark, b'four')),
            Random(1),
        )


def test_the_membership_in_the_mark_is_the_one_under_the_log() -> None:
    old = Membership(('a', 'b', 'd'), ('e',))
    restored = Restored(
        HardState(3, ''),
        (Entry(8, 3, EntryKind.COMMAND, b'x'),),
        Snapshot(SnapshotMark(7, 2, old), b'seven'),
    )
    raft = Raft(RaftConfig('a', ('a', 'b', 'c')), restored, Random(1))
    assert raft.status().membership == old
    raft.receive(AppendEntries(3, 'b', 8, 3, (), 8))
    raft.take_effects()
    raft.snapshot(8, b'eight')
    assert raft.take_effects().persist.snapshot == Snapshot(SnapshotMark(8, 3, old), b'eight')


def test_a_restart_goes_on_from_snapshot_and_log() -> None:
    swarm = compacted(away='')
    for _ in range(3):
        swarm.propose('a')
    swarm.run(2)
    before = list(swarm.robots['b'].applied)
    for name in 'abc':
        swarm.crash(name)
        swarm.restart(name)
        status = swarm[name].status()
        assert (status.snapshot_index, status.first_index, status.last_index) == (21, 22, 24)
        assert status.commit_index == 21
    swarm.elect('a')
    agree(swarm)
    assert swarm.robots['b'].applied[: len(before)] == before


def test_a_whole_snapshot_is_installed_and_acknowledged_once_durable() -> None:
    raft = follower('1122', 2)
    raft.receive(piece(state=b'state', data=b'st'))
    (effects,) = [raft.take_effects()]
    reply = SnapshotReply(5, 'a', 9, digest_of(b'state'), 2)
    assert effects.send_after == (Send(('b',), reply),)
    raft.receive(piece(offset=2, data=b'ate'))
    effects = raft.take_effects()
    snapshot = Snapshot(SnapshotMark(9, 4, ABC), b'state')
    assert effects.install == effects.persist.snapshot == snapshot
    assert (effects.persist.end, effects.committed, effects.send_now) == ((9, 4), (), ())
    assert effects.send_after == (Send(('b',), AppendReply(5, 'a', False, 9)),)
    status = raft.status()
    assert (status.first_index, status.last_index, status.commit_index) == (10, 9, 9)
    assert status.persisted_index == 2
    raft.persisted(9, 4)
    assert raft.status().persisted_index == 9


def test_a_snapshot_of_what_the_log_has_only_commits_it() -> None:
    raft = follower('112244', 2)
    raft.receive(piece(5, 4, data=b's'))
    effects = raft.take_effects()
    assert effects.install is None and effects.persist is None
    assert [entry.index for entry in effects.committed] == [3, 4, 5]
    assert effects.send_after == (Send(('b',), AppendReply(5, 'a', False, 6)),)
    assert raft.status().last_index == 6


def test_a_snapshot_older_than_the_commit_is_answered_with_the_commit() -> None:
    raft = Raft(RaftConfig('a', ('a', 'b', 'c')), Restored(HardState(5)), Random(1))
    log = tuple(Entry(i, 1, EntryKind.COMMAND) for i in range(1, 5))
    raft.receive(AppendEntries(5, 'b', 0, 0, log, 4))
    raft.take_effects()
    raft.receive(piece(3, 1, term=6, leader='c'))
    effects = raft.take_effects()
    assert effects.send_after == (Send(('c',), AppendReply(6, 'a', False, 4)),)
    assert effects.install is None and raft.status().first_index == 1


def test_a_conflicting_log_is_cut_by_an_install_in_memory_and_on_the_disk() -> None:
    swarm = Cluster('abc', logs={'a': '1', 'b': '1', 'c': '1333333333'}, term=3, **SETTINGS)
    with swarm.cut('c'):
        swarm.elect('a')
        for _ in range(5):
            swarm.propose('a')
        swarm.snapshot('a')
    swarm.run(20)
    robot = swarm.robots['c']
    assert swarm.installs == 1 and 3 not in swarm.terms('c')
    assert swarm['c'].status().last_index == swarm['a'].status().last_index == 7
    agree(swarm)
    assert robot.disk.log == robot.log


def test_of_two_inputs_before_a_batch_the_newer_snapshot_is_handed_out() -> None:
    raft = follower('1122', 2)
    raft.receive(piece(9))
    raft.snapshot(2, b'two')
    raft.receive(piece(12, state=b'later'))
    effects = raft.take_effects()
    assert effects.install == effects.persist.snapshot
    assert effects.install == Snapshot(SnapshotMark(12, 4, ABC), b'later')
    assert raft.take_effects() is None
    with pytest.raises(InvariantError):
        raft.snapshot(2, b'two')


def test_entries_behind_an_install_go_into_the_same_batch() -> None:
    raft = follower('11', 1)
    raft.receive(piece(9))
    raft.receive(AppendEntries(5, 'b', 9, 4, (Entry(10, 5, EntryKind.COMMAND),), 10))
    effects = raft.take_effects()
    assert effects.install.mark.index == 9 and effects.persist.end == (10, 5)
    assert [e.index for e in effects.persist.entries] == [10]
    assert [e.index for e in effects.committed] == [10]


def test_a_commit_index_beyond_the_snapshot_waits_for_the_entries() -> None:
    raft = follower('11', 1)
    raft.receive(Heartbeat(5, 'b', 30, 1))
    raft.receive(piece(9, data=b'st'))
    assert raft.commit_index == 2
    raft.receive(piece(9, offset=2, data=b'ate'))
    raft.receive(Heartbeat(5, 'b', 31, 2))
    effects = raft.take_effects()
    assert raft.commit_index == 9 and effects.committed == ()
    assert Send(('b',), HeartbeatReply(5, 'a', 2, 9)) in effects.send_after


def test_pieces_of_another_leader_go_on_where_the_bytes_are_equal() -> None:
    raft = follower('11', 1)
    raft.receive(piece(data=b'sta'))
    raft.receive(piece(term=6, leader='c', offset=3, data=b'te'))
    assert raft.take_effects().install == Snapshot(SnapshotMark(9, 4, ABC), b'state')


def test_late_pieces_of_an_older_snapshot_change_nothing() -> None:
    raft = follower('11', 1)
    raft.receive(piece(9, data=b'st'))
    raft.receive(piece(12, state=b'later', data=b'la'))
    raft.receive(piece(9, offset=2, data=b'ate'))
    assert raft.status().drops == {Drop.STALE: 1}
    raft.receive(piece(12, state=b'later', offset=2, data=b'ter'))
    assert raft.take_effects().install.mark.index == 12


def test_a_snapshot_with_a_wrong_digest_is_dropped_and_begins_anew() -> None:
    raft = follower('11', 1)
    raft.receive(piece(data=b'stAte'))
    effects = raft.take_effects()
    assert raft.status().drops == {Drop.MALFORMED: 1} and effects.install is None
    assert effects.send_after[0].message.received == 0
    raft.receive(piece())
    assert raft.take_effects().install.data == b'state'


@pytest.mark.parametrize(
    ('message', 'reason'),
    [
        (piece(leader='x'), Drop.STRANGER),
        (piece(leader='a'), Drop.OWN_NAME),
        (piece(leader='c'), Drop.SECOND_LEADER),
        (piece(term=4), Drop.STALE),
        (piece(0), Drop.OUT_OF_RANGE),
        (piece(2**62 + 1), Drop.OUT_OF_RANGE),
        (piece(size=-1), Drop.OUT_OF_RANGE),
        (piece(size=2**63), Drop.OUT_OF_RANGE),
        (piece(term=0), Drop.MALFORMED),
        (piece(index_term=6), Drop.MALFORMED),
        (piece(index_term=0), Drop.MALFORMED),
        (piece(index_term=1), Drop.MALFORMED),
        (piece(3, 5), Drop.MALFORMED),
        (piece(digest=b'short'), Drop.MALFORMED),
        (piece(offset=-1), Drop.MALFORMED),
        (piece(offset=1), Drop.MALFORMED),
        (piece(size=3), Drop.MALFORMED),
        (piece(data=b''), Drop.MALFORMED),
        (piece(membership=Membership(())), Drop.MALFORMED),
        (piece(membership=Membership(('a', 'a'))), Drop.MALFORMED),
        (piece(membership=Membership(('a', 'b'), ('b',))), Drop.MALFORMED),
        (piece(size=1001), Drop.TOO_LARGE),
    ],
)
def test_each_kind_of_false_piece_is_counted_and_changes_nothing(
    message: SnapshotChunk, reason: Drop
) -> None:
    raft = follower('1222', 2, snapshot_bytes_max=1000)
    raft.receive(message)
    assert raft.status().drops == {reason: 1}
    effects = raft.take_effects()
    assert effects is None or (effects.install, effects.persist) == (None, None)
    assert (raft.commit_index, raft.status().last_index, raft.term) == (2, 4, 5)


def test_pieces_of_nothing_that_comes_together_take_bounded_memory() -> None:
    raft = follower('11', 1, snapshot_bytes_max=10**6)
    state = bytes(10**6)
    for offset in range(1, 10**6, 1000):
        raft.receive(piece(state=state, offset=offset, data=state[offset : offset + 999]))
    incoming = raft._incoming
    assert incoming.received == 0
    assert sum(map(len, incoming._ahead.values())) <= 4 * 999


@pytest.mark.parametrize('received', [-1, 10**9])
def test_a_leader_does_not_believe_in_more_than_it_sent(received: int) -> None:
    swarm = compacted()
    swarm.lost = lambda sender, to, message: type(message) is SnapshotChunk
    swarm.run(20)
    message = next(m for _, _, m in swarm.trace if type(m) is SnapshotChunk)
    before = swarm['a'].status().drops
    swarm.receive('a', SnapshotReply(1, 'c', message.index, message.digest, received))
    assert swarm['a'].status().drops == {**before, Drop.OUT_OF_RANGE: 1}
    swarm.receive('a', SnapshotReply(1, 'c', message.index, b'x' * 16, 1))
    swarm.receive('a', SnapshotReply(1, 'b', message.index, message.digest, 1))
    assert swarm['a'].status().drops[Drop.STALE] == before.get(Drop.STALE, 0) + 2


# -- from robot to robot --------------------------------------------------------------------------


def test_a_robot_that_was_away_gets_the_state_and_then_the_log() -> None:
    swarm = compacted()
    assert swarm['a'].status().first_index == 22
    swarm.run(20)
    assert swarm.installs == 1 and len(swarm.robots['c'].applied) == 21
    assert swarm['c'].status().snapshot_index == 21
    agree(swarm)
    assert swarm['a'].status().match == {'a': 22, 'b': 22, 'c': 22}


def test_a_follower_that_was_throttled_recovers_after_compaction() -> None:
    settings = {'inflight_appends_max': 2, 'append_bytes_max': 64, 'entry_bytes_max': 32}
    swarm = Cluster('abc', **SETTINGS, **settings)
    swarm.elect('a')
    swarm.run(4)
    # Its answers are lost: the window closes, and the log goes from under what it waits for.
    swarm.lost = lambda sender, to, message: sender == 'c'
    for _ in range(10):
        swarm.propose('a')
    swarm.snapshot('a')
    assert swarm['a'].status().match['c'] == 1
    swarm.lost = lambda sender, to, message: False
    swarm.run(20)
    agree(swarm)
    assert swarm['a'].status().match['c'] == swarm['a'].status().last_index


def test_a_snapshot_older_than_the_one_pending_still_lets_the_follower_recover() -> None:
    swarm = compacted(trailing_entries=4)
    # It is being sent state 21, and says meanwhile that it has 18: the log goes on from there.
    swarm.lost = lambda sender, to, message: type(message) is SnapshotChunk
    swarm.run(4)
    assert chunks(swarm)
    before = len(swarm.trace)
    swarm['a'].receive(AppendReply(1, 'c', False, 18))
    swarm.carry_out('a')
    (append,) = [m for _, to, m in swarm.trace[before:] if to == 'c']
    assert type(append) is AppendEntries and append.prev_index == 18
    assert [entry.index for entry in append.entries] == [19, 20, 21]


def test_robots_that_need_the_same_piece_share_it() -> None:
    swarm = compacted(names='abcde', away='de')
    sent = len(swarm.trace)
    swarm.run(20)
    agree(swarm)
    pieces = chunks(swarm, sent)
    assert {to for to, _, _ in pieces} == {'d,e'}
    assert [offset for _, _, offset in pieces] == list(range(0, 50 * len(pieces), 50))


def test_pieces_under_way_are_bounded_by_the_window() -> None:
    swarm = compacted(60, snapshot_chunk_bytes=10, snapshot_window=4)
    swarm.weather = Weather(delay_max=2)
    most = 0
    acked = -10
    for sender, _, message in run_trace(swarm, 60):
        if type(message) is SnapshotChunk:
            most = max(most, message.offset + 10 - max(acked, 0))
        elif type(message) is SnapshotReply and sender == 'c':
            acked = message.received
    assert 20 <= most <= 4 * 10 + 40
    agree(swarm)


def run_trace(swarm: Cluster, ticks: int) -> list:
    sent = len(swarm.trace)
    swarm.run(ticks)
    return swarm.trace[sent:]


def test_a_follower_that_crashes_in_the_middle_begins_anew_and_gets_it() -> None:
    swarm = compacted()
    swarm.lost = lambda sender, to, message: type(message) is SnapshotChunk and message.offset > 100
    swarm.run(10)
    swarm.crash('c')
    swarm.restart('c')
    swarm.lost = lambda sender, to, message: False
    swarm.run(60)
    agree(swarm)
    offsets = [offset for _, _, offset in chunks(swarm)]
    assert offsets.count(0) >= 2 and swarm.installs == 1


def test_the_next_leader_goes_on_where_the_last_one_stopped() -> None:
    swarm = compacted(40)
    swarm.lost = lambda sender, to, message: type(message) is SnapshotChunk and message.offset > 250
    swarm.run(12)
    swarm.lost = lambda sender, to, message: False
    swarm.drop_air()
    sent = len(swarm.trace)
    swarm.crash('a')
    swarm.elect('b')
    swarm.run(30)
    assert swarm.installs == 1 and len(swarm.robots['c'].applied) >= 41
    again = [offset for _, _, offset in chunks(swarm, sent)]
    # Its first piece shows how far the follower is.
    assert again[0] == 0 and min(again[1:]) >= 250


def test_another_snapshot_of_the_next_leader_begins_anew() -> None:
    swarm = compacted(40)
    swarm.lost = lambda sender, to, message: type(message) is SnapshotChunk and message.offset > 250
    swarm.run(12)
    swarm.drop_air()
    with swarm.cut('c'):
        swarm.propose('a')
        swarm.run(3)
        swarm.snapshot('b')
    swarm.crash('a')
    swarm.lost = lambda sender, to, message: False
    swarm.elect('b')
    swarm.run(40)
    assert swarm.installs == 1 and swarm['c'].status().snapshot_index == 42


def test_a_newer_snapshot_takes_over_where_the_log_does_not_go_on_from_the_older() -> None:
    swarm = compacted()
    swarm.lost = lambda sender, to, message: type(message) is SnapshotChunk and message.offset > 100
    swarm.run(10)
    swarm.propose('a')
    swarm.run(2)
    swarm.snapshot('a')
    swarm.lost = lambda sender, to, message: False
    swarm.run(40)
    assert [index for _, index, _ in chunks(swarm)][-1] == 22
    assert swarm['c'].status().snapshot_index == 22
    agree(swarm)


def test_a_snapshot_on_its_way_is_finished_although_there_is_a_newer_one() -> None:
    swarm = compacted(trailing_entries=2)
    swarm.lost = lambda sender, to, message: type(message) is SnapshotChunk and message.offset > 100
    swarm.run(10)
    # Beyond what trails a snapshot, yet within what is kept for a robot that is being sent one.
    for _ in range(8):
        swarm.propose('a')
        swarm.run(1)
        swarm.snapshot('a')
    assert swarm['a'].status().first_index == 22
    swarm.lost = lambda sender, to, message: False
    swarm.run(40)
    assert {index for _, index, _ in chunks(swarm)} == {21}
    agree(swarm)
    # There is no end of what is kept only for as long as it is of use.
    swarm.snapshot('a')
    assert swarm['a'].status().first_index == swarm['a'].status().last_index - 1


def test_a_newer_snapshot_for_another_robot_takes_over_for_all() -> None:
    swarm = compacted(names='abcde', away='de')
    swarm.lost = lambda sender, to, message: type(message) is SnapshotChunk and message.offset > 100
    swarm.run(10)
    with swarm.cut('e'):
        swarm.propose('a')
        swarm.run(2)
        swarm.snapshot('a')
        swarm.run(10)
    swarm.lost = lambda sender, to, message: False
    swarm.run(60)
    assert swarm.installs == 2
    assert swarm['d'].status().snapshot_index == swarm['e'].status().snapshot_index == 22
    agree(swarm)


def test_a_robot_that_is_sent_a_snapshot_counts_as_heard() -> None:
    swarm = compacted()
    swarm.crash('b')
    swarm.lost = lambda sender, to, message: type(message) is SnapshotChunk and message.offset > 100
    swarm.run(100)
    assert swarm.role('a') is Role.LEADER and swarm['a'].status().has_quorum
    assert swarm['c'].status().snapshot_index == 0
    swarm.lost = lambda sender, to, message: False
    swarm.run(40)
    agree(swarm)


def test_a_dead_robot_is_sent_one_piece_and_no_more() -> None:
    swarm = compacted()
    swarm.crash('c')
    swarm.run(200)
    # None before a probe shows how far it is, and its window stays at one after.
    assert len(chunks(swarm)) <= 1


def test_an_install_is_not_acknowledged_before_it_is_durable() -> None:
    swarm = compacted()
    swarm.weather = Weather(sync=0)
    swarm.run(1)
    swarm.weather = Weather()
    swarm.lost = lambda sender, to, message: type(message) is AppendReply and sender == 'c'
    swarm.run(8)
    while not swarm.robots['c'].log or not swarm['c'].status().snapshot_index:
        swarm.run(1)
    swarm.lost = lambda sender, to, message: False
    swarm.run(4)
    assert swarm['a'].status().match['c'] == 21
    assert swarm.robots['c'].disk.base == 21
    assert applied_in(swarm.robots['c'].disk.snapshot.data) == swarm.robots['a'].applied


# -- proposals and reads over it ------------------------------------------------------------------


def test_a_proposal_whose_place_came_under_a_snapshot_ends() -> None:
    swarm = Cluster('abc', proposal_ticks=60, **SETTINGS)
    swarm.elect('a')
    swarm.run(4)
    swarm.lost = lambda sender, to, message: to == 'c' and type(message) in (
        AppendEntries,
        Heartbeat,
    )
    requests = [swarm.propose('c'), swarm.propose('c')]
    swarm.settle()
    assert swarm['a'].commit_index == 3
    swarm.snapshot('a')
    swarm.lost = lambda sender, to, message: False
    swarm.run(20)
    assert swarm.installs == 1 and swarm['c'].status().proposals == 2
    # The state machine finds the first one in its sessions; of the other nobody says anything.
    swarm['c'].settle(requests[0], 2, 1)
    swarm.carry_out('c')
    assert swarm.result(requests[0]).outcome is Outcome.COMMITTED
    swarm.run(60)
    assert swarm.result(requests[1]).outcome is Outcome.UNKNOWN
    assert swarm['c'].status().proposals == 0


def test_a_repetition_of_what_is_under_the_leaders_snapshot_is_not_appended_again() -> None:
    swarm = Cluster('abc', retry_ticks=3, **SETTINGS)
    swarm.elect('a')
    swarm.run(4)
    swarm.lost = lambda sender, to, message: to == 'c'
    swarm.propose('c')
    swarm.settle()
    swarm.snapshot('a')
    last = swarm['a'].status().last_index
    swarm.run(4)
    assert swarm['a'].status().last_index == last


def test_a_read_waits_for_the_install_that_it_needs() -> None:
    swarm = compacted()
    swarm.lost = lambda sender, to, message: type(message) is SnapshotChunk
    request = swarm.read('c', deadline_ticks=200)
    swarm.run(10)
    assert swarm.read_result(request) is None
    swarm.lost = lambda sender, to, message: False
    swarm.run(40)
    assert swarm.read_result(request).index == 21
    assert swarm.read_result(request).reason is Refusal.NONE


def test_equal_states_are_equal_bytes_at_every_robot() -> None:
    swarm = compacted(away='')
    states = {swarm.robots[name].disk.snapshot for name in 'abc'}
    assert states == {Snapshot(SnapshotMark(21, 1, ABC), state_of(swarm.robots['a'].applied))}
