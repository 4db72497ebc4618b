"""Replication, a few lines a rule (paper 5.3, 5.4.2; thesis 3.5, 3.6, 10.2)."""

from __future__ import annotations

from random import Random

from raft_cluster import Cluster

from swarm_consensus.protocols.raft import (
    AppendEntries,
    AppendReply,
    Drop,
    Entry,
    EntryKind,
    HardState,
    Heartbeat,
    HeartbeatReply,
    Raft,
    RaftConfig,
    Restored,
    Role,
    VoteReply,
)


def entries(terms: str, first: int = 1) -> tuple[Entry, ...]:
    """Entries of these terms, one digit each, as a cluster starts with."""
    return tuple(
        Entry(index, int(term), EntryKind.COMMAND, f'{index}@{term}'.encode())
        for index, term in enumerate(terms, first)
    )


def follower(terms: str = '', term: int = 0) -> Raft:
    log = entries(terms)
    hard_state = HardState(max([term, *(entry.term for entry in log)]), '')
    return Raft(RaftConfig('a', ('a', 'b', 'c')), Restored(hard_state, log), Random(1))


def leader(terms: str = '', **settings: int) -> Raft:
    """A leader of term 9 that has sent nothing yet."""
    config = RaftConfig('a', ('a', 'b', 'c'), **settings)
    raft = Raft(config, Restored(HardState(8, ''), entries(terms)), Random(1))
    for _ in range(20):
        raft.tick()
    raft.receive(VoteReply(9, 'b', True, pre=True))
    raft.receive(VoteReply(9, 'b', True, pre=False))
    while (effects := raft.take_effects()) is not None:
        last = effects
    assert raft.role is Role.LEADER and isinstance(last.send_now[-1].message, AppendEntries)
    return raft


def answer(raft: Raft, message: object) -> list:
    """Messages that follow from one."""
    raft.receive(message)
    effects = raft.take_effects()
    if effects is None:
        return []
    return [send.message for send in effects.send_now + effects.send_after]


def test_figure_7_all_followers_end_with_the_leaders_log() -> None:
    logs = {
        'l': '1114455666',
        'a': '111445566',
        'b': '1114',
        'c': '11144556666',
        'd': '111445566677',
        'e': '1114444',
        'f': '11122233333',
    }
    swarm = Cluster('labcdef', logs=logs, term=7)
    swarm.elect('l')
    for name in 'abcdef':
        assert swarm.terms(name) == [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8], name


def test_figure_7_finds_the_match_in_one_answer_a_term() -> None:
    swarm = Cluster('laf', logs={'l': '1114455666', 'f': '11122233333', 'a': '1'}, term=7)
    swarm.elect('l')
    rejections = [m for sender, _, m in swarm.trace if sender == 'f' and m.__class__ is AppendReply]
    assert [reply.rejected for reply in rejections] == [True, False]


def test_figure_8_an_entry_of_an_older_term_is_not_committed_by_counting() -> None:
    # (a) to (c) of the figure: a leads term 4, and its entry of term 2 gets to a majority.
    swarm = Cluster('abcde', logs={'a': '12', 'b': '12', 'c': '1', 'd': '1', 'e': '13'}, term=3)
    swarm.lost = lambda sender, to, message: (
        'e' in (sender, to)
        or (
            # Entries of the leader's own term do not get through.
            isinstance(message, AppendEntries) and any(e.term == 4 for e in message.entries)
        )
    )
    swarm.elect('a')
    swarm.receive('b', AppendEntries(4, 'a', 2, 2, (), 0))
    swarm.receive('c', AppendEntries(4, 'a', 1, 1, entries('2', first=2), 0))
    swarm.settle()
    match = swarm['a'].status().match
    assert (match['a'], match['b'], match['c']) == (3, 2, 2), 'three of five hold entry 2'
    assert swarm['a'].commit_index == 0
    # (d): e leads and overwrites it, which is why it must not have been committed.
    swarm.lost = lambda sender, to, message: False
    for name in 'abc':
        swarm.crash(name)
    for name in 'bc':
        swarm.restart(name)
    swarm.elect('e')
    assert swarm.terms('c')[:2] == [1, 3]


def test_figure_8_it_is_committed_with_an_entry_of_the_leaders_own_term() -> None:
    swarm = Cluster('abcde', logs={'a': '12', 'b': '12', 'c': '1', 'd': '1', 'e': '13'}, term=3)
    with swarm.cut('e'):
        swarm.elect('a')
        assert swarm['a'].commit_index == 3 and swarm.terms('c') == [1, 2, 4]
    # (e): now e cannot win.
    swarm.crash('a')
    swarm.campaign('e')
    assert swarm.role('e') is not Role.LEADER


def test_an_append_that_repeats_what_is_there_truncates_nothing() -> None:
    raft = follower('111')
    (reply,) = answer(raft, AppendEntries(1, 'b', 0, 0, entries('1'), 0))
    assert reply == AppendReply(1, 'a', False, 1)
    assert raft.status().last_index == 3
    (reply,) = answer(raft, AppendEntries(1, 'b', 0, 0, (), 0))
    assert raft.status().last_index == 3


def test_an_append_cuts_only_from_the_first_conflict() -> None:
    raft = follower('11222', term=3)
    raft.receive(AppendEntries(3, 'b', 1, 1, entries('123', first=2), 0))
    effects = raft.take_effects()
    assert [(e.index, e.term) for e in effects.persist.entries] == [(4, 3)]
    assert effects.send_after[0].message == AppendReply(3, 'a', False, 4)


def test_what_is_acknowledged_leaves_only_when_it_is_durable() -> None:
    raft = follower()
    raft.receive(AppendEntries(1, 'b', 0, 0, entries('11'), 0))
    effects = raft.take_effects()
    assert effects.persist.hard_state.term == 1 and len(effects.persist.entries) == 2
    assert effects.send_now == ()
    assert effects.send_after[0].message == AppendReply(1, 'a', False, 2)


def test_a_leaders_append_need_not_wait_for_its_own_disk() -> None:
    raft = leader()
    raft.receive(AppendReply(9, 'b', False, 0))
    raft.take_effects()
    raft.propose('1', b'x')
    effects = raft.take_effects()
    assert effects.persist.entries[-1].data == b'x' and effects.send_after == ()
    assert effects.send_now[0].message.entries[-1].data == b'x'


def test_several_acknowledgements_become_one() -> None:
    raft = follower()
    for index in range(5):
        raft.receive(AppendEntries(1, 'b', index, min(index, 1), entries('1', first=index + 1), 0))
    effects = raft.take_effects()
    assert [send.message.index for send in effects.send_after] == [5]


def test_a_gap_is_rejected_with_the_end_of_the_log() -> None:
    raft = follower('11')
    (reply,) = answer(raft, AppendEntries(1, 'b', 5, 1, entries('1', first=6), 0))
    assert reply == AppendReply(1, 'a', True, 5, hint_index=2, hint_term=1)


def test_the_hint_skips_whole_terms() -> None:
    raft = follower('1122333', term=4)
    (reply,) = answer(raft, AppendEntries(4, 'b', 7, 1, (), 0))
    assert (reply.hint_index, reply.hint_term) == (2, 1)


def test_the_leader_skips_whole_terms_too() -> None:
    raft = leader('1335555')
    (append,) = answer(raft, AppendReply(9, 'b', True, 7, hint_index=6, hint_term=2))
    assert (append.prev_index, append.prev_term) == (1, 1)


def test_a_late_reject_never_lowers_a_followers_match() -> None:
    raft = leader('111')
    raft.receive(AppendReply(9, 'b', False, 4))
    raft.take_effects()
    for rejected in (0, 2, 3, 4):
        assert answer(raft, AppendReply(9, 'b', True, rejected, 0, 0)) == []
    assert raft.status().match['b'] == 4
    raft.propose('1', b'x')
    assert raft.take_effects().send_now[0].message.prev_index == 4


def test_a_follower_that_rejects_what_it_acknowledged_is_asked_once_a_heartbeat_only() -> None:
    raft = leader('111')
    raft.receive(AppendReply(9, 'b', False, 4))
    raft.propose('1', b'x')
    raft.take_effects()
    answers = [answer(raft, AppendReply(9, 'b', True, index, 1, 1)) for index in (5, 4, 4, 4)]
    assert [len(messages) for messages in answers] == [1, 0, 0, 0]


def test_a_follower_that_needs_the_same_shares_the_message() -> None:
    swarm = Cluster('abcde')
    swarm.elect('a')
    swarm.run(10)
    start = len(swarm.trace)
    swarm.propose('a', b'x')
    assert [(to, type(m)) for _, to, m in swarm.trace[start:]] == [('b,c,d,e', AppendEntries)]


def test_followers_that_need_different_entries_get_different_messages() -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    swarm.run(4)
    swarm.lost = lambda sender, to, message: to == 'c'
    swarm.propose('a', b'x')
    swarm.settle()
    swarm.lost = lambda sender, to, message: False
    swarm.run(3)
    swarm.settle()
    start = len(swarm.trace)
    swarm.propose('a', b'y')
    swarm.settle()
    appends = [to for _, to, m in swarm.trace[start:] if isinstance(m, AppendEntries)]
    assert appends == ['b,c'], 'they need the same again after one heartbeat'
    assert swarm.applied('c') == [b'x', b'y']


def test_the_commit_index_goes_out_at_once() -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    swarm.propose('a', b'x')
    swarm.settle()
    for name in 'abc':
        assert swarm.applied(name) == [b'x'], 'without any tick'


def test_the_commit_index_rides_on_entries_where_there_are_any() -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    start = len(swarm.trace)
    raft = swarm['a']
    raft.propose('a/1', b'x')
    effects = raft.take_effects()
    raft.persisted(effects.persist.entries[-1].index, 1)
    raft.receive(AppendReply(1, 'b', False, 2))
    raft.propose('a/2', b'y')
    effects = raft.take_effects()
    (send,) = effects.send_now
    assert isinstance(send.message, AppendEntries) and send.message.commit == 2
    assert len(swarm.trace) == start


def test_a_heartbeat_commits_only_what_is_known_to_match() -> None:
    raft = follower('112', term=3)
    answer(raft, Heartbeat(3, 'b', 3, 1))
    assert raft.commit_index == 0, "its own entries may not be the leader's"
    answer(raft, AppendEntries(3, 'b', 2, 1, (), 3))
    assert raft.commit_index == 2
    answer(raft, AppendEntries(3, 'b', 2, 1, entries('3', first=3), 2))
    assert raft.commit_index == 3, 'the leader had told of 3 before'


def test_a_follower_is_silent_unless_spoken_to() -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    raft = swarm['b']
    for _ in range(9):
        raft.tick()
        assert raft.take_effects() is None


def test_a_leader_that_tells_only_a_commit_wants_no_answer() -> None:
    raft = follower('1')
    answer(raft, AppendEntries(1, 'b', 1, 1, (), 0))
    assert answer(raft, Heartbeat(1, 'b', 1, 0)) == []
    assert raft.commit_index == 1


def test_the_window_bounds_what_is_under_way_and_opens_with_answers() -> None:
    raft = leader(inflight_appends_max=3)
    raft.receive(AppendReply(9, 'b', False, 1))
    raft.take_effects()
    sent = 0
    for number in range(10):
        raft.propose(str(number), b'x')
        sent += len(raft.take_effects().send_now)
    assert sent == 3
    (message, *_) = answer(raft, AppendReply(9, 'b', False, 2))
    assert isinstance(message, AppendEntries) and len(message.entries) == 7


def test_a_full_window_is_freed_by_a_heartbeat_when_all_was_lost() -> None:
    swarm = Cluster('abc', inflight_appends_max=2)
    swarm.elect('a')
    with swarm.cut('a'):
        for _ in range(6):
            swarm.propose('a')
        swarm.run(3)
    swarm.run(4)
    assert len(swarm.applied('b')) == len(swarm.applied('c')) == 6


def test_an_append_is_bounded_in_bytes_but_never_empty_for_it() -> None:
    raft = leader(append_bytes_max=200, entry_bytes_max=150)
    raft.receive(AppendReply(9, 'b', False, 1))
    raft.take_effects()
    for number, size in enumerate([60, 60, 150, 60]):
        raft.propose(str(number), bytes(size))
    appends = [send.message for send in raft.take_effects().send_now]
    assert [len(append.entries) for append in appends] == [2, 1, 1]


def test_a_lost_append_is_sent_again_after_one_heartbeat() -> None:
    swarm = Cluster('abc', heartbeat_ticks=3)
    swarm.elect('a')
    swarm.run(6)
    swarm.lost = lambda sender, to, message: isinstance(message, AppendEntries)
    request = swarm.propose('a')
    swarm.settle()
    swarm.lost = lambda sender, to, message: False
    swarm.run(3)
    swarm.settle()
    assert swarm.committed(request)


def test_a_lost_acknowledgement_is_replaced_by_the_heartbeats_answer() -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    swarm.run(4)
    swarm.lost = lambda sender, to, message: isinstance(message, AppendReply)
    request = swarm.propose('a')
    appends = sum(isinstance(m, AppendEntries) for _, _, m in swarm.trace)
    swarm.run(3)
    assert swarm.committed(request)
    assert appends == sum(isinstance(m, AppendEntries) for _, _, m in swarm.trace)


def test_a_rebooted_follower_learns_the_commit_index_of_an_idle_swarm() -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    swarm.propose('a', b'x')
    swarm.run(6)
    swarm.crash('b')
    swarm.restart('b')
    assert swarm.applied('b') == []
    swarm.run(8)
    assert swarm.applied('b') == [b'x']


def test_an_entry_counts_at_the_leader_only_when_its_own_disk_has_it() -> None:
    raft = leader()
    raft.receive(AppendReply(9, 'b', False, 1))
    assert raft.commit_index == 0
    raft.persisted(1, 9)
    assert raft.commit_index == 1


def test_two_followers_commit_without_the_leaders_disk() -> None:
    raft = leader()
    raft.receive(AppendReply(9, 'b', False, 1))
    raft.receive(AppendReply(9, 'c', False, 1))
    assert raft.commit_index == 1 and raft.status().persisted_index == 0


def test_an_ack_of_the_disk_for_an_overwritten_entry_does_not_count() -> None:
    raft = follower(term=1)
    raft.receive(AppendEntries(1, 'b', 0, 0, entries('111'), 0))
    raft.take_effects()
    raft.receive(AppendEntries(2, 'c', 1, 1, entries('2', first=2), 0))
    raft.take_effects()
    raft.persisted(3, 1)
    assert raft.status().persisted_index == 1
    raft.persisted(2, 2)
    assert raft.status().persisted_index == 2


def test_an_entry_that_comes_back_waits_for_its_own_write() -> None:
    raft = follower(term=1)
    first, other = entries('1'), entries('2')
    raft.receive(AppendEntries(2, 'b', 0, 0, first, 0))
    raft.take_effects()
    raft.receive(AppendEntries(3, 'c', 0, 0, other, 0))
    raft.take_effects()
    raft.receive(AppendEntries(4, 'b', 0, 0, first, 0))
    raft.take_effects()
    raft.persisted(1, 1)
    assert raft.status().persisted_index == 0, 'the disk still has to write the other one'
    raft.persisted(1, 2)
    assert raft.status().persisted_index == 0
    raft.persisted(1, 1)
    assert raft.status().persisted_index == 1


def test_an_unknown_ack_of_the_disk_changes_nothing() -> None:
    raft = follower('11')
    raft.persisted(7, 7)
    raft.persisted(1, 1)
    assert raft.status().persisted_index == 2


def test_a_second_leader_in_a_term_is_not_listened_to() -> None:
    raft = follower()
    answer(raft, Heartbeat(1, 'b', 0, 1))
    assert answer(raft, AppendEntries(1, 'c', 0, 0, entries('1'), 0)) == []
    assert raft.leader == 'b' and raft.status().drops == {Drop.SECOND_LEADER: 1}


def test_committed_entries_cannot_be_overwritten() -> None:
    raft = follower('11')
    answer(raft, AppendEntries(1, 'b', 2, 1, (), 2))
    answer(raft, AppendEntries(5, 'c', 0, 0, entries('555'), 3))
    assert [entry.term for entry in raft._log.slice(1, 2)] == [1, 1]


def test_entries_that_are_applied_by_a_durable_state_machine_are_not_handed_out_again() -> None:
    config = RaftConfig('a', ('a', 'b', 'c'))
    raft = Raft(config, Restored(HardState(1, ''), entries('111'), applied=2), Random(1))
    raft.receive(AppendEntries(1, 'b', 3, 1, (), 3))
    assert [entry.index for entry in raft.take_effects().committed] == [3]


def test_a_heartbeat_round_that_never_was_is_no_answer() -> None:
    raft = leader()
    raft.receive(HeartbeatReply(9, 'b', 5, 0))
    assert raft.status().drops == {Drop.OUT_OF_RANGE: 1}


def test_what_got_lost_is_sent_again_once_and_the_flow_goes_on() -> None:
    raft = leader('11')
    for robot in 'bc':
        answer(raft, AppendReply(9, robot, False, 3))
    sent = []
    for request_id in 'vwxy':
        raft.propose(request_id, b'-')
        sent += [send.message for send in raft.take_effects().send_now]
    assert [append.prev_index for append in sent] == [3, 4, 5, 6]
    # The first one never reached b, which therefore rejects the others.
    (again,) = answer(raft, AppendReply(9, 'b', True, 4, 3, 9))
    assert (again.prev_index, len(again.entries)) == (3, 4)
    assert answer(raft, AppendReply(9, 'b', True, 5, 3, 9)) == []
    assert answer(raft, AppendReply(9, 'b', True, 6, 3, 9)) == []
    # Nothing waits for the answer; and an append that came after it shows whether it was lost too.
    raft.propose('z', b'-')
    (send,) = raft.take_effects().send_now
    assert (send.to, send.message.prev_index) == (('b', 'c'), 7)
    (again,) = answer(raft, AppendReply(9, 'b', True, 7, 3, 9))
    assert (again.prev_index, len(again.entries)) == (3, 5)
