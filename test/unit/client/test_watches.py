"""What a watch passes on, and what an iterator holds for one who is slow; without a robot."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
import inspect
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='the client is made of ROS entities')

from swarm_consensus.client import watches
from swarm_consensus.client.errors import NoAnswerError, OverrunError
from swarm_consensus.client.values import Decision, decision_from, with_stamp
from swarm_consensus.client.watches import DecisionFilter, Stream, Watch, as_subscription
from swarm_consensus.decision.types import Level, Status, no_answer
from swarm_consensus.msg import Decision as DecisionMessage
from swarm_consensus.nodes.convert import decision_to_message

MADE = Decision(
    *('sign/7', 2, 'stop', b'v', 0.5, Level.COMMITTED, Status.DECIDED, 9, 3),
    *('r1', ('r1',), 0.25, '', 5),
)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Step a coroutine as an executor does, as long as it can go on."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize(
    ('asked', 'subject', 'wanted'),
    [
        ('', 'sign', True),
        ('sign', 'sign', True),
        ('sign', 'sign/7', True),
        ('sign', 'sign/7/left', True),
        ('sign', 'signs', False),
        ('sign/7', 'sign', False),
    ],
)
def test_a_subject_stands_for_its_instances(asked: str, subject: str, wanted: bool) -> None:
    assert DecisionFilter(asked, True).wants(replace(MADE, subject=subject)) is wanted


def test_a_place_in_the_log_is_passed_on_once() -> None:
    chosen = DecisionFilter('', True)
    given = [replace(MADE, index=index) for index in (3, 5, 3, 5, 6)]
    assert [decision.index for decision in given if chosen.wants(decision)] == [3, 5, 6]


def test_fused_answers_have_no_place_and_are_all_passed_on() -> None:
    chosen = DecisionFilter('', True)
    fused = replace(MADE, level=Level.FUSED, index=0)
    assert chosen.wants(fused) and chosen.wants(fused)


def test_no_answer_is_passed_on_only_where_it_is_wanted() -> None:
    lost = with_stamp(no_answer('sign', Level.COMMITTED, Status.NO_QUORUM, 'cut off'))
    assert not DecisionFilter('', True).wants(lost)
    assert DecisionFilter('', False).wants(lost)
    with pytest.raises(NoAnswerError, match='sign: NO_QUORUM: cut off'):
        lost.raise_for_status()


def test_a_decision_survives_the_way_through_its_message() -> None:
    message = decision_to_message(MADE, DecisionMessage().stamp)
    assert decision_from(message) == replace(MADE, stamp_ns=0)
    message.status = 99
    with pytest.raises(ValueError, match='99'):
        decision_from(message)


def test_a_stream_gives_what_came_in_order_and_ends_with_its_watch() -> None:
    stopped: list[int] = []
    stream: Stream[int] = Stream(lambda: stopped.append(1), newest_only=False)
    for number in (1, 2):
        stream.push(number)
    assert run(stream.__anext__()) == 1
    stream.close()
    stream.close()
    assert run(stream.__anext__()) == 2 and stopped == [1]
    with pytest.raises(StopAsyncIteration):
        run(stream.__anext__())


def test_a_stream_of_status_holds_the_newest() -> None:
    stream: Stream[int] = Stream(lambda: None, newest_only=True)
    for number in range(5):
        stream.push(number)
    assert run(stream.__anext__()) == 4


def test_a_stream_wakes_who_waits() -> None:
    stream: Stream[int] = Stream(lambda: None, newest_only=False)
    step = stream.__anext__()
    step.send(None)
    step.send(None)  # still waiting
    stream.push(7)
    assert run(step) == 7


def test_too_slow_is_said_after_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, 'BACKLOG_MAX', 2)
    stream: Stream[int] = Stream(lambda: None, newest_only=False)
    for number in range(3):
        stream.push(number)
    assert [run(stream.__anext__()) for _ in range(2)] == [0, 1]
    with pytest.raises(OverrunError, match='read the log'):
        run(stream.__anext__())
    stream.push(3)  # and it goes on
    assert run(stream.__anext__()) == 3


def test_a_watch_stops_what_feeds_it_once() -> None:
    stopped: list[int] = []
    watch = Watch(lambda: stopped.append(1))
    assert not watch.closed
    watch.close()
    watch.close()
    assert watch.closed and stopped == [1]


def test_a_callback_keeps_its_kind_and_gets_what_is_wanted() -> None:
    seen: list[int] = []

    async def keep(value: int) -> None:
        seen.append(value)

    def even(value: int) -> int | None:
        return value if value % 2 == 0 else None

    plain, awaited = as_subscription(seen.append, even), as_subscription(keep, even)
    assert inspect.iscoroutinefunction(awaited) and not inspect.iscoroutinefunction(plain)
    for value in (1, 2):
        plain(value)
        run(awaited(value))
    assert seen == [2, 2]
