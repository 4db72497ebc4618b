"""
The keys of a swarm in files, one folder a swarm: `public.yaml`, and `<robot>.key` of each robot.

A robot needs `public.yaml` and its own file, which must be readable by its user alone. The files of
one dealing know each other by a hash. They are written for people as well as for programs, and what
is wrong with them is said with file, line and what to do; no secret ever stands in an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import json
import os
from pathlib import Path
import re
import stat

import yaml

from swarm_consensus.transport import curve
from swarm_consensus.transport.keys import Keys, PublicKeys

PUBLIC_FILE = 'public.yaml'
KEY_SUFFIX = '.key'
VERSION = '1'

_FILE_BYTES_MAX = 1_000_000
_HEX = re.compile(r'[0-9a-fA-F]+')
_KEY_MODE = 0o600
_PUBLIC_MODE = 0o644
_DEAL = '`swarm keys`'
_PUBLIC_FIELDS = ('version', 'swarm', 'robots', 'coin')
_COIN_FIELDS = ('faults_max', 'commitments')
_KEY_FIELDS = ('version', 'swarm', 'robot', 'public', 'signing_key', 'coin_share')


class KeysError(Exception):
    """
    Keys that cannot be used, or written; says what to do.

    :param path: file or folder.
    :param text: what is wrong with it.
    :param line: where in the file, from 1; 0: not in a line of it.
    """

    def __init__(self, path: Path | str, text: str, line: int = 0) -> None:
        """Keep the place; the message begins with it."""
        self.path = Path(path)
        self.line = line
        super().__init__(f'{path}:{line}: {text}' if line else f'{path}: {text}')


def key_file(robot: str) -> str:
    """
    Return the name of the file of a robot.

    :raises ValueError: a name that is no file name.
    """
    if not robot or robot.startswith('.') or '/' in robot or '\0' in robot:
        raise ValueError(f'robot name {robot[:100]!r} cannot be that of a file')
    return robot + KEY_SUFFIX


# -- reading ---------------------------------------------------------------------------------------


def load_keys(folder: Path, swarm: str, robot: str, robots: Iterable[str]) -> Keys:
    """
    Return what a robot holds, with everything checked.

    :param robots: all robots of the swarm; each must have a key.
    :raises KeysError: what is wrong, and what to do.
    """
    public = load_public(folder, swarm, robots)
    try:
        path = folder / key_file(robot)
    except ValueError as error:
        raise KeysError(folder, str(error)) from None
    text = _read(path, secret=True)
    fields = _Fields(path, _root(path, text), _KEY_FIELDS)
    fields.check_version()
    for name, wanted in (('swarm', swarm), ('robot', robot)):
        found, line = fields.text(name)
        if found != wanted:
            raise KeysError(
                path,
                f"is for {name} '{found}', not '{wanted}'; copy the file that {_DEAL} wrote for "
                f"robot '{robot}' of swarm '{swarm}'",
                line,
            )
    digest = fields.hex_bytes('public', len(public.digest))
    signing_key = fields.hex_bytes('signing_key', 32)
    share_bytes = fields.hex_bytes('coin_share', curve.SCALAR_BYTES)
    if digest != public.digest:
        raise KeysError(
            path,
            f'is not of the dealing of {folder / PUBLIC_FILE}, or one of the two was changed; copy '
            f'both from the folder that {_DEAL} wrote, to all robots from the same one',
            fields.line('public'),
        )
    share = curve.scalar_from(share_bytes)
    if share is None:
        raise KeysError(
            path, 'coin_share is too large; ' + _again(path), fields.line('coin_share')
        )
    try:
        return Keys(robot, public, signing_key, share)
    except ValueError as error:
        raise KeysError(path, f'{error}; {_again(path)}') from None


def load_public(folder: Path, swarm: str, robots: Iterable[str]) -> PublicKeys:
    """
    Return the public keys of a swarm.

    :param robots: each must have a key; keys of others, who have left the swarm, do no harm.
    :raises KeysError: what is wrong, and what to do.
    """
    if not folder.is_dir():
        raise KeysError(
            folder,
            'there is no such folder; make the keys of the swarm with `swarm keys FILE`, and copy '
            f'{PUBLIC_FILE} and the key file of each robot to it',
        )
    path = folder / PUBLIC_FILE
    fields = _Fields(path, _root(path, _read(path)), _PUBLIC_FIELDS)
    fields.check_version()
    found, line = fields.text('swarm')
    if found != swarm:
        raise KeysError(
            path,
            f"holds the keys of swarm '{found}', not of '{swarm}'; name the folder of this swarm, "
            f'or deal keys for it with {_DEAL}',
            line,
        )
    members = fields.fields('robots')
    keys = {robot: members.hex_bytes(robot, curve.POINT_BYTES) for robot in members.names}
    missing = [robot for robot in robots if robot not in keys]
    if missing:
        raise KeysError(
            path,
            f'has no key of {", ".join(missing)}; the robots of the swarm have changed since the '
            f'keys were dealt, so deal them again with `swarm keys FILE --force`, and copy the new '
            'files to all robots',
            fields.line('robots'),
        )
    coin = fields.fields('coin', _COIN_FIELDS)
    faults_max = coin.number('faults_max')
    commitments = coin.hex_list('commitments', curve.POINT_BYTES)
    try:
        public = PublicKeys(swarm, keys, faults_max, commitments)
        # Once here, so that a polynomial that gives no share is an error of the file.
        _ = public.share_points
        return public
    except ValueError as error:
        raise KeysError(path, f'{error}; {_again(path)}') from None


def _again(path: Path) -> str:
    return f'the file is damaged or was changed: copy {path.name} again from where it was dealt'


def _read(path: Path, secret: bool = False) -> str:
    """Return the text of a file; a secret one must be closed to all others."""
    try:
        with path.open('rb') as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise KeysError(
            path,
            f'is not there; copy it from the folder that {_DEAL} wrote, or make keys with '
            '`swarm keys FILE`',
        ) from None
    except IsADirectoryError:
        raise KeysError(path, f'is a folder, where {_DEAL} writes a file') from None
    except OSError as error:
        text = f'cannot be read: {error.strerror}; it must belong to the user that runs the robot'
        raise KeysError(path, text) from None
    if secret and stat.S_IMODE(mode) & 0o077:
        raise KeysError(
            path,
            f'is open to others (mode {stat.S_IMODE(mode):04o}), who may have read the secrets in '
            f'it; close it with: chmod 600 {path} (and deal new keys where somebody has read it)',
        )
    if len(data) > _FILE_BYTES_MAX:
        raise KeysError(path, f'is larger than {_FILE_BYTES_MAX} bytes; {_DEAL} has not written it')
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b'\n') + 1
        raise KeysError(path, f'is not UTF-8; {_again(path)}', line) from None


def _root(path: Path, text: str) -> yaml.Node:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 0
        # Without the text at the place, which may be a secret.
        raise KeysError(path, f'is no YAML ({error.problem}); {_again(path)}', line) from None
    except (yaml.YAMLError, RecursionError):
        raise KeysError(path, f'is no YAML; {_again(path)}') from None
    if node is None:
        raise KeysError(path, f'is empty; {_again(path)}')
    return node


class _Fields:
    """
    A mapping in a file, whose scalars are read as they are written.

    :param names: what must be there, and nothing else; None: whatever is.
    """

    def __init__(
        self, path: Path, node: yaml.Node, names: tuple[str, ...] | None, place: str = ''
    ) -> None:
        self._path = path
        self._place = place
        if not isinstance(node, yaml.MappingNode):
            what = f'{place.removesuffix(".")} ' if place else ''
            raise KeysError(path, f'{what}must be `name: value` lines; {_again(path)}', _line(node))
        self._nodes: dict[str, tuple[yaml.Node, int]] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ''
            if name in self._nodes:
                raise self._error(name, 'stands twice', _line(key))
            if names is not None and name not in names:
                raise self._error(name[:100], 'is not known', _line(key))
            self._nodes[name] = (value, _line(key))
        for name in names or ():
            if name not in self._nodes:
                raise self._error(name, 'is missing', _line(node))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names in the order of the file."""
        return tuple(self._nodes)

    def line(self, name: str) -> int:
        """Return where a field stands."""
        return self._nodes[name][1]

    def text(self, name: str) -> tuple[str, int]:
        """Return a field as it is written, and its line."""
        node, line = self._nodes[name]
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(name, 'must be a single value', line)
        return node.value, line

    def check_version(self) -> None:
        """Refuse files of another form."""
        found, line = self.text('version')
        if found != VERSION:
            raise KeysError(
                self._path,
                f"version is '{found[:20]}', and this program knows {VERSION}; deal the keys with "
                'the version of it that the robots run',
                line,
            )

    def number(self, name: str) -> int:
        """Return a field that is a count."""
        found, line = self.text(name)
        if not (found.isascii() and found.isdigit()) or len(found) > 6:
            raise self._error(name, 'must be a whole number from 0', line)
        return int(found)

    def hex_bytes(self, name: str, size: int) -> bytes:
        """Return a field of so many bytes in hexadecimal digits."""
        found, line = self.text(name)
        return self._hex(name, found, size, line)

    def hex_list(self, name: str, size: int) -> tuple[bytes, ...]:
        """Return a field that is a list of the like."""
        node, line = self._nodes[name]
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(name, 'must be a list', line)
        found = []
        for item in node.value:
            if not isinstance(item, yaml.ScalarNode):
                raise self._error(name, 'must be a list of single values', _line(item))
            found.append(self._hex(name, item.value, size, _line(item)))
        return tuple(found)

    def fields(self, name: str, names: tuple[str, ...] | None = None) -> _Fields:
        """Return a field that is a mapping itself."""
        return _Fields(self._path, self._nodes[name][0], names, f'{self._place}{name}.')

    def _hex(self, name: str, text: str, size: int, line: int) -> bytes:
        if len(text) != 2 * size:
            raise self._error(
                name, f'has {len(text)} characters, and must have {2 * size} hex digits', line
            )
        if not _HEX.fullmatch(text):
            raise self._error(name, f'must be {2 * size} hex digits (0-9, a-f)', line)
        return bytes.fromhex(text)

    def _error(self, name: str, text: str, line: int) -> KeysError:
        return KeysError(self._path, f'{self._place}{name} {text}; {_again(self._path)}', line)


def _line(node: yaml.Node) -> int:
    mark = node.start_mark
    return 0 if mark is None else mark.line + 1


# -- writing ---------------------------------------------------------------------------------------


def existing_files(folder: Path) -> list[str]:
    """Return the names of the key files that are in a folder, sorted."""
    if not folder.is_dir():
        return []
    names = (path.name for path in folder.iterdir())
    return sorted(name for name in names if name == PUBLIC_FILE or name.endswith(KEY_SUFFIX))


def write_keys(folder: Path, dealt: Mapping[str, Keys], *, replace: bool = False) -> list[Path]:
    """
    Write the keys of a swarm, each file whole or not at all.

    :param dealt: what `dealing.deal` returned.
    :param replace: take the place of keys that are there; without it they are kept.
    :returns: the files written, `public.yaml` first.
    :raises KeysError: there are keys already, or the folder cannot be written.
    :raises ValueError: a robot whose name cannot be that of a file, or nothing to write.
    """
    if not dealt:
        raise ValueError('there are no keys to write')
    public = next(iter(dealt.values())).public
    texts = {key_file(robot): _key_text(keys) for robot, keys in sorted(dealt.items())}
    texts[PUBLIC_FILE] = _public_text(public)
    try:
        there = existing_files(folder)
        if there and not replace:
            shown = ', '.join(there[:5]) + (', ...' if len(there) > 5 else '')
            raise KeysError(
                folder,
                f'holds keys already ({shown}). Robots that have them do not understand robots '
                'with new ones: to replace the keys of all, add --force; to keep these, name '
                'another folder with --out',
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in texts.items():
            mode = _PUBLIC_MODE if name == PUBLIC_FILE else _KEY_MODE
            _write(folder / name, text, mode)
    except OSError as error:
        raise KeysError(
            error.filename or folder, f'cannot be written: {error.strerror}'
        ) from error
    return [folder / PUBLIC_FILE, *(folder / key_file(robot) for robot in sorted(dealt))]


def _write(path: Path, text: str, mode: int) -> None:
    part = path.with_name(path.name + '.part')
    part.unlink(missing_ok=True)
    # Closed to others from its first moment, not only once it is written.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, 'w', encoding='utf-8') as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    os.replace(part, path)


def _public_text(public: PublicKeys) -> str:
    lines = [
        f'# Public keys of the swarm {json.dumps(public.swarm)}, made by `swarm keys`.',
        '# Every robot of it needs this file, unchanged. Nothing in it is secret.',
        f'version: {VERSION}',
        f'swarm: {_quoted(public.swarm)}',
        'robots:',
        *(f"  {_quoted(robot)}: '{key.hex()}'" for robot, key in sorted(public.robots.items())),
        'coin:',
        f'  faults_max: {public.faults_max}',
        '  commitments:',
        *(f"  - '{point.hex()}'" for point in public.commitments),
    ]
    return '\n'.join(lines) + '\n'


def _key_text(keys: Keys) -> str:
    lines = [
        f'# Secret keys of robot {json.dumps(keys.robot)}, made by `swarm keys`. For this robot',
        '# alone, readable by its user alone (mode 0600). Whoever has it can speak as the robot.',
        f'version: {VERSION}',
        f'swarm: {_quoted(keys.public.swarm)}',
        f'robot: {_quoted(keys.robot)}',
        f"public: '{keys.public.digest.hex()}'",
        f"signing_key: '{keys.signing_key.hex()}'",
        f"coin_share: '{curve.scalar_bytes(keys.coin_share).hex()}'",
    ]
    return '\n'.join(lines) + '\n'


def _quoted(text: str) -> str:
    """Return a text as YAML takes it: JSON strings are YAML, and names like `no` are text."""
    return json.dumps(text, ensure_ascii=False)
