"""What the client hands out of the shared state: frozen values."""

from __future__ import annotations

from collections.abc import Iterable

from swarm_consensus.client.errors import NoAnswerError
from swarm_consensus.decision.types import Status
from swarm_consensus.msg import SharedEvent as SharedEventMessage
from swarm_consensus.nodes.shared_convert import item_from_message
from swarm_consensus.protocols.crdt import Item, Kind
from swarm_consensus.protocols.values import value
from swarm_consensus.srv import SharedChange, SharedRead


@value
class SharedOutcome:
    """
    What became of a change of the shared state.

    :param status: DECIDED where it is durable at the robot that was asked.
    :param found: False where there was nothing to take away.
    """

    status: Status
    reason: str
    found: bool = True

    @property
    def done(self) -> bool:
        """Whether it was done."""
        return self.status is Status.DECIDED

    def raise_for_status(self) -> SharedOutcome:
        """
        Return itself if it was done.

        :raises NoAnswerError: it was not; with status and reason.
        """
        if not self.done:
            raise NoAnswerError('the shared state', self.status, self.reason)
        return self


def outcome_from(response: SharedChange.Response) -> SharedOutcome:
    """
    Return what the `SharedChange` service answered.

    :raises ValueError: a status that this version does not know.
    """
    return SharedOutcome(Status(response.status), response.reason, response.found)


class _Items:
    """What stands under keys, by type."""

    __slots__ = ()

    items: tuple[Item, ...]

    def _of(self, kind: Kind) -> Item | None:
        return next((item for item in self.items if item.kind is kind), None)

    @property
    def value(self) -> bytes | None:
        """Return the value of the last-writer-wins register; None: there is none."""
        item = self._of(Kind.REGISTER)
        return None if item is None else item.values[0]

    @property
    def values(self) -> tuple[bytes, ...]:
        """Return the concurrent values of the multi-value register, sorted."""
        item = self._of(Kind.MULTI)
        return () if item is None else item.values

    @property
    def elements(self) -> frozenset[bytes]:
        """Return the elements of the add-wins set and of the grow-only set."""
        return frozenset(
            value
            for item in self.items
            if item.kind in (Kind.ADD_SET, Kind.GROW_SET)
            for value in item.values
        )

    @property
    def count(self) -> int:
        """Return the value of the counter; 0 where there is none."""
        item = self._of(Kind.COUNTER)
        return 0 if item is None else item.count


@value
class SharedReading(_Items):
    """
    What a read of the shared state found; the properties speak of the first key.

    :param status: DECIDED where the read was served.
    :param items: by key and type.
    :param more: there are more keys, after the last of these.
    """

    status: Status
    reason: str
    items: tuple[Item, ...] = ()
    more: bool = False

    def raise_for_status(self) -> SharedReading:
        """
        Return itself if the read was served, whether or not there was anything.

        :raises NoAnswerError: it was not; with status and reason.
        """
        if self.status is not Status.DECIDED:
            raise NoAnswerError('the shared state', self.status, self.reason)
        return self


def reading_from(response: SharedRead.Response) -> SharedReading:
    """
    Return what the `SharedRead` service answered.

    :raises ValueError: a status or kind that this version does not know.
    """
    return SharedReading(
        Status(response.status), response.reason, _items(response.items), response.more
    )


@value
class SharedEvent(_Items):
    """
    How a key stands after changes.

    :param items: one for each type; none: the key is gone.
    :param missed: events before this one are missing: read the keys again. `key` is empty then.
    """

    key: str
    items: tuple[Item, ...] = ()
    missed: bool = False


def _items(messages: Iterable[object]) -> tuple[Item, ...]:
    return tuple(map(item_from_message, messages))  # type: ignore[arg-type]


class SharedEventFilter:
    """
    Passes on the changes that a watch wants, and says where DDS has dropped some.

    :param prefix: of the keys; empty: every key.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._sequence = 0

    def take(self, message: SharedEventMessage) -> list[SharedEvent]:
        """
        Return what to pass on of the next message.

        :raises ValueError: a kind that this version does not know.
        """
        expected, self._sequence = self._sequence + 1, message.sequence
        events = []
        # 1 again: the robot was restarted, and nobody knows what it did not tell.
        if self._sequence != expected and expected > 1:
            events.append(SharedEvent('', missed=True))
        if message.key.startswith(self._prefix):
            events.append(SharedEvent(message.key, _items(message.items)))
        return events
