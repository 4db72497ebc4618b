"""
The tests find the classic mistakes: each is built in, one at a time, and is caught.

A mutation replaces one method for one test. That nothing is found without any is what test_storm.py
says.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from agreement_storm import FIVE_CRASH, FOUR, SEVEN, storm
import pytest
import test_attack
import test_binary
import test_broadcast
import test_graded
import test_subset
import test_the_end

from swarm_consensus.protocols.agreement import voice as voice_module
from swarm_consensus.protocols.agreement.binary import BinaryAgreement
from swarm_consensus.protocols.agreement.broadcast import ReliableBroadcast
from swarm_consensus.protocols.agreement.graded import NEITHER, GradedAgreement
from swarm_consensus.protocols.agreement.messages import Kind, Statement
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.subset import CommonSubset
from swarm_consensus.protocols.agreement.voice import Voice

SEEDS_MAX = 1000
Patch = pytest.MonkeyPatch


def count(monkeypatch: Patch, name: str, wrong: Callable[[Thresholds], int]) -> None:
    """Have all rules count to another number."""
    monkeypatch.setattr(Thresholds, name, property(wrong))


# -- the numbers ----------------------------------------------------------------------------------


def f_robots_are_believed(monkeypatch: Patch) -> None:
    count(monkeypatch, 'honest', lambda t: max(1, t.faults))


def two_f_supporters_make_a_side_possible(monkeypatch: Patch) -> None:
    count(monkeypatch, 'honest_majority', lambda t: 2 * t.faults)


def half_of_n_plus_f_echoes_are_enough(monkeypatch: Patch) -> None:
    count(monkeypatch, 'echo', lambda t: (t.robots + t.faults) // 2)


def one_robot_fewer_is_waited_for(monkeypatch: Patch) -> None:
    count(monkeypatch, 'heard', lambda t: t.robots - t.faults - 1)


def all_robots_are_waited_for(monkeypatch: Patch) -> None:
    count(monkeypatch, 'heard', lambda t: t.robots)


def half_of_the_robots_are_a_majority(monkeypatch: Patch) -> None:
    count(monkeypatch, 'majority', lambda t: t.robots // 2)


def f_holders_are_enough(monkeypatch: Patch) -> None:
    count(monkeypatch, 'lasting', lambda t: t.faults)


# -- the agreement by a common coin ---------------------------------------------------------------


def AUX_is_said_for_every_possible_side(monkeypatch: Patch) -> None:  # noqa: N802
    monkeypatch.setattr(voice_module, '_REPEATING', voice_module._REPEATING | {Kind.AUX})
    original = BinaryAgreement._look

    def look(node: BinaryAgreement, at: object) -> None:
        original(node, at)
        for side in (0, 1):
            if at.possible >> side & 1:
                node._voice.vote(Kind.AUX, node._proposer, node.round, side)

    monkeypatch.setattr(BinaryAgreement, '_look', look)


def AUX_is_counted_for_sides_that_are_not_possible(monkeypatch: Patch) -> None:  # noqa: N802
    original = BinaryAgreement._enough

    def look(node: BinaryAgreement, at: object) -> None:
        original_look(node, at)
        if not at.saw:
            at.saw = original(node, at.aux[0], at.aux[1], 0)

    original_look = BinaryAgreement._look
    monkeypatch.setattr(BinaryAgreement, '_look', look)


def CONF_says_what_is_possible(monkeypatch: Patch) -> None:  # noqa: N802
    original = BinaryAgreement._confirmed

    def confirmed(node: BinaryAgreement, at: object) -> int:
        saw, at.saw = at.saw, at.possible
        result = original(node, at)
        at.saw = saw
        return result

    monkeypatch.setattr(BinaryAgreement, '_confirmed', confirmed)


def CONF_is_left_out(monkeypatch: Patch) -> None:  # noqa: N802
    monkeypatch.setattr(BinaryAgreement, '_confirmed', lambda node, at: at.saw)


def what_was_seen_before_CONF_is_gone_on_with(monkeypatch: Patch) -> None:  # noqa: N802
    original = BinaryAgreement._confirmed
    monkeypatch.setattr(
        BinaryAgreement, '_confirmed', lambda node, at: original(node, at) and at.saw
    )


def a_side_seen_alone_is_decided_without_the_coin(monkeypatch: Patch) -> None:
    original = BinaryAgreement._throw

    def throw(node: BinaryAgreement, at: object) -> int | None:
        side = original(node, at)
        return side if side is None or at.saw == 3 else at.saw >> 1

    monkeypatch.setattr(BinaryAgreement, '_throw', throw)


def every_robot_throws_a_coin_of_its_own(monkeypatch: Patch) -> None:
    original = BinaryAgreement._throw

    def throw(node: BinaryAgreement, at: object) -> int | None:
        side = original(node, at)
        return None if side is None else side ^ (node._me & 1)

    monkeypatch.setattr(BinaryAgreement, '_throw', throw)


def shares_are_not_checked(monkeypatch: Patch) -> None:
    original = BinaryAgreement._throw

    def throw(node: BinaryAgreement, at: object) -> int | None:
        at.valid.update(at.shares)
        return original(node, at)

    monkeypatch.setattr(BinaryAgreement, '_throw', throw)


def a_share_is_given_at_the_begin_of_a_round(monkeypatch: Patch) -> None:
    original = BinaryAgreement._look

    def look(node: BinaryAgreement, at: object) -> None:
        if node._fixed(node.round) is None:
            node._voice.share(node._proposer, node.round, node._coin.share(node.round))
        original(node, at)

    monkeypatch.setattr(BinaryAgreement, '_look', look)


def a_side_is_supported_only_by_those_who_want_it(monkeypatch: Patch) -> None:
    monkeypatch.setattr(BinaryAgreement, '_relay', lambda node, round_, at: None)


def END_is_not_counted_in_later_rounds(monkeypatch: Patch) -> None:  # noqa: N802
    original = BinaryAgreement._look

    def look(node: BinaryAgreement, at: object) -> None:
        ended, node._ended = node._ended, [0, 0]
        original(node, at)
        node._ended = ended

    monkeypatch.setattr(BinaryAgreement, '_look', look)


def END_counts_beside_what_the_same_robot_holds_to(monkeypatch: Patch) -> None:  # noqa: N802
    original = BinaryAgreement._look

    def look(node: BinaryAgreement, at: object) -> None:
        for side in (0, 1):
            at.aux[side] |= node._ended[side]
        original(node, at)

    monkeypatch.setattr(BinaryAgreement, '_look', look)


def who_has_decided_is_silent(monkeypatch: Patch) -> None:
    for agreement in (BinaryAgreement, GradedAgreement):
        original = agreement.receive

        def receive(
            node: object, *word: object, original: Callable[..., bool] = original
        ) -> bool:
            return node.decision is not None or original(node, *word)

        monkeypatch.setattr(agreement, 'receive', receive)


def who_decided_because_others_had_takes_no_further_part(monkeypatch: Patch) -> None:
    for agreement in (BinaryAgreement, GradedAgreement):
        original = agreement._end

        def end(node: object, side: int, original: Callable[..., None] = original) -> None:
            original(node, side)
            node._through = True

        monkeypatch.setattr(agreement, '_end', end)


def rounds_that_are_over_here_get_no_support(monkeypatch: Patch) -> None:
    for agreement in (BinaryAgreement, GradedAgreement):
        original = agreement.receive

        def receive(
            node: object,
            sender: int,
            kind: Kind,
            round_: int,
            value: int,
            original: Callable[..., bool] = original,
        ) -> bool:
            if kind is not Kind.END and round_ < node.round:
                return True
            return original(node, sender, kind, round_, value)

        monkeypatch.setattr(agreement, 'receive', receive)


# -- the agreement by local coins -----------------------------------------------------------------


def more_than_half_bring_a_side_out_also_with_liars(monkeypatch: Patch) -> None:
    original = GradedAgreement._first_half

    def first_half(node: GradedAgreement, half: object) -> int | None:
        side = original(node, half)
        zero, one = node._held(half)
        if side == NEITHER:
            majority = node._thresholds.majority - 1
            side = 0 if zero.bit_count() >= majority else 1 if one.bit_count() >= majority else 2
        return side

    monkeypatch.setattr(GradedAgreement, '_first_half', first_half)


def f_plus_1_words_decide_also_with_liars(monkeypatch: Patch) -> None:
    original = GradedAgreement._second_half

    def second_half(node: GradedAgreement, half: object) -> bool:
        zero, one, neither = node._held(half)
        if (zero | one | neither).bit_count() >= node._thresholds.heard:
            for side, held in ((0, zero), (1, one)):
                if node._thresholds.lies and held.bit_count() >= node._thresholds.honest:
                    node._through = True
                    node._end(side)
                    return True
        return original(node, half)

    monkeypatch.setattr(GradedAgreement, '_second_half', second_half)


def a_side_that_few_have_is_not_gone_on_with(monkeypatch: Patch) -> None:
    original = GradedAgreement._held

    def held(node: GradedAgreement, half: object) -> list[int]:
        masks = original(node, half)
        if len(masks) == 3:
            for side in (0, 1):
                if masks[side].bit_count() < node._thresholds.lasting:
                    masks[NEITHER] |= masks[side]
                    masks[side] = 0
        return masks

    monkeypatch.setattr(GradedAgreement, '_held', held)


def who_has_no_input_yet_leaves_a_round_without_a_word(monkeypatch: Patch) -> None:
    original = GradedAgreement._first_half

    def first_half(node: GradedAgreement, half: object) -> int | None:
        if node._thresholds.lies or half.spoke >> node._me & 1:
            return original(node, half)
        if half.spoke.bit_count() < node._thresholds.heard:
            return None
        majority = node._thresholds.majority
        sides = [side for side in (0, 1) if half.held[side].bit_count() >= majority]
        return sides[0] if sides else NEITHER

    monkeypatch.setattr(GradedAgreement, '_first_half', first_half)


def liars_are_not_filtered(monkeypatch: Patch) -> None:
    original = GradedAgreement._filter

    def filter_(node: GradedAgreement, kind: Kind, half: object) -> None:
        original(node, kind, half)
        half.possible = [True] * len(half.possible)

    monkeypatch.setattr(GradedAgreement, '_filter', filter_)


# -- the broadcast --------------------------------------------------------------------------------


def with_numbers(broadcast: ReliableBroadcast, **wrong: int) -> SimpleNamespace:
    names = ('robots', 'faults', 'lies', 'heard', 'honest', 'lasting', 'echo', 'honest_majority')
    right = {name: getattr(broadcast._thresholds, name) for name in names}
    return SimpleNamespace(**{**right, **wrong})


def a_value_is_echoed_before_it_is_here(monkeypatch: Patch) -> None:
    original = ReliableBroadcast._advance

    def advance(rb: ReliableBroadcast) -> None:
        for root in rb._echoed:
            if rb._attested(root):
                rb._voice.echo(rb._proposer, root)
        original(rb)

    monkeypatch.setattr(ReliableBroadcast, '_advance', advance)


def f_ready_robots_make_ready(monkeypatch: Patch) -> None:
    original = ReliableBroadcast._get_ready

    def get_ready(rb: ReliableBroadcast) -> None:
        right, rb._thresholds = rb._thresholds, with_numbers(rb, honest=rb._thresholds.faults)
        original(rb)
        rb._thresholds = right

    monkeypatch.setattr(ReliableBroadcast, '_get_ready', get_ready)


def f_plus_1_ready_robots_deliver(monkeypatch: Patch) -> None:
    original = ReliableBroadcast._advance

    def advance(rb: ReliableBroadcast) -> None:
        right = rb._thresholds
        rb._thresholds = with_numbers(rb, honest_majority=right.faults + 1)
        original(rb)
        rb._thresholds = right

    monkeypatch.setattr(ReliableBroadcast, '_advance', advance)


def ready_robots_make_nobody_ready(monkeypatch: Patch) -> None:
    original = ReliableBroadcast._get_ready

    def get_ready(rb: ReliableBroadcast) -> None:
        right, rb._thresholds = rb._thresholds, with_numbers(rb, honest=99)
        original(rb)
        rb._thresholds = right

    monkeypatch.setattr(ReliableBroadcast, '_get_ready', get_ready)


def an_echo_counts_for_every_value_that_a_robot_echoes(monkeypatch: Patch) -> None:
    original = ReliableBroadcast._hear

    def hear(rb: ReliableBroadcast, sender: int, root: bytes, by_robot: dict, masks: dict) -> bool:
        by_robot.pop(sender, None)
        return original(rb, sender, root, by_robot, masks)

    monkeypatch.setattr(ReliableBroadcast, '_hear', hear)


def anybody_may_say_what_the_value_is(monkeypatch: Patch) -> None:
    monkeypatch.setattr(ReliableBroadcast, '_attested', lambda rb, root: True)


def the_last_value_of_the_proposer_counts(monkeypatch: Patch) -> None:
    original = ReliableBroadcast.receive_piece

    def receive_piece(rb: ReliableBroadcast, sender: int, piece: object) -> bool:
        if sender == rb._proposer:
            rb._offered = None
        return original(rb, sender, piece)

    monkeypatch.setattr(ReliableBroadcast, 'receive_piece', receive_piece)


def the_smallest_hash_is_asked_for(monkeypatch: Patch) -> None:
    monkeypatch.setattr(ReliableBroadcast, '_certainty', lambda rb, root: 0)


def nothing_is_pulled(monkeypatch: Patch) -> None:
    monkeypatch.setattr(ReliableBroadcast, 'wanted', lambda rb: None)


# -- the voice and the common subset --------------------------------------------------------------


def a_reboot_forgets_what_was_voted(monkeypatch: Patch) -> None:
    original = Voice._recall

    def recall(voice: Voice, said: Statement) -> None:
        original(voice, said)
        voice._votes.clear()

    monkeypatch.setattr(Voice, '_recall', recall)


def a_reboot_forgets_what_was_echoed(monkeypatch: Patch) -> None:
    original = Voice._recall

    def recall(voice: Voice, said: Statement) -> None:
        original(voice, said)
        voice._echoes.clear()

    monkeypatch.setattr(Voice, '_recall', recall)


def the_rest_is_voted_against_too_early(monkeypatch: Patch) -> None:
    original = CommonSubset._turn

    def turn(subset: CommonSubset) -> None:
        original(subset)
        if [binary.decision for binary in subset._binaries].count(1) >= 2:
            for binary in subset._binaries:
                binary.propose(0)

    monkeypatch.setattr(CommonSubset, '_turn', turn)


def nobody_votes_against_the_rest(monkeypatch: Patch) -> None:
    for agreement in (BinaryAgreement, GradedAgreement):
        original = agreement.propose

        def propose(node: object, side: int, original: Callable[..., None] = original) -> None:
            if side:
                original(node, side)

        monkeypatch.setattr(agreement, 'propose', propose)


def an_input_that_is_in_is_not_waited_for(monkeypatch: Patch) -> None:
    def finish(subset: CommonSubset, decisions: list) -> None:
        subset.vector = subset.inputs

    monkeypatch.setattr(CommonSubset, '_finish', finish)


def an_input_is_in_because_it_came_here(monkeypatch: Patch) -> None:
    original = CommonSubset._finish

    def finish(subset: CommonSubset, decisions: list) -> None:
        original(subset, decisions)
        if subset.vector is not None:
            subset.vector = subset.inputs

    monkeypatch.setattr(CommonSubset, '_finish', finish)


def a_settled_robot_hears_no_votes(monkeypatch: Patch) -> None:
    original = CommonSubset.receive

    def receive(subset: CommonSubset, sender: int, statement: Statement) -> bool:
        return subset.vector is not None or original(subset, sender, statement)

    monkeypatch.setattr(CommonSubset, 'receive', receive)


# -- they are caught ------------------------------------------------------------------------------

# Caught by bad weather within SEEDS_MAX seeds.
BY_STORM: list[Callable[[Patch], None]] = [
    all_robots_are_waited_for,
    AUX_is_said_for_every_possible_side,
    every_robot_throws_a_coin_of_its_own,
    shares_are_not_checked,
    a_side_is_supported_only_by_those_who_want_it,
    liars_are_not_filtered,
    a_value_is_echoed_before_it_is_here,
    ready_robots_make_nobody_ready,
    nothing_is_pulled,
    a_reboot_forgets_what_was_voted,
    a_reboot_forgets_what_was_echoed,
    nobody_votes_against_the_rest,
    an_input_that_is_in_is_not_waited_for,
    an_input_is_in_because_it_came_here,
]
# These take many seeds, or a liar with a plan; each has a test that is about it.
BY_TEST: list[tuple[Callable[[Patch], None], Callable[[], None]]] = [
    (
        f_robots_are_believed,
        lambda: test_binary.test_a_side_is_supported_once_f_plus_1_do_and_not_before(SEVEN),
    ),
    (
        two_f_supporters_make_a_side_possible,
        lambda: test_binary.test_a_side_is_held_to_once_2f_plus_1_support_it(FOUR),
    ),
    (
        half_of_n_plus_f_echoes_are_enough,
        lambda: test_broadcast.test_more_than_half_of_n_plus_f_echoes_make_it_ready(
            Thresholds(5, 1, True), 4
        ),
    ),
    (
        one_robot_fewer_is_waited_for,
        lambda: test_graded.test_at_most_one_side_comes_out_of_a_half_whatever_each_hears(FOUR),
    ),
    (
        half_of_the_robots_are_a_majority,
        lambda: test_graded.test_at_most_one_side_comes_out_of_a_half_whatever_each_hears(
            FIVE_CRASH
        ),
    ),
    (
        f_holders_are_enough,
        test_broadcast.test_where_robots_only_crash_a_value_that_f_plus_1_hold_is_delivered,
    ),
    (
        AUX_is_counted_for_sides_that_are_not_possible,
        test_binary.test_who_holds_to_a_side_that_is_not_possible_here_is_not_counted_until_it_is,
    ),
    (
        CONF_says_what_is_possible,
        test_binary.test_CONF_says_what_was_seen_and_not_all_that_is_possible,
    ),
    (
        CONF_is_left_out,
        test_attack.test_with_CONF_it_is_settled_before_the_first_share_which_side_can_be_seen_alone,
    ),
    (
        what_was_seen_before_CONF_is_gone_on_with,
        lambda: test_attack.test_with_CONF_the_same_attack_fails_for_every_coin(0),
    ),
    (
        a_side_seen_alone_is_decided_without_the_coin,
        test_binary.test_END_counts_as_support_and_AUX_and_CONF_in_the_rounds_that_come,
    ),
    (
        a_share_is_given_at_the_begin_of_a_round,
        test_binary.test_no_share_is_given_before_n_minus_f_robots_said_what_they_saw,
    ),
    (
        END_is_not_counted_in_later_rounds,
        test_binary.test_END_counts_as_support_and_AUX_and_CONF_in_the_rounds_that_come,
    ),
    (
        END_counts_beside_what_the_same_robot_holds_to,
        test_binary.test_END_does_not_count_beside_what_the_same_robot_said_in_that_round,
    ),
    (
        who_has_decided_is_silent,
        test_the_end.test_who_has_decided_supports_what_a_slower_robot_needs,
    ),
    (
        who_decided_because_others_had_takes_no_further_part,
        test_the_end.test_who_decided_because_others_had_goes_on_through_the_rounds,
    ),
    (
        rounds_that_are_over_here_get_no_support,
        test_binary.test_support_is_given_in_rounds_that_are_over_here,
    ),
    (
        more_than_half_bring_a_side_out_also_with_liars,
        lambda: test_graded.test_at_most_one_side_comes_out_of_a_half_whatever_each_hears(FOUR),
    ),
    (
        f_plus_1_words_decide_also_with_liars,
        lambda: test_graded.test_what_n_minus_f_robots_hold_to_and_no_fewer_is_decided(SEVEN),
    ),
    (
        a_side_that_few_have_is_not_gone_on_with,
        lambda: test_graded.test_f_plus_1_words_of_a_side_decide_it_and_one_is_gone_on_with(
            NEITHER, (0, NEITHER), None, 1, [0]
        ),
    ),
    (
        who_has_no_input_yet_leaves_a_round_without_a_word,
        test_graded.test_nobody_leaves_a_round_without_a_word_in_it,
    ),
    (
        f_ready_robots_make_ready,
        lambda: test_broadcast.test_f_plus_1_ready_robots_make_it_ready_and_f_do_not(FOUR),
    ),
    (
        f_plus_1_ready_robots_deliver,
        lambda: test_broadcast.test_2f_plus_1_ready_robots_deliver_it(SEVEN),
    ),
    (
        an_echo_counts_for_every_value_that_a_robot_echoes,
        lambda: test_broadcast.test_two_values_of_one_robot_are_told_apart_and_the_first_one_counts(
            'echo'
        ),
    ),
    (
        anybody_may_say_what_the_value_is,
        test_broadcast.test_a_hash_that_f_robots_echo_may_be_a_lie_and_what_f_plus_1_echo_is_asked_for,
    ),
    (
        the_last_value_of_the_proposer_counts,
        test_broadcast.test_a_second_value_of_the_proposer_is_a_lie_and_is_not_echoed,
    ),
    (
        the_smallest_hash_is_asked_for,
        test_broadcast.test_what_only_the_proposer_vouches_for_never_bars_the_way_to_what_others_hold,
    ),
    (
        the_rest_is_voted_against_too_early,
        test_subset.test_whoever_has_n_minus_f_inputs_in_votes_against_the_rest_and_not_before,
    ),
    (
        a_settled_robot_hears_no_votes,
        test_subset.test_a_robot_goes_on_to_support_though_all_is_settled_here,
    ),
]


@pytest.mark.parametrize('mutation', BY_STORM, ids=lambda mutation: mutation.__name__)
def test_a_mistake_is_caught_in_bad_weather(
    mutation: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    mutation(monkeypatch)
    for seed in range(1, SEEDS_MAX + 1):
        try:
            storm(seed)
        except AssertionError as error:
            print(error)
            return
    raise AssertionError(f'{SEEDS_MAX} seeds did not catch it')


@pytest.mark.parametrize(
    ('mutation', 'test'), BY_TEST, ids=[mutation.__name__ for mutation, _ in BY_TEST]
)
def test_a_mistake_is_caught_by_the_test_that_is_about_it(
    mutation: Callable[[Patch], None], test: Callable[[], None], monkeypatch: Patch
) -> None:
    test()
    mutation(monkeypatch)
    with pytest.raises(AssertionError):
        test()
