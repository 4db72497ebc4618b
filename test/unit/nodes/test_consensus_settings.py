"""From parameters to the settings of the runtime, for the level agreed and keys; without ROS."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarm_consensus.composition.consensus_parameters import CONSENSUS_PARAMETERS
from swarm_consensus.composition.parameter import Value
from swarm_consensus.composition.subject_parameters import SUBJECT_PARAMETERS
from swarm_consensus.decision.entry_point import load_rule
from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.types import Level
from swarm_consensus.nodes.consensus_settings import (
    check_coin,
    config_from,
    keys_from,
    policy_from,
)
from swarm_consensus.runtime.config import MILLISECOND, RuntimeConfig
from swarm_consensus.runtime.task_settings import TaskSettings
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.key_files import KeysError, write_keys


def policy(**changes: Value) -> Policy:
    values = {parameter.name: parameter.default for parameter in SUBJECT_PARAMETERS}
    return policy_from('sign', values | {'level': 'agreed'} | changes, 4)


def config(
    robots: int, *, policies: tuple[Policy, ...] = (), has_keys: bool = False, **changes: Value
) -> RuntimeConfig:
    values = {parameter.name: parameter.default for parameter in CONSENSUS_PARAMETERS}
    names: Value = [f'r{number}' for number in range(robots)]
    given = values | {'swarm': 'team', 'robot': 'r0', 'robots': names} | changes
    return config_from(given, policies, has_keys=has_keys)


AGREED = policy()


def test_policy_of_the_level_agreed() -> None:
    assert (AGREED.level, AGREED.fusion, AGREED.support) == (Level.AGREED, 'log_linear', 0)
    assert policy(support=2, fusion='median').support == 2
    assert policy(level='fused').level is Level.FUSED


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'support': 5}, r'^subject\.sign\.support is 5, must be from 0 to the 4 robots'),
        ({'fusion': 'mean'}, r"^subject\.sign\.fusion is 'mean', must be one of log_linear, "),
        (
            {'fusion': 'plurality', 'level': 'committed'},
            r"^subject\.sign\.fusion is 'plurality', which only `level: agreed` has; use",
        ),
        ({'gossip': 'averaging', 'level': 'committed', 'fusion': 'linear'}, 'only `level: fused`'),
        ({'gossip': 'averaging', 'level': 'fused', 'fusion': 'median'}, 'median needs `exact`'),
        ({'gossip': 'robust', 'level': 'fused'}, 'liars is 1, which takes 5 robots'),
        ({'gossip': 'rumour'}, r"gossip is 'rumour', must be one of exact, averaging, robust"),
        ({'gossip': 'robust', 'level': 'fused', 'fusion': 'linear'}, 'write `fusion: log_linear`'),
        (
            {'fusion': 'no_such:rule'},
            r"^subject\.sign\.fusion is 'no_such:rule', but this robot has no module 'no_such'; ",
        ),
        ({'fusion': 'math:pi'}, r"'math:pi', which is a float and no function"),
        ({'level': 'agred'}, r"^subject\.sign\.level is 'agred', must be one of fused, agreed, "),
    ],
)
def test_wrong_policy_says_what_to_change(changes: dict[str, Value], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        policy(**changes)


def test_own_rule_is_looked_for_when_the_node_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'rules_of_a_test.py').write_text('def rule(votes, subject):\n    return None\n')
    monkeypatch.syspath_prepend(tmp_path)
    load_rule.cache_clear()
    assert policy(fusion='rules_of_a_test:rule').fusion == 'rules_of_a_test:rule'
    load_rule.cache_clear()


@pytest.mark.parametrize(
    ('robots', 'kind', 'most', 'has_keys', 'borne'),
    [
        (1, 'auto', -1, False, (False, 0)),
        (2, 'auto', -1, False, (False, 0)),
        (3, 'auto', -1, False, (False, 1)),
        (7, 'auto', -1, False, (False, 3)),
        (7, 'auto', -1, True, (True, 2)),
        (7, 'auto', 1, True, (True, 1)),
        (7, 'byzantine', -1, False, (True, 2)),
        (7, 'crash', -1, True, (False, 3)),
        (1, 'auto', -1, True, (True, 0)),
        (3, 'auto', 0, True, (True, 0)),
        (3, 'crash', -1, True, (False, 1)),
    ],
)
def test_as_many_faults_as_the_swarm_bears(
    robots: int, kind: str, most: int, has_keys: bool, borne: tuple[bool, int]
) -> None:
    made = config(
        robots,
        policies=(AGREED,),
        has_keys=has_keys,
        agreed_faults=kind,
        agreed_faults_max=most,
    )
    assert (made.agreed_lies, made.agreed_faults) == borne


@pytest.mark.parametrize(
    ('robots', 'kind', 'most', 'has_keys', 'message'),
    [
        (3, 'auto', 1, True, r'^agreed_faults_max is 1, but 1 liar among 3 robots .* takes 4'),
        (6, 'byzantine', 2, False, r'bear 2, and 6 bear 1: add robots, or lower agreed_faults_max'),
        (2, 'crash', 1, False, r'^agreed_faults_max is 1, but of 2 robots 1 are no majority'),
        (3, 'byzantine', -1, False, r'^agreed_faults is byzantine, but 3 robots bear none'),
        (
            3,
            'auto',
            -1,
            True,
            r'^agreed_faults is auto, which is byzantine where there are keys, but 3 robots bear',
        ),
        (257, 'auto', -1, False, r'^the level agreed serves 256 robots, and these are 257'),
    ],
)
def test_faults_that_are_not_borne_are_refused_with_the_reason(
    robots: int, kind: str, most: int, has_keys: bool, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        config(
            robots,
            policies=(AGREED,),
            has_keys=has_keys,
            agreed_faults=kind,
            agreed_faults_max=most,
        )


def test_swarm_that_agrees_on_nothing_bears_what_it_is() -> None:
    """Keys serve every level, and swarms of any size."""
    committed = policy(level='committed')
    assert config(3, policies=(committed,), has_keys=True).agreed_faults == 0
    assert config(300, policies=(committed,)).agreed_faults == 0


def test_settings_of_the_level_agreed_reach_the_runtime() -> None:
    made = config(
        3,
        weights=[1.0, 2.0, 0.5],
        agreed_resend=0.05,
        agreed_window=2,
        agreed_instances_max=9,
        agreed_on_equivocation='exclude',
    )
    assert made.weights == (1.0, 2.0, 0.5)
    assert made.agreed_resend_ns == 50 * MILLISECOND
    assert (made.agreed_window, made.agreed_instances_max, made.agreed_exclude) == (2, 9, True)
    assert not config(3).agreed_exclude


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'agreed_lies': True, 'agreed_faults': 1}, 'bear 1, and 3 bear 0'),
        ({'agreed_faults': 2}, 'bear 2, and 3 bear 1'),
        ({'agreed_faults': -1}, 'no swarm'),
        ({'weights': (1.0,)}, '1 numbers for 3 robots; give one for each'),
        ({'weights': (1.0, 0.0, 1.0)}, 'must be above 0 and at most 1000'),
        ({'weights': (1.0, float('nan'), 1.0)}, 'must be above 0'),
        ({'agreed_window': 0}, 'must be above 0'),
        ({'agreed_instances_max': 0}, 'must be above 0'),
        ({'agreed_resend_ns': 0}, 'must be above 0'),
    ],
)
def test_runtime_refuses_what_contradicts_itself(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        RuntimeConfig('team', 'a', ('a', 'b', 'c'), (), **changes)  # type: ignore[arg-type]


# -- keys ------------------------------------------------------------------------------------------


def test_no_folder_is_a_swarm_without_keys() -> None:
    assert keys_from({'swarm': 'team', 'robot': 'r0', 'robots': ['r0'], 'keys_folder': ''}) is None


def test_keys_are_those_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ['r0', 'r1', 'r2', 'r3']
    dealt = deal('team', names, 1)
    write_keys(tmp_path / 'keys', dealt)
    values: dict[str, Value] = {'swarm': 'team', 'robot': 'r1', 'robots': list(names)}
    assert keys_from({**values, 'keys_folder': str(tmp_path / 'keys')}) == dealt['r1']
    monkeypatch.setenv('HOME', str(tmp_path))
    assert keys_from({**values, 'keys_folder': '~/keys'}) == dealt['r1']
    with pytest.raises(KeysError, match='has no key of r4'):
        keys_from({**values, 'robots': [*names, 'r4'], 'keys_folder': str(tmp_path / 'keys')})


@pytest.mark.parametrize(
    ('robots', 'dealt', 'most', 'fits'),
    [
        (4, 1, -1, True),
        (7, 2, -1, True),
        (7, 1, -1, False),
        (7, 1, 1, True),
        # More shares than needed, but so many honest robots are there.
        (7, 3, 1, True),
        # Not so here: two robots that say nothing would keep the others waiting for ever.
        (7, 5, 2, False),
    ],
)
def test_keys_fit_what_the_swarm_bears(robots: int, dealt: int, most: int, fits: bool) -> None:
    settings = config(robots, policies=(AGREED,), has_keys=True, agreed_faults_max=most)
    keys = deal('team', settings.robots, dealt)['r0']
    if fits:
        check_coin(keys, settings)
    else:
        with pytest.raises(ValueError, match=f'were dealt for {dealt} robots that lie, but these'):
            check_coin(keys, settings)


def test_robots_that_only_stop_throw_no_common_coin() -> None:
    settings = config(7, policies=(AGREED,), has_keys=True, agreed_faults='crash')
    check_coin(deal('team', settings.robots, 0)['r0'], settings)


def test_settings_for_tasks() -> None:
    settings = config(3, tasks_method='greedy', tasks_duty=8.0, tasks_bundle_max=2).tasks
    assert (settings.method.value, settings.bundle_max) == ('greedy', 2)
    assert settings.duty_ns == 8 * 10**9
    defaults = config(3).tasks
    assert defaults == TaskSettings(scoring=defaults.scoring)
    tuned = config(
        3,
        tasks_drift_percent=20,
        tasks_settle=0.7,
        tasks_compare_period=0.4,
        tasks_relay_window=0.05,
        tasks_relay_heard=1,
    ).tasks
    assert (tuned.drift_percent, tuned.settle_ns) == (20, 700_000_000)
    # Less a fifth for the clocks.
    assert tuned.sure_ns == 4 * 10**9
    bidder = tuned.bidder('r0', 1, 20_000_000)
    assert (bidder.compare_ticks, bidder.relay_ticks, bidder.relay_heard) == (20, 3, 1)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'tasks_scoring': 'best'}, "^tasks: there is no scoring 'best'; there is"),
        ({'tasks_scoring': 'nowhere:f'}, "^tasks: tasks_scoring is 'nowhere:f', but"),
        ({'tasks_scoring': 'math:sqrt'}, 'must take two arguments, `robot` and `path`'),
        ({'tasks_duty': 2.0}, r'^tasks: duty \(2 s\) must be longer'),
        ({'tasks_drift_percent': 45}, r'^tasks: duty \(5 s\) must be longer: less 45 % for'),
    ],
)
def test_settings_for_tasks_that_cannot_be(changes: dict[str, Value], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(3, **changes)


def test_a_scoring_of_the_users_own() -> None:
    gains = config(3, tasks_scoring='math:dist').tasks.scoring
    assert type(gains).__name__ == 'UserPathScoring'
