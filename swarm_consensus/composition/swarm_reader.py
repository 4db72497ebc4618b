"""Reads the shape of a whole swarm.yaml into a draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from swarm_consensus.composition.draft import (
    InferenceDraft,
    RobotDraft,
    Setting,
    Settings,
    SubjectDraft,
    SwarmDraft,
    text,
)
from swarm_consensus.composition.names import NameKind, name_problem
from swarm_consensus.composition.parameter import Parameter
from swarm_consensus.composition.schema import (
    CONSENSUS,
    INFERENCE,
    KEYS,
    NETWORK,
    ROBOT_KEYS,
    ROBOTS,
    SIMULATION,
    STORAGE,
    SUBJECT,
    TOP_KEYS,
    TOPIC,
    Section,
)
from swarm_consensus.composition.section_reader import SectionReader
from swarm_consensus.composition.topics import INFERENCE_NODE, NAMES
from swarm_consensus.composition.yaml_tree import Field, Fields, Items, Text, Tree

_TEXT = Parameter('name', '', 'A name.')


class SwarmReader(SectionReader):
    """Reads one file; what is wrong gathers in `problems`."""

    def draft(self, tree: Fields) -> SwarmDraft:
        """Return what the file says; where it says it wrongly, what could be understood."""
        for field in tree:
            if field.key not in TOP_KEYS:
                self.unknown(field, '', TOP_KEYS)
        consensus = self._section(tree, 'consensus', CONSENSUS)
        inference = self._inference(tree.get('inference'), 'inference')
        nameless = Setting('', tree.line, 'robots')
        return SwarmDraft(
            name=self._swarm_name(tree),
            robots=self._robots(tree, consensus, inference),
            network=self._section(tree, 'network', NETWORK),
            storage=self._section(tree, 'storage', STORAGE),
            keys=self._section(tree, 'keys', KEYS),
            simulation=self._section(tree, 'simulation', SIMULATION),
            topics=self._topics(tree.get('topics')),
            subjects=self._subjects(tree),
            common=RobotDraft(nameless, nameless, consensus, inference),
            unread=frozenset(self.unread),
        )

    def _section(self, tree: Fields, key: str, section: Section) -> dict[str, Setting]:
        field = tree.get(key)
        return {} if field is None else self.settings(field.value, section, key)

    def _name(self, field: Field, kind: NameKind, path: str) -> Setting | None:
        """Return a name that will do, or None and a note."""
        setting = self.value(_TEXT, field.value, path, field.line)
        problem = '' if setting is None else name_problem(kind, text(setting), path)
        if problem:
            self.note(field.line, problem)
        return None if problem else setting

    def _swarm_name(self, tree: Fields) -> str:
        field = tree.get('swarm')
        if field is None:
            message = 'swarm: missing; name the swarm, so that others on the network stay apart'
            self.note(tree.line, message)
            return ''
        setting = self._name(field, NameKind.SWARM, 'swarm')
        return '' if setting is None else text(setting)

    def _topics(self, field: Field | None) -> dict[str, Settings]:
        found: dict[str, Settings] = {}
        known = {name.key: name for name in NAMES}
        for entry in () if field is None else self.fields(field.value, 'topics'):
            path = f'topics.{entry.key}'
            if entry.key not in known:
                self.unknown(entry, 'topics', known)
                continue
            settings: dict[str, Setting] = {}
            if isinstance(entry.value, Text) and not entry.value.empty:  # just the new name
                settings['name'] = Setting(entry.value.text, entry.line, path)
            else:
                settings = self.settings(entry.value, TOPIC, path)
            if 'name' in settings:
                renamed = settings['name']
                problem = name_problem(NameKind.PATH, text(renamed), renamed.path)
                if problem:
                    self.note(renamed.line, problem)
            if not known[entry.key].overridable and settings.keys() - {'name'}:
                self.note(entry.line, f'{path}: has no QoS to set; only its `name` can change')
            found[entry.key] = settings
        return found

    def _subjects(self, tree: Fields) -> tuple[SubjectDraft, ...]:
        field = tree.get('subjects')
        if field is None:
            self.note(tree.line, 'subjects: missing; name at least one subject to decide on')
            return ()
        found = []
        fields = self.fields(field.value, 'subjects')
        nothing = field.value == fields or (isinstance(field.value, Text) and field.value.empty)
        if nothing and not fields.fields:
            self.note(field.line, 'subjects: is empty; name at least one subject to decide on')
        for entry in fields:
            path = f'subjects.{entry.key}'
            problem = name_problem(NameKind.SUBJECT, entry.key, path)
            if problem:
                self.note(entry.line, problem)
            settings = self.settings(entry.value, SUBJECT, path)
            found.append(SubjectDraft(Setting(entry.key, entry.line, path), settings))
        return tuple(found)

    def _robots(
        self, tree: Fields, consensus: Settings, inference: tuple[InferenceDraft, ...]
    ) -> tuple[RobotDraft, ...]:
        field = tree.get('robots')
        if field is None:
            message = 'robots: missing; say how many (`robots: 3`), or name them in a list'
            self.note(tree.line, message)
            return ()
        if isinstance(field.value, Items):
            entries = [
                self._robot(item, f'robots[{number}]', consensus, inference)
                for number, item in enumerate(field.value.items)
            ]
            if not entries:
                self.note(field.line, 'robots: is empty; a swarm has at least one robot')
            if None in entries:
                self.unread.add('robots')
            return tuple(entry for entry in entries if entry is not None)
        if not isinstance(field.value, Text) or field.value.empty:
            self.note(
                field.line,
                'robots: must be a number, a list of names or a list of mappings with `name`',
            )
            return ()
        count = self.value(ROBOTS, field.value, 'robots', field.line)
        if count is None:
            return ()
        assert isinstance(count.value, int)
        names = [Setting(f'robot_{n + 1}', field.line, 'robots') for n in range(count.value)]
        return tuple(self._plain_robot(name, consensus, inference) for name in names)

    def _plain_robot(
        self, name: Setting, consensus: Settings, inference: tuple[InferenceDraft, ...]
    ) -> RobotDraft:
        return RobotDraft(name, replace(name, value=f'/{name.value}'), consensus, inference)

    def _robot(
        self, tree: Tree, path: str, consensus: Settings, inference: tuple[InferenceDraft, ...]
    ) -> RobotDraft | None:
        if isinstance(tree, Text):
            name = self._name(Field('', tree, tree.line), NameKind.ROBOT, path)
            return None if name is None else self._plain_robot(name, consensus, inference)
        fields = self.fields(tree, path)
        for field in fields:
            if field.key not in ROBOT_KEYS:
                self.unknown(field, path, ROBOT_KEYS)
        own = fields.get('consensus')
        if own is not None:
            settings = self.settings(own.value, CONSENSUS, f'{path}.consensus')
            consensus = {**consensus, **settings}
        inference = self._own_inference(fields.get('inference'), f'{path}.inference', inference)
        named = fields.get('name')
        if named is None:
            self.note(tree.line, f'{path}.name: missing. Name of the robot, unique in the swarm.')
            return None
        name = self._name(named, NameKind.ROBOT, f'{path}.name')
        if name is None:
            return None
        robot = self._plain_robot(name, consensus, inference)
        spaced = fields.get('namespace')
        if spaced is None:
            return robot
        namespace = self._name(spaced, NameKind.PATH, f'{path}.namespace')
        if namespace is None:
            return robot
        absolute = '/' + text(namespace).lstrip('/')
        return replace(robot, namespace=replace(namespace, value=absolute))

    def _inference(self, field: Field | None, path: str) -> tuple[InferenceDraft, ...]:
        if field is None:
            return ()
        items = self.items(field.value, path)
        return tuple(
            self._inference_node(item, f'{path}[{number}]', alone=len(items) == 1)
            for number, item in enumerate(items)
        )

    def _inference_node(self, tree: Tree, path: str, *, alone: bool) -> InferenceDraft:
        settings = self.settings(tree, INFERENCE, path, besides=('name',))
        subject = settings.get('subject')
        default = INFERENCE_NODE
        if not alone and subject is not None:
            default = 'inference_' + ''.join(c if c.isalnum() else '_' for c in text(subject))
        name = Setting(default, tree.line, f'{path}.name')
        named = tree.get('name') if isinstance(tree, Fields) else None
        if named is not None:
            name = self._name(named, NameKind.ROBOT, f'{path}.name') or name
        return InferenceDraft(name, settings, tree.line, path)

    def _own_inference(
        self, field: Field | None, path: str, shared: Sequence[InferenceDraft]
    ) -> tuple[InferenceDraft, ...]:
        """Return a robot's inference nodes: a list of its own, or changes to those of all."""
        if field is None:
            return tuple(shared)
        if isinstance(field.value, Items):
            return self._inference(field, path)
        changes = self.settings(field.value, INFERENCE, path)
        if changes and not shared:
            self.note(field.line, f'{path}: changes the nodes of `inference`, but there are none')
        return tuple(replace(node, settings={**node.settings, **changes}) for node in shared)
