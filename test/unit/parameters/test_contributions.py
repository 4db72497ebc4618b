"""Manifests join in any order to one state, and what does not fit is refused with the reason."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
import pytest

from swarm_consensus.protocols.parameters.architecture import Architecture, Tensor
from swarm_consensus.protocols.parameters.blobs import Blob
from swarm_consensus.protocols.parameters.contributions import (
    ROBOTS_MAX,
    Contributions,
    Manifest,
    manifest_from,
)
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.merge import Rule, RuleKind
from swarm_consensus.protocols.parameters.quantise import Encoding
from swarm_consensus.protocols.parameters.version import ModelVersion, version_from

ARCHITECTURE = Architecture([Tensor('w', (10, 30))])
HASH = bytes.fromhex(ARCHITECTURE.hash)
BASE = bytes(range(32))


def manifest(robot: str = 'r1', version: int = 1, **changes) -> Manifest:
    fields = {
        'base': BASE,
        'architecture': HASH,
        'weight': 10.0,
        'encoding': Encoding.FLOAT16,
        'update': Blob(600, bytes(32)),
    }
    return Manifest(robot, version, **(fields | changes))


MANIFESTS = st.builds(
    manifest,
    st.sampled_from(['a', 'b', 'c', 'ä']),
    st.integers(1, 4),
    weight=st.sampled_from([1.0, 2.0]),
    encoding=st.sampled_from(Encoding),
)


@given(st.lists(MANIFESTS, max_size=12), st.randoms(use_true_random=False))
def test_the_same_manifests_in_any_order_and_number_are_one_state(heard, order):
    first = Contributions()
    for each in heard:
        first.join(each)
    again = heard + heard[:5]
    order.shuffle(again)
    second = Contributions()
    for each in again:
        second.join(each)
    assert first == second
    assert [each.robot for each in first] == sorted({each.robot for each in heard})
    # The join of two states is the state of both histories.
    for each in first:
        assert not second.join(each)


def test_the_newer_version_stays():
    state = Contributions()
    assert state.join(manifest(version=2))
    assert not state.join(manifest(version=1))
    assert not state.join(manifest(version=2))
    assert state.join(manifest(version=3))
    newest = state.get('r1')
    assert newest is not None and newest.version == 3


def test_two_tales_under_one_version_end_in_one_everywhere():
    tales = [manifest(weight=1.0), manifest(weight=2.0)]
    states = [Contributions(), Contributions()]
    for state, order in zip(states, (tales, tales[::-1]), strict=True):
        for tale in order:
            state.join(tale)
    assert states[0] == states[1]


def test_robots_beyond_the_bound_change_nothing():
    state = Contributions()
    for n in range(ROBOTS_MAX):
        assert state.join(manifest(f'r{n}'))
    assert not state.join(manifest('one more'))
    assert state.join(manifest('r0', version=2))
    assert len(state) == ROBOTS_MAX


@given(MANIFESTS)
def test_a_manifest_comes_back_from_its_bytes(given):
    assert manifest_from(given.encoded()) == given


@given(st.binary(max_size=200))
def test_bytes_that_are_no_manifest_are_refused(data):
    with pytest.raises(ParametersError):
        manifest_from(data)
    with pytest.raises(ParametersError):
        version_from(data)


@given(MANIFESTS, st.data())
def test_damaged_bytes_are_refused_or_another_valid_manifest(given, data):
    raw = bytearray(given.encoded())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = manifest_from(bytes(raw))
    except ParametersError:
        return
    assert found.encoded() == bytes(raw) and found != given


@pytest.mark.parametrize(
    'changes',
    [
        {'robot': ''},
        {'robot': 'x' * 257},
        {'version': 0},
        {'version': 2**63},
        {'weight': 0.0},
        {'weight': -1.0},
        {'weight': float('nan')},
        {'weight': float('inf')},
        {'base': bytes(31)},
        {'architecture': bytes(33)},
    ],
)
def test_fields_out_of_bounds_are_refused(changes):
    with pytest.raises(ParametersError):
        replace(manifest(), **changes)


def test_what_does_not_fit_the_architecture_is_refused_with_the_reason():
    assert manifest().objection(ARCHITECTURE) == ''
    assert manifest(encoding=Encoding.INT8, update=Blob(308, bytes(32))).objection(
        ARCHITECTURE
    ) == ''
    other = manifest(architecture=bytes(32)).objection(ARCHITECTURE)
    assert other == (
        f'it is for the architecture 000000000000, and this robot has {ARCHITECTURE.hash[:12]}'
    )
    short = manifest(update=Blob(598, bytes(32))).objection(ARCHITECTURE)
    assert short == 'its update has 598 bytes, and 300 numbers as FLOAT16 are 600'


def version(**changes) -> ModelVersion:
    fields = {
        'architecture': HASH,
        'base': BASE,
        'rule': Rule(RuleKind.TRIMMED_MEAN, 1),
        'contributions': (manifest('a'), manifest('b', 7), manifest('c')),
        'result': Blob(1200, bytes(32)),
    }
    return ModelVersion(**(fields | changes))


def test_a_version_comes_back_from_its_bytes():
    assert version_from(version().encoded()) == version()


def test_a_version_of_all_robots_that_there_may_be_fits_into_a_decision():
    robots = sorted(f'robot_{n}' for n in range(ROBOTS_MAX))
    many = version(contributions=tuple(manifest(name) for name in robots))
    # value_bytes_max is 32,768 unless somebody says less.
    assert len(many.encoded()) < 20_000
    assert version_from(many.encoded()) == many


@pytest.mark.parametrize(
    'changes',
    [
        {'contributions': ()},
        {'contributions': (manifest('a'), manifest('b'))},
        {'contributions': (manifest('b'), manifest('a'), manifest('c'))},
        {'contributions': (manifest('a'), manifest('a', 2), manifest('c'))},
        {'contributions': (manifest('a'), manifest('b'), manifest('c', base=bytes(32)))},
        {'contributions': (manifest('a'), manifest('b'), manifest('c', architecture=BASE))},
    ],
)
def test_versions_that_contradict_themselves_are_refused(changes):
    with pytest.raises(ParametersError):
        version(**changes)
    raw = version().encoded()
    for cut in (0, 10, len(raw) - 1):
        with pytest.raises(ParametersError):
            version_from(raw[:cut])
    with pytest.raises(ParametersError):
        version_from(raw + b'0')
