"""Which of two claims about a robot holds, in whatever order they come."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from swim_net import Lone, alive, dead, left, suspect

from swarm_consensus.protocols.gossip.swim.effects import News
from swarm_consensus.protocols.gossip.swim.messages import Claim, Gossip, State


def test_a_robot_that_is_heard_has_joined_with_no_list_to_edit():
    me = Lone()
    me.swim.heard('new', 7)
    me.pass_time(30)
    assert me.told(News.JOINED) == ['new']
    assert alive('new', 7) in me.claims()


def test_a_suspect_is_a_member_until_it_is_declared_dead():
    me = Lone('a', 'b', 'c')
    me.gossip('a', suspect('b', 'a'))
    assert me.told(News.SUSPECTED) == ['b'] and me.swim.state('b') is State.SUSPECT
    me.gossip('a', dead('b', 'a'))
    # Heard itself a moment ago, so that one word more is only one accuser more.
    assert me.swim.state('b') is State.SUSPECT and not me.told(News.DIED)
    me.pass_time(1_000)
    me.gossip('a', dead('b', 'a'))
    assert me.told(News.DIED) == ['b'] and me.swim.state('b') is State.DEAD


def test_an_accusation_is_refuted_at_once_and_by_a_greater_number():
    me = Lone('a')
    me.gossip('a', suspect('me', 'a'))
    assert me.claims() == [alive('me', 1, 1)] and me.swim.health == 1
    me.taken()
    me.pass_time(2 * 30)
    me.taken()
    me.gossip('a', dead('me', 'a', refutations=5))
    assert me.claims() == [alive('me', 1, 6)]


def test_an_accusation_that_was_refuted_is_answered_by_what_is_so():
    me = Lone('a')
    me.gossip('a', suspect('me', 'a'))
    me.pass_time(100)
    me.taken()
    me.gossip('a', suspect('me', 'a'))
    assert me.claims() == [alive('me', 1, 1)]


@pytest.mark.parametrize(
    'claim', [suspect('me', 'a', incarnation=2), dead('me', 'a', refutations=2**32 - 1)]
)
def test_what_only_a_liar_can_have_said_is_counted_and_no_number_is_used_up(claim):
    me = Lone('a')
    me.gossip('a', claim)
    assert me.swim.dropped['FALSE'] == 1 and me.swim.refutations == 0


def test_what_is_said_of_an_earlier_boot_is_nothing_to_refute():
    me = Lone('a')
    me.gossip('a', dead('me', 'a', incarnation=0))
    assert me.swim.refutations == 0 and not me.swim.dropped['FALSE']


def test_a_refutation_clears_the_suspicion_everywhere():
    me = Lone('a', 'b')
    me.gossip('a', suspect('b', 'a'))
    me.gossip('a', alive('b'))
    assert me.swim.state('b') is State.SUSPECT
    me.gossip('a', alive('b', 1, 1))
    assert me.told(News.REFUTED) == ['b'] and me.swim.state('b') is State.ALIVE
    me.gossip('a', suspect('b', 'a'))
    assert me.swim.state('b') is State.ALIVE


def test_a_leave_is_told_from_a_crash_also_where_the_crash_was_told_first():
    me = Lone('a', 'b')
    me.pass_time(1_000)
    me.gossip('a', dead('b', 'a'))
    me.gossip('a', left('b'))
    assert me.swim.state('b') is State.LEFT and me.told(News.LEFT) == ['b']
    me.gossip('a', dead('b', 'a'))
    assert me.swim.state('b') is State.LEFT


def test_a_later_boot_is_recognised_and_an_earlier_one_changes_nothing():
    me = Lone('a', 'b')
    me.swim.heard('b', 2)
    me.pass_time(1)
    assert me.told(News.REBOOTED) == ['b']
    me.gossip('a', left('b', 1), dead('b', 'a', 1), alive('b', 1, 9))
    assert me.swim.state('b') is State.ALIVE
    me.gossip('a', left('b', 2))
    me.swim.heard('b', 3)
    me.pass_time(1)
    assert me.told(News.RETURNED) == ['b'] and me.swim.state('b') is State.ALIVE


def test_claims_give_the_same_in_whatever_order_they_come():
    claims = [
        alive('b', 1), suspect('b', 'a', 1), dead('b', 'a', 1), alive('b', 1, 1),
        left('b', 1, 1), alive('b', 2), dead('b', 'a', 2),
    ]  # fmt: skip
    found = set()
    for order in itertools.permutations(claims):
        me = Lone('a')
        me.gossip('a', *order)
        found.add(me.swim.members()[1])
    assert len(found) == 1 and found.pop().state is State.DEAD


def test_the_end_of_a_robot_that_was_never_met_is_remembered_and_not_told():
    me = Lone('a')
    me.gossip('a', left('gone'))
    assert me.swim.state('gone') is State.LEFT and not me.events
    # Somebody who has not heard of it says late that it is there.
    me.gossip('a', alive('gone'))
    assert me.swim.state('gone') is State.LEFT


def test_who_is_gone_is_forgotten_after_a_time_that_all_count_from_its_end():
    me = Lone('a', keep_ticks=1_000, sync_ticks=100_000)
    me.gossip('a', Claim('gone', 1, 0, State.LEFT, '', 7), Claim('old', 1, 0, State.LEFT, '', 10))
    # Ten seconds are over for the one, three are left of the other.
    assert me.swim.state('old') is None
    for _ in range(4):
        me.swim.heard('a', 1)
        me.pass_time(100)
    assert me.swim.state('gone') is None and me.told(News.FORGOTTEN) == ['gone']


def test_robots_that_are_named_are_never_forgotten():
    me = Lone('a', 'b', named=('b',), keep_ticks=100)
    me.gossip('a', left('b'))
    me.pass_time(1_000)
    assert me.swim.state('b') is State.LEFT


def test_members_are_bounded_and_who_is_gone_makes_room():
    me = Lone('a', 'b', members_max=5, named=('z',))
    me.gossip('a', alive('c'), alive('d'))
    # One is this robot, and one place is kept for who is named.
    assert me.swim.state('c') is not None and me.swim.state('d') is None
    assert me.swim.dropped['FULL'] == 1
    me.gossip('a', left('c'), alive('d'), left('e'), alive('z'))
    assert me.swim.state('c') is None and me.swim.state('d') is State.ALIVE
    assert me.swim.state('e') is None and me.swim.state('z') is State.ALIVE


def test_strangers_are_refused_whoever_speaks_of_them():
    me = Lone('a', admitted=frozenset({'a', 'b'}))
    me.gossip('a', alive('b'), alive('stranger'))
    me.hear('stranger', Gossip((dead('a', 'stranger'),)))
    assert [member.robot for member in me.swim.members()] == ['a', 'b']
    assert me.swim.state('a') is State.ALIVE and me.swim.dropped['STRANGER'] == 2


@pytest.mark.parametrize(
    'claim',
    [Claim('', 1, 0, State.ALIVE), Claim('b', 1, 0, State.DEAD), Claim('b', 1, 0, State.LEFT, 'a')],
)
def test_claims_that_make_no_sense_are_counted(claim):
    me = Lone('a')
    me.gossip('a', claim)
    assert me.swim.dropped['MALFORMED'] == 1 and len(me.swim.members()) == 1


def test_random_claims_never_break_a_robot_nor_let_it_go_back():
    for seed in range(200):
        random = Random(seed)
        me = Lone('a', 'b', seed=seed, members_max=6, keep_ticks=500, ticks_per_second=10)
        newest: dict[str, tuple[int, int]] = {}
        for _ in range(60):
            state = random.choice(list(State))
            accused = state in (State.SUSPECT, State.DEAD)
            claim = Claim(
                random.choice(('me', 'a', 'b', 'c', 'd', 'e', 'f')), random.randrange(3),
                random.randrange(3), state, random.choice('ab') if accused else '',
                random.randrange(80),
            )  # fmt: skip
            me.gossip(random.choice('ab'), claim)
            me.pass_time(random.randrange(40))
            assert len(me.swim.members()) < 6, f'seed {seed}'
            known = {member.robot: member for member in me.swim.members()}
            for robot in me.told(News.FORGOTTEN):
                newest.pop(robot, None)
            me.taken()
            for robot, member in known.items():
                version = (member.incarnation, member.refutations)
                assert version >= newest.get(robot, version), f'seed {seed}'
                newest[robot] = version
