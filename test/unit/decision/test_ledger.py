"""The replicated state: equal logs, equal ledgers; each request once; revisions in order."""

from __future__ import annotations

from dataclasses import replace
import random

import pytest

from swarm_consensus.decision import ledger as ledger_module
from swarm_consensus.decision.ledger import Applied, Ledger
from swarm_consensus.decision.types import ANY_REVISION, Command, Status


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


def put(ledger: Ledger, *commands: Command) -> list[Applied]:
    """Append commands to a ledger as the log would."""
    results = []
    for item in commands:
        index = ledger.index + 1
        ledger.advance(index, 1, repr(item).encode())
        results.append(ledger.apply(index, 1, item))
    return results


def test_repeated_request_is_applied_once_and_answered_alike() -> None:
    """A retry finds what the first one did, also when it stands in the log twice."""
    ledger = Ledger()
    first, other, again = put(
        ledger, command(choice='x'), command(choice='y', request_id='r2'), command(choice='x')
    )
    assert first.fresh and other.fresh and not again.fresh
    assert again.decision == first.decision
    assert ledger.current('s') == other.decision
    assert ledger.revision('s') == 2


def test_expected_revision_lets_one_of_two_through() -> None:
    """Compare-and-set: the loser gets the decision in force and a reason."""
    ledger = Ledger()
    won, lost = put(
        ledger, command(choice='x', expected=0), command(choice='y', request_id='r2', expected=0)
    )
    assert won.decision.status is Status.DECIDED
    assert not lost.fresh
    assert lost.decision.status is Status.REFUSED
    assert (lost.decision.choice, lost.decision.revision) == ('x', 1)
    assert 'stands at revision 1' in lost.decision.reason
    (next_one,) = put(ledger, command(choice='z', request_id='r3', expected=1))
    assert next_one.decision.revision == 2


def test_slice_gives_decisions_in_log_order_from_an_index() -> None:
    """Entries that made no decision leave gaps; the slice passes over them."""
    ledger = Ledger()
    put(ledger, command('a', request_id='1'))
    ledger.advance(2, 1, b'')
    put(ledger, command('b', request_id='2'), command('a', request_id='3'))
    assert [d.index for d in ledger.slice(1, 10, 100)] == [1, 3, 4]
    assert [d.index for d in ledger.slice(2, 1, 100)] == [3]
    assert [d.index for d in ledger.slice(5, 10, 100)] == []


def test_slice_is_bounded_in_bytes_and_always_gets_further() -> None:
    """Reading on from the last index ends, however large the values are."""
    ledger = Ledger()
    put(ledger, *(replace(command(request_id=f'{n}'), value=b'v' * 60) for n in range(5)))
    assert [d.index for d in ledger.slice(1, 10, 130)] == [1, 2]
    assert [d.index for d in ledger.slice(3, 10, 1)] == [3]


def test_entries_out_of_order_stop_the_robot() -> None:
    """A gap in the log is a broken invariant, not something to go on with."""
    ledger = Ledger()
    ledger.advance(1, 1, b'')
    with pytest.raises(ValueError, match='entry 3 applied after entry 1'):
        ledger.advance(3, 1, b'')


@pytest.mark.parametrize('seed', range(20))
def test_equal_logs_give_equal_ledgers_and_digests(seed: int) -> None:
    """And one different entry gives another digest."""
    draw = random.Random(seed)
    log = [
        command(
            subject=draw.choice('abc'),
            choice=draw.choice('xyz'),
            request_id=f'r{draw.randint(0, 40)}',
            expected=draw.choice([ANY_REVISION, 0, 1, 2]),
        )
        for _ in range(60)
    ]
    one, two = Ledger(), Ledger()
    assert put(one, *log) == put(two, *log), f'seed {seed}'
    assert one.digest == two.digest
    assert one.slice(1, 1000, 10**9) == two.slice(1, 1000, 10**9)
    three = Ledger()
    put(three, *log[:-1], command(choice='other', request_id='last'))
    assert three.digest != one.digest


def test_memory_of_requests_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest request is forgotten first, at the same entry on every robot."""
    monkeypatch.setattr(ledger_module, 'REQUESTS_MAX', 3)
    ledger = Ledger()
    put(ledger, *(command(request_id=f'r{n}') for n in range(4)))
    (forgotten,) = put(ledger, command(request_id='r0'))
    (remembered,) = put(ledger, command(request_id='r3'))
    assert forgotten.fresh
    assert not remembered.fresh
