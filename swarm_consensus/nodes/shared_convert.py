"""Where messages of the shared state and protocol values become each other."""

from __future__ import annotations

from array import array

from builtin_interfaces.msg import Time

from swarm_consensus.msg import SharedEvent as SharedEventMessage
from swarm_consensus.msg import SharedItem as SharedItemMessage
from swarm_consensus.msg import SharedValue as SharedValueMessage
from swarm_consensus.protocols.crdt import Action, Item, Kind, Operation
from swarm_consensus.runtime.events import SharedAnswered, SharedEvent, SharedReadAnswered

INT64_MAX = 2**63 - 1


def operation_from_request(request: object) -> Operation:
    """
    Return the operation that a request of the service `shared_change` asks for.

    :raises ValueError: an operation that this version does not know.
    """
    number = request.operation  # type: ignore[attr-defined]
    try:
        action = Action(number)
    except ValueError:
        raise ValueError(f'{number} is no operation of the shared state') from None
    return Operation(
        action,
        request.key,  # type: ignore[attr-defined]
        request.value.tobytes(),  # type: ignore[attr-defined]
        request.amount,  # type: ignore[attr-defined]
    )


def fill_change_response(response: object, answer: SharedAnswered) -> None:
    """Fill the response of the service `shared_change`."""
    response.status = int(answer.status)  # type: ignore[attr-defined]
    response.reason = answer.reason  # type: ignore[attr-defined]
    response.found = answer.found  # type: ignore[attr-defined]


def fill_read_response(response: object, answer: SharedReadAnswered) -> None:
    """Fill items and more of the response of the service `shared_read`."""
    response.items = list(map(item_to_message, answer.items))  # type: ignore[attr-defined]
    response.more = answer.more  # type: ignore[attr-defined]


def item_to_message(item: Item) -> SharedItemMessage:
    """Return an item as a message."""
    return SharedItemMessage(
        key=item.key,
        kind=int(item.kind),
        values=[SharedValueMessage(data=array('B', value)) for value in item.values],
        # Each writer's sums are bounded; those of many may leave what a message can say.
        count=max(-INT64_MAX - 1, min(INT64_MAX, item.count)),
    )


def item_from_message(message: SharedItemMessage) -> Item:
    """
    Return the item in a message.

    :raises ValueError: a kind that this version does not know.
    """
    return Item(
        key=message.key,
        kind=Kind(message.kind),
        values=tuple(value.data.tobytes() for value in message.values),
        count=message.count,
    )


def event_to_message(event: SharedEvent, sequence: int, stamp: Time) -> SharedEventMessage:
    """Return a change as a message."""
    return SharedEventMessage(
        stamp=stamp,
        sequence=sequence,
        key=event.key,
        items=list(map(item_to_message, event.items)),
    )
