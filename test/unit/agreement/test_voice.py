"""A robot says one thing in a slot, over any number of reboots."""

from __future__ import annotations

from random import Random

from agreement_liars import play
from agreement_net import BinaryNet, chosen, coin_of, common, graded, shuffled
from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from swarm_consensus.protocols.agreement.messages import Kind, Statement
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.voice import Voice, mask_of, members

FOUR = Thresholds(4, 1, True)
SEVEN = Thresholds(7, 2, True)
THREE_CRASH = Thresholds(3, 1, False)
ONCE = [kind for kind in Kind if not kind.repeats]


def test_only_support_may_be_said_of_several_values() -> None:
    assert {kind for kind in Kind if kind.repeats} == {Kind.SUPPORT, Kind.SUPPORT_GRADE}


@pytest.mark.parametrize('kind', ONCE)
def test_a_second_value_in_a_slot_is_not_said(kind: Kind) -> None:
    voice = Voice('s', 1, 4)
    assert voice.vote(kind, 2, 5, 1) == 1
    assert voice.vote(kind, 2, 5, 0) == 1
    assert voice.take_new().votes == ((kind, 5, 1, mask_of([2])),)
    assert voice.vote(kind, 2, 5, 0) == 1
    assert voice.silent and voice.take_new().votes == ()


def test_slots_differ_by_kind_proposer_and_round() -> None:
    voice = Voice('s', 1, 4)
    for place, (kind, proposer, round_) in enumerate(
        [(Kind.AUX, 0, 0), (Kind.AUX, 0, 1), (Kind.AUX, 1, 0), (Kind.CONF, 0, 0)]
    ):
        assert not voice.voted(kind, proposer, round_)
        assert voice.vote(kind, proposer, round_, 1 - place % 2) == 1 - place % 2
        assert voice.voted(kind, proposer, round_)


@pytest.mark.parametrize('kind', [Kind.SUPPORT, Kind.SUPPORT_GRADE])
def test_support_of_each_value_is_said_once(kind: Kind) -> None:
    voice = Voice('s', 1, 4)
    for _ in range(2):
        for value in (0, 1):
            assert voice.vote(kind, 0, 0, value) == value
    assert voice.take_new().votes == ((kind, 0, 0, b'\x01'), (kind, 0, 1, b'\x01'))
    assert voice.voted(kind, 0, 0, 1) and not voice.voted(kind, 0, 0, 2)


def test_a_second_echo_or_ready_says_the_first_one() -> None:
    voice = Voice('s', 1, 4)
    assert voice.echo(0, b'a') == b'a' and voice.echo(0, b'b') == b'a'
    assert voice.ready(0, b'a') == b'a' and voice.ready(0, b'b') == b'a'
    assert voice.echo(1, b'b') == b'b'
    assert (voice.echoed(0), voice.was_ready(0), voice.was_ready(1)) == (b'a', b'a', None)
    statement = voice.take_new()
    assert (statement.echoes, statement.readies) == (((0, b'a'), (1, b'b')), ((0, b'a'),))


def test_a_share_is_given_once() -> None:
    voice = Voice('s', 1, 4)
    for share in (b'first', b'second'):
        voice.share(0, 2, share)
    assert voice.take_new().shares == ((0, 2, b'first'),) and voice.silent


def test_it_is_ripe_once_something_new_is_said_of_every_input_until_it_is_taken() -> None:
    for say in (
        lambda voice, about: voice.echo(about, b'hash'),
        lambda voice, about: voice.ready(about, b'hash'),
        lambda voice, about: voice.vote(Kind.AUX, about, 3, about % 2),
    ):
        voice = Voice('s', 1, 4)
        voice.vote(Kind.AUX, 0, 0, 1)
        for about in range(4):
            assert not voice.ripe
            say(voice, about)
            say(voice, about)
        assert voice.ripe
        voice.take_new()
        assert not voice.ripe


def test_the_end_is_told_once_and_the_first_outcome_stays() -> None:
    voice = Voice('s', 1, 4)
    assert not voice.settled_untold
    voice.settle(b'outcome')
    voice.settle(b'other')
    # There is nothing to be said for its own sake: it goes with the next statement.
    assert voice.silent and voice.settled_untold
    assert voice.take_new().settled == b'outcome'
    assert not voice.settled_untold
    assert voice.take_new().settled == b''
    assert voice.everything(False).settled == b'outcome'


def test_votes_that_differ_in_the_proposer_only_go_as_one_in_the_order_of_their_rounds() -> None:
    voice = Voice('s', 1, 4)
    for round_, proposer in ((0, 0), (0, 9), (1, 3), (0, 2)):
        voice.vote(Kind.AUX, proposer, round_, 1)
    assert voice.take_new().votes == (
        (Kind.AUX, 0, 1, mask_of([0, 2, 9])),
        (Kind.AUX, 1, 1, mask_of([3])),
    )


@given(st.sets(st.integers(0, 255)))
def test_a_mask_holds_its_members(robots: set[int]) -> None:
    mask = mask_of(robots)
    assert members(mask) == sorted(robots)
    assert len(mask) == (max(robots) // 8 + 1 if robots else 0)
    # A longer mask of the same robots says the same.
    assert members(mask + b'\0') == sorted(robots)


acts = st.lists(
    st.one_of(
        st.tuples(
            st.just('vote'), st.sampled_from(Kind), st.integers(0, 3), st.integers(0, 2),
            st.integers(0, 2),
        ),
        st.tuples(st.sampled_from(['echo', 'ready']), st.integers(0, 3), st.binary(max_size=2)),
        st.tuples(
            st.just('share'), st.integers(0, 3), st.integers(0, 2),
            st.binary(min_size=1, max_size=2),
        ),
        st.tuples(st.just('settle'), st.binary(min_size=1, max_size=2)),
        st.tuples(st.just('take_new')),
        st.tuples(st.just('reboot')),
    ),
    max_size=40,
)


def slots_of(statement: Statement) -> dict[tuple[object, ...], object]:
    slots: dict[tuple[object, ...], object] = {}
    for proposer, root in statement.echoes:
        slots['echo', proposer] = root
    for proposer, root in statement.readies:
        slots['ready', proposer] = root
    for kind, round_, value, mask in statement.votes:
        for proposer in members(mask):
            slots[kind, proposer, round_, value if kind.repeats else None] = value
    for proposer, round_, share in statement.shares:
        slots['share', proposer, round_] = share
    return slots


@given(acts)
def test_whatever_is_to_be_said_each_slot_is_filled_once_over_all_reboots(acts: list) -> None:
    voice = Voice('s', 1, 4)
    said: dict[tuple[object, ...], object] = {}
    for name, *arguments in acts:
        if name == 'reboot':
            # Nothing is told twice by itself, and nothing of what was said is lost.
            kept = voice.everything(False)
            voice = Voice('s', 1, 4, kept)
            assert voice.silent and slots_of(voice.everything(False)) == slots_of(kept)
            assert voice.everything(True).settled == kept.settled
        elif name == 'take_new':
            fresh = slots_of(voice.take_new())
            assert not fresh.keys() & said.keys()
            said.update(fresh)
        else:
            getattr(voice, name)(*arguments)
        everything = slots_of(voice.everything(False))
        assert said.items() <= everything.items()
    for (kind, round_, value) in voice.votes(1):
        assert voice.voted(kind, 1, round_, value)


def test_all_that_was_said_asks_the_others_for_the_same_where_it_is_to() -> None:
    voice = Voice('s', 7, 4)
    voice.vote(Kind.AUX, 0, 0, 1)
    assert voice.everything(True).again and not voice.everything(False).again
    assert not voice.take_new().again
    assert (voice.everything(True).subject, voice.everything(True).epoch) == ('s', 7)


# -- agreements over reboots ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ('thresholds', 'kind'),
    [(FOUR, 'common'), (FOUR, 'graded'), (THREE_CRASH, 'graded'), (SEVEN, 'common')],
    ids=['common', 'graded', 'crash', 'common of 7'],
)
@settings(max_examples=60, deadline=None)
@given(
    inputs=st.lists(st.integers(0, 1), min_size=7, max_size=7),
    order=st.lists(st.integers(0, 60), max_size=120),
    reboots=st.lists(st.tuples(st.integers(0, 150), st.integers(0, 6)), max_size=10),
    seed=st.integers(0, 1000),
)
def test_a_robot_made_anew_at_any_point_says_nothing_else_and_all_end_the_same(
    thresholds: Thresholds,
    kind: str,
    inputs: list[int],
    order: list[int],
    reboots: list[tuple[int, int]],
    seed: int,
) -> None:
    random = Random(seed)
    make = (
        common(thresholds, coin_of(random)) if kind == 'common' else graded(thresholds, random)
    )
    net = BinaryNet(make, dict(enumerate(inputs[: thresholds.robots])))
    left, steps, decided, next_word = sorted(reboots), 0, set(), chosen(order)
    while net.waiting:
        net.step(next_word)
        steps += 1
        decided |= set(net.decisions.values()) - {None}
        while left and left[0][0] <= steps:
            robot = left.pop(0)[1] % thresholds.robots
            before = net.decisions[robot]
            net.reboot(robot)
            assert before in (None, net.decisions[robot]), 'a decision outlives a reboot'
    assert decided == {net.hold_to_the_end()}


def test_reboots_beside_liars_change_nothing() -> None:
    for seed in range(120):
        random = Random(seed)
        make = graded(FOUR, random) if seed % 2 else common(FOUR, coin_of(random))
        left = [6]

        def reboot(
            net: BinaryNet, random: Random = random, left: list[int] = left
        ) -> None:
            if left[0] and random.random() < 0.05:
                left[0] -= 1
                net.reboot(random.randrange(3))

        inputs = {robot: random.getrandbits(1) for robot in range(3)}
        strategy = random.choice(['noise', 'against each', 'two faces'])
        play(make, inputs, [3], strategy, random, shuffled(random), between=reboot)


def test_a_robot_that_decided_goes_through_its_rounds_again_and_stays_with_its_decision() -> None:
    random = Random(2)
    net = BinaryNet(common(FOUR, coin_of(random)), {0: 1, 1: 1, 2: 1, 3: 0})
    net.run(shuffled(random))
    side = net.hold_to_the_end()
    said = set(net.said)
    for robot in range(4):
        net.reboot(robot)
        assert net.decisions[robot] == side
    net.run(shuffled(random))
    assert net.hold_to_the_end() == side
    assert {word for word in net.said if word[1][0] is Kind.END} <= said, 'END is said once'
    assert all(net[robot].over for robot in range(4))
