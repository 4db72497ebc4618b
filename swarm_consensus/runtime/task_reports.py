"""What is wrong with how a swarm finds out who does what, in plain words: each thing told once."""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.protocols.allocation import (
    Bend,
    Bidder,
    Difference,
    Scoring,
    UserPathScoring,
)
from swarm_consensus.runtime.events import Notice, Output


class TaskReports:
    """
    What one robot has to say of its bids and those of the others.

    :param bidder: the protocol.
    :param scoring: what it bids by.
    """

    def __init__(self, bidder: Bidder, scoring: Scoring) -> None:
        self._bidder = bidder
        self._scoring = scoring.settings()['scoring']
        # Of the rules that are built in it is known, and need not worry anybody.
        self._users = isinstance(scoring, UserPathScoring)
        self._told_kinds: set[tuple[str, ...]] = set()
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

    def look_at_bends(self, outputs: list[Output]) -> None:
        """Tell where gains do not diminish: once for each kind of task."""
        bends = self._bidder.bends
        if len(bends) > len(self._told_kinds):
            for kind in sorted(bends.keys() - self._told_kinds):
                outputs.append(Notice(_bent(self._scoring, bends[kind]), warning=self._users))
            self._told_kinds |= bends.keys()

    def _note(self, about: str, text: str, outputs: list[Output]) -> None:
        if self._standing.get(about) != text:
            self._standing[about] = text
            outputs.append(Notice(text, warning=True))


def _bent(scoring: str, bend: Bend) -> str:
    needed = ', '.join(bend.task.capabilities)
    kind = f'tasks that need {needed}' if needed else 'tasks that need nothing special'
    return (
        f"gains do not diminish by the scoring '{scoring}': task '{bend.task.task}' gains "
        f'{bend.gain:g} once others were taken, and one that was taken before gains {bend.bid:g}. '
        f'Its bid is bent back to {bend.bid:g}; who does what is then no longer sure to be worth '
        f'half of the best. Told once of {kind}; /diagnostics counts on'
    )


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
