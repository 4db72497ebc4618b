"""Snapshots of the state: equal states are equal bytes, and nothing damaged is taken in."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from random import Random
import subprocess
import sys

import pytest

from swarm_consensus.decision.replicated import ReplicatedState
from swarm_consensus.decision.types import Command, Status, TimeCommand, keyvalue_command
from swarm_consensus.protocols import sessions as sessions_module
from swarm_consensus.protocols.keyvalue import Delete, Grant, KeepAlive, Put, Revoke
from swarm_consensus.runtime.snapshots import SnapshotError, encode_state, restore_state
from swarm_consensus.runtime.wire import COMMANDS


def random_entries(seed: int, length: int) -> list[bytes]:
    """Data of log entries of all kinds, some repeated and some empty."""
    draw = Random(seed)
    entries: list[bytes] = []
    time_index = 0
    for index in range(1, length + 1):
        kind = draw.random()
        request_id = f'{draw.choice(["r1:1", "r2:1", "user", "other"])}#{draw.randint(1, 99)}'
        acked, base = draw.choice([0, 1, 30]), max(0, index - draw.randint(1, 9))
        lease = draw.randint(1, 6)
        if kind < 0.1:
            entries.append(draw.choice([b'', *entries]))
        elif kind < 0.3:
            subject = f'object/{draw.randint(1, 30)}'
            entries.append(
                COMMANDS.encode(
                    Command(
                        request_id=draw.choice([request_id, f'once {index}']),
                        proposer='é',
                        subject=subject,
                        expected_revision=draw.choice([-1, 0, 1]),
                        status=Status.DECIDED,
                        choice='x',
                        value=draw.randbytes(draw.randint(0, 20)),
                        confidence=draw.random(),
                        voters=('r1', 'r2'),
                        elapsed_us=draw.randint(0, 10**6),
                        acked=acked,
                        base_index=base,
                    )
                )
            )
        elif kind < 0.45:
            previous = draw.choice([time_index, time_index, index - 1])
            entries.append(COMMANDS.encode(TimeCommand('t', previous, draw.randint(0, 300))))
            time_index = index if previous == time_index else time_index
        else:
            operation = draw.choice(
                [
                    Put(f'key/{draw.randint(1, 40)}', draw.randbytes(9), draw.choice([0, lease])),
                    Put(f'key/{draw.randint(1, 40)}', b''),
                    Delete(f'key/{draw.randint(1, 40)}'),
                    Grant(draw.randint(1, 900), lease),
                    KeepAlive(lease),
                    Revoke(lease),
                ]
            )
            entries.append(COMMANDS.encode(keyvalue_command(request_id, operation, acked, base)))
    return entries


def replay(state: ReplicatedState, entries: list[bytes]) -> None:
    """Apply entries as the runtime does."""
    for data in entries[state.index :]:
        state.apply(state.index + 1, 1, data, COMMANDS.decode(data) if data else None)


@pytest.mark.parametrize('seed', range(25))
def test_a_snapshot_and_the_rest_of_the_log_is_the_whole_log(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the byte, through any number of snapshots."""
    monkeypatch.setattr(sessions_module, 'SESSIONS_MAX', 20)
    entries = random_entries(seed, 400)
    whole = ReplicatedState()
    replay(whole, entries)
    cuts = sorted(Random(seed).sample(range(401), 3))
    state = ReplicatedState()
    for cut in cuts:
        replay(state, entries[:cut])
        data = encode_state(state)
        state = ReplicatedState()
        restore_state(state, data)
        assert encode_state(state) == data, f'seed {seed}, cut {cut}'
    replay(state, entries)
    assert encode_state(state) == encode_state(whole), f'seed {seed}, cuts {cuts}'
    assert len(whole.keyvalue) > 5


def test_equal_states_are_equal_bytes_under_any_hash_seed() -> None:
    """The order of sets and dicts of strings shows nowhere."""
    program = (
        'import hashlib, importlib.util, sys\n'
        f'spec = importlib.util.spec_from_file_location("t", {__file__!r})\n'
        'module = importlib.util.module_from_spec(spec)\n'
        'spec.loader.exec_module(module)\n'
        'state = module.ReplicatedState()\n'
        'module.replay(state, module.random_entries(7, 800))\n'
        'print(hashlib.sha256(module.encode_state(state)).hexdigest())\n'
    )
    root = str(Path(__file__).parents[3])
    digests = set()
    for hash_seed in ('0', '1', '4711'):
        environment = {**os.environ, 'PYTHONHASHSEED': hash_seed, 'PYTHONPATH': root}
        result = subprocess.run(
            [sys.executable, '-c', program],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        digests.add(result.stdout)
    state = ReplicatedState()
    replay(state, random_entries(7, 800))
    digests.add(hashlib.sha256(encode_state(state)).hexdigest() + '\n')
    assert len(digests) == 1


@pytest.fixture(scope='module')
def snapshot() -> bytes:
    """A snapshot with something of everything."""
    state = ReplicatedState()
    replay(state, random_entries(3, 300))
    return encode_state(state)


def test_a_damaged_snapshot_is_refused_and_leaves_the_state_alone(snapshot: bytes) -> None:
    """Every single flipped bit, and every length."""
    state = ReplicatedState()
    state.apply(1, 1, b'', None)
    before = encode_state(state)
    draw = Random(1)
    for _ in range(300):
        place = draw.randrange(len(snapshot))
        damaged = bytearray(snapshot)
        damaged[place] ^= 1 << draw.randrange(8)
        with pytest.raises(SnapshotError):
            restore_state(state, bytes(damaged))
        with pytest.raises(SnapshotError):
            restore_state(state, snapshot[: draw.randrange(len(snapshot))])
    with pytest.raises(SnapshotError, match='damaged'):
        restore_state(state, snapshot + b'\0')
    assert encode_state(state) == before


def test_a_newer_snapshot_says_what_to_do(snapshot: bytes) -> None:
    """And one of something else what it is not."""
    state = ReplicatedState()
    with pytest.raises(SnapshotError, match='version 3, this robot reads version 2; bring it'):
        restore_state(state, snapshot[:4] + b'\3' + snapshot[5:])
    with pytest.raises(SnapshotError, match='no snapshot'):
        restore_state(state, b'')
    with pytest.raises(SnapshotError, match='no snapshot'):
        restore_state(state, b'x' + snapshot[1:])


@pytest.mark.parametrize('seed', range(5))
def test_whatever_stands_behind_a_right_check_only_the_error_comes_out(
    snapshot: bytes, seed: int
) -> None:
    """Somebody computed the check over nonsense: it is refused, or it is a valid state."""
    draw = Random(seed)
    for _ in range(200):
        body = bytearray(snapshot[21:])
        for _ in range(draw.randint(1, 3)):
            body[draw.randrange(len(body))] = draw.randrange(256)
        check = hashlib.blake2b(body, digest_size=16).digest()
        state = ReplicatedState()
        try:
            restore_state(state, snapshot[:5] + check + bytes(body))
        except SnapshotError:
            assert state.index == 0
        else:
            encode_state(state)
