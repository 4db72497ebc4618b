"""How a program that runs robots has Python look for garbage."""

from __future__ import annotations

import gc

# New objects before the young ones are searched, times that before the next older ones are, and so
# on. The first bounds the pause, about 2 ms; the oldest are next to never searched.
GARBAGE_THRESHOLDS = (20_000, 10, 1_000)


def tame_garbage_collector() -> None:
    """
    Keep the search for reference cycles from taking more time than the work.

    A log and its state are hundreds of thousands of objects that stay, and refer to each other in
    no cycle; with Python's settings they are gone through again and again, which took half of the
    CPU of a robot under load. What is there at the start is never looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
