"""Bytes that no honest robot would send: too long, too large, out of range, damaged."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from swarm_consensus.protocols.agreement.messages import InstanceMessage
from swarm_consensus.simulation.adversary.words import (
    CODEC,
    LOOSE,
    LoosePiece,
    LooseStatement,
)
from swarm_consensus.transport.errors import MalformedError

LONG = 300
MANY = 400
HUGE = (2**31, 2**62, 2**63 - 1)


def oversized(random: Random, message: InstanceMessage, round_max: int) -> bytes:
    """Return the bytes of a message in which something is longer or larger than it may be."""
    loose = _loosened(message)
    if isinstance(loose, LoosePiece):
        data = random.randbytes(random.choice([1, LONG, 40_000]))
        changes: list[dict[str, Any]] = [
            {'data': data, 'size': len(data)},
            {'size': random.choice(HUGE)},
            {'index': random.choice([1, 255, 256, *HUGE])},
            {'digests': (bytes(32),) * random.choice([1, 2, 256, 257])},
            {'digests': (bytes(random.choice([0, 31, 33, LONG])),) * 2},
            {'subject': 's' * random.choice([1, 256, 257])},
        ]
        return LOOSE.encode(replace(loose, **random.choice(changes)))
    if isinstance(loose, LooseStatement):
        digest = random.randbytes(random.choice([0, 1, 31, 33, LONG]))
        mask = b'\xff' * random.choice([1, 2, 32, 33, LONG])
        round_ = random.choice([64, 65, 66, round_max, round_max + 1, *HUGE])
        changes = [
            {'echoes': tuple((proposer, digest) for proposer, _ in loose.echoes)},
            {'readies': tuple((proposer, digest) for proposer, _ in loose.readies)},
            {'votes': tuple((k, r, v, mask) for k, r, v, _ in loose.votes)},
            {'votes': tuple((k, round_, v, m) for k, _, v, m in loose.votes)},
            {'votes': loose.votes * random.choice([2, MANY])},
            {'echoes': loose.echoes * random.choice([2, MANY])},
            {'shares': tuple((p, round_, share) for p, _, share in loose.shares)},
            {'shares': tuple((p, r, share * 20) for p, r, share in loose.shares)},
            {'epoch': random.choice([loose.epoch + 1, *HUGE])},
            {'settled': digest},
        ]
        return LOOSE.encode(replace(loose, **random.choice(changes)))
    return CODEC.encode(message)


def garbled(random: Random, message: InstanceMessage) -> bytes:
    """Return the bytes of a message with values out of range, or with damaged bytes."""
    if random.random() < 0.4:
        return _damaged(random, CODEC.encode(message))
    loose = _loosened(message)
    odd = random.choice([-1, 0, 1, 2, 3, 4, 6, 7, 13, 31, 255, 256])
    if isinstance(loose, LoosePiece):
        changes: list[dict[str, Any]] = [
            {'proposer': odd},
            {'index': odd},
            {'size': odd},
            {'epoch': odd},
            {'data': random.randbytes(len(loose.data))},
        ]
        return LOOSE.encode(replace(loose, **random.choice(changes)))
    if isinstance(loose, LooseStatement):
        changes = [
            {'votes': tuple((k, r, odd, m) for k, r, _, m in loose.votes)},
            {'votes': tuple((odd, r, v, m) for _, r, v, m in loose.votes)},
            {'votes': tuple((k, odd, v, m) for k, _, v, m in loose.votes)},
            {'votes': tuple((k, r, v, b'') for k, r, v, _ in loose.votes)},
            {'echoes': tuple((odd, root) for _, root in loose.echoes)},
            {'readies': tuple((odd, root) for _, root in loose.readies)},
            {'shares': tuple((odd, r, share) for _, r, share in loose.shares)},
            {'shares': tuple((p, r, b'') for p, r, _ in loose.shares)},
            {'epoch': odd},
        ]
        return LOOSE.encode(replace(loose, **random.choice(changes)))
    return _damaged(random, CODEC.encode(message))


def _loosened(message: InstanceMessage) -> LoosePiece | LooseStatement | None:
    """Return the message with no bounds; None: it is of another type."""
    try:
        loose: LoosePiece | LooseStatement = LOOSE.decode(CODEC.encode(message))
    except MalformedError:
        # Only pieces and statements stand in that table.
        return None
    return loose


def _damaged(random: Random, data: bytes) -> bytes:
    damage = random.randrange(4)
    if damage == 0:
        return data[: random.randrange(len(data))]
    if damage == 1:
        return random.randbytes(random.randint(0, 200))
    if damage == 2:
        return data + random.randbytes(random.randint(1, 20))
    spoiled = bytearray(data)
    for _ in range(random.randint(1, 4)):
        spoiled[random.randrange(len(spoiled))] ^= 1 << random.randrange(8)
    return bytes(spoiled)
