"""The replicated state: equal logs, equal states; each request once, whatever it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from swarm_consensus.decision.replicated import EXPIRED, Applied, ReplicatedState
from swarm_consensus.decision.types import (
    ANY_REVISION,
    AnyCommand,
    Command,
    Decision,
    Status,
    TimeCommand,
    keyvalue_command,
)
from swarm_consensus.protocols.keyvalue import (
    EventKind,
    Expected,
    Grant,
    KeepAlive,
    Put,
    Result,
    ResultStatus,
)


def command(
    subject: str = 's', choice: str = 'x', request_id: str = 'r1', expected: int = ANY_REVISION
) -> Command:
    """A proposal, with what the test cares about."""
    return Command(
        request_id=request_id,
        proposer='a',
        subject=subject,
        expected_revision=expected,
        status=Status.DECIDED,
        choice=choice,
        value=b'',
        confidence=1.0,
        voters=('a',),
        elapsed_us=1000,
    )


def put(state: ReplicatedState, *commands: AnyCommand | None) -> list[Applied]:
    """Append commands to a state as the log would; returns what they did."""
    results = [state.apply(state.index + 1, 1, repr(each).encode(), each) for each in commands]
    return [each for each in results if each is not None]


def random_log(draw: Random, length: int) -> Sequence[AnyCommand | None]:
    """Entries of all kinds, some of them repetitions of earlier ones."""
    log: list[AnyCommand | None] = []
    for index in range(1, length + 1):
        kind = draw.random()
        session = draw.choice(['r1:1', 'r2:1', 'r3:9'])
        request_id = f'{session}#{draw.randint(1, 60)}'
        acked, base = draw.choice([0, 1, 5, 20]), max(0, index - draw.randint(1, 5))
        if kind < 0.05:
            log.append(None)
        elif kind < 0.35:
            subject, choice = draw.choice('abc'), draw.choice('xyz')
            one = command(subject, choice, request_id, draw.choice([ANY_REVISION, 0, 1, 2]))
            log.append(replace(one, acked=acked, base_index=base))
        elif kind < 0.5:
            log.append(TimeCommand('t', draw.choice([0, index - 1, index - 2]), 20))
        elif kind < 0.7 and log:
            log.append(draw.choice(log))
        elif kind < 0.8:
            log.append(keyvalue_command(request_id, Grant(30, draw.randint(1, 4)), acked, base))
        elif kind < 0.85:
            log.append(keyvalue_command(request_id, KeepAlive(draw.randint(1, 4)), acked, base))
        else:
            expected = Expected(version=draw.choice([-1, -1, 0, 1]))
            one_put = Put(draw.choice('klm'), b'v', draw.choice([0, 1, 2]), expected)
            log.append(keyvalue_command(request_id, one_put, acked, base))
    return log


def test_repeated_request_is_applied_once_and_answered_alike() -> None:
    """A retry finds what the first one did, also when it stands in the log twice."""
    state = ReplicatedState()
    first, other, again = put(
        state, command(choice='x'), command(choice='y', request_id='r2'), command(choice='x')
    )
    assert first.fresh and other.fresh and not again.fresh
    assert again.outcome == first.outcome
    assert state.ledger.current('s') == other.outcome
    assert state.ledger.revision('s') == 2
    assert state.outcome('r1') == first.outcome


def test_an_operation_on_a_key_is_done_once_and_its_refusal_is_remembered_too() -> None:
    """A refused compare-and-set that comes again is not done though it would fit now."""
    state = ReplicatedState()
    first = keyvalue_command('s#1', Put('k', b'1'), 0, 0)
    lost = keyvalue_command('s#2', Put('k', b'2', expected=Expected(version=2)), 0, 0)
    done, refused, again, more, late = put(
        state, first, lost, first, keyvalue_command('s#3', Put('k', b'3'), 0, 0), lost
    )
    assert done.fresh and [event.kind for event in done.events] == [EventKind.PUT]
    assert again.outcome == done.outcome and not again.fresh and not again.events
    assert more.fresh
    assert late.outcome == refused.outcome == Result(ResultStatus.CONFLICT, 2, 1, 1)
    item = state.keyvalue.get('k')
    assert item is not None and (item.value, item.version) == (b'3', 2)


def test_a_command_of_an_unknown_session_is_refused_as_expired() -> None:
    """At both kinds, with the decision in force."""
    state = ReplicatedState()
    _, decided, put_result = put(
        state,
        command(),
        command(choice='y', request_id='gone#2'),
        keyvalue_command('gone#3', Put('k', b''), 0, 0),
    )
    assert isinstance(decided.outcome, Decision)
    assert (decided.outcome.status, decided.outcome.reason) == (Status.REFUSED, EXPIRED)
    assert decided.outcome.choice == 'x'
    assert put_result.outcome == Result(ResultStatus.SESSION_EXPIRED, 3)
    assert not decided.fresh and not put_result.fresh
    assert state.keyvalue.get('k') is None


def test_an_id_that_was_used_for_another_kind_gets_that_ones_outcome() -> None:
    """It is the same request as far as the log can know."""
    state = ReplicatedState()
    first, second = put(state, command(), keyvalue_command('r1', Put('k', b''), 0, 0))
    assert second.outcome == first.outcome
    assert state.keyvalue.get('k') is None


def test_time_passes_by_the_log_and_takes_leases_with_it() -> None:
    """A TimeCommand needs no session: of two that follow the same, one counts."""
    state = ReplicatedState()
    results = put(
        state,
        keyvalue_command('s#1', Grant(10, 1), 0, 0),
        keyvalue_command('s#2', Put('k', b'', 1), 0, 0),
        TimeCommand('t', 0, 5),
        TimeCommand('t', 0, 5),
        TimeCommand('t', 3, 10),
    )
    assert [each.fresh for each in results[2:]] == [True, False, True]
    assert [(e.kind, e.key, e.index) for e in results[-1].events] == [(EventKind.EXPIRED, 'k', 5)]


def test_entries_out_of_order_stop_the_robot() -> None:
    """A gap in the log is a broken invariant, not something to go on with."""
    state = ReplicatedState()
    state.apply(1, 1, b'', None)
    with pytest.raises(ValueError, match='entry 3 applied after entry 1'):
        state.apply(3, 1, b'', None)


@pytest.mark.parametrize('seed', range(20))
def test_equal_logs_give_equal_states_and_digests(seed: int) -> None:
    """And one different entry gives another digest."""
    log = random_log(Random(seed), 200)
    one, two = ReplicatedState(), ReplicatedState()
    assert put(one, *log) == put(two, *log), f'seed {seed}'
    assert one.image() == two.image()
    three = ReplicatedState()
    put(three, *log[:-1], command(choice='other', request_id='last'))
    assert three.digest != one.digest
