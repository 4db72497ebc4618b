"""Whether what a swarm.yaml says of the level `agreed` will do together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from swarm_consensus.composition.draft import SubjectDraft, SwarmDraft, text, texts
from swarm_consensus.composition.problems import Problem, did_you_mean
from swarm_consensus.decision.rule_names import (
    AGREED_RULES,
    FUSION_RULES,
    POOLS,
    is_entry_point,
    rule_problem,
)
from swarm_consensus.decision.tolerance import tolerance, too_many
from swarm_consensus.decision.types import Level


def _level(draft: SwarmDraft, subject: SubjectDraft) -> Level | None:
    """Return the level of a subject; None where it is written wrongly."""
    setting = subject.settings.get('level')
    if setting is None:
        unread = f'{subject.name.path}.level' in draft.unread
        return None if unread else Level.COMMITTED
    return Level[text(setting).upper()]


def _rules_belong_to_levels(draft: SwarmDraft) -> Iterator[Problem]:
    for subject in draft.subjects:
        setting, level = subject.settings.get('fusion'), _level(draft, subject)
        if setting is None or level is None:
            continue
        problem = rule_problem(text(setting), level)
        if problem:
            known = AGREED_RULES if level is Level.AGREED else FUSION_RULES
            near = not is_entry_point(text(setting)) and text(setting) not in AGREED_RULES
            hint = did_you_mean(text(setting), known) if near else ''
            yield Problem(setting.line, f'{setting.path} {problem}{hint}')
        elif level is Level.AGREED and text(setting) in POOLS and not _has_labels(draft, subject):
            message = (
                f"is '{text(setting)}', which pools beliefs over `labels`, and there are none; "
                'name the labels, or leave it out, and proposals are counted'
            )
            yield Problem(setting.line, f'{setting.path} {message}')


def _has_labels(draft: SwarmDraft, subject: SubjectDraft) -> bool:
    setting = subject.settings.get('labels')
    if setting is None:
        return f'{subject.name.path}.labels' in draft.unread
    return bool(texts(setting))


def _support_can_be_met(draft: SwarmDraft) -> Iterator[Problem]:
    for subject in draft.subjects:
        setting, level = subject.settings.get('support'), _level(draft, subject)
        if setting is None or not setting.value or level is None:
            continue
        assert isinstance(setting.value, int)
        if level is not Level.AGREED:
            message = f'has no effect with `level: {level.name.lower()}`; leave it out'
            yield Problem(setting.line, f'{setting.path} {message}')
        elif setting.value > len(draft.robots) > 0 and 'robots' not in draft.unread:
            robots = len(draft.robots)
            message = f'is {setting.value}, must be from 0 to the {robots} robots of the swarm'
            yield Problem(setting.line, f'{setting.path} {message}')


def _faults_are_borne(draft: SwarmDraft) -> Iterator[Problem]:
    if not draft.robots or 'robots' in draft.unread:
        return
    keys = draft.keys.get('folder')
    has_keys = keys is not None and bool(keys.value)
    agreed = any(_level(draft, subject) is Level.AGREED for subject in draft.subjects)
    for robot in draft.robots:
        kind, most = (robot.consensus.get(f'agreed_faults{end}') for end in ('', '_max'))
        setting = most if most is not None and most.value != -1 else kind
        if setting is None and has_keys and agreed:
            # With keys it is byzantine, of which nobody had to write a word.
            setting = keys
        if setting is None or too_many(len(draft.robots)):
            continue
        faults_max = -1 if most is None else most.value
        assert isinstance(faults_max, int)
        try:
            assumption = 'auto' if kind is None else text(kind)
            tolerance(assumption, faults_max, len(draft.robots), has_keys=has_keys)
        except ValueError as error:
            place = 'consensus' if setting is keys else setting.path.rpartition('.')[0]
            yield Problem(setting.line, f'{place}.{error}')


def _swarm_is_not_too_large(draft: SwarmDraft) -> Iterator[Problem]:
    for subject in draft.subjects:
        setting = subject.settings.get('level')
        if setting is not None and text(setting) == 'agreed':
            if problem := too_many(len(draft.robots)):
                yield Problem(setting.line, f'{setting.path}: {problem}')


AGREED_CHECKS: tuple[Callable[[SwarmDraft], Iterator[Problem]], ...] = (
    _rules_belong_to_levels,
    _support_can_be_met,
    _faults_are_borne,
    _swarm_is_not_too_large,
)
