"""What a peer may send: nothing of it crashes a replica, fills it, or carries its clock away."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from crdt_net import CODEC, Net
from crdt_ops import deltas, random_op, replica
import pytest

from swarm_consensus.protocols.crdt import (
    Delta,
    Digest,
    Dots,
    Kind,
    Message,
    Pull,
    Pulled,
    RefusedError,
    Replica,
)
from swarm_consensus.protocols.crdt.clock import COUNTER_BITS, HybridClock, milliseconds
from swarm_consensus.protocols.crdt.context import SEQUENCE_MAX, Context, context_of
from swarm_consensus.protocols.crdt.ids import (
    BOOT_MAX,
    LEVEL_MAX,
    boot_of,
    is_replica_id,
    level_of,
    replica_id,
    robot_of,
)
from swarm_consensus.protocols.crdt.kinds import COUNT_MAX, pack_sums, winner
from swarm_consensus.protocols.crdt.messages import BUCKETS
from swarm_consensus.transport.errors import EncodeError, MalformedError

ID = replica_id('r9', 0, 1, 9)
OTHER = replica_id('r8', 0, 1, 8)


def delta(**changes: object) -> Delta:
    fields = {
        'writers': (ID,),
        'writes': (('k', 1, b'', 0, 1, 5, b'v'),),
        'spans': ((0, 1, 1),),
    }
    return Delta(**{**fields, **changes})  # type: ignore[arg-type]


def one() -> Replica:
    return replica('r1', listen_ticks=1, value_bytes_max=100)


@pytest.mark.parametrize(
    ('message', 'problem'),
    [
        (delta(writers=('nobody',)), 'WRITERS'),
        (delta(writers=(ID, ID)), 'WRITERS'),
        (delta(writers=(ID + '\n',)), 'WRITERS'),
        (delta(spans=((1, 1, 1),)), 'SPANS'),
        (delta(spans=((0, 0, 0),)), 'SPANS'),
        (delta(spans=((0, 5, 4),)), 'SPANS'),
        (delta(writes=(('k', 1, b'', 1, 1, 5, b'v'),)), 'WRITES'),
        (delta(writes=(('', 1, b'', 0, 1, 5, b'v'),)), 'WRITES'),
        (delta(writes=(('k', 1, b'item', 0, 1, 5, b'v'),)), 'WRITES'),
        (delta(writes=(('k', 2, b'', 0, 1, 5, b'v'),)), 'WRITES'),
        (delta(writes=(('k', 4, b'item', 0, 1, 0, b'v'),)), 'WRITES'),
        (delta(writes=(('k', 5, b'', 0, 1, 0, b'short'),)), 'WRITES'),
        (delta(writes=(('k', 5, b'', 0, 1, 0, pack_sums(COUNT_MAX + 1, 0)),)), 'WRITES'),
        (delta(writes=(('k', 1, b'', 0, 1, 5, bytes(101)),)), 'OVERSIZE'),
        (Pull(1, 0, (ID,), ((0, 0, 5),), bytes(8 * BUCKETS)), 'SPANS'),
        (Pull(1, 0, (ID,), ((0, 1, 5),), bytes(8)), 'BUCKETS'),
        (Dots(0, (ID,), ((0, 1, 5),), ((3, 0, 9, b'short'),)), 'BUCKETS'),
        (delta(writers=(ID,), spans=tuple((0, 2 * n, 2 * n) for n in range(1, 5000))), 'ROWS'),
    ],
)
def test_what_is_wrong_is_counted_and_changes_nothing(message: Message, problem: str) -> None:
    it = one()
    it.receive('r9', message, 0)
    assert it.dropped == {problem: 1}
    assert it.take_effects() is None and not it.used


@pytest.mark.parametrize(
    'write',
    [
        ('k' * 257, 1, b'', 0, 1, 5, b''),
        ('k', 0, b'', 0, 1, 5, b''),
        ('k', 6, b'', 0, 1, 5, b''),
        ('k', 4, bytes(1025), 0, 1, 0, b''),
        ('k', 1, b'', 0, 0, 5, b''),
        ('k', 1, b'', 0, SEQUENCE_MAX + 1, 5, b''),
        ('k', 1, b'', 0, 1, -1, b''),
        ('k', 1, b'', 0, 1, 5, bytes((1 << 20) + 1)),
    ],
)
def test_fields_out_of_bounds_never_reach_a_replica(write: tuple[object, ...]) -> None:
    """The codec refuses them, before memory is taken."""
    good = CODEC._encoder.encode((96, ((ID,), (('k', 1, b'', 0, 1, 5, b''),), ())))
    assert isinstance(CODEC.decode(good), Delta)
    with pytest.raises(MalformedError):
        CODEC.decode(CODEC._encoder.encode((96, ((ID,), (write,), ()))))


def test_random_messages_do_no_harm_beyond_what_a_write_may_do() -> None:
    """Thousands of them: no exception, and the bounds hold."""
    for seed in range(300):
        random = Random(seed)
        it = replica('r1', seed, listen_ticks=1, rows_max=50, bytes_max=50_000)
        names = [ID, OTHER, replica_id('r1', LEVEL_MAX, BOOT_MAX, 1), replica_id('r1', 5, 1, 1)]
        for _ in range(40):
            try:
                message = CODEC.decode(CODEC.encode(random_message(random, names)))
            except EncodeError:
                # Out of the bounds of the fields, which the codec of every robot holds.
                continue
            it.receive(random.choice(['r8', 'r9']), message, 0)
            it.tick()
            if random.random() < 0.3:
                random_op(random).do(it)
            it.take_effects()
        assert it.state.context.size <= 60
        assert it.state.size <= 3 * 50_000
        it.state.encode()


def random_message(random: Random, names: list[str]) -> Message:
    writers = tuple(random.sample(names, random.randint(0, len(names))))
    count = len(writers)

    def number() -> int:
        return random.choice([0, 1, 2, 3, 7, 2**40, LEVEL_MAX, SEQUENCE_MAX])

    spans = tuple(
        (random.randint(0, count), number(), number()) for _ in range(random.randint(0, 3))
    )
    if random.random() < 0.5:
        kinds = [(1, b'', number(), b'v'), (4, b'i', 0, b''), (5, b'', 0, pack_sums(1, 2))]
        writes = []
        for _ in range(random.randint(0, 4)):
            kind, item, time, value = random.choice(kinds)
            writes.append(
                (random.choice('ab'), kind, item, random.randint(0, count), number(), time, value)
            )
        return Delta(writers, tuple(writes), spans)
    buckets = random.choice([bytes(8), bytes(8 * BUCKETS), random.randbytes(8 * BUCKETS)])
    return random.choice(
        [
            Digest(number(), random.getrandbits(64), random.getrandbits(64)),
            Pull(number(), number(), writers, spans, buckets),
            Dots(number(), writers, spans, ((random.randrange(256), 0, 2**64 - 1, bytes(16)),)),
            Pulled(number(), random.random() < 0.5, number()),
        ]
    )


def test_a_replica_that_is_full_takes_no_more_than_twice_its_bound() -> None:
    it = replica('r1', listen_ticks=1, bytes_max=20_000, value_bytes_max=1_000)
    for number in range(1, 100):
        write = (f'k{number}', 1, b'', 0, number, 5, bytes(1_000))
        it.receive('r9', delta(writes=(write,), spans=()), 0)
    assert 40_000 < it.state.size < 42_000
    assert it.dropped['FULL'] > 50
    with pytest.raises(RefusedError, match='remove keys'):
        it.put('mine', b'', 0)
    # What takes away is taken, and then there is room.
    it.receive('r9', delta(writes=(), spans=((0, 1, 99),)), 0)
    assert it.state.size == 0
    it.put('mine', b'', 0)


def test_no_more_pulls_are_answered_in_a_tick_than_there_is_time_for() -> None:
    it = one()
    it.put('k', b'v', 0)
    it.take_effects()
    pull = Pull(1, 0, (), (), bytes(8 * BUCKETS))
    for number in range(20):
        it.receive(f'r{number}', replace_number(pull, number), 0)
    assert it.dropped == {'BUSY': 12}
    it.tick()
    it.receive('r9', pull, 0)
    assert it.dropped == {'BUSY': 12}


def replace_number(pull: Pull, number: int) -> Pull:
    return replace(pull, number=number)


# -- clocks ----------------------------------------------------------------------------------------


def test_a_clock_is_later_than_all_that_it_gave_or_took_over() -> None:
    clock = HybridClock(1_000)
    times = [clock.now(ms) for ms in (5, 5, 4, 6)]
    assert times == sorted(set(times)) and milliseconds(times[-1]) == 6
    assert clock.observe((50 << COUNTER_BITS) + 3, 6)
    assert clock.now(6) == (50 << COUNTER_BITS) + 4


def test_a_clock_that_is_insane_carries_nobody_with_it_and_does_not_win_for_ever() -> None:
    """Its concurrent write wins; whoever has seen it writes in its place."""
    sane, other, insane = (replica(name, listen_ticks=1) for name in ('r1', 'r2', 'r3'))
    year = 365 * 24 * 3600 * 1000
    insane.put('k', b'insane', year)
    sane.put('k', b'concurrent', 1_000)
    (said,) = deltas(insane)
    for it in (sane, other):
        it.receive('r3', said, 1_000)
        assert it.dropped == {'CLOCK_AHEAD': 1}
    assert winner(sane.state.slot('k', Kind.REGISTER))[6] == b'insane'
    sane.take_effects()
    sane.put('k', b'mine', 1_010)
    (write,) = sane.state.slot('k', Kind.REGISTER)
    assert write[6] == b'mine' and milliseconds(write[5]) == 1_010
    (said,) = deltas(sane)
    for it in (insane, other):
        it.receive('r1', said, 1_010)
        assert [w[6] for w in it.state.slot('k', Kind.REGISTER)] == [b'mine']
    # Nor do others write in its time from then on.
    other.put('new', b'', 1_020)
    assert milliseconds(other.state.slot('new', Kind.REGISTER)[0][5]) == 1_020


def test_a_write_that_has_seen_a_later_one_is_later_within_bounds() -> None:
    ahead, behind = (replica(name, listen_ticks=1) for name in ('r1', 'r2'))
    ahead.put('a', b'', 30_000)
    (said,) = deltas(ahead)
    behind.receive('r1', said, 0)
    behind.put('b', b'', 0)
    assert not behind.dropped
    times = [w[5] for w in (*behind.state.slot('a', 1), *behind.state.slot('b', 1))]
    assert times == sorted(set(times))


# -- contexts and names ----------------------------------------------------------------------------


def test_a_context_is_the_set_of_dots_that_were_added() -> None:
    """Against sets of numbers: contains, covers, missing, and the way there and back."""
    for seed in range(500):
        random = Random(seed)
        one_, two = Context(), Context()
        sets: list[set[int]] = [set(), set()]
        for _ in range(random.randint(0, 12)):
            place = random.randrange(2)
            first = random.randint(1, 20)
            last = first + random.randint(0, 4)
            (one_, two)[place].add(ID, first, last)
            sets[place] |= set(range(first, last + 1))
        for context, known in zip((one_, two), sets, strict=True):
            assert {n for n in range(1, 30) if context.contains(ID, n)} == known
            for first in range(1, 26, 3):
                for last in range(first, 27, 2):
                    covered = set(range(first, last + 1)) <= known
                    assert context.covers(ID, first, last) == covered
            assert context_of(0, context.spans()) == context
        missing = {n for first, last in one_.missing(ID, two) for n in range(first, last + 1)}
        assert missing == sets[0] - sets[1]


def test_a_settled_writer_counts_as_seen_unless_it_has_a_row() -> None:
    context = Context(3, {ID: 2})
    assert context.contains(ID, 2) and not context.contains(ID, 3)
    assert context.contains(OTHER, 10**9) and context.covers(OTHER, 1, 10**9)
    new = replica_id('r7', 3, 1, 1)
    assert not context.contains(new, 1)
    context.add(OTHER, 5, 6)
    assert OTHER not in context.rows
    context.drop(ID)
    assert context.contains(ID, 3)


def test_names_say_robot_level_and_boot_and_nothing_else_is_one() -> None:
    name = replica_id('robot_1', 3, 17, 255)
    assert name == 'robot_1/3/17/ff'
    assert (robot_of(name), level_of(name), boot_of(name)) == ('robot_1', 3, 17)
    for wrong in ('', 'r', 'r/1/2', 'r/01/2/3', 'r/1/2/3/4', 'r/-1/2/3', 'r/1/2/G', '/1/2/3'):
        assert not is_replica_id(wrong)
    for robot in ('', 'a/b', 'x' * 101):
        with pytest.raises(ValueError, match='no name'):
            replica_id(robot, 0, 0, 0)


def test_an_element_that_is_told_in_ranges_is_found_wherever_it_lies() -> None:
    """Buckets whose hashes do not fit into a message are compared in parts; all have their turn."""
    net = Net(5, 2, listen_ticks=1, message_bytes_max=1_200, value_bytes_max=100)
    net.run(1)
    for number in range(800):
        net.do('r1', lambda it, n=number: it.add('set', b'%d' % n))
        if number % 50 == 0:
            net.run(1)
    net.run_until_equal(3_000)
    # Removals that nobody hears of.
    net.split({'r1'}, {'r2'})
    for number in range(0, 800, 2):
        net.do('r1', lambda it, n=number: it.discard('set', b'%d' % n))
    net.heal()
    net.run_until_equal(5_000)
    assert len(net.replicas['r2'].state.writes_of('set', Kind.ADD_SET)) == 400
