"""`swarm state`: its arguments, and how keys and changes are printed."""

from __future__ import annotations

import argparse

import pytest

from swarm_consensus.cli import state
from swarm_consensus.client import SharedEvent, SharedItem, SharedKind


def parsed(*words: str) -> argparse.Namespace:
    """The arguments of the verb."""
    parser = argparse.ArgumentParser()
    state.add_arguments(parser)
    return parser.parse_args(list(words))


def test_what_is_not_given_asks_for_nothing() -> None:
    arguments = parsed('put', 'k', 'v', '--robot', 'r')
    assert (arguments.action, arguments.key, arguments.value) == ('put', 'k', 'v')
    assert not arguments.all and arguments.timeout == 5.0
    assert parsed('increment', 'k', '--robot', 'r').amount == 1
    assert parsed('increment', 'k', '-3', '--robot', 'r').amount == -3
    assert parsed('list', '--robot', 'r').prefix == ''
    assert parsed('remove', 'k', '--robot', 'r').element is None


@pytest.mark.parametrize(
    'words', [(), ('get', '--robot', 'r'), ('get', 'k'), ('increment', 'k', 'x', '--robot', 'r')]
)
def test_wrong_usage_is_exit_code_2(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*words)
    assert caught.value.code == 2
    assert 'usage:' in capsys.readouterr().err


def test_every_type_has_its_line() -> None:
    register = SharedItem('k', SharedKind.REGISTER, (b'text',))
    assert state.row(register) == 'register  k  text'
    assert state.row(SharedItem('k', SharedKind.COUNTER, (), -3)) == 'counter   k  -3'
    assert state.row(SharedItem('k', SharedKind.ADD_SET, (b'a', b'\xff'))) == (
        'add_set   k  a, <1 bytes>'
    )
    assert state.lines(SharedEvent('k', (register,))) == ['register  k  text']
    assert state.lines(SharedEvent('k')) == ['removed   k']
    assert state.lines(SharedEvent('', missed=True))[0].startswith('missed')
