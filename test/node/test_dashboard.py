"""The dashboard beside a real swarm: over HTTP, and in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
import os
from pathlib import Path
import stat
import subprocess
import sys
import time
from typing import Any

import aiohttp
import pytest
from swarm_testing.browser import browser_page, find_browser, keep_screenshot
from swarm_testing.fleet import on_hosts, start_each
from swarm_testing.namespaces import Namespaces
from swarm_testing.processes import Process, ProcessGroup
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import SwarmProbe

# Generous: the machine may be busy.
WAIT_S = 60.0
EVIL = '<img src=x onerror=alert(1)>'


class Served:
    """A running `swarm dashboard`."""

    def __init__(self, processes: ProcessGroup, token_file: Path | None) -> None:
        command = [sys.executable, '-m', 'swarm_consensus.cli.main', 'dashboard', '--port', '0']
        if token_file is not None:
            command += ['--token-file', str(token_file)]
        self.process: Process = processes.start(command, 'dashboard')
        self.url = self.process.wait_for_output('http://127.0.0.1:').strip().rstrip('/')
        self.token = '' if token_file is None else token_file.read_text().strip()

    @property
    def headers(self) -> dict[str, str]:
        return {'Authorization': f'Bearer {self.token}'}


async def until(viewer: Any, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Return the first picture that is as wanted."""
    deadline = time.monotonic() + WAIT_S
    while True:
        picture = await viewer.receive_json(timeout=WAIT_S)
        if wanted(picture):
            return dict(picture)
        assert time.monotonic() < deadline, picture


def test_a_proposal_over_http_shows_in_the_pictures_and_so_does_a_new_leader(
    swarm, probe, processes, tmp_path
):
    served = Served(processes, tmp_path / 'token')
    assert stat.S_IMODE((tmp_path / 'token').stat().st_mode) == 0o600

    async def talk() -> None:
        async with aiohttp.ClientSession(served.url) as session:
            viewer = await session.ws_connect('/api/live')
            together = [swarm.names]
            # The leader is asked where it is heard itself, and not only of.
            picture = await until(
                viewer,
                lambda p: (
                    p['parts'] == together
                    and p['leader']
                    and all(row['heard'] for row in p['robots'])
                ),
            )
            fields = {'subject': 'goal', 'choice': 'dock', 'expected_revision': 0}
            async with session.post('/api/propose', json=fields) as response:
                assert response.status == 401
            async with session.post(
                '/api/propose', json=fields, headers=served.headers
            ) as response:
                answer = await response.json()
            assert (response.status, answer['status'], answer['robot']) == (
                200,
                'DECIDED',
                picture['leader'],
            )
            picture = await until(
                viewer, lambda p: p['decisions'] and len(p['decisions'][-1]['known_by']) == 3
            )
            line = picture['decisions'][-1]
            assert (line['subject'], line['choice'], line['index']) == (
                'goal',
                'dock',
                answer['index'],
            )
            # The same again is refused by the swarm, and the answer says why.
            async with session.post(
                '/api/propose', json=fields, headers=served.headers
            ) as response:
                answer = await response.json()
            assert answer['status'] == 'REFUSED' and answer['reason']
            before = picture['leader']
            async with session.post('/api/transfer', json={}, headers=served.headers) as response:
                answer = await response.json()
            assert answer['status'] == 'DECIDED' and answer['leader'] not in ('', before)
            await until(viewer, lambda p: p['leader'] == answer['leader'])

    asyncio.run(talk())
    assert probe.proposed(probe.propose('robot_1', 'goal', 'home')).revision == 2
    assert served.process.interrupt() == 0


def dashboard(*words: str, **variables: str) -> tuple[int, str]:
    """Run a `swarm dashboard` that does not start; returns exit code and errors."""
    command = [sys.executable, '-m', 'swarm_consensus.cli.main', 'dashboard', *words]
    environment = {**os.environ, **variables}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=WAIT_S, check=False, env=environment
    )
    return done.returncode, done.stderr


def test_what_cannot_be_served_is_said(ros_environment, tmp_path):
    code, error = dashboard(SWARM_DASHBOARD_TOKEN='short')
    assert (code, error) == (2, 'the token has 5 characters, give it 16 or more\n')
    code, error = dashboard('--certificate', str(tmp_path / 'c'))
    assert (code, error) == (2, 'give --certificate and --key together\n')
    code, error = dashboard('--certificate', '/none', '--key', '/none')
    assert code == 2 and 'No such file' in error
    code, error = dashboard('--host', '192.0.2.1', '--port', '1', SWARM_DASHBOARD_TOKEN='x' * 16)
    assert code == 1
    assert 'everybody on the network can read this page' in error
    assert 'can overhear the token' in error
    assert 'cannot serve at 192.0.2.1:1' in error


# -- in a browser ----------------------------------------------------------------------------------


def test_a_person_proposes_and_hands_over_and_reads_the_decision_just_made(
    swarm, probe, processes, tmp_path
):
    find_browser()
    served = Served(processes, tmp_path / 'token')
    with browser_page() as page:
        page.goto(served.url)
        page.wait_for_selector('#robots tr[data-state=alive] >> nth=2')
        page.wait_for_selector('#connection:text-is("live")')
        leader = probe.leader()
        page.wait_for_selector(f'#headline:has-text("{leader} leads")')
        assert page.locator('#graph g.robot').count() == 3
        # Drawn when all three are heard here, and not only of.
        page.wait_for_selector('#graph line.both >> nth=2', state='attached')
        assert page.locator('#graph line').count() == 3
        assert page.locator('#graph g.robot.leader').get_attribute('data-robot') == leader

        page.fill('#subject', 'goal')
        page.fill('#choice', 'dock')
        page.fill('#token', 'not the token')
        page.click('#send')
        page.wait_for_selector('#answer:text-is("the token is wrong")')
        page.fill('#token', served.token)
        page.click('#send')
        page.wait_for_selector('#answer:has-text("DECIDED: goal = dock, revision 1, committed")')
        line = page.locator('#decisions tr[data-subject=goal][data-choice=dock]')
        line.wait_for()
        assert 'DECIDED' in line.inner_text()
        page.wait_for_selector('#subjects [data-subject=goal] h3:has-text("dock")')
        # What the robots themselves say about it.
        assert probe.wait_for_decision('goal')['robot_3'].choice == 'dock'

        def believed() -> bool:
            for robot in swarm.names:
                probe.believe(robot, 'fox', probability=0.7)
            return page.locator('#subjects [data-subject=animal] meter').count() == 5

        probe.wait_for(believed)
        assert keep_screenshot(page, 'dashboard').stat().st_size > 10_000

        # Names that others choose are text, whatever they look like.
        page.fill('#subject', EVIL)
        page.fill('#choice', EVIL)
        page.click('#send')
        page.wait_for_selector(f'#answer:has-text("DECIDED: {EVIL} = {EVIL}")')
        page.wait_for_selector(f'#decisions td:text-is("{EVIL}")')
        assert page.locator('img').count() == 0

        target = next(robot for robot in swarm.names if robot != leader)
        page.select_option('#target', target)
        page.click('#hand_over')
        page.wait_for_selector(f'#answer:text-is("{target} leads")')
        page.wait_for_selector(f'#graph g.robot.leader[data-robot={target}]')
        swarm.kill([target])
        page.wait_for_selector(f'#graph g.robot.unheard[data-robot={target}]')
        page.wait_for_selector(f'#network:text-is("out of reach: {target}")')
        keep_screenshot(page, 'dashboard_after_a_kill')
        # Where the server is gone the page says that what it shows is old.
        served.process.interrupt()
        page.wait_for_selector('#connection.lost')


def test_what_robots_send_and_believe_is_drawn_over_time(processes):
    find_browser()
    pytest.importorskip('plotly', reason='plotly is not installed')
    swarm = RobotProcesses(processes, 3, {'bytes_per_second': 20_000})
    swarm.start_all()
    served = Served(processes, None)

    def drawn(page: Any, plot: str) -> dict[str, list[float]]:
        """Return the values of each line that has a path on the page."""
        return dict(
            page.evaluate(
                """(plot) => {
                    const box = document.getElementById(plot);
                    const paths = box.querySelectorAll('.scatterlayer .trace .js-line');
                    const real = [...paths].filter((path) => path.getTotalLength() > 0);
                    return (box.data ?? []).slice(0, real.length).map(({name, y}) => [name, y]);
                }""",
                plot,
            )
        )

    with SwarmProbe(swarm.names) as probe, browser_page() as page:
        probe.wait_until_ready()
        page.goto(served.url)
        page.wait_for_selector('#robots tr[data-state=alive] >> nth=2')
        budgets = {f'{robot}: budget' for robot in swarm.names}

        # A line has a gap where its robot is not heard; what is compared is of one look.
        def sent() -> dict[str, list[float]]:
            lines = drawn(page, 'plot_bytes')
            wanted = {*swarm.names, *budgets}
            enough = wanted <= set(lines) and all(
                len([y for y in lines[robot] if y and y > 0]) > 3 for robot in swarm.names
            )
            return lines if enough and all(lines[name][-1] is not None for name in wanted) else {}

        lines = probe.wait_for(sent, WAIT_S)
        assert {lines[budget][-1] for budget in budgets} == {20_000}
        assert max(lines[robot][-1] for robot in swarm.names) < 20_000

        def believed() -> dict[str, list[float]]:
            for robot in swarm.names:
                probe.believe(robot, 'dog', probability=0.7)
            if page.locator('#plot_label option').count() < 3:
                return {}
            page.select_option('#plot_label', 'dog')
            lines = drawn(page, 'plot_beliefs')
            wanted = {'beliefs together', 'the swarm', *swarm.names}
            enough = wanted <= set(lines)
            return lines if enough and all(lines[name][-1] is not None for name in wanted) else {}

        lines = probe.wait_for(believed, WAIT_S)
        for robot in swarm.names:
            assert lines[robot][-1] == pytest.approx(0.7, abs=1e-6)
        assert lines['beliefs together'][-1] == pytest.approx(0.343 / (0.343 + 2 * 0.15**3))
        page.locator('#plots').scroll_into_view_if_needed()
        keep_screenshot(page, 'dashboard_over_time')
        # Another label is drawn at once, and is another line.
        page.select_option('#plot_label', 'cat')

        def other() -> bool:
            values = drawn(page, 'plot_beliefs').get('robot_1', [0.0])
            return values[-1] is not None and abs(values[-1] - 0.15) < 1e-6

        def other_believed() -> bool:
            for robot in swarm.names:
                probe.believe(robot, 'dog', probability=0.7)
            return other()

        probe.wait_for(other_believed, WAIT_S)


def test_without_a_token_the_page_is_read_only(swarm, processes):
    find_browser()
    served = Served(processes, None)
    with browser_page() as page:
        page.goto(served.url)
        page.wait_for_selector('#access:has-text("read only")')
        page.wait_for_selector('#send:disabled')
        assert page.locator('#hand_over').is_disabled()


@pytest.fixture
def hosts(processes) -> Iterator[Namespaces]:
    """Three hosts."""
    find_browser()
    with on_hosts(processes, Namespaces(3)) as hosts:
        yield hosts


@pytest.mark.slow
def test_a_partition_appears_in_the_page_and_heals(hosts, processes):
    """Looked at from the robot that is cut off, and then from the majority."""
    robots = RobotProcesses(processes, 3)
    start_each(hosts, robots)
    with ExitStack() as stack:
        with hosts.entered(0):
            served = Served(processes, None)
            page = stack.enter_context(browser_page())
        page.goto(served.url)
        together = '#graph[data-parts="1"][data-out-of-reach="0"]'
        page.wait_for_selector('#robots tr[data-state=alive] >> nth=2')
        page.wait_for_selector(together)
        keep_screenshot(page, 'partition_before')

        hosts.cut_off([0])
        page.wait_for_selector('#graph[data-parts="1"][data-out-of-reach="2"]')
        page.wait_for_selector('#network:text-is("out of reach: robot_2 robot_3")')
        page.wait_for_selector('#headline.bad:has-text("NO QUORUM")')
        # The robot notices by its own clock that it hears nobody.
        page.wait_for_selector('#graph line', state='detached')
        keep_screenshot(page, 'partition_alone')
        hosts.heal()
        page.wait_for_selector(together)
        page.wait_for_selector('#headline.good')

        hosts.cut_off([2])
        page.wait_for_selector('#network:text-is("out of reach: robot_3")')
        page.wait_for_selector('#graph line.both', state='attached')
        # Each of the majority notices by its own clock that it hears robot_3 no more.
        page.wait_for_selector('#graph line:not(.both)', state='detached')
        assert page.locator('#graph line').count() == 1
        # The majority goes on.
        page.wait_for_selector('#headline:has-text("quorum of 2")')
        keep_screenshot(page, 'partition_majority')
        hosts.heal()
        page.wait_for_selector(together)
        page.wait_for_selector('#graph line.both >> nth=2', state='attached')
        keep_screenshot(page, 'partition_healed')
