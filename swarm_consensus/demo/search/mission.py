"""
The search: an arena, a swarm in this process, and the users' nodes of its robots, on one clock.

Where robots are says who hears whom, and what they decide says where they go. One seed is one run.
"""

from __future__ import annotations

from collections.abc import Callable
import math
from pathlib import Path
from random import Random
import time

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.composition.swarm_file import parse_swarm
from swarm_consensus.demo.search.pilot import Map
from swarm_consensus.demo.search.robot import INSPECT, SUBJECT, SearchRobot, subject_of
from swarm_consensus.demo.search.vision import Camera, Classifier
from swarm_consensus.nodes.robot_settings import settings_of
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.events import DecisionMade, Output
from swarm_consensus.simulation.embedded.arena import LABELS, Arena, draw
from swarm_consensus.simulation.embedded.physics import Physics
from swarm_consensus.simulation.embedded.radio import ShadowedRadio
from swarm_consensus.simulation.in_process import InProcessSwarm

STEP_S = 0.1
VIEWPOINTS_APART_M = 2.6
# Swarms that are to be cut are so from here to there, in s of virtual time.
SPLIT_FROM_S, SPLIT_TO_S = 20.0, 60.0
# A robot that stands here sees another one there by its lights.
LIGHTS_M = 6.0
# What was found is what stands so near to where the swarm says.
FOUND_M = 0.7
# So long nothing is to happen any more before the search is over.
QUIET_S = 5.0
FILE = f"""
swarm: search
robots: {{robots}}
consensus: {{{{name_probe: 0.2, tasks_discount: 0.98, tasks_rebid_period: 10.0}}}}
subjects:
  {SUBJECT}:
    labels: [{', '.join(LABELS)}]
    level: committed
    # One robot that is sure is enough; else others are to look, too.
    quorum: 1
    confidence: 0.95
    settle: 1.0
    deadline: 40.0
    evidence_age_max: 0
"""


@value
class Options:
    """
    What is run.

    :param split: whether the swarm is cut in two between SPLIT_FROM_S and SPLIT_TO_S.
    :param limit_s: the search ends then at the latest, in virtual time.
    :param model: ONNX file; None: the one of the package.
    """

    robots: int = 5
    objects: int = 8
    seed: int = 1
    loss: float = 0.0
    split: bool = False
    limit_s: float = 240.0
    model: Path | None = None


@value
class Found:
    """
    A thing of the book.

    :param truth: what stands there; '' where nothing does.
    :param choice: what the swarm decided; '': nothing.
    :param central: what a centre says that has all that all robots saw; '': nobody saw it.
    :param alone: what each robot that saw it would say alone.
    """

    task: str
    x_m: float
    y_m: float
    truth: str
    choice: str
    confidence: float
    voters: tuple[str, ...]
    central: str
    alone: dict[str, str]


@value
class Outcome:
    """
    How a search went.

    :param things: what the swarm found, in the order of the log.
    :param done: tasks that were carried out, by robot.
    :param reach: mean share of the pairs of robots that heard each other.
    :param parts_max: most parts in which the swarm was at a time.
    :param contradictions: subjects on which robots told different answers of one revision.
    :param trails: where robots were, a place each second.
    :param top: the arena from above at the end, RGB.
    :param links: who heard whom then.
    """

    options: Options
    arena: Arena
    things: tuple[Found, ...]
    done: dict[str, int]
    seconds: float
    real_s: float
    complete: bool
    reach: float
    parts_max: int
    contradictions: tuple[str, ...]
    trails: dict[str, list[tuple[float, float]]]
    top: NDArray[np.uint8]
    links: tuple[tuple[str, str], ...]

    @property
    def found(self) -> int:
        """Return how many of the objects the swarm knows of."""
        return sum(bool(each.truth) for each in self.things)

    @property
    def right(self) -> int:
        """Return of how many it has decided rightly what they are."""
        return sum(bool(each.truth) and each.choice == each.truth for each in self.things)

    @property
    def central_right(self) -> int:
        """Return how many a centre with all that was seen has right."""
        return sum(bool(each.truth) and each.central == each.truth for each in self.things)

    def alone_right(self) -> dict[str, int]:
        """Return how many objects each robot has found and has right, by itself."""
        return {
            robot: sum(
                bool(each.truth) and each.alone.get(robot) == each.truth for each in self.things
            )
            for robot in self.trails
        }


class Search:
    """
    One search; a context manager, for the graphics.

    :param say: told what happens, for people.
    :raises ImportError: MuJoCo is not installed.
    :raises FileNotFoundError: the model is not there.
    :raises ValueError: options that cannot be.
    """

    def __init__(self, options: Options, say: Callable[[str], None] = lambda _: None) -> None:
        self._options = options
        self._say = say
        names = tuple(f'robot_{number + 1}' for number in range(options.robots))
        self._arena = draw(options.seed, names, options.objects)
        text = FILE.format(robots=options.robots)
        settings = settings_of(parse_swarm(text, 'search.yaml'))
        self._radio = ShadowedRadio(self._arena)
        self.swarm = InProcessSwarm(
            settings, options.seed, loss=options.loss, reach=self._radio.reach
        )
        classifier = Classifier(options.model)
        self._physics = Physics(self._arena)
        self._map = Map(self._arena)
        random = Random(f'{options.seed}/cameras')
        self.robots = {
            name: SearchRobot(
                name,
                self._arena,
                self._map,
                classifier,
                Camera(np.random.default_rng(random.getrandbits(63))),
                self._map.meeting_place(number, len(names)),
                lambda item, name=name: self.swarm.put(name, item),  # type: ignore[misc]
            )
            for number, name in enumerate(names)
        }
        self._decided: dict[str, DecisionMade] = {}
        self._choices: dict[tuple[str, int], str] = {}
        self._contradictions: set[str] = set()
        self._reach: list[float] = []
        self._parts_max = 1
        self._told: list[tuple[str, Output]] = []
        self.swarm.listen(self._hear)

    def __enter__(self) -> Search:
        return self

    def __exit__(self, *_: object) -> None:
        self._physics.close()

    def run(self) -> Outcome:
        """
        Search until all that was found is inspected and decided, or the time is over.

        :raises TimeoutError: the robots find no leader at all.
        """
        began_s = time.perf_counter()
        self._move()
        leader = self.swarm.run_until_led()
        self._say(f'{self.swarm.now_s:6.1f} s  {leader} leads')
        offset_s = self.swarm.now_s
        self._share_out(leader)
        quiet_s, complete, step = 0.0, False, 0
        while not complete and step * STEP_S < self._options.limit_s:
            step += 1
            now_s = step * STEP_S
            self._physics.run(STEP_S)
            self._move()
            self._cut(now_s)
            self.swarm.run(offset_s + now_s - self.swarm.now_s)
            told, self._told = self._told, []
            for name, output in told:
                self.robots[name].hear(output, now_s)
            for name, robot in self.robots.items():
                robot.act(self._physics, now_s, self._lights(name))
            if step % 10 == 0:
                quiet_s = quiet_s + 1.0 if self._is_quiet() else 0.0
                complete = quiet_s >= QUIET_S
        return self._outcome(step * STEP_S, time.perf_counter() - began_s, complete)

    # -- the world --------------------------------------------------------------------------------

    def _places(self) -> dict[str, tuple[float, float]]:
        return {name: self._physics.pose(name)[:2] for name in self.robots}

    def _move(self) -> None:
        """Let the radio know where robots are."""
        self._radio.move(self._places())
        count = len(self.robots)
        if count > 1:
            self._reach.append(len(self._radio.links) / (count * (count - 1)))
        self._parts_max = max(self._parts_max, len(self._parts()))

    def _parts(self) -> list[set[str]]:
        parts: list[set[str]] = []
        for name in self.robots:
            near = {other for one, other in self._radio.links if one == name} | {name}
            joined = [part for part in parts if part & near]
            parts = [part for part in parts if not part & near] + [near.union(*joined)]
        return parts

    def _lights(self, name: str) -> list[tuple[float, float]]:
        """Return where the robots are whose lights a robot sees."""
        places = self._places()
        here = places.pop(name)
        return [
            there
            for there in places.values()
            if math.dist(here, there) <= LIGHTS_M and not self._arena.walls_between(here, there)
        ]

    def _cut(self, now_s: float) -> None:
        if not self._options.split:
            return
        names = tuple(self.robots)
        if abs(now_s - SPLIT_FROM_S) < STEP_S / 2:
            half = len(names) // 2
            self.swarm.radio.split([names[:half], names[half:]])
            self._say(f'{now_s:6.1f} s  the swarm is cut: {", ".join(names[:half])} are apart')
        elif abs(now_s - SPLIT_TO_S) < STEP_S / 2:
            self.swarm.radio.heal()
            self._say(f'{now_s:6.1f} s  the swarm is whole again')

    def _share_out(self, leader: str) -> None:
        places = self._map.viewpoints(VIEWPOINTS_APART_M)
        self.robots[leader].add_searches(places)
        self._say(f'{self.swarm.now_s:6.1f} s  {len(places)} places are to be looked at')

    # -- the swarm --------------------------------------------------------------------------------

    def _hear(self, _now_ns: int, name: str, output: Output) -> None:
        # Acted on between steps: robots are not to be given inputs within one.
        self._told.append((name, output))
        if not isinstance(output, DecisionMade) or not output.decision.status.answered:
            return
        decision = output.decision
        choice = self._choices.setdefault((decision.subject, decision.revision), decision.choice)
        if choice != decision.choice:
            self._contradictions.add(decision.subject)
        before = self._decided.get(decision.subject)
        if before is None or before.decision.revision < decision.revision:
            self._decided[decision.subject] = output
            if before is None or before.decision.choice != decision.choice:
                self._say(
                    f'{self.swarm.now_s:6.1f} s  {decision.subject} is a {decision.choice} '
                    f'({decision.confidence:.2f}, {len(decision.voters)} robots)'
                )

    def _is_quiet(self) -> bool:
        """Return whether all that any robot knows of is done, and decided."""
        for robot in self.robots.values():
            if not robot.records or any(not r.status.ended for r in robot.records.values()):
                return False
            for name in robot.known():
                seen = any(name in each.looks for each in self.robots.values())
                if seen and subject_of(name) not in self._decided:
                    return False
        return True

    # -- how it went ------------------------------------------------------------------------------

    def _outcome(self, seconds: float, real_s: float, complete: bool) -> Outcome:
        # The logs of robots differ by what they have not heard yet: the longest one counts.
        fullest = max(self.robots.values(), key=lambda each: len(each.records))
        left = list(self._arena.things)
        things = []
        for task, place in fullest.known().items():
            near = min(left, key=lambda t: math.dist((t.x_m, t.y_m), place), default=None)
            truth = ''
            if near is not None and math.dist((near.x_m, near.y_m), place) < FOUND_M:
                left.remove(near)
                truth = near.label
            things.append(self._found(task, place, truth))
        done = {
            name: sum(
                any(who == name for who in record.done)
                for record in fullest.records.values()
            )
            for name in self.robots
        }
        return Outcome(
            options=self._options,
            arena=self._arena,
            things=tuple(things),
            done=done,
            seconds=seconds,
            real_s=real_s,
            complete=complete,
            reach=float(np.mean(self._reach)) if self._reach else 1.0,
            parts_max=self._parts_max,
            contradictions=tuple(sorted(self._contradictions)),
            trails={name: robot.trail for name, robot in self.robots.items()},
            top=self._physics.look_down(),
            links=tuple(sorted(self._radio.links)),
        )

    def _found(self, task: str, place: tuple[float, float], truth: str) -> Found:
        seen = {
            name: robot.looks[task].belief
            for name, robot in self.robots.items()
            if task in robot.looks
        }
        made = self._decided.get(subject_of(task))
        total = sum(seen.values(), np.zeros(len(LABELS)))
        return Found(
            task=task.removeprefix(INSPECT),
            x_m=place[0],
            y_m=place[1],
            truth=truth,
            choice='' if made is None else made.decision.choice,
            confidence=0.0 if made is None else made.decision.confidence,
            voters=() if made is None else made.decision.voters,
            central=LABELS[int(total.argmax())] if seen else '',
            alone={name: LABELS[int(belief.argmax())] for name, belief in seen.items()},
        )
