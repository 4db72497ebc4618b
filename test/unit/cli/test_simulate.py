"""`swarm simulate`: one seed with its trace, and several with a bar."""

from __future__ import annotations

import pytest

from swarm_consensus.cli.main import main
from swarm_consensus.simulation.adversary.checks import Validity
from swarm_consensus.simulation.invariants import LogMatching


def test_a_seed_is_described_and_traced(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['simulate', '--seed', '9', '--trace']) == 0
    said = capsys.readouterr().out
    assert 'seed 9: held.' in said
    assert 'all is healed' in said and 'AppendEntries' in said


def test_several_seeds_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['simulate', '--seeds', '3', '--base', '8', '--jobs', '2']) == 0
    assert '3 seeds from 8: 0 failed' in capsys.readouterr().out


def test_a_failure_says_what_happened_and_how_to_replay_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LogMatching, 'wrote', lambda rule, robot, persist: rule.broken('made up'))
    assert main(['simulate', '--seed', '9']) == 1
    said = capsys.readouterr().err
    assert 'log matching: made up' in said
    assert 'swarm simulate --seed 9 --trace' in said
    assert ' ms  r' in said


def test_a_seed_of_the_agreement_is_described_and_traced(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(['simulate', '--agreed', '--seed', '9', '--trace']) == 0
    said = capsys.readouterr().out
    assert 'seed 9: held.' in said and 'network: ' in said
    assert 'Statement' in said and 'ends epoch 1' in said


def test_several_seeds_of_the_agreement_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['simulate', '--agreed', '--seeds', '3', '--base', '8', '--jobs', '2']) == 0
    said = capsys.readouterr().out
    assert '3 seeds from 8: 0 failed' in said and 'epochs agreed' in said


def test_a_failure_of_the_agreement_says_how_to_replay_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Validity, 'settled', lambda check, robot, epoch, vector: check.broken('made up')
    )
    assert main(['simulate', '--agreed', '--seed', '9']) == 1
    said = capsys.readouterr().err
    assert 'validity: made up' in said
    assert 'swarm simulate --agreed --seed 9 --trace' in said
    assert 'step ' in said
