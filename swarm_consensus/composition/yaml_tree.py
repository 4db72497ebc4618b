"""
YAML read into a tree that remembers its lines, and that leaves scalars as they were written.

A scalar stays text until a declaration says what it must be. So `labels: [yes, no]` are two words
and not two booleans, `discovery: off` is a choice, and every error can name the line. Nothing is
ever constructed from a tag. Anchors, aliases and merge keys (`<<`) work, within bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from swarm_consensus.composition.problems import Problem, SwarmFileError
from swarm_consensus.protocols.values import value

FILE_BYTES_MAX = 1_000_000
# Aliases of aliases grow without end; no swarm needs trees like that.
NODES_MAX = 100_000
DEPTH_MAX = 20

_PLAIN_TAGS = tuple(
    f'tag:yaml.org,2002:{name}'
    for name in ('str', 'int', 'float', 'bool', 'null', 'timestamp', 'map', 'seq', 'merge', 'value')
)
_NULL = 'tag:yaml.org,2002:null'


@value
class Text:
    """
    A scalar.

    :param quoted: whether it stood in quotes or was written as a block.
    :param empty: nothing stood there, or `null` or `~` did.
    """

    text: str
    quoted: bool
    empty: bool
    line: int


@value
class Items:
    """A list."""

    items: tuple[Tree, ...]
    line: int


@value
class Field:
    """One `key: value` of a mapping; `line` is that of the key."""

    key: str
    value: Tree
    line: int


@value
class Fields:
    """A mapping; each key once."""

    fields: tuple[Field, ...]
    line: int

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def get(self, key: str) -> Field | None:
        """Return the field of that key."""
        return next((field for field in self.fields if field.key == key), None)


Tree = Text | Items | Fields


def read_text(path: Path, shown: str) -> str:
    """
    Return the text of a file.

    :param shown: the file as the user named it, for errors.
    :raises SwarmFileError: it is not there, not readable, too large or not UTF-8.
    """
    try:
        with path.open('rb') as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise SwarmFileError(shown, [Problem(0, 'no such file')]) from None
    except IsADirectoryError:
        message = 'is a folder; name the swarm.yaml in it'
        raise SwarmFileError(shown, [Problem(0, message)]) from None
    except OSError as error:
        raise SwarmFileError(shown, [Problem(0, f'cannot be read: {error.strerror}')]) from None
    if len(data) > FILE_BYTES_MAX:
        message = f'larger than {FILE_BYTES_MAX} bytes; this is no swarm.yaml'
        raise SwarmFileError(shown, [Problem(0, message)])
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b'\n') + 1
        message = f'byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8'
        raise SwarmFileError(shown, [Problem(line, message)]) from None


def parse(text: str, shown: str) -> tuple[Tree | None, list[Problem]]:
    """
    Parse one YAML document.

    :returns: the tree (None where the document is empty) and the problems that left a tree.
    :raises SwarmFileError: no YAML, or beyond the bounds.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise SwarmFileError(shown, [_syntax_problem(error, text)]) from None
    except yaml.reader.ReaderError as error:
        # Control characters; its position counts characters.
        line = text[: error.position].count('\n') + 1
        message = f'character #x{error.character:04x} is not allowed in YAML'
        raise SwarmFileError(shown, [Problem(line, message)]) from None
    except RecursionError:
        raise SwarmFileError(shown, [Problem(0, 'nested too deeply')]) from None
    if node is None:
        return None, []
    walk = _Walk(shown)
    return walk.tree(node, 0), walk.problems


def _syntax_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 0
    lines = text.splitlines()
    for number in (line, line - 1):
        if 0 < number <= len(lines):
            stripped = lines[number - 1].lstrip(' ')
            if stripped.startswith('\t'):
                return Problem(number, 'indented with a tab; YAML wants spaces')
    problem = (error.problem or error.context or 'cannot be parsed').strip()
    if (error.context or '').startswith('expected a single document'):
        return Problem(line, 'a second document (`---`); a swarm.yaml has one')
    context = ''
    if error.context and error.problem and error.context_mark is not None:
        context = f' ({error.context}, line {error.context_mark.line + 1})'
    return Problem(line, f'not YAML: {problem}{context}')


class _Walk:
    """Turns pyyaml's nodes into a tree; finds duplicate keys, foreign tags, endless aliases."""

    def __init__(self, shown: str) -> None:
        self.problems: list[Problem] = []
        self._shown = shown
        self._count = 0

    def tree(self, node: yaml.Node, depth: int) -> Tree:
        line = node.start_mark.line + 1
        self._count += 1
        if depth > DEPTH_MAX or self._count > NODES_MAX:
            message = 'nested too deeply or aliased too often'
            raise SwarmFileError(self._shown, [Problem(line, message)])
        if node.tag not in _PLAIN_TAGS:
            self.problems.append(Problem(line, f'tag {_short(node.tag)} has no meaning here'))
        if isinstance(node, yaml.MappingNode):
            return self._fields(node, line, depth)
        if isinstance(node, yaml.SequenceNode):
            return Items(tuple(self.tree(item, depth + 1) for item in node.value), line)
        assert isinstance(node, yaml.ScalarNode)
        if any('\ud800' <= character <= '\udfff' for character in node.value):
            self.problems.append(Problem(line, 'half of a surrogate pair is no character'))
        quoted = node.style is not None
        return Text(node.value, quoted, node.tag == _NULL and not quoted, line)

    def _fields(self, node: yaml.MappingNode, line: int, depth: int) -> Fields:
        fields: dict[str, Field] = {}
        merged: dict[str, Field] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                message = 'a key must be a word, not a list or a mapping'
                self.problems.append(Problem(key_line, message))
                continue
            value = self.tree(value_node, depth + 1)
            if key_node.tag == 'tag:yaml.org,2002:merge':
                for field in self._merged(value, key_line):
                    merged.setdefault(field.key, field)
            elif key_node.value in fields:
                first = fields[key_node.value].line
                message = f'key "{key_node.value}" again; it stands in line {first} already'
                self.problems.append(Problem(key_line, message))
            else:
                fields[key_node.value] = Field(key_node.value, value, key_line)
        return Fields(tuple({**merged, **fields}.values()), line)

    def _merged(self, value: Tree, line: int) -> Iterator[Field]:
        sources = value.items if isinstance(value, Items) else (value,)
        for source in sources:
            if isinstance(source, Fields):
                yield from source
            else:
                self.problems.append(Problem(line, '`<<` merges mappings; this is none'))


def _short(tag: str) -> str:
    core = 'tag:yaml.org,2002:'
    return '!!' + tag.removeprefix(core) if tag.startswith(core) else tag
