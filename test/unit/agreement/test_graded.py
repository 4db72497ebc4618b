"""Agreement on one bit by local coins: rule by rule, and all inputs against all liars."""

from __future__ import annotations

from itertools import permutations, product
from random import Random

from agreement_liars import STRATEGIES, play
from agreement_net import (
    ABOUT,
    BinaryNet,
    chosen,
    first_in_first_out,
    graded,
    shuffled,
)
from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from swarm_consensus.protocols.agreement.graded import NEITHER, GradedAgreement
from swarm_consensus.protocols.agreement.messages import Kind
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.voice import Voice

FOUR = Thresholds(4, 1, True)
SEVEN = Thresholds(7, 2, True)
THREE_CRASH = Thresholds(3, 1, False)
FIVE_CRASH = Thresholds(5, 2, False)


class Robot:
    """Robot 0 of a swarm, alone with what a test tells it."""

    def __init__(self, thresholds: Thresholds, seed: int = 1) -> None:
        self.voice = Voice('s', 1, thresholds.robots)
        self.node = GradedAgreement(thresholds, 0, ABOUT, self.voice, Random(seed))

    def hear(self, kind: Kind, round_: int, value: int, *senders: int) -> None:
        for sender in senders:
            assert self.node.receive(sender, kind, round_, value)

    def said(self, kind: Kind, round_: int = 0) -> list[int]:
        return [value for k, r, value in self.voice.votes(ABOUT) if (k, r) == (kind, round_)]


# -- the rules with liars -------------------------------------------------------------------------


def first_half(thresholds: Thresholds, *held: int) -> Robot:
    """Robot 0 proposes 0; both sides are possible, and robots 1, 2, ... hold to these."""
    robot = Robot(thresholds)
    robot.node.propose(0)
    for side in (0, 1):
        robot.hear(Kind.SUPPORT, 0, side, *range(1, thresholds.robots))
    for sender, side in enumerate(held, start=1):
        robot.hear(Kind.AUX, 0, side, sender)
    return robot


@pytest.mark.parametrize('kind', [Kind.SUPPORT, Kind.SUPPORT_GRADE])
def test_what_f_plus_1_support_is_supported_by_all_in_both_halves(kind: Kind) -> None:
    robot = first_half(SEVEN, 0, 0, 0, 1) if kind is Kind.SUPPORT_GRADE else Robot(SEVEN)
    value = 0 if kind is Kind.SUPPORT_GRADE else 1
    robot.hear(kind, 0, value, 1, 2)
    assert value not in robot.said(kind)
    robot.hear(kind, 0, value, 3)
    assert value in robot.said(kind)


def test_what_n_minus_f_hold_to_comes_out_of_the_first_half() -> None:
    robot = first_half(SEVEN, 0, 0, 0)
    assert robot.said(Kind.SUPPORT_GRADE) == []
    robot.hear(Kind.AUX, 0, 0, 4)
    assert robot.said(Kind.SUPPORT_GRADE) == [0]


def test_neither_comes_out_where_n_minus_f_are_not_of_one_mind() -> None:
    assert first_half(SEVEN, 0, 0, 0, 1).said(Kind.SUPPORT_GRADE) == [NEITHER]


def test_nothing_comes_out_twice_though_more_robots_speak() -> None:
    robot = first_half(SEVEN, 0, 0, 0, 1)
    robot.hear(Kind.AUX, 0, 0, 5, 6)
    assert robot.said(Kind.SUPPORT_GRADE) == [NEITHER]


def test_who_holds_to_what_is_not_possible_here_is_not_counted_until_it_is() -> None:
    robot = Robot(FOUR)
    robot.node.propose(0)
    robot.hear(Kind.SUPPORT, 0, 0, 1, 2)
    robot.hear(Kind.AUX, 0, 1, 1)
    robot.hear(Kind.AUX, 0, 0, 2)
    assert robot.said(Kind.SUPPORT_GRADE) == []
    robot.hear(Kind.SUPPORT, 0, 1, 1, 3)
    assert robot.said(Kind.SUPPORT_GRADE) == [NEITHER]


def second_half(thresholds: Thresholds, *values: int) -> Robot:
    """Neither came out at robot 0; these are possible in the second half."""
    robot = first_half(thresholds, *[0] * (thresholds.heard - 2), 1)
    for value in values:
        robot.hear(Kind.SUPPORT_GRADE, 0, value, *range(1, thresholds.robots))
    return robot


def test_the_first_thing_that_is_possible_in_the_second_half_is_held_to() -> None:
    assert second_half(FOUR, 0, NEITHER).said(Kind.GRADE) == [0]
    assert second_half(FOUR, NEITHER, 0).said(Kind.GRADE) == [NEITHER]


def test_a_side_that_n_minus_f_hold_to_in_the_second_half_is_decided() -> None:
    robot = second_half(FOUR, 1)
    robot.hear(Kind.GRADE, 0, 1, 1)
    assert robot.node.decision is None
    robot.hear(Kind.GRADE, 0, 1, 2)
    assert robot.node.decision == 1 and robot.said(Kind.END) == [1]


@pytest.mark.parametrize('thresholds', [FOUR, SEVEN])
def test_what_n_minus_f_robots_hold_to_and_no_fewer_is_decided(thresholds: Thresholds) -> None:
    robot = second_half(thresholds, 0, NEITHER)
    for sender in range(1, thresholds.heard - 1):
        robot.hear(Kind.GRADE, 0, 0, sender)
    robot.hear(Kind.GRADE, 0, NEITHER, thresholds.heard - 1)
    assert robot.said(Kind.GRADE) == [0]
    assert (robot.node.decision, robot.said(Kind.SUPPORT, 1)) == (None, [0])


def test_whoever_hears_of_a_side_in_the_second_half_goes_on_with_it() -> None:
    # The coin of round 0 is 1, so only the side heard of can bring 0.
    robot = second_half(FOUR, NEITHER, 0)
    robot.hear(Kind.GRADE, 0, NEITHER, 1)
    robot.hear(Kind.GRADE, 0, 0, 2)
    assert (robot.node.round, robot.node.decision) == (1, None)
    assert robot.said(Kind.SUPPORT, 1) == [0]


def test_where_all_had_neither_the_first_coins_are_fixed_and_the_third_is_the_own_one() -> None:
    thrown = set()
    for seed in range(20):
        robot = Robot(FOUR, seed)
        robot.node.propose(0)
        for round_, side in enumerate((1, 0, None)):
            for value in (0, 1):
                robot.hear(Kind.SUPPORT, round_, value, 1, 2, 3)
            for sender in (1, 2, 3):
                robot.hear(Kind.AUX, round_, sender % 2, sender)
            robot.hear(Kind.SUPPORT_GRADE, round_, NEITHER, 1, 2, 3)
            robot.hear(Kind.GRADE, round_, NEITHER, 1, 2, 3)
            assert robot.node.round == round_ + 1
            gone_on_with = robot.said(Kind.SUPPORT, round_ + 1)
            if side is None:
                thrown.update(gone_on_with)
            else:
                assert gone_on_with == [side]
    assert thrown == {0, 1}


def test_neither_is_not_decided_and_no_END_stands_for_it() -> None:
    robot = second_half(FOUR, NEITHER)
    robot.hear(Kind.GRADE, 0, NEITHER, 1, 2, 3)
    assert robot.node.decision is None and robot.said(Kind.END) == []
    assert not robot.node.receive(1, Kind.END, 0, NEITHER)


def test_END_counts_in_both_halves_of_the_rounds_that_come() -> None:
    robot = Robot(SEVEN)
    robot.hear(Kind.END, 0, 1, 1, 2)
    robot.node.propose(1)
    robot.hear(Kind.SUPPORT, 0, 1, 3, 4)
    assert robot.said(Kind.AUX) == [1]
    robot.hear(Kind.AUX, 0, 1, 3, 4)
    assert robot.said(Kind.SUPPORT_GRADE) == [1]
    robot.hear(Kind.SUPPORT_GRADE, 0, 1, 3, 4)
    assert robot.said(Kind.GRADE) == [1]
    robot.hear(Kind.GRADE, 0, 1, 3)
    assert robot.node.decision is None
    robot.hear(Kind.GRADE, 0, 1, 4)
    assert robot.node.decision == 1


@pytest.mark.parametrize(('kind', 'value'), [(Kind.SUPPORT, 1), (Kind.SUPPORT_GRADE, 0)])
def test_support_is_given_in_rounds_that_are_over_here(kind: Kind, value: int) -> None:
    robot = Robot(SEVEN)
    robot.node.propose(0)
    robot.hear(Kind.SUPPORT, 0, 0, 1, 2, 3, 4)
    robot.hear(Kind.AUX, 0, 0, 1, 2, 3, 4)
    robot.hear(Kind.SUPPORT_GRADE, 0, NEITHER, 1, 2, 3, 4)
    robot.hear(Kind.GRADE, 0, NEITHER, 1, 2, 3, 4)
    assert robot.node.round == 1
    before = robot.said(kind)
    robot.hear(kind, 0, 1, 1, 2)
    assert robot.said(kind) == before
    robot.hear(kind, 0, 1, 3)
    assert robot.said(kind) == [*before, 1]


# -- the rules where robots only crash ------------------------------------------------------------


def crash_first_half(thresholds: Thresholds, *held: int) -> Robot:
    """Robot 0 holds to the first of these, robots 1, 2, ... to the others."""
    robot = Robot(thresholds)
    robot.node.propose(held[0])
    for sender, side in enumerate(held[1:], start=1):
        robot.hear(Kind.AUX, 0, side, sender)
    return robot


def test_where_robots_only_crash_nothing_is_filtered() -> None:
    robot = crash_first_half(FIVE_CRASH, 1)
    assert robot.said(Kind.AUX) == [1] and robot.said(Kind.SUPPORT) == []


def test_more_than_half_of_all_robots_bring_a_side_out_of_the_first_half() -> None:
    assert crash_first_half(FIVE_CRASH, 1, 1).said(Kind.GRADE) == []
    assert crash_first_half(FIVE_CRASH, 1, 1, 1).said(Kind.GRADE) == [1]


def test_nobody_leaves_a_round_without_a_word_in_it() -> None:
    # Robot 0 crashes, and only robot 1 has heard of it. Robot 1 has no input yet: went it on to
    # round 1 with what it heard of the two others, robot 2 would wait for a second word for ever.
    net = BinaryNet(graded(THREE_CRASH, Random(1)), {0: 0, 1: None, 2: 1})
    net.deliver(lambda sender, to, word: to != 2 and word[1] == 0)
    net.waiting = [entry for entry in net.waiting if entry[0] != 0]
    net.crash(0, Random(1))
    net.run(first_in_first_out)
    net.propose(1, 1)
    net.run(first_in_first_out)
    net.hold_to_the_end()


def test_who_has_no_input_yet_decides_at_the_word_of_another() -> None:
    net = BinaryNet(graded(THREE_CRASH, Random(1)), {0: 1, 1: 1, 2: None})
    net.run(first_in_first_out)
    assert net.hold_to_the_end() == 1


def test_half_of_all_robots_or_fewer_bring_neither_out() -> None:
    assert crash_first_half(FIVE_CRASH, 1, 1, 0).said(Kind.GRADE) == [NEITHER]
    # Three of six are no majority, though they are more than the one that spoke against them.
    assert crash_first_half(Thresholds(6, 2, False), 1, 1, 1, 0).said(Kind.GRADE) == [NEITHER]


@pytest.mark.parametrize(
    ('own', 'grades', 'decision', 'round_', 'gone_on_with'),
    [
        (0, (0, 0), 0, 0, []),
        (0, (0, NEITHER), None, 1, [0]),
        (0, (NEITHER, NEITHER), None, 1, [0]),
        (NEITHER, (0, NEITHER), None, 1, [0]),
        # The coin of round 0.
        (NEITHER, (NEITHER, NEITHER), None, 1, [1]),
    ],
)
def test_f_plus_1_words_of_a_side_decide_it_and_one_is_gone_on_with(
    own: int, grades: tuple[int, int], decision: int | None, round_: int, gone_on_with: list[int]
) -> None:
    robot = crash_first_half(FIVE_CRASH, 0, 0, 1 if own == NEITHER else 0)
    assert robot.said(Kind.GRADE) == [own]
    robot.hear(Kind.GRADE, 0, grades[0], 1)
    assert (robot.node.round, robot.node.decision) == (0, None)
    robot.hear(Kind.GRADE, 0, grades[1], 2)
    assert (robot.node.round, robot.node.decision) == (round_, decision)
    assert robot.said(Kind.AUX, 1) == gone_on_with


# -- what comes out of a half ---------------------------------------------------------------------


def came_out(thresholds: Thresholds, me: int, own: int, heard: list[tuple[int, int]]) -> int:
    """What the first half gives a robot that holds to a side and hears these of the others."""
    voice = Voice('s', 1, thresholds.robots)
    node = GradedAgreement(thresholds, me, ABOUT, voice, Random(1))
    node.propose(own)
    if thresholds.lies:
        # Both sides are possible everywhere, the own one first.
        for side in (own, 1 - own):
            for sender in range(thresholds.robots):
                node.receive(sender, Kind.SUPPORT, 0, side)
    for sender, side in heard:
        node.receive(sender, Kind.AUX, 0, side)
    kind = Kind.SUPPORT_GRADE if thresholds.lies else Kind.GRADE
    (value,) = [value for k, r, value in voice.votes(ABOUT) if k is kind]
    return value


@pytest.mark.parametrize('thresholds', [FOUR, Thresholds(5, 1, True), THREE_CRASH, FIVE_CRASH])
def test_at_most_one_side_comes_out_of_a_half_whatever_each_hears(thresholds: Thresholds) -> None:
    liars = thresholds.faults if thresholds.lies else 0
    honest = range(thresholds.robots - liars)
    for held in product((0, 1), repeat=len(honest)):
        outs = set()
        for me in honest:
            others = [robot for robot in range(thresholds.robots) if robot != me]
            for order in permutations(others, thresholds.heard - 1):
                # What a liar holds to may be something else at everybody.
                for lies in product((0, 1), repeat=liars):
                    sides = (*held, *lies)
                    heard = [(robot, sides[robot]) for robot in order]
                    outs.add(came_out(thresholds, me, held[me], heard))
        assert not outs >= {0, 1}, held
        assert outs - {NEITHER} <= set(held)


def sides_out_by_round(net: BinaryNet, kind: Kind) -> dict[int, set[int]]:
    """The sides that came out of first halves, before anybody had decided."""
    sides: dict[int, set[int]] = {}
    for _, (said, round_, value) in net.said:
        if said is Kind.END:
            break
        if said is kind and value != NEITHER:
            sides.setdefault(round_, set()).add(value)
    return sides


# -- all together ---------------------------------------------------------------------------------

ALL = [*STRATEGIES, 'two faces']


@pytest.mark.parametrize('strategy', ALL)
@pytest.mark.parametrize('inputs', list(product((0, 1), repeat=3)))
def test_all_inputs_of_four_robots_end_in_agreement_against_a_liar(
    inputs: tuple[int, ...], strategy: str
) -> None:
    for seed in range(8):
        random = Random(f'{seed} {inputs} {strategy}')
        net = play(
            graded(FOUR, random), dict(enumerate(inputs)), [3], strategy, random, shuffled(random),
            random.sample(range(3), seed % 3),
        )
        if len(set(inputs)) == 1:
            assert net.hold_to_the_end() == inputs[0], seed
        sides = sides_out_by_round(net, Kind.SUPPORT_GRADE)
        assert all(len(out) == 1 for out in sides.values()), (seed, sides)


@pytest.mark.parametrize('strategy', ALL)
def test_seven_robots_with_two_liars_end_in_agreement(strategy: str) -> None:
    for seed in range(8):
        random = Random(f'{seed} {strategy}')
        inputs = {robot: random.getrandbits(1) for robot in range(5)}
        slow = random.sample(range(5), seed % 4)
        play(
            graded(SEVEN, random), inputs, [5, 6], strategy, random, shuffled(random), slow
        )


@pytest.mark.parametrize('thresholds', [THREE_CRASH, FIVE_CRASH])
def test_all_inputs_end_in_agreement_where_robots_crash_at_any_word(
    thresholds: Thresholds,
) -> None:
    robots = range(thresholds.robots)
    for inputs in product((0, 1), repeat=thresholds.robots):
        for seed in range(6):
            random = Random(f'{seed} {inputs}')
            net = BinaryNet(graded(thresholds, random), dict(enumerate(inputs)))
            crashing = random.sample(robots, random.randint(0, thresholds.faults))
            last_word = {robot: random.randrange(60) for robot in crashing}
            words = 0
            while net.waiting:
                for robot in [robot for robot, last in last_word.items() if last <= words]:
                    del last_word[robot]
                    net.crash(robot, random)
                if net.waiting:
                    net.step(shuffled(random))
                words += 1
            assert {*net.acted_on, net.hold_to_the_end()} == {net.hold_to_the_end()}, (seed, inputs)
            if len(set(inputs)) == 1:
                assert net.hold_to_the_end() == inputs[0], seed
            sides = sides_out_by_round(net, Kind.GRADE)
            assert all(len(out) == 1 for out in sides.values()), (seed, sides)


@settings(max_examples=80, deadline=None)
@given(
    inputs=st.tuples(*[st.integers(0, 1)] * 3),
    strategy=st.sampled_from(ALL),
    order=st.lists(st.integers(0, 50), max_size=120),
    seed=st.integers(0, 1000),
)
def test_any_order_of_four_robots_ends_in_agreement(
    inputs: tuple[int, ...], strategy: str, order: list[int], seed: int
) -> None:
    random = Random(seed)
    play(graded(FOUR, random), dict(enumerate(inputs)), [3], strategy, random, chosen(order))


def test_what_all_want_is_decided_in_the_first_round() -> None:
    for thresholds, side in product((FOUR, SEVEN, THREE_CRASH, FIVE_CRASH), (0, 1)):
        random = Random(side)
        inputs = dict.fromkeys(range(thresholds.robots), side)
        net = BinaryNet(graded(thresholds, random), inputs)
        net.run(shuffled(random))
        assert net.hold_to_the_end() == side
        assert {net[robot].round for robot in inputs} == {0}


# -- what contradicts, and what is none of this agreement -----------------------------------------


@pytest.mark.parametrize(
    ('first', 'second'),
    [
        ((Kind.AUX, 0, 0), (Kind.AUX, 0, 1)),
        ((Kind.GRADE, 2, 0), (Kind.GRADE, 2, 1)),
        ((Kind.GRADE, 2, NEITHER), (Kind.GRADE, 2, 1)),
        ((Kind.END, 0, 0), (Kind.END, 0, 1)),
    ],
)
def test_two_values_in_one_slot_are_told_apart_and_the_first_one_stays(
    first: tuple[Kind, int, int], second: tuple[Kind, int, int]
) -> None:
    robot = Robot(FOUR)
    assert robot.node.receive(1, *first)
    assert not robot.node.receive(1, *second)
    assert robot.node.receive(1, *first)
    assert robot.node.receive(2, *second)


@pytest.mark.parametrize(
    'word',
    [
        (Kind.SUPPORT, 0, 2),
        (Kind.AUX, 0, 2),
        (Kind.CONF, 0, 1),
        (Kind.SUPPORT_GRADE, 0, 3),
        (Kind.GRADE, 0, 3),
        (Kind.END, 0, 2),
    ],
)
def test_what_no_honest_robot_says_is_refused_and_changes_nothing(
    word: tuple[Kind, int, int],
) -> None:
    robot = Robot(FOUR)
    robot.node.propose(0)
    before = robot.voice.everything(False)
    assert not any(robot.node.receive(sender, *word) for sender in (1, 2, 3))
    assert robot.voice.everything(False) == before and robot.node.decision is None


def test_a_share_of_a_coin_is_passed_over() -> None:
    robot = Robot(FOUR)
    robot.node.propose(0)
    before = robot.voice.everything(False)
    robot.node.receive_share(1, 0, b'share')
    assert robot.voice.everything(False) == before and robot.node.refused_shares == 0


def test_a_robot_that_hears_everything_late_catches_up() -> None:
    random = Random(3)
    net = BinaryNet(graded(FOUR, random), {0: 0, 1: 1, 2: 1, 3: 0})
    net.deliver(lambda sender, to, word: to != 3 and sender != 3)
    assert net[3].round == 0 and net[3].decision is None
    net.run(first_in_first_out)
    net.hold_to_the_end()
