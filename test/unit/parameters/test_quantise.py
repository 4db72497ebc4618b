"""What goes over the radio is near what was meant, and the error is not lost but late."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.quantise import (
    BLOCK,
    LEVELS,
    Encoding,
    ErrorFeedback,
    decode,
    encode,
)

LOSSY = [Encoding.FLOAT16, Encoding.INT8]
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def updates(seed: int, count: int, number: int) -> np.ndarray:
    """Updates whose numbers are of very different sizes, with some steady part."""
    random = np.random.default_rng(seed)
    scale = 10.0 ** random.uniform(-6, 1, count)
    steady = random.normal(size=count)
    return ((random.normal(size=(number, count)) + steady) * scale).astype(np.float32)


@given(st.lists(FLOATS, min_size=1, max_size=3 * BLOCK), st.sampled_from(Encoding))
def test_any_update_can_be_encoded_and_has_the_size_that_is_said(values, encoding):
    vector = np.array(values, np.float32)
    data = encode(vector, encoding)
    assert len(data) == encoding.size(vector.size)
    again = decode(data, encoding, vector.size)
    assert again.dtype == np.float32 and np.isfinite(again).all()
    if encoding is Encoding.FLOAT32:
        assert again.tobytes() == vector.tobytes()
    elif encoding is Encoding.INT8:
        for at in range(0, vector.size, BLOCK):
            block = np.clip(vector[at : at + BLOCK].astype(float), -3e38, 3e38)
            step = np.abs(block).max() / LEVELS
            # Below the smallest float32 there are no steps.
            assert np.all(np.abs(again[at : at + BLOCK] - block) <= 0.501 * step + 1e-38)
    else:
        inside = np.clip(vector, -65504, 65504)
        assert np.all(np.abs(again - inside) <= np.abs(inside) * 2.0**-11 + 2.0**-25)


@pytest.mark.parametrize(
    ('data', 'encoding', 'count'),
    [
        (b'1234567', Encoding.FLOAT32, 2),
        (b'123', Encoding.FLOAT16, 2),
        (b'12345', Encoding.INT8, 2),
        (b'', Encoding.INT8, 2),
        (np.array([1, np.nan], '<f4').tobytes(), Encoding.FLOAT32, 2),
        (np.array([1, np.inf], '<f2').tobytes(), Encoding.FLOAT16, 2),
        (np.array([np.inf], '<f4').tobytes() + b'\x01\x01', Encoding.INT8, 2),
        (np.array([3e38], '<f4').tobytes() + b'\x01\x7f', Encoding.INT8, 2),
    ],
)
def test_bytes_that_are_no_update_are_refused(data, encoding, count):
    with pytest.raises(ParametersError):
        decode(data, encoding, count)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(LOSSY), st.integers(1, 600))
def test_the_sum_of_what_is_told_tracks_the_sum_of_what_was_meant(seed, encoding, count):
    number = 40
    meant = updates(seed, count, number)
    feedback = ErrorFeedback(count)
    told = np.zeros(count)
    errors = []
    for version, update in enumerate(meant, start=1):
        told += decode(feedback.compress(version, update, encoding), encoding, count)
        feedback.applied(version)
        errors.append(np.abs(told - meant[:version].sum(axis=0, dtype=float)))
    # All that is missing is what waits for the next update (up to the rounding of float32).
    rounding = number * np.abs(meant).max(axis=0) * 2.0**-22 + 1e-9
    assert np.all(np.abs(errors[-1] - np.abs(feedback.residual)) <= rounding)
    # So it does not grow with the number of updates, beyond the steps of a single one.
    largest = np.abs(meant).max()
    step = largest / LEVELS if encoding is Encoding.INT8 else largest * 2.0**-10 + 2.0**-24
    assert max(error.max() for error in errors) <= step * 1.1 + rounding.max()


def test_steps_too_small_for_the_encoding_arrive_all_the_same():
    # One number of the block is large, so that the others are far below half a step of INT8.
    update = np.full(BLOCK, 0.001, np.float32)
    update[0] = 1.0
    feedback = ErrorFeedback(BLOCK)
    told, without = np.zeros(BLOCK), np.zeros(BLOCK)
    for version in range(1, 101):
        data = feedback.compress(version, update, Encoding.INT8)
        feedback.applied(version)
        told += decode(data, Encoding.INT8, BLOCK)
        without += decode(encode(update, Encoding.INT8), Encoding.INT8, BLOCK)
    assert np.all(without[1:] == 0)
    assert np.allclose(told[1:], 0.1, atol=0.005)


def test_the_error_of_what_nobody_took_is_not_fed_back():
    count = 10
    update = np.linspace(0.001, 1, count).astype(np.float32)
    feedback = ErrorFeedback(count)
    first = feedback.compress(1, update, Encoding.INT8)
    assert not feedback.residual.any()
    # A newer one took its place: it starts from what the others really have.
    assert feedback.compress(2, update, Encoding.INT8) == first
    feedback.applied(1)
    assert not feedback.residual.any()
    feedback.applied(2)
    assert np.array_equal(feedback.residual, update - decode(first, Encoding.INT8, count))
    # Told twice, it counts once.
    before = feedback.residual.copy()
    feedback.applied(2)
    assert np.array_equal(feedback.residual, before)
