"""Robots have Python look for garbage seldom, and programs as before once they are done."""

from __future__ import annotations

from collections.abc import Iterator
import gc

import pytest

from swarm_consensus.runtime.garbage import GARBAGE_THRESHOLDS, tamed_garbage_collector

BEFORE = (500, 7, 9)


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.unfreeze()
    gc.set_threshold(*BEFORE)
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_is_there_is_let_be_and_new_objects_are_searched_seldom() -> None:
    with tamed_garbage_collector():
        assert gc.get_threshold() == GARBAGE_THRESHOLDS
        assert gc.get_freeze_count() > 1_000


def test_all_is_as_before_at_the_end_also_after_an_error() -> None:
    with pytest.raises(KeyError), tamed_garbage_collector():
        raise KeyError
    assert gc.get_threshold() == BEFORE
    assert gc.get_freeze_count() == 0


def test_an_inner_one_leaves_the_outer_as_it_was() -> None:
    with tamed_garbage_collector():
        with tamed_garbage_collector():
            pass
        assert gc.get_threshold() == GARBAGE_THRESHOLDS
        assert gc.get_freeze_count() > 1_000
    assert gc.get_freeze_count() == 0
