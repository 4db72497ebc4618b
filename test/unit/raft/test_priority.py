"""Rank prefers a leader, and never costs one (the rules stand in election.py and transfer.py)."""

from __future__ import annotations

from random import Random

import pytest
from raft_cluster import Cluster

from swarm_consensus.protocols.raft import (
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
    TimeoutNow,
    TransferEnd,
    VoteReply,
    VoteRequest,
)

HANDOVER_TICKS = 80


def voter(priority: int = 10, **settings: tuple[str, ...]) -> Raft:
    """Robot a with a log of one entry, to be asked by hand."""
    members = {'voters': ('a', 'b', 'c'), **settings}
    log = (Entry(1, 1, EntryKind.NOOP),)
    config = RaftConfig('a', priority=priority, **members)
    return Raft(config, Restored(HardState(1, ''), log), Random(1))


def votes(raft: Raft, priority: int, *, term: int = 2, last: int = 1, **kind: bool) -> bool:
    raft.take_effects()
    raft.receive(VoteRequest(term, 'b', last, 1, priority=priority, **{'pre': True, **kind}))
    (send,) = raft.take_effects().send_after
    return send.message.granted


def ranked(names: str = 'abc', **priorities: int) -> Cluster:
    """A swarm that `a` leads, whose robots have told their ranks."""
    swarm = Cluster(names, priorities=priorities)
    swarm.elect('a')
    swarm.run(4)
    return swarm


def ends(swarm: Cluster, name: str = 'a') -> list[tuple[str, TransferEnd, bool]]:
    return [(r.target, r.end, r.asked) for r in swarm.robots[name].transfers]


@pytest.mark.parametrize(('priority', 'granted'), [(9, False), (10, True), (11, True)])
@pytest.mark.parametrize('pre', [True, False])
def test_a_voter_of_higher_rank_refuses_a_log_that_equals_its_own(
    priority: int, granted: bool, pre: bool
) -> None:
    assert votes(voter(), priority, pre=pre) is granted


def test_a_refusal_in_a_swarm_that_never_had_a_term_ends_the_round() -> None:
    swarm = Cluster('ab', priorities={'b': 1})
    swarm.campaign('a')
    assert swarm.role('a') is Role.FOLLOWER and swarm['a'].status().drops == {}


def test_a_better_log_beats_any_rank() -> None:
    assert votes(voter(), 0, last=2, pre=False)


def test_rank_beats_no_log() -> None:
    assert not votes(voter(), 99, last=0, pre=False)


def test_who_cannot_lead_does_not_refuse_for_its_rank() -> None:
    assert votes(voter(voters=('b', 'c'), learners=('a',)), 0, pre=False)


def test_the_robot_that_the_leader_sends_gets_the_vote_whatever_its_rank() -> None:
    raft = voter()
    raft.receive(Heartbeat(1, 'c', 0, 1))
    assert votes(raft, 0, pre=False, transfer=True)


def test_a_vote_that_was_given_is_repeated_whatever_the_rank() -> None:
    raft = voter()
    assert votes(raft, 10, pre=False) and votes(raft, 0, pre=False)


def test_what_a_voter_asks_falls_while_nobody_leads_and_is_back_with_a_leader() -> None:
    raft = voter()
    least = []
    for _ in range(7):
        # Asked as another term's candidate, so that no election of its own is in the way.
        least.append(min(rank for rank in range(20) if votes(raft, rank, term=raft.term + 1)))
        for _ in range(20):
            raft.tick()
    assert least == [10, 8, 6, 4, 2, 0, 0]
    raft.receive(Heartbeat(5, 'c', 0, 1))
    for _ in range(10):
        raft.tick()
    assert not votes(raft, 9, term=6) and votes(raft, 10, term=6)


def test_a_lower_rank_leads_where_the_highest_is_silent() -> None:
    swarm = Cluster('abc', priorities={'a': 1, 'b': 5, 'c': 9})
    swarm.crash('c')
    swarm.run(45)
    assert len(swarm.leaders) == 1


@pytest.mark.parametrize('seed', range(10))
def test_a_lower_rank_leads_where_the_highest_can_refuse_but_not_win(seed: int) -> None:
    swarm = Cluster('abc', seed, priorities={'a': 0, 'b': 100})
    swarm.crash('c')
    # What b asks is lost, what it answers arrives.
    swarm.lost = lambda sender, to, message: sender == 'b' and isinstance(message, VoteRequest)
    swarm.run(90)
    assert swarm.leaders == [], 'b still waits for better'
    swarm.run(60)
    assert swarm.leaders == ['a']


def test_a_leader_hands_over_to_a_higher_rank_once_it_has_led_for_a_while() -> None:
    swarm = ranked(b=1, c=2)
    swarm.run(HANDOVER_TICKS - 5)
    assert swarm.leaders == ['a']
    swarm.run(2)
    assert swarm.leaders == ['c'] and ends(swarm) == [('c', TransferEnd.DONE, False)]
    swarm.run(10 * HANDOVER_TICKS)
    assert swarm.leaders == ['c'] and swarm['c'].term == 2, 'nobody ranks higher'


def test_equal_ranks_leave_the_leader_where_it_is() -> None:
    swarm = ranked(a=3, b=3, c=3)
    swarm.run(10 * HANDOVER_TICKS)
    assert swarm.leaders == ['a'] and swarm['a'].term == 1


def test_no_handover_to_a_robot_that_lags_until_it_has_caught_up() -> None:
    swarm = ranked(c=2)
    with swarm.cut('c'):
        swarm.propose('a')
        swarm.run(HANDOVER_TICKS + 5)
        assert swarm.leaders == ['a'] and ends(swarm) == []
    swarm.run(8)
    assert swarm.leaders == ['c']


def test_no_handover_to_a_learner() -> None:
    config = RaftConfig('a', ('a', 'b'), learners=('d',))
    raft = Raft(config, Restored(), Random(1))
    while not raft.term:
        raft.tick()
        raft.receive(VoteReply(1, 'b', True, pre=True))
    raft.receive(VoteReply(1, 'b', True, pre=False))
    for _ in range(2 * HANDOVER_TICKS):
        raft.tick()
        while (effects := raft.take_effects()) is not None:
            if effects.persist is not None and effects.persist.entries:
                raft.persisted(1, 1)
            for send in effects.send_now:
                if isinstance(send.message, Heartbeat):
                    for name, rank in (('b', 0), ('d', 9)):
                        raft.receive(HeartbeatReply(1, name, send.message.round, 1, rank))
        assert raft.leader == 'a' and raft.status().transfer == ''
    assert raft.commit_index == 1


def test_handovers_that_fail_are_tried_less_and_less_often() -> None:
    swarm = ranked(c=2)
    swarm.lost = lambda sender, to, message: isinstance(message, TimeoutNow)
    began, before = [], ''
    for tick in range(2000):
        swarm.run(1)
        transfer = swarm['a'].status().transfer
        if transfer and not before:
            began.append(tick)
        before = transfer
    gaps = [later - earlier for earlier, later in zip(began, began[1:], strict=False)]
    assert gaps == [160, 320, 640] and swarm.leaders == ['a']
    assert ends(swarm) == [('c', TransferEnd.TIMEOUT, False)] * 4


def test_no_target_named_goes_to_the_higher_rank_of_equal_logs() -> None:
    swarm = ranked('abcd', a=9, b=1, c=7, d=3)
    swarm.transfer('a')
    swarm.settle()
    assert swarm.leaders == ['c'] and ends(swarm) == [('c', TransferEnd.DONE, True)]


def test_a_handover_that_somebody_also_asked_for_is_told_as_asked() -> None:
    swarm = ranked(c=2)
    swarm.lost = lambda sender, to, message: isinstance(message, TimeoutNow)
    swarm.run(HANDOVER_TICKS + 1)
    swarm.transfer('a', 'c')
    swarm.run(10)
    assert ends(swarm) == [('c', TransferEnd.TIMEOUT, True)]


def test_a_rank_that_changed_over_a_reboot_counts() -> None:
    swarm = ranked()
    swarm.crash('b')
    swarm.restart('b', priority=4)
    swarm.run(HANDOVER_TICKS + 5)
    assert swarm.leaders == ['b']


@pytest.mark.parametrize('rank', [-1, 2**62 + 1])
def test_a_rank_out_of_range_is_not_believed(rank: int) -> None:
    swarm = ranked()
    swarm.receive('a', HeartbeatReply(1, 'b', 1, 1, rank))
    swarm.receive('b', VoteRequest(2, 'c', 1, 1, pre=True, priority=rank))
    for name in 'ab':
        assert swarm[name].status().drops[Drop.OUT_OF_RANGE] == 1


@pytest.mark.parametrize('seed', range(20))
def test_the_highest_rank_leads_in_the_end_whoever_was_first(seed: int) -> None:
    random = Random(seed)
    ranks = {name: random.randrange(4) for name in 'abcde'}
    swarm = Cluster('abcde', seed, priorities=ranks)
    for _ in range(5):
        victim = random.choice('abcde')
        swarm.crash(victim)
        swarm.run(random.randint(10, 60))
        swarm.restart(victim)
    swarm.run(60 + 4 * HANDOVER_TICKS)
    (leader,) = swarm.leaders
    assert ranks[leader] == max(ranks.values()), ranks
