"""The hashes equal those in docs/wire.md, whatever wrote them."""

from __future__ import annotations

from pathlib import Path
import re

import pytest

from swarm_consensus.transport.hashes import labels_hash, swarm_hash


def test_golden_vectors_and_the_document_that_gives_them(repository: Path) -> None:
    text = (repository / 'docs' / 'wire.md').read_text()
    rows = re.findall(r'^\| `(swarm|labels)` \| `(.*)` \| `0x([0-9a-f]{16})` \|$', text, re.M)
    assert len(rows) >= 7
    for what, argument, expected in rows:
        value = eval(argument, {'__builtins__': {}})  # noqa: S307 -- our own document
        result = swarm_hash(value) if what == 'swarm' else labels_hash(value)
        assert result == int(expected, 16), (what, argument)


def test_labels_are_told_apart_by_order_and_by_their_ends() -> None:
    lists = [[], [''], ['', ''], ['ab'], ['a', 'b'], ['b', 'a'], ['a', 'b', '']]
    assert len({labels_hash(labels) for labels in lists}) == len(lists)


def test_hashes_fit_signed_integers_and_labels_are_never_zero() -> None:
    for number in range(2000):
        assert 0 <= swarm_hash(str(number)) < 2**63
        assert 0 < labels_hash([str(number)]) < 2**63


def test_a_name_without_utf8_is_the_caller_s_mistake() -> None:
    with pytest.raises(ValueError):
        swarm_hash('\ud800')
