"""The rule that docs/agreed.md shows works as it says there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
import re
import sys

from ballot_cases import GOALS, doubles, numbers_of, settle
import pytest

from swarm_consensus.composition.swarm_file import parse_swarm
from swarm_consensus.decision.ballots import Ballot
from swarm_consensus.decision.entry_point import load_rule
from swarm_consensus.decision.rule_names import AGREED_RULES
from swarm_consensus.decision.types import Status
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.key_files import write_keys

RULE = 'team_rules.meeting:closest'


def blocks(repository: Path, language: str) -> list[str]:
    """Return the blocks of a language in the document, in order."""
    text = (repository / 'docs' / 'agreed.md').read_text()
    return re.findall(rf'```{language}\n(.*?)```', text, re.DOTALL)


@pytest.fixture
def example(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    (tmp_path / 'team_rules').mkdir()
    (tmp_path / 'team_rules' / 'meeting.py').write_text(*blocks(repository, 'python'))
    monkeypatch.syspath_prepend(tmp_path)
    load_rule.cache_clear()
    yield
    load_rule.cache_clear()
    for name in ('team_rules', 'team_rules.meeting'):
        sys.modules.pop(name, None)


LIES = (
    doubles(1e308, -1e308),
    doubles(float('nan'), 0.0),
    doubles(float('inf'), 0.0),
    doubles(3.0, 3.0),
    b'here',
    b'',
)


@pytest.mark.usefixtures('example')
@pytest.mark.parametrize('lie', LIES)
@pytest.mark.parametrize('place', range(5))
def test_rule_of_the_document_meets_among_the_honest(lie: bytes, place: int) -> None:
    honest = [(1.0, 1.0), (1.1, 1.0), (1.0, 1.2), (0.9, 1.0)]
    cast: list[Ballot | None] = [Ballot(value=doubles(*where)) for where in honest]
    cast.insert(place, Ballot(value=lie, choice='trap'))
    outcome = settle(replace(GOALS, fusion=RULE, quorum=4), cast, faults=1)
    assert (outcome.status, outcome.choice) == (Status.DECIDED, 'meet')
    assert numbers_of(outcome.value) in honest


@pytest.mark.usefixtures('example')
def test_rule_of_the_document_decides_nothing_among_too_few() -> None:
    cast: list[Ballot | None] = [Ballot(value=doubles(1.0, 1.0))] * 3
    outcome = settle(replace(GOALS, fusion=RULE, quorum=3), cast, faults=1)
    assert outcome.reason == f"the rule '{RULE}' decided nothing"


def test_settings_of_the_document_are_right(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / 'swarm.yaml'
    whole, subjects = blocks(repository, 'yaml')
    names = [f'robot_{number + 1}' for number in range(4)]
    write_keys(tmp_path / 'keys', deal('search_team', names, 1))
    assert parse_swarm(whole, file).subjects['sign']['fusion'] == 'median'
    swarm = parse_swarm('swarm: team\nrobots: 7\n' + subjects, file)
    assert swarm.subjects['meeting_point']['fusion'] == RULE


def test_document_names_every_rule(repository: Path) -> None:
    text = (repository / 'docs' / 'agreed.md').read_text()
    assert [rule for rule in AGREED_RULES if f'| `{rule}`' not in text] == []
