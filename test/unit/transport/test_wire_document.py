"""docs/wire.md says what the code does: kinds, fields, bounds, signatures and the examples."""

from __future__ import annotations

from dataclasses import fields
from itertools import count
from pathlib import Path
import re

from swarm_consensus.protocols.agreement.coin import coin_name
from swarm_consensus.protocols.fusion.messages import Item
from swarm_consensus.protocols.missions.events import COMMANDS, FACTS
from swarm_consensus.protocols.missions.operations import OPERATIONS
from swarm_consensus.protocols.raft import AppendEntries, Entry, EntryKind
from swarm_consensus.runtime.evidence import BODIES, Evidence
from swarm_consensus.runtime.wire import COMMAND_KINDS, MESSAGE_KINDS, MESSAGES
from swarm_consensus.transport import curve
from swarm_consensus.transport.compression import MARK, WINDOW_BYTES_MAX, Expander
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.frame import VERSION, FrameHeader
from swarm_consensus.transport.hashes import labels_hash, swarm_hash
from swarm_consensus.transport.signing import Signer, signed_bytes, signed_item_bytes
from swarm_consensus.transport.threshold_coin import ThresholdCoin


def test_the_table_of_kinds_is_that_of_the_code(repository: Path) -> None:
    text = (repository / 'docs' / 'wire.md').read_text()
    documented = re.findall(r'^\| (\d+) \| `(\w+)` \| (.*) \|$', text, re.M)
    actual = [
        (str(kind), cls.__name__, ', '.join(field.name for field in fields(cls)))
        for kind, cls in sorted(MESSAGE_KINDS.items())
    ]
    assert documented == actual


def test_the_list_of_commands_is_that_of_the_code(repository: Path) -> None:
    text = (repository / 'docs' / 'wire.md').read_text()
    items = re.findall(r'^- (\d+) `(\w+)`: ((?:[^\n]|\n  )*)$', text, re.M)
    documented = [
        (kind, name, ' '.join(names.split()).partition(';')[0]) for kind, name, names in items
    ]
    actual = [
        (str(kind), cls.__name__, ', '.join(field.name for field in fields(cls)))
        for kind, cls in sorted(COMMAND_KINDS.items())
    ]
    assert documented == actual


def test_the_operations_and_events_of_missions_are_those_of_the_code(repository: Path) -> None:
    text = (repository / 'docs' / 'wire.md').read_text()
    for title, table in (
        ('Operations on missions', OPERATIONS),
        ('Events of missions', FACTS + COMMANDS),
    ):
        section = text.partition(f'### {title}\n')[2].partition('\n#')[0]
        documented = re.findall(r'^ {4,}(\d+)  (\w+): ((?:.|\n {8,})*)$', section, re.M)
        actual = [
            (str(kind), cls.__name__, ', '.join(field.name for field in fields(cls)))
            for kind, cls in table
        ]
        assert [(k, n, ' '.join(f.split())) for k, n, f in documented] == actual


def test_the_bounds_are_those_of_the_code(repository: Path) -> None:
    text = (repository / 'docs' / 'wire.md').read_text()
    limits = MESSAGES.limits
    assert limits.integer_max == 2**63 - 1
    for sentence in (
        f'at most {limits.batch_messages_max:,} messages',
        f'for these; at most {limits.receivers_max}',
        f'| str | valid UTF-8, {limits.text_characters_max} characters |',
        f'| bytes | {limits.bytes_max:,} |',
        f'| array | {limits.items_max:,} items |',
    ):
        assert sentence in text


def hex_blocks(repository: Path, section: str) -> list[bytes]:
    """Return the bytes that stand in a section, one for each block of them."""
    text = (repository / 'docs' / 'wire.md').read_text()
    [found] = [part for part in text.split('\n## ') if part.startswith(f'{section}\n')]
    blocks = re.findall(r'(?:^ {4,}[0-9a-f ]+\n)+', found, re.M)
    return [bytes.fromhex(''.join(block.split())) for block in blocks]


def test_the_example_is_what_the_codec_writes(repository: Path) -> None:
    blocks = hex_blocks(repository, 'Kinds')
    message = AppendEntries(5, 'r1', 7, 4, (Entry(8, 5, EntryKind.COMMAND, b'hi'),), 6)
    encoded = [MESSAGES.encode(message), MESSAGES.encode(message, ['r2'])]
    assert blocks == encoded


def test_the_example_of_a_compressed_batch_is_read_as_what_it_says(repository: Path) -> None:
    compressed, plain, raw = hex_blocks(repository, 'Compressed batches')
    entries = tuple(Entry(index, 5, EntryKind.COMMAND, b'hi') for index in range(8, 16))
    assert plain == MESSAGES.encode_batch([AppendEntries(5, 'r1', 7, 4, entries, 6)])
    assert Expander().expand(compressed) == plain
    assert Expander().expand(raw) == MESSAGES.join([])
    text = (repository / 'docs' / 'wire.md').read_text()
    assert compressed[0] == MARK and f'a window of at most {WINDOW_BYTES_MAX:,} bytes' in text


def test_the_examples_of_signatures_are_what_a_robot_signs(repository: Path) -> None:
    signer = Signer(bytes(range(32)))
    numbers = (1_700_000_000_000, 0x0123456789ABCDEF, 1)
    plain = FrameHeader(VERSION, 1, swarm_hash('team'), 'r1', '', *numbers)
    full = FrameHeader(
        VERSION, 2, swarm_hash('schwärme'), 'küche', 'r2', 2**64 - 1, 2**64 - 2, 2**64 - 3
    )
    expected = [signer.public_key]
    for header, batch in ((plain, b'\x90'), (full, bytes.fromhex('91923091c3'))):
        expected += [signed_bytes(header, batch), signer.sign(header, batch)]
    labels = labels_hash(('stop', 'yield', 'go'))
    body = BODIES.encode(Evidence(labels, (0.0, -2.5, -7.0), 1.0, 40_000))
    item = Item('küche', 1_700_000_000_000, 3, 'sign', body)
    team = swarm_hash('team')
    expected += [signed_item_bytes(team, item), signer.sign_item(team, item)]
    assert hex_blocks(repository, 'Signatures') == expected


def test_the_example_of_the_coin_is_what_is_dealt_and_thrown(repository: Path) -> None:
    numbers = count()
    dealt = deal(
        'team',
        ['r1', 'r2', 'r3', 'r4'],
        1,
        lambda size: bytes(next(numbers) % 256 for _ in range(size)),
    )
    r1 = dealt['r1']
    name = coin_name('sign', 1, 0, 2)
    shares = {robot: ThresholdCoin(keys).share(name) for robot, keys in dealt.items()}
    assert hex_blocks(repository, 'The common coin') == [
        b''.join(r1.public.commitments),
        curve.scalar_bytes(r1.coin_share),
        r1.public.digest,
        name,
        curve.hash_to_point(b'swarm_consensus/coin/1/point', name),
        shares['r1'],
        shares['r2'],
    ]
    side = ThresholdCoin(r1).value(name, shares)
    assert f'The side is {side}.' in (repository / 'docs' / 'wire.md').read_text()
