"""The whole loop of several robots on virtual time: beliefs in, decisions out."""

from __future__ import annotations

from random import Random

import pytest
from swarm_testing.virtual_swarm import Swarm, names, policy

from swarm_consensus.decision.types import Level, Status
from swarm_consensus.runtime.config import MILLISECOND, SECOND, RuntimeConfig
from swarm_consensus.runtime.events import BeliefSeen, DecideProgress, NameTaken, Notice
from swarm_consensus.simulation.network import Faults
from swarm_consensus.simulation.world import World


@pytest.mark.parametrize('robots', [1, 3, 5])
def test_beliefs_become_one_committed_decision_on_all_robots(robots: int) -> None:
    """Every robot publishes the same decision once, with all voters behind it."""
    swarm = Swarm(robots)
    swarm.elect()
    for robot in swarm.robots:
        swarm.believe(robot, 0.85, 0.1, 0.05)
    swarm.run(1.0)
    decisions = [swarm.decisions(robot) for robot in swarm.robots]
    assert all(len(d) == 1 for d in decisions)
    first = decisions[0][0]
    assert (first.choice, first.status, first.level) == ('cat', Status.DECIDED, Level.COMMITTED)
    assert first.voters == swarm.robots
    told = {(d[0].index, d[0].choice, d[0].revision) for d in decisions}
    assert told == {(first.index, 'cat', 1)}
    assert all(d[0].latency_s < 0.1 for d in decisions)
    assert len(set(swarm.digests().values())) == 1


def test_a_hundred_robots_decide() -> None:
    """The largest swarm that is promised: nothing on the wire is too long for it."""
    swarm = Swarm(100)
    swarm.elect()
    key = swarm.propose('r100', 'all of us')
    swarm.run(1.0)
    decision = swarm.proposed(key)
    assert decision is not None
    assert decision.status is Status.DECIDED
    assert {d.choice for robot in swarm.robots for d in swarm.decisions(robot)} == {'all of us'}


def test_the_sum_of_weak_evidence_decides() -> None:
    """No robot alone is sure enough; together they are, and the two outvote the one."""
    swarm = Swarm(3)
    swarm.elect()
    swarm.believe('r1', 0.62, 0.19, 0.19)
    swarm.believe('r2', 0.75, 0.15, 0.10)
    swarm.believe('r3', 0.30, 0.40, 0.30)
    swarm.run(2.0)
    (decision,) = swarm.decisions('r2')
    assert decision.choice == 'cat'
    expected = 0.62 * 0.75 * 0.3
    rest = 0.19 * 0.15 * 0.4 + 0.19 * 0.1 * 0.3
    assert decision.confidence == pytest.approx(expected / (expected + rest))


def test_other_robots_decide_when_the_leader_sees_nothing() -> None:
    """A leader that gets no evidence, not even by radio, does not block the swarm."""
    swarm = Swarm(3)
    leader = swarm.elect()
    others = [robot for robot in swarm.robots if robot != leader]
    for robot in others:
        swarm.believe(robot, 0.9, 0.05, 0.05, subject='animal/1')
    swarm.run(1.0)
    assert [d.choice for d in swarm.decisions(leader)] == ['cat']


def test_proposals_from_any_robot_and_linearizable_reads() -> None:
    """A read after an acknowledged proposal sees it, wherever it is asked."""
    swarm = Swarm(3)
    swarm.elect()
    for number, robot in enumerate(swarm.robots, start=1):
        key = swarm.propose(robot, f'choice {number}', value=bytes([number]))
        swarm.run(0.5)
        answer = swarm.proposed(key)
        assert answer is not None
        assert (answer.status, answer.revision) == (Status.DECIDED, number)
        for reader in swarm.robots:
            read = swarm.read(reader, 'target')
            swarm.run(0.3)
            found = swarm.was_read(read)
            assert found is not None
            assert [d.choice for d in found.decisions] == [f'choice {number}']
    log = swarm.read('r1')
    swarm.run(0.3)
    result = swarm.was_read(log)
    assert result is not None
    assert [d.value for d in result.decisions] == [b'\1', b'\2', b'\3']


def test_expected_revision_and_request_id() -> None:
    """Compare-and-set refuses with the decision in force; a repeated request acts once."""
    swarm = Swarm(3)
    swarm.elect()
    one = swarm.propose('r1', 'x', expected=0, request_id='same')
    swarm.run(0.5)
    two = swarm.propose('r2', 'y', expected=0)
    again = swarm.propose('r3', 'x', expected=0, request_id='same')
    swarm.run(0.5)
    first, refused, repeated = (swarm.proposed(key) for key in (one, two, again))
    assert first is not None and refused is not None and repeated is not None
    assert refused.status is Status.REFUSED
    assert (refused.choice, refused.revision) == ('x', 1)
    assert repeated.status is Status.DECIDED
    assert repeated.index == first.index


@pytest.mark.parametrize('robot', ['r1', 'r2', 'r3'])
@pytest.mark.parametrize('choice', ['x', 'y'])
def test_a_request_repeated_at_its_robot_gets_its_first_outcome(robot: str, choice: str) -> None:
    """Leader or not, and even if the repetition asks for something else, it is answered."""
    swarm = Swarm(3)
    swarm.elect()
    one = swarm.propose(robot, 'x', request_id='same')
    swarm.run(0.5)
    again = swarm.propose(robot, choice, request_id='same')
    swarm.run(0.1)
    first, repeated = swarm.proposed(one), swarm.proposed(again)
    assert first is not None and repeated is not None
    assert (repeated.status, repeated.choice) == (Status.DECIDED, 'x')
    assert (repeated.index, repeated.revision) == (first.index, 1)


@pytest.mark.parametrize(
    ('subject', 'choice', 'value', 'reason'),
    [
        ('', 'x', b'', 'subject is empty'),
        ('animal', 'cow', b'', "'cow' is not a label of subject 'animal' (cat, dog, fox)"),
        ('target', 'x', b'v' * 40_000, 'value_bytes_max'),
        ('target', 'x' * 300, b'', 'at most 256 are allowed'),
        ('mood', 'good', b'', 'decided from beliefs only'),
    ],
)
def test_wrong_proposals_are_refused_with_the_reason(
    subject: str, choice: str, value: bytes, reason: str
) -> None:
    """At once, at the robot that was asked."""
    fused = policy(3, name='mood', level=Level.FUSED)
    swarm = Swarm(3, policies=[policy(3), fused])
    swarm.elect()
    answer = swarm.proposed(swarm.propose('r1', choice, subject, value=value))
    assert answer is not None
    assert answer.status is Status.REFUSED
    assert reason in answer.reason


def test_minority_says_no_quorum_and_recovers() -> None:
    """Cut off, a robot refuses and says why; healed, it has what the majority decided."""
    swarm = Swarm(5, policies=[policy(5, quorum=1)])
    swarm.elect()
    majority, minority = swarm.robots[:3], swarm.robots[3:]
    swarm.world.network.split([majority, minority])
    swarm.run(3.0)
    assert not swarm.status('r5').status.has_quorum
    assert swarm.status('r5').status.alive == minority
    proposal = swarm.propose('r5', 'alone', timeout=1.0)
    read = swarm.read('r4', timeout=1.0)
    stale = swarm.read('r4', linearizable=False)
    wait = swarm.decide('r5', timeout=1.0)
    swarm.believe('r5', 0.9, 0.05, 0.05)
    kept = swarm.propose('r1', 'together')
    swarm.run(2.0)
    refused, unread, waited = swarm.proposed(proposal), swarm.was_read(read), swarm.decided(wait)
    assert refused is not None and refused.status is Status.NO_QUORUM
    assert unread is not None and unread.status is Status.NO_QUORUM
    assert swarm.was_read(stale) is not None
    assert waited is not None and waited.status is Status.NO_QUORUM
    assert [d.status for d in swarm.decisions('r5')] == [Status.NO_QUORUM]
    done = swarm.proposed(kept)
    assert done is not None and done.status is Status.DECIDED
    swarm.world.network.heal()
    swarm.run(4.0)
    assert len(set(swarm.digests().values())) == 1
    assert 'together' in [d.choice for d in swarm.decisions('r5')]
    assert 'alone' not in [d.choice for d in swarm.decisions('r5')]


def test_leader_crash_loses_nothing_and_the_swarm_goes_on() -> None:
    """What was acknowledged is on every robot, also on the one that crashed and came back."""
    swarm = Swarm(5)
    leader = swarm.elect()
    keys = [swarm.propose(robot, f'before {robot}') for robot in swarm.robots]
    swarm.run(0.5)
    swarm.world.crash(leader)
    after = [swarm.propose(r, f'after {r}', timeout=5.0) for r in swarm.robots if r != leader]
    swarm.run(5.0)
    assert all((d := swarm.proposed(k)) and d.status is Status.DECIDED for k in keys + after)
    swarm.world.start(leader)
    swarm.run(2.0)
    assert len(set(swarm.digests().values())) == 1
    read = swarm.read(leader)
    swarm.run(0.5)
    result = swarm.was_read(read)
    assert result is not None
    assert len(result.decisions) == 9


def test_fused_goes_on_in_every_part_of_a_split_swarm() -> None:
    """Each part answers alone and says how many robots are in the answer."""
    swarm = Swarm(4, policies=[policy(4, level=Level.FUSED, quorum=1, settle_ns=0)])
    swarm.run(1.0)
    swarm.world.network.split([('r1', 'r2'), ('r3', 'r4')])
    for robot in ('r1', 'r2'):
        swarm.believe(robot, 0.9, 0.05, 0.05)
    for robot in ('r3', 'r4'):
        swarm.believe(robot, 0.05, 0.9, 0.05)
    swarm.run(0.5)
    left, right = swarm.decisions('r1')[-1], swarm.decisions('r4')[-1]
    assert (left.choice, left.voters, left.level) == ('cat', ('r1', 'r2'), Level.FUSED)
    assert (right.choice, right.voters) == ('dog', ('r3', 'r4'))
    assert left.index == 0


def test_revise_on_change_follows_new_evidence_and_never_does_not() -> None:
    """Evidence that confirms makes no new decision; evidence for another label does."""
    revised = policy(3, name='weather', revise=True)
    swarm = Swarm(3, policies=[policy(3), revised])
    swarm.elect()
    for probabilities in ((0.9, 0.05, 0.05), (0.8, 0.1, 0.1), (0.05, 0.9, 0.05)):
        for robot in swarm.robots:
            swarm.believe(robot, *probabilities)
            swarm.believe(robot, *probabilities, subject='weather')
        swarm.run(2.0)
    assert [(d.revision, d.choice) for d in swarm.decisions('r1') if d.subject == 'animal'] == [
        (1, 'cat')
    ]
    assert [(d.revision, d.choice) for d in swarm.decisions('r1') if d.subject == 'weather'] == [
        (1, 'cat'),
        (2, 'dog'),
    ]


def test_too_little_evidence_is_undecided_with_the_reason() -> None:
    """One robot of three has seen something: at the deadline there is no answer, said once."""
    swarm = Swarm(3)
    swarm.elect()
    swarm.believe('r1', 0.9, 0.05, 0.05)
    wait = swarm.decide('r2', timeout=3.0)
    swarm.run(4.0)
    (told,) = swarm.decisions('r1')
    assert told.status is Status.UNDECIDED
    assert 'evidence of 1 robots' in told.reason
    answer = swarm.decided(wait)
    assert answer is not None
    assert answer.status is Status.UNDECIDED
    assert any(o.view.robots == ('r1',) for o in swarm.outputs('r2', DecideProgress))


def test_full_disk_stops_the_log_and_loses_nothing() -> None:
    """The robot says so, refuses, and goes on when there is room; the others never stop."""
    swarm = Swarm(3)
    leader = swarm.elect()
    victim = next(robot for robot in swarm.robots if robot != leader)
    swarm.world.disk(victim).full = True
    first = swarm.propose(leader, 'while full')
    swarm.run(1.0)
    done = swarm.proposed(first)
    assert done is not None and done.status is Status.DECIDED
    refused = swarm.proposed(swarm.propose(victim, 'no'))
    assert refused is not None
    assert (refused.status, refused.reason) == (Status.REFUSED, 'the disk of this robot is full')
    assert sum('the log has stopped' in n.text for n in swarm.outputs(victim, Notice)) == 1
    swarm.world.disk(victim).full = False
    swarm.run(2.0)
    assert any('room on the disk' in n.text for n in swarm.outputs(victim, Notice))
    assert len(set(swarm.digests().values())) == 1


def twins(pause_ns: int, probe_ns: int = SECOND) -> list[tuple[int, str, str]]:
    """Two robots named r1, the second `pause_ns` after the first; returns who was refused."""
    refused: list[tuple[int, str, str]] = []

    def listen(time_ns: int, place: str, output: object) -> None:
        if isinstance(output, NameTaken):
            refused.append((time_ns, place, output.reason))

    config = RuntimeConfig('zoo', 'r1', names(1), (), name_probe_ns=probe_ns)
    world = World(3, [config], listener=listen)
    world.at(pause_ns, lambda: world.add(config, 'second r1'))
    world.run(pause_ns + 5 * SECOND)
    return refused


@pytest.mark.parametrize('pause_ms', [1, 200, 950, 1001, 5000])
def test_one_of_two_robots_of_the_same_name_is_refused(pause_ms: int) -> None:
    """A newcomer gives way to the one that takes part; of two that probe, exactly one goes."""
    refused = twins(pause_ms * MILLISECOND)
    assert len(refused) == 1
    _, place, reason = refused[0]
    assert "another robot named 'r1' is in swarm 'zoo'" in reason
    if pause_ms > 1000:
        assert place == 'second r1'


def test_a_refused_newcomer_leaves_the_robot_of_its_name_in_the_swarm() -> None:
    """Though its boot was a later one, the others go on listening to the first."""
    swarm = Swarm(3, name_probe_ns=SECOND)
    leader = swarm.elect()
    config = RuntimeConfig('zoo', leader, names(3), ())
    swarm.world.add(config, 'namesake')
    swarm.run(2.0)
    swarm.world.crash('namesake')
    swarm.world.start('namesake')
    swarm.run(2.0)
    assert len(swarm.outputs('namesake', NameTaken)) == 2
    assert not swarm.outputs(leader, NameTaken)
    assert swarm.leader == leader
    for robot in swarm.robots:
        key = swarm.propose(robot, robot)
        swarm.run(0.5)
        answer = swarm.proposed(key)
        assert answer is not None and answer.status is Status.DECIDED


def test_a_newcomer_that_the_robot_of_its_name_cannot_hear_is_told_by_the_others() -> None:
    """Discovery takes seconds at times; who hears both answers for the one that does not."""
    swarm = Swarm(3, name_probe_ns=SECOND)
    leader = swarm.elect()
    swarm.world.network.cut_one_way(leader, 'namesake')
    swarm.world.network.cut_one_way('namesake', leader)
    swarm.world.add(RuntimeConfig('zoo', leader, names(3), ()), 'namesake')
    swarm.run(2.0)
    assert len(swarm.outputs('namesake', NameTaken)) == 1
    assert not swarm.outputs(leader, NameTaken)
    assert swarm.leader == leader


def test_a_robot_that_hears_nobody_listens_longer_and_then_takes_part() -> None:
    """It may be the others who are late; alone it can still serve its own users."""
    swarm = Swarm(3, name_probe_ns=SECOND)
    swarm.world.network.split([['r1'], ['r2', 'r3']])
    swarm.run(3.0)
    early = swarm.propose('r1', 'a', timeout=0.5)
    assert swarm.proposed(early) is None
    swarm.run(3.0)
    answer = swarm.proposed(early)
    assert answer is not None and answer.status is Status.NO_QUORUM


def test_a_robot_that_reboots_at_once_is_not_taken_for_its_own_namesake() -> None:
    """Though frames of its previous boot may still be on their way."""
    faults = Faults(delay_max_ns=200 * MILLISECOND)
    for seed in range(20):
        swarm = Swarm(3, seed, faults, name_probe_ns=SECOND)
        victim = swarm.elect()
        swarm.world.crash(victim)
        swarm.world.start(victim)
        swarm.run(5.0)
        assert not swarm.outputs(victim, NameTaken), f'seed {seed}'


def test_frames_held_up_over_a_reboot_are_not_taken_for_a_namesake() -> None:
    """A clogged link lets go of what the last boot said when the next one listens already."""
    for seed in range(10):
        swarm = Swarm(3, seed, name_probe_ns=SECOND)
        victim = swarm.elect()
        delay_ns = 700 * MILLISECOND
        swarm.world.network.faults = Faults(delay_min_ns=delay_ns, delay_max_ns=delay_ns)
        swarm.run(0.1)
        swarm.world.crash(victim)
        swarm.world.network.faults = Faults()
        swarm.world.start(victim)
        swarm.run(5.0)
        assert not swarm.outputs(victim, NameTaken), f'seed {seed}'


def test_two_robots_of_one_name_that_never_probed_part_when_they_meet() -> None:
    """As after a split: exactly one stays."""
    assert len(twins(SECOND, probe_ns=0)) == 1


def test_beliefs_before_the_election_are_decided_after_it() -> None:
    """Evidence that comes while there is no leader yet is not lost."""
    swarm = Swarm(3)
    for robot in swarm.robots:
        swarm.believe(robot, 0.9, 0.05, 0.05)
    swarm.run(4.0)
    assert [d.choice for d in swarm.decisions('r1') if d.status.answered] == ['cat']


def test_subject_too_long_for_the_wire_is_counted_and_harms_nobody() -> None:
    """A sensor that names its objects endlessly does not stop the robot."""
    swarm = Swarm(1)
    swarm.elect()
    swarm.believe('r1', 0.9, 0.05, 0.05, subject='animal/' + 'x' * 300)
    swarm.believe('r1', 0.9, 0.05, 0.05)
    swarm.run(2.0)
    assert [d.subject for d in swarm.decisions('r1')] == ['animal']
    assert swarm.status('r1').status.evidence_dropped == {'SUBJECT_TOO_LONG': 1}


def test_two_runs_of_a_seed_tell_the_same() -> None:
    """Everything told, with its time, is equal."""

    def told(seed: int) -> list[str]:
        faults = Faults(loss=0.2, duplication=0.2, delay_max_ns=30 * MILLISECOND)
        swarm = Swarm(4, seed=seed, faults=faults)
        for n in range(20):
            swarm.world.put(
                swarm.robots[n % 4], BeliefSeen(f'animal/{n // 4}', 0, (-0.1, -2.0, -3.0), 0)
            )
            swarm.run(0.2)
        swarm.run(3.0)
        return [repr(item) for item in swarm.told]

    assert told(5) == told(5)
    assert told(5) != told(6)


@pytest.mark.parametrize('seed', range(25))
def test_faults_by_seed_lose_and_repeat_nothing(seed: int) -> None:
    """
    Loss, delay, splits and crashes under proposals and beliefs; then healed, all agree.

    Each acknowledged proposal stands in the log once; no robot publishes two decisions for one
    revision, and no two robots different ones.
    """
    draw = Random(seed)
    faults = Faults(
        loss=draw.choice([0.0, 0.1, 0.3]),
        duplication=draw.choice([0.0, 0.2]),
        delay_max_ns=draw.choice([1, 20, 80]) * MILLISECOND,
    )
    swarm = Swarm(draw.choice([3, 5]), seed=seed, faults=faults)
    keys = []
    for n in range(30):
        event = draw.random()
        robot = draw.choice(swarm.robots)
        up = [r for r in swarm.robots if swarm.world.up(r)]
        if event < 0.15 and len(up) > 1:
            swarm.world.crash(robot)
        elif event < 0.35:
            if not swarm.world.up(robot):
                swarm.world.start(robot)
        elif event < 0.45:
            cut = draw.sample(swarm.robots, draw.randint(1, len(swarm.robots) - 1))
            swarm.world.network.split([cut, [r for r in swarm.robots if r not in cut]])
        elif event < 0.6:
            swarm.world.network.heal()
        for r in up:
            if draw.random() < 0.7:
                swarm.believe(r, 0.8, 0.1, 0.1, subject=f'animal/{n}')
        keys.append((n, swarm.propose(robot, f'choice {n}', subject=f'target {n}')))
        swarm.run(draw.choice([0.05, 0.3, 1.0]))
    swarm.world.network.heal()
    swarm.world.network.faults = Faults()
    for robot in swarm.robots:
        if not swarm.world.up(robot):
            swarm.world.start(robot)
    swarm.run(8.0)
    digests = swarm.digests()
    assert len(set(digests.values())) == 1, f'seed {seed}: {digests}'
    read = swarm.read('r1')
    swarm.run(1.0)
    result = swarm.was_read(read)
    assert result is not None and result.status is Status.DECIDED, f'seed {seed}'
    in_log = {d.index: d for d in result.decisions}
    for n, key in keys:
        answer = swarm.proposed(key)
        if answer is not None and answer.status is Status.DECIDED:
            assert in_log[answer.index].choice == f'choice {n}', f'seed {seed}'
            copies = [d for d in in_log.values() if d.subject == f'target {n}']
            assert len(copies) == 1, f'seed {seed}: {copies}'
    for robot in swarm.robots:
        for made in swarm.decisions(robot):
            if made.status.answered:
                stored = in_log[made.index]
                assert (stored.subject, stored.choice) == (made.subject, made.choice), (
                    f'seed {seed}'
                )
    assert len({(d.subject, d.revision) for d in in_log.values()}) == len(in_log), f'seed {seed}'
