"""
The group that the coin is made of: the points of Ed25519 of prime order, and numbers modulo it.

libsodium does the work with points. A point is its 32 bytes as in RFC 8032, 5.1.2, a scalar an int
in 0..ORDER-1.
"""

from __future__ import annotations

from collections.abc import Sequence
import hashlib

from nacl import bindings
from nacl.exceptions import CryptoError

# Of the group, prime (RFC 8032, 5.1).
ORDER = 2**252 + 27742317777372353535851937790883648493
POINT_BYTES = 32
SCALAR_BYTES = 32

# Of numbers that are made a point; every second one is one, so this many are never all none.
_TRIES_MAX = 256


class NotAPoint(ValueError):
    """These bytes are no point of the group, or something came out as its neutral element."""


def scalar_bytes(scalar: int) -> bytes:
    """Return the 32 bytes of a scalar, little-endian."""
    return scalar.to_bytes(SCALAR_BYTES, 'little')


def scalar_from(data: bytes) -> int | None:
    """Return the scalar in bytes, or None where they are none in its one valid form."""
    if len(data) != SCALAR_BYTES:
        return None
    scalar = int.from_bytes(data, 'little')
    return scalar if scalar < ORDER else None


def wide_scalar(data: bytes) -> int:
    """Return the scalar made of 64 even bytes, as even as anybody can tell."""
    return int.from_bytes(data, 'little') % ORDER


def hash_to_scalar(*parts: bytes) -> int:
    """Return the scalar that BLAKE2b with 64 bytes makes of parts, each with its length."""
    return wide_scalar(_digest(64, parts))


def hash_to_point(tag: bytes, name: bytes) -> bytes:
    """
    Return the point of a name, of which nobody knows the discrete logarithm.

    The first of the numbers 0, 1, 2, ... is taken whose hash together with the name is a point of
    the curve, and eight times that is a point of the group. It needs nothing but what every
    implementation of Ed25519 has, and the name is no secret, so the time may tell it.
    """
    for number in range(_TRIES_MAX):
        found = _digest(POINT_BYTES, (tag, name, bytes([number])))
        try:
            for _ in range(3):
                found = bindings.crypto_core_ed25519_add(found, found)
        except CryptoError:
            continue
        if is_point(found):
            return found
    raise AssertionError(f'{_TRIES_MAX} hashes in a row are no points')


def is_point(data: bytes) -> bool:
    """Return whether bytes are a point of the group and not its neutral element."""
    return len(data) == POINT_BYTES and bindings.crypto_core_ed25519_is_valid_point(data)


def base_times(scalar: int) -> bytes:
    """
    Return the base point times a scalar.

    :raises NotAPoint: for scalar 0.
    """
    try:
        return bindings.crypto_scalarmult_ed25519_base_noclamp(scalar_bytes(scalar))
    except CryptoError as error:
        raise NotAPoint('the base point times 0') from error


def times(point: bytes, scalar: int) -> bytes:
    """
    Return a point times a scalar.

    :raises NotAPoint: for bytes that are no point of the group, and for scalar 0.
    """
    try:
        return bindings.crypto_scalarmult_ed25519_noclamp(scalar_bytes(scalar), point)
    except CryptoError as error:
        raise NotAPoint('no point of the group, or times 0') from error


def add(one: bytes, other: bytes) -> bytes:
    """
    Return the sum of two points.

    :raises NotAPoint: for bytes that are no point of the curve.
    """
    try:
        return bindings.crypto_core_ed25519_add(one, other)
    except CryptoError as error:
        raise NotAPoint('no point of the curve') from error


def subtract(one: bytes, other: bytes) -> bytes:
    """
    Return the difference of two points.

    :raises NotAPoint: for bytes that are no point of the curve.
    """
    try:
        return bindings.crypto_core_ed25519_sub(one, other)
    except CryptoError as error:
        raise NotAPoint('no point of the curve') from error


def polynomial(coefficients: Sequence[int], at: int) -> int:
    """Return the value of a polynomial, the constant coefficient first, modulo ORDER."""
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * at + coefficient) % ORDER
    return value


def lagrange_at_zero(places: Sequence[int]) -> list[int]:
    """
    Return by what the values at different places are to be weighted to give the value at 0.

    :param places: from 1; one more than the degree of the polynomial.
    """
    weights = []
    for place in places:
        above, below = 1, 1
        for other in places:
            if other != place:
                above = above * other % ORDER
                below = below * (other - place) % ORDER
        weights.append(above * pow(below, -1, ORDER) % ORDER)
    return weights


def _digest(size: int, parts: Sequence[bytes]) -> bytes:
    state = hashlib.blake2b(digest_size=size)
    for part in parts:
        # With its length in front, no part flows into the next.
        state.update(len(part).to_bytes(4, 'big'))
        state.update(part)
    return state.digest()
