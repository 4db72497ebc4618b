"""Activities in threads: results, failures, signs of life, and the request to end."""

from __future__ import annotations

import json
from queue import Queue
import threading
from typing import Any

import pytest

from swarm_consensus.missions import MissionError, Registry
from swarm_consensus.protocols.missions.operations import EndKind
from swarm_consensus.runtime.events import Input
from swarm_consensus.runtime.mission_events import (
    ActivityBeat,
    ActivityEnded,
    ActivityJob,
    ActivityKey,
    ActivityStop,
)

mission_activities = pytest.importorskip('swarm_consensus.nodes.mission_activities')
KEY = ActivityKey('m', 1, 2, 3, 4)


class Threads:
    """Activities, and what they tell."""

    def __init__(self, function: Any) -> None:
        self.told: Queue[Input] = Queue()
        registry = Registry({}, {'a': function})
        self.threads = mission_activities.ActivityThreads(registry, self.told.put)

    def begin(self, beat: bytes = b'', given: object = None) -> None:
        job = ActivityJob(KEY, 'a', json.dumps(given).encode(), 'm/1.2', True, beat)
        self.threads.deliver(job)

    def next(self) -> Input:
        return self.told.get(timeout=20)


def test_what_it_returns_and_what_it_knows() -> None:
    def known(context: Any, given: Any) -> object:
        return [context.mission, context.attempt, context.token, context.repeated,
                context.details, given]  # fmt: skip

    threads = Threads(known)
    threads.begin(b'{"far":7}', 'x')
    ended = threads.next()
    assert isinstance(ended, ActivityEnded) and ended.end is EndKind.COMPLETED
    assert json.loads(ended.result) == ['m', 3, 'm/1.2', True, {'far': 7}, 'x']


@pytest.mark.parametrize(
    ('error', 'kind', 'message'),
    [
        (ValueError('broke'), 'ValueError', 'broke'),
        (MissionError('stuck', 'Jam'), 'Jam', 'stuck'),
        (SystemExit('out'), 'SystemExit', 'out'),
    ],
)
def test_what_it_raises_is_its_failure(error: BaseException, kind: str, message: str) -> None:
    def fails(context: Any, given: Any) -> object:
        raise error

    threads = Threads(fails)
    threads.begin()
    ended = threads.next()
    assert isinstance(ended, ActivityEnded)
    assert (ended.end, ended.kind, ended.message) == (EndKind.FAILED, kind, message)


def test_that_it_cannot_know_how_far_it_came_is_no_failure() -> None:
    def lost(context: Any, given: Any) -> object:
        raise mission_activities.OutcomeUnknown('the gripper does not answer')

    threads = Threads(lost)
    threads.begin()
    ended = threads.next()
    assert isinstance(ended, ActivityEnded)
    assert (ended.end, ended.message) == (EndKind.UNKNOWN, 'the gripper does not answer')


def test_a_result_that_json_cannot_hold_is_a_failure() -> None:
    threads = Threads(lambda context, given: object())
    threads.begin()
    ended = threads.next()
    assert isinstance(ended, ActivityEnded) and ended.end is EndKind.FAILED
    assert 'cannot be written as JSON' in ended.message


@pytest.mark.parametrize('listens', ['wait', 'heartbeat'])
def test_it_is_told_to_end_where_it_listens(listens: str) -> None:
    going = threading.Event()

    def long(context: Any, given: Any) -> object:
        context.heartbeat('begun')
        going.wait(20)
        if listens == 'wait':
            context.wait(20)
        else:
            context.heartbeat('late')
        return 'not reached'

    threads = Threads(long)
    threads.begin()
    assert threads.next() == ActivityBeat(KEY, b'"begun"')
    threads.threads.deliver(ActivityStop(KEY, 'enough'))
    going.set()
    ended = threads.next()
    assert isinstance(ended, ActivityEnded)
    assert (ended.end, ended.message) == (EndKind.CANCELLED, 'enough')


def test_after_the_end_of_the_robot_nothing_more_is_told() -> None:
    going, done = threading.Event(), threading.Event()

    def long(context: Any, given: Any) -> object:
        going.wait(20)
        done.set()
        return context.cancelled

    threads = Threads(long)
    threads.begin()
    threads.threads.stop()
    going.set()
    assert done.wait(20)
    assert threads.told.empty()
