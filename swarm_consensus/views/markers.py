"""
The picture of a swarm as markers in space, for RViz and Foxglove: plain values, one each.

Who looks has the whole picture in one list; markers are told apart by layer and key. Colours are
those of the dashboard, but for labels: robots that believe the same have one colour there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
import math
from types import MappingProxyType

from swarm_consensus.protocols.values import value
from swarm_consensus.views.places import Place, places
from swarm_consensus.views.text import headline, plain
from swarm_consensus.views.values import Hearing, RobotRow, Snapshot, Subject, TaskLine

# Of more robots only links that are wrong are drawn.
LINKS_DRAWN_ROBOTS_MAX = 40
# What people can take in; swarm top and the dashboard have all of it.
BELIEFS_SHOWN = 6
SUBJECTS_SHOWN = 12
TASKS_SHOWN = 200
TEXT_CHARACTERS_MAX = 80
RING_POINTS = 48
# In a dashed line, drawn and left out together.
DASHES = 8

LAYERS = ('headline', 'robots', 'leader', 'names', 'links', 'parts', 'beliefs', 'answers', 'tasks')
# Statuses in which robots may be at work on a task, and those in which nothing comes any more.
HELD = frozenset({'AWARDED', 'STARTED', 'STOPPING'})
ENDED = frozenset({'DONE', 'FAILED', 'CANCELLED', 'EXPIRED'})


class Shape(Enum):
    """What a marker is; the sizes and points that count are those of visualization_msgs/Marker."""

    CUBE = 'cube'
    CYLINDER = 'cylinder'
    LINES = 'lines'  # each two points are a line
    STRIP = 'strip'  # each point is joined to the next one
    TEXT = 'text'  # faces the viewer; as high as the z of its size


@value
class Color:
    """Shares from 0 to 1."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    def faded(self, alpha: float) -> Color:
        """Return the same colour, as opaque as asked."""
        return Color(self.red, self.green, self.blue, alpha)


BLUE = Color(0.22, 0.53, 0.90)
GREEN = Color(0.29, 0.76, 0.42)
AMBER = Color(0.83, 0.65, 0.17)
RED = Color(1.0, 0.42, 0.37)
GREY = Color(0.61, 0.60, 0.58)
WHITE = Color(0.93, 0.92, 0.91)
# Okabe and Ito's, which people of any colour vision tell apart; more labels begin anew.
LABELS = (
    Color(0.34, 0.71, 0.91),
    Color(0.90, 0.62, 0.0),
    Color(0.0, 0.62, 0.45),
    Color(0.94, 0.89, 0.26),
    Color(0.80, 0.47, 0.65),
    Color(0.84, 0.37, 0.0),
    Color(0.0, 0.45, 0.70),
)
_STATES = {'alive': BLUE, 'suspect': AMBER, 'dead': RED, 'left': GREY, 'unknown': GREY}
_TASKS = {'OPEN': WHITE, 'AWARDED': AMBER, 'STARTED': BLUE, 'STOPPING': RED}


@value
class Marker:
    """
    One thing to draw.

    :param layer: one of `LAYERS`; what people switch on and off.
    :param key: what it is of, in the layer; no other marker there has the same.
    :param at: its middle, m; of lines, where their points count from.
    :param size_m: width, depth and height; of lines the first is their width.
    :param points: of lines, m.
    """

    layer: str
    key: tuple[str, ...]
    shape: Shape
    at: Place
    size_m: Place
    color: Color
    points: tuple[Place, ...] = ()
    text: str = ''


def markers(
    snapshot: Snapshot,
    known: Mapping[str, Place],
    size_m: float,
    moved: Mapping[str, Place] = MappingProxyType({}),
) -> tuple[Marker, ...]:
    """
    Return all that there is to draw, in the order of `LAYERS`.

    :param known: where robots are; the others stand on circles.
    :param size_m: diameter of a robot, after which all else is sized; more than 0.
    :param moved: how far robots have come since they began, wherever that was.
    """
    at = places(snapshot, known, 4.0 * size_m, moved)
    return tuple(_Drawing(snapshot, at, size_m).all())


def _words(text: str) -> str:
    """Return a text of somebody else's as one that can be shown, and not too long for that."""
    shown = plain(text)
    if len(shown) > TEXT_CHARACTERS_MAX:
        shown = shown[: TEXT_CHARACTERS_MAX - 1] + '\N{HORIZONTAL ELLIPSIS}'
    return shown


def label_color(subject: Subject, choice: str) -> Color:
    """Return the colour of a label of a subject; of what is none of them, white."""
    if choice not in subject.labels:
        return WHITE
    return LABELS[subject.labels.index(choice) % len(LABELS)]


class _Drawing:
    def __init__(self, snapshot: Snapshot, at: Mapping[str, Place], size_m: float) -> None:
        self._snapshot = snapshot
        self._at = at
        self._size = size_m
        self._line = 0.08 * size_m
        self._letter = 0.45 * size_m

    def all(self) -> Iterator[Marker]:
        yield from self._headline()
        yield from self._robots()
        yield from self._leader()
        yield from self._names()
        yield from self._links()
        yield from self._parts()
        yield from self._beliefs()
        yield from self._answers()
        yield from self._tasks()

    def _text(
        self,
        layer: str,
        key: tuple[str, ...],
        at: Place,
        text: str,
        color: Color,
        scale: float = 1.0,
    ) -> Marker:
        height = self._letter * scale
        return Marker(layer, key, Shape.TEXT, at, (0.0, 0.0, height), color, text=text)

    def _lines(
        self,
        layer: str,
        key: tuple[str, ...],
        points: Sequence[Place],
        color: Color,
        shape: Shape,
    ) -> Marker:
        size = (self._line, 0.0, 0.0)
        return Marker(layer, key, shape, (0.0, 0.0, 0.0), size, color, tuple(points))

    def _corner(self) -> tuple[float, float]:
        """Return the largest x and y that a robot stands at."""
        return (
            max((x for x, _, _ in self._at.values()), default=0.0),
            max((y for _, y, _ in self._at.values()), default=0.0),
        )

    # -- robots ------------------------------------------------------------------------------------

    def _headline(self) -> Iterator[Marker]:
        snapshot = self._snapshot
        xs = [x for x, _, _ in self._at.values()] or [0.0]
        x, y = (min(xs) + max(xs)) / 2.0, self._corner()[1] + 4.0 * self._size
        good = snapshot.has_quorum and not snapshot.alarms
        color = GREEN if good else RED
        yield self._text('headline', ('swarm',), (x, y, 0.0), headline(snapshot), color, 1.4)
        for number, alarm in enumerate(snapshot.alarms):
            at = (x, y + self._size * (number + 1.5), 0.0)
            yield self._text('headline', ('alarm', str(number)), at, _words(alarm), RED)

    def _rows(self) -> Iterator[tuple[RobotRow, Place]]:
        for row in self._snapshot.robots:
            if row.robot in self._at:
                yield row, self._at[row.robot]

    def _robots(self) -> Iterator[Marker]:
        size = (self._size, self._size, self._size / 2.0)
        for row, (x, y, z) in self._rows():
            color = _STATES[row.state]
            if not row.heard:
                color = color.faded(0.35)
            middle = (x, y, z + self._size / 4.0)
            yield Marker('robots', (row.robot,), Shape.CYLINDER, middle, size, color)

    def _leader(self) -> Iterator[Marker]:
        at = self._at.get(self._snapshot.leader)
        if at is not None:
            wide = 1.6 * self._size
            size = (wide, wide, self._line)
            yield Marker('leader', ('leader',), Shape.CYLINDER, at, size, AMBER.faded(0.8))

    def _names(self) -> Iterator[Marker]:
        for row, (x, y, z) in self._rows():
            lines = [_words(row.robot)]
            if row.robot == self._snapshot.leader:
                lines.append(f'leads in term {self._snapshot.term}')
            if not row.heard:
                lines.append(f'not heard, {row.state}')
            else:
                wrong = [row.state] if row.state != 'alive' else []
                wrong += [] if row.has_quorum else ['no quorum']
                lines += [', '.join(wrong)] if wrong else []
            at = (x, y, z + 1.1 * self._size)
            color = WHITE if row.heard else GREY
            yield self._text('names', (row.robot,), at, '\n'.join(lines), color)

    # -- who hears whom ----------------------------------------------------------------------------

    def _links(self) -> Iterator[Marker]:
        few = len(self._at) <= LINKS_DRAWN_ROBOTS_MAX
        both: list[Place] = []
        one_way: list[Place] = []
        for link in self._snapshot.links:
            ends = self._at.get(link.first), self._at.get(link.second)
            if ends[0] is None or ends[1] is None:
                continue
            if link.hearing is Hearing.BOTH and few:
                both += [ends[0], ends[1]]
            elif link.hearing is Hearing.ONE_WAY:
                one_way += _dashed(ends[0], ends[1])
        if both:
            yield self._lines('links', ('both',), both, BLUE.faded(0.6), Shape.LINES)
        if one_way:
            yield self._lines('links', ('one way',), one_way, AMBER, Shape.LINES)

    def _parts(self) -> Iterator[Marker]:
        """Where not all are together: a ring around each part, with whether it has a quorum."""
        snapshot = self._snapshot
        if len(snapshot.parts) <= 1 and not snapshot.out_of_reach:
            return
        quorum = {row.robot for row in snapshot.robots if row.heard and row.has_quorum}
        for number, part in enumerate(snapshot.parts):
            has = not quorum.isdisjoint(part)
            text = f'{len(part)} together, {"quorum" if has else "NO QUORUM"}'
            yield from self._ring(('part', str(number)), part, text, GREEN if has else RED)
        if snapshot.out_of_reach:
            text = f'{len(snapshot.out_of_reach)} out of reach'
            yield from self._ring(('out of reach',), snapshot.out_of_reach, text, GREY)

    def _ring(
        self, key: tuple[str, ...], robots: Sequence[str], text: str, color: Color
    ) -> Iterator[Marker]:
        within = [self._at[robot] for robot in robots if robot in self._at]
        if not within:
            return
        x = (min(p[0] for p in within) + max(p[0] for p in within)) / 2.0
        y = (min(p[1] for p in within) + max(p[1] for p in within)) / 2.0
        z = min(p[2] for p in within)
        radius = max(math.hypot(p[0] - x, p[1] - y) for p in within) + 1.5 * self._size
        turns = [2.0 * math.pi * number / RING_POINTS for number in range(RING_POINTS + 1)]
        points = [(x + radius * math.cos(t), y + radius * math.sin(t), z) for t in turns]
        yield self._lines('parts', ('ring', *key), points, color, Shape.STRIP)
        below = (x, y - radius - self._size, z)
        yield self._text('parts', ('text', *key), below, text, color)

    # -- what is believed and decided --------------------------------------------------------------

    def _beliefs(self) -> Iterator[Marker]:
        """Beside each robot a bar for each belief, as high as it is sure, and what it is below."""
        wide = 0.25 * self._size
        shown: dict[str, list[str]] = {}
        for subject in self._snapshot.subjects:
            for belief in subject.beliefs:
                at = self._at.get(belief.robot)
                lines = shown.setdefault(belief.robot, [])
                if at is None or len(lines) > BELIEFS_SHOWN:
                    continue
                if len(lines) == BELIEFS_SHOWN:
                    lines.append('\N{HORIZONTAL ELLIPSIS}')
                    continue
                number = len(lines)
                high = max(2.0 * self._size * belief.confidence, self._line)
                place = (
                    at[0] + self._size * 0.8 + number * wide * 1.4,
                    at[1],
                    at[2] + high / 2.0,
                )
                color = label_color(subject, belief.choice)
                yield Marker(
                    'beliefs',
                    ('bar', belief.robot, subject.subject),
                    Shape.CUBE,
                    place,
                    (wide, wide, high),
                    color if belief.fresh else color.faded(0.3),
                )
                old = '' if belief.fresh else f', {belief.age_s:.0f} s old'
                words = f'{subject.subject}: {belief.choice} {100.0 * belief.confidence:.0f} %{old}'
                lines.append(_words(words))
        for robot, lines in shown.items():
            if lines:
                x, y, z = self._at[robot]
                at = (x, y - self._size * (0.8 + 0.3 * len(lines)), z)
                yield self._text('beliefs', ('text', robot), at, '\n'.join(lines), WHITE, 0.7)

    def _answers(self) -> Iterator[Marker]:
        """To the right of all: what the swarm has decided, a line for each subject."""
        answered = [each for each in self._snapshot.subjects if each.answer is not None]
        x, y = self._corner()
        x += 8.0 * self._size
        for number, subject in enumerate(answered[:SUBJECTS_SHOWN]):
            assert subject.answer is not None
            answer = subject.answer
            sure = f'{100.0 * answer.confidence:.0f} %'
            text = _words(f'{subject.subject}: {answer.choice} {sure}, {answer.level}')
            color = label_color(subject, answer.choice)
            if answer.status != 'DECIDED':
                text += f', {answer.status}'
            if not subject.at_one:
                text, color = text + ', NOT ALL THE SAME', RED
            at = (x, y - self._size * number, 0.0)
            yield self._text('answers', ('subject', subject.subject), at, text, color)
        if len(answered) > SUBJECTS_SHOWN:
            more = f'and {len(answered) - SUBJECTS_SHOWN} more'
            at = (x, y - self._size * SUBJECTS_SHOWN, 0.0)
            yield self._text('answers', ('more',), at, more, GREY)

    def _tasks(self) -> Iterator[Marker]:
        going = [task for task in self._snapshot.work.tasks if task.status not in ENDED]
        side = 0.6 * self._size
        held: list[Place] = []
        for task in going[:TASKS_SHOWN]:
            if not all(math.isfinite(each) for each in task.place_m):
                continue
            x, y, z = task.place_m
            color = _TASKS.get(task.status, WHITE)
            middle = (x, y, z + side / 2.0)
            size = (side, side, side)
            yield Marker('tasks', ('task', task.task), Shape.CUBE, middle, size, color)
            above = (x, y, z + side + self._letter)
            words = _task_words(task)
            yield self._text('tasks', ('text', task.task), above, words, color, 0.8)
            if task.status in HELD:
                held += [
                    end
                    for robot in task.robots
                    if robot in self._at
                    for end in (self._at[robot], middle)
                ]
        if held:
            yield self._lines('tasks', ('held',), held, BLUE, Shape.LINES)


def _task_words(task: TaskLine) -> str:
    who = f' by {", ".join(task.robots)}' if task.status in HELD and task.robots else ''
    return _words(f'{task.task}: {task.status}{who}')


def _dashed(begin: Place, end: Place) -> list[Place]:
    """Return the ends of the dashes of a line."""

    def along(share: float) -> Place:
        return (
            begin[0] + share * (end[0] - begin[0]),
            begin[1] + share * (end[1] - begin[1]),
            begin[2] + share * (end[2] - begin[2]),
        )

    pieces = 2 * DASHES - 1
    return [along((2 * dash + side) / pieces) for dash in range(DASHES) for side in (0, 1)]
