"""What can be exchanged has one form and one name; what cannot is refused with the reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from swarm_consensus.protocols.parameters.architecture import (
    PARAMETERS_MAX,
    Architecture,
    Tensor,
    digest,
    from_bytes,
    to_bytes,
)
from swarm_consensus.protocols.parameters.errors import ParametersError

TENSORS = (Tensor('w', (2, 3)), Tensor('b', (3,), 'float16'), Tensor('s', (), 'float64'))
ARCHITECTURE = Architecture(TENSORS)
ARRAYS = {'w': np.arange(6).reshape(2, 3), 'b': np.array([7, 8, 9]), 's': np.array(10.5)}


def test_tensors_stand_one_after_another_in_row_major_order():
    vector = ARCHITECTURE.flatten(ARRAYS)
    assert vector.tolist() == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10.5]
    # As memory lies does not matter.
    assert np.array_equal(
        ARCHITECTURE.flatten(ARRAYS | {'w': np.asfortranarray(ARRAYS['w'])}), vector
    )
    again = ARCHITECTURE.split(vector)
    assert {name: (array.shape, array.dtype.name) for name, array in again.items()} == {
        'w': ((2, 3), 'float32'),
        'b': ((3,), 'float16'),
        's': ((), 'float64'),
    }
    assert all(np.array_equal(again[name], ARRAYS[name]) for name in ARRAYS)


def test_what_a_half_cannot_hold_is_cut_to_its_largest():
    vector = ARCHITECTURE.flatten(ARRAYS | {'b': np.array([1e6, -1e6, 0])})
    assert ARCHITECTURE.split(vector)['b'].tolist() == [65504, -65504, 0]


def test_tensors_left_out_are_those_of_the_base():
    base = ARCHITECTURE.flatten(ARRAYS)
    other = ARCHITECTURE.flatten({'b': np.zeros(3)}, base)
    assert other.tolist() == [0, 1, 2, 3, 4, 5, 0, 0, 0, 10.5]


@pytest.mark.parametrize(
    ('arrays', 'message'),
    [
        ({'w': ARRAYS['w'], 'b': ARRAYS['b']}, "no array for tensor 's'"),
        (ARRAYS | {'v': ARRAYS['b']}, "no tensor 'v'; it has 'w', 'b', 's'"),
        (ARRAYS | {'w': np.zeros(6)}, r'has shape \[6\], and the model has \[2, 3\]'),
        (ARRAYS | {'b': np.array(['x', 'y', 'z'])}, "tensor 'b' is of <U1"),
        (ARRAYS | {'b': np.array([1, np.nan, 2])}, 'not finite'),
        (ARRAYS | {'s': np.array(1e39)}, 'not finite as float32'),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, message):
    with pytest.raises(ParametersError, match=message):
        ARCHITECTURE.flatten(arrays)


@pytest.mark.parametrize(
    ('tensors', 'message'),
    [
        ([], '0 tensors'),
        ([Tensor('w', (1,)), Tensor('w', (2,))], 'two tensors of one name'),
        ([Tensor('a', (PARAMETERS_MAX,)), Tensor('b', (1,))], 'at most 16777216'),
    ],
)
def test_architectures_that_cannot_be_exchanged_are_refused(tensors, message):
    with pytest.raises(ParametersError, match=message):
        Architecture(tensors)


@pytest.mark.parametrize(
    'tensor', [('', (1,)), ('w' * 1025, (1,)), ('w', (0,)), ('w', (1,) * 17), ('w', (1,), 'int64')]
)
def test_tensors_that_cannot_be_exchanged_are_refused(tensor):
    with pytest.raises(ParametersError):
        Tensor(*tensor)


def test_the_hash_tells_names_types_shapes_and_order_apart():
    variants = [
        TENSORS,
        TENSORS[::-1],
        (*TENSORS[:2], Tensor('t', (), 'float64')),
        (*TENSORS[:2], Tensor('s', (), 'float32')),
        (*TENSORS[:2], Tensor('s', (1,), 'float64')),
        (Tensor('w', (3, 2)), *TENSORS[1:]),
        TENSORS[:2],
    ]
    assert len({Architecture(each).hash for each in variants}) == len(variants)
    assert Architecture(list(TENSORS)) == ARCHITECTURE
    # Robots of different builds have to agree on it.
    assert ARCHITECTURE.hash == (
        '6d97c57cf8f610cd8d2a962f382c8f1cde38c6bad588f18489f6cbebfca8f3c6'
    )


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_the_bytes_of_a_vector_are_the_vector(values):
    vector = np.array(values, np.float32)
    assert from_bytes(to_bytes(vector)).tobytes() == vector.tobytes()
    assert digest(vector) == digest(from_bytes(to_bytes(vector)))


def test_bytes_that_are_no_vector_are_refused():
    with pytest.raises(ParametersError):
        from_bytes(b'12345')
    with pytest.raises(ParametersError, match='has 10'):
        ARCHITECTURE.check(np.zeros(9, np.float32))
    with pytest.raises(ParametersError, match='not finite'):
        ARCHITECTURE.check(np.full(10, np.inf, np.float32))
