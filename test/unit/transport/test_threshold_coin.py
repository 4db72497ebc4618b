"""The common coin: one side from any f + 1 shares, none from f, and nobody has another share."""

from __future__ import annotations

from itertools import combinations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import bindings
import pytest

from swarm_consensus.protocols.agreement.coin import CommonCoin, coin_name
from swarm_consensus.transport import curve
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.keys import Keys, PublicKeys
from swarm_consensus.transport.threshold_coin import SHARE_BYTES, ThresholdCoin

ROBOTS = tuple(f'r{number}' for number in range(1, 8))
FAULTS = 2


def coins(robots: int = 7, faults_max: int = FAULTS, seed: int = 1) -> dict[str, ThresholdCoin]:
    dealt = deal('team', ROBOTS[:robots], faults_max, Random(seed).randbytes)
    return {robot: ThresholdCoin(keys) for robot, keys in dealt.items()}


COINS = coins()
NAME = coin_name('sign', 1, 0, 2)
SHARES = {robot: coin.share(NAME) for robot, coin in COINS.items()}


def test_it_is_the_coin_that_the_agreement_asks_for() -> None:
    coin: CommonCoin = COINS['r1']
    assert coin.threshold == FAULTS + 1


@given(st.integers(0, 2**32), st.integers(1, 7), st.data())
@settings(deadline=None, max_examples=20)
def test_any_shares_enough_give_the_same_side_at_every_robot(
    seed: int, robots: int, data: st.DataObject
) -> None:
    faults_max = data.draw(st.integers(0, min(2, robots - 1)))
    swarm = coins(robots, faults_max, seed)
    name = data.draw(st.binary(max_size=40))
    shares = {robot: coin.share(name) for robot, coin in swarm.items()}
    sides = set()
    for chosen in combinations(shares, faults_max + 1):
        some = {robot: shares[robot] for robot in chosen}
        sides.add(swarm[ROBOTS[0]].value(name, some))
    sides.add(swarm[ROBOTS[robots - 1]].value(name, shares))
    assert len(sides) == 1 and sides <= {0, 1}


def test_every_robot_takes_the_share_of_every_other_and_it_is_always_the_same() -> None:
    for coin in COINS.values():
        assert all(coin.valid(NAME, robot, share) for robot, share in SHARES.items())
    assert {robot: coin.share(NAME) for robot, coin in COINS.items()} == SHARES
    assert {len(share) for share in SHARES.values()} == {SHARE_BYTES}


def test_both_sides_come_about_as_often() -> None:
    robots = coins(1, 0)
    sides = []
    for epoch in range(200):
        name = coin_name('sign', epoch, 0, 2)
        sides.append(robots['r1'].value(name, {'r1': robots['r1'].share(name)}))
    # 200 throws of a fair coin: outside of this once in a million.
    assert 65 <= sum(sides) <= 135


def test_coins_of_other_names_are_others() -> None:
    for name in (b'', NAME + b'\0', coin_name('sign', 1, 0, 5), coin_name('sign', 1, 1, 2)):
        assert not any(COINS['r1'].valid(name, robot, share) for robot, share in SHARES.items())


def test_fewer_shares_give_no_side() -> None:
    few = dict(list(SHARES.items())[:FAULTS])
    for shares in ({}, few):
        with pytest.raises(ValueError, match='it takes 3'):
            COINS['r1'].value(NAME, shares)


@pytest.mark.parametrize('known', list(combinations(range(1, 8), FAULTS)))
def test_what_f_robots_hold_fits_both_sides(known: tuple[int, ...]) -> None:
    """
    Whatever f robots hold, other secrets go with it that show the other side.

    The secrets of the swarm here are each what a dealer may have dealt, and in all of them these
    robots hold the same: from their shares alone nobody can tell which of them is the true one.
    """
    point = curve.hash_to_point(b'swarm_consensus/coin/1/point', NAME)
    held = {place: 1000 + place for place in known}
    sides = set()
    for secret in range(1, 40):
        # The one polynomial of degree f through (0, secret) and what they hold.
        values = {0: secret, **held}
        shares = {
            f'r{place}': curve.times(point, _interpolate(values, place)) + bytes(64)
            for place in range(1, 8)
            if _interpolate(values, place)
        }
        for place in known:
            assert shares[f'r{place}'] == curve.times(point, held[place]) + bytes(64)
        sides.add(COINS['r1'].value(NAME, shares))
    assert sides == {0, 1}


def _interpolate(values: dict[int, int], at: int) -> int:
    """Return the value at a place of the polynomial through these ones, modulo the order."""
    total = 0
    for place, value in values.items():
        above, below = 1, 1
        for other in values:
            if other != place:
                above = above * (at - other) % curve.ORDER
                below = below * (place - other) % curve.ORDER
        total += value * above * pow(below, -1, curve.ORDER)
    return total % curve.ORDER


@given(st.sampled_from(ROBOTS), st.integers(0, 8 * SHARE_BYTES - 1))
@settings(deadline=None)
def test_a_share_with_one_bit_flipped_is_refused(robot: str, bit: int) -> None:
    wrong = bytearray(SHARES[robot])
    wrong[bit // 8] ^= 1 << bit % 8
    assert not COINS['r1'].valid(NAME, robot, bytes(wrong))


@given(st.binary(max_size=200) | st.binary(min_size=SHARE_BYTES, max_size=SHARE_BYTES))
@settings(deadline=None)
def test_garbage_is_refused_and_never_raises(garbage: bytes) -> None:
    assert not COINS['r1'].valid(NAME, 'r2', garbage)
    assert not COINS['r1'].valid(garbage, 'r2', SHARES['r2'])
    assert not COINS['r1'].valid(NAME, 'nobody', garbage)


# Encodings of points that have no place in the group: of small order (1, 2, 4, 8), and of no point.
SMALL = [
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0000000000000000000000000000000000000000000000000000000000000000',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
]


@pytest.mark.parametrize('point', SMALL)
def test_points_of_small_order_are_no_shares(point: str) -> None:
    share = bytes.fromhex(point) + SHARES['r2'][curve.POINT_BYTES :]
    assert not COINS['r1'].valid(NAME, 'r2', share)
    assert not curve.is_point(bytes.fromhex(point))


def test_a_share_moved_by_a_point_of_small_order_is_refused() -> None:
    moved = bindings.crypto_core_ed25519_add(
        SHARES['r2'][: curve.POINT_BYTES], bytes.fromhex(SMALL[1])
    )
    assert not COINS['r1'].valid(NAME, 'r2', moved + SHARES['r2'][curve.POINT_BYTES :])


def test_a_share_of_another_robot_or_of_another_dealing_is_refused() -> None:
    assert not COINS['r1'].valid(NAME, 'r2', SHARES['r3'])
    other = coins(seed=2)
    assert not COINS['r1'].valid(NAME, 'r2', other['r2'].share(NAME))


@pytest.mark.parametrize('part', [1, 2])
def test_a_number_of_the_proof_in_another_form_is_refused(part: int) -> None:
    """One share has one form, so two of a robot that differ prove that it lies."""
    share = SHARES['r2']
    pieces = [share[at : at + 32] for at in (0, 32, 64)]
    number = int.from_bytes(pieces[part], 'little') + curve.ORDER
    pieces[part] = number.to_bytes(32, 'little')
    assert not COINS['r1'].valid(NAME, 'r2', b''.join(pieces))


def test_a_liar_cannot_choose_its_share() -> None:
    """A share times another number has no proof, whatever honest proof is bent for it."""
    share = SHARES['r2']
    point = curve.times(share[: curve.POINT_BYTES], 2)
    challenge, answer = (int.from_bytes(share[at : at + 32], 'little') for at in (32, 64))
    for c, z in ((challenge, answer), (challenge, 2 * answer % curve.ORDER), (0, 0), (1, 0)):
        forged = point + curve.scalar_bytes(c) + curve.scalar_bytes(z)
        assert not COINS['r1'].valid(NAME, 'r2', forged)


def test_what_is_no_share_is_told_from_what_is_too_few() -> None:
    three = {robot: SHARES[robot] for robot in ROBOTS[:3]}
    with pytest.raises(ValueError):
        COINS['r1'].value(NAME, {**three, 'r1': b'\xff' * SHARE_BYTES})
    with pytest.raises(ValueError, match='nobody: no robot of this swarm'):
        COINS['r1'].value(NAME, {**dict(list(three.items())[:2]), 'nobody': SHARES['r4']})


# -- dealing ---------------------------------------------------------------------------------------


def test_shares_fit_their_commitments_and_the_secret_needs_f_and_one() -> None:
    dealt = deal('team', ROBOTS, FAULTS, Random(5).randbytes)
    public = dealt['r1'].public
    for keys in dealt.values():
        assert curve.base_times(keys.coin_share) == public.share_points[keys.robot]
    secret_points = set()
    for places in combinations(range(1, 8), FAULTS + 1):
        weights = curve.lagrange_at_zero(places)
        shares = [dealt[f'r{place}'].coin_share for place in places]
        secret = sum(w * s for w, s in zip(weights, shares, strict=True)) % curve.ORDER
        secret_points.add(curve.base_times(secret))
    assert secret_points == {public.commitments[0]}
    for places in combinations(range(1, 8), FAULTS):
        weights = curve.lagrange_at_zero(places)
        shares = [dealt[f'r{place}'].coin_share for place in places]
        secret = sum(w * s for w, s in zip(weights, shares, strict=True)) % curve.ORDER
        assert curve.base_times(secret) not in secret_points


def test_a_dealing_is_new_each_time_and_the_same_from_the_same_chance() -> None:
    assert deal('team', ROBOTS, 1)['r1'] != deal('team', ROBOTS, 1)['r1']
    one, other = (deal('team', names, 1, Random(3).randbytes) for names in (ROBOTS, ROBOTS[::-1]))
    assert one == other


@pytest.mark.parametrize(
    ('robots', 'faults_max', 'text'),
    [
        (ROBOTS, 7, 'must be in 0..6'),
        (ROBOTS, -1, 'must be in 0..6'),
        ((), 0, 'faults_max is 0; with 0 robots'),
        (('a', 'b', 'a'), 0, 'named twice'),
    ],
)
def test_a_dealing_that_makes_no_sense_is_refused(
    robots: tuple[str, ...], faults_max: int, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        deal('team', robots, faults_max)


def test_secrets_do_not_show_in_a_print() -> None:
    keys = deal('team', ROBOTS, 1, Random(3).randbytes)['r1']
    assert keys.signing_key.hex() not in repr(keys) and repr(keys.signing_key) not in repr(keys)
    assert str(keys.coin_share) not in repr(keys)


def test_keys_that_do_not_go_together_are_refused() -> None:
    dealt = deal('team', ROBOTS, 1, Random(3).randbytes)
    r1, r2 = dealt['r1'], dealt['r2']
    with pytest.raises(ValueError, match="signing key is not that of robot 'r1'"):
        Keys('r1', r1.public, r2.signing_key, r1.coin_share)
    with pytest.raises(ValueError, match="share of the coin is not that of robot 'r1'"):
        Keys('r1', r1.public, r1.signing_key, r2.coin_share)
    with pytest.raises(ValueError, match="no public key of robot 'r9'"):
        Keys('r9', r1.public, r1.signing_key, r1.coin_share)
    robots, points = r1.public.robots, r1.public.commitments
    with pytest.raises(ValueError, match='the same key'):
        PublicKeys('team', {**robots, 'r2': robots['r1']}, 1, points)
    with pytest.raises(ValueError, match="'r2' is no public key"):
        PublicKeys('team', {**robots, 'r2': bytes.fromhex(SMALL[0])}, 1, points)
    with pytest.raises(ValueError, match='commitment 1 is no point'):
        PublicKeys('team', robots, 1, (points[0], bytes(32)))
    with pytest.raises(ValueError, match='needs 3'):
        PublicKeys('team', robots, 2, points)
    with pytest.raises(ValueError, match='no robot'):
        PublicKeys('team', {}, 0, points[:1])


# -- the group -------------------------------------------------------------------------------------


@given(st.integers(1, curve.ORDER - 1), st.integers(1, curve.ORDER - 1))
@settings(deadline=None, max_examples=30)
def test_points_reckon_as_numbers_do(one: int, other: int) -> None:
    a, b = curve.base_times(one), curve.base_times(other)
    total, product = (one + other) % curve.ORDER, one * other % curve.ORDER
    if total:
        assert curve.add(a, b) == curve.base_times(total)
        assert curve.subtract(curve.base_times(total), b) == a
    assert curve.times(a, other) == curve.base_times(product) == curve.times(b, one)


def test_what_is_no_point_or_nothing_is_said() -> None:
    point = curve.base_times(5)
    with pytest.raises(curve.NotAPoint):
        curve.base_times(0)
    for bad in (b'\xff' * 32, bytes.fromhex(SMALL[0])):
        with pytest.raises(curve.NotAPoint):
            curve.times(bad, 2)
    with pytest.raises(curve.NotAPoint):
        curve.times(point, 0)
    nowhere = (2).to_bytes(32, 'little')  # the curve has no point with y = 2
    for act in (curve.add, curve.subtract):
        with pytest.raises(curve.NotAPoint):
            act(point, nowhere)


def test_names_are_spread_over_points_of_the_group() -> None:
    points = {curve.hash_to_point(b'tag', bytes([n])) for n in range(100)}
    assert len(points) == 100 and all(map(curve.is_point, points))
    assert curve.hash_to_point(b'ta', b'gx') != curve.hash_to_point(b'tag', b'x')
