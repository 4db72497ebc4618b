"""Robots that judge the same ballots come to the same outcome, and liars move it little or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
import math
import random
import statistics

from ballot_cases import (
    GOALS,
    HASH,
    LABELS,
    SIGNS,
    ballots_of_anybody,
    doubles,
    numbers_of,
    policies,
    robots,
    sees,
    settle,
)
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from swarm_consensus.decision.ballots import Ballot, Outcome, RequestEnd, answer, in_force
from swarm_consensus.decision.fusion import RULES, fuse
from swarm_consensus.decision.pooling import POOLING, bounded, pool
from swarm_consensus.decision.rule_names import AGREED_RULES, FUSION_RULES, POOLS, rule_problem
from swarm_consensus.decision.rules import judge
from swarm_consensus.decision.types import Level, Status
from swarm_consensus.transport.codec import Codec

WIRE: Codec[Ballot | Outcome] = Codec({1: Ballot, 2: Outcome})


def bits(outcome: Outcome) -> bytes:
    return WIRE.encode(outcome)


# -- what must hold whatever robots put in ---------------------------------------------------------


@settings(max_examples=500)
@given(
    policies,
    st.lists(st.one_of(st.none(), ballots_of_anybody), min_size=1, max_size=7),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_order_of_the_mapping_never_matters_and_outcomes_travel(
    policy: object, cast: list[Ballot | None], lies: bool, chance: random.Random
) -> None:
    """Bit for bit, over two epochs; weights of swarm.yaml belong to names, not to places."""
    names = robots(len(cast))
    weights = [0.1 * (number + 1) for number in range(len(cast))]
    faults = (len(cast) - 1) // (3 if lies else 2)
    first: Outcome | None = None
    other: Outcome | None = None
    for epoch in (1, 2):
        ballots = dict(zip(names, cast, strict=True))
        first = judge(policy, names, weights, faults, lies, ballots, first, epoch)  # type: ignore[arg-type]
        places = list(range(len(cast)))
        chance.shuffle(places)
        mixed = {names[place]: cast[place] for place in places}
        chance.shuffle(places)
        other = judge(
            policy,  # type: ignore[arg-type]
            [names[place] for place in places],
            [weights[place] for place in places],
            faults,
            lies,
            mixed,
            other,
            epoch,
        )
        assert bits(first) == bits(other)
        assert WIRE.decode(bits(first)) == first
        assert first.status.answered == (first.reason == '')
        assert 0.0 <= first.confidence <= 1.0
        chance.shuffle(cast)


LIARS = st.lists(ballots_of_anybody, min_size=0, max_size=3)


@settings(max_examples=300)
@given(st.data(), st.sampled_from(['median', 'trimmed_mean']), st.integers(1, 3))
def test_liars_cannot_move_the_middle_out_of_what_honest_robots_say(
    data: st.DataObject, rule: str, faults: int
) -> None:
    """In every coordinate, for numbers; with labels before they are scaled to sum 1."""
    honest = data.draw(
        st.lists(
            st.tuples(st.floats(-1e6, 1e6), st.floats(-1e-3, 1e-3)),
            min_size=2 * faults + 1,
            max_size=8,
        )
    )
    liars = data.draw(st.lists(ballots_of_anybody, max_size=faults))
    cast: list[Ballot | None] = [Ballot(value=doubles(*pair)) for pair in honest]
    cast += liars
    data.draw(st.randoms(use_true_random=False)).shuffle(cast)
    outcome = settle(replace(GOALS, fusion=rule), cast, faults=faults)
    assert outcome.status is Status.DECIDED
    for column, number in zip(zip(*honest, strict=True), numbers_of(outcome.value), strict=True):
        assert min(column) <= number <= max(column)


@settings(max_examples=300)
@given(st.data(), st.sampled_from(['plurality', 'weighted_plurality', 'log_linear']))
def test_liars_cannot_change_the_plurality_of_equal_honest_proposals(
    data: st.DataObject, rule: str
) -> None:
    faults = data.draw(st.integers(1, 3))
    honest = Ballot(choice='charge', value=b'dock 2')
    cast: list[Ballot | None] = [honest] * (2 * faults + 1)
    cast += data.draw(st.lists(ballots_of_anybody, max_size=faults))
    data.draw(st.randoms(use_true_random=False)).shuffle(cast)
    outcome = settle(replace(GOALS, fusion=rule), cast, faults=faults)
    assert (outcome.status, outcome.choice, outcome.value) == (Status.DECIDED, 'charge', b'dock 2')


@settings(max_examples=300)
@given(st.data(), st.integers(1, 3), st.sampled_from(['plurality', 'median', 'trimmed_mean']))
def test_liars_cannot_change_the_label_on_which_honest_robots_are_one(
    data: st.DataObject, faults: int, rule: str
) -> None:
    cast: list[Ballot | None] = [sees(0.1, 0.8, 0.1)] * (2 * faults + 1)
    cast += data.draw(st.lists(ballots_of_anybody, max_size=faults))
    data.draw(st.randoms(use_true_random=False)).shuffle(cast)
    policy = replace(SIGNS, fusion=rule, confidence=0.0)
    assert settle(policy, cast, faults=faults).choice == 'dog'


@settings(max_examples=200)
@given(st.data(), st.integers(1, 3))
def test_liars_alone_decide_nothing(data: st.DataObject, faults: int) -> None:
    """Whatever the policy says of quorum and support: f robots that lie are not enough."""
    policy = replace(data.draw(policies), quorum=1, support=0, confidence=0.0)
    liars = data.draw(st.lists(ballots_of_anybody, max_size=faults))
    cast: list[Ballot | None] = [*liars, *[Ballot()] * (2 * faults + 1)]
    assert settle(policy, cast, faults=faults).revision == 0


# -- rules against what their definitions say -----------------------------------------------------


def slow_middle(rule: str, column: Sequence[Fraction], trim: int) -> Fraction:
    if rule == 'median':
        return Fraction(statistics.median(column))
    kept = sorted(column)[trim : len(column) - trim]
    return sum(kept, Fraction(0)) / len(kept)


@pytest.mark.parametrize('seed', range(60))
@pytest.mark.parametrize('rule', ['median', 'trimmed_mean'])
def test_middle_of_numbers_equals_its_definition(rule: str, seed: int) -> None:
    draw = random.Random(seed)
    faults = draw.randint(0, 3)
    count, width = draw.randint(2 * faults + 1, 10), draw.randint(1, 5)
    rows = [[draw.uniform(-1e3, 1e3) for _ in range(width)] for _ in range(count)]
    policy = replace(GOALS, fusion=rule, quorum=1)
    outcome = settle(policy, [Ballot(value=doubles(*row)) for row in rows], faults=faults)
    expected = [slow_middle(rule, [Fraction(row[n]) for row in rows], faults) for n in range(width)]
    assert numbers_of(outcome.value) == pytest.approx([float(x) for x in expected]), f'seed {seed}'
    assert outcome.voters == tuple(sorted(robots(count)))
    assert outcome.confidence == 1.0


@pytest.mark.parametrize('seed', range(30))
@pytest.mark.parametrize('rule', ['median', 'trimmed_mean'])
def test_middle_of_distributions_equals_its_definition(rule: str, seed: int) -> None:
    draw = random.Random(seed)
    count, width, trim = draw.randint(3, 8), draw.randint(2, 6), 1
    rows = [bounded([draw.uniform(-6, 0) for _ in range(width)]) for _ in range(count)]
    parts = [[math.exp(x) / sum(map(math.exp, row)) for x in row] for row in rows]
    columns = [[Fraction(part[label]) for part in parts] for label in range(width)]
    middles = [slow_middle(rule, column, trim) for column in columns]
    expected = [float(middle / sum(middles)) for middle in middles]
    assert pool(rule, rows, [1.0] * count, trim) == pytest.approx(expected), f'seed {seed}'


@pytest.mark.parametrize('seed', range(30))
@pytest.mark.parametrize('rule', POOLS)
def test_pools_are_those_of_the_other_levels(rule: str, seed: int) -> None:
    draw = random.Random(seed)
    count, width = draw.randint(1, 7), draw.randint(2, 9)
    rows = [bounded([draw.uniform(-9, 9) for _ in range(width)]) for _ in range(count)]
    weights = [draw.uniform(0.1, 3) for _ in range(count)]
    other = fuse(rule, np.array(rows), np.array(weights))
    assert pool(rule, rows, weights, 0) == pytest.approx(list(other)), f'seed {seed}'


@pytest.mark.parametrize('rule', AGREED_RULES)
@given(st.data())
def test_pool_has_equal_bits_in_any_order_of_the_robots(rule: str, data: st.DataObject) -> None:
    votes = data.draw(
        st.lists(
            st.tuples(st.tuples(*[st.floats(-9, 0)] * 3).map(bounded), st.floats(0.1, 9)),
            min_size=3,
            max_size=7,
        )
    )
    first = pool(rule, *zip(*votes, strict=True), 1)
    mixed = data.draw(st.permutations(votes))
    assert pool(rule, *zip(*mixed, strict=True), 1) == first


def test_every_rule_has_its_name() -> None:
    assert set(FUSION_RULES) == set(RULES)
    assert set(AGREED_RULES) == set(POOLING)


# -- evidence -------------------------------------------------------------------------------------

CAT, DOG, EITHER = sees(0.9, 0.05, 0.05), sees(0.05, 0.9, 0.05), sees(0.4, 0.4, 0.2)


def test_evidence_decides_by_its_pool() -> None:
    outcome = settle(SIGNS, [CAT, CAT, DOG, Ballot()])
    assert (outcome.status, outcome.choice, outcome.revision) == (Status.DECIDED, 'cat', 1)
    assert outcome.voters == ('r1', 'r2', 'r3')
    assert outcome.confidence == pytest.approx(0.9 * 0.9 * 0.05 / (0.0405 + 0.00225 + 0.000125))
    assert (outcome.proposer, outcome.value, outcome.reason) == ('', b'', '')


def test_weights_are_those_of_the_swarm_file() -> None:
    cast: list[Ballot | None] = [CAT, DOG, DOG]
    policy = replace(SIGNS, fusion='weighted_plurality')
    assert settle(policy, cast).choice == 'dog'
    outcome = settle(policy, cast, weights=(4.0, 1.0, 1.0))
    assert (outcome.choice, outcome.confidence) == ('cat', 4.0 / 6.0)
    plain = settle(replace(policy, fusion='plurality'), cast, weights=(4.0, 1.0, 1.0))
    assert (plain.choice, plain.confidence) == ('dog', 2.0 / 3.0)
    with pytest.raises(ValueError, match='2 weights for 3 robots'):
        settle(policy, cast, weights=(1.0, 2.0))


@pytest.mark.parametrize(
    'bad',
    [
        None,
        Ballot(),
        Ballot(late=True),
        Ballot(HASH, (0.0, math.nan, -1.0)),
        Ballot(HASH, (0.0, math.inf, -1.0)),
        Ballot(HASH, (0.0, -math.inf, -1.0)),
        Ballot(HASH, (0.0, -1.0)),
        Ballot(HASH, (0.0, -1.0, -1.0, -1.0)),
        Ballot(HASH, (0.0,) * 10_000),
        Ballot(HASH, ()),
        Ballot(HASH + 1, (0.0, -1.0, -1.0)),
        Ballot(0, (0.0, -1.0, -1.0)),
        Ballot(choice='cow'),
        Ballot(choice='cat', expected_revision=1),
        Ballot(value=b'cat'),
    ],
)
@pytest.mark.parametrize('rule', AGREED_RULES)
def test_what_is_no_evidence_is_an_abstention(rule: str, bad: Ballot | None) -> None:
    """It neither counts as spoken nor changes what the others say."""
    policy = replace(SIGNS, fusion=rule)
    with_it = settle(policy, [DOG, DOG, DOG, bad])
    assert with_it == settle(policy, [DOG, DOG, DOG, None])
    assert with_it.voters == ('r1', 'r2', 'r3')
    outcome = settle(policy, [DOG, DOG, bad, bad])
    assert (outcome.status, outcome.revision) == (Status.UNDECIDED, 0)
    assert outcome.reason.startswith('2 robots have spoken, 3 must')


def test_evidence_beyond_all_bounds_is_no_veto() -> None:
    """One robot that is sure beyond reason has no more say than LOG_RATIO_MIN gives it."""
    sure = Ballot(HASH, (1e308, -1e308, -1e308))
    strong = Ballot(HASH, (-50.0, 0.0, -50.0))
    assert settle(SIGNS, [sure, strong, strong, strong]).choice == 'dog'


def test_a_stranger_has_no_ballot() -> None:
    ballots: dict[str, Ballot | None] = {'r1': CAT, 'r2': CAT, 'r3': CAT}
    others = ballots | {'stranger': DOG, 'r0': DOG}
    names = ('r1', 'r2', 'r3')
    assert judge(SIGNS, names, (), 0, True, others, None, 1) == judge(
        SIGNS, names, (), 0, True, ballots, None, 1
    )


@pytest.mark.parametrize('rule', AGREED_RULES)
def test_ties_go_to_the_first_label(rule: str) -> None:
    policy = replace(SIGNS, fusion=rule, quorum=2, confidence=0.0)
    assert settle(policy, [EITHER] * 4).choice == 'cat'
    turned = sees(0.2, 0.4, 0.4)
    assert settle(policy, [turned] * 4).choice == 'dog'


def test_proposal_of_a_label_stands_for_all_evidence_of_its_robot() -> None:
    """Though its evidence is against it; and a value needs support like any proposal."""
    said = replace(DOG, choice='cat', value=b'left', request_id='a#1')
    outcome = settle(SIGNS, [said, CAT, CAT, Ballot()])
    assert (outcome.choice, outcome.value, outcome.proposer) == ('cat', b'', 'r1')
    assert outcome.requests == (
        RequestEnd('r1', 'a#1', Status.REFUSED, 'something else was decided'),
    )
    outcome = settle(SIGNS, [said, replace(said, request_id=''), CAT, Ballot()])
    assert (outcome.choice, outcome.value, outcome.proposer) == ('cat', b'left', 'r1')
    assert outcome.requests == (RequestEnd('r1', 'a#1', Status.DECIDED),)


# -- quorum, confidence, deadline -----------------------------------------------------------------


@pytest.mark.parametrize(
    ('lies', 'rule', 'quorum', 'need'),
    [
        (True, 'log_linear', 1, 3),
        (True, 'log_linear', 4, 4),
        (True, 'median', 1, 5),
        (True, 'trimmed_mean', 7, 7),
        (False, 'log_linear', 1, 1),
        (False, 'median', 2, 2),
        (False, 'trimmed_mean', 1, 1),
    ],
)
def test_quorum_counts_those_that_spoke_and_is_never_liars_alone(
    lies: bool, rule: str, quorum: int, need: int
) -> None:
    policy = replace(SIGNS, fusion=rule, quorum=quorum)

    def outcome(count: int) -> Outcome:
        cast: list[Ballot | None] = [CAT] * count + [Ballot()] * (7 - count)
        return settle(policy, cast, faults=2, lies=lies)

    assert outcome(need).status is Status.DECIDED
    less = outcome(need - 1)
    assert (less.status, less.revision) == (Status.UNDECIDED, 0)
    spoken = '1 robot has' if need == 2 else f'{need - 1} robots have'
    assert less.reason == f'{spoken} spoken, {need} must'


UNSURE = replace(SIGNS, confidence=0.95, fusion='linear')


@pytest.mark.parametrize(
    ('lies', 'late', 'status'),
    [
        (True, 0, Status.UNDECIDED),
        (True, 1, Status.UNDECIDED),
        (True, 2, Status.LOW_CONFIDENCE),
        (False, 0, Status.UNDECIDED),
        (False, 1, Status.LOW_CONFIDENCE),
    ],
)
def test_deadline_counts_when_one_honest_robot_says_so(
    lies: bool, late: int, status: Status
) -> None:
    cast: list[Ballot | None] = [replace(CAT, late=number < late) for number in range(4)]
    outcome = settle(UNSURE, cast, lies=lies)
    assert outcome.status is status
    if status is Status.UNDECIDED:
        assert outcome.reason == "'cat' is in front with 0.90, 0.95 is asked before the deadline"
    else:
        assert (outcome.choice, outcome.revision, outcome.decided_status) == ('cat', 1, status)


def test_robots_that_abstain_tell_the_time_too() -> None:
    late = Ballot(late=True)
    assert settle(UNSURE, [CAT, CAT, CAT, late, late]).status is Status.LOW_CONFIDENCE


def test_give_up_at_the_deadline() -> None:
    cast: list[Ballot | None] = [replace(CAT, late=True)] * 4
    outcome = settle(replace(UNSURE, decide_at_deadline=False), cast)
    assert (outcome.status, outcome.revision) == (Status.UNDECIDED, 0)
    assert outcome.reason == (
        "'cat' is in front with 0.90, 0.95 is asked, and the deadline has passed"
    )


# -- proposals ------------------------------------------------------------------------------------


def says(choice: str, value: bytes = b'', **more: object) -> Ballot:
    return Ballot(choice=choice, value=value, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('lies', 'support', 'need'),
    [(True, 0, 3), (False, 0, 1), (True, 4, 4), (False, 2, 2), (True, 1, 1)],
)
def test_support_is_how_many_must_propose_the_same(lies: bool, support: int, need: int) -> None:
    """Quorum has no say: one robot may have all the reason to ask, and the others none."""
    policy = replace(GOALS, support=support, quorum=7)

    def outcome(count: int) -> Outcome:
        cast: list[Ballot | None] = [says('charge')] * count + [Ballot()] * (7 - count)
        return settle(policy, cast, faults=2, lies=lies)

    assert outcome(need).choice == 'charge'
    assert outcome(need).voters == robots(7)[:need]
    less = outcome(need - 1)
    assert less.status is Status.UNDECIDED
    expected = 'no robot has proposed anything'
    if need > 1:
        stand = '1 robot stands' if need == 2 else f'{need - 1} robots stand'
        expected = f'{stand} behind the same proposal, {need} must'
    assert less.reason == expected


def test_proposals_are_the_same_where_choice_and_value_are() -> None:
    cast: list[Ballot | None] = [says('go', b'1'), says('go', b'2'), says('go', b'2'), says('stay')]
    outcome = settle(GOALS, cast)
    assert (outcome.choice, outcome.value, outcome.confidence) == ('go', b'2', 0.5)
    assert (outcome.proposer, outcome.voters) == ('r2', ('r2', 'r3'))


def test_ties_go_to_the_smaller_proposal() -> None:
    pairs = [says('b', b'0'), says('a', b'2'), says('a', b'1')]
    cast: list[Ballot | None] = [ballot for ballot in pairs for _ in range(2)]
    outcome = settle(GOALS, cast)
    assert (outcome.choice, outcome.value) == ('a', b'1')


def test_weight_wins_only_with_support() -> None:
    policy = replace(GOALS, fusion='weighted_plurality')
    cast: list[Ballot | None] = [says('a'), says('b'), says('b'), says('c'), says('c')]
    outcome = settle(policy, cast, weights=(99.0, 1.0, 1.0, 1.5, 1.0))
    assert (outcome.choice, outcome.confidence) == ('c', 2.5 / 103.5)
    assert settle(replace(policy, support=1), cast, weights=(99.0, 1, 1, 1, 1)).choice == 'a'


def test_weights_have_no_say_where_robots_are_counted() -> None:
    cast: list[Ballot | None] = [says('a'), says('a'), says('b'), says('b'), says('b')]
    for rule in ('plurality', 'log_linear', 'linear'):
        outcome = settle(replace(GOALS, fusion=rule), cast, weights=(9.0, 9.0, 1.0, 1.0, 1.0))
        assert (outcome.choice, outcome.confidence) == ('b', 0.6)


def test_evidence_without_labels_says_nothing() -> None:
    outcome = settle(replace(GOALS, fusion='log_linear'), [CAT, CAT, CAT, CAT])
    assert outcome.reason == 'no robot has proposed anything'


def test_numbers_of_another_length_or_none_abstain() -> None:
    policy = replace(GOALS, fusion='median', quorum=1)
    good: list[Ballot | None] = [Ballot(value=doubles(x, -x), request_id='a#1') for x in (1, 2, 9)]
    bad: list[Ballot | None] = [
        Ballot(value=doubles(5.0), request_id='b#1'),
        Ballot(value=doubles(1.0, math.nan), request_id='c#1'),
        Ballot(value=doubles(1.0, math.inf)),
        Ballot(value=doubles(1.0, 2.0)[:-1]),
        Ballot(choice='word'),
    ]
    outcome = settle(policy, good + bad)
    assert numbers_of(outcome.value) == (2.0, -2.0)
    assert outcome.voters == ('r1', 'r2', 'r3')
    assert [end.status for end in outcome.requests] == [Status.DECIDED] * 3 + [Status.REFUSED] * 2
    fewer = settle(policy, good[:2] + bad)
    assert fewer.status is Status.UNDECIDED
    assert fewer.reason == ('2 robots have spoken, 3 must; the proposals of 4 more do not count')


def test_crashed_robots_leave_the_trimmed_mean_what_it_can_have() -> None:
    policy = replace(GOALS, fusion='trimmed_mean', quorum=1)
    cast: list[Ballot | None] = [Ballot(value=doubles(1.0)), Ballot(value=doubles(3.0)), None]
    outcome = settle(policy, cast, lies=False)
    assert numbers_of(outcome.value) == (2.0,)


# -- from epoch to epoch --------------------------------------------------------------------------


def test_an_epoch_that_confirms_keeps_the_revision() -> None:
    policy = replace(SIGNS, revise=True)
    first = settle(policy, [CAT, CAT, CAT])
    second = settle(policy, [sees(0.6, 0.2, 0.2)] * 4, before=first)
    assert second == replace(first, epoch=2)
    third = settle(policy, [DOG, DOG, DOG], before=second)
    assert (third.epoch, third.revision, third.choice, third.decided_epoch) == (3, 2, 'dog', 3)


def test_an_undecided_epoch_leaves_what_is_in_force() -> None:
    policy = replace(SIGNS, revise=True)
    first = settle(policy, [CAT, CAT, CAT])
    second = settle(policy, [DOG, None, None], before=first)
    assert (second.status, second.reason) == (
        Status.UNDECIDED,
        '1 robot has spoken, 3 must',
    )
    assert in_force('animal/7', second) == in_force('animal/7', first)


def test_low_confidence_becomes_firm_when_confirmed_and_never_the_other_way() -> None:
    policy = replace(UNSURE, revise=True)
    soft = settle(policy, [replace(CAT, late=True)] * 4)
    firm = settle(policy, [sees(0.99, 0.005, 0.005)] * 3, before=soft)
    assert (soft.decided_status, soft.revision) == (Status.LOW_CONFIDENCE, 1)
    assert (firm.decided_status, firm.revision, firm.decided_epoch) == (Status.DECIDED, 1, 2)
    assert firm.voters == ('r1', 'r2', 'r3')
    again = settle(policy, [replace(CAT, late=True)] * 4, before=firm)
    assert again == replace(firm, epoch=3, status=Status.LOW_CONFIDENCE)


def test_evidence_does_not_revise_where_the_policy_says_never() -> None:
    first = settle(SIGNS, [CAT, CAT, CAT])
    second = settle(SIGNS, [DOG, DOG, DOG], before=first)
    assert (second.status, second.choice, second.revision) == (Status.UNDECIDED, 'cat', 1)
    assert second.reason == (
        'it is decided and `revise: never`: only proposals count, 0 robots have proposed and 3 must'
    )
    third = settle(SIGNS, [says('dog')] * 3, before=second)
    assert (third.choice, third.revision, third.proposer) == ('dog', 2, 'r1')


def test_confirming_evidence_leaves_the_value_that_was_proposed() -> None:
    policy = replace(SIGNS, revise=True)
    first = settle(policy, [says('cat', b'left')] * 3)
    second = settle(policy, [CAT] * 3, before=first)
    assert second == replace(first, epoch=2)
    assert second.value == b'left'


def test_proposal_counts_only_at_the_revision_that_it_expects() -> None:
    first = settle(GOALS, [says('a', expected_revision=0, request_id=f'{n}#1') for n in range(4)])
    assert first.revision == 1
    assert {end.status for end in first.requests} == {Status.DECIDED}
    second = settle(
        GOALS,
        [
            says('b', expected_revision=0, request_id='x#1'),
            says('c', expected_revision=1, request_id='y#1'),
            says('c', request_id='z#1'),
            says('d', request_id='w#1'),
        ],
        before=first,
    )
    assert (second.choice, second.revision) == ('c', 2)
    assert second.confidence == 2 / 3
    assert second.request_ids == ('x#1', 'y#1', 'z#1', 'w#1')
    assert second.requests[0] == RequestEnd(
        'r1', 'x#1', Status.REFUSED, 'the subject stands at revision 1, the proposal expected 0'
    )
    assert [end.status for end in second.requests[1:]] == [
        Status.DECIDED,
        Status.DECIDED,
        Status.REFUSED,
    ]


def test_a_request_belongs_to_the_robot_that_put_it_in() -> None:
    """A liar that copies an id does not end the request of another."""
    cast: list[Ballot | None] = [says('a', request_id='me#1')] * 2
    cast += [says('b', request_id='me#1'), Ballot(request_id='empty#1')]
    outcome = settle(GOALS, cast)
    mine, liars = outcome.end_of('r1', 'me#1'), outcome.end_of('r3', 'me#1')
    assert mine is not None
    assert liars is not None
    assert (mine.status, liars.status) == (Status.DECIDED, Status.REFUSED)
    assert outcome.end_of('r4', 'me#1') is None
    assert outcome.end_of('r4', 'empty#1') == RequestEnd(
        'r4', 'empty#1', Status.REFUSED, 'the proposal is empty'
    )
    told = answer('goal', outcome, liars)
    assert (told.status, told.choice, told.revision) == (Status.REFUSED, 'a', 1)
    assert told.reason == 'something else was decided'


def test_requests_of_an_undecided_epoch_may_be_asked_again() -> None:
    outcome = settle(GOALS, [says('a', request_id='a#1'), Ballot(), Ballot(), Ballot()])
    assert outcome.requests == (RequestEnd('r1', 'a#1', Status.UNDECIDED),)
    told = answer('goal', outcome, outcome.requests[0])
    assert (told.status, told.revision) == (Status.UNDECIDED, 0)
    assert told.reason == '1 robot stands behind the same proposal, 2 must'
    assert in_force('goal', outcome) is None


def test_decision_in_force_says_who_stood_behind_it() -> None:
    decision = in_force('goal', settle(GOALS, [says('a'), says('b'), says('a'), says('a')]))
    assert decision is not None
    assert (decision.level, decision.status) == (Level.AGREED, Status.DECIDED)
    assert (decision.proposer, decision.voters) == ('r1', ('r1', 'r3', 'r4'))
    assert (decision.confidence, decision.revision) == (0.75, 1)


def test_an_abstention_has_nothing_to_count() -> None:
    assert not Ballot().spoke
    assert not Ballot(late=True, request_id='a#1').spoke
    assert CAT.spoke and says('a').spoke and Ballot(value=b'1').spoke


@pytest.mark.parametrize(
    ('rule', 'level', 'text'),
    [
        ('median', Level.AGREED, ''),
        ('a.b:c', Level.AGREED, ''),
        ('linear', Level.FUSED, ''),
        ('plurality', Level.FUSED, 'only `level: agreed` has; use log_linear, linear or median'),
        ('a.b:c', Level.FUSED, 'which only `level: agreed` has'),
        ('mediam', Level.COMMITTED, 'must be one of log_linear, linear'),
        ('mediam', Level.AGREED, 'trimmed_mean, or package.module:function'),
        ('a-b:c', Level.AGREED, 'which cannot name a function'),
        ('a:b:c', Level.AGREED, 'which cannot name a function'),
        ('a:', Level.AGREED, 'which cannot name a function'),
        ('a' * 300 + ':b', Level.AGREED, '302 characters, but must have 256 at most'),
    ],
)
def test_rules_belong_to_levels(rule: str, level: Level, text: str) -> None:
    problem = rule_problem(rule, level)
    assert text in problem
    assert bool(text) == bool(problem)


def test_labels_of_the_cases_are_those_of_the_policy() -> None:
    assert SIGNS.labels == LABELS
