"""
What a field of a message may hold, said beside its type.

A field of a message is `Annotated[int, SIGNED]` or `Annotated[str, Bounds(length_max=4096)]`
where the common bounds of the transport do not fit it, and `Annotated[A | B, Kinds(...)]` where it
holds one of several dataclasses. Protocols and decisions write these marks; only the codec of the
transport reads them.
"""

from __future__ import annotations

from swarm_consensus.protocols.values import value


@value
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


@value
class Kinds:
    """
    The numbers of the dataclasses that a field may hold, which stand before their fields.

    They go on the wire and to disk, so they never change their meaning.

    :param table: (number, dataclass), each of either once.
    """

    table: tuple[tuple[int, type], ...]


SIGNED = Bounds(minimum=-(2**63), maximum=2**63 - 1)
UNSIGNED_64 = Bounds(minimum=0, maximum=2**64 - 1)
