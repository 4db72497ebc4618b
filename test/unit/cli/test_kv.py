"""`swarm kv`: its arguments, and how keys and changes are printed."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from swarm_consensus.cli import kv
from swarm_consensus.protocols.keyvalue import Item


def parsed(*words: str) -> argparse.Namespace:
    """The arguments of the verb."""
    parser = argparse.ArgumentParser()
    kv.add_arguments(parser)
    return parser.parse_args(list(words))


def test_what_is_not_given_asks_for_nothing() -> None:
    arguments = parsed('put', 'k', 'v', '--robot', 'r')
    assert (arguments.action, arguments.key, arguments.value) == ('put', 'k', 'v')
    assert (arguments.lease, arguments.if_version, arguments.if_value) == (0, -1, None)
    assert parsed('list', '--robot', 'r').prefix == ''
    assert not parsed('get', 'k', '--robot', 'r').local


@pytest.mark.parametrize(
    'words',
    [
        (),
        ('get', '--robot', 'r'),
        ('get', 'k'),
        ('put', 'k', 'v', '--robot', 'r', '--if-version', 'x'),
        ('fly', '--robot', 'r'),
    ],
)
def test_wrong_usage_is_exit_code_2(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*words)
    assert caught.value.code == 2
    assert 'usage:' in capsys.readouterr().err


def test_the_value_is_text_or_a_file(tmp_path: Path) -> None:
    """Either, never both or none."""
    path = tmp_path / 'value'
    path.write_bytes(b'\0\xff')
    assert kv.value_of(parsed('put', 'k', 'é', '--robot', 'r')) == 'é'.encode()
    assert kv.value_of(parsed('put', 'k', '', '--robot', 'r')) == b''
    assert kv.value_of(parsed('put', 'k', '--file', str(path), '--robot', 'r')) == b'\0\xff'
    for words in (('put', 'k'), ('put', 'k', 'v', '--file', str(path))):
        with pytest.raises(ValueError, match='give the value or --file'):
            kv.value_of(parsed(*words, '--robot', 'r'))
    with pytest.raises(ValueError, match='No such file'):
        kv.value_of(parsed('put', 'k', '--file', str(tmp_path / 'no'), '--robot', 'r'))


@pytest.mark.parametrize(
    ('value', 'text'),
    [(b'stop', 'stop'), (b'', ''), (b'a\nb', "'a\\nb'"), (b'\xff\0', '<2 bytes>')],
)
def test_a_value_takes_one_line(value: bytes, text: str) -> None:
    assert kv.shown(value) == text


def test_a_key_is_shown_with_its_version_and_lease() -> None:
    assert kv.row(Item('a', b'x', 3, 1, 9, 7)).split() == ['v3', 'lease', '7', 'a', 'x']
    assert kv.row(Item('a', b'x', 3, 1, 9, 0)).split() == ['v3', '-', 'a', 'x']
