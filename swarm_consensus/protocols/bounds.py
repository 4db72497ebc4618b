"""
What a field of a message may hold, said beside its type.

A field of a message is `Annotated[int, SIGNED]` or `Annotated[str, Bounds(length_max=4096)]`
where the common bounds of the transport do not fit it. Protocols and decisions write these marks;
only the codec of the transport reads them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """
    Bounds of one field; what is None keeps the common bound of its type.

    :param minimum: smallest number allowed.
    :param maximum: largest number allowed.
    :param length_max: most characters of a str, bytes of a bytes, or items of a tuple.
    """

    minimum: int | None = None
    maximum: int | None = None
    length_max: int | None = None


SIGNED = Bounds(minimum=-(2**63), maximum=2**63 - 1)
UNSIGNED_64 = Bounds(minimum=0, maximum=2**64 - 1)
