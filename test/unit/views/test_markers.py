"""The picture as markers, from what real runtimes on virtual time publish."""

from __future__ import annotations

from dataclasses import replace
import math

import pytest
from swarm_testing.pictured import look
from swarm_testing.virtual_swarm import LABELS, Swarm

from swarm_consensus.views.markers import (
    AMBER,
    BELIEFS_SHOWN,
    BLUE,
    LAYERS,
    LINKS_DRAWN_ROBOTS_MAX,
    RED,
    SUBJECTS_SHOWN,
    TASKS_SHOWN,
    TEXT_CHARACTERS_MAX,
    Marker,
    Shape,
    label_color,
    markers,
)
from swarm_consensus.views.picture import Picture
from swarm_consensus.views.places import Place
from swarm_consensus.views.values import (
    Answer,
    BeliefRow,
    Hearing,
    Link,
    Snapshot,
    Subject,
    TaskLine,
    Work,
)

SIZE = 0.5


def layer(found: tuple[Marker, ...], name: str, shape: Shape | None = None) -> list[Marker]:
    return [each for each in found if each.layer == name and shape in (None, each.shape)]


def texts(found: tuple[Marker, ...], name: str) -> list[str]:
    return [each.text for each in layer(found, name, Shape.TEXT)]


def of(found: tuple[Marker, ...], name: str, *key: str) -> Marker:
    (marker,) = [each for each in layer(found, name) if each.key == key]
    return marker


@pytest.fixture
def swarm() -> Swarm:
    swarm = Swarm(5)
    swarm.elect()
    swarm.run(3.0)
    return swarm


def check(found: tuple[Marker, ...]) -> None:
    """Hold what RViz asks for: no marker twice, all numbers finite, lines with both ends."""
    keys = [(each.layer, each.key) for each in found]
    assert len(keys) == len(set(keys))
    assert {each.layer for each in found} <= set(LAYERS)
    for each in found:
        numbers = [*each.at, *each.size_m, *(x for point in each.points for x in point)]
        assert all(math.isfinite(number) for number in numbers), each
        assert (each.shape is Shape.TEXT) == bool(each.text), each
        lines = each.shape in (Shape.LINES, Shape.STRIP)
        assert lines == bool(each.points), each
        assert each.shape is not Shape.LINES or len(each.points) % 2 == 0
        color = each.color
        assert all(0.0 <= x <= 1.0 for x in (color.red, color.green, color.blue, color.alpha))


def test_of_a_swarm_that_is_well_all_robots_their_links_and_the_leader(swarm: Swarm) -> None:
    snapshot = look(swarm)
    found = markers(snapshot, {}, SIZE)
    check(found)
    robots = layer(found, 'robots')
    assert [each.key for each in robots] == [(robot,) for robot in swarm.robots]
    assert {each.color for each in robots} == {BLUE}
    assert of(found, 'leader', 'leader').at == of(found, 'robots', swarm.leader).at[:2] + (0.0,)
    assert of(found, 'names', swarm.leader).text == (
        f'{swarm.leader}\nleads in term {snapshot.term}'
    )
    assert [each.key for each in layer(found, 'links')] == [('both',)]
    ends = of(found, 'links', 'both').points
    assert len(ends) == 2 * 10
    assert {ends[:2] for ends in ends} == {each.at[:2] for each in robots}
    assert layer(found, 'parts') == []
    (headline,) = texts(found, 'headline')
    assert f'{swarm.leader} leads' in headline


def test_robots_are_drawn_where_they_are(swarm: Swarm) -> None:
    known: dict[str, Place] = {
        robot: (10.0 * number, 1.0, 2.0) for number, robot in enumerate(swarm.robots)
    }
    found = markers(look(swarm), known, SIZE)
    for robot, (x, y, z) in known.items():
        assert of(found, 'robots', robot).at == (x, y, z + SIZE / 4.0)
    assert of(found, 'leader', 'leader').at == known[swarm.leader]


def test_a_split_is_rings_with_their_quorum_and_no_link_between_them(swarm: Swarm) -> None:
    minority, majority = ('r1', 'r2'), ('r3', 'r4', 'r5')
    swarm.world.network.split([minority, majority])
    swarm.run(8.0)
    found = markers(look(swarm), {}, SIZE)
    check(found)
    assert texts(found, 'parts') == ['3 together, quorum', '2 together, NO QUORUM']
    rings = layer(found, 'parts', Shape.STRIP)
    assert rings[1].color == RED
    for ring, part in zip(rings, (majority, minority), strict=True):
        assert ring.points[0] == pytest.approx(ring.points[-1])
        xs, ys = [x for x, _, _ in ring.points], [y for _, y, _ in ring.points]
        for robot in swarm.robots:
            x, y, _ = of(found, 'robots', robot).at
            assert (min(xs) < x < max(xs) and min(ys) < y < max(ys)) == (robot in part)
    assert len(of(found, 'links', 'both').points) == 2 * (3 + 1)
    # The majority has elected, and the minority says that it has no quorum.
    assert of(found, 'leader', 'leader').at[:2] in {
        of(found, 'robots', robot).at[:2] for robot in majority
    }
    assert of(found, 'names', 'r1').text.splitlines()[-1] == 'suspect, no quorum'


def test_who_is_out_of_reach_is_pale_and_says_so(swarm: Swarm) -> None:
    swarm.world.crash('r1')
    swarm.run(30.0)
    found = markers(look(swarm), {}, SIZE)
    check(found)
    assert of(found, 'robots', 'r1').color.alpha < 0.5 == of(found, 'robots', 'r2').color.alpha / 2
    assert of(found, 'names', 'r1').text == 'r1\nnot heard, dead'
    assert '1 out of reach' in texts(found, 'parts')


def test_what_goes_one_way_is_dashed(swarm: Swarm) -> None:
    swarm.world.network.cut_one_way('r1', 'r2')
    swarm.run(5.0)
    found = markers(look(swarm), {}, SIZE)
    check(found)
    dashes = of(found, 'links', 'one way')
    assert dashes.color == AMBER
    ends = {of(found, 'robots', robot).at[:2] for robot in ('r1', 'r2')}
    assert {dashes.points[0][:2], dashes.points[-1][:2]} == ends
    assert len(dashes.points) > 4
    assert len(of(found, 'links', 'both').points) == 2 * 9


def test_of_many_robots_only_links_that_are_wrong_are_drawn(swarm: Swarm) -> None:
    row = look(swarm).robots[0]
    names = [f'r{number:03}' for number in range(LINKS_DRAWN_ROBOTS_MAX + 1)]
    links = (
        Link(names[0], names[1], Hearing.BOTH),
        Link(names[1], names[2], Hearing.ONE_WAY),
        Link(names[0], names[2], Hearing.NONE),
    )
    many = replace(
        look(swarm),
        robots=tuple(replace(row, robot=name) for name in names),
        parts=(tuple(names),),
        links=links,
    )
    assert [each.key for each in layer(markers(many, {}, SIZE), 'links')] == [('one way',)]
    few = replace(many, robots=many.robots[:3], parts=(tuple(names[:3]),))
    assert [each.key for each in layer(markers(few, {}, SIZE), 'links')] == [
        ('both',),
        ('one way',),
    ]


def believing(swarm: Swarm, **probabilities: tuple[float, ...]) -> Snapshot:
    picture = Picture()
    for robot, each in probabilities.items():
        logs = [math.log(p) for p in each]
        picture.tell_belief(robot, 'animal', LABELS, 0, logs, swarm.world.now_ns)
    return look(swarm, picture=picture)


def test_a_belief_is_a_bar_as_high_as_it_is_sure_in_the_colour_of_its_label(swarm: Swarm) -> None:
    snapshot = believing(
        swarm, r1=(0.8, 0.1, 0.1), r2=(0.6, 0.3, 0.1), r3=(0.1, 0.8, 0.1)
    )
    found = markers(snapshot, {}, SIZE)
    check(found)
    bars = {each.key[1]: each for each in layer(found, 'beliefs', Shape.CUBE)}
    assert set(bars) == {'r1', 'r2', 'r3'}
    assert bars['r1'].size_m[2] == pytest.approx(2.0 * SIZE * 0.8)
    assert bars['r2'].size_m[2] == pytest.approx(2.0 * SIZE * 0.6)
    assert bars['r1'].color == bars['r2'].color != bars['r3'].color
    # They stand on the ground, beside their robot and not beside another one.
    for robot, bar in bars.items():
        assert bar.at[2] == pytest.approx(bar.size_m[2] / 2.0)
        assert math.dist(bar.at[:2], of(found, 'robots', robot).at[:2]) < 2.0 * SIZE
    assert texts(found, 'beliefs') == ['animal: cat 80 %', 'animal: cat 60 %', 'animal: dog 80 %']


def test_an_old_belief_is_pale(swarm: Swarm) -> None:
    picture = Picture(belief_age_max_ns=0)
    logs = [math.log(p) for p in (0.8, 0.1, 0.1)]
    picture.tell_belief('r1', 'animal', LABELS, 0, logs, swarm.world.now_ns - 7_000_000_000)
    found = markers(look(swarm, picture=picture), {}, SIZE)
    (bar,) = layer(found, 'beliefs', Shape.CUBE)
    assert bar.color.alpha < 0.5
    assert texts(found, 'beliefs') == ['animal: cat 80 %, 7 s old']


def subject(number: int, **changes: object) -> Subject:
    rows = (BeliefRow('r1', (0.9, 0.1), 'a', 0.9, 0.1, True),)
    answer = Answer('r1', 'a', 0.9, 1, 'committed', 'DECIDED', ('r1',))
    base = Subject(f's{number:02}', ('a', 'b'), rows, (0.9, 0.1), (answer,), answer, True)
    return replace(base, **changes)  # type: ignore[arg-type]


def test_answers_are_lines_beside_all_and_say_what_is_wrong(swarm: Swarm) -> None:
    answer = subject(0).answer
    assert answer is not None
    snapshot = replace(
        look(swarm),
        subjects=(
            subject(0),
            subject(1, answer=replace(answer, choice='b', status='LOW_CONFIDENCE')),
            subject(2, at_one=False),
            subject(3, answer=None),
        ),
    )
    found = markers(snapshot, {}, SIZE)
    check(found)
    assert texts(found, 'answers') == [
        's00: a 90 %, committed',
        's01: b 90 %, committed, LOW_CONFIDENCE',
        's02: a 90 %, committed, NOT ALL THE SAME',
    ]
    first, second, third = layer(found, 'answers')
    assert first.color == label_color(subject(0), 'a') != second.color and third.color == RED
    assert first.at[0] > max(each.at[0] for each in layer(found, 'robots')) + SIZE
    assert first.at[1] > second.at[1] > third.at[1]


def test_what_is_more_than_people_take_in_is_left_out_and_said(swarm: Swarm) -> None:
    tasks = tuple(TaskLine(f't{number}', 'OPEN', (), '') for number in range(TASKS_SHOWN + 5))
    snapshot = replace(
        look(swarm),
        subjects=tuple(subject(number) for number in range(SUBJECTS_SHOWN + 3)),
        work=Work('r1', tasks),
    )
    found = markers(snapshot, {}, SIZE)
    check(found)
    assert len(layer(found, 'beliefs', Shape.CUBE)) == BELIEFS_SHOWN
    (said,) = texts(found, 'beliefs')
    assert said.splitlines()[-1] == '\N{HORIZONTAL ELLIPSIS}'
    assert len(said.splitlines()) == BELIEFS_SHOWN + 1
    assert len(texts(found, 'answers')) == SUBJECTS_SHOWN + 1
    assert texts(found, 'answers')[-1] == 'and 3 more'
    assert len(layer(found, 'tasks', Shape.CUBE)) == TASKS_SHOWN


def test_tasks_stand_at_their_places_joined_to_who_has_them(swarm: Swarm) -> None:
    tasks = (
        TaskLine('paint', 'STARTED', ('r2', 'unknown'), '', (1.0, 2.0, 3.0)),
        TaskLine('sweep', 'OPEN', ('r1',), 'r1 has failed', (4.0, 5.0, 0.0)),
        TaskLine('done', 'DONE', ('r1',), '', (6.0, 7.0, 0.0)),
        TaskLine('nowhere', 'OPEN', (), '', (math.nan, 0.0, 0.0)),
    )
    found = markers(replace(look(swarm), work=Work('r1', tasks)), {}, SIZE)
    check(found)
    cubes = {each.key[1]: each for each in layer(found, 'tasks', Shape.CUBE)}
    assert set(cubes) == {'paint', 'sweep'}
    assert cubes['paint'].at[:2] == (1.0, 2.0) and cubes['paint'].at[2] > 3.0
    assert texts(found, 'tasks') == ['paint: STARTED by r2, unknown', 'sweep: OPEN']
    (held,) = layer(found, 'tasks', Shape.LINES)
    assert held.points[0][:2] == of(found, 'robots', 'r2').at[:2]
    assert held.points[1:] == (cubes['paint'].at,)


def test_names_that_others_chose_are_texts_and_no_longer_than_can_be_shown(swarm: Swarm) -> None:
    evil = '\x1b[2J\n' + 'x' * 1000
    found = markers(
        replace(look(swarm), work=Work('r1', (TaskLine(evil, 'OPEN', (), ''),)), alarms=(evil,)),
        {},
        SIZE,
    )
    check(found)
    for text in (*texts(found, 'tasks'), texts(found, 'headline')[1]):
        assert text.isprintable() and len(text) == TEXT_CHARACTERS_MAX
    assert of(found, 'headline', 'swarm').color == RED


def test_nobody_yet_is_said() -> None:
    found = markers(Picture().look(0), {}, SIZE)
    check(found)
    assert [(each.layer, each.text) for each in found] == [('headline', 'no robot is heard yet')]


@pytest.mark.parametrize('size', [0.05, 20.0])
def test_all_is_sized_by_the_robot(swarm: Swarm, size: float) -> None:
    """Twice the robot is the same picture, twice as large."""
    snapshot = believing(swarm, r1=(0.8, 0.1, 0.1))
    for one, other in zip(
        markers(snapshot, {}, 1.0), markers(snapshot, {}, size), strict=True
    ):
        assert (one.layer, one.key, one.text) == (other.layer, other.key, other.text)
        assert other.at == pytest.approx([size * x for x in one.at])
        assert other.size_m == pytest.approx([size * x for x in one.size_m])
