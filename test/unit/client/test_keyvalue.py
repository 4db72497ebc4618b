"""What the client makes of the messages of the key-value store, and what a watch passes on."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy', reason='the client is made of ROS entities')

from swarm_consensus.cli import kv
from swarm_consensus.client.errors import NoAnswerError
from swarm_consensus.client.keyvalue import carried
from swarm_consensus.client.keyvalue_values import (
    KeyEvent,
    KeyEventFilter,
    KeyEventKind,
    key_change_from,
    key_event_from,
    key_range_from,
)
from swarm_consensus.decision.types import Status
from swarm_consensus.msg import KeyEvent as KeyEventMessage
from swarm_consensus.nodes import convert
from swarm_consensus.protocols.keyvalue import (
    ANY,
    Delete,
    Event,
    EventKind,
    Expected,
    Grant,
    Item,
    KeepAlive,
    Put,
    Result,
    ResultStatus,
    Revoke,
    key_after,
)
from swarm_consensus.runtime.events import KeyValueAnswered, RangeAnswered
from swarm_consensus.srv import KeyValue, Range

PUT, COMPACTED = KeyEventKind.PUT, KeyEventKind.COMPACTED
STAMP = KeyEventMessage().stamp


def message(sequence: int, index: int, key: str = 'k') -> KeyEventMessage:
    """A put, as a robot tells it."""
    return convert.event_to_message(Event(EventKind.PUT, key, b'v', 1, index), sequence, STAMP)


def taken(chosen: KeyEventFilter, *messages: KeyEventMessage) -> list[tuple[KeyEventKind, int]]:
    """What a filter passes on of messages: (kind, index)."""
    events = [chosen.take(each) for each in messages]
    return [(event.kind, event.index) for event in events if event is not None]


def test_the_numbers_of_the_messages_are_those_of_the_store() -> None:
    """The node hands them on as they are."""
    request, response = KeyValue.Request, KeyValue.Response
    assert {name: getattr(response, name) for name in ResultStatus.__members__} == {
        name: int(status) for name, status in ResultStatus.__members__.items()
    }
    assert request.ANY == ANY
    assert [int(kind) for kind in EventKind] == [
        KeyEventMessage.PUT,
        KeyEventMessage.DELETED,
        KeyEventMessage.EXPIRED,
    ]


@pytest.mark.parametrize(
    ('fields', 'operation'),
    [
        ({'operation': 1, 'key': 'k', 'value': b'\0', 'lease': 3}, Put('k', b'\0', 3)),
        (
            {'operation': 1, 'key': 'k', 'expected_version': 0, 'expected_index': 4},
            Put('k', b'', 0, Expected(0, 4)),
        ),
        (
            {'operation': 2, 'key': 'k', 'expect_value': True, 'expected_value': b'x'},
            Delete('k', Expected(value=b'x')),
        ),
        ({'operation': 2, 'key': 'k', 'expected_value': b'x'}, Delete('k')),
        ({'operation': 3, 'ttl': 1.0001}, Grant(1001)),
        ({'operation': 3, 'ttl': 1e-9, 'lease': 5}, Grant(1, 5)),
        ({'operation': 4, 'lease': 5}, KeepAlive(5)),
        ({'operation': 5, 'lease': 5}, Revoke(5)),
    ],
)
def test_a_request_becomes_an_operation(fields: dict[str, object], operation: object) -> None:
    assert convert.operation_from_request(KeyValue.Request(**fields)) == operation


@pytest.mark.parametrize(
    ('fields', 'bounds'),
    [
        ({}, ('', '')),
        ({'key': 'k', 'prefix': 'other'}, ('k', key_after('k'))),
        ({'prefix': 'a/'}, ('a/', 'a0')),
        ({'prefix': 'a/', 'after': 'a/5'}, (key_after('a/5'), 'a0')),
        ({'prefix': 'a/', 'first': 'a/2', 'last': 'a/4'}, ('a/2', 'a/4')),
        ({'prefix': 'a/', 'first': 'A', 'last': 'z'}, ('a/', 'a0')),
        ({'first': 'b', 'after': 'a'}, ('b', '')),
        ({'last': 'b'}, ('', 'b')),
    ],
)
def test_a_range_is_what_all_that_is_given_leaves(
    fields: dict[str, object], bounds: tuple[str, str]
) -> None:
    assert convert.bounds_from_request(Range.Request(**fields)) == bounds


def test_answers_come_through_whole() -> None:
    """From the runtime's values over the messages to the client's."""
    response = KeyValue.Response()
    result = Result(ResultStatus.CONFLICT, 9, 2, 8, 7, 1500)
    convert.fill_key_value_response(
        response, KeyValueAnswered(1, Status.REFUSED, 'no', result)
    )
    change = key_change_from(response)
    assert (change.status, change.reason) == (Status.REFUSED, 'no')
    assert change.result is ResultStatus.CONFLICT
    assert (change.index, change.version, change.modified_index) == (9, 2, 8)
    assert (change.lease, change.ttl) == (7, 1.5)
    with pytest.raises(NoAnswerError, match='REFUSED: no'):
        change.raise_for_status()
    unasked = KeyValue.Response()
    convert.fill_key_value_response(unasked, KeyValueAnswered(1, Status.NO_QUORUM, 'why'))
    assert key_change_from(unasked).result is None

    items = (Item('a', b'\0\xff', 2, 3, 4, 5), Item('é', b'', 1, 2, 2, 0))
    found = Range.Response()
    convert.fill_range_response(found, RangeAnswered(1, Status.DECIDED, '', 6, items, True))
    read = key_range_from(found)
    assert (read.items, read.more, read.applied_index) == (items, True, 6)
    assert (read.item, read.value) == (items[0], b'\0\xff')
    nothing = Range.Response(status=int(Status.DECIDED))
    assert key_range_from(nothing).value is None


def test_an_event_comes_through_whole() -> None:
    """And an unknown kind is an error, not another kind."""
    told = convert.event_to_message(Event(EventKind.EXPIRED, 'k', b'', 0, 5), 3, STAMP)
    assert told.sequence == 3
    assert key_event_from(told) == KeyEvent(KeyEventKind.EXPIRED, 'k', b'', 0, 5)
    with pytest.raises(ValueError, match='9'):
        key_event_from(KeyEventMessage(kind=9))


def test_changes_pass_in_order_and_those_of_other_keys_do_not() -> None:
    """A lease that ends takes several keys at one index."""
    chosen = KeyEventFilter('k')
    assert taken(
        chosen, message(1, 1), message(2, 2, 'other'), message(3, 3, 'k1'), message(4, 3, 'k2')
    ) == [(PUT, 1), (PUT, 3), (PUT, 3)]


def test_what_a_restarted_robot_tells_again_does_not_pass() -> None:
    chosen = KeyEventFilter('')
    first = (message(1, 1), message(2, 3, 'a'), message(3, 3, 'b'))
    assert len(taken(chosen, *first)) == 3
    assert taken(chosen, *first, message(4, 7)) == [(PUT, 7)]


def test_what_was_lost_on_the_way_is_told_once() -> None:
    """The change that shows the gap is covered by the range that is to be read."""
    chosen = KeyEventFilter('k')
    assert taken(chosen, message(1, 1), message(5, 9), message(6, 10)) == [
        (PUT, 1),
        (COMPACTED, 10),
        (PUT, 10),
    ]
    within = KeyEventFilter('')
    assert taken(within, message(1, 1, 'a'), message(9, 1, 'b'), message(10, 1, 'c')) == [
        (PUT, 1),
        (COMPACTED, 2),
    ]


def test_one_who_comes_late_is_told_what_is_missing() -> None:
    """But only of what was wanted."""
    assert taken(KeyEventFilter(''), message(5, 9), message(6, 10)) == [
        (COMPACTED, 10),
        (PUT, 10),
    ]
    assert taken(KeyEventFilter('', 10), message(5, 9), message(6, 10)) == [(PUT, 10)]
    assert taken(KeyEventFilter('', 10), message(6, 10)) == [(COMPACTED, 11)]


def test_a_snapshot_that_jumped_over_nothing_new_does_not_pass() -> None:
    compacted = convert.compacted_to_message(5, 1, STAMP)
    assert taken(KeyEventFilter(''), compacted, message(2, 5)) == [(COMPACTED, 5), (PUT, 5)]
    assert taken(KeyEventFilter('', 5), compacted, message(2, 5)) == [(PUT, 5)]
    ahead = KeyEventFilter('')
    taken(ahead, message(1, 7))
    assert taken(ahead, compacted, message(2, 7), message(3, 8)) == [(PUT, 8)]


@pytest.mark.parametrize('key', ['a\0b', '\ud800'])
def test_a_key_that_ros_would_change_is_refused(key: str) -> None:
    """Both errors are ValueErrors."""
    with pytest.raises(ValueError, match='NUL|surrogates'):
        carried(key)
    assert carried('é/\U0001f916') == 'é/\U0001f916'


def test_the_command_line_prints_changes_in_a_line_each() -> None:
    event = KeyEvent(PUT, 'k', b'v', 2, 7)
    assert kv.line(event).split() == ['7', 'PUT', 'k', 'v2', 'v']
    assert 'list the keys again' in kv.line(KeyEvent(COMPACTED, '', b'', 0, 9))
