"""Inputs and results: plain values as JSON, one form for each value, so that equal is equal."""

from __future__ import annotations

import json

from swarm_consensus.protocols.missions.events import PAYLOAD_BYTES_MAX


def pack(value: object, what: str) -> bytes:
    """
    Return the bytes of a value.

    :param what: is said in errors.
    :raises TypeError: JSON has no such value.
    :raises ValueError: not finite, in a circle, or too large.
    """
    try:
        text = json.dumps(
            value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(',', ':')
        )
        data = text.encode()
    except TypeError as error:
        raise TypeError(f'{what} cannot be written as JSON: {error}') from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{what} cannot be written as JSON: {error}') from None
    if len(data) > PAYLOAD_BYTES_MAX:
        raise ValueError(
            f'{what} has {len(data)} bytes as JSON, {PAYLOAD_BYTES_MAX} are allowed; keep large '
            'data elsewhere, and pass its name'
        )
    return data


def unpack(data: bytes, what: str) -> object:
    """
    Return the value of bytes.

    :raises ValueError: they are no JSON.
    """
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{what} is no JSON: {error}') from None
    return value
