"""The exact mode: every robot's newest item reaches all, once, whatever the radio does."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from relay_swarm import PERFECT, TICK_US, TOPIC, RelaySwarm

from swarm_consensus.protocols.fusion.messages import (
    DIGESTS_MAX,
    TRAVEL_US_MAX,
    Hello,
    Item,
    Items,
    Vector,
)
from swarm_consensus.protocols.fusion.relay import KNOWN, REFUSED, Relay, RelayConfig
from swarm_consensus.simulation.fusion.graphs import arbitrary, cut, full, geometric, parts, ring
from swarm_consensus.simulation.fusion.radio import RadioFaults

ROUGH = RadioFaults(loss=0.3, repeated=0.1, delay_max=4)


@pytest.mark.parametrize('seed', range(1500))
def test_all_hold_the_same_after_random_histories(seed: int) -> None:
    """Loss, repetition, overtaking, a split, reboots, new items: in the end all have the newest."""
    random = Random(seed)
    robots = random.randint(2, 12)
    graph = arbitrary(robots, random)
    faults = ROUGH if random.random() < 0.7 else PERFECT
    swarm = RelaySwarm(graph, seed, faults)
    for _ in range(random.randint(1, 12)):
        what = random.random()
        robot = random.randrange(robots)
        if what < 0.6:
            swarm.say(robot, bytes([random.randrange(256)]))
        elif what < 0.75:
            swarm.reboot(robot)
        elif what < 0.9:
            side = [random.random() < 0.5 for _ in range(robots)]
            swarm.radio.graph = cut(graph, side)
        else:
            swarm.radio.graph = graph
        swarm.run(random.randint(0, 30))
    swarm.radio.graph = graph
    # Nobody else can know what a robot said last before it forgot it, if nobody heard it.
    for robot in range(robots):
        if swarm.boots[robot] > 1 or robot not in swarm.said:
            swarm.say(robot, b'now')
    swarm.settle(900)


def test_an_item_crosses_a_chain_of_robots_that_do_not_hear_each_other() -> None:
    """The ends of a ring are far from each other; each hop takes a round."""
    swarm = RelaySwarm(ring(40, Random(1)), 1)
    swarm.run(30)
    swarm.say(0, b'far')
    assert swarm.settle(100) <= 25


def test_where_all_hear_each_other_nobody_says_anything_twice() -> None:
    """Who knows that its neighbours hear the origin leaves it at that."""
    swarm = RelaySwarm(full(20, Random(1)), 1)
    swarm.run(60)
    before = swarm.items_sent
    for robot in range(20):
        swarm.say(robot, b'x')
    swarm.run(60)
    assert swarm.settle(0) == 0
    assert swarm.items_sent - before == 20


def test_where_robots_are_many_it_costs_less_than_flooding() -> None:
    """Flooding would be one sending of each item by each robot."""
    swarm = RelaySwarm(geometric(100, Random(1)), 1, spread_ticks=8)
    swarm.run(60)
    before = swarm.items_sent
    for robot in range(100):
        swarm.say(robot, b'x')
    swarm.settle(400)
    assert swarm.items_sent - before < 0.6 * 100 * 100


def test_a_robot_that_starts_late_gets_everything_in_few_messages() -> None:
    """Of many that could tell it, few do; and nothing that it has is sent again."""
    swarm = RelaySwarm(full(30, Random(2)), 2)
    for robot in range(30):
        swarm.say(robot, b'x')
    swarm.run(60)
    swarm.reboot(7)
    swarm.say(7, b'back')
    before = swarm.items_sent
    swarm.settle(60)
    swarm.run(60)
    # Were all of its 29 neighbours to answer it would be 29 times as many; some answers cross.
    assert swarm.items_sent - before <= 10 * 30


def test_parts_go_on_apart_and_each_counts_its_own() -> None:
    """A robot that is gone takes its item with it, and brings it back."""
    graph = full(8, Random(3))
    swarm = RelaySwarm(graph, 3, near_ticks=40, far_ticks=80)
    for robot in range(8):
        swarm.say(robot, bytes([robot]))
    swarm.settle(60)
    side = [robot < 3 for robot in range(8)]
    swarm.radio.graph = cut(graph, side)
    for _ in range(200):
        swarm.run()
        for relay in swarm.relays:
            relay.set_present(relay.reachable())
    for part in parts(swarm.radio.graph):
        for robot in part:
            assert swarm.held(robot) == swarm.truth(part)
    swarm.radio.graph = graph
    for _ in range(60):
        swarm.run()
        for relay in swarm.relays:
            relay.set_present(relay.reachable())
    assert swarm.settle(0) == 0


def test_the_age_of_an_item_grows_with_its_way_and_its_wait() -> None:
    """Whole ticks, rounded up: never younger than it is, and one tick too old a hop at most."""
    swarm = RelaySwarm(ring(12, Random(4)), 4)
    swarm.run(30)
    swarm.say(0, b'x')
    rounds = swarm.settle(50)
    swarm.run(20)
    for robot in range(1, 12):
        travelled = swarm.relays[robot].held(TOPIC)['r000'].travel_us
        hops = min(robot, 12 - robot)
        # The radio itself takes a round a hop here, which is not in it.
        assert (rounds + 20 - hops) * TICK_US <= travelled <= (rounds + 20 + hops) * TICK_US


# -- one relay -----------------------------------------------------------------------------------

NAMES = ('a', 'b', 'c')


def relay(admit: object = None, vouch: object = None, **settings: object) -> Relay:
    """Relay of robot a, boot 5."""
    config = RelayConfig('a', NAMES, 5, TICK_US)
    config = replace(config, **settings)  # type: ignore[arg-type]
    return Relay(
        config,
        Random(1),
        admit or (lambda item: 1000),  # type: ignore[arg-type]
        vouch or (lambda item: True),  # type: ignore[arg-type]
    )


def item(origin: str = 'c', sequence: int = 1, topic: str = TOPIC, incarnation: int = 1) -> Item:
    """An item."""
    return Item(origin, incarnation, sequence, topic, b'x', 10)


def sent(one: Relay, ticks: int = 100) -> list[object]:
    """Everything that it sends within some ticks."""
    found: list[object] = []
    for _ in range(ticks):
        one.pass_time(1)
        effects = one.take_effects()
        found += [send.message for send in effects.send] if effects else []
    return found


def hello(one: Relay, *heard: str, digests: tuple[tuple[str, int], ...] = ()) -> Hello:
    """A hello of a robot that hears some."""
    mask = sum(1 << NAMES.index(name) for name in heard)
    return Hello(one.neighbours.roster, 1, 1, mask.to_bytes(1, 'little'), digests)


def test_an_older_item_never_takes_the_place_of_a_newer_one() -> None:
    """Versions are compared by boot first, then by the count in it."""
    one = relay()
    one.receive('b', Items((item(sequence=3, incarnation=2),)))
    for older in (item(sequence=2, incarnation=2), item(sequence=9, incarnation=1)):
        one.receive('b', Items((older,)))
    assert one.held(TOPIC)['c'].version == (2, 3)
    one.receive('b', Items((item(sequence=1, incarnation=3),)))
    assert one.held(TOPIC)['c'].version == (3, 1)


def test_what_is_not_by_its_origin_is_neither_held_nor_passed_on() -> None:
    """A relay can neither change nor invent what another robot says."""
    one = relay(vouch=lambda item: item.sequence == 1)
    one.receive('b', Items((item(sequence=2),)))
    assert one.held(TOPIC) == {}
    assert one.dropped['FORGED'] == 1
    one.receive('b', Items((item(sequence=1),)))
    assert one.held(TOPIC).keys() == {'c'}


def test_what_comes_from_its_origin_unsigned_counts_here_and_goes_no_further() -> None:
    """The frame of the origin vouches for it, but to nobody else."""
    one = relay(vouch=lambda item: False)
    one.receive('b', hello(one, 'a'))
    one.receive('c', Items((item(),)))
    assert one.held(TOPIC).keys() == {'c'}
    assert not any(isinstance(message, Items) for message in sent(one))
    assert one.dropped['FORGED'] == 1


def test_nobody_else_knows_anything_newer_of_this_robot() -> None:
    """An item in our name that we have not said is forged; one of an earlier boot may be true."""
    one = relay()
    one.put(item('a', 1, incarnation=5))
    one.receive('b', Items((item('a', 2, incarnation=5),)))
    one.receive('b', Items((item('a', 1, incarnation=6),)))
    assert one.dropped['FORGED'] == 2
    one.receive('b', Items((item('a', 7, 'other', incarnation=4),)))
    assert one.held('other')['a'].version == (4, 7)


def test_strangers_are_counted_and_nothing_of_them_is_kept() -> None:
    """Neither as senders nor as origins."""
    one = relay()
    one.receive('z', Items((item(),)))
    one.receive('b', Items((item('z'),)))
    one.receive('a', Items((item(),)))
    assert one.dropped['STRANGER'] == 3
    assert one.held(TOPIC) == {}


def test_what_is_refused_leaves_no_trace_and_what_is_known_is_not_asked_for() -> None:
    """REFUSED as if it had not come, KNOWN so that nobody sends it again."""
    one = relay(admit=lambda item: REFUSED if item.origin == 'c' else KNOWN)
    one.receive('b', Items((item('b'), item('c'))))
    assert one.held(TOPIC) == {}
    one.receive('b', Vector(TOPIC, (('b', 1, 1), ('c', 1, 1))))
    [vector] = [m for m in sent(one) if isinstance(m, Vector)]
    assert vector.entries == (('b', 1, 1),)


def test_an_item_counts_for_as_long_as_it_was_let_in() -> None:
    """Its version stays known, so that it does not come back."""
    one = relay(admit=lambda item: 20)
    one.receive('b', Items((item(),)))
    sent(one, 19)
    assert one.held(TOPIC).keys() == {'c'}
    sent(one, 1)
    assert one.held(TOPIC) == {}
    one.receive('b', Items((item(),)))
    assert one.held(TOPIC) == {}
    one.receive('b', Items((item(sequence=2),)))
    assert one.held(TOPIC).keys() == {'c'}


def test_topics_are_bounded_and_those_go_first_that_hold_nothing() -> None:
    """Memory does not grow with what peers invent."""
    one = relay(topics_max=3)
    for topic in ('t1', 't2', 't3'):
        one.receive('b', Items((item(topic=topic),)))
    one.forget('t2')
    one.receive('b', Items((item(topic='t4'),)))
    assert [topic for topic in ('t1', 't2', 't3', 't4') if one.held(topic)] == ['t1', 't3', 't4']
    one.receive('b', Items((item(topic='t5'),)))
    assert [topic for topic in ('t1', 't3', 't4', 't5') if one.held(topic)] == ['t3', 't4', 't5']


def test_many_topics_are_compared_in_turn() -> None:
    """A hello is bounded, and each topic comes round."""
    one = relay()
    for number in range(3 * DIGESTS_MAX - 5):
        one.receive('b', Items((item(topic=f't{number:03}'),)))
    seen: set[str] = set()
    hellos = [m for m in sent(one, 60) if isinstance(m, Hello)]
    for each in hellos[:3]:
        assert len(each.digests) == DIGESTS_MAX
        seen |= {topic for topic, _ in each.digests}
    assert len(seen) == 3 * DIGESTS_MAX - 5


def test_large_answers_go_in_parts_a_tick() -> None:
    """Of a message with items not more than asked, and nothing is left out."""
    one = relay(batch_bytes_max=400)
    for number in range(20):
        one.put(item('a', number + 1, f't{number:03}', incarnation=5))
    one.take_effects()
    one.receive('b', hello(one))
    for number in range(20):
        one.receive('b', Vector(f't{number:03}', ()))
    batches = [m for m in sent(one) if isinstance(m, Items)]
    assert sum(len(batch.items) for batch in batches) == 20
    assert max(len(batch.items) for batch in batches) <= 8


def test_a_stream_of_new_items_is_relayed_now_and_then() -> None:
    """Of a robot that speaks each tick the newest goes on after each `relay_ticks`."""
    one = relay(relay_ticks=10)
    one.receive('b', hello(one, 'a'))
    relayed: list[int] = []
    for sequence in range(1, 101):
        one.receive('c', Items((item(sequence=sequence),)))
        relayed += [
            message.items[0].sequence for message in sent(one, 1) if isinstance(message, Items)
        ]
    assert 9 <= len(relayed) <= 11
    assert relayed == sorted(relayed)


def test_while_the_radio_is_full_nothing_is_said_for_others() -> None:
    """What is new of its own leaves, and hellos; the rest waits, and is not lost."""
    one = relay()
    one.receive('b', hello(one, 'a', digests=((TOPIC, 1),)))
    one.receive('c', Items((item(),)))
    one.put(item('a', 1, incarnation=5))
    held: list[object] = []
    for _ in range(40):
        one.pass_time(1)
        effects = one.take_effects(hold=True)
        held += [send.message for send in effects.send] if effects else []
    assert {type(message).__name__ for message in held} == {'Items', 'Hello'}
    assert [m.items[0].origin for m in held if isinstance(m, Items)] == ['a']
    later = sent(one, 5)
    assert [m.items[0].origin for m in later if isinstance(m, Items)] == ['c']
    assert any(isinstance(message, Vector) for message in later)


def test_travel_is_bounded() -> None:
    """What travels for ever is not too old for the wire."""
    one = relay()
    old = replace(item(), travel_us=TRAVEL_US_MAX)
    one.receive('b', Items((old,)))
    sent(one, 10)
    assert one.held(TOPIC)['c'].travel_us == TRAVEL_US_MAX


def test_robots_that_count_otherwise_are_told_everything() -> None:
    """A mask over other robots says nothing, so nobody is taken to have heard anything."""
    one = relay()
    other = Hello(one.neighbours.roster ^ 1, 1, 1, b'\xff')
    one.receive('b', other)
    one.receive('c', Items((item(),)))
    assert any(isinstance(message, Items) for message in sent(one))


def test_settings_that_are_no_times_are_refused() -> None:
    """With what is wrong."""
    with pytest.raises(ValueError, match='above 0'):
        relay(hello_ticks=0)
