"""Who may ask the swarm for something by the dashboard: whoever has its token."""

from __future__ import annotations

import hmac
import os
from pathlib import Path
import secrets
import stat

# Whoever guesses a hundred times a second for a year has tried 2**32.
TOKEN_CHARACTERS_MIN = 16
_SCHEME = 'Bearer '


class AccessError(ValueError):
    """A token that is none, or is not kept secret; the text says what to change."""


class Access:
    """
    Compares tokens.

    :param token: '': nobody may ask, the page is read only.
    :raises AccessError: a token that can be guessed.
    """

    def __init__(self, token: str = '') -> None:
        if token and len(token) < TOKEN_CHARACTERS_MIN:
            raise AccessError(
                f'the token has {len(token)} characters, give it {TOKEN_CHARACTERS_MIN} or more'
            )
        self._token = token.encode()

    @property
    def read_only(self) -> bool:
        """Whether there is no token."""
        return not self._token

    def allows(self, authorization: str) -> bool:
        """
        Return whether the value of an Authorization header has the token.

        It takes as long whatever is wrong with a token of the right length.
        """
        if self.read_only or not authorization.startswith(_SCHEME):
            return False
        given = authorization[len(_SCHEME) :].encode(errors='surrogateescape')
        return hmac.compare_digest(given, self._token)


def token_from(path: Path) -> str:
    """
    Return the token in a file, which is made with a new one where it is not there.

    :raises AccessError: others may read it, or there is none in it.
    :raises OSError: it can be neither read nor made.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with open(descriptor, 'w', encoding='ascii') as file:
            file.write(f'{secrets.token_urlsafe(32)}\n')
    with open(path, encoding='utf-8') as file:
        if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise AccessError(f'{path}: others may read it; chmod 600 {path}')
        try:
            token = file.read().strip()
        except UnicodeDecodeError:
            raise AccessError(f'{path}: no text is in it') from None
    if not token:
        raise AccessError(f'{path}: there is no token in it; remove it to have one made')
    return token
