"""How a program that runs robots has Python look for garbage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import gc

# New objects before the young ones are searched, times that before the next older ones are, and
# so on. The first bounds the pause, about 7 ms, and what garbage in cycles may take, some MB. It is
# more than the objects of a few thousand proposals under way: with fewer these are searched, and
# kept, and searched again, though all of them go soon, which took 1.6 us of each commit at each
# robot. The oldest are next to never searched.
GARBAGE_THRESHOLDS = (50_000, 10, 1_000)


@contextmanager
def tamed_garbage_collector() -> Iterator[None]:
    """
    Keep the search for reference cycles from taking more time than the work.

    A log and its state are hundreds of thousands of objects that stay, and refer to each other in
    no cycle; with Python's settings they are gone through again and again, which took half of the
    CPU of a robot under load. What is there at the start is not looked at until the end; then all
    is as it was before. Within another one it is the outer that ends this.
    """
    thresholds = gc.get_threshold()
    frozen = gc.get_freeze_count()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        # Python can only thaw all: what was frozen before is not ours.
        if not frozen:
            gc.unfreeze()
