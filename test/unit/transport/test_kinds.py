"""Fields that hold one of several dataclasses: number of the kind, then the fields."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest

from swarm_consensus.protocols.bounds import Bounds, Kinds
from swarm_consensus.protocols.values import value
from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.errors import EncodeError, MalformedError


@value
class Walk:
    steps: int


@value
class Talk:
    words: Annotated[str, Bounds(length_max=3)]
    loud: bool


@value
class Rest:
    pass


@value
class Day:
    first: Annotated[Walk | Talk, Kinds(((1, Walk), (7, Talk)))]
    rest: tuple[Annotated[Walk | Talk | Rest, Kinds(((1, Walk), (7, Talk), (9, Rest)))], ...]


CODEC: Codec[Day] = Codec({1: Day})
DAY = Day(Talk('abc', True), (Walk(3), Rest(), Talk('', False)))


def test_they_come_back_equal_and_stand_as_documented() -> None:
    data = CODEC.encode(DAY)
    assert CODEC.decode(data) == DAY
    assert msgspec.msgpack.decode(data) == [
        1,
        [[7, 'abc', True], [[1, 3], [9], [7, '', False]]],
    ]


def test_what_is_none_of_the_kinds_is_refused_on_both_sides() -> None:
    with pytest.raises(EncodeError, match='none of its kinds'):
        CODEC.encode(Day(Rest(), ()))  # type: ignore[arg-type]
    with pytest.raises(EncodeError):
        CODEC.encode(Day(Talk('long', True), ()))
    for first in ([2, 3], [1, 3, 4], [1], 3, [], [7, 'long', True]):
        with pytest.raises(MalformedError):
            CODEC.decode(msgspec.msgpack.encode([1, [first, []]]))


@value
class Lacks:
    one: Annotated[Walk | Talk, Kinds(((1, Walk),))]


@value
class Twice:
    one: Annotated[Walk | Talk, Kinds(((1, Walk), (1, Talk)))]


@pytest.mark.parametrize(
    ('cls', 'reason'), [(Lacks, 'are not the dataclasses'), (Twice, 'stands twice')]
)
def test_a_table_that_is_not_its_type_is_refused(cls: type, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        Codec({1: cls})
