"""
Messages to bytes and back (docs/wire.md).

A message is `[kind, [field, ...]]`, or `[kind, [field, ...], [receiver, ...]]` where it is meant
for some robots only; a batch is an array of messages. Kinds are explicit numbers that never change
their meaning. Whatever bytes come in, only `MalformedError` comes out, and nothing larger than the
bounds allow is ever allocated.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, Union

import msgspec

from swarm_consensus.protocols.values import value
from swarm_consensus.transport.errors import EncodeError, MalformedError
from swarm_consensus.transport.schema import Limits, SchemaBuilder, bounded, subscript

MessageT = TypeVar('MessageT')
Buffer = Union[bytes, bytearray, memoryview, 'array[int]']

KIND_MAX = 2**16 - 1
_REASON_CHARACTERS_MAX = 200
# What bytes from a peer can bring about. Errors of msgspec are ValueErrors only from 0.21 on.
_MALFORMED = (ValueError, msgspec.MsgspecError, RecursionError, OverflowError)


@value
class Item(Generic[MessageT]):
    """
    One message of a batch with its label.

    :param to: receivers; empty: every robot.
    """

    kind: int
    to: tuple[str, ...]
    message: MessageT


class Codec(Generic[MessageT]):
    """
    Encodes and decodes the message types of one table.

    :param table: wire kind (0..65535) of each frozen dataclass.
    :param limits: common bounds of fields, batches and receiver lists.
    :raises TypeError: where a type has no bounded form on the wire.
    :raises ValueError: where a kind is out of range or a type stands in the table twice.
    """

    def __init__(self, table: Mapping[int, type[MessageT]], limits: Limits | None = None) -> None:
        self.limits = limits = limits or Limits()
        self.table = dict(table)
        if not self.table:
            raise ValueError('the table of message types is empty')
        builder = SchemaBuilder(limits)
        name = bounded(str, msgspec.Meta(max_length=limits.text_characters_max))
        receivers = bounded(
            subscript(tuple, (name, ...)), msgspec.Meta(max_length=limits.receivers_max)
        )
        self._outgoing: dict[type, tuple[int, Any]] = {}
        self._incoming: dict[type, tuple[int, Callable[[Any], MessageT]]] = {}
        for kind, cls in self.table.items():
            if not 0 <= kind <= KIND_MAX:
                raise ValueError(f'kind {kind} of {cls.__name__} is not in 0..{KIND_MAX}')
            if cls in self._outgoing:
                raise ValueError(f'{cls.__name__} has two kinds: {self._outgoing[cls][0]}, {kind}')
            schema = builder.build(cls)
            labelled = msgspec.defstruct(
                f'{cls.__name__}Item',
                [('body', schema.struct), ('to', receivers, ())],
                tag=kind,
                array_like=True,
                forbid_unknown_fields=True,
                frozen=True,
                gc=False,
            )
            self._outgoing[cls] = (kind, schema.flatten)
            self._incoming[labelled] = (kind, schema.restore)
        one = subscript(Union, tuple(self._incoming))
        many = bounded(subscript(list, one), msgspec.Meta(max_length=limits.batch_messages_max))
        self._encoder = msgspec.msgpack.Encoder()
        self._one: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(one)
        self._many: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(many)

    def encode(self, message: MessageT, to: Sequence[str] = ()) -> bytes:
        """
        Return the bytes of one message.

        They are decoded once before they leave: one field out of bounds would make every receiver
        drop the whole batch, and with it the messages that were right.

        :param to: receivers; empty: every robot.
        :raises EncodeError: where the type has no kind, or a field is out of bounds.
        """
        try:
            kind, flatten = self._outgoing[type(message)]
        except KeyError:
            raise EncodeError(f'{type(message).__name__} has no kind in the table') from None
        try:
            values = flatten(message)
            data = self._encoder.encode((kind, values, to) if to else (kind, values))
            self._one.decode(data)
        except (*_MALFORMED, TypeError, AttributeError) as error:
            raise EncodeError(f'{type(message).__name__}: {_short(error)}') from error
        return data

    def decode(self, data: Buffer) -> MessageT:
        """
        Return the message in the bytes of `encode`, whoever it is meant for.

        :raises MalformedError: whatever is wrong with the bytes.
        """
        try:
            item = self._one.decode(data)
            return self._open(item)
        except _MALFORMED as error:
            raise MalformedError(_short(error)) from error

    def join(self, messages: Sequence[bytes]) -> bytes:
        """
        Return the batch of messages that `encode` returned.

        :raises EncodeError: where there are more than a batch may hold.
        """
        if len(messages) > self.limits.batch_messages_max:
            raise EncodeError(
                f'{len(messages)} messages; a batch holds {self.limits.batch_messages_max}'
            )
        return array_header(len(messages)) + b''.join(messages)

    def encode_batch(self, messages: Iterable[MessageT], to: Sequence[str] = ()) -> bytes:
        """Return a batch in which every message has the same receivers."""
        return self.join([self.encode(message, to) for message in messages])

    def decode_batch(self, data: Buffer, receiver: str | None = None) -> tuple[MessageT, ...]:
        """
        Return the messages of a batch in their order.

        All of them are checked; those meant for other robots are left out.

        :param receiver: robot that reads; None: everything is returned.
        :raises MalformedError: whatever is wrong with the bytes, in any of the messages.
        """
        try:
            items = self._many.decode(data)
            return tuple(
                [
                    self._open(item)
                    for item in items
                    if receiver is None or not item.to or receiver in item.to
                ]
            )
        except _MALFORMED as error:
            raise MalformedError(_short(error)) from error

    def inspect_batch(self, data: Buffer) -> tuple[Item[MessageT], ...]:
        """
        Return every message of a batch with its kind and receivers, for people to read.

        :raises MalformedError: whatever is wrong with the bytes.
        """
        try:
            return tuple(
                Item(self._incoming[type(item)][0], item.to, self._open(item))
                for item in self._many.decode(data)
            )
        except _MALFORMED as error:
            raise MalformedError(_short(error)) from error

    def _open(self, item: Any) -> MessageT:
        try:
            return self._incoming[type(item)][1](item.body)
        except TypeError as error:
            # What a __post_init__ may say of fields that do not go together.
            raise ValueError(str(error)) from error


def array_header(length: int) -> bytes:
    """Return the MessagePack header of an array, in its shortest form (at most 3 bytes here)."""
    if length < 16:
        return bytes((0x90 | length,))
    if length < 1 << 16:
        return b'\xdc' + length.to_bytes(2, 'big')
    raise EncodeError(f'an array of {length} items is longer than any batch')


def _short(error: Exception) -> str:
    """Return the text of an error without the flood that a peer may have put into it."""
    return str(error)[:_REASON_CHARACTERS_MAX]
