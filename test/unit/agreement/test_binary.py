"""Agreement on one bit by a common coin: rule by rule, and all inputs against all liars."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from random import Random

from agreement_liars import STRATEGIES, play
from agreement_net import (
    ABOUT,
    BinaryNet,
    IdealCoin,
    chosen,
    coin_of,
    common,
    first_in_first_out,
    share_of,
    shuffled,
)
from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from swarm_consensus.protocols.agreement.binary import BinaryAgreement
from swarm_consensus.protocols.agreement.coin import fixed_coin
from swarm_consensus.protocols.agreement.messages import Kind
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.rounds import ROUNDS_AHEAD
from swarm_consensus.protocols.agreement.voice import Voice

FOUR = Thresholds(4, 1, True)
SEVEN = Thresholds(7, 2, True)
BOTH = 3
END = (Kind.END, 0, 1)


class Robot:
    """Robot 0 of a swarm, alone with what a test tells it."""

    def __init__(
        self,
        thresholds: Thresholds = FOUR,
        coin: Callable[[int], int] = lambda round_: 1,
        **seams: object,
    ) -> None:
        self.voice = Voice('s', 1, thresholds.robots)
        self.node = BinaryAgreement(
            thresholds, 0, ABOUT, self.voice, IdealCoin(0, thresholds.faults, coin), **seams
        )

    def hear(self, kind: Kind, round_: int, value: int, *senders: int) -> None:
        for sender in senders:
            assert self.node.receive(sender, kind, round_, value)

    def said(self, kind: Kind, round_: int = 0) -> list[int]:
        return [value for k, r, value in self.voice.votes(ABOUT) if (k, r) == (kind, round_)]

    @property
    def shares(self) -> list[int]:
        return [round_ for _, round_, _ in self.voice.everything(False).shares]


# -- the rules, one at a time ---------------------------------------------------------------------


@pytest.mark.parametrize('thresholds', [FOUR, SEVEN])
def test_a_side_is_supported_once_f_plus_1_do_and_not_before(thresholds: Thresholds) -> None:
    robot = Robot(thresholds)
    robot.node.propose(0)
    for sender in range(1, thresholds.faults + 1):
        robot.hear(Kind.SUPPORT, 0, 1, sender)
        assert robot.said(Kind.SUPPORT) == [0]
    robot.hear(Kind.SUPPORT, 0, 1, thresholds.faults + 1)
    assert robot.said(Kind.SUPPORT) == [0, 1]


@pytest.mark.parametrize('thresholds', [FOUR, SEVEN])
def test_a_side_is_held_to_once_2f_plus_1_support_it(thresholds: Thresholds) -> None:
    robot = Robot(thresholds)
    robot.node.propose(1)
    # Its own support is one of them.
    for sender in range(1, 2 * thresholds.faults):
        robot.hear(Kind.SUPPORT, 0, 1, sender)
        assert robot.said(Kind.AUX) == []
    robot.hear(Kind.SUPPORT, 0, 1, 2 * thresholds.faults)
    assert robot.said(Kind.AUX) == [1]


def test_only_the_first_possible_side_is_held_to() -> None:
    robot = Robot()
    robot.node.propose(0)
    robot.hear(Kind.SUPPORT, 0, 0, 1, 2)
    robot.hear(Kind.SUPPORT, 0, 1, 1, 2, 3)
    assert robot.said(Kind.AUX) == [0] and robot.said(Kind.SUPPORT) == [0, 1]


def test_who_holds_to_a_side_that_is_not_possible_here_is_not_counted_until_it_is() -> None:
    robot = Robot()
    robot.node.propose(1)
    robot.hear(Kind.SUPPORT, 0, 1, 1, 2)
    robot.hear(Kind.AUX, 0, 1, 1)
    robot.hear(Kind.AUX, 0, 0, 2)
    assert robot.node.round == 0
    robot.hear(Kind.SUPPORT, 0, 0, 2, 3)
    # Both sides were seen, so round 1 begins with the coin's, 1.
    assert (robot.node.round, robot.said(Kind.SUPPORT, 1)) == (1, [1])


def test_one_side_seen_and_the_coin_the_same_decides() -> None:
    robot = Robot()
    robot.node.propose(1)
    robot.hear(Kind.SUPPORT, 0, 1, 1, 2)
    robot.hear(Kind.AUX, 0, 1, 1)
    assert robot.node.decision is None
    robot.hear(Kind.AUX, 0, 1, 2)
    assert robot.node.decision == 1 and robot.said(Kind.END) == [1]


def test_one_side_seen_and_the_coin_the_other_goes_on_with_what_was_seen() -> None:
    robot = Robot()
    robot.node.propose(0)
    robot.hear(Kind.SUPPORT, 0, 0, 1, 2)
    robot.hear(Kind.AUX, 0, 0, 1, 2)
    assert robot.node.decision is None
    assert (robot.node.round, robot.said(Kind.SUPPORT, 1)) == (1, [0])


def both_possible(robot: Robot, round_: int) -> None:
    robot.hear(Kind.SUPPORT, round_, 0, 1, 2, 3)
    robot.hear(Kind.SUPPORT, round_, 1, 1, 2, 3)


def test_no_share_is_given_before_n_minus_f_robots_said_what_they_saw() -> None:
    robot = Robot(fixed=lambda round_: None)
    robot.node.propose(0)
    both_possible(robot, 0)
    robot.hear(Kind.AUX, 0, 1, 1)
    assert robot.said(Kind.CONF) == []
    robot.hear(Kind.AUX, 0, 1, 2)
    assert robot.said(Kind.CONF) == [BOTH] and robot.shares == []
    robot.hear(Kind.CONF, 0, 2, 1)
    assert robot.shares == []
    robot.hear(Kind.CONF, 0, 2, 2)
    assert robot.shares == [0]


def test_CONF_says_what_was_seen_and_not_all_that_is_possible() -> None:
    robot = Robot(fixed=lambda round_: None)
    robot.node.propose(0)
    both_possible(robot, 0)
    robot.hear(Kind.AUX, 0, 0, 1, 2)
    assert robot.said(Kind.CONF) == [1]


def test_of_sides_that_are_not_possible_here_no_CONF_is_counted() -> None:
    robot = Robot(fixed=lambda round_: None)
    robot.node.propose(1)
    robot.hear(Kind.SUPPORT, 0, 1, 1, 2)
    robot.hear(Kind.AUX, 0, 1, 1, 2)
    robot.hear(Kind.CONF, 0, BOTH, 1)
    robot.hear(Kind.CONF, 0, 1, 2)
    assert robot.shares == []
    robot.hear(Kind.SUPPORT, 0, 0, 2, 3)
    assert robot.shares == [0]


def test_what_n_minus_f_robots_saw_alone_is_decided_though_this_one_saw_both() -> None:
    robot = Robot(SEVEN, fixed=lambda round_: None)
    robot.node.propose(1)
    robot.hear(Kind.SUPPORT, 0, 1, *range(1, 7))
    robot.hear(Kind.SUPPORT, 0, 0, *range(1, 7))
    robot.hear(Kind.AUX, 0, 1, 1, 2, 3)
    robot.hear(Kind.AUX, 0, 0, 4)
    assert robot.said(Kind.CONF) == [BOTH]
    robot.hear(Kind.CONF, 0, 2, 1, 2, 3)
    robot.hear(Kind.CONF, 0, BOTH, 4)
    for sender in (1, 2):
        robot.node.receive_share(sender, 0, share_of(sender, 0))
    # Four saw 1 alone, and two both: the coin's side is gone on with, and nothing decided.
    assert (robot.node.round, robot.node.decision) == (1, None)

    robot = Robot(SEVEN, fixed=lambda round_: None)
    robot.node.propose(1)
    robot.hear(Kind.SUPPORT, 0, 1, *range(1, 7))
    robot.hear(Kind.SUPPORT, 0, 0, *range(1, 7))
    robot.hear(Kind.CONF, 0, 2, 1, 2, 3, 4, 5)
    robot.hear(Kind.AUX, 0, 1, 1, 2, 3)
    robot.hear(Kind.AUX, 0, 0, 4)
    for sender in (1, 2):
        robot.node.receive_share(sender, 0, share_of(sender, 0))
    assert robot.said(Kind.CONF) == [BOTH] and robot.node.decision == 1


def test_in_rounds_whose_coin_is_fixed_nobody_says_CONF_or_gives_a_share() -> None:
    assert [fixed_coin(round_) for round_ in range(7)] == [1, 0, None, 1, 0, None, 1]
    net = BinaryNet(common(FOUR, coin_of(Random(5))), {0: 0, 1: 1, 2: 0, 3: 1})
    net.run(shuffled(Random(5)))
    rounds = {word[1] for _, word in net.said if word[0] in (None, Kind.CONF)}
    assert all(fixed_coin(round_) is None for round_ in rounds)


def up_to_the_coin() -> Robot:
    robot = Robot(SEVEN, fixed=lambda round_: None)
    robot.node.propose(1)
    robot.hear(Kind.SUPPORT, 0, 1, 1, 2, 3, 4)
    robot.hear(Kind.AUX, 0, 1, 1, 2, 3, 4)
    robot.hear(Kind.CONF, 0, 2, 1, 2, 3, 4)
    assert robot.shares == [0] and robot.node.decision is None
    return robot


def test_a_share_that_is_none_is_counted_once_and_never_used() -> None:
    robot = up_to_the_coin()
    robot.node.receive_share(5, 0, b'none')
    # Nor the share of another robot or round, nor another one of the same robot.
    robot.node.receive_share(6, 0, share_of(1, 0))
    robot.node.receive_share(5, 0, b'again')
    assert robot.node.refused_shares == 2
    robot.node.receive_share(5, 0, share_of(5, 0))
    robot.node.receive_share(1, 0, share_of(1, 0))
    assert robot.node.decision is None
    robot.node.receive_share(2, 0, share_of(2, 0))
    # f + 1 = 3: its own, and those of 1 and 2.
    assert robot.node.decision == 1 and robot.node.refused_shares == 2


def test_shares_are_checked_when_the_coin_is_needed_and_no_more_of_them_than_it_takes() -> None:
    robot = Robot(SEVEN, fixed=lambda round_: None)
    robot.node.receive_share(6, 0, b'none')
    for sender in (5, 4, 3):
        robot.node.receive_share(sender, 0, share_of(sender, 0))
    assert robot.node.refused_shares == 0
    robot.node.propose(1)
    robot.hear(Kind.SUPPORT, 0, 1, 1, 2, 3, 4)
    robot.hear(Kind.AUX, 0, 1, 1, 2, 3, 4)
    robot.hear(Kind.CONF, 0, 2, 1, 2, 3, 4)
    assert robot.node.decision == 1 and robot.node.refused_shares == 1


def test_the_first_share_of_a_robot_is_kept() -> None:
    # A liar can spoil its own share only; but nobody else can put one in its place afterwards.
    robot = Robot(SEVEN, fixed=lambda round_: None)
    for sender in (1, 2):
        robot.node.receive_share(sender, 0, share_of(sender, 0))
        robot.node.receive_share(sender, 0, b'other')
    robot.node.propose(1)
    robot.hear(Kind.SUPPORT, 0, 1, 1, 2, 3, 4)
    robot.hear(Kind.AUX, 0, 1, 1, 2, 3, 4)
    robot.hear(Kind.CONF, 0, 2, 1, 2, 3, 4)
    assert robot.node.decision == 1 and robot.node.refused_shares == 0


# -- END ------------------------------------------------------------------------------------------


def test_f_plus_1_ENDs_decide_and_f_do_not() -> None:
    robot = Robot(SEVEN)
    robot.hear(*END, 1, 2)
    assert robot.node.decision is None
    robot.hear(*END, 1)
    assert robot.node.decision is None, 'one robot counts once'
    robot.hear(*END, 3)
    assert robot.node.decision == 1 and robot.said(Kind.END) == [1]


def test_END_counts_as_support_and_AUX_and_CONF_in_the_rounds_that_come() -> None:
    robot = Robot(SEVEN, coin=lambda round_: 0, fixed=lambda round_: None)
    robot.hear(*END, 1, 2)
    robot.node.propose(1)
    assert robot.said(Kind.SUPPORT) == [1] and robot.said(Kind.AUX) == []
    for round_ in (0, 1):
        robot.hear(Kind.SUPPORT, round_, 1, 3, 4)
        assert robot.said(Kind.AUX, round_) == [1]
        robot.hear(Kind.AUX, round_, 1, 3, 4)
        assert robot.said(Kind.CONF, round_) == [2]
        robot.hear(Kind.CONF, round_, 2, 3, 4)
        assert robot.shares == list(range(round_ + 1))
        for sender in (3, 4):
            robot.node.receive_share(sender, round_, share_of(sender, round_))
        # The coin shows 0: on with 1.
        assert robot.said(Kind.SUPPORT, round_ + 1) == [1]


def test_END_does_not_count_beside_what_the_same_robot_said_in_that_round() -> None:
    robot = Robot(SEVEN)
    robot.node.propose(1)
    robot.hear(Kind.SUPPORT, 0, 1, 1, 2, 3, 4)
    robot.hear(Kind.SUPPORT, 0, 0, 1, 2, 3, 4)
    robot.hear(Kind.AUX, 0, 0, 1, 2)
    robot.hear(*END, 1, 2)
    robot.hear(Kind.AUX, 0, 1, 3, 4)
    # 1, 2 hold to 0 and 0, 3, 4 to 1: both sides were seen, and nothing is decided.
    assert (robot.node.round, robot.node.decision) == (1, None)


def test_f_ENDs_alone_have_nobody_support_their_side() -> None:
    robot = Robot(SEVEN)
    robot.hear(*END, 1, 2)
    robot.node.propose(0)
    assert robot.said(Kind.SUPPORT) == [0]
    robot.hear(Kind.SUPPORT, 0, 1, 3)
    assert robot.said(Kind.SUPPORT) == [0, 1]


# -- what contradicts, and what is none of this agreement -----------------------------------------


@pytest.mark.parametrize(
    ('first', 'second'),
    [
        ((Kind.AUX, 0, 0), (Kind.AUX, 0, 1)),
        ((Kind.CONF, 3, 1), (Kind.CONF, 3, 2)),
        ((Kind.CONF, 3, 3), (Kind.CONF, 3, 2)),
        ((Kind.END, 0, 0), (Kind.END, 0, 1)),
    ],
)
def test_two_values_in_one_slot_are_told_apart_and_the_first_one_stays(
    first: tuple[Kind, int, int], second: tuple[Kind, int, int]
) -> None:
    robot = Robot()
    assert robot.node.receive(1, *first)
    assert robot.node.receive(1, *first)
    assert not robot.node.receive(1, *second)
    assert robot.node.receive(1, *first)
    assert robot.node.receive(2, *second)


def test_both_sides_may_be_supported() -> None:
    robot = Robot()
    assert robot.node.receive(1, Kind.SUPPORT, 0, 0) and robot.node.receive(1, Kind.SUPPORT, 0, 1)


@pytest.mark.parametrize(
    'word',
    [
        (Kind.SUPPORT, 0, 2),
        (Kind.AUX, 0, 2),
        (Kind.AUX, 0, 3),
        (Kind.CONF, 0, 0),
        (Kind.SUPPORT_GRADE, 0, 0),
        (Kind.GRADE, 0, 1),
        (Kind.END, 0, 2),
        (Kind.END, 0, 3),
    ],
)
def test_what_no_honest_robot_says_is_refused_and_changes_nothing(
    word: tuple[Kind, int, int],
) -> None:
    robot = Robot()
    robot.node.propose(0)
    before = robot.voice.everything(False)
    assert not any(robot.node.receive(sender, *word) for sender in (1, 2, 3))
    assert robot.voice.everything(False) == before and robot.node.decision is None


def test_words_far_ahead_are_not_remembered() -> None:
    robot = Robot()
    robot.node.propose(1)
    for round_ in (ROUNDS_AHEAD, ROUNDS_AHEAD + 1, 10_000):
        assert robot.node.receive(1, Kind.AUX, round_, 0)
        robot.node.receive_share(1, round_, b'none')
    assert not robot.node.receive(1, Kind.AUX, ROUNDS_AHEAD, 1)
    # A robot that remembered it would call this a contradiction.
    assert robot.node.receive(1, Kind.AUX, ROUNDS_AHEAD + 1, 1)


# -- late robots ----------------------------------------------------------------------------------


def test_support_is_given_in_rounds_that_are_over_here() -> None:
    robot = Robot(SEVEN)
    robot.node.propose(0)
    robot.hear(Kind.SUPPORT, 0, 0, 1, 2, 3, 4)
    robot.hear(Kind.AUX, 0, 0, 1, 2, 3, 4)
    assert robot.node.round == 1 and robot.said(Kind.SUPPORT) == [0]
    robot.hear(Kind.SUPPORT, 0, 1, 1, 2)
    assert robot.said(Kind.SUPPORT) == [0]
    robot.hear(Kind.SUPPORT, 0, 1, 3)
    assert robot.said(Kind.SUPPORT) == [0, 1]
    # Nothing else is said there any more.
    robot.hear(Kind.SUPPORT, 0, 1, 4, 5)
    assert robot.said(Kind.AUX) == [0]


def test_a_robot_that_hears_everything_late_goes_through_all_rounds_at_once() -> None:
    net = BinaryNet(common(FOUR, coin_of(Random(3))), {0: 0, 1: 1, 2: 1, 3: 0})
    net.deliver(lambda sender, to, word: to != 3 and sender != 3)
    assert net[3].round == 0
    net.run(first_in_first_out)
    net.hold_to_the_end()


def test_a_robot_without_an_input_takes_part_and_decides() -> None:
    net = BinaryNet(common(FOUR, coin_of(Random(4))), {0: 1, 1: 1, 2: 1, 3: None})
    net.run(shuffled(Random(4)))
    assert net.hold_to_the_end() == 1


def test_only_the_first_input_counts() -> None:
    robot = Robot()
    robot.node.propose(0)
    robot.node.propose(1)
    assert robot.said(Kind.SUPPORT) == [0]


# -- all together ---------------------------------------------------------------------------------


@pytest.mark.parametrize('strategy', [*STRATEGIES, 'two faces'])
@pytest.mark.parametrize('inputs', list(product((0, 1), repeat=3)))
def test_all_inputs_of_four_robots_end_in_agreement_against_a_liar(
    inputs: tuple[int, ...], strategy: str
) -> None:
    for seed in range(8):
        random = Random(f'{seed} {inputs} {strategy}')
        make = common(FOUR, coin_of(random))
        net = play(make, dict(enumerate(inputs)), [3], strategy, random, shuffled(random))
        if len(set(inputs)) == 1:
            assert net.hold_to_the_end() == inputs[0], seed


@pytest.mark.parametrize('inputs', list(product((0, 1), repeat=4)))
def test_all_inputs_of_four_honest_robots_end_in_agreement(inputs: tuple[int, ...]) -> None:
    for seed in range(4):
        random = Random(f'{seed} {inputs}')
        play(common(FOUR, coin_of(random)), dict(enumerate(inputs)), [], 'silence', random,
             shuffled(random))


@pytest.mark.parametrize('strategy', [*STRATEGIES, 'two faces'])
def test_seven_robots_with_two_liars_end_in_agreement(strategy: str) -> None:
    for seed in range(8):
        random = Random(f'{seed} {strategy}')
        inputs = {robot: random.getrandbits(1) for robot in range(5)}
        play(common(SEVEN, coin_of(random)), inputs, [5, 6], strategy, random, shuffled(random))


@settings(max_examples=80, deadline=None)
@given(
    inputs=st.tuples(*[st.integers(0, 1)] * 3),
    strategy=st.sampled_from([*STRATEGIES, 'two faces']),
    order=st.lists(st.integers(0, 50), max_size=120),
    seed=st.integers(0, 1000),
)
def test_any_order_of_four_robots_ends_in_agreement(
    inputs: tuple[int, ...], strategy: str, order: list[int], seed: int
) -> None:
    random = Random(seed)
    make = common(FOUR, coin_of(random))
    play(make, dict(enumerate(inputs)), [3], strategy, random, chosen(order))


def test_what_all_want_is_decided_in_the_round_whose_fixed_coin_shows_it() -> None:
    for side, rounds in ((1, 0), (0, 1)):
        random = Random(side)
        inputs = dict.fromkeys(range(4), side)
        net = play(common(FOUR, coin_of(random)), inputs, [], 'silence', random, shuffled(random))
        assert net.hold_to_the_end() == side
        assert max(net[robot].round for robot in inputs) == rounds
        assert all(word[0] is not None for _, word in net.said), 'no share was needed'
