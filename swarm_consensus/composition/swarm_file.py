"""
Reads a swarm.yaml: text -> tree -> draft -> judged -> `Swarm`.

Everything that is wrong with a file is said at once, in one `SwarmFileError`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from swarm_consensus.composition.draft import RobotDraft, Settings, SwarmDraft, text
from swarm_consensus.composition.names import NameKind, name_problem
from swarm_consensus.composition.parameter import Value
from swarm_consensus.composition.problems import Problem, SwarmFileError, did_you_mean, listed
from swarm_consensus.composition.schema import INFERENCE, NETWORK
from swarm_consensus.composition.swarm import Inference, Network, Robot, Swarm
from swarm_consensus.composition.swarm_checks import check_draft, check_files
from swarm_consensus.composition.swarm_paths import resolve
from swarm_consensus.composition.swarm_reader import SwarmReader
from swarm_consensus.composition.yaml_tree import Fields, Text, parse, read_text


def load_swarm(
    path: str | Path, *, robots: Collection[str] | None = None, guests: Sequence[str] = ()
) -> Swarm:
    """
    Read and check a swarm.yaml.

    :param robots: the robots that run here; only their models must be on this machine. None: all.
    :param guests: robots that run here as guests of the swarm.
    :raises SwarmFileError: with everything that is wrong with it.
    """
    return parse_swarm(read_text(Path(path), str(path)), path, robots=robots, guests=guests)


def parse_swarm(
    content: str,
    path: str | Path,
    *,
    robots: Collection[str] | None = None,
    guests: Sequence[str] = (),
) -> Swarm:
    """
    Check the content of a swarm.yaml.

    :param path: where it stands, as errors shall name it; relative names of files count from its
        folder.
    :param robots: as in `load_swarm`.
    :param guests: as in `load_swarm`.
    :raises SwarmFileError: with everything that is wrong with it.
    """
    shown, file = str(path), Path(path).absolute()
    tree, problems = parse(content, shown)
    if tree is None or (isinstance(tree, Text) and tree.empty):
        message = 'is empty; it must say at least `swarm`, `robots` and `subjects`'
        raise SwarmFileError(shown, [Problem(0, message)])
    if not isinstance(tree, Fields):
        message = 'must be a mapping (`key: value`) that begins with `swarm: <name>`'
        raise SwarmFileError(shown, [Problem(tree.line, message)])
    reader = SwarmReader()
    draft = reader.draft(tree)
    problems += reader.problems
    problems += check_draft(draft)
    problems += check_files(draft, file.parent, robots)
    problems += _strangers(draft, robots or ())
    problems += _guest_problems(draft, guests)
    coming = tuple(_guest(draft.common, name) for name in guests)
    problems += check_files(replace(draft, robots=coming), file.parent)
    if problems:
        raise SwarmFileError(shown, problems)
    return _finished(draft, file, coming)


def _strangers(draft: SwarmDraft, robots: Collection[str]) -> list[Problem]:
    known = [text(robot.name) for robot in draft.robots]
    strangers = [name for name in robots if name not in known]
    hints = [did_you_mean(name, known) or f'; it has {listed(known)}' for name in strangers]
    return [
        Problem(0, f'has no robot "{name}"{hint}')
        for name, hint in zip(strangers, hints, strict=True)
    ]


def _guest_problems(draft: SwarmDraft, guests: Sequence[str]) -> list[Problem]:
    """Return why robots cannot be guests of the swarm."""
    found = []
    membership = draft.common.consensus.get('membership')
    if guests and (membership is None or text(membership) != 'open'):
        line = 0 if membership is None else membership.line
        message = 'consensus.membership must be "open" where guests are to join'
        found.append(Problem(line, message))
    for name in guests:
        problem = name_problem(NameKind.ROBOT, name, 'guest')
        if problem:
            found.append(Problem(0, problem))
        for robot in draft.robots:
            if text(robot.name) == name:
                message = f'"{name}" is a robot of the swarm, and no guest'
                found.append(Problem(robot.name.line, message))
    return found


def _guest(common: RobotDraft, name: str) -> RobotDraft:
    place = common.name
    return RobotDraft(
        replace(place, value=name),
        replace(place, value=f'/{name}'),
        common.consensus,
        common.inference,
    )


def _values(settings: Settings) -> dict[str, Value]:
    return {name: setting.value for name, setting in settings.items()}


def _robot(robot: RobotDraft, file: Path) -> Robot:
    return Robot(
        name=text(robot.name),
        namespace=text(robot.namespace),
        consensus=_values(robot.consensus),
        inference=tuple(
            Inference(text(node.name), _with_paths(_values(node.settings), file.parent))
            for node in robot.inference
        ),
    )


def _finished(draft: SwarmDraft, file: Path, guests: tuple[RobotDraft, ...]) -> Swarm:
    """Return the swarm of a draft without problems."""
    on_damage = draft.storage.get('on_damage')
    return Swarm(
        name=draft.name,
        file=file,
        robots=tuple(_robot(robot, file) for robot in draft.robots),
        network=_network(draft.network),
        storage_folder=_folder(draft.storage, file.parent),
        storage_on_damage='' if on_damage is None else text(on_damage),
        keys_folder=_folder(draft.keys, file.parent),
        topics={key: _values(settings) for key, settings in draft.topics.items()},
        subjects={text(subject.name): _values(subject.settings) for subject in draft.subjects},
        guests=tuple(_robot(robot, file) for robot in guests),
        simulation=_values(draft.simulation),
    )


def _folder(settings: Settings, base: Path) -> str:
    """Return the folder that a section names, absolute; '' where it names none."""
    folder = settings.get('folder')
    return '' if folder is None or not folder.value else str(resolve(text(folder), base))


def _with_paths(parameters: dict[str, Value], folder: Path) -> dict[str, Value]:
    """Return the parameters with the files that they name as absolute paths."""
    for parameter in INFERENCE.parameters:
        name = parameters.get(parameter.name)
        if parameter.file and isinstance(name, str) and name:
            parameters[parameter.name] = str(resolve(name, folder))
    return parameters


def _network(settings: Settings) -> Network:
    values = {parameter.name: parameter.default for parameter in NETWORK.parameters}
    values.update(_values(settings))
    return Network(
        domain_id=cast(int, values['domain_id']),
        discovery=cast(str, values['discovery']),
        static_peers=tuple(cast('list[str]', values['static_peers'])),
        interface=cast(str, values['interface']),
        middleware=cast(str, values['middleware']),
        transport=cast(str, values['transport']),
    )
