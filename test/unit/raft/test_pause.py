"""What was made waits for a slow radio: no more is made meanwhile, and nothing taken for lost."""

from __future__ import annotations

from collections.abc import Iterable

from raft_cluster import Cluster

from swarm_consensus.protocols.raft import (
    AppendEntries,
    Heartbeat,
    HeartbeatReply,
    Outcome,
    ProposalForward,
    Raft,
)


def elected(**settings: int) -> Cluster:
    swarm = Cluster('abc', append_target_bytes=200, heartbeat_ticks=1, **settings)
    swarm.elect('a')
    swarm.run(4)
    return swarm


def made(raft: Raft, kind: type) -> list:
    """Everything of a kind that a robot has to send now; what is written is durable at once."""
    found = []
    while (effects := raft.take_effects()) is not None:
        for send in (*effects.send_now, *effects.send_after):
            if isinstance(send.message, kind):
                found.append(send.message)
        if effects.persist is not None and effects.persist.end is not None:
            raft.persisted(*effects.persist.end)
    return found


def indexes(appends: Iterable[AppendEntries]) -> list[int]:
    return [entry.index for append in appends for entry in append.entries]


def test_while_appends_wait_no_more_are_made_and_then_one_carries_all() -> None:
    leader = elected()['a']
    leader.propose('first', b'x')
    assert indexes(made(leader, AppendEntries)) == [2]
    leader.pause(True, False)
    for number in range(3):
        leader.propose(f'more{number}', b'x')
        assert made(leader, AppendEntries) == []
    leader.pause(False, False)
    [append] = made(leader, AppendEntries)
    assert indexes([append]) == [3, 4, 5]
    # Said once more it changes nothing.
    leader.pause(False, False)
    assert made(leader, AppendEntries) == []


def test_what_waits_here_is_not_taken_for_lost_when_heartbeats_overtake_it() -> None:
    leader = elected()['a']
    leader.propose('first', b'x')
    assert indexes(made(leader, AppendEntries)) == [2]
    leader.pause(True, False)
    rounds = []
    for _ in range(5):
        leader.tick()
        rounds += [beat.round for beat in made(leader, Heartbeat) if beat.round]
        for follower in 'bc':
            leader.receive(HeartbeatReply(leader.term, follower, rounds[-1], 1))
        assert made(leader, AppendEntries) == []
    assert len(rounds) == 5
    # It has left now. What the answers to the next round do not know of is lost.
    leader.pause(False, False)
    assert made(leader, AppendEntries) == []
    for _ in range(3):
        leader.tick()
        [beat] = [beat for beat in made(leader, Heartbeat) if beat.round]
        leader.receive(HeartbeatReply(leader.term, 'b', beat.round, 1))
    assert 2 in indexes(made(leader, AppendEntries))


def test_an_append_that_is_made_with_a_round_may_leave_after_it() -> None:
    leader = elected()['a']
    leader.propose('first', b'x')
    leader.tick()
    effects = leader.take_effects()
    beats = [s.message for s in effects.send_now if isinstance(s.message, Heartbeat)]
    assert indexes(s.message for s in effects.send_now if isinstance(s.message, AppendEntries))
    leader.receive(HeartbeatReply(leader.term, 'b', beats[-1].round, 1))
    assert made(leader, AppendEntries) == []


def test_a_follower_keeps_its_proposals_until_what_it_made_has_left() -> None:
    swarm = elected()
    follower = swarm['b']
    follower.pause(True, False)
    for number in range(4):
        follower.propose(f'b{number}', b'x', 50)
        assert made(follower, ProposalForward) == []
    follower.pause(False, False)
    [forward] = made(follower, ProposalForward)
    assert len(forward.request_ids) == 4
    # While it waits in its turn it is not asked again; after it has left the wait begins anew.
    follower.pause(True, False)
    for _ in range(8):
        follower.tick()
        follower.receive(Heartbeat(follower.term, 'a', 1, 0))
        assert made(follower, ProposalForward) == []
    follower.pause(False, False)
    assert made(follower, ProposalForward) == []


def test_an_append_takes_no_more_entries_than_its_target() -> None:
    leader = elected()['a']
    for number in range(10):
        leader.propose(str(number), bytes(60))
    appends = made(leader, AppendEntries)
    assert indexes(appends) == list(range(2, 12))
    assert max(len(append.entries) for append in appends) == 2
    leader.propose('large', bytes(1_000))
    assert indexes(made(leader, AppendEntries)) == [12]


def test_one_proposal_is_taken_whatever_its_size_where_nothing_is_under_way() -> None:
    swarm = elected(uncommitted_bytes_max=10, entry_bytes_max=100)
    large = swarm.propose('a', bytes(100))
    second = swarm.propose('a', b'x')
    swarm.settle()
    assert swarm.result(large).outcome is Outcome.COMMITTED
    assert swarm.result(second).outcome is Outcome.REFUSED
    forwarded = swarm.propose('b', bytes(100))
    swarm.settle()
    assert swarm.result(forwarded).outcome is Outcome.COMMITTED
