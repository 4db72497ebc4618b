"""
Fixtures for every test: a domain of its own, an environment on loopback, processes that end.

What they are made of is in test/support/swarm_testing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from swarm_testing.environment import UNWANTED, loopback_variables, process_environment
from swarm_testing.processes import ProcessGroup, heed_interrupts

from swarm_consensus.composition.domains import reserve_domain_id

FIGURE = 'figure'


def pytest_configure() -> None:
    """Make a run in the background the same as one in a terminal."""
    heed_interrupts()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep together what takes long to prepare."""
    from swarm_testing.scheduling import scheduling

    return scheduling(config, log)


@pytest.fixture
def domain_id() -> Iterator[int]:
    """A ROS domain id that only this test has."""
    with reserve_domain_id() as reserved:
        yield reserved


@pytest.fixture
def ros_environment(
    domain_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """
    The environment for child processes: own domain, loopback, state below tmp_path.

    It also holds inside the test's process, for nodes and participants that the test makes itself.
    """
    for name in UNWANTED:
        monkeypatch.delenv(name, raising=False)
    for name, value in loopback_variables(domain_id, tmp_path).items():
        monkeypatch.setenv(name, value)
    return process_environment(domain_id, tmp_path)


@pytest.fixture
def processes(ros_environment: dict[str, str]) -> Iterator[ProcessGroup]:
    """Start processes in the test's environment; they are gone when the test is over."""
    with ProcessGroup(ros_environment) as group:
        yield group
    # After the end of the processes, so that their last words are in it too. pytest shows what
    # a fixture prints only with a failed test.
    if group.processes:
        print(group.report())


@pytest.fixture(scope='session')
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Have a line shown at the end of the run, also where the test passes."""
    return lambda line: record_property(FIGURE, line)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what tests have measured."""
    lines = [
        str(value)
        for report in terminalreporter.stats.get('passed', [])
        for key, value in report.user_properties
        if key == FIGURE and report.when == 'call'
    ]
    if lines:
        terminalreporter.section('figures')
        for line in lines:
            terminalreporter.write_line(line)
