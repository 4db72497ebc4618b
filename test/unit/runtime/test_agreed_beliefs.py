"""What robots believe becomes one decision at all of them, and says how firm it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from swarm_testing.agreed_swarm import AgreedSwarm

from swarm_consensus.decision.types import Status
from swarm_consensus.runtime.config import MILLISECOND, SECOND
from swarm_consensus.runtime.events import BeliefSeen, DecideProgress
from swarm_consensus.simulation.network import Faults

SURE_OF_CAT = (0.9, 0.05, 0.05)
SURE_OF_DOG = (0.05, 0.9, 0.05)
UNSURE = (0.4, 0.3, 0.3)


@pytest.mark.parametrize(
    ('robots', 'lies', 'bears'),
    [(1, False, 0), (2, False, 0), (4, True, 1), (5, False, 2), (7, True, 2)],
)
def test_beliefs_of_all_robots_become_one_decision(robots: int, lies: bool, bears: int) -> None:
    swarm = AgreedSwarm(robots, lies=lies, bears=bears)
    for robot in swarm.robots:
        swarm.believe(robot, *SURE_OF_CAT)
    swarm.run(0.5)
    made = [swarm.published(robot, 'animal') for robot in swarm.robots]
    assert all(len(decisions) == 1 for decisions in made)
    for (decision,) in made:
        assert (decision.status, decision.choice, decision.revision) == (Status.DECIDED, 'cat', 1)
        assert replace(decision, latency_s=0.0) == replace(made[0][0], latency_s=0.0)
        assert 0 <= decision.latency_s < 0.1
    assert len(made[0][0].voters) >= robots - bears
    assert all(swarm.quiet(robot) for robot in swarm.robots)


@pytest.mark.parametrize('keyed', [False, True])
@pytest.mark.parametrize('loss', [0.2, 0.4])
def test_they_do_so_where_frames_are_lost(loss: float, keyed: bool) -> None:
    swarm = AgreedSwarm(4, 3, Faults(loss=loss, duplication=0.1), keyed=keyed)
    for robot in swarm.robots:
        swarm.believe(robot, *SURE_OF_CAT)
    swarm.run(8)
    made = {(d.choice, d.voters, d.confidence) for r in swarm.robots for d in swarm.decisions(r)}
    assert len(made) == 1
    assert all(swarm.published(robot, 'animal') for robot in swarm.robots)


def test_robots_without_evidence_abstain_after_settle() -> None:
    """Three of five have seen something; the others do not hold them up for longer."""
    swarm = AgreedSwarm(5, lies=False, bears=1)
    for robot in ('r1', 'r2', 'r3'):
        swarm.believe(robot, *SURE_OF_DOG)
    swarm.run(0.03)
    assert not swarm.published('r1', 'animal')
    swarm.run(0.1)
    for robot in swarm.robots:
        (decision,) = swarm.published(robot, 'animal')
        assert (decision.choice, decision.voters) == ('dog', ('r1', 'r2', 'r3'))


def test_one_robot_alone_is_no_quorum_of_evidence() -> None:
    swarm = AgreedSwarm(4)
    swarm.believe('r1', *SURE_OF_CAT)
    swarm.run(2)
    (told,) = swarm.published('r1', 'animal')
    assert told.status is Status.UNDECIDED
    assert told.reason == '1 robot has spoken, 3 must'
    assert not any(swarm.published(robot, 'animal') for robot in swarm.robots[1:])
    assert all(swarm.quiet(robot) for robot in swarm.robots)


def test_late_evidence_completes_the_quorum() -> None:
    swarm = AgreedSwarm(4)
    swarm.believe('r1', *SURE_OF_CAT)
    swarm.run(0.3)
    swarm.believe('r2', *SURE_OF_CAT)
    swarm.run(0.3)
    assert not swarm.published('r1', 'animal')
    swarm.believe('r3', *SURE_OF_CAT)
    swarm.run(0.3)
    (decision,) = swarm.published('r4', 'animal')
    assert (decision.status, decision.voters) == (Status.DECIDED, ('r1', 'r2', 'r3'))


def test_at_the_deadline_the_front_runner_is_taken_with_low_confidence() -> None:
    swarm = AgreedSwarm(4, subject={'confidence': 0.999})
    for robot, wait in zip(swarm.robots, (0.03, 0.07, 0.11, 0.0), strict=True):
        swarm.believe(robot, *UNSURE)
        swarm.run(wait)
    swarm.run(0.6)
    assert not swarm.published('r1', 'animal')
    swarm.run(1.2)
    for robot in swarm.robots:
        (decision,) = swarm.published(robot, 'animal')
        assert (decision.status, decision.choice) == (Status.LOW_CONFIDENCE, 'cat')
    swarm.run(1)
    assert swarm.epoch('r1', 'animal') < 15


def test_where_it_gives_up_it_says_why_nothing_was_decided() -> None:
    swarm = AgreedSwarm(4, subject={'confidence': 0.999, 'decide_at_deadline': False})
    for robot in swarm.robots:
        swarm.believe(robot, *UNSURE)
    swarm.run(3)
    for robot in swarm.robots:
        (decision,) = swarm.published(robot, 'animal')
        assert decision.status is Status.UNDECIDED
        assert decision.reason == (
            "'cat' is in front with 0.61, 0.999 is asked, and the deadline has passed"
        ), decision.reason
    assert all(swarm.quiet(robot) for robot in swarm.robots)


def test_one_liar_that_calls_it_late_ends_nothing_before_the_deadline() -> None:
    """f + 1 ballots must say that the deadline has passed; here only r1 has begun early."""
    swarm = AgreedSwarm(4, subject={'confidence': 0.999, 'deadline_ns': 2 * SECOND})
    swarm.reconfigure('r1', policies=tuple(
        replace(each, deadline_ns=50 * MILLISECOND) for each in _policies_of(swarm)
    ))
    swarm.world.crash('r1')
    swarm.world.start('r1')
    swarm.run(0.5)
    for robot in swarm.robots:
        swarm.believe(robot, *UNSURE)
    swarm.run(1.5)
    assert not any(swarm.published(robot, 'animal') for robot in swarm.robots[1:])
    swarm.run(1.5)
    assert swarm.published('r2', 'animal')[-1].status is Status.LOW_CONFIDENCE


def _policies_of(swarm: AgreedSwarm) -> tuple:
    return swarm.runtime('r1')._config.policies


def test_a_stubborn_dissenter_costs_a_bounded_number_of_epochs() -> None:
    """With `revise: on_change` it asks again and again; each time costs one epoch at most."""
    swarm = AgreedSwarm(4, subject={'revise': True})
    for robot in swarm.robots[:3]:
        swarm.believe(robot, *SURE_OF_CAT)
    swarm.run(0.5)
    assert swarm.in_force('r4', 'animal') == (1, 'cat')
    before = swarm.epoch('r1', 'animal')
    for _ in range(100):
        swarm.believe('r4', *SURE_OF_DOG)
        for robot in swarm.robots[:3]:
            swarm.believe(robot, *SURE_OF_CAT)
        swarm.run(0.02)
    assert swarm.in_force('r4', 'animal') == (1, 'cat')
    # belief_resend is 0.2 s.
    assert 5 <= swarm.epoch('r1', 'animal') - before <= 11


def test_evidence_that_changes_revises_the_decision() -> None:
    swarm = AgreedSwarm(4, subject={'revise': True})
    for robot in swarm.robots:
        swarm.believe(robot, *SURE_OF_CAT)
    swarm.run(0.5)
    for robot in swarm.robots:
        swarm.believe(robot, *SURE_OF_DOG)
    swarm.run(0.5)
    for robot in swarm.robots:
        assert [(d.revision, d.choice) for d in swarm.published(robot, 'animal')][-1] == (2, 'dog')
    assert len({tuple(d.revision for d in swarm.decisions(r)) for r in swarm.robots}) == 1


def test_with_revise_never_a_belief_on_what_is_decided_is_counted_and_dropped() -> None:
    swarm = AgreedSwarm(4)
    for robot in swarm.robots:
        swarm.believe(robot, *SURE_OF_CAT)
    swarm.run(0.5)
    swarm.believe('r1', *SURE_OF_DOG)
    swarm.run(1.5)
    assert swarm.epoch('r1', 'animal') == 1
    assert swarm.status('r1').status.evidence_dropped['DECIDED'] == 1


@pytest.mark.parametrize(
    ('values', 'hash_', 'age_ns', 'reason'),
    [
        ((0.0, 0.0), 0, 0, 'BAD_VALUES'),
        ((0.0, float('nan'), 0.0), 0, 0, 'BAD_VALUES'),
        ((0.0, 0.0, 0.0), 7, 0, 'WRONG_LABELS'),
        ((0.0, 0.0, 0.0), 0, 6 * SECOND, 'STALE'),
    ],
)
def test_evidence_that_cannot_count_is_dropped_with_the_reason(
    values: tuple[float, ...], hash_: int, age_ns: int, reason: str
) -> None:
    swarm = AgreedSwarm(4)
    swarm.world.put('r1', BeliefSeen('animal', hash_, values, age_ns))
    swarm.run(1.2)
    assert swarm.status('r1').status.evidence_dropped == {reason: 1}
    assert swarm.quiet('r1')


def test_without_a_quorum_evidence_waits_and_says_so_once() -> None:
    """It is decided by itself when the others are back, as far as it is not too old by then."""
    swarm = AgreedSwarm(4)
    swarm.world.crash('r3')
    swarm.world.crash('r4')
    swarm.run(2.5)
    for robot in ('r1', 'r2'):
        swarm.believe(robot, *SURE_OF_CAT)
    swarm.count.take()
    swarm.run(2)
    for robot in ('r1', 'r2'):
        (told,) = swarm.published(robot, 'animal')
        assert told.status is Status.NO_QUORUM
        assert told.reason.startswith('2 of 4 robots are heard, 3 must be')
    assert swarm.count.take() == 0
    swarm.world.start('r3')
    swarm.run(0.5)
    swarm.believe('r3', *SURE_OF_CAT)
    swarm.run(1)
    for robot in ('r1', 'r2', 'r3'):
        assert swarm.published(robot, 'animal')[-1].status is Status.DECIDED


def test_decide_waits_shows_progress_and_is_answered() -> None:
    swarm = AgreedSwarm(4)
    key = swarm.decide('r4', 'animal')
    swarm.run(0.1)
    swarm.believe('r1', *SURE_OF_CAT)
    swarm.run(0.3)
    swarm.believe('r2', *SURE_OF_DOG)
    swarm.run(0.3)
    swarm.believe('r3', *SURE_OF_CAT)
    swarm.run(0.6)
    decision = swarm.decided(key)
    assert decision is not None
    assert (decision.status, decision.choice) == (Status.DECIDED, 'cat')
    told = [each for each in swarm.outputs('r4', DecideProgress) if each.key == key]
    assert [each.view.robots for each in told][:1] == [('r1',)]
    assert all(each.has_quorum for each in told)
    again = swarm.decide('r4', 'animal')
    found = swarm.decided(again)
    assert found is not None and found.choice == 'cat'


def test_a_second_decide_does_not_take_the_view_of_the_first_away() -> None:
    swarm = AgreedSwarm(4)
    first = swarm.decide('r1', 'animal')
    swarm.believe('r1', *SURE_OF_CAT)
    swarm.run(0.1)
    swarm.decide('r1', 'animal')
    swarm.run(0.1)
    told = [each.view for each in swarm.outputs('r1', DecideProgress) if each.key == first]
    assert told and all(view.robots for view in told)


def test_decide_ends_at_its_deadline_with_the_reason() -> None:
    swarm = AgreedSwarm(4)
    key = swarm.decide('r1', 'animal', timeout=0.5)
    swarm.believe('r1', *SURE_OF_CAT)
    swarm.run(1)
    decision = swarm.decided(key)
    assert decision is not None
    assert decision.status is Status.UNDECIDED
    assert decision.reason == 'deadline passed, evidence of 1 robots'
