"""Robots that are gone take no room in the context; who comes back loses nothing unsaid."""

from __future__ import annotations

from functools import partial
from random import Random

from crdt_net import Net
import pytest

from swarm_consensus.protocols.crdt import Kind, Replica, Settlement
from swarm_consensus.protocols.crdt.context import Context
from swarm_consensus.protocols.crdt.ids import replica_id, robot_of
from swarm_consensus.protocols.crdt.kinds import count_of
from swarm_consensus.protocols.crdt.settlement import RETIRED_MAX, settle

ROBOTS = 10_000
AT_ONCE = 100
PERMANENT = ('r1', 'r2', 'r3')


def test_ten_thousand_robots_come_write_and_leave_and_the_context_stays_as_it_was() -> None:
    net = Net(1, 3, listen_ticks=200, digest_ticks=10)
    net.run(1)
    for robot in PERMANENT:
        net.do(robot, lambda one: one.put(f'home/{one.config.robot}', b'1', net.now_ms))
    sizes, written = [], 0
    for batch in range(ROBOTS // AT_ONCE):
        visitors = [f'v{batch * AT_ONCE + number}' for number in range(AT_ONCE)]
        for visitor in visitors:
            net.visit(visitor, partial(write_something, now_ms=net.now_ms))
            written += 1
        net.run(2)
        assert len(net.states) == 1
        assert net.settle('r1', set(visitors))
        net.run(2)
        sizes.append(max(len(net.replicas[r].state.context.rows) for r in PERMANENT))
        assert len(net.states) == 1
    assert written == ROBOTS
    assert max(sizes) == len(PERMANENT), sizes
    state = net.replicas['r2'].state
    assert state.context.level == ROBOTS // AT_ONCE
    assert len(state.keys()) == 3 + 10 + 1
    assert len(state.writes_of('seen', Kind.ADD_SET)) == 10
    assert net.record is not None and len(net.record.retired) <= RETIRED_MAX
    assert not net.lost and not net.void


def write_something(visitor: Replica, now_ms: int) -> None:
    place = int(visitor.config.robot[1:]) % 10
    visitor.put(f'slot/{place}', b'x', now_ms)
    visitor.add('seen', b'%d' % place)


def back_after(net: Net, robot: str, records: int) -> None:
    """Let a robot that is cut off be settled, and as many further levels be reached."""
    assert net.settle('r1', {robot})
    net.run(30)
    for number in range(records - 1):
        visitor = f'w{number}'
        net.join(visitor)
        net.split(set(PERMANENT) | {visitor}, {robot})
        net.run(40)
        net.do(visitor, lambda one: one.put('w', b'', net.now_ms))
        net.run(30)
        net.leave(visitor)
        assert net.settle('r1', {visitor, robot})
        net.run(30)


@pytest.mark.parametrize('records', [1, 5])
def test_a_robot_that_was_settled_comes_back_under_a_new_name_and_nothing_is_lost(
    records: int,
) -> None:
    """Nor doubled, nor resurrected: what it wrote unheard is written again, what is gone is not."""
    net = Net(2, 4, listen_ticks=1)
    net.run(1)
    net.do('r4', lambda one: one.put('kept', b'1', net.now_ms))
    net.do('r4', lambda one: one.put('removed', b'1', net.now_ms))
    net.do('r4', lambda one: one.increment('count', 5))
    net.do('r2', lambda one: one.put('other', b'1', net.now_ms))
    net.run_until_equal(200)
    name = net.replicas['r4'].name
    net.split(set(PERMANENT), {'r4'})
    net.do('r4', lambda one: one.put('late', b'2', net.now_ms))
    net.do('r4', lambda one: one.put('kept', b'2', net.now_ms))
    net.do('r4', lambda one: one.increment('count', 3))
    net.do('r4', lambda one: one.remove('other'))
    net.do('r1', lambda one: one.remove('removed'))
    net.do('r2', lambda one: one.increment('count', 10))
    net.run(30)
    back_after(net, 'r4', records)
    net.heal()
    net.run_until_equal(1_000)
    one = net.replicas['r4']
    assert one.level == net.record.level and one.name != name
    state = net.replicas['r3'].state
    keys = {'kept', 'late', 'count'} | ({'w'} if records > 1 else set())
    assert set(state.keys()) == keys
    assert [write[6] for write in state.writes_of('kept', 1)] == [b'2']
    assert count_of(state.writes_of('count', Kind.COUNTER)) == 18
    assert not net.lost and not net.void
    assert robot_of(one.name) == 'r4' and one.name in state.context.rows


def test_a_robot_that_was_away_for_too_long_says_what_it_gives_up() -> None:
    """What others had heard of is not among it; what they removed meanwhile does not come back."""
    net = Net(3, 4, listen_ticks=1)
    net.run(1)
    net.do('r4', lambda one: one.put('heard', b'1', net.now_ms))
    net.do('r4', lambda one: one.put('removed', b'1', net.now_ms))
    net.run_until_equal(200)
    net.run(100)
    net.split(set(PERMANENT), {'r4'})
    net.do('r4', lambda one: one.put('unheard', b'1', net.now_ms))
    net.do('r1', lambda one: one.remove('removed'))
    assert net.settle('r1', {'r4'})
    # So many others come and go that the record no longer names it.
    for batch in range(3):
        visitors = {f'v{batch}-{number}' for number in range(100)}
        for visitor in sorted(visitors):
            net.visit(visitor, lambda one: one.put('v', b'', net.now_ms))
        net.run(30)
        assert net.settle('r1', visitors)
        net.run(10)
    assert net.record is not None and net.record.retired_from > 1
    assert net.replicas['r4'].level == 0
    net.heal()
    net.run_until_equal(1_000)
    assert [write[0] for write in net.lost] == ['unheard']
    assert net.replicas['r4'].state.keys() == ['heard', 'v']
    # It takes part again.
    net.do('r4', lambda one: one.put('unheard', b'again', net.now_ms))
    net.run_until_equal(200)
    assert net.replicas['r1'].state.keys() == ['heard', 'unheard', 'v']


def storm(seed: int) -> None:
    """Settle at random who is there and who is not; count everything."""
    random = Random(seed)
    net = Net(seed, random.randint(3, 5), listen_ticks=1, message_bytes_max=50_000)
    net.run(2)
    everybody = sorted(net.replicas)
    total = 0
    put: dict[str, str] = {}
    removed: dict[str, tuple[str, int]] = {}
    for step in range(random.randint(10, 80)):
        robot = random.choice(everybody)
        choice = random.random()
        if robot not in net.replicas:
            if choice < 0.5:
                net.join(robot)
        elif choice < 0.3:
            key = f'{robot}/{step}'
            net.do(robot, lambda one, k=key: one.put(k, b'', net.now_ms))
            put[key] = robot
        elif choice < 0.45:
            amount = random.randint(-3, 3)
            net.do(robot, lambda one, n=amount: one.increment('count', n))
            total += amount
        elif choice < 0.6:
            keys = [k for k in net.replicas[robot].state.keys() if k != 'count']
            if keys:
                key = random.choice(keys)
                for write in net.replicas[robot].state.writes_under(key):
                    removed[key] = (write[3], write[4])
                net.do(robot, lambda one, k=key: one.remove(k))
        elif choice < 0.7:
            gone = {each for each in everybody if random.random() < 0.5}
            net.settle(robot, gone)
        elif choice < 0.8:
            cut = {each for each in net.replicas if random.random() < 0.5}
            net.split(cut, set(net.replicas) - cut)
            net.loss = random.choice([0.0, 0.3])
        elif choice < 0.85 and len(net.replicas) > 1:
            net.crash(robot)
        else:
            net.run(random.choice([1, 10, 60]))
    for robot in everybody:
        if robot not in net.replicas:
            net.join(robot)
    net.heal()
    net.run_until_equal(2_000)
    one = net.replicas['r1']
    if net.record is not None:
        assert one.level == net.record.level
    assert not net.lost
    assert count_of(one.state.writes_of('count', Kind.COUNTER)) == total
    there = set(one.state.keys()) - {'count'}
    assert {key for key in put if key not in removed} <= there
    # What is removed stays so. But a removal of a write that the swarm settled without, of which
    # its author has not heard, does not hold: the author writes it again.
    for key in there & removed.keys():
        writer, sequence = removed[key]
        assert net.record is not None and net.record.settles(writer), key
        assert sequence > net.record.final(writer), key
    # Nobody but those who are there, and those that nobody has proposed to settle yet.
    for robot in everybody:
        net.do(robot, lambda one: one.put(f'{one.config.robot}/last', b'', net.now_ms))
    net.run_until_equal(200)
    net.settle('r1', set())
    net.run_until_equal(500)
    assert len(net.replicas['r2'].state.context.rows) == len(everybody)


@pytest.mark.parametrize('base', range(0, 800, 200))
def test_settling_loses_doubles_and_resurrects_nothing_whoever_is_settled_when(base: int) -> None:
    for seed in range(base, base + 200):
        try:
            storm(seed)
        except AssertionError as error:
            raise AssertionError(f'seed {seed}: {error}') from error


def test_a_record_names_a_bounded_number_of_replicas_and_says_from_when_on() -> None:
    level, before, context = 0, None, Context()
    me = replica_id('me', 0, 1, 1)
    for step in range(30):
        context = Context(level, {me: 1})
        for number in range(20):
            context.add(replica_id(f'v{step}.{number}', level, 1, number), 1, number + 1)
        before = settle(context, before, me, lambda robot: robot != 'me')
        assert before is not None and before.problem() == ''
        level = before.level
        assert len(before.retired) <= RETIRED_MAX and before.kept == (me,)
    assert before.retired_from == 30 - RETIRED_MAX // 20 + 1
    assert before.final(replica_id('v29.5', 29, 1, 5)) == 6
    assert before.final(replica_id('new', 29, 1, 5)) == 0
    assert before.final(replica_id('v0.5', 0, 1, 5)) is None
    assert not before.settles(me) and not before.settles(replica_id('x', 30, 1, 1))


@pytest.mark.parametrize(
    ('changes', 'problem'),
    [
        ({}, ''),
        ({'kept': ()}, 'SETTLEMENT_RULES'),
        ({'kept': ('no name',)}, 'SETTLEMENT_NAMES'),
        ({'kept': (replica_id('a', 3, 1, 1),)}, 'SETTLEMENT_LEVELS'),
        ({'retired': ((replica_id('a', 0, 1, 1), 5, 1),)}, 'SETTLEMENT_NAMES'),
        ({'retired_from': 4}, 'SETTLEMENT_RULES'),
    ],
)
def test_a_record_is_checked(changes: dict[str, object], problem: str) -> None:
    fields = {'level': 3, 'kept': (replica_id('a', 0, 1, 1),), 'retired': (), 'retired_from': 1}
    assert Settlement(**{**fields, **changes}).problem() == problem
