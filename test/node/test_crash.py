"""Robots killed with -9, one by one and all at once, and what their disks keep."""

from __future__ import annotations

from pathlib import Path

from swarm_testing.log_checks import check_logs
from swarm_testing.proposal_load import ProposalLoad
from swarm_testing.robot_processes import SWARM
from swarm_testing.swarm_probe import DECIDED, READY_S


def test_nothing_acknowledged_is_lost_or_doubled_when_the_leader_is_killed(swarm, probe):
    load = ProposalLoad(probe, swarm.names)
    for _ in range(3):
        load.run_for(20)
        victim = probe.leader()
        swarm.kill([victim])
        others = [robot for robot in swarm.names if robot != victim]
        load.run_until(
            lambda: all(probe.statuses[r].leader in others for r in others)  # noqa: B023 -- at once
        )
        load.run_for(20)
        probe.forget([victim])
        swarm.start(victim)
        load.run_until(
            lambda: victim in probe.statuses  # noqa: B023 -- called at once
            and probe.statuses[victim].has_quorum  # noqa: B023
            and probe.statuses[victim].applied_index >= max(load.acknowledged.values())  # noqa: B023
        )
    load.finish()
    assert len(load.acknowledged) >= 120
    probe.wait_until_ready()
    check_logs(probe, load)


def test_the_log_is_there_after_all_robots_were_killed_at_once(swarm, probe):
    load = ProposalLoad(probe, swarm.names)
    load.run_for(50)
    before = {robot: probe.statuses[robot].incarnation for robot in swarm.names}
    swarm.kill(swarm.names)
    known = dict(load.acknowledged)
    probe.forget(swarm.names)
    swarm.start_all()
    probe.wait_until_ready()
    # Read before anything else is proposed: what was acknowledged is there by itself.
    for robot in swarm.names:
        log = {(d.subject, d.choice): d.index for d in probe.log(robot)}
        assert {key: log.get(key) for key in known} == known
    assert all(probe.statuses[robot].incarnation > before[robot] for robot in swarm.names)
    # Those who had no answer yet ask again, and get one.
    load.finish()
    load.run_for(10)
    load.finish()
    check_logs(probe, load)


def test_a_robot_that_missed_much_catches_up(swarm, probe):
    victim = next(robot for robot in swarm.names if robot != probe.leader())
    others = [robot for robot in swarm.names if robot != victim]
    swarm.kill([victim])
    load = ProposalLoad(probe, others)
    load.run_for(100)
    load.finish()
    # More than fits into one frame.
    for number in range(5):
        future = probe.propose(others[0], f'map/{number}', 'tile', value=bytes([number]) * 30_000)
        assert probe.proposed(future).status == DECIDED
    probe.forget([victim])
    probe.decisions[victim].clear()
    swarm.start(victim)
    probe.wait_until_ready()
    check_logs(probe, load)
    # It tells its own users what was decided meanwhile.
    for number in range(5):
        decision = probe.wait_for_decision(f'map/{number}', [victim])[victim]
        assert bytes(decision.value) == bytes([number]) * 30_000


def test_a_second_process_of_a_robot_may_not_use_its_folder(swarm, probe):
    first = swarm['robot_1']
    second = swarm.start('robot_1')
    assert second.wait() == 1
    assert f"process {first.pid} (robot 'robot_1') uses this folder" in second.output
    assert 'end it first, or give each robot its own name or folder' in second.output
    assert 'Traceback' not in second.output
    assert first.alive
    assert probe.proposed(probe.propose('robot_1', 'goal', 'go')).status == DECIDED


def damage_entry(folder: Path, text: bytes) -> None:
    """Change one byte of a log entry that has this text in it, wherever it is on the disk."""
    places = 0
    for file in folder.glob('log.sqlite*'):
        data = bytearray(file.read_bytes())
        at = data.find(text)
        while at >= 0:
            data[at] ^= 1
            places += 1
            at = data.find(text)
        file.write_bytes(data)
    assert places, f'{text!r} is not in {folder}'


def test_a_damaged_log_keeps_a_robot_from_starting_where_that_is_asked_for(swarm, probe, tmp_path):
    assert probe.proposed(probe.propose('robot_1', 'goal', 'gate number seven')).status == DECIDED
    probe.wait_for_decision('goal')
    assert swarm['robot_2'].interrupt() == 0
    folder = tmp_path / 'state' / 'swarm_consensus' / SWARM / 'robot_2'
    damage_entry(folder, b'gate number seven')
    again = swarm.start('robot_2', {'storage_on_damage': 'refuse'})
    assert again.wait() == 2
    assert str(folder / 'log.sqlite') in again.output
    assert 'damaged at' in again.output
    assert 'this robot must not vote with it' in again.output
    assert 'Traceback' not in again.output
    others = ['robot_1', 'robot_3']
    probe.wait_until_ready(others)
    assert probe.proposed(probe.propose('robot_3', 'goal', 'gate number eight')).status == DECIDED


def test_a_robot_with_a_damaged_log_comes_back_without_it_and_catches_up(swarm, probe, tmp_path):
    assert probe.proposed(probe.propose('robot_1', 'goal', 'gate number seven')).status == DECIDED
    probe.wait_for_decision('goal')
    before = probe.statuses['robot_2'].incarnation
    assert swarm['robot_2'].interrupt() == 0
    folder = tmp_path / 'state' / 'swarm_consensus' / SWARM / 'robot_2'
    damage_entry(folder, b'gate number seven')
    probe.forget(['robot_2'])
    again = swarm.start('robot_2')
    probe.wait_for(lambda: 'robot_2' in probe.statuses, READY_S)
    probe.wait_for_equal_logs()
    assert again.alive
    assert probe.statuses['robot_2'].incarnation > before
    (aside,) = folder.glob('damaged-*')
    assert (aside / 'log.sqlite').is_file()
    for said in (str(folder / 'log.sqlite'), 'damaged at log entry', str(aside), 'does not vote'):
        assert said in again.output
