"""Whether what a swarm.yaml says of how evidence spreads will do together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from swarm_consensus.composition.draft import SubjectDraft, SwarmDraft, text
from swarm_consensus.composition.problems import Problem
from swarm_consensus.composition.schema import SUBJECT
from swarm_consensus.decision.gossip import gossip_problem, liars_problem
from swarm_consensus.decision.types import Gossip, Level


def _word(draft: SwarmDraft, subject: SubjectDraft, key: str) -> str | None:
    """Return a setting of a subject, or its default; None where it is written wrongly."""
    setting = subject.settings.get(key)
    if setting is not None:
        return text(setting)
    if f'{subject.name.path}.{key}' in draft.unread:
        return None
    return str(next(p.default for p in SUBJECT.parameters if p.name == key))


def _gossip_fits(draft: SwarmDraft) -> Iterator[Problem]:
    for subject in draft.subjects:
        setting = subject.settings.get('gossip')
        level, rule = (_word(draft, subject, key) for key in ('level', 'fusion'))
        if setting is None or level is None or rule is None:
            continue
        problem = gossip_problem(Gossip(text(setting)), Level[level.upper()], rule)
        if problem:
            yield Problem(setting.line, f'{setting.path} {problem}')


def _liars_can_be_outvoted(draft: SwarmDraft) -> Iterator[Problem]:
    for subject in draft.subjects:
        liars, gossip = subject.settings.get('liars'), subject.settings.get('gossip')
        if f'{subject.name.path}.gossip' in draft.unread:
            continue
        count = 0 if liars is None else liars.value
        assert isinstance(count, int)
        robust = gossip is not None and text(gossip) == Gossip.ROBUST.value
        if liars is not None and count and not robust:
            message = 'has no effect without `gossip: robust`; leave it out'
            yield Problem(liars.line, f'{liars.path} {message}')
        if gossip is not None and robust and draft.robots and 'robots' not in draft.unread:
            problem = liars_problem(Gossip.ROBUST, count, len(draft.robots))
            if problem:
                line = gossip.line if liars is None else liars.line
                yield Problem(line, f'{subject.name.path}.liars {problem}')


FUSED_CHECKS: tuple[Callable[[SwarmDraft], Iterator[Problem]], ...] = (
    _gossip_fits,
    _liars_can_be_outvoted,
)
