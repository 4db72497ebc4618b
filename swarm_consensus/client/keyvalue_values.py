"""What the client hands out of the key-value store: frozen values, and what a watch passes on."""

from __future__ import annotations

from enum import IntEnum

from swarm_consensus.client.errors import NoAnswerError
from swarm_consensus.decision.types import Status
from swarm_consensus.msg import KeyEvent as KeyEventMessage
from swarm_consensus.nodes.convert import item_from_message
from swarm_consensus.protocols.keyvalue import Item, ResultStatus
from swarm_consensus.protocols.values import value
from swarm_consensus.srv import KeyValue, Range


@value
class KeyChange:
    """
    What became of a change of the key-value store.

    :param status: DECIDED where it was done; REFUSED, NO_QUORUM or UNKNOWN otherwise.
    :param result: what the store answered; None: it was not asked, or no answer came.
    :param index: log index of the entry that holds the change.
    :param version: of the key afterwards; 0: there is no such key.
    :param modified_index: log index of the last change of the key; 0: there is no such key.
    :param lease: the lease that was granted, kept alive or revoked.
    :param ttl: its ttl, s.
    """

    status: Status
    reason: str
    result: ResultStatus | None = None
    index: int = 0
    version: int = 0
    modified_index: int = 0
    lease: int = 0
    ttl: float = 0.0

    @property
    def done(self) -> bool:
        """Whether it was done."""
        return self.status is Status.DECIDED

    def raise_for_status(self) -> KeyChange:
        """
        Return itself if it was done.

        :raises NoAnswerError: it was not; with status and reason.
        """
        if not self.done:
            raise NoAnswerError('the key-value store', self.status, self.reason)
        return self


def key_change_from(response: KeyValue.Response) -> KeyChange:
    """
    Return what the `KeyValue` service answered.

    :raises ValueError: a status or result that this version does not know.
    """
    asked = response.result != KeyValue.Response.NOT_ASKED
    return KeyChange(
        status=Status(response.status),
        reason=response.reason,
        result=ResultStatus(response.result) if asked else None,
        index=response.index,
        version=response.version,
        modified_index=response.modified_index,
        lease=response.lease,
        ttl=response.ttl,
    )


@value
class KeyRange:
    """
    What a read of the key-value store found.

    :param status: DECIDED where the read was served; NO_QUORUM, REFUSED or UNKNOWN otherwise.
    :param items: in the order of their keys.
    :param more: there are more keys, after the last of these.
    :param applied_index: log index at which the items stood so; a watch goes on from the next.
    """

    status: Status
    reason: str
    items: tuple[Item, ...] = ()
    more: bool = False
    applied_index: int = 0

    @property
    def item(self) -> Item | None:
        """Return the first item; None where there is none."""
        return self.items[0] if self.items else None

    @property
    def value(self) -> bytes | None:
        """Return the value of the first item; None where there is none."""
        return self.items[0].value if self.items else None

    def raise_for_status(self) -> KeyRange:
        """
        Return itself if the read was served, whether or not there was a key.

        :raises NoAnswerError: it was not; with status and reason.
        """
        if self.status is not Status.DECIDED:
            raise NoAnswerError('the key-value store', self.status, self.reason)
        return self


def key_range_from(response: Range.Response) -> KeyRange:
    """
    Return what the `Range` service answered.

    :raises ValueError: a status that this version does not know.
    """
    return KeyRange(
        status=Status(response.status),
        reason=response.reason,
        items=tuple(item_from_message(item) for item in response.items),
        more=response.more,
        applied_index=response.applied_index,
    )


class KeyEventKind(IntEnum):
    """What happened to a key."""

    PUT = KeyEventMessage.PUT
    DELETED = KeyEventMessage.DELETED
    EXPIRED = KeyEventMessage.EXPIRED  # its lease came to its end
    COMPACTED = KeyEventMessage.COMPACTED  # changes before `index` are missing: read the range


@value
class KeyEvent:
    """
    A change of a key, or that changes are missing.

    :param value: after a PUT; else empty.
    :param version: of the key afterwards; 0: it is gone.
    :param index: log index of the change; of COMPACTED: the first one that is told again.
    """

    kind: KeyEventKind
    key: str
    value: bytes
    version: int
    index: int


def key_event_from(message: KeyEventMessage) -> KeyEvent:
    """
    Return the event in a message.

    :raises ValueError: a kind that this version does not know.
    """
    return KeyEvent(
        kind=KeyEventKind(message.kind),
        key=message.key,
        value=message.value.tobytes(),
        version=message.version,
        index=message.index,
    )


class KeyEventFilter:
    """
    Passes on the changes that a watch wants, in log order and each once.

    A robot that was restarted tells again what its log holds; that is known by its log index. What
    DDS dropped for a slow subscriber is known by the sequence, and told as COMPACTED.

    :param prefix: of the keys; empty: every key.
    :param from_index: log index of the first change wanted.
    """

    def __init__(self, prefix: str, from_index: int = 1) -> None:
        self._prefix = prefix
        self._sequence = 0
        self._index = from_index - 1
        # Those passed at this index: a lease that ends takes all its keys at one. None: all of it.
        self._keys: set[str] | None = None

    def take(self, message: KeyEventMessage) -> KeyEvent | None:
        """
        Return what to pass on of the next message, if anything.

        :raises ValueError: a kind that this version does not know.
        """
        gap = message.sequence not in (1, self._sequence + 1)
        self._sequence = message.sequence
        event = key_event_from(message)
        if event.kind is KeyEventKind.COMPACTED:
            return self._missing_before(event.index) if event.index > self._index + 1 else None
        if self._knows(event):
            return None
        if gap:
            return self._missing_before(event.index + 1)
        if event.index > self._index or self._keys is None:
            self._index, self._keys = event.index, set()
        self._keys.add(event.key)
        return event if event.key.startswith(self._prefix) else None

    def _knows(self, event: KeyEvent) -> bool:
        if event.index == self._index:
            return self._keys is None or event.key in self._keys
        return event.index < self._index

    def _missing_before(self, index: int) -> KeyEvent:
        self._index, self._keys = index - 1, None
        return KeyEvent(KeyEventKind.COMPACTED, '', b'', 0, index)
