"""Tokens: made, kept secret, compared."""

from __future__ import annotations

from pathlib import Path
import stat

import pytest

from swarm_consensus.live.access import Access, AccessError, token_from

TOKEN = 'correct horse battery'


@pytest.mark.parametrize(
    ('authorization', 'allowed'),
    [
        (f'Bearer {TOKEN}', True),
        (f'Bearer {TOKEN}x', False),
        (f'Bearer {TOKEN[:-1]}', False),
        (TOKEN, False),
        (f'Basic {TOKEN}', False),
        ('Bearer ', False),
        ('', False),
        ('Bearer \udcff', False),
    ],
)
def test_only_the_token_opens(authorization: str, allowed: bool) -> None:
    assert Access(TOKEN).allows(authorization) is allowed


@pytest.mark.parametrize('authorization', ['', 'Bearer ', 'Bearer x'])
def test_without_a_token_nobody_may_ask(authorization: str) -> None:
    assert Access().read_only
    assert not Access().allows(authorization)


def test_a_token_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(AccessError, match='has 15 characters, give it 16'):
        Access('x' * 15)


def test_a_file_is_made_once_and_read_then(tmp_path: Path) -> None:
    path = tmp_path / 'token'
    token = token_from(path)
    assert len(token) >= 32 and token_from(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token_from(tmp_path / 'other') != token


def test_a_file_that_others_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'token'
    path.write_text(TOKEN)
    path.chmod(0o640)
    with pytest.raises(AccessError, match=f'chmod 600 {path}'):
        token_from(path)


@pytest.mark.parametrize(('content', 'why'), [(b' \n', 'no token in it'), (b'\xff', 'no text')])
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / 'token'
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(AccessError, match=why):
        token_from(path)
