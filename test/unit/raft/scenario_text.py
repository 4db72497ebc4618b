"""
The text of scenarios: verbs with their arguments, and golden output between them.

A scenario is a file of lines:

    # What it shows, in one sentence.
    # Source: where the rule comes from.

    swarm a b c
    elect a
        a leads term 1

A line that begins at the margin is a verb with its arguments; indented lines below it are what it
gave (the golden output); `#` begins a comment. Verbs stand in scenario_verbs.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
import difflib

INDENT = '    '


class ScenarioError(Exception):
    """A scenario says what cannot be understood: an unknown verb, a wrong argument."""


class ScenarioFailure(AssertionError):
    """What a scenario expects did not happen."""


@dataclass(frozen=True)
class Place:
    """A line of a file, for messages to people."""

    name: str
    line: int

    def __str__(self) -> str:
        return f'{self.name}:{self.line}'


@dataclass
class Step:
    """One line of a scenario with what is printed below it; `verb` '' for a comment or a blank."""

    place: Place
    text: str
    verb: str = ''
    words: tuple[str, ...] = ()
    golden: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Scenario:
    """A file that was read: what it shows, where that is from, and its steps."""

    name: str
    title: str
    source: str
    steps: list[Step]


def parse(name: str, text: str, verbs: Iterable[str]) -> Scenario:
    """
    Read a scenario.

    :param verbs: what it may use.
    :raises ScenarioError: no header, output below no verb, or an unknown verb.
    """
    lines = text.splitlines()
    header = [line.removeprefix('#').strip() for line in lines[:2] if line.startswith('#')]
    if len(header) < 2 or not header[0] or not header[1].startswith('Source: '):
        raise ScenarioError(
            f'{name}:1: the first line says what the scenario shows (`# ...`), the second where '
            'that is from (`# Source: ...`)'
        )
    known = tuple(verbs)
    steps: list[Step] = []
    for number, line in enumerate(lines, 1):
        place = Place(name, number)
        if line.startswith(' ') and line.strip():
            if not steps or not steps[-1].verb:
                raise ScenarioError(f'{place}: output stands below no verb')
            steps[-1].golden.append(line)
        elif not line.strip() or line.startswith('#'):
            steps.append(Step(place, line.rstrip()))
        else:
            verb, *words = line.split('#')[0].split()
            if verb not in known:
                close = difflib.get_close_matches(verb, known, 1)
                hint = f'; did you mean `{close[0]}`?' if close else ''
                raise ScenarioError(f'{place}: there is no verb `{verb}`{hint}')
            steps.append(Step(place, line.rstrip(), verb, tuple(words)))
    return Scenario(name, header[0], header[1].removeprefix('Source: '), steps)


def render(scenario: Scenario, run: Callable[[Step], list[str]]) -> str:
    """Run the steps in order and return the scenario with the output that they gave."""
    lines = []
    for step in scenario.steps:
        lines.append(step.text)
        if step.verb:
            lines.extend(INDENT + line for line in run(step))
    return '\n'.join(lines) + '\n'


def difference(name: str, golden: str, actual: str) -> str:
    """Return how the output differs from the golden one; '' where it does not."""
    if golden == actual:
        return ''
    lines = difflib.unified_diff(
        golden.splitlines(), actual.splitlines(), f'{name} (golden)', f'{name} (now)', lineterm=''
    )
    return '\n'.join(lines)


class Args:
    """
    The arguments of one verb, taken one after the other; what is left over is an error.

    :param usage: what the verb takes, for the message when that is not what it got.
    """

    def __init__(self, step: Step, usage: str) -> None:
        self.place = step.place
        self.verb = step.verb
        self._usage = usage
        self._words = [word for word in step.words if '=' not in word]
        self._options: dict[str, str] = {}
        for word in step.words:
            key, equals, value = word.partition('=')
            if equals:
                if key in self._options:
                    raise self.error(f'`{key}` is given twice')
                self._options[key] = value

    def error(self, text: str) -> ScenarioError:
        """Return an error that names file, line and verb."""
        return ScenarioError(f'{self.place}: {self.verb}: {text} (usage: {self._usage})')

    def failure(self, text: str) -> ScenarioFailure:
        """Return a failure that names file, line and verb."""
        return ScenarioFailure(f'{self.place}: {text}')

    def peek(self) -> str:
        """Return the next word without taking it; '' at the end."""
        return self._words[0] if self._words else ''

    def word(self, what: str, among: Iterable[str] = ()) -> str:
        """Take a word, one of those in `among` if there are any."""
        if not self._words:
            raise self.error(f'{what} is missing')
        word = self._words.pop(0)
        allowed = tuple(among)
        if allowed and word not in allowed:
            raise self.error(f'`{word}` is not {what}; there are {" ".join(allowed)}')
        return word

    def rest(self) -> list[str]:
        """Take all words that are left."""
        words, self._words = self._words, []
        return words

    def number(self, what: str, default: int | None = None) -> int:
        """Take a number; a default is for where no word is left."""
        if default is not None and not self._words:
            return default
        return self.as_number(self.word(what), what)

    def as_number(self, text: str, what: str) -> int:
        """Read a number, which is not negative."""
        if not text.isdecimal():
            raise self.error(f'`{text}` is not {what}, a number')
        return int(text)

    def as_terms(self, text: str) -> list[int]:
        """Read the terms of a log, `1,1,2`; `-` is an empty one."""
        if text == '-':
            return []
        return [self.as_number(term, 'the term of an entry') for term in text.split(',')]

    def option(self, key: str, default: str = '') -> str:
        """Take `key=value`."""
        return self._options.pop(key, default)

    def number_option(self, key: str, default: int = 0) -> int:
        """Take `key=number`."""
        text = self._options.pop(key, None)
        return default if text is None else self.as_number(text, f'`{key}`')

    def list_option(self, key: str) -> tuple[str, ...]:
        """Take `key=a,b,c`; () where there is none."""
        return tuple(part for part in self._options.pop(key, '').split(',') if part)

    def options_left(self) -> dict[str, str]:
        """Take all options that are left."""
        options, self._options = self._options, {}
        return options

    def done(self) -> None:
        """Hold that nothing is left over."""
        if self._words:
            raise self.error(f'`{self._words[0]}` is too much')
        if self._options:
            raise self.error(f'there is no option `{next(iter(self._options))}`')
