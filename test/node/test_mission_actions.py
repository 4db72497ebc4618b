"""Activities that are ROS actions, against a real server over DDS: each way that a goal can go."""

from __future__ import annotations

import asyncio
from collections import Counter
import sys
import time

import pytest
from swarm_testing.mission_robots import PARAMETERS, SUPPORT, WAIT_S, MissionRobots, begun, ended

from swarm_consensus.client import MissionStatus, SwarmClient

ROBOT = 'robot_1'


class Works:
    """One robot with the action `work` beside it, and its missions."""

    def __init__(self, processes, folder):
        self.processes, self.folder = processes, folder
        self.robots = MissionRobots(processes, 1, PARAMETERS)
        self.robots.start_all()
        self.serve()

    def serve(self):
        command = [sys.executable, '-m', 'swarm_testing.action_server', '--ros-args']
        command += ['-r', f'__ns:=/{ROBOT}']
        environment = {**self.processes.environment, 'PYTHONPATH': str(SUPPORT)}
        self.server = self.processes.start(command, 'server', environment)

    async def begin(self, client, mission, what, *, takes=0.5, times=0, retry=None, **options):
        goal = {
            'name': what, 'mission': str(self.folder / mission), 'timeout': takes,
            'input': str(times),
        }
        given = {'goal': goal, 'undo': {'folder': str(self.folder)}, 'options': options}
        await begun(client, mission, 'work', {**given, 'retry': retry or {}})

    async def until(self, mission, *words):
        """Wait until the server has written something down."""
        deadline = time.monotonic() + WAIT_S
        while self.said(mission) != list(words):
            assert time.monotonic() < deadline, (self.said(mission), words)
            await asyncio.sleep(0.05)

    def said(self, mission):
        file = self.folder / mission
        return file.read_text().split() if file.exists() else []

    @property
    def undone(self):
        """How many missions were compensated."""
        return len(list(self.folder.glob('effect *')))


@pytest.fixture
def works(processes, tmp_path):
    return Works(processes, tmp_path)


def kinds_of(found):
    """The events of a history, counted."""
    return Counter(event.kind for event in found.history)


def run(works, go):
    async def main():
        async with SwarmClient.connect(ROBOT) as client:
            await go(client)

    asyncio.run(main())
    assert works.robots[ROBOT].alive
    assert 'Traceback' not in works.robots[ROBOT].output


def test_results_rejections_and_aborts(works):
    """The result is the result; what fails is tried again, and then compensated."""

    async def go(client):
        await works.begin(client, 'well', 'well')
        await works.begin(client, 'rejected', 'rejected', times=2)
        await works.begin(client, 'aborted', 'aborted', times=2)
        await works.begin(client, 'hopeless', 'aborted', times=99, retry={'attempts_max': 3})
        await works.begin(client, 'final', 'aborted', times=99, retry={'final_kinds': ['Aborted']})
        for mission in ('well', 'rejected', 'aborted'):
            found = await ended(client, mission)
            report = found.missions[0]
            assert report.status is MissionStatus.COMPLETED, report
            assert report.result['begun'] and report.result['state']['reason'] == 'well'
            assert kinds_of(found)['ActivityFailed'] == (0 if mission == 'well' else 2)
        assert works.said('rejected') == ['rejected', 'rejected', 'begun', 'succeeded']
        assert works.said('aborted') == ['begun', 'aborted'] * 2 + ['begun', 'succeeded']
        for mission, attempts in (('hopeless', 3), ('final', 1)):
            report = (await ended(client, mission)).missions[0]
            assert (report.status, report.error) == (MissionStatus.FAILED, 'Aborted'), report
            assert "ended Aborted: {'status': 0" in report.reason and 'blocked' in report.reason
            assert works.said(mission) == ['begun', 'aborted'] * attempts
        assert works.undone == 2, 'and no other one'

    run(works, go)


def test_feedback_is_a_sign_of_life(works):
    """An action that tells nothing for too long is taken to be stuck, and its goal is cancelled."""

    async def go(client):
        # Long beside what a busy machine holds up who tells something ten times a second.
        await works.begin(client, 'well', 'well', takes=8.0, heartbeat=3.0)
        await works.begin(client, 'loud', 'loud', takes=8.0, heartbeat=3.0)
        await works.begin(
            client, 'silent', 'silent', takes=20.0, heartbeat=3.0, retry={'attempts_max': 1}
        )
        for mission in ('well', 'loud'):
            found = await ended(client, mission)
            assert found.missions[0].status is MissionStatus.COMPLETED, found.missions
            assert not kinds_of(found)['ActivityTimedOut']
        found = await ended(client, 'silent')
        assert found.missions[0].status is MissionStatus.FAILED
        assert found.missions[0].error == 'ActivityTimedOutError'
        assert kinds_of(found)['ActivityTimedOut'] == 1
        await works.until('silent', 'begun', 'cancelled')

    run(works, go)


def test_a_cancellation_waits_for_the_end_of_the_action(works):
    """And only then what was done is undone; an action that ends well all the same has."""

    async def go(client):
        cases = {
            # A sign of life is one also while it comes to its end.
            'well': (MissionStatus.CANCELLED, ['begun', 'cancelled'], {'heartbeat': 1.0}),
            'late': (MissionStatus.COMPLETED, ['begun', 'succeeded'], {}),
            'stubborn': (MissionStatus.COMPLETED, ['begun', 'succeeded'], {}),
        }
        for what, (_, _, options) in cases.items():
            takes = 6.0 if what == 'stubborn' else 60.0
            await works.begin(client, what, what, takes=takes, **options)
            await works.until(what, 'begun')
            assert (await client.cancel_mission(what, 'enough')).done
        while True:
            # Counted before the server is looked at, which says the end before it is told.
            undone = works.undone
            if works.said('well') != ['begun']:
                break
            assert undone == 0, 'the action is still under way'
            await asyncio.sleep(0.05)
        for what, (status, said, _) in cases.items():
            found = await ended(client, what)
            assert (found.missions[0].status, works.said(what)) == (status, said), found
            kinds = [event.kind for event in found.history]
            if status is MissionStatus.CANCELLED:
                end = kinds.index('ActivityCancelled')
                assert 'ActivityTimedOut' not in kinds
                # It is compensated when it has ended, not before.
                assert kinds.index('ActivityScheduled', end) > end
            else:
                assert kinds.count('ActivityCompleted') >= 1
        assert works.undone == 1

    run(works, go)


def test_a_server_that_dies_is_reported_and_the_author_has_said_what_then(works):
    """Done again where that is allowed, with the repetition in the history; else not."""

    async def go(client):
        await works.begin(client, 'again', 'dies', takes=1.0, times=1)
        await works.until('again', 'begun', 'dies')
        works.server.wait()
        works.serve()
        found = await ended(client, 'again')
        assert found.missions[0].status is MissionStatus.COMPLETED, found
        assert kinds_of(found)['ActivityLost'] == 1 and not kinds_of(found)['ActivityFailed']
        assert works.said('again') == ['begun', 'dies', 'begun', 'succeeded']
        await works.begin(client, 'once', 'dies', takes=1.0, times=1, delivery='AT_MOST_ONCE')
        await works.until('once', 'begun', 'dies')
        works.server.wait()
        works.serve()
        found = await ended(client, 'once')
        assert found.missions[0].status is MissionStatus.FAILED, found
        assert found.missions[0].error == 'ActivityUnknownError'
        assert works.said('once') == ['begun', 'dies'] and works.undone == 1

    run(works, go)


def test_goals_that_cannot_be_are_refused_with_the_reason(works):
    """Each before anything was done."""

    async def go(client):
        for number, (goal, reason) in enumerate(
            (
                ([1], 'the fields of the goal, by name'),
                ({'nothing': 1}, "no field 'nothing'; there are: mission, name"),
                ({'timeout': 'long'}, "the field 'timeout'"),
            )
        ):
            given = {'goal': goal, 'undo': {'folder': str(works.folder)}}
            given['retry'] = {'attempts_max': 1}
            await begun(client, f'm{number}', 'work', given)
            report = (await ended(client, f'm{number}')).missions[0]
            assert (report.status, report.error) == (MissionStatus.FAILED, 'BadGoal')
            assert reason in report.reason

    run(works, go)
