"""`swarm top` and what it stands on, with real robots over DDS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
import os
import pty
import signal
import subprocess
import sys
import time

from swarm_consensus.client import SwarmClient
from swarm_consensus.live.listener import Listener
from swarm_consensus.views.values import Snapshot

# Generous: the machine may be busy.
WAIT_S = 60.0


def until(listener: Listener, wanted: Callable[[Snapshot], object]) -> Snapshot:
    """Return the picture as soon as it is as wanted."""
    deadline = time.monotonic() + WAIT_S
    while not wanted(snapshot := listener.look()):
        assert time.monotonic() < deadline, snapshot
        time.sleep(0.05)
    return snapshot


def test_the_picture_follows_the_swarm_through_a_kill(swarm, probe):
    """Beliefs, a decision, a task, the death of the leader and its return."""
    with Listener() as listener:
        seen = until(listener, lambda s: s.parts == (tuple(swarm.names),) and s.leader)
        assert (seen.swarm, seen.has_quorum, seen.quorum_size) == ('test_swarm', True, 2)
        assert seen.leader == probe.leader()

        def believed(snapshot: Snapshot) -> bool:
            # Until DDS has matched who looks on, beliefs are for the robots alone.
            for robot in swarm.names:
                probe.believe(robot, 'dog', probability=0.7)
            found = snapshot.subjects
            return bool(found and found[0].answer and len(found[0].beliefs) == 3)

        seen = until(listener, believed)
        (subject,) = seen.subjects
        assert (subject.subject, subject.answer.choice, subject.at_one) == ('animal', 'dog', True)
        assert [belief.choice for belief in subject.beliefs] == ['dog'] * 3
        seen = until(listener, lambda s: len(s.decisions[-1].known_by) == 3)
        assert (seen.decisions[-1].choice, seen.decisions[-1].level) == ('dog', 'committed')

        async def add() -> None:
            async with SwarmClient.connect('robot_1') as client:
                assert (await client.tasks.add('paint', 1.0, 2.0)).done

        asyncio.run(add())
        seen = until(listener, lambda s: s.work.tasks)
        (task,) = seen.work.tasks
        assert (task.task, task.status, task.place_m) == ('paint', 'OPEN', (1.0, 2.0, 0.0))

        leader = seen.leader
        swarm.kill([leader])
        rest = tuple(robot for robot in swarm.names if robot != leader)
        until(
            listener,
            lambda s: (
                s.leader in rest
                and s.out_of_reach == (leader,)
                and s.parts == (rest,)
                and s.has_quorum
            ),
        )
        # The tasks are now asked of another robot.
        until(listener, lambda s: s.work.robot in rest and not s.work.problem and s.work.tasks)
        swarm.start(leader)
        seen = until(listener, lambda s: s.parts == (tuple(swarm.names),))
        # What the robot published again at its boot is no further decision.
        assert [line.subject for line in seen.decisions] == ['animal']


def top(*words: str) -> tuple[int, str, str]:
    """Run `swarm top`; returns exit code, output and errors."""
    command = [sys.executable, '-m', 'swarm_consensus.cli.main', 'top', *words]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ)
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_prints_what_there_is(swarm, probe):
    leader = probe.leader()
    probe.proposed(probe.propose('robot_2', 'goal', 'dock'))
    code, out, error = top()
    assert (code, error) == (0, '')
    assert f'swarm test_swarm, term {probe.statuses[leader].term}, {leader} leads' in out
    assert 'quorum of 2, 3 of 3 robots heard' in out
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert all('alive' in rows[robot] for robot in swarm.names)
    assert any('goal' in line and 'dock' in line and 'DECIDED' in line for line in out.splitlines())
    code, out, error = top('--swarm', 'other')
    assert (code, out, error) == (1, '', 'no robot is heard; there are: test_swarm\n')


def test_where_nobody_is_it_says_so_and_a_senseless_period_is_refused(ros_environment):
    assert top() == (1, '', 'no robot is heard\n')
    assert top('--period', '0') == (2, '', '--period is 0 s, give 0.05 to 60\n')


def test_in_a_terminal_it_goes_on_until_it_is_told_to_end(swarm, probe):
    leader = probe.leader()
    ours, theirs = pty.openpty()
    environment = {**os.environ, 'TERM': 'xterm', 'COLUMNS': '150', 'LINES': '60'}
    command = [sys.executable, '-m', 'swarm_consensus.cli.main', 'top', '--period', '0.1']
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        seen = b''
        try:
            deadline = time.monotonic() + WAIT_S
            while f'{leader} leads'.encode() not in seen or b'3 of 3 robots heard' not in seen:
                assert time.monotonic() < deadline, seen
                seen += os.read(ours, 65_536)
            process.send_signal(signal.SIGINT)
            while True:
                try:
                    # What it still prints must not block it.
                    if not os.read(ours, 65_536):
                        break
                except OSError:
                    break  # Linux says so that nobody has the other end any more
            assert process.wait(WAIT_S) == 130
        finally:
            process.kill()
            os.close(ours)
    # It has a screen of its own, and gives the old one back.
    assert b'\x1b[?1049h' in seen
