"""
The scenarios in scenarios/, each a file of a few readable lines with golden output.

`REWRITE_SCENARIOS=1` writes the output that they give now into the files, for people to look
through; lines with `expect` hold whatever is written.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from scenario_play import play

SCENARIOS = sorted((Path(__file__).parent / 'scenarios').glob('*.txt'))


@pytest.mark.parametrize('path', SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    play(path, rewrite=bool(os.environ.get('REWRITE_SCENARIOS')))
