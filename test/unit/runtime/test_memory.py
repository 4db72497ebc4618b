"""What robots keep is bounded: what has ended leaves nothing behind, however much there was."""

from __future__ import annotations

from collections import Counter
import gc

import pytest
from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.decision import ledger as ledger_module
from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.keyvalue import Put
from swarm_consensus.protocols.keyvalue import watch as watch_module

HOUR = 3600.0  # s
NAMES = 40


def work(swarm: Swarm, rounds: int) -> None:
    """Have each robot change, propose, read and range, with an hour's patience, and be answered."""
    for _ in range(rounds):
        changes, proposals, reads, ranges = [], [], [], []
        for robot in swarm.robots:
            for number in range(NAMES):
                changes.append(swarm.change(robot, Put(f'k/{number}', b'v'), timeout=HOUR))
                proposals.append(swarm.propose(robot, 'x', f's/{number}', timeout=HOUR))
            reads.append(swarm.read(robot, 's/0', timeout=HOUR))
            ranges.append(swarm.range(robot, 'k/', timeout=HOUR))
        swarm.run(0.5)
        assert all(swarm.changed(key).status is Status.DECIDED for key in changes)  # type: ignore[union-attr]
        assert all(swarm.proposed(key).status is Status.DECIDED for key in proposals)  # type: ignore[union-attr]
        assert all(swarm.was_read(key) is not None for key in reads)
        assert all(swarm.ranged(key) is not None for key in ranges)
        swarm.told.clear()


def objects() -> Counter[str]:
    """How many objects there are, by their types."""
    gc.collect()
    return Counter(type(each).__qualname__ for each in gc.get_objects())


def test_what_has_ended_is_forgotten_long_before_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tables that keep what was are small here, so that they are full when it begins."""
    monkeypatch.setattr(watch_module, 'EVENTS_MAX', 100)
    monkeypatch.setattr(ledger_module, 'HISTORY_MAX', 100)
    swarm = Swarm(3, snapshot_entries=50, trailing_entries=10)
    swarm.elect()
    work(swarm, 3)
    before = objects()
    work(swarm, 10)
    grown = objects() - before
    # 2,400 changes and proposals and 60 reads have ended: not a tenth as many objects are there.
    assert sum(grown.values()) < 240, grown.most_common(5)
