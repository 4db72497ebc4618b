"""The picture as text: what people must read there, at any width, whatever names others chose."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console
from swarm_testing.pictured import look
from swarm_testing.virtual_swarm import LABELS, Swarm

from swarm_consensus.views.picture import Picture
from swarm_consensus.views.text import budget, headline, network, render
from swarm_consensus.views.values import MissionLine, Snapshot, TaskLine, Work


def shown(snapshot: Snapshot, width: int = 150) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(render(snapshot))
    return stream.getvalue()


def row_of(text: str, robot: str) -> str:
    """Return the line of the table of robots."""
    return next(line for line in text.splitlines() if line.split()[:1] == [robot])


@pytest.fixture
def swarm() -> Swarm:
    swarm = Swarm(3, bytes_per_second=20_000)
    swarm.elect()
    swarm.propose('r1', 'dock')
    swarm.run(3.0)
    return swarm


def test_nobody_yet() -> None:
    assert shown(Picture().look(0)).strip() == 'no robot is heard yet'


def test_all_of_a_swarm_is_there(swarm: Swarm) -> None:
    picture = Picture()
    picture.tell_belief(
        'r2', 'animal', LABELS, 0, [math.log(p) for p in (0.1, 0.8, 0.1)], swarm.world.now_ns
    )
    picture.tell_work(
        Work(
            'r1',
            (TaskLine('paint', 'STARTED', ('r3',), ''),),
            (MissionLine('order_7', 'fetch', 'RUNNING', 'r2', ('drive, attempt 1',), ''),),
        )
    )
    snapshot = look(swarm, picture)
    text = shown(snapshot)
    term = snapshot.term
    assert (
        f'swarm zoo, term {term}, {swarm.leader} leads, quorum of 2, 3 of 3 robots heard' in text
    )
    leader = row_of(text, swarm.leader)
    assert 'alive' in leader and 'voter' in leader and 'leader' in leader
    assert 'of 20.0 kB/s' in leader and 'election' in leader
    decided = next(line for line in text.splitlines() if 'dock' in line and 'by 3' in line)
    assert 'target' in decided and 'committed' in decided and 'DECIDED' in decided
    assert any('r2' in line and 'dog' in line and '0.80' in line for line in text.splitlines())
    assert any('paint' in line and 'STARTED' in line and 'r3' in line for line in text.splitlines())
    assert any('order_7' in line and 'drive, attempt 1' in line for line in text.splitlines())


def test_a_split_is_said_in_a_line(swarm: Swarm) -> None:
    swarm.world.network.split([('r1',), ('r2', 'r3')])
    swarm.run(8.0)
    snapshot = look(swarm, Picture())
    assert network(snapshot) == ['2 parts: r2 r3 | r1']
    assert 'NO' in row_of(shown(snapshot), 'r1').split()
    assert 'yes' in row_of(shown(snapshot), 'r2').split()


def test_a_link_that_fails_inside_a_part_is_named(swarm: Swarm) -> None:
    swarm.world.network.cut_one_way('r1', 'r3')
    swarm.run(5.0)
    assert network(look(swarm, Picture())) == ['hear each other one way: r1 r3']


def test_without_a_quorum_the_headline_says_so(swarm: Swarm) -> None:
    swarm.world.crash('r1')
    swarm.world.crash('r2')
    swarm.run(20.0)
    snapshot = look(swarm, Picture())
    assert 'NO QUORUM' in headline(snapshot) and '1 of 3 robots heard' in headline(snapshot)
    assert network(snapshot) == ['out of reach: r1 r2']
    assert 's ago' in row_of(shown(snapshot), 'r1')


def test_names_that_others_chose_cannot_steer_the_terminal(swarm: Swarm) -> None:
    evil = 'x\x1b]0;owned\x07\x1b[2J\u202e[bold]'
    picture = Picture()
    picture.tell_belief('r1', evil, LABELS, 0, [0.0, 0.0, 0.0], swarm.world.now_ns)
    picture.tell_work(Work('r1', (TaskLine(evil, 'OPEN', (evil,), evil),), (), evil))
    swarm.propose('r1', evil, subject='target')
    swarm.run(1.0)
    text = shown(look(swarm, picture), width=400)
    assert '\x1b' not in text and '\x07' not in text and '\u202e' not in text
    # It is shown, and its brackets are brackets.
    assert text.count('[bold]') >= 4


@pytest.mark.parametrize('width', [20, 60, 200])
def test_it_fits_any_terminal(swarm: Swarm, width: int) -> None:
    text = shown(look(swarm, Picture()), width)
    assert max(len(line) for line in text.splitlines()) <= width


def test_before_a_rate_is_known_none_is_claimed(swarm: Swarm) -> None:
    picture = Picture()
    status = swarm.status('r1').status
    picture.tell_status(status, 0)
    assert [budget(row) for row in picture.look(0).robots] == ['', '', '']
