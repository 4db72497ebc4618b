"""The replay window beside its slow twin, a set of all numbers ever used."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from swarm_consensus.transport.window import WINDOW, ReplayWindow


class SetTwin:
    def __init__(self) -> None:
        self.used: set[int] = set()

    def fresh(self, sequence: int) -> bool:
        top = max(self.used, default=0)
        return sequence > 0 and sequence > top - WINDOW and sequence not in self.used


steps = st.one_of(
    st.integers(-WINDOW - 5, 5),  # relative to the top: reorder and repeats
    st.integers(1, 3 * WINDOW),  # gaps, also beyond the window
)


@given(st.lists(st.tuples(steps, st.booleans()), max_size=200))
def test_the_bitmap_equals_a_set(history: list[tuple[int, bool]]) -> None:
    window, twin = ReplayWindow(), SetTwin()
    for step, mark in history:
        sequence = window.top + step
        assert window.fresh(sequence) == twin.fresh(sequence)
        if mark and window.fresh(sequence):
            window.mark(sequence)
            twin.used.add(sequence)
            assert not window.fresh(sequence)


def test_the_edges_of_the_window() -> None:
    window = ReplayWindow()
    assert not window.fresh(0) and not window.fresh(-1) and window.fresh(1)
    window.mark(WINDOW + 10)
    assert window.fresh(11) and not window.fresh(10)
    window.mark(11)
    assert not window.fresh(11)
    window.mark(2**64)
    assert not window.fresh(WINDOW + 10) and window.fresh(2**64 - WINDOW + 1)
