"""
Robots that come, go, stall and are cut off: what the membership promises holds, seed by seed.

`SWIM_SEEDS=first:count` runs others.
"""

from __future__ import annotations

import os

import pytest

from swarm_consensus.protocols.gossip.swim import comparing, probes, roster, swim
from swarm_consensus.simulation.membership.checks import Violation
from swarm_consensus.simulation.membership.storm import run_seed

_FIRST, _COUNT = (int(part) for part in os.environ.get('SWIM_SEEDS', '1:24').split(':'))


@pytest.mark.parametrize('seed', range(_FIRST, _FIRST + _COUNT))
def test_the_promises_hold_in_a_storm(seed):
    run_seed(seed)


def test_who_was_forgotten_is_a_newcomer():
    # All had forgotten a robot, with all its refutations, when it was back between two looks.
    run_seed(7_000_037)


def test_a_seed_is_one_run():
    assert run_seed(5) == run_seed(5)


def _no_refutation(monkeypatch):
    monkeypatch.setattr(swim.Swim, '_answer', lambda self, claim: None)


def _the_dead_are_never_asked(monkeypatch):
    monkeypatch.setattr(probes.Probes, '_reconnect', lambda self: setattr(
        self, '_reconnect_at', self._roster.now + 100))  # fmt: skip
    monkeypatch.setattr(comparing.Comparing, 'step', lambda self, own: setattr(
        self, 'due', self._roster.now + 100))  # fmt: skip


def _a_death_counts_for_more_than_a_leave(monkeypatch):
    real = roster.Roster._end

    def end(self, member, state, accuser, since):
        real(self, member, roster.State.DEAD, accuser or 'somebody', since)

    monkeypatch.setattr(roster.Roster, '_end', end)


def _old_boots_are_believed(monkeypatch):
    real = roster.Roster.heard

    def heard(self, robot, incarnation, at):
        member = self.get(robot)
        if member is not None and incarnation < member.incarnation:
            member.incarnation = incarnation
        return real(self, robot, incarnation, at)

    monkeypatch.setattr(roster.Roster, 'heard', heard)


@pytest.mark.parametrize(
    'mistake',
    [
        _no_refutation,
        _the_dead_are_never_asked,
        _a_death_counts_for_more_than_a_leave,
        _old_boots_are_believed,
    ],
)
def test_a_mistake_is_found(mistake, monkeypatch):
    mistake(monkeypatch)
    with pytest.raises(Violation):
        for seed in range(1, 41):
            run_seed(seed)
