"""Whether the parts of a swarm.yaml will do together; each check looks at one rule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from swarm_consensus.composition.agreed_checks import AGREED_CHECKS
from swarm_consensus.composition.draft import (
    InferenceDraft,
    Setting,
    Settings,
    SwarmDraft,
    text,
    texts,
)
from swarm_consensus.composition.fused_checks import FUSED_CHECKS
from swarm_consensus.composition.parameter import Parameter
from swarm_consensus.composition.problems import Problem, did_you_mean, listed
from swarm_consensus.composition.schema import CONSENSUS, INFERENCE, SUBJECT, Section
from swarm_consensus.composition.subject_parameters import serving
from swarm_consensus.composition.swarm_paths import missing, resolve
from swarm_consensus.composition.topics import CONSENSUS_NODE
from swarm_consensus.composition.value_check import format_number
from swarm_consensus.decision.policy import quorum_of

LABEL_LENGTH_MAX = 128

# What a value batch needs in a frame beside the value itself.
_FRAME_RESERVE = 2_000


def check_draft(draft: SwarmDraft) -> list[Problem]:
    """Return everything in which parts of a file contradict each other."""
    return [problem for check in _CHECKS for problem in check(draft)]


def check_files(
    draft: SwarmDraft, folder: Path, robots: Collection[str] | None = None
) -> list[Problem]:
    """
    Return which files that the swarm names are missing.

    :param folder: the folder of swarm.yaml.
    :param robots: look only for the files of these; None: of all.
    """
    declared = [parameter for parameter in INFERENCE.parameters if parameter.file]
    problems = []
    for robot in draft.robots:
        if robots is not None and text(robot.name) not in robots:
            continue
        for node in robot.inference:
            for parameter in declared:
                setting = node.settings.get(parameter.name)
                if setting is None or not (text(setting) or parameter.required):
                    continue
                problem = _file_problem(setting, folder)
                if problem:
                    problems.append(Problem(setting.line, problem))
    return problems


def _file_problem(setting: Setting, folder: Path) -> str:
    if not text(setting):
        return f'{setting.path} is "", but must name a file'
    try:
        problem = missing(resolve(text(setting), folder))
    except ValueError as error:
        problem = str(error)
    return f'{setting.path} is "{text(setting)}", but {problem}' if problem else ''


def _number(settings: Settings, section: Section, name: str) -> float:
    """Return a number of the file, or its default."""
    setting = settings.get(name)
    value = _declared(section, name).default if setting is None else setting.value
    assert isinstance(value, (int, float))
    return value


def _declared(section: Section, name: str) -> Parameter:
    return next(parameter for parameter in section.parameters if parameter.name == name)


def _robots_differ(draft: SwarmDraft) -> Iterator[Problem]:
    names: dict[str, Setting] = {}
    spaces: dict[str, Setting] = {}
    for robot in draft.robots:
        name, space = robot.name, robot.namespace
        if text(name) in names:
            first = names[text(name)].line
            message = f'{name.path}: there is a robot "{text(name)}" in line {first} already'
            yield Problem(name.line, message)
        elif text(space) in spaces:
            first = spaces[text(space)].line
            message = f'namespace "{text(space)}" is that of the robot in line {first} already'
            yield Problem(space.line, f'{space.path}: {message}')
        names.setdefault(text(name), name)
        spaces.setdefault(text(space), space)


def _robots_are_alike(draft: SwarmDraft) -> Iterator[Problem]:
    for parameter in CONSENSUS.parameters:
        # Who counts votes otherwise waits for the others in vain.
        if not (parameter.alike or parameter.name.startswith('agreed_')):
            continue
        given = [robot.consensus.get(parameter.name) for robot in draft.robots]
        values = [parameter.default if s is None else s.value for s in given]
        if all(value == values[0] for value in values):
            continue
        for setting in given:
            # What one robot has of its own, and not what stands there for all.
            if setting is not None and setting.path.startswith('robots['):
                message = 'must be the same for all robots; write it once, under `consensus`'
                yield Problem(setting.line, f'{setting.path}: {message}')


def _nodes_differ(draft: SwarmDraft) -> Iterator[Problem]:
    for robot in draft.robots:
        taken: dict[str, str] = {CONSENSUS_NODE: 'the consensus node of the robot'}
        for node in robot.inference:
            name = text(node.name)
            if name in taken:
                message = f'{node.name.path}: "{name}" is the name of {taken[name]} already'
                yield Problem(node.name.line, f'{message}; give each node a `name` of its own')
            taken.setdefault(name, f'the node in line {node.line}')


def _shared_models_agree(draft: SwarmDraft) -> Iterator[Problem]:
    """One name in the exchange is one model file at a robot."""
    for robot in draft.robots:
        files: dict[str, Setting] = {}
        for node in robot.inference:
            exchange, model = node.settings.get('exchange'), node.settings.get('model')
            if exchange is None or model is None or not text(exchange):
                continue
            first = files.setdefault(text(exchange), model)
            if text(first) != text(model):
                yield Problem(
                    model.line,
                    f'{model.path} is "{text(model)}", but `exchange: {text(exchange)}` shares '
                    f'"{text(first)}" in line {first.line}; give each model a name of its own',
                )


def _required_are_there(draft: SwarmDraft) -> Iterator[Problem]:
    for node in _nodes(draft):
        for parameter in INFERENCE.writable():
            path = f'{node.path}.{parameter.name}'
            if parameter.required and parameter.name not in node.settings:
                if path not in draft.unread:
                    yield Problem(node.line, f'{path}: missing. {parameter.description}')


def _ordered(
    settings: Settings, section: Section, low: str, high: str, why: str, reserve: float = 0.0
) -> Iterator[Problem]:
    """Hold that `low` + `reserve` < or <= `high`; strict where nothing is reserved."""
    small, large = _number(settings, section, low), _number(settings, section, high)
    if small + reserve <= large if reserve else small < large:
        return
    setting = settings.get(low) or settings.get(high)
    if setting is None:  # the defaults agree; a test holds it
        return
    unit = _declared(section, low).unit
    place = setting.path.removesuffix(low).removesuffix(high)
    message = (
        f'{place}{low} is {format_number(small)} {unit}, '
        f'{high} is {format_number(large)} {unit}; {why}'
    )
    lines = [found.line for name in (low, high) if (found := settings.get(name)) is not None]
    yield Problem(max(lines), message)


def _timers_fit(draft: SwarmDraft) -> Iterator[Problem]:
    for robot in draft.robots:
        yield from _ordered(
            robot.consensus,
            CONSENSUS,
            'heartbeat_ticks',
            'election_ticks',
            'heartbeats must be more frequent than elections; 5 to 10 times serves well',
        )
        yield from _ordered(
            robot.consensus,
            CONSENSUS,
            'presence_period',
            'peer_timeout',
            'signs of life must come more often than robots count as gone',
        )
        yield from _probes_fit(robot.consensus)
        yield from _ordered(
            robot.consensus,
            CONSENSUS,
            'value_bytes_max',
            'frame_bytes_max',
            f'a frame must hold the largest value and {_FRAME_RESERVE} bytes more',
            reserve=_FRAME_RESERVE,
        )


def _probes_fit(settings: Settings) -> Iterator[Problem]:
    timeout = _number(settings, CONSENSUS, 'probe_timeout')
    period = _number(settings, CONSENSUS, 'probe_period')
    given = [s for name in ('probe_timeout', 'probe_period') if (s := settings.get(name))]
    if given and 2 * timeout >= period:
        message = (
            f'is {format_number(timeout)} s, must be less than half of probe_period '
            f'({format_number(period)} s): who is asked for help waits as long again'
        )
        place = given[0].path.rpartition('.')[0]
        yield Problem(max(s.line for s in given), f'{place}.probe_timeout {message}')


def _labels_will_do(draft: SwarmDraft) -> Iterator[Problem]:
    for subject in draft.subjects:
        path = f'{subject.name.path}.labels'
        setting = subject.settings.get('labels')
        labels = () if setting is None else texts(setting)
        line = subject.name.line if setting is None else setting.line
        if path in draft.unread:
            continue
        if not labels:
            level = subject.settings.get('level')
            if level is not None and level.value == 'fused':
                message = 'missing; a `fused` subject is decided from beliefs over labels'
                yield Problem(line, f'{path}: {message}')
            continue
        if len(labels) == 1:
            yield Problem(line, f'{path}: one label leaves nothing to decide; name two or more')
        for number, label in enumerate(labels):
            if label in labels[:number]:
                yield Problem(line, f'{path}[{number}]: label "{label}" stands there already')
            elif not label.strip():
                yield Problem(line, f'{path}[{number}]: an empty label')
            elif len(label) > LABEL_LENGTH_MAX:
                message = f'label of {len(label)} characters; at most {LABEL_LENGTH_MAX}'
                yield Problem(line, f'{path}[{number}]: {message}')


def _quorum_can_be_met(draft: SwarmDraft) -> Iterator[Problem]:
    for subject in draft.subjects:
        setting = subject.settings.get('quorum')
        if setting is None or not draft.robots or 'robots' in draft.unread:
            continue
        try:
            quorum_of(text(setting), len(draft.robots))
        except ValueError as error:
            message = str(error).removeprefix('quorum ')
            hint = did_you_mean(text(setting), ('majority', 'all'))
            yield Problem(setting.line, f'{setting.path} {message}{hint}')


def _deadlines_leave_time(draft: SwarmDraft) -> Iterator[Problem]:
    for subject in draft.subjects:
        yield from _ordered(
            subject.settings,
            SUBJECT,
            'settle',
            'deadline',
            'the deadline must leave time to settle',
        )


def _nodes(draft: SwarmDraft) -> Iterator[InferenceDraft]:
    for robot in draft.robots:
        yield from robot.inference


def _beliefs_have_subjects(draft: SwarmDraft) -> Iterator[Problem]:
    known = {text(subject.name): subject for subject in draft.subjects}
    for node in _nodes(draft):
        setting = node.settings.get('subject')
        if setting is None:
            continue
        name = text(setting)
        subject = known.get(serving(known, name))
        if subject is None:
            hint = did_you_mean(name, known) or f'; there are {listed(known) or "none"}'
            message = f'{setting.path} is "{name}", which is not under `subjects`{hint}'
            yield Problem(setting.line, message)
            continue
        given = subject.settings.get('labels')
        labels = () if given is None else texts(given)
        if not labels and f'{subject.name.path}.labels' not in draft.unread:
            message = f'missing; {node.path} gives beliefs about it, over labels in this order'
            yield Problem(subject.name.line, f'{subject.name.path}.labels: {message}')
            continue
        own = node.settings.get('labels')
        if own is None:
            continue
        strangers = [label for label in texts(own) if label not in labels]
        for label in strangers:
            hint = did_you_mean(label, labels) or f'; there are {listed(labels)}'
            message = f'{subject.name.path} has no label "{label}"{hint}'
            yield Problem(own.line, f'{own.path}: {message}')
        if not strangers and texts(own) not in ((), labels):
            # Robots mix evidence only over the same labels in the same order.
            message = f'must be {subject.name.path}.labels in their order; leave it out'
            yield Problem(own.line, f'{own.path} {message}')


def _network_agrees(draft: SwarmDraft) -> Iterator[Problem]:
    discovery = draft.network.get('discovery')
    interface = draft.network.get('interface')
    peers = draft.network.get('static_peers')
    if peers is not None and peers.value and discovery is not None and discovery.value == 'off':
        message = 'are ignored by ROS with `discovery: off`; use `localhost` or `subnet`'
        yield Problem(peers.line, f'{peers.path} {message}')
    if peers is not None:
        for peer in texts(peers):
            if not peer or any(mark in peer for mark in '; \t'):
                message = f'"{peer}" is no address; write a host name or an IP address'
                yield Problem(peers.line, f'{peers.path}: {message}')
    if interface is not None and interface.value:
        reach = 'localhost' if discovery is None else discovery.value
        if reach == 'localhost' and 'network.discovery' not in draft.unread:
            message = 'has no effect with `discovery: localhost`; use `discovery: subnet`'
            yield Problem(interface.line, f'{interface.path} {message}')


def _starts_are_those_of_the_robots(draft: SwarmDraft) -> Iterator[Problem]:
    starts = draft.simulation.get('starts')
    if starts is None or not starts.value or 'robots' in draft.unread:
        return
    assert isinstance(starts.value, list)
    if len(starts.value) != 3 * len(draft.robots):
        message = (
            f'has {len(starts.value)} numbers; give x, y and yaw of each of '
            f'{len(draft.robots)} robots'
        )
        yield Problem(starts.line, f'{starts.path} {message}')


_CHECKS: tuple[Callable[[SwarmDraft], Iterator[Problem]], ...] = (
    _robots_differ,
    _robots_are_alike,
    _nodes_differ,
    _shared_models_agree,
    _required_are_there,
    _timers_fit,
    _labels_will_do,
    _quorum_can_be_met,
    _deadlines_leave_time,
    _beliefs_have_subjects,
    _network_agrees,
    _starts_are_those_of_the_robots,
    *AGREED_CHECKS,
    *FUSED_CHECKS,
)
