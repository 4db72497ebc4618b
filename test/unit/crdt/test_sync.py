"""Delta sync ends where full-state sync would, whatever is lost, doubled, late, cut or rebooted."""

from __future__ import annotations

from random import Random

from crdt_net import Net
from crdt_ops import deltas, joined, random_op, read, replica
import pytest

from swarm_consensus.protocols.crdt import Kind, Replica
from swarm_consensus.protocols.crdt.state import whole


def storm(seed: int) -> None:
    """Run random robots through random faults; then they must be the join of all that was said."""
    random = Random(seed)
    net = Net(
        seed,
        random.randint(2, 6),
        message_bytes_max=random.choice([1_400, 50_000]),
        value_bytes_max=100,
        pieces_max=random.choice([1, 16]),
        listen_ticks=1,
    )
    net.run(2)
    everybody = sorted(net.replicas)
    # All that ever was, joined as full states would be: what each step left behind.
    everything = joined()
    for _ in range(random.randint(5, 60)):
        robot = random.choice(everybody)
        choice = random.random()
        if robot not in net.replicas:
            if choice < 0.3:
                net.join(robot)
        elif choice < 0.6:
            net.do(robot, random_op(random, net.now_ms).do)
            everything.join(whole(net.replicas[robot].state))
        elif choice < 0.7:
            net.loss, net.again = random.choice([0.0, 0.3, 0.9]), random.choice([0.0, 0.3])
            net.delay_max = random.choice([1, 5, 60])
        elif choice < 0.8:
            cut = {each for each in net.replicas if random.random() < 0.5}
            net.split(cut, set(net.replicas) - cut)
        elif choice < 0.87 and len(net.replicas) > 1:
            net.crash(robot)
        else:
            net.run(random.choice([1, 10, 40]))
    for robot in everybody:
        if robot not in net.replicas:
            net.join(robot)
    net.heal()
    net.run_until_equal(1_000)
    assert net.states == {everything.encode()}
    for one in net.replicas.values():
        assert not one.dropped, one.dropped


@pytest.mark.parametrize('base', range(0, 1000, 250))
def test_all_end_with_the_join_of_all_that_was_written(base: int) -> None:
    for seed in range(base, base + 250):
        try:
            storm(seed)
        except AssertionError as error:
            raise AssertionError(f'seed {seed}: {error}') from error


def test_nothing_is_sent_where_nothing_was_ever_shared() -> None:
    net = Net(1, 5)
    net.run(2_000)
    assert net.messages == 0


def test_a_quiet_swarm_compares_seldom_and_a_change_is_on_all_robots_at_once() -> None:
    net = Net(2, 5, listen_ticks=1)
    net.run(1)
    net.do('r1', lambda one: one.put('k', b'1', net.now_ms))
    net.run(1)
    assert len(net.states) == 1
    net.run(1_000)
    before = net.messages
    net.run(1_000)
    # Five robots, a digest each 8 * 25 ticks on average; nothing else.
    assert 5 <= net.messages - before <= 50
    net.do('r2', lambda one: one.put('k', b'2', net.now_ms))
    net.run(1)
    assert len(net.states) == 1


def test_what_was_written_in_two_parts_is_everywhere_soon_after_they_meet() -> None:
    """Within 2 s of 20 ms ticks, though a tenth is lost; removals and additions of both sides."""
    net = Net(3, 6, listen_ticks=1)
    net.run(1)
    for number in range(50):
        net.do('r1', lambda one, n=number: one.put(f'old/{n}', b'x' * 50, net.now_ms))
    net.run_until_equal(200)
    net.split({'r1', 'r2', 'r3'}, {'r4', 'r5', 'r6'})
    for number in range(300):
        net.do('r1', lambda one, n=number: one.put(f'a/{n}', b'y' * 50, net.now_ms))
        net.do('r5', lambda one, n=number: one.add('set', str(n).encode()))
        net.do('r6', lambda one: one.increment('count', 1))
        net.do('r2', lambda one: one.increment('count', 1))
        net.run(3)
    net.do('r4', lambda one: one.remove('old/'))
    net.run(20)
    net.heal()
    net.loss = 0.1
    assert net.run_until_equal(100) <= 100
    state = net.replicas['r3'].state
    assert len([key for key in state.keys() if key.startswith('a/')]) == 300
    assert len(state.writes_of('set', Kind.ADD_SET)) == 300
    assert not [key for key in state.keys() if key.startswith('old/')]
    counted = {write[3].split('/')[0]: write[6] for write in state.writes_of('count', Kind.COUNTER)}
    assert sorted(counted) == ['r2', 'r6']


def test_a_large_state_travels_in_bounded_messages_that_are_each_of_use() -> None:
    """A newcomer gets 2 MB in pieces, of which a third are lost, and nothing twice too often."""
    net = Net(4, 2, listen_ticks=1, message_bytes_max=20_000, value_bytes_max=10_000)
    net.run(1)
    for number in range(400):
        net.do('r1', lambda one, n=number: one.put(f'blob/{n}', bytes(5_000), net.now_ms))
    net.run_until_equal(200)
    net.join('r3')
    net.loss = 0.33
    before = net.bytes
    net.run_until_equal(3_000)
    # 2 MB and half as much for what was lost, and the pulls.
    assert net.bytes - before < 4_500_000


def test_a_reboot_makes_no_dot_twice() -> None:
    """A robot that was killed at any moment goes on behind what it had said."""
    for seed in range(200):
        net = Net(seed, 2, listen_ticks=1)
        net.run(1)
        made: dict[tuple[str, int], object] = {}
        for step in range(30):
            robot = net.random.choice(['r1', 'r2'])
            one = net.replicas[robot]
            one.put(net.random.choice('ab'), b'%d' % step, net.now_ms)
            if net.random.random() < 0.2:
                # It dies before the batch is durable: nobody hears of it.
                net.crash(robot)
                net.join(robot)
                continue
            effects = one.take_effects()
            assert effects is not None and effects.keep is not None
            for dot, write in effects.keep.writes:
                assert write is None or made.setdefault(dot, write) == write
            net.disks[robot].keep(effects)
            if net.random.random() < 0.2:
                # It dies behind the disk: the batch is told later, by the digests.
                net.crash(robot)
                net.join(robot)
            net.run(net.random.randint(0, 3))
        net.run_until_equal(500)


def test_a_store_that_was_lost_or_put_back_goes_on_under_another_name() -> None:
    """So no dot is ever made twice, and nothing that others hold is overwritten by chance."""
    net = Net(7, 3, listen_ticks=1)
    net.run(1)
    net.do('r1', lambda one: one.put('a', b'1', net.now_ms))
    backup = net.disks['r1'].copy()
    first = net.replicas['r1'].name
    net.do('r1', lambda one: one.put('b', b'2', net.now_ms))
    net.run_until_equal(100)
    # Put back: it believes that it has made one dot.
    net.crash('r1')
    net.disks['r1'] = backup
    net.join('r1')
    net.run_until_equal(300)
    net.do('r1', lambda one: one.put('c', b'3', net.now_ms))
    second = net.replicas['r1'].name
    assert second != first
    # Lost.
    net.leave('r1')
    net.join('r1')
    net.run_until_equal(300)
    net.do('r1', lambda one: one.put('d', b'4', net.now_ms))
    assert net.replicas['r1'].name not in (first, second)
    net.run_until_equal(300)
    assert net.replicas['r3'].state.keys() == ['a', 'b', 'c', 'd']


def test_what_a_lost_disk_left_behind_is_counted_once() -> None:
    """The change that said that a write takes the place of an older one went with the disk."""
    one, other = replica('r1', listen_ticks=1), replica('r2', listen_ticks=1)
    told = []
    for number in range(3):
        one.increment('count', 10)
        one.assign('k', b'%d' % number)
        told += deltas(one)
    other.receive('r1', told[0], 0)
    other.receive('r1', told[2], 0)
    assert len(other.state.writes_of('count', Kind.COUNTER)) == 2
    assert read(other.state) == read(one.state)


def test_a_robot_that_hears_of_its_later_dots_takes_another_name_at_once() -> None:
    one: Replica = replica('r1', listen_ticks=1)
    one.put('a', b'1', 0)
    name = one.name
    other = joined(one.state)
    other.write(name, 'b', 1, b'', 0, b'forged', ())
    one.receive('r2', whole(other), 0)
    one.put('c', b'3', 0)
    assert one.name != name
    assert {write[0] for write in one.state.writes()} == {'a', 'b', 'c'}
