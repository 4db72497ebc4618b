"""What the client makes of messages of the shared state."""

from __future__ import annotations

from array import array

import pytest

from swarm_consensus.client import (
    NoAnswerError,
    SharedEvent,
    SharedItem,
    SharedKind,
    SharedOutcome,
    SharedReading,
    Status,
)
from swarm_consensus.client.shared_values import SharedEventFilter, outcome_from, reading_from
from swarm_consensus.msg import SharedEvent as EventMessage
from swarm_consensus.msg import SharedItem as ItemMessage
from swarm_consensus.msg import SharedValue
from swarm_consensus.nodes import shared_convert
from swarm_consensus.protocols.crdt import Action, Operation
from swarm_consensus.srv import SharedChange, SharedRead

ITEMS = (
    SharedItem('k', SharedKind.REGISTER, (b'one',)),
    SharedItem('k', SharedKind.MULTI, (b'a', b'b')),
    SharedItem('k', SharedKind.GROW_SET, (b'', b'\0\xff')),
    SharedItem('k', SharedKind.ADD_SET, (b'x',)),
    SharedItem('k', SharedKind.COUNTER, (), -5),
)


@pytest.mark.parametrize('item', ITEMS)
def test_an_item_survives_the_way_through_a_message(item: SharedItem) -> None:
    assert shared_convert.item_from_message(shared_convert.item_to_message(item)) == item


def test_a_count_beyond_what_a_message_can_say_is_its_bound() -> None:
    message = shared_convert.item_to_message(SharedItem('k', SharedKind.COUNTER, (), 2**70))
    assert message.count == 2**63 - 1
    message = shared_convert.item_to_message(SharedItem('k', SharedKind.COUNTER, (), -(2**70)))
    assert message.count == -(2**63)


def test_each_operation_of_the_service_is_one_of_the_protocol() -> None:
    for action in Action:
        assert getattr(SharedChange.Request, action.name) == action
        request = SharedChange.Request(
            operation=int(action), key='k', value=array('B', b'v'), amount=-1
        )
        assert shared_convert.operation_from_request(request) == Operation(action, 'k', b'v', -1)
    for kind in SharedKind:
        assert getattr(ItemMessage, kind.name) == kind
    with pytest.raises(ValueError, match='0 is no operation'):
        shared_convert.operation_from_request(SharedChange.Request())


def test_a_reading_gives_each_type_by_its_name() -> None:
    response = SharedRead.Response(status=int(Status.DECIDED))
    response.items = [shared_convert.item_to_message(item) for item in ITEMS]
    reading = reading_from(response).raise_for_status()
    assert (reading.value, reading.values, reading.count) == (b'one', (b'a', b'b'), -5)
    assert reading.elements == {b'', b'\0\xff', b'x'}
    empty = SharedReading(Status.DECIDED, '')
    assert (empty.value, empty.values, empty.elements, empty.count) == (None, (), frozenset(), 0)


def test_what_was_not_done_or_served_raises_where_that_is_asked_for() -> None:
    refused = outcome_from(SharedChange.Response(status=int(Status.REFUSED), reason='full'))
    with pytest.raises(NoAnswerError, match='full'):
        refused.raise_for_status()
    done = SharedOutcome(Status.DECIDED, '')
    assert done.raise_for_status() is done
    with pytest.raises(NoAnswerError):
        SharedReading(Status.UNKNOWN, 'nobody').raise_for_status()


def event(sequence: int, key: str) -> EventMessage:
    item = ItemMessage(key=key, kind=1, values=[SharedValue(data=array('B', b'v'))])
    return EventMessage(sequence=sequence, key=key, items=[item])


def test_a_watch_passes_on_what_it_wants_and_says_where_something_is_missing() -> None:
    chosen = SharedEventFilter('a/')
    told = SharedEvent('a/k', (SharedItem('a/k', SharedKind.REGISTER, (b'v',)),))
    missed = SharedEvent('', missed=True)
    # Whoever begins to listen has missed nothing that was told after that.
    assert chosen.take(event(7, 'a/k')) == [told]
    assert chosen.take(event(8, 'b/k')) == []
    assert chosen.take(event(9, 'a/k')) == [told]
    assert chosen.take(event(11, 'a/k')) == [missed, told]
    # The robot was restarted.
    assert chosen.take(event(1, 'b/k')) == [missed]
    assert chosen.take(EventMessage(sequence=2, key='a/k')) == [SharedEvent('a/k')]
