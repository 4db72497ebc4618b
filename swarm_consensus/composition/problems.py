"""What is wrong with a file that a person wrote: collected, placed, and shown all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
import difflib


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """
    One thing that is wrong.

    :param line: line of the file, from 1; 0: the file as a whole.
    :param message: what is wrong, where in the tree, and what was meant or what is allowed.
    """

    line: int
    message: str


class SwarmFileError(Exception):
    """
    A swarm.yaml that cannot be used; its text has one line a problem, in order of the file.

    :param file: the file as the user named it.
    """

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(set(problems)))
        super().__init__('\n'.join(_placed(file, problem) for problem in self.problems))


def _placed(file: str, problem: Problem) -> str:
    place = f'{file}:{problem.line}' if problem.line else file
    return f'{place}: {problem.message}'


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return `; did you mean "..."?` where something known is near, else the empty string."""
    names = list(known)
    # The same letters first: "Ms" is rather "ms" than "s".
    near = [name for name in names if name.casefold() == given.casefold()]
    near += difflib.get_close_matches(given, names, 1, 0.6)
    return f'; did you mean "{near[0]}"?' if near else ''


def listed(names: Iterable[str]) -> str:
    """Return names for people: `a, b, c`."""
    return ', '.join(names)
