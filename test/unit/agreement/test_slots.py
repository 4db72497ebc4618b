"""What contradicts what, judged from two messages alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from swarm_consensus.protocols.agreement.broadcast import PieceRules
from swarm_consensus.protocols.agreement.messages import Kind, Piece, Statement
from swarm_consensus.protocols.agreement.slots import contradiction, slots
from swarm_consensus.protocols.agreement.voice import mask_of

RULES = PieceRules(100, 10)
A, B = b'a' * 32, b'b' * 32
ONE, BOTH = mask_of([1]), mask_of([0, 1])


def said(**fields: Any) -> Statement:
    return Statement('s', 1, fields.pop('again', False), **fields)


def both_ways(first: Statement | Piece, second: Statement | Piece, sender: int = 0) -> str:
    """Return the judgement, which does not depend on the order."""
    what = contradiction(first, second, sender, RULES)
    assert contradiction(second, first, sender, RULES) == what
    return what


CONTRADICTIONS = [
    ('echo 1', said(echoes=((1, A),)), said(echoes=((0, A), (1, B)))),
    ('ready 1', said(readies=((1, A),)), said(readies=((1, B),))),
    ('aux 1 0', said(votes=((Kind.AUX, 0, 0, BOTH),)), said(votes=((Kind.AUX, 0, 1, ONE),))),
    ('conf 1 2', said(votes=((Kind.CONF, 2, 3, ONE),)), said(votes=((Kind.CONF, 2, 1, BOTH),))),
    ('grade 1 4', said(votes=((Kind.GRADE, 4, 2, ONE),)), said(votes=((Kind.GRADE, 4, 0, ONE),))),
    ('end 1 0', said(votes=((Kind.END, 0, 0, ONE),)), said(votes=((Kind.END, 7, 1, ONE),))),
    ('share 1 2', said(shares=((1, 2, b'x'),)), said(shares=((1, 2, b'y'),))),
    ('settled', said(settled=A), said(settled=B)),
]


@pytest.mark.parametrize(('slot', 'first', 'second'), CONTRADICTIONS)
def test_two_contents_of_one_slot(slot: str, first: Statement, second: Statement) -> None:
    assert both_ways(first, second) == f'two contents of slot {slot}'
    assert both_ways(replace(first, again=True), second)
    # Of another subject or epoch they are about another slot.
    assert not both_ways(first, replace(second, epoch=2))
    assert not both_ways(first, replace(second, subject='t'))
    assert not both_ways(first, first)


@pytest.mark.parametrize(
    ('first', 'second'),
    [
        (said(echoes=((1, A),)), said(echoes=((2, B),), readies=((1, B),))),
        (said(votes=((Kind.AUX, 0, 0, ONE),)), said(votes=((Kind.AUX, 1, 1, ONE),))),
        (said(votes=((Kind.AUX, 0, 0, ONE),)), said(votes=((Kind.AUX, 0, 1, mask_of([0])),))),
        (said(votes=((Kind.SUPPORT, 0, 0, ONE),)), said(votes=((Kind.SUPPORT, 0, 1, ONE),))),
        (
            said(votes=((Kind.SUPPORT_GRADE, 0, 0, ONE),)),
            said(votes=((Kind.SUPPORT_GRADE, 0, 2, ONE),)),
        ),
        (said(votes=((Kind.END, 0, 1, ONE),)), said(votes=((Kind.END, 9, 1, ONE),))),
        (said(settled=A), said()),
        (said(shares=((1, 2, b'x'),)), said(shares=((1, 3, b'y'),))),
    ],
)
def test_what_an_honest_robot_may_say(first: Statement, second: Statement) -> None:
    assert not both_ways(first, second)


def test_one_statement_can_contradict_itself() -> None:
    lie = said(echoes=((1, A), (1, B)))
    assert both_ways(lie, said()) == 'two contents of slot echo 1'


def test_two_inputs_of_one_robot() -> None:
    first, second = RULES.cut('s', 1, 0, b'v' * 25), RULES.cut('s', 1, 0, b'w' * 25)
    assert both_ways(first[0], second[2]) == 'two inputs'
    assert not both_ways(first[0], first[2])
    # Whose input it is does not prove who passed it on.
    assert not both_ways(first[0], second[0], sender=1)
    assert not both_ways(first[0], said(echoes=((0, A),)))


@pytest.mark.parametrize('changes', [{'size': 101}, {'index': 3}, {'data': b'x'}, {'digests': ()}])
def test_a_piece_of_no_value_proves_nothing(changes: dict[str, Any]) -> None:
    first, second = RULES.cut('s', 1, 0, b'v' * 25), RULES.cut('s', 1, 0, b'w' * 25)
    assert not both_ways(first[0], replace(second[0], **changes))


def test_every_kind_has_slots_but_those_that_repeat() -> None:
    for kind in Kind:
        found = list(slots(said(votes=((kind, 3, 1, BOTH),))))
        at = 0 if kind is Kind.END else 3
        expected = [] if kind.repeats else [((kind, 0, at), 1), ((kind, 1, at), 1)]
        assert found == expected
