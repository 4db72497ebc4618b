"""Code that is not the one that made a history is found, named by its line, and stopped."""

from __future__ import annotations

import inspect
from typing import Any

from swarm_testing.mission_play import Play

from swarm_consensus.missions import Interpreter, Mission
from swarm_consensus.missions.interpreter import MissionFunction
from swarm_consensus.protocols.missions.events import ActivityCompleted, MissionStarted, Recorded


async def original(mission: Mission, _: Any) -> None:
    await mission.activity('drive', 1)
    await mission.sleep(2)
    await mission.activity('grip', 2)
    await mission.activity('drive', 3)


def history_of(function: MissionFunction) -> list[Recorded]:
    play = Play(function)
    play.run()
    return play.history


def line(function: MissionFunction, text: str) -> str:
    """Return `file:line` of the line of a function that holds a text."""
    lines, first = inspect.getsourcelines(function)
    return f'test_nondeterminism.py:{first + next(n for n, x in enumerate(lines) if text in x)}'


def problem_of(function: MissionFunction, history: list[Recorded] | None = None) -> Any:
    worker = Interpreter(function, 'm')
    worker.advance(history or history_of(original))
    assert worker.problem is not None
    assert worker.pending == (), 'what it asks for must not be carried out'
    return worker.problem


def test_another_activity_is_named_with_its_line_and_the_event() -> None:
    async def changed(mission: Mission, _: Any) -> None:
        await mission.activity('drive', 1)
        await mission.sleep(2)
        await mission.activity('push', 2)

    problem = problem_of(changed)
    assert problem.place == line(changed, 'push')
    event = problem.event
    assert f"asks for activity 3 'push' with 2, but event {event} of its history is" in str(problem)
    assert "activity 3 'grip' with 2" in str(problem)
    assert history_of(original)[event - 1].event.number == 3  # type: ignore[union-attr]


def test_another_input_is_named() -> None:
    async def changed(mission: Mission, _: Any) -> None:
        await mission.activity('drive', 7)

    assert problem_of(changed).place == line(changed, 'drive')


def test_another_order_is_named() -> None:
    async def changed(mission: Mission, _: Any) -> None:
        await mission.sleep(2)
        await mission.activity('drive', 1)

    problem = problem_of(changed)
    assert problem.place == line(changed, 'sleep')
    assert 'timer 1 of 2000 ms' in str(problem)


def test_a_step_left_out_is_named_by_where_the_code_waits() -> None:
    async def changed(mission: Mission, _: Any) -> None:
        await mission.activity('drive', 1)
        await mission.wait_signal('go')

    problem = problem_of(changed)
    assert problem.place == line(changed, 'wait_signal')
    assert 'asks for nothing and waits' in str(problem)


def test_an_early_end_is_named() -> None:
    async def changed(mission: Mission, _: Any) -> None:
        await mission.activity('drive', 1)

    assert 'asks for the end with null' in str(problem_of(changed))


def test_the_line_in_a_helper_is_named() -> None:
    async def helper(mission: Mission) -> None:
        await mission.activity('push', 1)

    async def changed(mission: Mission, _: Any) -> None:
        await mission.gather(helper(mission))

    assert problem_of(changed).place == line(helper, 'push')


def test_the_line_of_a_compensation_is_named() -> None:
    async def before(mission: Mission, _: Any) -> None:
        mission.compensate('undo', 1)
        raise ValueError('no')

    async def changed(mission: Mission, _: Any) -> None:
        mission.compensate('undo', 2)
        raise ValueError('no')

    assert problem_of(changed, history_of(before)).place == line(changed, 'undo')


def test_what_differs_from_run_to_run_is_found() -> None:
    rolls = iter(range(100))

    async def dice(mission: Mission, _: Any) -> None:
        await mission.activity('drive', next(rolls))
        await mission.activity('drive', 'end')

    assert problem_of(dice, history_of(dice)).place == line(dice, 'next(rolls)')


def test_times_and_retries_may_be_changed() -> None:
    async def changed(mission: Mission, _: Any) -> None:
        await mission.activity('drive', 1, start_to_close=9, heartbeat=1)
        await mission.sleep(2)
        await mission.activity('grip', 2)
        await mission.activity('drive', 3)

    worker = Interpreter(changed, 'm')
    worker.advance(history_of(original))
    assert worker.problem is None and worker.closed


def test_corrected_code_goes_on_where_the_wrong_one_stopped() -> None:
    async def wrong(mission: Mission, _: Any) -> None:
        await mission.activity('drive', 1)
        await mission.activity('push')

    history = history_of(original)[:-4]
    problem_of(wrong, history)
    worker = Interpreter(original, 'm')
    worker.advance(history)
    assert worker.problem is None and worker.pending


def test_code_under_way_is_taken_down_and_can_do_nothing_more() -> None:
    after: list[str] = []

    async def wrong(mission: Mission, _: Any) -> None:
        try:
            await mission.gather(mission.activity('drive', 1), mission.sleep(3))
        finally:
            after.append('taken down')
            try:
                mission.activity('drive', 'again')
            finally:
                after.append('refused')
            after.append('not reached')

    problem_of(wrong)
    assert after == ['taken down', 'refused']


def test_a_history_that_has_no_beginning_is_no_history() -> None:
    worker = Interpreter(original, 'm')
    worker.advance([Recorded(0, ActivityCompleted(1, 1, b'1'))])
    assert worker.problem is not None and 'begins with' in str(worker.problem)
    start = Recorded(0, MissionStarted('original', b'1', 1))
    worker = Interpreter(original, 'm')
    worker.advance([start, start])
    assert worker.problem is not None and 'begins twice' in str(worker.problem)
