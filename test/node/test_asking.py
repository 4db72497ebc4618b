"""How a robot is asked: services, action, latched topics and parameters, over real DDS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from swarm_testing.environment import UNWANTED, loopback_variables, process_environment
from swarm_testing.processes import ProcessGroup
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import DECIDED, SwarmProbe

from swarm_consensus.composition.domains import reserve_domain_id
from swarm_consensus.msg import Decision

# One swarm for all tests here, which leave it as they found it: each has subjects of its own.
ROBOTS = 3


@pytest.fixture(scope='module')
def group(tmp_path_factory) -> Iterator[ProcessGroup]:
    folder = tmp_path_factory.mktemp('asking')
    with reserve_domain_id() as domain_id, pytest.MonkeyPatch.context() as patch:
        for name in UNWANTED:
            patch.delenv(name, raising=False)
        for name, value in loopback_variables(domain_id, folder).items():
            patch.setenv(name, value)
        with ProcessGroup(process_environment(domain_id, folder)) as processes:
            yield processes


@pytest.fixture(scope='module')
def swarm(group) -> RobotProcesses:
    robots = RobotProcesses(group, ROBOTS)
    robots.start_all()
    return robots


@pytest.fixture(scope='module')
def probe(swarm) -> Iterator[SwarmProbe]:
    with SwarmProbe(swarm.names) as it:
        it.wait_until_ready()
        yield it


@pytest.fixture(autouse=True)
def report(group) -> Iterator[None]:
    """Print what the robots said; pytest shows it with a failed test."""
    yield
    print(group.report())


def test_every_robot_takes_proposals_and_every_robot_reads_them_at_once(swarm, probe):
    for robot in swarm.names:
        value = f'from {robot}'.encode()
        future = probe.propose(robot, f'target/{robot}', 'north', value=list(value))
        decision = probe.proposed(future)
        assert decision.status == DECIDED, decision.reason
        assert (decision.choice, bytes(decision.value)) == ('north', value)
        assert (decision.proposer, decision.revision, decision.confidence) == (robot, 1, 1.0)
        # A linearizable read sees what was acknowledged before it began, wherever it is asked.
        for reader in swarm.names:
            answer = probe.read_result(probe.read(reader, f'target/{robot}'))
            assert answer.status == DECIDED, (reader, answer.reason)
            (seen,) = answer.decisions
            assert (seen.choice, bytes(seen.value), seen.index) == ('north', value, decision.index)
            assert answer.applied_index >= decision.index
    assert probe.read_result(probe.read(swarm.names[0], 'never decided')).decisions == []


def test_proposals_with_an_expected_revision_exclude_each_other(swarm, probe):
    futures = [probe.propose(r, 'driver', r, expected_revision=0) for r in swarm.names]
    answers = [probe.proposed(future) for future in futures]
    won = [answer for answer in answers if answer.status == DECIDED]
    lost = [answer for answer in answers if answer.status == Decision.STATUS_REFUSED]
    assert (len(won), len(lost)) == (1, 2)
    assert all(answer.choice == won[0].choice for answer in lost)
    assert all('stands at revision 1, the proposal expected 0' in a.reason for a in lost)


def test_a_request_that_is_repeated_elsewhere_is_applied_once(swarm, probe):
    first = probe.proposed(probe.propose('robot_1', 'route', 'left', request_id='request 1'))
    futures = [probe.propose(r, 'route', 'left', request_id='request 1') for r in swarm.names]
    again = [probe.proposed(future) for future in futures]
    assert {a.index for a in again} == {first.index}
    assert {(a.status, a.revision) for a in again} == {(DECIDED, 1)}
    assert [d.index for d in probe.log('robot_2') if d.subject == 'route'] == [first.index]


def test_a_proposal_that_can_not_be_is_refused_with_the_reason(swarm, probe):
    before = [d.index for d in probe.log('robot_1')]
    for fields, reason in (
        ({'subject': '', 'choice': 'x'}, 'the subject is empty'),
        ({'subject': 'animal', 'choice': 'cow'}, "'cow' is not a label of subject 'animal'"),
        ({'subject': 'map', 'choice': 'x', 'timeout': 0.0}, 'the timeout must be greater than 0'),
        ({'subject': 'map', 'choice': 'x', 'timeout': float('nan')}, 'the timeout must be greater'),
        ({'subject': 'map', 'choice': 'x', 'value': bytes(40_000)}, 'value_bytes_max allows 32768'),
        ({'subject': 'x' * 100_000, 'choice': 'x'}, '256'),
    ):
        decision = probe.proposed(probe.propose(swarm.names[0], **fields))
        assert decision.status == Decision.STATUS_REFUSED
        assert reason in decision.reason
        assert (decision.index, decision.revision) == (0, 0)
    assert [d.index for d in probe.log('robot_1')] == before


# -- the action -----------------------------------------------------------------------------------


def test_the_action_tells_what_the_evidence_says_and_ends_with_the_decision(swarm, probe):
    goal = probe.decide('robot_2', 'animal', timeout=20.0)
    probe.believe('robot_1', 'fox')
    probe.wait_for(lambda: [f for f in goal.feedback if list(f.robots) == ['robot_1']])
    feedback = goal.feedback[-1]
    assert (feedback.leading, feedback.has_quorum) == ('fox', True)
    assert feedback.confidence == pytest.approx(0.9, abs=0.01)
    assert not goal.done
    probe.believe('robot_2', 'fox')
    probe.believe('robot_3', 'fox')
    probe.wait_for(lambda: goal.done)
    assert goal.succeeded
    assert (goal.decision.choice, goal.decision.status) == ('fox', DECIDED)
    # Asked again, the answer is there already; a newer revision is waited for until its deadline.
    again = probe.decide('robot_3', 'animal', timeout=20.0)
    probe.wait_for(lambda: again.done)
    assert again.succeeded and again.decision.index == goal.decision.index
    newer = probe.decide('robot_3', 'animal', revision_min=2, timeout=0.2)
    probe.wait_for(lambda: newer.done)
    assert newer.aborted and newer.decision.status == Decision.STATUS_UNDECIDED


def test_the_action_can_be_cancelled_and_has_a_deadline(swarm, probe):
    goal = probe.decide('robot_1', 'animal/1', timeout=60.0)
    other = probe.decide('robot_1', 'animal/1', timeout=60.0)
    answer = goal.handle.cancel_goal_async()
    probe.wait_for(answer.done)
    assert len(answer.result().goals_canceling) == 1
    probe.wait_for(lambda: goal.done)
    assert goal.cancelled
    assert goal.decision.index == 0
    late = probe.decide('robot_1', 'animal/2', timeout=0.3)
    probe.wait_for(lambda: late.done)
    assert late.aborted
    assert late.decision.status == Decision.STATUS_UNDECIDED
    assert 'deadline passed' in late.decision.reason
    # The one beside it that was not cancelled still gets its answer.
    assert not other.done
    for robot in swarm.names:
        probe.believe(robot, 'dog', 'animal/1')
    probe.wait_for(lambda: other.done)
    assert other.succeeded and other.decision.choice == 'dog'


# -- topics ---------------------------------------------------------------------------------------


def test_who_subscribes_late_gets_the_decisions_that_were_made(swarm, probe):
    for number in range(4):
        assert probe.proposed(probe.propose('robot_1', f'goal/{number}', 'go')).status == DECIDED
    for number in range(4):
        probe.wait_for_decision(f'goal/{number}')
    with SwarmProbe(swarm.names, 'late_probe') as late:
        for robot in swarm.names:
            known = probe.decisions[robot]
            late.wait_for(lambda: len(late.decisions[robot]) == len(known))  # noqa: B023 -- called at once
            assert late.decisions[robot] == known
            assert [f'goal/{n}' for n in range(4)] == [
                d.subject for d in late.decisions[robot] if d.subject.startswith('goal/')
            ]
        # The last status is latched as well.
        late.wait_for(lambda: sorted(late.statuses) == swarm.names)


# -- parameters -----------------------------------------------------------------------------------


def test_wrong_values_and_fixed_parameters_are_refused_with_the_reason(swarm, probe):
    node = '/robot_1/consensus_node'
    for name, value, reason in (
        ('weight', -1.0, 'weight out of range'),
        ('weight', 'heavy', 'Wrong parameter type'),
        ('belief_resend', 0.001, 'belief_resend out of range'),
        ('election_ticks', 40, 'election_ticks cannot change while the node is configured; take'),
        ('robot', 'robot_2', 'robot cannot change while the node is configured'),
        ('subject.animal.confidence', 0.1, 'cannot change while the node is configured'),
    ):
        before = probe.get_parameter(node, name)
        result = probe.set_parameter(node, name, value)
        assert not result.successful, name
        assert reason in result.reason
        assert probe.get_parameter(node, name) == before
