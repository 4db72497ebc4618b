"""Nothing that a peer sends raises, whatever state it meets; it is counted and dropped."""

from __future__ import annotations

import dataclasses
from random import Random
import typing

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest
from raft_cluster import Cluster

from swarm_consensus.protocols.raft import (
    MESSAGE_TYPES,
    AppendEntries,
    AppendReply,
    Drop,
    Entry,
    EntryKind,
    HardState,
    Heartbeat,
    HeartbeatReply,
    Membership,
    ProposalForward,
    ProposalReply,
    Raft,
    RaftConfig,
    ReadReply,
    ReadRequest,
    Restored,
    Role,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)

HUGE = 2**63 - 1

numbers = st.one_of(
    st.integers(-2, 12), st.sampled_from([HUGE, -HUGE, 2**62, 2**62 + 1, 2**32, 2**32 + 3])
)
names = st.sampled_from(['a', 'b', 'c', 'b', 'c', 'stranger', ''])
payloads = st.binary(max_size=8)
# Mostly a log that follows on itself, so that it gets past the first checks.
entries = st.one_of(
    st.lists(
        st.builds(Entry, numbers, numbers, st.sampled_from(EntryKind), payloads), max_size=4
    ).map(tuple),
    st.builds(
        lambda first, terms: tuple(
            Entry(first + place, term, EntryKind.COMMAND, b'')
            for place, term in enumerate(sorted(terms))
        ),
        st.integers(0, 8),
        st.lists(st.integers(0, 6), max_size=5),
    ),
)
BY_TYPE = {
    int: numbers,
    str: names,
    bytes: payloads,
    Membership: st.builds(Membership, *[st.lists(names, max_size=3).map(tuple) for _ in range(5)]),
    bool: st.booleans(),
    tuple[Entry, ...]: entries,
    tuple[str, ...]: st.lists(st.sampled_from(['1', '2', '3', 'x']), max_size=4).map(tuple),
    tuple[bytes, ...]: st.lists(payloads, max_size=4).map(tuple),
    tuple[int, ...]: st.lists(numbers, max_size=4).map(tuple),
}


def messages_of(message_type: type) -> st.SearchStrategy:
    hints = typing.get_type_hints(message_type)
    return st.builds(
        message_type, *(BY_TYPE[hints[field.name]] for field in dataclasses.fields(message_type))
    )


messages = st.one_of([messages_of(message_type) for message_type in MESSAGE_TYPES])
steps = st.lists(
    st.one_of(messages, st.sampled_from(['tick', 'propose', 'read', 'transfer'])), max_size=60
)


def robot(role: Role) -> Raft:
    log = (Entry(1, 1, EntryKind.NOOP), Entry(2, 2, EntryKind.COMMAND, b'x'))
    config = RaftConfig('a', ('a', 'b', 'c'), election_ticks=4, proposal_ticks=6)
    raft = Raft(config, Restored(HardState(2, ''), log), Random(1))
    if role is Role.FOLLOWER:
        raft.receive(AppendEntries(2, 'b', 2, 2, (), 1))
        return raft
    while raft.role is Role.FOLLOWER:
        raft.tick()
    if role is not Role.PRE_CANDIDATE:
        raft.receive(VoteReply(3, 'b', True, pre=True))
    if role is Role.LEADER:
        raft.receive(VoteReply(3, 'c', True, pre=False))
    assert raft.role is role
    return raft


@pytest.mark.parametrize('role', Role)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(steps=steps)
def test_no_message_raises_in_any_role(role: Role, steps: list) -> None:
    raft = robot(role)
    term = raft.term
    committed = raft.commit_index
    for number, step in enumerate(steps):
        if step == 'tick':
            raft.tick()
        elif step == 'propose':
            raft.propose(str(number % 4), b'x')
        elif step == 'read':
            raft.read(str(number))
        elif step == 'transfer':
            raft.transfer('abcx'[number % 4])
        else:
            raft.receive(step)
        effects = raft.take_effects()
        if effects is not None and effects.persist is not None and effects.persist.end:
            raft.persisted(*effects.persist.end)
        assert raft.term >= term and raft.commit_index >= committed
        assert raft.commit_index <= raft.status().last_index
        term, committed = raft.term, raft.commit_index


@pytest.mark.parametrize(
    ('message', 'reason'),
    [
        (VoteRequest(1, 'x', 0, 0, False), Drop.STRANGER),
        (Heartbeat(1, 'x', 0, 1), Drop.STRANGER),
        (AppendReply(9, 'x', True, 0), Drop.STRANGER),
        (ProposalForward('x', ('1',), (b'',)), Drop.STRANGER),
        (ReadRequest('x', 1), Drop.STRANGER),
        (TimeoutNow(1, 'x'), Drop.STRANGER),
        (TimeoutNow(0, 'b'), Drop.OUT_OF_RANGE),
        (Heartbeat(1, 'a', 0, 1), Drop.OWN_NAME),
        (VoteReply(1, 'a', True, False), Drop.OWN_NAME),
        (AppendEntries(HUGE, 'b', 0, 0, (), 0), Drop.OUT_OF_RANGE),
        (VoteRequest(HUGE, 'b', 0, 0, False), Drop.OUT_OF_RANGE),
        (VoteRequest(-1, 'b', 0, 0, False), Drop.OUT_OF_RANGE),
        (AppendReply(2**40, 'b', True, 0), Drop.OUT_OF_RANGE),
        (AppendEntries(1, 'b', -1, 0, (), 0), Drop.OUT_OF_RANGE),
        (AppendEntries(1, 'b', 0, 0, (), HUGE), Drop.OUT_OF_RANGE),
        (Heartbeat(1, 'b', -1, 0), Drop.OUT_OF_RANGE),
        (AppendEntries(1, 'b', 0, 0, (Entry(2, 1, EntryKind.NOOP),), 0), Drop.MALFORMED),
        (AppendEntries(1, 'b', 0, 0, (Entry(1, 2, EntryKind.NOOP),), 0), Drop.MALFORMED),
        (AppendEntries(1, 'b', 0, 0, (Entry(1, 0, EntryKind.NOOP),), 0), Drop.MALFORMED),
        (AppendEntries(3, 'b', 4, 3, (Entry(5, 2, EntryKind.NOOP),), 0), Drop.MALFORMED),
        (ProposalForward('b', ('1', '2'), (b'',)), Drop.MALFORMED),
        (ProposalReply(1, 'b', ('1', '2'), (1,)), Drop.MALFORMED),
        (ProposalReply(1, 'b', ('1',), (), 99), Drop.OUT_OF_RANGE),
        (ReadReply('b', 1, 1), Drop.STALE),
        (VoteReply(1, 'b', True, True), Drop.UNASKED),
        (object(), Drop.MALFORMED),
    ],
)
def test_each_kind_of_nonsense_is_counted_under_its_reason(message: object, reason: Drop) -> None:
    raft = Raft(RaftConfig('a', ('a', 'b', 'c')), Restored(), Random(1))
    raft.receive(message)
    assert raft.status().drops == {reason: 1}
    assert (raft.term, raft.leader, raft.take_effects()) == (0, '', None)


@pytest.mark.parametrize(
    'message',
    [
        AppendReply(1, 'b', False, 99),
        AppendReply(1, 'b', False, -1),
        HeartbeatReply(1, 'b', 99, 0),
        HeartbeatReply(1, 'b', 0, 99),
    ],
)
def test_a_leader_does_not_believe_in_entries_or_rounds_that_never_were(message: object) -> None:
    swarm = Cluster('abc')
    swarm.elect('a')
    swarm.receive('a', message)
    assert swarm['a'].status().drops[Drop.OUT_OF_RANGE] == 1
    assert swarm['a'].commit_index == 1


def test_a_robot_that_shouts_does_not_stop_the_others() -> None:
    swarm = Cluster('abcde')
    swarm.elect('a')
    random = Random(3)
    for _ in range(200):
        term = random.choice([0, 1, 2, 5, HUGE])
        shout = random.choice(
            [
                VoteRequest(term, 'e', HUGE, term, random.random() < 0.5),
                VoteReply(term, 'e', True, False),
                ReadReply('e', random.randrange(99), HUGE),
                ProposalReply(1, 'e', ('a/1',), (1,)),
            ]
        )
        swarm.receive(random.choice('abcd'), shout)
        swarm.run(1)
    assert swarm.leaders == ['a'] and swarm['a'].term == 1
