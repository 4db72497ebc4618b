"""Which tests one worker gets as a whole, where pytest shares them out among several."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

# What is made once for the tests of such a file takes minutes, or as long as they do.
TOGETHER = (
    'test/package/test_colcon.py',
    'test/package/test_installed.py',
    'test/simulation/test_storm.py',
)


class TogetherScheduling(LoadScopeScheduling):
    """
    Every test for itself, but for those of some files; these come first.

    The groups that xdist has for this (`xdist_group`) have no effect, and no word is said about it,
    in xdist 3.8 with pytest 9.2, which has no `Item._nodeid` any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition('::')[0]
        return file if file in TOGETHER else nodeid


def scheduling(config: pytest.Config, log: object) -> TogetherScheduling | None:
    """Return what shares the tests out; None: what the command line names."""
    if config.getvalue('dist') != 'loadscope':
        return None
    return TogetherScheduling(config, log)  # type: ignore[arg-type]
