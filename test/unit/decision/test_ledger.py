"""Decisions: revisions in order, a bounded history that says where it begins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from swarm_consensus.decision import ledger as ledger_module
from swarm_consensus.decision.ledger import Ledger
from swarm_consensus.decision.types import ANY_REVISION, Command, Decision, Status
from swarm_consensus.protocols.images import ImageError


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


def put(ledger: Ledger, *commands: Command, first: int = 1) -> list[Decision]:
    """Apply commands to a ledger as the log would, from an index on."""
    return [ledger.apply(index, 1, each)[0] for index, each in enumerate(commands, start=first)]


def test_expected_revision_lets_one_of_two_through() -> None:
    """Compare-and-set: the loser gets the decision in force and a reason."""
    ledger = Ledger()
    won, lost = put(ledger, command(choice='x', expected=0), command(choice='y', expected=0))
    assert won.status is Status.DECIDED
    assert lost.status is Status.REFUSED
    assert (lost.choice, lost.revision) == ('x', 1)
    assert 'stands at revision 1' in lost.reason
    (next_one,) = put(ledger, command(choice='z', expected=1), first=3)
    assert next_one.revision == 2


def test_slice_gives_decisions_in_log_order_from_an_index() -> None:
    """Entries that made no decision leave gaps; the slice passes over them."""
    ledger = Ledger()
    put(ledger, command('a'))
    put(ledger, command('b'), command('a'), first=3)
    assert [d.index for d in ledger.slice(1, 10, 100)] == [1, 3, 4]
    assert [d.index for d in ledger.slice(2, 1, 100)] == [3]
    assert [d.index for d in ledger.slice(5, 10, 100)] == []


def test_slice_is_bounded_in_bytes_and_always_gets_further() -> None:
    """Reading on from the last index ends, however large the values are."""
    ledger = Ledger()
    put(ledger, *(replace(command(), value=b'v' * 60) for _ in range(5)))
    assert [d.index for d in ledger.slice(1, 10, 130)] == [1, 2]
    assert [d.index for d in ledger.slice(3, 10, 1)] == [3]


@pytest.mark.parametrize(('count', 'size'), [(3, 10**9), (10**6, 3 * 1500)])
def test_history_is_bounded_and_says_where_it_begins(
    monkeypatch: pytest.MonkeyPatch, count: int, size: int
) -> None:
    """In number and in bytes; what is in force stays, however old it is."""
    monkeypatch.setattr(ledger_module, 'HISTORY_MAX', count)
    monkeypatch.setattr(ledger_module, 'HISTORY_BYTES_MAX', size)
    monkeypatch.setattr(ledger_module, '_SLACK', 7)
    ledger = Ledger()
    assert ledger.history_from == 1
    value = b'v' * (1500 - ledger_module.DECISION_OVERHEAD_BYTES - 8)
    put(ledger, command('old'), *(replace(command('new'), value=value) for _ in range(50)))
    assert ledger.history_from == 49
    assert [d.index for d in ledger.slice(1, 100, 10**9)] == [49, 50, 51]
    assert [d.index for d in ledger.slice(50, 100, 10**9)] == [50, 51]
    assert len({id(decision) for decision in ledger._history}) <= 4, 'kept in memory'
    old = ledger.current('old')
    assert old is not None and old.index == 1
    again = Ledger.restored(ledger.image(), 51)
    assert again.image() == ledger.image()
    assert again.current('old') == old
    more = command('new')
    assert put(again, more, first=52) == put(ledger, more, first=52)
    assert again.image() == ledger.image()


def test_an_image_that_contradicts_itself_is_refused() -> None:
    """Each with what is wrong, and nothing is guessed."""
    ledger = Ledger()
    put(ledger, command('a'), command('b'))
    image = ledger.image()
    with pytest.raises(ImageError, match='decision 1 after 2'):
        Ledger.restored(replace(image, history=image.history[::-1]), 2)
    with pytest.raises(ImageError, match='in a log of 1'):
        Ledger.restored(image, 1)
    with pytest.raises(ImageError, match='a history of 2'):
        Ledger.restored(replace(image, history_from=2), 2)
    wrong = (*image.history[0][:5], 99, *image.history[0][6:])
    with pytest.raises(ImageError, match='99'):
        Ledger.restored(replace(image, history=(wrong,)), 2)
    older = (image.history[0], (image.history[0][0], *image.history[1][1:]))
    with pytest.raises(ImageError, match='two decisions in force'):
        Ledger.restored(replace(image, older=older, history=(), history_from=3), 2)
