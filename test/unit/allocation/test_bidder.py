"""One robot: what it takes, gives up and says."""

from __future__ import annotations

from random import Random

from allocation_net import DISCOUNTED
import pytest

from swarm_consensus.protocols.allocation import (
    AllocationError,
    Bidder,
    BidderConfig,
    Bids,
    BidsHash,
    BidsKnown,
    BidStatement,
    BidTerms,
    Method,
    Send,
    Task,
    Worker,
)
from swarm_consensus.protocols.allocation.terms import TermsBook


def bidder(tasks=(), **settings) -> Bidder:
    base = {'relay_ticks': 0, 'compare_ticks': 0, 'patience_ticks': 0, 'bundle_max': 3}
    me = Bidder(BidderConfig('me', 1, **(base | settings)), DISCOUNTED, Random(1))
    me.set_worker(Worker('me', 0, 0))
    me.add_tasks(tasks)
    me.step(0.0)
    return me


def hear(me: Bidder, robot: str, version: int, *bids: tuple[str, float], sender: str = '') -> None:
    me.receive(sender or robot, Bids((BidStatement(robot, 1, version, bids),)))
    me.step(0.0)


# Of robots that `bidder` makes.
TERMS = TermsBook(BidderConfig('you', 1), DISCOUNTED).hash
ROW = [Task('a', 10, 0), Task('b', 20, 0), Task('c', 30, 0), Task('d', 40, 0)]


def test_it_takes_what_it_gains_most_of_and_says_so() -> None:
    me = bidder(ROW)
    assert me.bundle.names == ['a', 'b', 'c'] and me.path == ('a', 'b', 'c')
    (send,) = me.take_sends()
    (statement,) = send.message.statements
    assert send.to == () and statement.robot == 'me' and statement.bids == me.bundle.rows()
    me.step(1.0)
    assert me.take_sends() == []


def test_what_it_loses_goes_with_all_that_it_took_afterwards() -> None:
    me = bidder(ROW)
    me.take_sends()
    hear(me, 'you', 1, ('b', 1.0))
    assert me.bundle.names == ['a', 'c', 'd']
    assert me.winners('b') == ('you',) and me.winners('a') == ('me',)


def test_what_comes_free_is_taken_where_it_would_have_been_taken_first() -> None:
    me = bidder(ROW)
    before = me.bundle.rows()
    hear(me, 'you', 1, ('a', 1.0))
    assert me.bundle.names == ['b', 'c', 'd']
    hear(me, 'you', 2)
    assert me.bundle.rows() == before


def test_an_equal_bid_of_a_lesser_name_wins() -> None:
    me = bidder([ROW[0]])
    (bid,) = me.bundle.bids
    hear(me, 'zoe', 1, ('a', bid))
    assert me.bundle.names == ['a'] and me.winners('a') == ('me',)
    hear(me, 'ann', 1, ('a', bid))
    assert me.bundle.names == [] and me.winners('a') == ('ann',)


def test_a_task_for_two_is_won_by_the_two_best() -> None:
    me = bidder([Task('a', 10, 0, robots=2)])
    hear(me, 'b', 1, ('a', 1.0))
    assert me.winners('a') == ('b', 'me')
    hear(me, 'c', 1, ('a', 1.5))
    assert me.winners('a') == ('c', 'b') and me.bundle.names == []


def test_a_task_that_finds_too_few_robots_rests() -> None:
    me = bidder([Task('a', 10, 0, robots=2), Task('b', 20, 0)], bundle_max=1, patience_ticks=50)
    assert me.bundle.names == ['a']
    me.pass_time(50)
    me.step(0.0)
    me.step(0.0)
    assert me.bundle.names == ['b']
    # Where it is found out that the other one is there after all, it is not for ever.
    me.pass_time(100)
    me.step(0.0)
    assert me.bundle.names == ['a']


def test_what_others_say_is_passed_on_once() -> None:
    me = bidder()
    me.take_sends()
    hear(me, 'you', 1, ('a', 1.0))
    (send,) = me.take_sends()
    assert send == Send((), Bids((BidStatement('you', 1, 1, (('a', 1.0),)),)))
    hear(me, 'you', 1, ('a', 1.0), sender='other')
    assert me.take_sends() == []


def test_what_enough_others_have_passed_on_is_not() -> None:
    me = bidder(relay_ticks=1, relay_heard=2)
    me.take_sends()
    passed_on = 0
    for version in range(1, 40):
        hear(me, 'you', version, ('a', 1.0))
        for other in ('o', 'p'):
            hear(me, 'you', version, ('a', 1.0), sender=other)
        me.pass_time(1)
        me.step(0.0)
        passed_on += len(me.take_sends())
    # Only those whose random delay was none.
    assert 5 < passed_on < 35


def test_old_statements_change_nothing() -> None:
    me = bidder(ROW)
    hear(me, 'you', 2)
    rows = me.bundle.rows()
    hear(me, 'you', 1, ('a', 1.0))
    assert me.bundle.rows() == rows and me.winners('a') == ('me',)


def test_two_that_know_different_things_tell_each_other_all() -> None:
    me, you = bidder(), bidder()
    for version, each in enumerate((me, you), start=1):
        hear(each, f'far{version}', 7)
        hear(each, 'both', version)
        each.take_sends()
    me.receive('you', BidsHash(you.board.hash(), TERMS))
    (known,) = me.take_sends()
    assert known.to == ('you',) and isinstance(known.message, BidsKnown)
    you.receive('me', known.message)
    for send in you.take_sends():
        assert send.to == ('me',)
        me.receive('you', send.message)
    for send in me.take_sends():
        you.receive('me', send.message)
    assert me.board.known() == you.board.known()
    me.receive('you', BidsHash(you.board.hash(), TERMS))
    assert me.take_sends() == []


def test_two_with_other_settings_tell_each_other_which_and_then_are_quiet() -> None:
    me, you = bidder(), bidder(method=Method.GREEDY, bundle_max=2)
    me.take_sends(), you.take_sends()
    theirs = TermsBook(BidderConfig('you', 1, method=Method.GREEDY, bundle_max=2), DISCOUNTED)
    me.receive('you', BidsHash(me.board.hash(), theirs.hash))
    (asked,) = me.take_sends()
    assert asked.to == ('you',) and isinstance(asked.message, BidTerms)
    you.receive('me', asked.message)
    (answer,) = you.take_sends()
    assert answer.message == BidTerms(theirs.own, answer=True)
    me.receive('you', answer.message)
    assert me.differences == {'you': (('bundle_max', '2', None), ('method', 'greedy', 'cbba'))}
    assert you.differences == {'me': (('bundle_max', None, '2'), ('method', 'cbba', 'greedy'))}
    me.receive('you', BidsHash(me.board.hash(), theirs.hash))
    assert me.take_sends() == []
    me.receive('you', BidsHash(me.board.hash(), TERMS))
    assert me.take_sends() == [] and me.differences == {}


def test_it_speaks_up_against_what_is_said_to_be_its_own() -> None:
    """As when its disk was lost, and its numbers begin anew."""
    me = bidder(ROW)
    me.take_sends()
    hear(me, 'me', 40, ('d', 9.0), sender='you')
    (send,) = me.take_sends()
    (statement,) = send.message.statements
    assert statement.version == 41 and statement.bids == me.bundle.rows()


def test_a_task_that_it_carries_out_leaves_the_others_as_they_are() -> None:
    me = bidder(ROW)
    later = me.bundle.rows()[1:]
    me.set_worker(Worker('me', 10, 0, free_in_s=5))
    me.drop_tasks(['a'], own=['a'])
    me.step(10.0)
    assert me.bundle.rows()[:2] == later and me.bundle.names == ['b', 'c', 'd']


def test_a_task_that_is_cancelled_takes_with_it_what_was_taken_afterwards() -> None:
    me = bidder(ROW)
    before = me.bundle.rows()
    me.drop_tasks(['b'])
    me.step(0.0)
    assert me.bundle.names == ['a', 'c', 'd'] and me.bundle.rows()[0] == before[0]
    # Nearer without it being on the way; its bid was made anew.
    assert me.bundle.bids[1] >= dict(before)['c']


def test_a_robot_that_takes_no_tasks() -> None:
    me = bidder(ROW)
    me.set_worker(None)
    me.step(0.0)
    assert me.bundle.names == [] and me.path == ()
    hear(me, 'you', 1, ('a', 1.0))
    assert me.winners('a') == ('you',)


def test_a_description_of_another_robot() -> None:
    with pytest.raises(AllocationError, match="'me' was given the description of 'you'"):
        bidder().set_worker(Worker('you', 0, 0))


@pytest.mark.parametrize('method', [Method.GREEDY, Method.OPTIMAL])
def test_the_alternatives_come_from_what_robots_say_of_themselves(method: Method) -> None:
    robots = {}
    for name, x in (('ann', 0), ('bob', 100)):
        robots[name] = Bidder(BidderConfig(name, 1, method=method), DISCOUNTED, Random(1))
        robots[name].set_worker(Worker(name, x, 0))
        robots[name].add_tasks([Task('left', 10, 0), Task('right', 90, 0), Task('mid', 55, 0)])
    for _ in range(2):
        for name, robot in robots.items():
            robot.step(0.0)
            for send in robot.take_sends():
                robots['bob' if name == 'ann' else 'ann'].receive(name, send.message)
    for robot in robots.values():
        assert robot.winners('left') == ('ann',) and robot.winners('right') == ('bob',)
        assert robot.winners('mid') == (('bob',) if method is Method.GREEDY else ())
    assert robots['bob'].path == (('right', 'mid') if method is Method.GREEDY else ('right',))
