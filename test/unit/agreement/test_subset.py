"""The common subset: one vector for all, with liars, lost pieces, crashes and reboots."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random

from agreement_net import chosen, first_in_first_out, shuffled
from hypothesis import given, settings
from hypothesis import strategies as st
import pytest
from subset_net import PIECES, IdealCommonCoin, SubsetNet, names

from swarm_consensus.protocols.agreement.coin import coin_name
from swarm_consensus.protocols.agreement.errors import InvariantError
from swarm_consensus.protocols.agreement.messages import DIGEST_BYTES, Kind, Statement
from swarm_consensus.protocols.agreement.quorum import Thresholds, faults_most
from swarm_consensus.protocols.agreement.subset import CommonSubset, SubsetRules
from swarm_consensus.protocols.agreement.voice import mask_of

FOUR = Thresholds(4, 1, True)
THREE_CRASH = Thresholds(3, 1, False)
FIVE_CRASH = Thresholds(5, 2, False)
VARIANTS = [(FOUR, True), (FOUR, False), (THREE_CRASH, False), (FIVE_CRASH, False)]
IDS = ['common coin', 'local coins', 'crash of 3', 'crash of 5']


def full(thresholds: Thresholds, common: bool, seed: int) -> SubsetNet:
    """A net of honest robots, all with an input, short ones and long ones."""
    net = SubsetNet(thresholds, range(thresholds.robots), common=common, seed=seed)
    for robot in range(thresholds.robots):
        net.propose(robot, b'%d' % robot * (1 + 9 * (robot % 3)))
    return net


@pytest.mark.parametrize(('thresholds', 'common'), VARIANTS, ids=IDS)
def test_all_robots_end_with_the_same_n_minus_f_inputs_or_more(
    thresholds: Thresholds, common: bool
) -> None:
    for seed in range(12):
        net = full(thresholds, common, seed)
        net.run(shuffled(Random(seed)))
        net.hold_to_the_promise()


@pytest.mark.parametrize(('thresholds', 'common'), VARIANTS, ids=IDS)
def test_where_nothing_is_late_every_input_is_in(thresholds: Thresholds, common: bool) -> None:
    net = full(thresholds, common, 1)
    net.run(first_in_first_out)
    assert net.hold_to_the_promise() == tuple(net.inputs[robot] for robot in sorted(net.inputs))


@pytest.mark.parametrize(('thresholds', 'common'), VARIANTS, ids=IDS)
def test_f_silent_robots_hold_nobody_up(thresholds: Thresholds, common: bool) -> None:
    for seed in range(6):
        random = Random(seed)
        awake = sorted(random.sample(range(thresholds.robots), thresholds.heard))
        net = SubsetNet(thresholds, awake, common=common, seed=seed)
        for robot in awake:
            net.propose(robot, b'%d' % robot)
        net.run(shuffled(random))
        vector = net.hold_to_the_promise()
        assert [robot for robot, value in enumerate(vector) if value is not None] == awake


@pytest.mark.parametrize('thresholds', [THREE_CRASH, FIVE_CRASH], ids=['3', '5'])
def test_robots_that_crash_at_any_message_hold_nobody_up_and_agree_till_then(
    thresholds: Thresholds,
) -> None:
    for seed in range(60):
        random = Random(seed)
        net = full(thresholds, False, seed)
        left = random.sample(range(thresholds.robots), thresholds.faults)

        def crash(net: SubsetNet = net, left: list[int] = left, random: Random = random) -> None:
            if left and random.random() < 0.03:
                net.crash(left.pop(), random)

        net.run(shuffled(random), crash)
        net.hold_to_the_promise()


@pytest.mark.parametrize('lies', [True, False])
def test_swarms_of_every_size_that_bear_fewer_faulty_robots_than_they_could_agree_too(
    lies: bool,
) -> None:
    for robots in range(1, 7):
        for faults in range(faults_most(robots, lies) + 1):
            for seed in range(3):
                net = full(Thresholds(robots, faults, lies), lies and seed > 0, seed)
                net.run(shuffled(Random(seed)))
                assert net.hold_to_the_promise() is not None, (robots, faults, seed)


def two_faced(common: bool, seed: int, random: Random) -> SubsetNet:
    """Robot 3 keeps all rules, with one value towards some robots, another towards the rest."""
    some = random.sample(range(3), random.randint(0, 3))
    rest = [robot for robot in range(3) if robot not in some]
    net = SubsetNet(FOUR, range(3), common=common, seed=seed, faces=[(3, some), (3, rest)])
    for robot in range(3):
        net.propose(robot, b'%d' % robot)
    for face, value in zip(net.faces, (b'one thing', b'another thing'), strict=True):
        net.propose_at(face, value)
    return net


@pytest.mark.parametrize('common', [True, False], ids=IDS[:2])
def test_a_proposer_with_two_faces_gets_one_value_in_or_none(common: bool) -> None:
    seen = set()
    for seed in range(40):
        random = Random(seed)
        net = two_faced(common, seed, random)
        net.run(shuffled(random))
        seen.add(net.hold_to_the_promise()[3])
    assert seen <= {None, b'one thing', b'another thing'} and len(seen) > 1, seen


@pytest.mark.parametrize('common', [True, False], ids=IDS[:2])
def test_a_value_of_which_a_robot_got_nothing_is_pulled_from_those_who_hold_it(
    common: bool,
) -> None:
    for seed in range(12):
        random = Random(seed)
        net = full(FOUR, common, seed)
        # Every piece to robot 0 is lost, and half of those to robot 1.
        net.waiting = [
            (sender, seat, message)
            for sender, seat, message in net.waiting
            if isinstance(message, Statement)
            or not (seat.index == 0 or (seat.index == 1 and random.getrandbits(1)))
        ]
        net.run(shuffled(random))
        net.hold_to_the_promise()


# -- reboots --------------------------------------------------------------------------------------


@pytest.mark.parametrize(('thresholds', 'common'), VARIANTS, ids=IDS)
@settings(max_examples=40, deadline=None)
@given(
    order=st.lists(st.integers(0, 200), max_size=150),
    reboots=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 6)), max_size=8),
    seed=st.integers(0, 1000),
)
def test_whoever_reboots_at_any_point_never_contradicts_itself_and_all_end(
    thresholds: Thresholds,
    common: bool,
    order: list[int],
    reboots: list[tuple[int, int]],
    seed: int,
) -> None:
    net = full(thresholds, common, seed)
    left = sorted(reboots)
    steps = 0

    def reboot() -> None:
        nonlocal steps
        steps += 1
        while left and left[0][0] <= steps:
            net.reboot(left.pop(0)[1] % thresholds.robots)

    net.run(chosen(order), reboot)
    net.hold_to_the_promise()


@pytest.mark.parametrize('common', [True, False], ids=IDS[:2])
def test_reboots_beside_a_liar_with_two_faces_change_nothing(common: bool) -> None:
    for seed in range(40):
        random = Random(seed)
        net = two_faced(common, seed, random)
        left = [6]

        def reboot(
            net: SubsetNet = net, random: Random = random, left: list[int] = left
        ) -> None:
            if left[0] and random.random() < 0.05:
                left[0] -= 1
                net.reboot(random.randrange(3))

        net.run(shuffled(random), reboot)
        net.hold_to_the_promise()


@pytest.mark.parametrize(('thresholds', 'common'), VARIANTS, ids=IDS)
def test_robots_that_all_reboot_after_the_end_end_the_same_again(
    thresholds: Thresholds, common: bool
) -> None:
    for seed in range(6):
        net = full(thresholds, common, seed)
        net.run(shuffled(Random(seed)))
        vector = net.hold_to_the_promise()
        for robot in range(thresholds.robots):
            net.reboot(robot)
        net.run(shuffled(Random(seed + 100)))
        assert net.hold_to_the_promise() == vector


def test_a_second_input_after_a_reboot_is_refused_where_the_first_was_told() -> None:
    net = full(FOUR, True, 1)
    net.reboot(0)
    with pytest.raises(InvariantError) as error:
        net[0].propose(b'second')
    assert str(error.value) == 's/1: a second input'


# -- one robot ------------------------------------------------------------------------------------


def alone(thresholds: Thresholds = FOUR, me: int = 0) -> CommonSubset:
    rules = SubsetRules(names(thresholds.robots), me, thresholds, PIECES, None)
    return CommonSubset(rules, 's', 1, Random(1))


def votes(kind: Kind, round_: int, value: int, *about: int) -> Statement:
    return Statement('s', 1, False, votes=((kind, round_, value, mask_of(about)),))


def test_whoever_has_n_minus_f_inputs_in_votes_against_the_rest_and_not_before() -> None:
    robot = alone()
    for about, expected in ((0, []), (1, []), (2, [3])):
        for sender in (1, 2):
            assert robot.receive(sender, votes(Kind.END, 0, 1, about))
        against = [
            proposer
            for proposer in range(4)
            if (Kind.SUPPORT, 0, 0) in robot.voice.votes(proposer)
        ]
        assert against == expected, about


def test_an_input_that_is_in_is_waited_for() -> None:
    robot = alone()
    pieces = alone(me=3).propose(b'late')
    for about in range(3):
        for sender in (1, 2):
            robot.receive(sender, votes(Kind.END, 0, 0 if about == 0 else 1, about))
    for sender in (1, 2):
        robot.receive(sender, votes(Kind.END, 0, 1, 3))
    assert robot.vector is None and robot.wanted() == []
    root = PIECES.root(pieces[0])
    assert root is not None
    for sender in (1, 2, 3):
        robot.receive(sender, Statement('s', 1, False, readies=((3, root),)))
    # Known to be the value, and not here: the holders are asked, once anybody says that it is one.
    assert robot.wanted() == [(3, root, (), 0)]
    robot.receive_piece(3, pieces[0])
    assert robot.inputs[3] == b'late' and robot.wanted() == []


def test_inputs_that_are_out_are_not_asked_for() -> None:
    robot = alone()
    root = b'x' * DIGEST_BYTES
    for sender in (1, 2):
        robot.receive(sender, Statement('s', 1, False, echoes=((3, root),)))
    assert robot.wanted() == [(3, root, (), 0b0110)]
    for sender in (1, 2):
        robot.receive(sender, votes(Kind.END, 0, 0, 3))
    assert robot.wanted() == []


@pytest.mark.parametrize(
    ('value', 'text'),
    [(b'x' * 65, 's/1: an input of 65 bytes')],
)
def test_an_input_that_is_too_long_is_refused(value: bytes, text: str) -> None:
    robot = alone()
    with pytest.raises(InvariantError) as error:
        robot.propose(value)
    assert str(error.value) == text and not robot.proposed
    assert robot.propose(b'x' * 64)


def test_what_is_about_robots_that_do_not_exist_is_passed_over() -> None:
    robot = alone()
    before = robot.voice.everything(False)
    root = b'x' * DIGEST_BYTES
    beyond = mask_of([4, 255])
    assert robot.receive(
        1,
        Statement(
            's', 1, False, ((4, root),), ((255, root),),
            ((Kind.SUPPORT, 0, 1, beyond), (Kind.END, 0, 1, beyond)), ((9, 2, b'share'),),
        ),
    )
    piece = replace(PIECES.cut('s', 1, 0, b'v')[0], proposer=200)
    assert robot.receive_piece(1, piece)
    assert robot.pieces(200, root, ()) == ()
    assert robot.voice.everything(False) == before


@pytest.mark.parametrize(
    'pair',
    [
        (
            Statement('s', 1, False, echoes=((1, b'a'),)),
            Statement('s', 1, False, echoes=((1, b'b'),)),
        ),
        (
            Statement('s', 1, False, readies=((1, b'a'),)),
            Statement('s', 1, False, readies=((1, b'b'),)),
        ),
        (votes(Kind.AUX, 0, 0, 1, 2), votes(Kind.AUX, 0, 1, 2, 3)),
    ],
    ids=['echoes', 'readies', 'votes'],
)
def test_two_statements_with_two_things_in_one_slot_are_told_apart(
    pair: tuple[Statement, Statement],
) -> None:
    robot = alone()
    assert robot.receive(1, pair[0]) and robot.receive(1, pair[0])
    assert not robot.receive(1, pair[1])
    assert robot.receive(2, pair[1])


def settled_alone() -> CommonSubset:
    """Robot 0, at the end of all agreements by their own rules, with nobody's END."""
    robots = names(4)
    coin = IdealCommonCoin(robots[0], 1, 1)
    robot = CommonSubset(SubsetRules(robots, 0, FOUR, PIECES, coin), 's', 1, Random(1))
    robot.propose(b'0')
    roots = []
    for proposer in range(4):
        (piece,) = PIECES.cut('s', 1, proposer, b'%d' % proposer)
        if proposer:
            robot.receive_piece(proposer, piece)
        roots.append((proposer, PIECES.root(piece)))
    for sender in (1, 2):
        robot.receive(sender, Statement('s', 1, False, echoes=tuple(roots), readies=tuple(roots)))
    for kind in (Kind.SUPPORT, Kind.AUX):
        for sender in (1, 2):
            robot.receive(sender, votes(kind, 0, 1, 0, 1, 2, 3))
    assert robot.vector == (b'0', b'1', b'2', b'3')
    return robot


def test_a_robot_goes_on_to_support_though_all_is_settled_here() -> None:
    robot = settled_alone()
    assert not robot.over
    for sender in (1, 2):
        assert (Kind.SUPPORT, 0, 0) not in robot.voice.votes(2)
        robot.receive(sender, votes(Kind.SUPPORT, 0, 0, 2))
    assert (Kind.SUPPORT, 0, 0) in robot.voice.votes(2)


def test_it_is_over_once_2f_plus_1_robots_have_said_the_END_of_every_agreement() -> None:
    robot = settled_alone()
    robot.receive(1, votes(Kind.END, 0, 1, 0, 1, 2, 3))
    robot.receive(2, votes(Kind.END, 0, 1, 0, 1, 2))
    assert not robot.over
    robot.receive(3, votes(Kind.END, 0, 1, 3))
    assert robot.over


def test_every_agreement_and_round_has_a_coin_of_its_own() -> None:
    places = list(product(('', 's', 's1', '1'), (1, 11), (0, 1, 11), (0, 1, 11)))
    assert len({coin_name(*place) for place in places}) == len(places)
