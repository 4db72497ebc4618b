"""`swarm tasks`: its arguments, and how tasks are printed."""

from __future__ import annotations

import argparse
import asyncio

import pytest

from swarm_consensus.cli import tasks
from swarm_consensus.client import Status, TaskList, TaskState, TaskStatus


def parsed(*words: str) -> argparse.Namespace:
    """The arguments of the verb."""
    parser = argparse.ArgumentParser()
    tasks.add_arguments(parser)
    return parser.parse_args(list(words))


def test_what_is_not_given_has_a_default() -> None:
    arguments = parsed('add', 't', '1', '-2.5', '--robot', 'r')
    assert (arguments.task, arguments.x, arguments.y, arguments.z) == ('t', 1.0, -2.5, 0.0)
    assert (arguments.worth, arguments.robots, arguments.attempts) == (1.0, 1, 3)
    assert arguments.capability == [] and arguments.group == ''
    more = parsed('add', 't', '1', '2', '--capability', 'a', '--capability', 'b', '--robot', 'r')
    assert more.capability == ['a', 'b']
    assert parsed('cancel', 't', '--robot', 'r').why == ''
    assert parsed('list', '--robot', 'r').task == ''


@pytest.mark.parametrize(
    'words', [(), ('add', 't', '1', '--robot', 'r'), ('add', 't', 'x', '2', '--robot', 'r')]
)
def test_wrong_usage_is_exit_code_2(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*words)
    assert caught.value.code == 2
    assert 'usage:' in capsys.readouterr().err


class PagedClient:
    """Answers as a robot with these tasks does."""

    def __init__(self, names: list[str], page: int) -> None:
        self.names = sorted(names)
        self.page = page
        self.asked = 0

    @property
    def tasks(self) -> PagedClient:
        return self

    async def list(self, task: str, *, prefix: str, after: str, **more: object) -> TaskList:
        self.asked += 1
        found = [n for n in self.names if n.startswith(prefix) and n > after]
        if task:
            found = [n for n in self.names if n == task]
        states = [TaskState(n, TaskStatus.OPEN, 1, 9, 0, (), (), 0, '') for n in found[: self.page]]
        return TaskList(Status.DECIDED, '', 9, tuple(states), len(found) > self.page)


def test_a_list_goes_through_all_pages(capsys: pytest.CaptureFixture[str]) -> None:
    client = PagedClient([f't{number:04}' for number in range(2500)] + ['other'], 1000)
    assert asyncio.run(tasks._list(parsed('list', '--robot', 'r'), client)) == 0
    assert capsys.readouterr().out.split()[1::3] == client.names
    assert client.asked == 3
    asyncio.run(tasks._list(parsed('list', '--prefix', 'o', '--robot', 'r'), client))
    assert capsys.readouterr().out == 'OPEN      other  -\n'
    assert asyncio.run(tasks._list(parsed('list', 'none', '--robot', 'r'), client)) == 1
    assert "no task 'none'" in capsys.readouterr().err


def test_every_task_has_its_line() -> None:
    held = TaskState('t', TaskStatus.STARTED, 3, 9, 8, ('r1', 'r2'), ('r2',), 0, '')
    assert tasks.row(held) == 'STARTED   t  r2'
    ended = TaskState('t', TaskStatus.FAILED, 3, 9, 0, ('r1',), (), 3, 'the door is locked')
    assert tasks.row(ended) == 'FAILED    t  r1  the door is locked'
    assert tasks.row(TaskState('t', TaskStatus.OPEN, 1, 9, 0, (), (), 0, '')) == 'OPEN      t  -'
