"""What a swarm.yaml may say of the level `agreed`; what it may not is in test_swarm_file_errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarm_consensus.composition.problems import SwarmFileError
from swarm_consensus.composition.swarm import Swarm
from swarm_consensus.composition.swarm_file import parse_swarm
from swarm_consensus.decision.rule_names import AGREED_RULES


def read(
    policy: str = '', consensus: str = '', robots: str = '4', labels: str = '[stop, go]'
) -> Swarm:
    content = (
        f'swarm: team\nrobots: {robots}\nconsensus: {{{consensus}}}\n'
        f'subjects:\n  sign: {{labels: {labels}, level: agreed, {policy}}}\n'
    )
    return parse_swarm(content, Path('/somewhere/swarm.yaml'))


@pytest.mark.parametrize('rule', [*AGREED_RULES, 'my_rules:nearest', 'a.b_2.c:Rules.nearest'])
def test_every_rule_is_taken_at_level_agreed(rule: str) -> None:
    assert read(f'fusion: "{rule}"').subjects['sign']['fusion'] == rule


@pytest.mark.parametrize('rule', ['plurality', 'median', 'trimmed_mean', 'my_rules:nearest'])
def test_proposals_alone_have_the_rules_that_need_no_labels(rule: str) -> None:
    assert read(f'fusion: "{rule}"', labels='[]').subjects['sign']['fusion'] == rule


@pytest.mark.parametrize(
    ('consensus', 'robots'),
    [
        ('agreed_faults: byzantine', '4'),
        ('agreed_faults: byzantine, agreed_faults_max: 1', '4'),
        ('agreed_faults: byzantine, agreed_faults_max: 0', '3'),
        ('agreed_faults: byzantine', '1'),
        ('agreed_faults: crash, agreed_faults_max: 1', '3'),
        ('agreed_faults: crash', '2'),
        ('agreed_faults_max: 1', '3'),
        ('', '256'),
    ],
)
def test_faults_that_the_swarm_bears_are_taken(consensus: str, robots: str) -> None:
    assert read(consensus=consensus, robots=robots).robots


def test_support_may_be_all_robots() -> None:
    assert read('support: 4').subjects['sign']['support'] == 4


def test_robots_that_repeat_what_holds_for_all_are_alike() -> None:
    robots = '[a, b, {name: c, consensus: {agreed_faults_max: 0, agreed_window: 4}}]'
    assert read(consensus='agreed_faults_max: 0', robots=robots).robots


def with_keys(consensus: str = '', robots: str = '3', level: str = 'agreed') -> Swarm:
    content = (
        f'swarm: team\nrobots: {robots}\nconsensus: {{{consensus}}}\nkeys: {{folder: keys}}\n'
        f'subjects:\n  sign: {{labels: [stop, go], level: {level}}}\n'
    )
    return parse_swarm(content, Path('/somewhere/swarm.yaml'))


@pytest.mark.parametrize(
    ('consensus', 'line', 'said'),
    [
        ('', 4, 'consensus.agreed_faults is auto, which is byzantine where there are keys, but 3'),
        ('agreed_faults_max: 1', 3, 'consensus.agreed_faults_max is 1, but '),
        ('agreed_faults: auto', 3, 'consensus.agreed_faults is auto, which is byzantine where '),
    ],
)
def test_keys_make_the_faulty_robots_liars(consensus: str, line: int, said: str) -> None:
    with pytest.raises(SwarmFileError) as caught:
        with_keys(consensus)
    assert {problem.line for problem in caught.value.problems} == {line}
    assert caught.value.problems[0].message.startswith(said)


def test_keys_alone_ask_for_no_more_robots_than_the_swarm_needs() -> None:
    assert with_keys(level='committed').keys_folder == '/somewhere/keys'
    assert with_keys('agreed_faults: crash').robots
    assert with_keys(robots='4').robots
