"""What is wrong with how a swarm finds out who does what, in plain words: each thing told once."""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.protocols.allocation import Bidder, Difference
from swarm_consensus.runtime.events import Notice, Output


class TaskReports:
    """
    What one robot has to say of its bids and those of the others.

    :param bidder: the protocol.
    """

    def __init__(self, bidder: Bidder) -> None:
        self._bidder = bidder
        # What is wrong now, by what it is about.
        self._standing: dict[str, str] = {}

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what is wrong now, for diagnostics."""
        return tuple([text for _, text in sorted(self._standing.items())])

    def look_at_settings(self, outputs: list[Output]) -> None:
        """Tell which robots bid by other settings than this one."""
        differences = self._bidder.differences
        for robot in sorted(differences):
            self._note(f'settings {robot}', _difference(robot, differences[robot]), outputs)
        for about in [about for about in self._standing if about.startswith('settings ')]:
            robot = about.removeprefix('settings ')
            if robot not in differences:
                del self._standing[about]
                outputs.append(Notice(f"'{robot}' bids for tasks by the settings of this robot"))

    def scoring_failed(self, problem: str, outputs: list[Output]) -> None:
        """Tell that a user's scoring gave no number; '': it does."""
        if problem:
            self._note('scoring', f'this robot bids for nothing: {problem}', outputs)
        else:
            self._standing.pop('scoring', None)

    def _note(self, about: str, text: str, outputs: list[Output]) -> None:
        if self._standing.get(about) != text:
            self._standing[about] = text
            outputs.append(Notice(text, warning=True))


def _difference(robot: str, differences: Sequence[Difference]) -> str:
    # What only one of them has follows from what both have, such as another scoring.
    of_both = [each for each in differences if None not in each] or differences
    told = [
        f'tasks_{name} is {theirs or "not used"} there and {own or "not used"} here'
        for name, theirs, own in of_both
    ]
    return (
        f"'{robot}' bids for tasks by other settings than this robot: {'; '.join(told)}. Who does "
        'what is found out well only where all robots have the same'
    )
