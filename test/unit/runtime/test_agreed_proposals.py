"""Proposals at the level agreed: each ends once, and its answer says what became of it."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from swarm_testing.agreed_swarm import AgreedSwarm

from swarm_consensus.decision.types import Decision, Status
from swarm_consensus.simulation.network import Faults


def ended(swarm: AgreedSwarm, key: int) -> Decision:
    decision = swarm.proposed(key)
    assert decision is not None, f'request {key} has no answer'
    return decision


def test_compare_and_set_counts_only_at_the_revision_that_it_expects() -> None:
    swarm = AgreedSwarm(4)
    first = swarm.propose('r2', 'charger', 'goal', expected=0)
    swarm.run(0.2)
    assert (ended(swarm, first).status, ended(swarm, first).revision) == (Status.DECIDED, 1)
    assert ended(swarm, first).proposer == 'r2'
    second = swarm.propose('r3', 'exit', 'goal', expected=0)
    swarm.run(0.2)
    refused = ended(swarm, second)
    assert (refused.status, refused.revision, refused.choice) == (Status.REFUSED, 1, 'charger')
    assert refused.reason == 'the subject stands at revision 1, the proposal expected 0'
    third = swarm.propose('r3', 'exit', 'goal', expected=1, value=b'\0\1')
    swarm.run(0.2)
    assert ended(swarm, third).status is Status.DECIDED
    assert {swarm.in_force(robot) for robot in swarm.robots} == {(2, 'exit')}
    assert [d.value for d in swarm.published('r1')] == [b'', b'\0\1']


def test_two_robots_propose_different_things_at_once_and_one_is_decided() -> None:
    swarm = AgreedSwarm(4)
    keys = [swarm.propose(robot, robot, 'goal', expected=0) for robot in ('r1', 'r3')]
    swarm.run(0.5)
    ends = [ended(swarm, key) for key in keys]
    assert sorted(end.status.name for end in ends) == ['DECIDED', 'REFUSED']
    (winner,) = [end for end in ends if end.status is Status.DECIDED]
    assert {swarm.in_force(robot) for robot in swarm.robots} == {(1, winner.choice)}


def test_proposals_of_one_robot_are_under_way_together_and_in_order() -> None:
    """A window of four epochs at once: ten proposals take three turns and not ten."""
    swarm = AgreedSwarm(4)
    keys = [swarm.propose('r1', f'place {n}', 'goal', expected=n) for n in range(10)]
    swarm.run(0.15)
    assert [ended(swarm, key).revision for key in keys] == list(range(1, 11))
    assert all(ended(swarm, key).status is Status.DECIDED for key in keys)
    assert len(swarm.published('r4')) == 10


def test_a_request_repeated_while_it_is_pending_is_one_request() -> None:
    swarm = AgreedSwarm(4)
    keys = [swarm.propose('r1', 'charger', 'goal', request_id='once') for _ in range(3)]
    swarm.run(0.3)
    assert {ended(swarm, key).revision for key in keys} == {1}
    assert swarm.epoch('r1') == 1


def test_a_request_repeated_after_its_end_is_told_the_same() -> None:
    swarm = AgreedSwarm(4)
    first = swarm.propose('r1', 'charger', 'goal', request_id='once')
    swarm.run(0.3)
    swarm.propose('r2', 'exit', 'goal')
    swarm.run(0.3)
    again = swarm.propose('r1', 'charger', 'goal', request_id='once')
    swarm.run(0.3)
    assert replace(ended(swarm, again), latency_s=0.0) == replace(
        ended(swarm, first), latency_s=0.0
    )
    assert swarm.in_force('r4') == (2, 'exit')


def test_a_request_id_of_another_subject_is_refused() -> None:
    swarm = AgreedSwarm(4)
    swarm.propose('r1', 'charger', 'goal', request_id='once')
    pending = swarm.propose('r1', 'charger', 'goal/7', request_id='once')
    swarm.run(0.3)
    late = swarm.propose('r1', 'charger', 'goal/7', request_id='once')
    swarm.run(0.3)
    for key in (pending, late):
        assert ended(swarm, key).status is Status.REFUSED
        assert 'was used for another subject' in ended(swarm, key).reason
    assert swarm.in_force('r1', 'goal/7') == (0, '')


@pytest.mark.parametrize(
    ('request_', 'reason'),
    [
        ({'choice': ''}, 'there is neither a choice nor a value in it'),
        ({'choice': 'x', 'timeout': 0.0}, 'the timeout must be greater than 0 s'),
        ({'choice': 'x', 'value': bytes(32_769)}, 'the value has 32769 bytes'),
        ({'choice': 'x', 'request_id': 'é' * 51}, 'the request id has more than 100 bytes'),
        ({'choice': 'x' * 5000}, 'at most 256 are allowed'),
    ],
)
def test_what_cannot_be_proposed_is_refused_at_once(
    request_: dict[str, object], reason: str
) -> None:
    swarm = AgreedSwarm(4)
    key = swarm.propose('r1', subject='goal', **request_)  # type: ignore[arg-type]
    assert ended(swarm, key).status is Status.REFUSED
    assert reason in ended(swarm, key).reason
    swarm.run(0.3)
    assert swarm.quiet('r1')


def test_a_label_that_is_none_is_refused() -> None:
    swarm = AgreedSwarm(4)
    key = swarm.propose('r1', 'wolf', 'animal')
    assert ended(swarm, key).status is Status.REFUSED


def test_the_largest_value_is_decided_and_comes_to_all_with_loss() -> None:
    swarm = AgreedSwarm(4, 2, Faults(loss=0.2))
    value = Random(1).randbytes(32_768)
    key = swarm.propose('r1', 'map', 'goal', value=value, timeout=20)
    swarm.run(10)
    assert ended(swarm, key).status is Status.DECIDED
    assert [d.value for d in swarm.published('r4')] == [value]


@pytest.mark.parametrize('apart', [0.004, 0.3])
def test_f_and_one_robots_that_propose_the_same_decide_it(apart: float) -> None:
    """One of them may lie, so one does not decide; they need not be there at one moment."""
    swarm = AgreedSwarm(4)
    first = swarm.propose('r1', 'north', 'pact')
    swarm.run(apart)
    second = swarm.propose('r2', 'north', 'pact')
    swarm.run(0.5)
    for key in (first, second):
        assert ended(swarm, key).status is Status.DECIDED
        assert ended(swarm, key).voters == ('r1', 'r2')
    assert {swarm.in_force(robot, 'pact') for robot in swarm.robots} == {(1, 'north')}
    assert all(swarm.quiet(robot) for robot in swarm.robots)


def test_a_proposal_that_nobody_else_stands_behind_is_undecided_at_its_deadline() -> None:
    swarm = AgreedSwarm(4)
    key = swarm.propose('r1', 'north', 'pact', timeout=1.0)
    swarm.run(1.2)
    end = ended(swarm, key)
    assert end.status in (Status.UNDECIDED, Status.UNKNOWN)
    if end.status is Status.UNDECIDED:
        assert end.reason == '1 robot stands behind the same proposal, 2 must'
    swarm.run(1)
    assert swarm.in_force('r1', 'pact') == (0, '')
    assert all(swarm.quiet(robot) for robot in swarm.robots)
    # One epoch each 0.2 s (belief_resend), and not one after another without a pause.
    assert swarm.epoch('r1', 'pact') <= 6


def cut_off(swarm: AgreedSwarm) -> None:
    """Take two of four robots down, and wait until that is noticed."""
    swarm.world.crash('r3')
    swarm.world.crash('r4')
    swarm.run(2.5)


def test_without_a_quorum_a_proposal_says_so_and_is_decided_when_robots_return() -> None:
    swarm = AgreedSwarm(4)
    cut_off(swarm)
    key = swarm.propose('r1', 'charger', 'goal', request_id='once')
    swarm.run(2.5)
    assert ended(swarm, key).status is Status.NO_QUORUM
    assert ended(swarm, key).reason.startswith('2 of 4 robots are heard, 3 must be')
    assert ended(swarm, key).reason.endswith('it may yet be decided')
    swarm.world.start('r3')
    swarm.run(5)
    assert swarm.in_force('r1') == (1, 'charger')
    again = swarm.propose('r1', 'charger', 'goal', request_id='once')
    swarm.run(0.3)
    assert ended(swarm, again).status is Status.DECIDED
    assert swarm.in_force('r1') == (1, 'charger')


def test_what_has_begun_without_a_quorum_goes_on_quietly_and_ends_when_robots_return() -> None:
    swarm = AgreedSwarm(4)
    swarm.world.crash('r3')
    swarm.world.crash('r4')
    key = swarm.propose('r1', 'charger', 'goal', request_id='once', timeout=3)
    swarm.run(4)
    end = ended(swarm, key)
    assert end.status is Status.NO_QUORUM
    assert end.reason.startswith('2 of 4 robots are heard, 3 must be')
    assert end.reason.endswith('it may yet be decided')
    swarm.count.take()
    swarm.run(20)
    # Said again at most every 3.2 s (32 times agreed_resend), by two robots.
    assert swarm.count.take() <= 2 * 2 * 20 / 3.2 + 2
    waits = swarm.propose('r1', 'charger', 'goal', request_id='once', timeout=30)
    swarm.world.start('r3')
    swarm.run(4)
    assert {swarm.in_force(robot) for robot in ('r1', 'r2', 'r3')} == {(1, 'charger')}
    assert ended(swarm, waits).status is Status.DECIDED
    after = swarm.propose('r1', 'charger', 'goal', request_id='once')
    assert ended(swarm, after).revision == 1
    swarm.run(3)
    assert all(swarm.quiet(robot) for robot in ('r1', 'r2', 'r3'))


def test_a_proposal_in_a_partition_is_decided_on_the_larger_side_only() -> None:
    swarm = AgreedSwarm(4)
    swarm.world.network.split([('r1', 'r2', 'r3'), ('r4',)])
    swarm.run(2.5)
    there = swarm.propose('r1', 'charger', 'goal')
    here = swarm.propose('r4', 'exit', 'goal', timeout=1)
    swarm.run(1.5)
    assert ended(swarm, there).status is Status.DECIDED
    assert ended(swarm, here).status is Status.NO_QUORUM
    assert swarm.in_force('r4') == (0, '')
    swarm.world.network.heal()
    swarm.run(1)
    assert {swarm.in_force(robot) for robot in swarm.robots} == {(1, 'charger')}


def test_two_halves_decide_nothing_and_go_on_together_when_they_meet() -> None:
    swarm = AgreedSwarm(4)
    swarm.world.network.split([('r1', 'r2'), ('r3', 'r4')])
    keys = [swarm.propose(robot, robot, 'goal', expected=0, timeout=6) for robot in swarm.robots]
    swarm.run(3)
    assert {swarm.in_force(robot) for robot in swarm.robots} == {(0, '')}
    swarm.world.network.heal()
    swarm.run(3)
    found = {swarm.in_force(robot) for robot in swarm.robots}
    assert len(found) == 1 and found != {(0, '')}
    assert sorted(ended(swarm, key).status.name for key in keys).count('DECIDED') == 1


def test_a_short_split_leaves_nobody_behind() -> None:
    """Shorter than peer_timeout: nobody was missed, and the robot hears of it all the same."""
    swarm = AgreedSwarm(4)
    swarm.world.network.split([('r1', 'r2', 'r3'), ('r4',)])
    key = swarm.propose('r1', 'charger', 'goal')
    swarm.run(0.5)
    assert ended(swarm, key).status is Status.DECIDED
    swarm.world.network.heal()
    swarm.run(3)
    assert swarm.in_force('r4') == (1, 'charger')


@pytest.mark.parametrize('keyed', [False, True])
def test_proposals_from_everywhere_with_loss_end_alike_at_all_robots(keyed: bool) -> None:
    swarm = AgreedSwarm(4, 11, Faults(loss=0.3, duplication=0.1), keyed=keyed)
    random = Random(5)
    keys = []
    for _ in range(20):
        robot = random.choice(swarm.robots)
        expected = random.choice([-1, swarm.in_force(robot)[0]])
        keys.append(swarm.propose(robot, f'place {len(keys)}', 'goal', expected, timeout=20))
        swarm.run(random.random() * 0.2)
    swarm.run(20)
    ends = [ended(swarm, key) for key in keys]
    # A robot that was caught up past an epoch cannot know any more what became of its ballot.
    assert {end.status for end in ends} <= {Status.DECIDED, Status.REFUSED, Status.UNKNOWN}
    assert sum(end.status is Status.UNKNOWN for end in ends) <= 3
    done = [end.revision for end in ends if end.status is Status.DECIDED]
    assert len(done) == len(set(done)) > 5
    assert len({swarm.in_force(robot) for robot in swarm.robots}) == 1


@pytest.mark.parametrize(
    ('robots', 'lies', 'bears'),
    [(1, False, 0), (2, False, 0), (3, False, 1), (5, False, 2), (4, True, 1), (7, True, 2)],
)
def test_swarms_of_any_size_propose_and_read_with_as_many_down_as_they_bear(
    robots: int, lies: bool, bears: int
) -> None:
    swarm = AgreedSwarm(robots, lies=lies, bears=bears)
    down = swarm.robots[robots - bears :]
    for robot in down:
        swarm.world.crash(robot)
    keys = [swarm.propose('r1', f'place {n}', 'goal', expected=n) for n in range(3)]
    read = swarm.read('r1', 'goal')
    swarm.run(1.5)
    assert [ended(swarm, key).revision for key in keys] == [1, 2, 3]
    answer = swarm.was_read(read)
    assert answer is not None and answer.status is Status.DECIDED
    for robot in swarm.robots:
        if robot not in down:
            swarm.world.crash(robot)
    for robot in swarm.robots:
        swarm.world.start(robot)
    swarm.run(3)
    assert {swarm.in_force(robot) for robot in swarm.robots} == {(3, 'place 2')}
    assert all(swarm.quiet(robot) for robot in swarm.robots)
