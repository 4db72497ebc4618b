"""Reads mappings whose keys are declared parameters; every problem is noted, reading goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from swarm_consensus.composition.draft import Setting
from swarm_consensus.composition.parameter import Parameter
from swarm_consensus.composition.problems import Problem, did_you_mean, listed
from swarm_consensus.composition.scalars import read_value
from swarm_consensus.composition.schema import Section, home_of
from swarm_consensus.composition.yaml_tree import Field, Fields, Items, Text, Tree


class SectionReader:
    """Reads trees against declarations and collects what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.unread: set[str] = set()

    def note(self, line: int, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(line, message))

    def fields(self, tree: Tree, path: str) -> Fields:
        """Return a mapping; nothing at all is an empty one, anything else is noted."""
        if isinstance(tree, Fields):
            return tree
        if isinstance(tree, Items):
            self.note(tree.line, f'{path} is a list, but must be a mapping (`key: value`)')
        elif not tree.empty:
            self.note(tree.line, f'{path} is "{tree.text}", but must be a mapping (`key: value`)')
        return Fields((), tree.line)

    def items(self, tree: Tree, path: str) -> tuple[Tree, ...]:
        """Return the items of a list; nothing at all is an empty one, anything else is noted."""
        if isinstance(tree, Items):
            return tree.items
        if isinstance(tree, Fields):
            self.note(tree.line, f'{path} is a mapping, but must be a list; begin it with `- `')
        elif not tree.empty:
            self.note(tree.line, f'{path} is "{tree.text}", but must be a list')
        return ()

    def value(self, parameter: Parameter, tree: Tree, path: str, line: int) -> Setting | None:
        """Return the value of a parameter, or None and a note where it is none."""
        try:
            return Setting(read_value(parameter, tree, path), line, path)
        except ValueError as error:
            # A value below its key is looked for where it stands itself.
            place = tree.line if isinstance(tree, Text) and not tree.empty else line
            self.note(place, str(error))
            self.unread.add(path)
            return None

    def settings(
        self, tree: Tree, section: Section, path: str, *, besides: Sequence[str] = ()
    ) -> dict[str, Setting]:
        """
        Return what a section of the file says.

        :param besides: keys of the mapping that the caller reads by itself.
        """
        found: dict[str, Setting] = {}
        self._collect(self.fields(tree, path), section, '', path, besides, found)
        return found

    def unknown(self, field: Field, path: str, known: Iterable[str]) -> None:
        """Note a key that does not belong where it is."""
        place = f'{path}.{field.key}' if path else field.key
        names = list(known)
        home = home_of(field.key)
        if home:
            hint = f'; it belongs under {home}'
        else:
            hint = did_you_mean(field.key, names) or f'; known here: {listed(names)}'
        self.note(field.line, f'{place}: unknown key{hint}')

    def _collect(
        self,
        fields: Fields,
        section: Section,
        prefix: str,
        path: str,
        besides: Sequence[str],
        found: dict[str, Setting],
    ) -> None:
        """Read a mapping of the section; `prefix` is the group that it is, with its dot."""
        writable = {p.name: p for p in section.writable() if p.name.startswith(prefix)}
        here = [name.removeprefix(prefix).split('.') for name in writable]
        groups = {words[0] for words in here if len(words) > 1}
        for field in fields:
            name = prefix + field.key
            place = f'{path}.{field.key}'
            if field.key in besides and not prefix:
                continue
            if name in writable:
                self._one(field, writable[name], section, place, found)
            elif field.key in groups:
                inner = self.fields(field.value, place)
                self._collect(inner, section, f'{name}.', place, (), found)
            elif name in section.owned:
                source = section.owned[name]
                self.note(field.line, f'{place}: is not set here; it follows from `{source}`')
            else:
                known = dict.fromkeys([*besides, *(words[0] for words in here)])
                self.unknown(field, path, known)

    def _one(
        self,
        field: Field,
        parameter: Parameter,
        section: Section,
        place: str,
        found: dict[str, Setting],
    ) -> None:
        """Read one parameter of a section."""
        if parameter.name in found:
            # As `a: {b: 1}` and again as `a.b: 1`.
            first = found[parameter.name].line
            self.note(field.line, f'{place}: stands in line {first} already')
            return
        setting = self.value(parameter, field.value, place, field.line)
        if setting is not None:
            found[parameter.name] = setting
