"""What the author of a mission can do: each with its worker alive, and killed after every event."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from swarm_testing.mission_play import Play

from swarm_consensus.missions import (
    ActivityError,
    Cancelled,
    Mission,
    MissionError,
    Retry,
    TimedOutError,
)
from swarm_consensus.missions.interpreter import Interpreter
from swarm_consensus.protocols.missions.events import (
    SIGNALS_KEPT_MAX,
    ActivityCancelAsked,
    ActivityScheduled,
    ChildCancelAsked,
    Event,
    MissionCancelled,
    MissionCompleted,
    MissionContinued,
    MissionFailed,
    MissionStarted,
    Recorded,
    SignalReceived,
    TimerCancelled,
    VersionMarked,
)

both = pytest.mark.parametrize('crash', [False, True], ids=['alive', 'killed'])


def fails(name: str, given: Any) -> object:
    if name.startswith('bad'):
        raise ValueError(f'{name} broke')
    return given


def result_of(event: Event) -> bytes:
    assert isinstance(event, MissionCompleted), event
    return event.result


@both
def test_steps_come_one_after_the_other(crash: bool) -> None:
    async def deliver(mission: Mission, goal: Any) -> object:
        place = await mission.activity('drive', goal)
        await mission.sleep(2)
        thing = await mission.activity('grip', {'place': place})
        return [place, thing, mission.now(), mission.id, mission.run]

    play = Play(deliver, 'dock', crash=crash)
    assert result_of(play.run()) == b'["dock",{"place":"dock"},2.0,"m",1]'
    assert play.effects == [('drive', 'dock'), ('grip', {'place': 'dock'})]


@both
def test_an_error_of_an_activity_is_raised_where_it_is_awaited(crash: bool) -> None:
    async def careful(mission: Mission, _: Any) -> object:
        try:
            await mission.activity('bad')
        except ActivityError as error:
            return [error.kind, str(error)]
        return None

    play = Play(careful, act=fails, crash=crash)
    assert result_of(play.run()) == b'["ValueError","activity \'bad\': bad broke"]'


@both
def test_an_error_that_nobody_catches_is_how_the_mission_ends(crash: bool) -> None:
    async def careless(mission: Mission, _: Any) -> None:
        await mission.activity('fine')
        raise MissionError('no more', 'Tired')

    play = Play(careless, crash=crash)
    end = play.run()
    assert isinstance(end, MissionFailed)
    assert end.kind == 'Tired' and end.message.startswith('no more (test_features.py:')


@both
def test_parts_at_once_give_their_results_in_order(crash: bool) -> None:
    async def part(mission: Mission, number: int) -> object:
        await mission.sleep(10 - number)
        return await mission.activity('a', number)

    async def many(mission: Mission, _: Any) -> object:
        return await mission.gather(
            part(mission, 1), part(mission, 2), mission.activity('b', 3), mission.child('c', 4)
        )

    play = Play(many, crash=crash)
    assert result_of(play.run()) == b'[1,2,3,4]'
    assert play.effects == [('b', 3), ('a', 2), ('a', 1)]


@both
def test_where_one_part_fails_the_others_are_ended_first(crash: bool) -> None:
    async def slow(mission: Mission) -> None:
        await mission.sleep(100)

    async def many(mission: Mission, _: Any) -> object:
        await mission.gather(slow(mission), mission.activity('bad'), mission.child('c'))
        return None

    play = Play(many, act=fails, crash=crash)
    end = play.run()
    assert isinstance(end, MissionFailed) and 'bad broke' in end.message
    kinds = [type(event) for event in play.events]
    assert kinds.index(TimerCancelled) < kinds.index(MissionFailed)
    assert kinds.index(ChildCancelAsked) < kinds.index(MissionFailed)
    assert not play.children and not play.timers


@both
def test_errors_can_stand_among_results(crash: bool) -> None:
    async def many(mission: Mission, _: Any) -> object:
        found = await mission.gather(
            mission.activity('bad'), mission.activity('ok', 1), return_errors=True
        )
        return [type(found[0]).__name__, found[1]]

    assert result_of(Play(many, act=fails, crash=crash).run()) == b'["ActivityError",1]'


@both
def test_of_several_the_first_is_selected(crash: bool) -> None:
    async def race(mission: Mission, _: Any) -> object:
        slow, fast = mission.sleep(9), mission.sleep(3)
        place, future = await mission.select(slow, fast)
        slow.cancel()
        return [place, future is fast, mission.now()]

    play = Play(race, crash=crash)
    assert result_of(play.run()) == b'[1,true,3.0]'
    assert not play.timers


@both
def test_what_takes_too_long_is_ended(crash: bool) -> None:
    async def hasty(mission: Mission, _: Any) -> object:
        first = await mission.within(5, mission.activity('quick', 1))
        try:
            await mission.within(5, mission.wait_signal('never'))
        except TimedOutError as error:
            return [first, str(error), mission.now()]
        return None

    play = Play(hasty, crash=crash)
    assert result_of(play.run()) == b'[1,"not done within 5 s",5.0]'


@both
def test_signals_are_read_in_order_and_handled(crash: bool) -> None:
    async def listener(mission: Mission, _: Any) -> object:
        heard: list[object] = []
        mission.on_signal('note', heard.append)

        async def work(what: Any) -> None:
            heard.append(await mission.activity('work', what))

        mission.on_signal('work', work)
        first = await mission.wait_signal('go')
        second = await mission.wait_signal('go')
        await mission.wait_until(lambda: len(heard) == 3)
        return [first, second, *heard]

    play = Play(listener, crash=crash)
    play.signal('note', 'a')
    play.signal('go', 1)
    play.signal('go', 2)
    play.signal('work', 'w')
    play.run()
    play.signal('note', 'b')
    assert result_of(play.run()) == b'[1,2,"a","w","b"]'


@both
def test_a_handler_that_fails_ends_the_mission(crash: bool) -> None:
    async def listener(mission: Mission, _: Any) -> None:
        mission.on_signal('go', lambda given: given['missing'])
        await mission.sleep(1000)

    play = Play(listener, crash=crash)
    play.settle()
    play.signal('go', {})
    end = play.run()
    assert isinstance(end, MissionFailed) and end.kind == 'KeyError'


@both
def test_a_query_reads_and_cannot_change(crash: bool) -> None:
    async def asked(mission: Mission, _: Any) -> object:
        done: list[object] = []
        mission.on_query('done', lambda name: [name, *done])
        mission.on_query('wrong', lambda _: mission.activity('x'))
        done.append(await mission.activity('a', 1))
        await mission.wait_signal('go')
        return None

    play = Play(asked, crash=crash)
    play.run()
    before = play.worker.pending
    assert play.worker.query('done', b'"x"') == b'["x",1]'
    with pytest.raises(MissionError, match='must not change anything'):
        play.worker.query('wrong', b'null')
    with pytest.raises(MissionError, match="no query 'none'; there are: done, wrong"):
        play.worker.query('none', b'null')
    assert play.worker.pending == before
    play.signal('go')
    assert isinstance(play.run(), MissionCompleted)
    assert play.worker.query('done', b'"after"') == b'["after",1]'


@both
def test_what_a_side_effect_gave_comes_again(crash: bool) -> None:
    calls = []

    def roll() -> int:
        calls.append(len(calls))
        return calls[-1]

    async def effect(mission: Mission, _: Any) -> object:
        first = await mission.side_effect(roll)
        await mission.activity('a')
        try:
            await mission.side_effect(lambda: 1 // 0)
        except MissionError as error:
            return [first, error.kind]
        return None

    play = Play(effect, crash=crash)
    end = play.run()
    assert result_of(end) == b'[%d,"ZeroDivisionError"]' % 0
    assert calls == [0]


@both
def test_random_numbers_come_again(crash: bool) -> None:
    async def dice(mission: Mission, _: Any) -> object:
        first = mission.random.random()
        await mission.activity('a', first)
        return [first, mission.random.random()]

    results = {result_of(Play(dice, crash=crash).run()) for _ in range(3)}
    assert len(results) == 1


@both
def test_what_was_done_is_undone_in_reverse_on_failure(crash: bool) -> None:
    async def saga(mission: Mission, _: Any) -> None:
        for number in range(3):
            await mission.activity('do', number)
            mission.compensate('bad undo' if number == 1 else 'undo', number)
        await mission.activity('bad')

    play = Play(saga, act=fails, crash=crash)
    end = play.run()
    assert isinstance(end, MissionFailed)
    assert 'bad broke' in end.message
    assert 'not compensated: test_features.py:' in end.message
    assert play.effects[-3:] == [('undo', 2), ('bad undo', 1), ('undo', 0)]


@both
def test_what_was_done_is_undone_on_cancellation_and_nothing_when_it_completes(
    crash: bool,
) -> None:
    async def saga(mission: Mission, wait: Any) -> None:
        await mission.activity('do', 1)

        async def undo() -> None:
            await mission.activity('undo', 1)
            await mission.activity('undo', 2)

        mission.compensate(undo)
        if wait:
            await mission.wait_signal('never')

    play = Play(saga, True, crash=crash)
    play.run()
    play.cancel()
    end = play.run()
    assert isinstance(end, MissionCancelled) and end.message == 'enough'
    assert play.effects[1:] == [('undo', 1), ('undo', 2)]
    play = Play(saga, False, crash=crash)
    assert isinstance(play.run(), MissionCompleted)
    assert play.effects == [('do', 1)]


@both
def test_a_cancellation_waits_for_what_is_under_way_and_in_a_shield(crash: bool) -> None:
    async def long(mission: Mission, _: Any) -> None:
        try:
            with mission.shield():
                await mission.activity('shielded')
            await mission.activity('not reached')
        finally:
            with mission.shield():
                await mission.activity('clean up')

    play = Play(long, crash=crash)
    play.settle()
    play.cancel()
    assert not play.worker.pending
    end = play.run()
    assert isinstance(end, MissionCancelled)
    assert [name for name, _ in play.effects] == ['shielded', 'clean up']


@both
def test_clean_up_outside_a_shield_is_not_begun(crash: bool) -> None:
    async def long(mission: Mission, _: Any) -> None:
        try:
            await mission.activity('work')
        finally:
            await mission.activity('never begun')

    play = Play(long, crash=crash)
    play.settle()
    play.cancel()
    assert isinstance(play.run(), MissionCancelled)
    assert [type(event) for event in play.events].count(ActivityScheduled) == 1
    assert [type(event) for event in play.events].count(ActivityCancelAsked) == 1


@both
def test_except_exception_does_not_stop_a_cancellation(crash: bool) -> None:
    async def stubborn(mission: Mission, _: Any) -> None:
        while True:
            with suppress(Exception):
                await mission.sleep(1)

    play = Play(stubborn, crash=crash)
    play.settle()
    play.cancel()
    assert isinstance(play.run(), MissionCancelled)


@both
def test_who_catches_a_cancellation_may_end_as_it_likes(crash: bool) -> None:
    async def graceful(mission: Mission, _: Any) -> object:
        try:
            await mission.wait_signal('never')
        except Cancelled:
            return 'parked'
        return None

    play = Play(graceful, crash=crash)
    play.settle()
    play.cancel()
    assert result_of(play.run()) == b'"parked"'


@both
def test_what_nobody_awaits_is_ended_before_the_end(crash: bool) -> None:
    async def forgetful(mission: Mission, _: Any) -> None:
        mission.activity('forgotten')
        mission.spawn(forever(mission))

    async def forever(mission: Mission) -> None:
        while True:
            await mission.sleep(1)

    play = Play(forgetful, crash=crash)
    assert isinstance(play.run(), MissionCompleted)
    assert not play.open and not play.timers


@both
def test_a_task_that_failed_unseen_is_how_the_mission_ends(crash: bool) -> None:
    async def broken(mission: Mission) -> None:
        raise KeyError('lost')

    async def blind(mission: Mission, _: Any) -> object:
        mission.spawn(broken(mission))
        await mission.activity('a')
        return 'fine'

    end = Play(blind, crash=crash).run()
    assert isinstance(end, MissionFailed) and end.kind == 'KeyError'


@both
def test_a_new_run_takes_unread_signals_along(crash: bool) -> None:
    async def rounds(mission: Mission, number: Any) -> None:
        await mission.wait_signal('go')
        mission.continue_as_new(number + 1)

    play = Play(rounds, 1, crash=crash)
    play.settle()
    play.add(SignalReceived('other', b'7'))
    play.signal('go')
    end = play.run()
    assert isinstance(end, MissionContinued)
    assert end.input == b'2' and end.signals == (SignalReceived('other', b'7'),)


@both
def test_a_signal_that_comes_while_a_run_ends_is_for_the_new_one(crash: bool) -> None:
    """Though somebody would have heard it, and the end was asked for before."""
    handled: list[object] = []

    async def rounds(mission: Mission, number: Any) -> None:
        mission.on_signal('go', handled.append)
        mission.wait_signal('more')
        mission.activity('slow', wait_cancelled=True)
        mission.continue_as_new(2)

    play = Play(rounds, 1, crash=crash)
    while not isinstance(play.worker.pending[0], MissionContinued):
        assert play.append()
    play.add(SignalReceived('go', b'1'))
    play.add(SignalReceived('more', b'2'))
    (end,) = play.worker.pending
    assert end == MissionContinued(
        end.number, b'2', (SignalReceived('go', b'1'), SignalReceived('more', b'2'))
    )
    assert not handled
    for number in range(SIGNALS_KEPT_MAX):
        play.add(SignalReceived('go', b'%d' % number))
    (end,) = play.worker.pending
    assert isinstance(end, MissionFailed) and end.kind == 'TooManySignals'
    play.settle()
    assert play.closed and play.worker.problem is None


def test_code_that_waits_for_something_else_is_told_so() -> None:
    import asyncio

    async def wrong(mission: Mission, _: Any) -> None:
        await asyncio.sleep(1)

    end = Play(wrong).run()
    assert isinstance(end, MissionFailed)
    assert end.kind == 'RuntimeError' and 'test_features.py' in end.message


def test_code_that_never_waits_is_stopped() -> None:
    async def spinning(mission: Mission, _: Any) -> None:
        async def turn() -> None:
            mission.spawn(turn())

        await mission.spawn(turn())
        await mission.sleep(1)

    play = Play(spinning)
    assert play.worker.problem is not None and 'without waiting' in str(play.worker.problem)


def test_code_that_does_not_let_itself_be_ended_is_stopped() -> None:
    async def immortal(mission: Mission, _: Any) -> None:
        while True:
            with suppress(Cancelled):
                await mission.sleep(1)

    play = Play(immortal)
    play.settle()
    play.cancel()
    play.run()
    assert play.worker.problem is not None and 'let Cancelled through' in str(play.worker.problem)
    assert 'test_features.py:' in play.worker.problem.place


def test_inputs_that_cannot_travel_are_refused_where_they_are_given() -> None:
    async def wrong(mission: Mission, which: Any) -> None:
        await mission.activity('a', {'nan': float('nan'), 'set': {1}, 'long': 'x' * 20_000}[which])

    for which, reason in (('nan', 'JSON'), ('set', 'JSON'), ('long', '16384 are allowed')):
        end = Play(wrong, which).run()
        assert isinstance(end, MissionFailed) and reason in end.message


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'robot': 'r' * 300}, 'name of a robot'),
        ({'delivery': 1}, 'one of Delivery'),
        ({'retry': Retry(attempts_max=0)}, 'attempts_max is from 1'),
        ({'retry': Retry(factor_percent=50)}, 'factor_percent from 100'),
        ({'retry': Retry(final_kinds=('',))}, 'a final kind'),
        ({'start_to_close': -1}, 'start_to_close'),
        ({'heartbeat': float('nan')}, 'heartbeat'),
    ],
)
def test_options_that_cannot_be_are_refused_where_they_are_given(
    options: dict[str, Any], reason: str
) -> None:
    async def wrong(mission: Mission, _: Any) -> None:
        await mission.activity('a', **options)

    end = Play(wrong).run()
    assert isinstance(end, MissionFailed) and reason in end.message


def started(input: bytes = b'null') -> Recorded:
    return Recorded(0, MissionStarted('mission', input, 1))


def test_a_run_that_comes_to_a_change_anew_gets_the_new_code_and_an_old_one_the_old() -> None:
    async def before(mission: Mission, _: Any) -> None:
        await mission.activity('a')
        await mission.activity('old')

    async def after(mission: Mission, _: Any) -> None:
        await mission.activity('a')
        if mission.version('better', 0, 1) == 0:
            await mission.activity('old')
        else:
            await mission.activity('new')
        await mission.activity('b', mission.version('better', 0, 1))

    for crash in (False, True):
        play = Play(after, crash=crash)
        play.run()
        assert [name for name, _ in play.effects] == ['a', 'new', 'b']
        assert VersionMarked('better', 1) in play.events
    old = Play(before)
    old.run()
    history = [each for each in old.history if not isinstance(each.event, MissionCompleted)]
    worker = Interpreter(after, 'm')
    worker.advance(history)
    assert worker.problem is None
    [asked] = worker.pending
    assert isinstance(asked, ActivityScheduled) and (asked.name, asked.input) == ('b', b'0')


def test_code_that_has_forgotten_a_version_stops() -> None:
    async def first(mission: Mission, _: Any) -> None:
        mission.version('better', 0, 1)
        await mission.activity('a')

    async def second(mission: Mission, _: Any) -> None:
        mission.version('better', 2, 3)
        await mission.activity('a')

    async def third(mission: Mission, _: Any) -> None:
        await mission.activity('a')

    play = Play(first)
    play.settle()
    worker = Interpreter(second, 'm')
    worker.advance(play.history)
    assert worker.problem is not None
    assert "'better' stands at version 1 in this run, the code knows 2 to 3" in str(worker.problem)
    assert not worker.pending
    worker = Interpreter(third, 'm')
    worker.advance(play.history)
    assert worker.problem is None and not worker.pending


def test_a_history_that_is_too_long_asks_for_a_new_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from swarm_consensus.missions import context

    monkeypatch.setattr(context, 'HISTORY_EVENTS_MAX', 40)
    monkeypatch.setattr(context, 'HISTORY_EVENTS_ADVISED', 20)

    async def endless(mission: Mission, heed: Any) -> None:
        mission.compensate('undo')
        while not (heed and mission.continue_advised):
            await mission.activity('a')
        mission.continue_as_new(heed)

    for crash in (False, True):
        play = Play(endless, False, crash=crash)
        end = play.run()
        assert isinstance(end, MissionFailed) and end.kind == 'HistoryFullError'
        assert 'continue_as_new' in end.message
        assert play.effects[-1] == ('undo', None)
        assert isinstance(Play(endless, True, crash=crash).run(), MissionContinued)
