"""Whom a robot asks whether it lives, who helps, and what it makes of the answers."""

from __future__ import annotations

import pytest
from swim_net import GOSSIP, PROBE, TIMEOUT, Lone, alive, dead, suspect

from swarm_consensus.protocols.gossip.swim.config import SwimConfig
from swarm_consensus.protocols.gossip.swim.effects import News, Send
from swarm_consensus.protocols.gossip.swim.errors import ConfigError
from swarm_consensus.protocols.gossip.swim.messages import (
    Ack,
    Digest,
    Gossip,
    Nack,
    Ping,
    PingRequest,
    Roll,
    State,
)
from swarm_consensus.protocols.gossip.swim.swim import Swim


def answer_rounds(me, rounds):
    """Let so many rounds pass in which everybody answers; returns whom it asked."""
    asked = []
    for _ in range(rounds * PROBE):
        me.pass_time(1)
        for send in me.sent(Ping):
            asked += send.to
            for robot in send.to:
                me.hear(robot, Ack(send.message.number, robot))
        me.taken()
    return asked


def test_all_robots_are_asked_in_each_turn_in_a_new_order():
    names = [f'r{n}' for n in range(8)]
    me = Lone(*names)
    asked = answer_rounds(me, 40)
    # None has to wait for longer than two turns, less the two places that it has in them.
    assert len(asked) >= 39
    starts = range(len(asked) - 15)
    assert all(set(asked[start : start + 15]) == set(names) for start in starts)
    turns = {tuple(asked[n : n + 8]) for n in range(0, 32, 8)}
    assert len(turns) > 1


def test_a_ping_is_answered():
    me = Lone('a')
    me.hear('a', Ping(9))
    assert me.taken() == [Send(('a',), Ack(9, 'me'))]


def test_who_does_not_answer_is_asked_by_others_and_then_suspected():
    me = Lone('a', 'b', 'c', 'd')
    ping = me.wait_for(Ping)
    (target,) = ping.to
    me.taken()
    me.pass_time(TIMEOUT - 1)
    assert not me.sent(PingRequest)
    me.pass_time(1)
    (request,) = me.sent(PingRequest)
    # One message serves all helpers.
    assert len(request.to) == 3 and target not in request.to
    assert request.message == PingRequest(ping.message.number, (target,))
    me.pass_time(PROBE - TIMEOUT)
    assert me.told(News.SUSPECTED) == [target]
    assert me.claims() == [suspect(target, 'me')]


def test_an_answer_that_a_helper_brings_counts():
    me = Lone('a', 'b')
    ping = me.wait_for(Ping)
    (target,), (helper,) = ping.to, {'a', 'b'} - set(ping.to)
    me.wait_for(PingRequest)
    me.hear(helper, Ack(ping.message.number, target))
    me.pass_time(PROBE - TIMEOUT)
    assert not me.told(News.SUSPECTED) and me.swim.health == 0


def test_an_answer_that_nobody_was_asked_for_does_not_count():
    me = Lone('a', 'b')
    ping = me.wait_for(Ping)
    (target,), (other,) = ping.to, {'a', 'b'} - set(ping.to)
    # It was not asked to help yet, and this is the number of another ping.
    me.hear(other, Ack(ping.message.number, target), Ack(ping.message.number + 1, other))
    assert me.swim.dropped['UNASKED'] == 2
    me.pass_time(PROBE)
    assert me.told(News.SUSPECTED) == [target]


def test_a_round_ends_early_when_no_helper_reaches_the_robot():
    me = Lone('a', 'b', 'c')
    ping = me.wait_for(Ping)
    request = me.wait_for(PingRequest)
    for helper in request.to:
        me.hear(helper, Nack(ping.message.number, ping.to))
    assert me.told(News.SUSPECTED) == list(ping.to)
    # All helpers were heard, so this robot is well.
    assert me.swim.health == 0


@pytest.mark.parametrize('heard', [0, 1])
def test_a_robot_that_hears_no_helper_either_thinks_that_it_is_ill(heard):
    me = Lone('a', 'b', 'c')
    ping = me.wait_for(Ping)
    request = me.wait_for(PingRequest)
    for helper in request.to[:heard]:
        me.hear(helper, Nack(ping.message.number, ping.to))
    me.taken()
    me.pass_time(PROBE - TIMEOUT)
    assert me.swim.health == 2 - heard
    # Its rounds are so many times longer from then on.
    first = me.wait_for(Ping)
    me.taken()
    me.pass_time((2 - heard) * PROBE)
    assert first and not me.sent(Ping)


def test_a_helper_pings_and_passes_the_answer_on():
    me = Lone('a', 'b')
    me.taken()
    me.hear('a', PingRequest(5, ('b',)))
    (ping,) = me.sent(Ping)
    assert ping.to == ('b',)
    me.hear('b', Ack(ping.message.number, 'b'))
    assert me.sent(Ack) == [Send(('a',), Ack(5, 'b'))]
    me.taken()
    me.pass_time(TIMEOUT)
    assert not me.sent(Nack)


def test_a_helper_says_that_it_does_not_reach_the_robot_either():
    me = Lone('a', 'b')
    me.hear('a', PingRequest(5, ('b',)))
    me.pass_time(TIMEOUT)
    assert me.sent(Nack) == [Send(('a',), Nack(5, ('b',)))]


@pytest.mark.parametrize('robots', [(), ('me',), ('b', 'b'), ('',), ('a',)])
def test_requests_that_make_no_sense_are_counted(robots):
    me = Lone('a', 'b')
    me.hear('a', PingRequest(5, robots))
    assert me.swim.dropped['MALFORMED'] == 1 and not me.sent(Ping)


def test_requests_under_way_are_bounded():
    me = Lone('a', 'b')
    for number in range(300):
        me.hear('a', PingRequest(number, ('b',)))
    assert me.swim.dropped['FULL'] == 300 - 256


def test_a_suspect_is_told_when_it_is_asked_and_when_it_is_heard():
    me = Lone('a', 'b')
    me.gossip('a', suspect('b', 'a'))
    warning = Send(('b',), Gossip((suspect('b', 'a'),)))
    me.taken()
    me.swim.heard('b', 1)
    me.pass_time(1)
    assert warning in me.sends
    me.taken()
    asked = set()
    me.pass_time(GOSSIP)
    me.taken()
    for _ in range(3 * PROBE):
        me.pass_time(1)
        if me.sent(Ping):
            asked |= set(me.sent(Ping)[0].to)
            assert (warning in me.sends) == (me.sent(Ping)[0].to == ('b',))
            me.taken()
    assert 'b' in asked


def test_a_suspect_dies_when_its_time_is_over_and_confirmations_shorten_it():
    # Two robots, so nobody else can confirm.
    me = Lone('b', suspicion_multiplier=2)
    me.gossip('b', alive('b'))
    me.wait_for(Ping)
    me.pass_time(PROBE)
    assert me.told(News.SUSPECTED) == ['b']
    me.pass_time(2 * PROBE - 1)
    assert not me.told(News.DIED)
    me.pass_time(2)
    assert me.told(News.DIED) == ['b'] and dead('b', 'me') in me.claims()


def test_robots_that_were_heard_a_moment_ago_are_not_asked():
    me = Lone('a', 'b', 'c', fresh_ticks=PROBE, targets_max=8)
    for _ in range(10 * PROBE // 20):
        for robot in ('a', 'b', 'c'):
            me.swim.heard(robot, 1)
        me.pass_time(20)
    assert not me.sent(Ping) and me.swim.health == 0
    # Two fall silent, and one message asks both.
    me.taken()
    for _ in range(2 * PROBE // 20):
        me.swim.heard('a', 1)
        me.pass_time(20)
    assert {send.to for send in me.sent(Ping)} <= {('b', 'c'), ('c', 'b')}
    assert me.sent(Ping)


def test_the_dead_are_asked_now_and_then_and_told():
    me = Lone('a', 'b', reconnect_ticks=PROBE)
    me.pass_time(1_000)
    me.gossip('a', dead('b', 'a'))
    me.taken()
    me.hear('a', Ping(1))
    for _ in range(20):
        me.swim.heard('a', 1)
        me.pass_time(PROBE)
    assert [s for s in me.sent(Ping) if s.to == ('b',)]
    assert [s for s in me.sent(Gossip) if s.to == ('b',) and s.message.claims[0].robot == 'b']


def test_a_dead_robot_that_is_heard_is_told_so_that_it_refutes():
    me = Lone('a', 'b')
    me.pass_time(1_000)
    me.gossip('a', dead('b', 'a'))
    me.taken()
    me.swim.heard('b', 1)
    me.swim.heard('b', 1)
    me.pass_time(1)
    # Once in a while only, however much is heard of it.
    warnings = [s for s in me.sent(Gossip) if s.to == ('b',)]
    assert [s.message.claims[0].state for s in warnings] == [State.DEAD]
    me.hear('b', Gossip((alive('b', 1, 1),)))
    assert me.told(News.RETURNED) == ['b']


def test_news_is_sent_a_bounded_number_of_times_and_less_where_others_are_heard_to_say_it():
    me = Lone('a', 'b', 'c')
    copies = me.config.copies(4)
    me.gossip('a', alive('new'))
    me.pass_time(100 * GOSSIP)
    assert me.claims().count(alive('new')) == copies
    me.taken()
    me.gossip('a', alive('newer'))
    for _ in range(copies):
        me.gossip('b', alive('newer'))
    me.pass_time(100 * GOSSIP)
    # Once at least: some may hear this robot alone.
    assert me.claims().count(alive('newer')) == 1
    assert me.swim.waiting == 0


def test_who_leaves_says_so_and_nothing_more():
    me = Lone('a')
    me.taken()
    me.swim.leave()
    me.pass_time(1)
    assert [claim.state for claim in me.claims()] == [State.LEFT]
    me.taken()
    me.hear('a', Ping(1), Gossip((suspect('me', 'a'),)))
    me.pass_time(1_000)
    assert not me.sends and me.swim.refutations == 0


def test_a_newcomer_asks_robots_that_are_named_until_it_is_told():
    me = Lone(named=('me', 'a', 'b'))
    me.pass_time(500)
    assert {send.to for send in me.sent(Digest)} == {('a',), ('b',)}
    me.hear('a', Roll('', '', (alive('a'), alive('b'), alive('c')), True))
    assert me.told(News.JOINED) == ['a', 'b', 'c']
    me.taken()
    me.pass_time(500)
    assert not me.sent(Digest)


def test_robots_that_know_the_same_compare_a_hash_and_no_more():
    one, other = Lone('a', 'b'), Lone('a', 'b')
    digest = one.wait_for(Digest, 200_000).message
    other.hear('a', digest)
    assert other.sent(Roll) == [Send(('a',), Roll('', '', (), False))]


def test_what_another_robot_does_not_know_is_told_page_by_page():
    names = [f'r{n:03}' for n in range(100)]
    me = Lone(*names)
    me.taken()
    me.hear('r000', Digest(0))
    pages = [send.message for send in me.sent(Roll)]
    assert len(pages) == 4 and all(page.reply for page in pages)
    assert [claim.robot for page in pages for claim in page.claims] == sorted([*names, 'me'])
    other = Lone('x', 'r050a')
    for page in pages:
        other.hear('x', page)
    # It has learnt all, and tells the two that were missing.
    assert len(other.swim.members()) == 102
    assert sorted(c.robot for s in other.sent(Roll) for c in s.message.claims) == ['r050a', 'x']


def test_a_death_that_comes_by_comparing_is_a_suspicion_first():
    me = Lone()
    me.gossip('a', alive('b'))
    # It was never heard itself.
    me.hear('a', Roll('', '', (dead('b', 'z'),), False))
    assert me.told(News.SUSPECTED) == ['b'] and me.swim.state('b') is State.SUSPECT
    me.gossip('a', dead('b', 'z'))
    assert me.told(News.DIED) == ['b']


def test_a_stall_makes_a_robot_careful():
    me = Lone('a')
    me.swim.stalled()
    assert me.swim.health == 1


def test_nothing_happens_before_the_time_that_is_said():
    for seed in range(20):
        stepped, jumping = Lone('a', 'b', seed=seed), Lone('a', 'b', seed=seed)
        for _ in range(100):
            ticks = jumping.swim.idle_ticks()
            assert ticks >= 1
            stepped.pass_time(ticks - 1)
            assert not stepped.sends, f'seed {seed}'
            stepped.pass_time(1)
            jumping.swim.pass_time(ticks)
            jumping._gather()
            assert stepped.taken() == jumping.taken(), f'seed {seed}'


@pytest.mark.parametrize(
    'settings',
    [
        {'probe_ticks': 30, 'probe_timeout_ticks': 15},
        {'helpers': -1},
        {'gossip_ticks': 0},
        {'targets_max': 33},
        {'named': ('a', 'b', 'c'), 'members_max': 3},
        {'named': ('a',), 'admitted': frozenset({'b'})},
        {'named': ('',)},
    ],
)
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ConfigError):
        Swim(SwimConfig('r', 1, **settings), None)
