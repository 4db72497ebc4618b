"""A user's own rule: found or refused at configure, and never the end of a robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
import importlib
from pathlib import Path
import sys
from typing import Any

from ballot_cases import GOALS, SIGNS, sees, settle
import pytest

from swarm_consensus.decision.ballots import Ballot, Outcome
from swarm_consensus.decision.entry_point import load_rule
from swarm_consensus.decision.pooling import bounded
from swarm_consensus.decision.types import Status

CAT, DOG = sees(0.9, 0.05, 0.05), sees(0.05, 0.9, 0.05)

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write the body of `def rule(votes, subject)` into a module; returns the entry point."""
    monkeypatch.syspath_prepend(tmp_path)
    names: list[str] = []

    def make(body: str) -> str:
        name = f'user_rules_{len(names)}'
        names.append(name)
        lines = ''.join(f'    {line}\n' for line in body.splitlines())
        (tmp_path / f'{name}.py').write_text(f'def rule(votes, subject):\n{lines}')
        return f'{name}:rule'

    load_rule.cache_clear()
    yield make
    load_rule.cache_clear()
    for name in names:
        sys.modules.pop(name, None)


def by_rule(rule: str, *cast: Ballot, **more: Any) -> Outcome:
    return settle(replace(SIGNS, fusion=rule), list(cast), **more)


def test_rule_decides_from_plain_values(write: Write) -> None:
    """The whole of what it is told, exactly."""
    rule = write('return None')
    told: list[Any] = []
    module = importlib.import_module(rule.partition(':')[0])
    module.rule = lambda votes, subject: told.append((votes, subject))  # type: ignore[attr-defined]
    before = Outcome(
        1, Status.DECIDED, '', (), 4, 1, Status.DECIDED, 'fox', b'old', 1.0, '', ('r1',)
    )
    cast = [replace(CAT, late=True), Ballot(), Ballot(choice='dog', value=b'1'), DOG]
    settle(
        replace(SIGNS, fusion=rule, revise=True),
        list(cast),
        weights=(2.0, 1.0, 1.0, 0.5),
        before=before,
    )
    ((votes, subject),) = told
    assert votes == [
        {
            'robot': 'r1',
            'weight': 2.0,
            'log_likelihood': list(bounded(CAT.log_likelihood)),
            'choice': '',
            'value': b'',
        },
        {
            'robot': 'r3',
            'weight': 1.0,
            'log_likelihood': [-80.0, 0.0, -80.0],
            'choice': 'dog',
            'value': b'1',
        },
        {
            'robot': 'r4',
            'weight': 0.5,
            'log_likelihood': list(bounded(DOG.log_likelihood)),
            'choice': '',
            'value': b'',
        },
    ]
    assert subject == {
        'labels': ['cat', 'dog', 'fox'],
        'faults': 1,
        'lies': True,
        'late': False,
        'epoch': 2,
        'revision': 4,
        'choice': 'fox',
        'value': b'old',
    }


def test_choice_confidence_and_value_are_put_in_force(write: Write) -> None:
    rule = write("return max(v['choice'] for v in votes), 0.75, b'by rule'")
    cast: list[Ballot | None] = [Ballot(choice='a'), Ballot(choice='b'), Ballot(choice='a')]
    outcome = settle(replace(GOALS, fusion=rule), cast)
    assert (outcome.status, outcome.choice, outcome.value) == (Status.DECIDED, 'b', b'by rule')
    assert (outcome.confidence, outcome.voters) == (0.75, ('r1', 'r2', 'r3'))
    assert outcome.proposer == 'r2'


def test_quorum_and_confidence_of_the_policy_hold_for_it(write: Write) -> None:
    rule = write("return 'fox', 0.4")
    few = by_rule(rule, CAT, CAT, Ballot(), Ballot())
    assert few.reason == '2 robots have spoken, 3 must'
    unsure = by_rule(rule, CAT, CAT, CAT)
    assert unsure.reason == "'fox' is in front with 0.40, 0.5 is asked before the deadline"
    late = by_rule(rule, *[replace(CAT, late=True)] * 3)
    assert (late.status, late.choice) == (Status.LOW_CONFIDENCE, 'fox')


def test_none_decides_nothing(write: Write) -> None:
    rule = write('return None')
    outcome = by_rule(rule, CAT, CAT, CAT)
    assert (outcome.status, outcome.revision) == (Status.UNDECIDED, 0)
    assert outcome.reason == f"the rule '{rule}' decided nothing"


def test_rule_cannot_change_what_others_see(write: Write) -> None:
    """What it is given is its own."""
    rule = write(
        "votes[0]['log_likelihood'][0] = 9\nvotes.clear()\nsubject['labels'].clear()\n"
        "return 'fox', 1"
    )
    assert by_rule(rule, CAT, CAT, CAT) == by_rule(rule, CAT, CAT, CAT)
    assert by_rule(rule, CAT, CAT, CAT).choice == 'fox'


RETURNS = 'a rule returns None, (choice, confidence) or (choice, confidence, value)'


@pytest.mark.parametrize(
    ('body', 'reason'),
    [
        ('return 1 / 0', 'raised ZeroDivisionError in line 2'),
        ('import json\nreturn json.loads("{")', 'raised JSONDecodeError in line 3'),
        ('raise SystemExit(3)', 'raised SystemExit in line 2'),
        ('return rule(votes, subject)', 'raised RecursionError in line 2'),
        ("return 'fox'", f'returned a str; {RETURNS}'),
        ("return ['fox', 1.0]", f'returned a list; {RETURNS}'),
        ("return ('fox',)", f'returned 1 items; {RETURNS}'),
        ("return 'fox', 1.0, b'', 4", f'returned 4 items; {RETURNS}'),
        ('return 1, 1.0', 'returned a choice that is a int; it must be a str'),
        ("return 'cow', 1.0", 'returned a choice that is not among the labels'),
        ("return 'fox', 'sure'", 'returned a confidence that is a str; it must be a float'),
        ("return 'fox', True", 'returned a confidence that is a bool; it must be a float'),
        ("return 'fox', 1.5", 'returned a confidence of 1.5; it must be from 0 to 1'),
        ("return 'fox', -0.1", 'returned a confidence of -0.1; it must be from 0 to 1'),
        ("return 'fox', float('nan')", 'returned a confidence of nan; it must be from 0 to 1'),
        ("return 'fox', float('inf')", 'returned a confidence of inf; it must be from 0 to 1'),
        ("return 'fox', 1.0, 'text'", 'returned a value that is a str; it must be bytes'),
        (
            "return 'fox', 1.0, bytes(32_769)",
            'returned a value of 32769 bytes; at most 32768',
        ),
        ('yield 1', f'returned a generator; {RETURNS}'),
    ],
)
def test_nonsense_is_an_undecided_epoch_with_its_reason(
    write: Write, body: str, reason: str
) -> None:
    rule = write(body)
    first = Outcome(1, Status.DECIDED, revision=1, decided_status=Status.DECIDED, choice='cat')
    outcome = settle(replace(SIGNS, fusion=rule, revise=True), [CAT, CAT, CAT], before=first)
    assert outcome.reason == f"the rule '{rule}' {reason}"
    assert outcome == replace(first, epoch=2, status=Status.UNDECIDED, reason=outcome.reason)


@pytest.mark.parametrize(
    ('body', 'reason'),
    [
        ("return '', 1.0", 'neither a choice nor a value; return None for no decision'),
        ("return 'a' * 257, 1.0", 'a choice of 257 characters; at most 256'),
        (r"return '\ud800', 1.0", 'a choice with half a character, which has no UTF-8 form'),
    ],
)
def test_free_choices_have_bounds_too(write: Write, body: str, reason: str) -> None:
    rule = write(body)
    outcome = settle(replace(GOALS, fusion=rule), [Ballot(choice='a')] * 3)
    assert outcome.reason == f"the rule '{rule}' returned {reason}"


def test_text_of_an_exception_stays_out_of_the_reason(write: Write) -> None:
    """It may hold what differs between robots, such as the address of an object."""
    rule = write('raise ValueError(object())')
    assert by_rule(rule, CAT, CAT, CAT).reason == f"the rule '{rule}' raised ValueError in line 2"


def test_rule_that_is_gone_decides_nothing(write: Write) -> None:
    outcome = by_rule('no_such_module:rule', CAT, CAT, CAT)
    assert outcome.reason == "the rule 'no_such_module:rule' cannot be loaded"


def test_rule_may_stand_in_a_class_of_a_package(tmp_path: Path, write: Write) -> None:
    (tmp_path / 'user_pack').mkdir()
    (tmp_path / 'user_pack' / '__init__.py').touch()
    (tmp_path / 'user_pack' / 'own.py').write_text(
        'class Rules:\n'
        '    @staticmethod\n'
        '    def last(votes, subject):\n'
        "        return subject['labels'][-1], 1.0\n"
    )
    assert by_rule('user_pack.own:Rules.last', CAT, CAT, CAT).choice == 'fox'


def source(tmp_path: Path, text: str) -> None:
    (tmp_path / 'user_broken.py').write_text(text)
    sys.modules.pop('user_broken', None)


@pytest.mark.parametrize(
    ('name', 'text', 'error'),
    [
        ('no_such:rule', '', "this robot has no module 'no_such'; install its package, or put"),
        ('json.nothing:rule', '', "this robot has no module 'json.nothing'"),
        ('user_broken:role', 'def rule(votes, subject): pass', "user_broken has no 'role'"),
        ('user_broken:rule.x', 'def rule(votes, subject): pass', "user_broken.rule has no 'x'"),
        ('user_broken:rule', 'rule = 3', 'which is a int and no function'),
        ('user_broken:rule', 'def rule(votes): pass', 'must take two arguments, `votes` and'),
        ('user_broken:rule', 'def rule(a, b, c): pass', 'must take two arguments'),
        ('user_broken:rule', 'async def rule(a, b): pass', 'is a coroutine function'),
        ('user_broken:rule', 'import no_such_thing', "imports 'no_such_thing', which this robot"),
        (
            'user_broken:rule',
            'raise OSError("disk")',
            'user_broken failed: OSError: disk',
        ),
        ('user_broken:rule', 'raise SystemExit', 'importing user_broken failed: SystemExit'),
        ('user_broken:rule', 'def rule(', 'importing user_broken failed: SyntaxError'),
        ('user-broken:rule', '', 'which cannot name a function; write package.module:function'),
    ],
)
def test_what_cannot_be_loaded_is_said_at_configure(
    tmp_path: Path, write: Write, name: str, text: str, error: str
) -> None:
    source(tmp_path, text)
    with pytest.raises(ValueError) as caught:
        load_rule(name)
    assert str(caught.value).startswith(f"is '{name}', ")
    assert error in str(caught.value)


def test_function_without_a_signature_is_tried() -> None:
    """Some builtins have none; what they return is looked at like any result."""
    assert load_rule('builtins:max') is max
    load_rule.cache_clear()
