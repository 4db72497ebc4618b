"""A value is a frozen dataclass to whoever reads or asks it, and made in C."""

from __future__ import annotations

import copy
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
import pickle
from typing import Any, Generic, TypeVar

import msgspec
import pytest

from swarm_consensus.protocols.values import is_immutable, value
from swarm_consensus.transport.codec import Codec

AnyT = TypeVar('AnyT')


@value
class Pair:
    """Two."""

    a: int
    b: str = ''

    @property
    def text(self) -> str:
        return f'{self.a}{self.b}'


@value
class Named(Pair):
    name: str = 'n'


@value
class Positive:
    number: int

    def __post_init__(self) -> None:
        if self.number <= 0:
            raise ValueError('not above 0')


@value
class Holder(Generic[AnyT]):
    content: AnyT
    seen: list[int] = field(default_factory=list)
    limit: int = field(default=3)


def frozen_pair() -> type[Any]:
    @dataclass(frozen=True, slots=True)
    class Pair:
        a: int
        b: str = ''

    Pair.__qualname__ = 'Pair'
    return Pair


def test_it_compares_hashes_and_shows_as_a_frozen_dataclass_does() -> None:
    assert issubclass(Pair, msgspec.Struct)
    assert Pair(1, 'x') == Pair(a=1, b='x') != Pair(2, 'x')
    assert hash(Pair(1, 'x')) == hash(Pair(1, 'x'))
    assert {Pair(1): 'here'}[Pair(1)] == 'here'
    assert Pair(1) != Named(1) and Pair(1) != frozen_pair()(1)
    assert repr(Pair(1)) == repr(frozen_pair()(1)) == "Pair(a=1, b='')"
    assert (Pair(1, 'x').text, Pair.__doc__) == ('1x', 'Two.')
    match Pair(1, 'x'):
        case Pair(a, b):
            assert (a, b) == (1, 'x')


def test_nothing_in_it_changes() -> None:
    """A dataclass says so with an error of the same kind."""
    pair: Any = Pair(1)
    assert issubclass(FrozenInstanceError, AttributeError)
    for name in ('a', 'unknown'):
        with pytest.raises(AttributeError):
            setattr(pair, name, 2)
    with pytest.raises(AttributeError):
        del pair.a
    assert not hasattr(pair, '__dict__')
    assert is_immutable(Pair) and is_immutable(frozen_pair())


def test_those_who_ask_for_a_dataclass_find_one() -> None:
    assert is_dataclass(Pair)
    assert [each.name for each in fields(Pair)] == ['a', 'b']
    assert fields(Pair)[1].default == ''
    assert replace(Pair(1, 'x'), a=2) == Pair(2, 'x')
    assert asdict(Pair(1, 'x')) == {'a': 1, 'b': 'x'}
    with pytest.raises(TypeError):
        replace(Pair(1), c=2)  # type: ignore[call-arg]


def test_what_is_derived_from_one_has_its_fields_first() -> None:
    assert Named(1, 'x') == Named(1, 'x', 'n')
    assert [each.name for each in fields(Named)] == ['a', 'b', 'name']
    assert replace(Named(1), name='m') == Named(1, '', 'm')
    assert Named(1, 'x').text == '1x'
    with pytest.raises(AttributeError):
        Named(1).name = 'm'  # type: ignore[misc]


def test_defaults_are_made_or_shared_as_they_say() -> None:
    first, second = Holder[int](1), Holder[int](1)
    assert first == second and first.seen is not second.seen
    assert (first.limit, [each.name for each in fields(Holder)]) == (
        3,
        ['content', 'seen', 'limit'],
    )
    assert fields(Holder)[1].default_factory is list


def test_it_is_judged_whenever_it_is_made() -> None:
    with pytest.raises(ValueError, match='not above 0'):
        Positive(0)
    with pytest.raises(ValueError, match='not above 0'):
        replace(Positive(1), number=-1)


def test_it_is_copied_pickled_and_put_on_the_wire() -> None:
    for each in (Pair(1, 'x'), Named(1, 'x', 'y')):
        sent = pickle.loads(pickle.dumps(each))  # noqa: S301
        assert copy.copy(each) == copy.deepcopy(each) == sent == each
    codec: Codec[Any] = Codec({1: Pair})
    decoded = codec.decode(codec.encode(Pair(1, 'x')))
    assert decoded == Pair(1, 'x') and type(decoded) is Pair


def test_what_a_struct_cannot_do_is_refused() -> None:
    with pytest.raises(TypeError, match='not to be compared, shown or given'):

        @value
        class Secret:
            key: bytes = field(repr=False)

    with pytest.raises(TypeError, match='cannot follow optional'):

        @value
        class Backwards:
            a: int = 1
            b: int
