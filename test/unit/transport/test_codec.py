"""The codec: every registered type comes back equal, and hostile bytes give only MalformedError."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum, IntEnum
import math
import random
import tracemalloc
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import msgspec
import pytest

from swarm_consensus.protocols.bounds import SIGNED, UNSIGNED_64, Bounds
from swarm_consensus.protocols.raft.entry import Entry, EntryKind
from swarm_consensus.protocols.raft.messages import MESSAGE_TYPES, AppendEntries
from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.errors import EncodeError, MalformedError
from swarm_consensus.transport.schema import Limits


class Colour(IntEnum):
    RED = 1
    GREEN = 2


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Empty:
    pass


@dataclass(frozen=True, slots=True)
class Single:
    inner: Point


@dataclass(frozen=True, slots=True)
class Everything:
    flag: bool
    count: int
    signed: Annotated[int, SIGNED]
    wide: Annotated[int, UNSIGNED_64]
    small: Annotated[int, Bounds(minimum=-3, maximum=7)]
    ratio: float
    name: str
    tag: Annotated[str, Bounds(length_max=4)]
    data: bytes
    colour: Colour
    point: Point
    maybe: Point | None
    number: int | None
    points: tuple[Point, ...]
    floats: tuple[float, ...]
    few: Annotated[tuple[int, ...], Bounds(length_max=3)]
    pair: tuple[str, Point]
    default: int = 5


RAFT_KINDS = dict(enumerate(MESSAGE_TYPES, 1))
TYPES: dict[int, type] = {
    **RAFT_KINDS,
    200: Everything,
    201: Empty,
    202: Single,
    300: Point,
}
CODEC: Codec[Any] = Codec(TYPES)


def values(hint: Any, bounds: Bounds = Bounds()) -> st.SearchStrategy[Any]:  # noqa: B008
    """Return a strategy for a type hint: an own reading of the bounds, apart from the codec's."""
    origin, arms = get_origin(hint), get_args(hint)
    if origin is Annotated:
        own = [mark for mark in arms[1:] if isinstance(mark, Bounds)]
        return values(arms[0], own[0] if own else bounds)
    if origin is tuple and arms[-1] is ...:
        most = 5 if bounds.length_max is None else bounds.length_max
        return st.lists(values(arms[0]), max_size=most).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, arms))
    if origin is not None:
        return st.one_of(*(st.none() if arm is type(None) else values(arm) for arm in arms))
    if is_dataclass(hint):
        return instances(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    low = 0 if bounds.minimum is None else bounds.minimum
    high = 2**63 - 1 if bounds.maximum is None else bounds.maximum
    simple: dict[Any, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(low, high),
        float: st.floats(allow_nan=False, allow_infinity=False),
        str: st.text(max_size=256 if bounds.length_max is None else bounds.length_max),
        bytes: st.binary(max_size=300),
    }
    return simple[hint]


def instances(cls: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, *(values(hints[field.name]) for field in fields(cls)))


messages = st.one_of(*(instances(cls) for cls in TYPES.values()))
receivers = st.lists(st.sampled_from(['robot_1', 'robot_2', 'robot_3']), max_size=3).map(tuple)
relaxed = settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def check_hostile(data: bytes) -> None:
    """Decode, and accept only success or MalformedError."""
    for decode in (CODEC.decode_batch, CODEC.decode, CODEC.inspect_batch):
        try:
            decode(data)  # type: ignore[operator]
        except MalformedError:
            pass


@given(st.lists(st.tuples(messages, receivers), max_size=4))
@relaxed
def test_every_message_comes_back_equal_and_of_its_own_type(sent: list[Any]) -> None:
    batch = CODEC.join([CODEC.encode(message, to) for message, to in sent])
    assert CODEC.decode_batch(batch) == tuple(message for message, _ in sent)
    items = CODEC.inspect_batch(batch)
    assert [(item.message, item.to) for item in items] == sent
    assert [TYPES[item.kind] for item in items] == [type(message) for message, _ in sent]
    for message, to in sent:
        again = CODEC.decode(CODEC.encode(message, to))
        assert again == message and type(again) is type(message)
        assert all(
            type(getattr(again, field.name)) is type(getattr(message, field.name))
            for field in fields(message)
        )


@given(st.lists(st.tuples(messages, receivers), max_size=4))
@relaxed
def test_a_receiver_gets_what_is_meant_for_it_or_for_all(sent: list[Any]) -> None:
    batch = CODEC.join([CODEC.encode(message, to) for message, to in sent])
    mine = tuple(message for message, to in sent if not to or 'robot_2' in to)
    assert CODEC.decode_batch(batch, 'robot_2') == mine


@given(st.binary(max_size=400))
@relaxed
def test_random_bytes_are_malformed_at_worst(data: bytes) -> None:
    check_hostile(data)


@given(st.lists(messages, min_size=1, max_size=3), st.data())
@relaxed
def test_truncated_and_flipped_batches_are_malformed_at_worst(
    sent: list[Any], data: st.DataObject
) -> None:
    batch = CODEC.encode_batch(sent, ['robot_1'])
    cut = data.draw(st.integers(0, len(batch) - 1))
    with pytest.raises(MalformedError):
        CODEC.decode_batch(batch[:cut])
    with pytest.raises(MalformedError):
        CODEC.decode_batch(batch + b'\x00')
    flipped = bytearray(batch)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(flipped) - 1))
        flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    check_hostile(bytes(flipped))


# Anything that MessagePack can say, so that mutations reach past the outermost header.
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=10)
    | st.binary(max_size=10),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=20,
)


@given(st.sampled_from(sorted(TYPES)), st.lists(anything, max_size=8), anything)
@relaxed
def test_well_formed_nonsense_is_malformed_at_worst(kind: int, body: list[Any], to: Any) -> None:
    for form in ([[kind, body]], [[kind, body, to]], [kind, body], [[kind, to]]):
        check_hostile(msgspec.msgpack.encode(form))


@pytest.mark.parametrize('fill', [b'', b'\x91', b'\x00' * 64])
@pytest.mark.parametrize(
    'claim',
    [
        b'\xdd\xff\xff\xff\xff',
        b'\xdb\xff\xff\xff\xff',
        b'\xc6\xff\xff\xff\xff',
        b'\xdf\xff\xff\xff\xff',
        b'\xc9\xff\xff\xff\xff\x01',
        b'\xdc\xff\xff',
    ],
)
def test_a_claimed_length_takes_no_memory(claim: bytes, fill: bytes) -> None:
    """A header that promises four billion items is refused before anything is set aside."""
    heads = [
        b'',
        b'\x91',
        b'\x91\x92',
        b'\x91\x92\x03',
        b'\x91\x92\x03\x96\x01\xa1a\x01\x01',
        b'\x91\x92\x03\x96\x01\xa1a\x01\x01\x91\x94\x01\x01\x01',
        b'\x91\x92\x07\x93\xa1a',
    ]
    for head in heads:
        tracemalloc.start()
        with pytest.raises(MalformedError):
            CODEC.decode_batch(head + claim + fill)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 200_000


def test_depth_is_bounded() -> None:
    for deep in (b'\x91' * 100_000, b'\x91\x92\x03\x96' + b'\x91' * 100_000, b'\x81' * 100_000):
        with pytest.raises(MalformedError):
            CODEC.decode_batch(deep)


def test_the_error_text_of_a_flood_is_short() -> None:
    with pytest.raises(MalformedError) as caught:
        CODEC.decode_batch(msgspec.msgpack.encode([['x' * 10_000, []]]))
    assert len(str(caught.value)) <= 200


def good() -> list[Any]:
    point = [1.0, 2.0]
    return [
        True,
        1,
        -1,
        2**64 - 1,
        -3,
        1.5,
        'n',
        'abcd',
        b'd',
        2,
        point,
        None,
        None,
        [point],
        [1.0],
        [1, 2, 3],
        ['s', point],
        5,
    ]


def nth(place: int, value: Any) -> Callable[[], list[Any]]:
    def make() -> list[Any]:
        body = good()
        body[place] = value
        return body

    return make


@pytest.mark.parametrize(
    'body',
    [
        nth(0, 1), nth(1, -1), nth(1, 2**63), nth(1, True), nth(1, 1.0), nth(1, '1'),
        nth(2, 2**63), nth(3, -1), nth(4, -4), nth(4, 8), nth(5, math.nan), nth(5, math.inf),
        nth(5, -math.inf), nth(6, 'x' * 257), nth(6, b'n'), nth(6, None), nth(7, 'abcde'),
        nth(8, 'd'), nth(8, bytes(2**20 + 1)), nth(9, 3), nth(10, [1.0]),
        nth(10, [1.0, 2.0, 3.0]), nth(10, None), nth(11, [math.nan, 0.0]),
        nth(13, [[1.0, 2.0]] * 65_537), nth(14, [math.inf]), nth(15, [1, 2, 3, 4]),
        nth(16, ['s']), nth(17, None), lambda: good()[:-1], lambda: [*good(), 0], dict,
    ],
)  # fmt: skip
def test_each_bound_holds(body: Callable[[], list[Any]]) -> None:
    CODEC.decode(msgspec.msgpack.encode([200, good()]))
    with pytest.raises(MalformedError):
        CODEC.decode(msgspec.msgpack.encode([200, body()]))


def test_text_that_is_not_utf8_is_malformed() -> None:
    for text in (b'\xff\xfe', b'\xed\xa0\x80'):
        data = b'\x92\x02\x94\x01' + bytes((0xA0 | len(text),)) + text + b'\xc3\xc2'
        with pytest.raises(MalformedError):
            CODEC.decode(data)


def test_unknown_kinds_and_too_many_messages_are_malformed() -> None:
    with pytest.raises(MalformedError):
        CODEC.decode(msgspec.msgpack.encode([99, []]))
    one = CODEC.encode(Empty())
    assert len(CODEC.decode_batch(CODEC.join([one] * 1024))) == 1024
    with pytest.raises(MalformedError):
        CODEC.decode_batch(b'\xdc' + (1025).to_bytes(2, 'big') + one * 1025)
    with pytest.raises(EncodeError):
        CODEC.join([one] * 1025)


def test_a_batch_may_come_in_any_buffer() -> None:
    batch = CODEC.encode_batch([Point(1.0, 2.0)])
    for form in (bytearray(batch), memoryview(batch), array('B', batch)):
        assert CODEC.decode_batch(form) == (Point(1.0, 2.0),)


@pytest.mark.parametrize(
    'wrong',
    [
        lambda: Point(math.nan, 0.0),
        lambda: Point('x', 0.0),  # type: ignore[arg-type]
        lambda: Single(None),  # type: ignore[arg-type]
        lambda: AppendEntries(-1, 'a', 0, 0, (), 0),
        lambda: AppendEntries(2**70, 'a', 0, 0, (), 0),
        lambda: AppendEntries(1, 'a' * 257, 0, 0, (), 0),
        lambda: AppendEntries(1, '\ud800', 0, 0, (), 0),
        lambda: AppendEntries(1, 'a', 0, 0, (Entry(1, 1, EntryKind.NOOP),) * 65_537, 0),
        lambda: Colour.RED,
    ],
)
def test_our_own_wrong_message_is_said_at_once(wrong: Callable[[], Any]) -> None:
    with pytest.raises(EncodeError):
        CODEC.encode(wrong())


def test_the_length_of_a_tuple_of_fixed_size_is_checked_when_encoding() -> None:
    body = [
        True, 1, 1, 1, 1, 1.0, '', '', b'', Colour.RED, Point(0.0, 0.0), None, None, (), (), (),
    ]  # fmt: skip
    with pytest.raises(EncodeError):
        CODEC.encode(Everything(*body, ('only',)))  # type: ignore[arg-type]


def test_the_wire_form_is_the_documented_one() -> None:
    """Golden bytes: these change only with VERSION of the frame."""
    message = AppendEntries(5, 'r1', 7, 4, (Entry(8, 5, EntryKind.COMMAND, b'hi'),), 6)
    plain = '920396' + '05' + 'a27231' + '07' + '04' + '91' + '94080501' + 'c4026869' + '06'
    assert CODEC.encode(message).hex() == plain
    assert CODEC.encode(message, ['r2']).hex() == '93' + plain[2:] + '91a27232'
    assert CODEC.join([CODEC.encode(message)]).hex() == '91' + plain


def test_a_check_in_the_dataclass_counts_as_malformed() -> None:
    @dataclass(frozen=True, slots=True)
    class Even:
        number: int

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError('odd')

    codec = Codec({1: Even})
    assert codec.decode(b'\x92\x01\x91\x04') == Even(4)
    with pytest.raises(MalformedError):
        codec.decode(b'\x92\x01\x91\x05')


def refused() -> list[type]:
    @dataclass
    class Loose:
        a: int

    @dataclass(frozen=True)
    class HasList:
        a: list[int]

    @dataclass(frozen=True)
    class HasDict:
        a: dict[str, int]

    @dataclass(frozen=True)
    class HasAny:
        a: Any

    @dataclass(frozen=True)
    class HasUnion:
        a: Union[int, str]  # noqa: UP007

    class Plain:
        pass

    return [Loose, HasList, HasDict, HasAny, HasUnion, Plain]


@pytest.mark.parametrize('cls', refused(), ids=lambda cls: str(cls.__name__))
def test_what_cannot_be_bounded_is_refused_when_the_codec_is_built(cls: type) -> None:
    with pytest.raises(TypeError):
        Codec({1: cls})


@dataclass(frozen=True, slots=True)
class Nest:
    inside: tuple[Nest, ...]


def test_a_type_that_contains_itself_is_refused() -> None:
    with pytest.raises(TypeError, match='contains itself'):
        Codec({1: Nest})


def test_tables_are_checked() -> None:
    for table in ({}, {-1: Empty}, {2**16: Empty}, {1: Empty, 2: Empty}):
        with pytest.raises(ValueError):
            Codec(table)


def test_limits_can_be_narrowed() -> None:
    codec: Codec[Any] = Codec(
        {1: Entry}, Limits(integer_max=10, text_characters_max=3, bytes_max=2, receivers_max=1)
    )
    codec.encode(Entry(10, 1, EntryKind.NOOP, b'ab'), ['abc'])
    for entry, to in (
        (Entry(11, 1, EntryKind.NOOP), []),
        (Entry(1, 1, EntryKind.NOOP, b'abc'), []),
        (Entry(1, 1, EntryKind.NOOP), ['a', 'b']),
        (Entry(1, 1, EntryKind.NOOP), ['abcd']),
    ):
        with pytest.raises(EncodeError):
            codec.encode(entry, to)


def test_mutations_of_real_traffic_are_malformed_at_worst() -> None:
    """Seeded bulk fuzz beside hypothesis: many cheap mutations of an append with entries."""
    seed = 20
    rng = random.Random(seed)
    entries = tuple(Entry(i, 3, EntryKind.COMMAND, rng.randbytes(20)) for i in range(1, 20))
    batch = CODEC.encode_batch([AppendEntries(3, 'robot_1', 0, 0, entries, 1)] * 3, ['robot_2'])
    for round_number in range(30_000):
        mutated = bytearray(batch)
        for _ in range(rng.randrange(1, 6)):
            mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        try:
            CODEC.decode_batch(mutated, 'robot_2')
        except MalformedError:
            continue
        except Exception as error:  # noqa: BLE001 -- whatever it is, the seed must be told
            pytest.fail(f'seed {seed}, round {round_number}: {error!r}')
