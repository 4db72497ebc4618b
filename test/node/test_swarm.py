"""Robots as real processes over real DDS: what they decide together, tuned and managed."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
import pytest
from swarm_testing.robot_processes import LABELS, RobotProcesses
from swarm_testing.swarm_probe import DECIDED, FRAMES, SwarmProbe

from swarm_consensus.msg import Decision, Frame, SwarmStatus
from swarm_consensus.transport.hashes import swarm_hash


@pytest.fixture
def probe(swarm):
    with SwarmProbe(swarm.names) as it:
        yield it


def node_of(robot: str) -> str:
    return f'/{robot}/consensus_node'


# -- agreement ------------------------------------------------------------------------------------


@pytest.mark.parametrize('count', [3, 5])
def test_robots_that_disagree_commit_one_decision_and_hold_equal_logs(processes, count):
    robots = RobotProcesses(processes, count, {'subject.animal.quorum': 'all'})
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        probe.wait_until_ready()
        for number in range(5):
            subject, right = f'animal/{number}', LABELS[number % 3]
            wrong = LABELS[(number + 1) % 3]
            # One robot is quite sure of another answer than the rest.
            for robot in robots.names[:-1]:
                probe.believe(robot, right, subject)
            probe.believe(robots.names[-1], wrong, subject)
            decisions = probe.wait_for_decision(subject)
            assert {d.choice for d in decisions.values()} == {right}
            assert len({(d.index, d.term, d.revision, d.proposer) for d in decisions.values()}) == 1
            for decision in decisions.values():
                assert decision.level == Decision.LEVEL_COMMITTED
                assert sorted(decision.voters) == robots.names
                assert 0.8 <= decision.confidence < 1.0
                assert 0.0 < decision.latency < 20.0
        index, _digest = probe.wait_for_equal_logs()
        assert index >= 5
        logs = [[(d.index, d.subject, d.choice) for d in probe.log(r)] for r in robots.names]
        assert all(log == logs[0] for log in logs)
        # Nobody published a decision twice, or another one.
        for robot in robots.names:
            assert len(probe.decisions[robot]) == 5, probe.decisions[robot]


# -- topics ---------------------------------------------------------------------------------------


def test_swarm_status_names_the_leader_the_members_and_the_quorum(swarm, probe):
    probe.wait_until_ready()
    leader = probe.leader()
    probe.proposed(probe.propose('robot_1', 'goal', 'go'))
    index, digest = probe.wait_for_equal_logs()
    probe.wait_for(
        lambda: all(probe.statuses[r].applied_index == index for r in swarm.names)
        and all(p.match_index == index for p in probe.statuses[leader].peers)
    )
    for robot, status in probe.statuses.items():
        assert (status.swarm, status.robot) == ('test_swarm', robot)
        assert (status.role == SwarmStatus.ROLE_LEADER) == (robot == leader)
        assert status.applied_digest == digest
        assert (status.commit_index, status.last_index) == (index, index)
        assert sorted(status.voters) == swarm.names
        assert (status.quorum_size, status.has_quorum) == (2, True)
        assert sorted(p.robot for p in status.peers) == [r for r in swarm.names if r != robot]
        assert all(p.alive and 0.0 <= p.silence < 5.0 for p in status.peers)
        incarnations = {p.robot: p.incarnation for p in status.peers}
        assert all(incarnations[r] == probe.statuses[r].incarnation for r in incarnations)


# -- parameters -----------------------------------------------------------------------------------


def test_the_weight_of_a_robot_can_be_tuned_while_it_runs(processes):
    robots = RobotProcesses(processes, 3, {'subject.animal.quorum': 'all'})
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        probe.wait_until_ready()

        def decide(subject: str) -> str:
            probe.believe('robot_1', 'cat', subject, probability=0.999)
            probe.believe('robot_2', 'dog', subject, probability=0.8)
            probe.believe('robot_3', 'dog', subject, probability=0.8)
            return probe.wait_for_decision(subject)['robot_2'].choice

        assert decide('animal/1') == 'cat'
        result = probe.set_parameter(node_of('robot_1'), 'weight', 0.01)
        assert result.successful, result.reason
        assert probe.get_parameter(node_of('robot_1'), 'weight') == 0.01
        assert decide('animal/2') == 'dog'


def test_the_comparing_of_evidence_can_be_tuned_while_it_runs(processes):
    # Evidence of one robot alone decides nothing here, so the subject stays open.
    robots = RobotProcesses(processes, 3, {'belief_resend': 60.0, 'subject.animal.deadline': 600.0,
                                           'subject.animal.evidence_age_max': 0.0})  # fmt: skip
    robots.start_all()
    with SwarmProbe(robots.names) as probe:
        frames = probe.collect(Frame, '/swarm/frames/belief', FRAMES)
        probe.wait_until_ready()
        result = probe.set_parameter(node_of('robot_1'), 'belief_resend', 0.05)
        assert result.successful, result.reason
        probe.believe('robot_1', 'cat', 'animal/1')
        probe.believe('robot_2', 'cat', 'animal/2')
        probe.wait_for(lambda: sum(f.sender == 'robot_1' for f in frames) >= 40)
        # The other compares what it holds with each sign of life only, ten times more seldom.
        assert sum(f.sender == 'robot_2' for f in frames) <= 20
        assert all(f.swarm == swarm_hash('test_swarm') for f in frames)


# -- diagnostics and lifecycle --------------------------------------------------------------------


def test_diagnostics_warn_while_there_is_no_quorum(swarm, probe):
    probe.wait_until_ready()
    probe.wait_for(lambda: probe.diagnostics.get('robot_1'))
    assert probe.diagnostics['robot_1'].name == '/robot_1/consensus_node: swarm test_swarm'
    ok, warn = DiagnosticStatus.OK, DiagnosticStatus.WARN
    probe.wait_for(lambda: probe.diagnostics['robot_1'].level == ok)
    assert 'leads in term' in probe.diagnostics['robot_1'].message
    for robot in ('robot_2', 'robot_3'):
        swarm[robot].suspend()
    probe.wait_for(lambda: probe.diagnostics['robot_1'].level == warn)
    probe.wait_for(lambda: '1 of 3 robots heard' in probe.diagnostics['robot_1'].message)
    assert 'no quorum' in probe.diagnostics['robot_1'].message
    assert '2 voters needed' in probe.diagnostics['robot_1'].message
    for robot in ('robot_2', 'robot_3'):
        swarm[robot].resume()
    probe.wait_for(lambda: probe.diagnostics['robot_1'].level == ok)


def test_a_robot_falls_silent_when_deactivated_and_takes_part_again(swarm, probe):
    probe.wait_until_ready()
    node = node_of('robot_3')
    frames = probe.collect(Frame, '/swarm/frames/control', FRAMES)
    probe.wait_for(lambda: any(f.sender == 'robot_3' for f in frames))
    assert probe.change_state(node, Transition.TRANSITION_DEACTIVATE)
    assert probe.state(node) == 'inactive'
    others = ['robot_1', 'robot_2']
    probe.wait_until_ready(others)
    # Its last frames may still be on their way: here they wait behind those of the others.
    at_first = len(frames)
    probe.wait_for(lambda: all(sum(f.sender == r for f in frames[at_first:]) > 10 for r in others))
    frames.clear()
    probe.forget(['robot_3'])
    probe.diagnostics.clear()
    known = len(probe.decisions['robot_3'])
    # The swarm goes on without it. Asked, it says that it is not active; it says nothing unasked.
    for number in range(3):
        decision = probe.proposed(probe.propose('robot_1', f'goal/{number}', 'go'))
        assert decision.status == DECIDED, decision.reason
    refused = probe.proposed(probe.propose('robot_3', 'goal/9', 'go'))
    assert (refused.status, refused.reason) == (
        Decision.STATUS_REFUSED,
        'the node is not active',
    )
    read = probe.read_result(probe.read('robot_3', linearizable=False))
    assert (read.status, read.reason) == (Decision.STATUS_REFUSED, 'the node is not active')
    with pytest.raises(AssertionError, match='rejected'):
        probe.decide('robot_3', 'animal')
    # Both others were heard many times meanwhile, so a frame of the third would be there too.
    probe.wait_for(lambda: all(sum(f.sender == r for f in frames) > 10 for r in others))
    assert not any(f.sender == 'robot_3' for f in frames)
    assert 'robot_3' not in probe.statuses and 'robot_3' not in probe.diagnostics
    assert len(probe.decisions['robot_3']) == known
    # Back again, from the log that it kept, and told what it missed.
    assert probe.change_state(node, Transition.TRANSITION_ACTIVATE)
    probe.wait_until_ready()
    probe.wait_for_decision('goal/2', ['robot_3'])
    probe.wait_for_equal_logs()


def test_a_robot_can_be_cleaned_up_changed_and_configured_again(swarm, probe):
    probe.wait_until_ready()
    node = node_of('robot_3')
    assert probe.change_state(node, Transition.TRANSITION_DEACTIVATE)
    assert probe.change_state(node, Transition.TRANSITION_CLEANUP)
    assert probe.state(node) == 'unconfigured'
    assert probe.set_parameter(node, 'heartbeat_ticks', 4).successful
    assert probe.change_state(node, Transition.TRANSITION_CONFIGURE)
    assert probe.state(node) == 'inactive'
    assert probe.get_parameter(node, 'heartbeat_ticks') == 4
    probe.forget(['robot_3'])
    assert probe.change_state(node, Transition.TRANSITION_ACTIVATE)
    probe.wait_until_ready()
    for robot in swarm.names:
        decision = probe.proposed(probe.propose(robot, f'goal/{robot}', 'go'))
        assert decision.status == DECIDED, decision.reason
    probe.wait_for_equal_logs()
    # The entities were made once more, not twice: one decision is published once.
    probe.wait_for_decision('goal/robot_3')
    assert len(probe.published('robot_3', 'goal/robot_3')) == 1


def test_a_robot_that_was_shut_down_by_its_service_ends_with_code_0(swarm, probe):
    probe.wait_until_ready()
    node = node_of('robot_2')
    assert probe.change_state(node, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert swarm['robot_2'].wait() == 0
    assert 'Traceback' not in swarm['robot_2'].output
