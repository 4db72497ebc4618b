"""Plays the scenarios: text in, output of the robots, difference to the golden output."""

from __future__ import annotations

from pathlib import Path

import scenario_acts  # noqa: F401 - declares verbs
import scenario_shows  # noqa: F401 - declares verbs
from scenario_stage import VERBS, Stage
from scenario_text import ScenarioFailure, difference, parse, render


def play(path: Path, rewrite: bool = False) -> None:
    """
    Run a scenario and hold that it gives its golden output.

    :param rewrite: write what it gives into the file instead.
    :raises ScenarioError: it cannot be understood.
    :raises ScenarioFailure: it gives something else, or what it expects does not hold.
    """
    golden = path.read_text()
    stage = Stage()
    actual = render(parse(path.name, golden, VERBS), stage.run)
    if rewrite:
        path.write_text(actual)
        return
    changed = difference(path.name, golden, actual)
    if changed:
        raise ScenarioFailure(
            f'{path.name} gives another output; where the new one is right, run again with '
            f'REWRITE_SCENARIOS=1\n{changed}'
        )
