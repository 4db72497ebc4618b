"""Key files: what is written is read again, and what is wrong is said with file, line and cure."""

from __future__ import annotations

from pathlib import Path
from random import Random
import stat

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest
import yaml

from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.key_files import (
    PUBLIC_FILE,
    KeysError,
    existing_files,
    key_file,
    load_keys,
    load_public,
    write_keys,
)
from swarm_consensus.transport.keys import Keys

ROBOTS = ('r1', 'r2', 'r3', 'r4')
DEALT = deal('team', ROBOTS, 1, Random(1).randbytes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_keys(tmp_path / 'keys', DEALT)
    return tmp_path / 'keys'


def load(folder: Path, robot: str = 'r1') -> Keys:
    return load_keys(folder, 'team', robot, ROBOTS)


def failure(folder: Path, robot: str = 'r1') -> str:
    """Return what is said; no secret of any robot may stand in it."""
    with pytest.raises(KeysError) as caught:
        load(folder, robot)
    text = str(caught.value)
    for keys in DEALT.values():
        assert keys.signing_key.hex() not in text
        assert keys.coin_share.to_bytes(32, 'little').hex() not in text
    assert text.startswith(str(folder)) and caught.value.__cause__ is None
    return text.removeprefix(str(folder)).lstrip('/')


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, text
    path.write_text(text.replace(old, new))


def test_each_robot_reads_what_was_dealt_to_it(folder: Path) -> None:
    for robot in ROBOTS:
        assert load(folder, robot) == DEALT[robot]
    assert load_public(folder, 'team', ROBOTS) == DEALT['r1'].public


def test_a_robot_needs_two_files_of_the_folder(folder: Path) -> None:
    for name in existing_files(folder):
        if name not in (PUBLIC_FILE, 'r2.key'):
            (folder / name).unlink()
    assert load(folder, 'r2') == DEALT['r2']


def test_secret_files_are_closed_to_others_and_the_public_one_is_open(folder: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {PUBLIC_FILE: 0o644, **{f'{robot}.key': 0o600 for robot in ROBOTS}}


def test_the_files_are_yaml_of_texts(folder: Path) -> None:
    """Whoever reads them with any YAML library gets no number and no boolean for a name or key."""
    public = yaml.safe_load((folder / PUBLIC_FILE).read_text())
    assert list(public) == ['version', 'swarm', 'robots', 'coin']
    assert public['robots'] == {r: key.hex() for r, key in DEALT['r1'].public.robots.items()}
    assert public['coin']['faults_max'] == 1
    assert [bytes.fromhex(c) for c in public['coin']['commitments']] == list(
        DEALT['r1'].public.commitments
    )
    key = yaml.safe_load((folder / 'r1.key').read_text())
    assert key['signing_key'] == DEALT['r1'].signing_key.hex()
    for path in folder.iterdir():
        names = yaml.safe_load(path.read_text())
        assert names['version'] == 1 and names['swarm'] == 'team'


@pytest.mark.parametrize('names', [('no', 'yes'), ('1', '0x10'), ('null', 'küche'), ('a b', 'c')])
def test_names_that_yaml_takes_for_something_else_are_names(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    dealt = deal('true', names, 0, Random(1).randbytes)
    write_keys(tmp_path, dealt)
    for name in names:
        assert load_keys(tmp_path, 'true', name, names) == dealt[name]


# -- what can be wrong -----------------------------------------------------------------------------


def test_no_folder_and_no_file(tmp_path: Path, folder: Path) -> None:
    nowhere = tmp_path / 'nowhere'
    assert failure(nowhere) == (
        ': there is no such folder; make the keys of the swarm with `swarm keys FILE`, and copy '
        'public.yaml and the key file of each robot to it'
    )
    assert failure(folder, 'r9') == (
        'r9.key: is not there; copy it from the folder that `swarm keys` wrote, or make keys with '
        '`swarm keys FILE`'
    )
    (folder / PUBLIC_FILE).unlink()
    assert failure(folder).startswith('public.yaml: is not there; ')
    (folder / PUBLIC_FILE).mkdir()
    assert failure(folder) == 'public.yaml: is a folder, where `swarm keys` writes a file'


@pytest.mark.parametrize('mode', [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_that_others_can_read_is_refused(folder: Path, mode: int) -> None:
    (folder / 'r1.key').chmod(mode)
    assert failure(folder) == (
        f'r1.key: is open to others (mode {mode:04o}), who may have read the secrets in it; close '
        f'it with: chmod 600 {folder / "r1.key"} (and deal new keys where somebody has read it)'
    )
    (folder / 'r1.key').chmod(0o400)
    assert load(folder) == DEALT['r1']


def test_another_swarm(folder: Path) -> None:
    change(folder / PUBLIC_FILE, 'swarm: "team"', 'swarm: "other"')
    assert failure(folder).startswith(
        "public.yaml:4: holds the keys of swarm 'other', not of 'team'; name the folder of this "
    )


def test_a_key_file_under_another_name(folder: Path) -> None:
    (folder / 'r2.key').replace(folder / 'r1.key')
    assert failure(folder) == (
        "r1.key:5: is for robot 'r2', not 'r1'; copy the file that `swarm keys` wrote for robot "
        "'r1' of swarm 'team'"
    )


def test_robots_that_have_no_key(folder: Path) -> None:
    with pytest.raises(KeysError) as caught:
        load_keys(folder, 'team', 'r1', [*ROBOTS, 'r5', 'r6'])
    assert 'public.yaml:5: has no key of r5, r6; the robots of the swarm have changed' in str(
        caught.value
    )
    # One that has left does no harm.
    assert load_keys(folder, 'team', 'r1', ROBOTS[:3]) == DEALT['r1']


def test_files_of_two_dealings(tmp_path: Path, folder: Path) -> None:
    other = deal('team', ROBOTS, 1, Random(2).randbytes)
    write_keys(tmp_path / 'other', other)
    (tmp_path / 'other' / 'r1.key').replace(folder / 'r1.key')
    assert failure(folder) == (
        f'r1.key:6: is not of the dealing of {folder}/public.yaml, or one of the two was changed; '
        'copy both from the folder that `swarm keys` wrote, to all robots from the same one'
    )


@pytest.mark.parametrize(
    ('old', 'new', 'said'),
    [
        ('version: 1', 'version: 2', "public.yaml:3: version is '2', and this program knows 1"),
        ('version: 1\n', '', 'public.yaml:3: version is missing'),
        ('version: 1', 'version: [1]', 'public.yaml:3: version must be a single value'),
        ('version: 1', 'version: 1\nfoo: 1', 'public.yaml:4: foo is not known'),
        ('version: 1', 'version: 1\nversion: 1', 'public.yaml:4: version stands twice'),
        ('"r2": ', '"r1": ', 'public.yaml:7: robots.r1 stands twice'),
        ("  - '", "  - 'x", 'public.yaml:13: coin.commitments has 65 characters, and must have 64'),
        ("  - '", '  - [1]\n  - ', None),
        ('faults_max: 1', 'faults_max: 2', 'public.yaml: there are 2 commitments; faults_max 2'),
        ('faults_max: 1', 'faults_max: 9', 'public.yaml: faults_max is 9; with 4 robots it must'),
        ('faults_max: 1', 'faults_max: -1', 'coin.faults_max must be a whole number from 0'),
        ('faults_max: 1', 'faults_max: 1.5', 'coin.faults_max must be a whole number from 0'),
        ('coin:', 'coin: 5\nwine:', 'public.yaml:11: wine is not known'),
        ('robots:\n', 'robots: 5\nrobot:\n', 'public.yaml:6: robot is not known'),
    ],
)
def test_a_public_file_that_was_changed(
    folder: Path, old: str, new: str, said: str | None
) -> None:
    path = folder / PUBLIC_FILE
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    found = failure(folder)
    if said is not None:
        assert said in found
    assert 'copy' in found or 'deal' in found


def test_public_keys_that_are_none(folder: Path) -> None:
    path = folder / PUBLIC_FILE
    whole = path.read_text()
    keys = DEALT['r1'].public.robots
    for bad, said in (
        ('00' * 32, "public.yaml: the key of robot 'r2' is no public key of Ed25519"),
        ('zz' * 32, 'public.yaml:7: robots.r2 must be 64 hex digits (0-9, a-f)'),
        ('٣' * 64, 'public.yaml:7: robots.r2 must be 64 hex digits (0-9, a-f)'),
        ('ab' * 31, 'public.yaml:7: robots.r2 has 62 characters, and must have 64 hex digits'),
        (keys['r1'].hex(), "public.yaml: robots 'r1' and 'r2' have the same key"),
    ):
        path.write_text(whole.replace(keys['r2'].hex(), bad))
        assert failure(folder).startswith(said)
    other = deal('team', ROBOTS, 1, Random(2).randbytes)['r2'].public.robots['r2']
    path.write_text(whole.replace(keys['r2'].hex(), other.hex()))
    assert 'is not of the dealing of' in failure(folder)


@pytest.mark.parametrize(
    ('field', 'text', 'said'),
    [
        ('signing_key', 'ab' * 32, "r1.key: the signing key is not that of robot 'r1'"),
        ('coin_share', 'ab' * 31 + '01', "r1.key: the share of the coin is not that of robot 'r1'"),
        ('coin_share', '00' * 32, "r1.key: the share of the coin is not that of robot 'r1'"),
        ('coin_share', 'ff' * 32, 'r1.key:8: coin_share is too large'),
        ('coin_share', 'ff' * 31, 'r1.key:8: coin_share has 62 characters'),
        ('signing_key', '', 'r1.key:7: signing_key has 0 characters'),
        ('public', 'ab' * 32, 'r1.key:6: is not of the dealing of'),
    ],
)
def test_a_secret_file_that_was_changed(folder: Path, field: str, text: str, said: str) -> None:
    path = folder / 'r1.key'
    lines = path.read_text().splitlines()
    lines = [f"{field}: '{text}'" if line.startswith(f'{field}:') else line for line in lines]
    path.write_text('\n'.join(lines) + '\n')
    assert failure(folder).startswith(said)


@pytest.mark.parametrize('name', [PUBLIC_FILE, 'r1.key'])
def test_a_file_that_is_cut_off_anywhere_is_never_taken(folder: Path, name: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    for end in [*range(0, len(whole) - 1, 7), len(whole) - 2]:
        path.write_bytes(whole[:end])
        assert name in failure(folder)
    # Only the end of the last line may be missing.
    path.write_bytes(whole[:-1])
    assert load(folder) == DEALT['r1']


@pytest.mark.parametrize('name', [PUBLIC_FILE, 'r1.key'])
@pytest.mark.parametrize(
    'garbage',
    [
        b'', b'\n', b'# only words\n', b'5', b'[1, 2]', b'a: [', b'\xff\xfe\x00', b'\0',
        b'{' * 50_000, b'a: &a [*a]', b'? [1]\n: 2', b'x: ' + b'y' * 2_000_000,
        b'--- 1\n--- 2\n', b'!!python/object:os.system {}', b'\tversion: 1',
    ],
)  # fmt: skip
def test_garbage_is_an_error_of_its_file(folder: Path, name: str, garbage: bytes) -> None:
    (folder / name).write_bytes(garbage)
    assert failure(folder).startswith(name)


@given(st.integers(0, 3000), st.integers(1, 255))
@settings(deadline=None, max_examples=150)
def test_a_byte_that_was_damaged_never_changes_a_key(
    tmp_path_factory: pytest.TempPathFactory, at: int, flip: int
) -> None:
    folder = tmp_path_factory.mktemp('keys')
    write_keys(folder, DEALT)
    for name in (PUBLIC_FILE, 'r1.key'):
        whole = (folder / name).read_bytes()
        damaged = bytearray(whole)
        damaged[at % len(damaged)] ^= flip
        (folder / name).write_bytes(damaged)
        try:
            assert load(folder) == DEALT['r1']  # a comment, or the case of a digit
        except KeysError as error:
            assert name in str(error)
        (folder / name).write_bytes(whole)


# -- writing ---------------------------------------------------------------------------------------


def test_keys_that_are_there_are_not_replaced_silently(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    other = deal('team', ROBOTS, 1, Random(2).randbytes)
    with pytest.raises(KeysError, match=r'holds keys already \(public.yaml, r1.key, r2.key'):
        write_keys(folder, other)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    written = write_keys(folder, other, replace=True)
    assert [path.name for path in written] == [PUBLIC_FILE, *(f'{r}.key' for r in ROBOTS)]
    assert load(folder) == other['r1']


def test_one_old_file_is_enough_to_stop(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != 'r3.key':
            path.unlink()
    with pytest.raises(KeysError, match=r'holds keys already \(r3.key\)'):
        write_keys(folder, DEALT)


def test_a_file_left_open_to_others_is_closed_when_it_is_replaced(folder: Path) -> None:
    (folder / 'r1.key').chmod(0o666)
    (folder / 'r2.key.part').write_text('left by a crash')
    write_keys(folder, DEALT, replace=True)
    assert load(folder) == DEALT['r1'] and not list(folder.glob('*.part'))


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(KeysError, match='cannot be written: '):
        write_keys(tmp_path / 'file', DEALT)
    with pytest.raises(KeysError, match='cannot be written: '):
        write_keys(tmp_path / 'file' / 'below', DEALT)


@pytest.mark.parametrize('name', ['', '.', '..', 'a/b', '/etc/passwd', '.hidden', 'a\0b'])
def test_a_robot_s_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match='cannot be that of a file'):
        key_file(name)
    with pytest.raises(ValueError, match='cannot be that of a file'):
        write_keys(tmp_path / 'keys', deal('team', [name], 0))
    assert not (tmp_path / 'keys').exists()


def test_nothing_to_write_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='no keys to write'):
        write_keys(tmp_path, {})
