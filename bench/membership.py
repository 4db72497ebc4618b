"""
How soon 100 robots know that one of them died, and how seldom they take one for dead that lives.

The real membership of each robot (protocols/gossip/swim) on virtual time, as it is published: every
robot is asked, also where it was just heard. Bytes are those of the codec, of whole batches without
the headers of frames, of what a robot sends; on DDS every other robot hears it.

Without Lifeguard there is no local health, a suspect has the shortest time from the beginning, and
it is not told by who asks it. Robots that stall do nothing for 1 to 8 s, then wake for up to 0.1 s,
as when the processor is taken from them; they do not notice it, so what came meanwhile is read
after the time has passed. The plot is build/membership.png.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
import math
import multiprocessing
from pathlib import Path
from random import Random
from typing import Any

from bench.rows import percentile, row
from swarm_consensus.protocols.gossip.swim.config import SwimConfig
from swarm_consensus.protocols.gossip.swim.effects import MemberEvent, News
from swarm_consensus.simulation.membership.air import Air, Radio

PLOT = Path('build/membership.png')
ROBOTS = 100
SECOND = 100  # ticks
NAMES = tuple(f'robot_{number}' for number in range(1, ROBOTS + 1))
PROBE = SECOND // 2
# Das, Gupta, Motivala 2002, section 3: periods until somebody asks the one that died.
THEORY = math.e / (math.e - 1)
DEATHS = 20
FALSE_SPAN_S = 60
STALLING = ROBOTS // 20
SETTLE_S = 5

LIFEGUARD = SwimConfig(
    robot='any',
    incarnation=1,
    named=NAMES,
    ticks_per_second=SECOND,
    probe_ticks=PROBE,
    probe_timeout_ticks=3 * SECOND // 20,
    gossip_ticks=SECOND // 10,
    sync_ticks=30 * SECOND,
    reconnect_ticks=5 * SECOND,
)
PLAIN = replace(LIFEGUARD, awareness_max=1, suspicion_stretch=1, confirmations=0, buddy=False)
CONFIGS = {'without Lifeguard': PLAIN, 'with Lifeguard': LIFEGUARD}
TROUBLES = {'10 % loss': (0.1, 0), f'{STALLING} robots stalling': (0.0, STALLING)}


@dataclass(frozen=True, slots=True)
class Deaths:
    """
    Times from the death of a robot, in probe periods, one for each death.

    :param first: until some robot suspects it.
    :param suspected: until all do.
    :param dead: until it is dead to all.
    """

    first: tuple[float, ...]
    suspected: tuple[float, ...]
    dead: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Mistakes:
    """
    What went wrong in a span without deaths.

    :param deaths: declared of robots that were there and did not stall, an hour.
    :param suspicions: of such robots by one that did not reach them, an hour.
    :param bytes_per_s: that a robot sends.
    """

    deaths: float
    suspicions: float
    bytes_per_s: float


def rows() -> list[dict[str, Any]]:
    """Measure, draw, and return the rows."""
    names = [(config, trouble) for config in CONFIGS for trouble in TROUBLES]
    with multiprocessing.get_context('spawn').Pool() as pool:
        dying = [pool.apply_async(deaths, (seed,)) for seed in (1, 2)]
        idling = pool.apply_async(mistakes, ('with Lifeguard', ''))
        wrong = dict(zip(names, pool.starmap(mistakes, names), strict=True))
        parts = [each.get() for each in dying]
        idle = idling.get()
    found = Deaths(
        sum((part.first for part in parts), ()),
        sum((part.suspected for part in parts), ()),
        sum((part.dead for part in parts), ()),
    )
    draw(found, wrong)
    name = f'{ROBOTS} robots'
    made = [
        row(f'{name}, a death: first suspected, mean', mean(found.first), 'periods', floor=THEORY),
        row(f'{name}, a death: suspected by all, mean', mean(found.suspected), 'periods'),
        row(f'{name}, a death: dead to all, median', percentile(found.dead, 50), 'periods'),
        row(f'{name}, a death: dead to all, worst', max(found.dead), 'periods'),
        row(f'{name}, idle: sent by a robot', idle.bytes_per_s, 'B/s'),
    ]
    for (config, trouble), each in wrong.items():
        where = f'{name}, {trouble}, {config}'
        made += [
            row(f'{where}: taken for dead', each.deaths, 'an hour'),
            row(f'{where}: suspected', each.suspicions, 'an hour'),
            row(f'{where}: sent by a robot', each.bytes_per_s, 'B/s'),
        ]
    return made


def mean(values: Sequence[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


def deaths(seed: int) -> Deaths:
    """Let robots die at any moment, one after another, and come back."""
    events: list[tuple[int, MemberEvent]] = []
    air = Air(seed, LIFEGUARD, Radio(), lambda now, _robot, event: events.append((now, event)))
    for robot in NAMES:
        air.start(robot)
    random = Random(seed)
    first: list[float] = []
    suspected: list[float] = []
    dead: list[float] = []
    for victim in random.sample(NAMES, DEATHS // 2):
        air.run(SETTLE_S * SECOND + random.randrange(PROBE))
        events.clear()
        began = air.now
        air.crash(victim)
        while sum(e.news is News.DIED for _, e in events) < ROBOTS - 1:
            air.run(SECOND)
            assert air.now - began < 60 * SECOND, f'seed {seed}: {victim} is not dead to all'
        times = {
            news: [(now - began) / PROBE for now, e in events
                   if e.robot == victim and e.news is news]
            for news in (News.SUSPECTED, News.DIED)
        }  # fmt: skip
        assert all(len(told) == ROBOTS - 1 for told in times.values()), f'seed {seed}, {victim}'
        first.append(min(times[News.SUSPECTED]))
        suspected.append(max(times[News.SUSPECTED]))
        dead.append(max(times[News.DIED]))
        air.start(victim)
    return Deaths(tuple(first), tuple(suspected), tuple(dead))


def mistakes(config: str, trouble: str) -> Mistakes:
    """
    Let nobody die for a while, and count who is taken for dead.

    :param trouble: '': none.
    """
    loss, stalling = TROUBLES.get(trouble, (0.0, 0))
    counted = {News.DIED: 0, News.SUSPECTED: 0}
    random = Random(1)
    ill = set(random.sample(NAMES, stalling))

    def listen(_now: int, robot: str, event: MemberEvent) -> None:
        # Each one once, where it begins: at the robot that says so first.
        if event.news in counted and event.accuser == robot and event.robot not in ill:
            counted[event.news] += 1

    air = Air(1, CONFIGS[config], Radio(loss=loss), listen, forgives_stalls=False)
    for robot in NAMES:
        air.start(robot)
    air.run(SETTLE_S * SECOND)

    def stall(robot: str) -> None:
        air.stall(robot)
        air.after(random.randint(SECOND, 8 * SECOND), lambda: resume(robot))

    def resume(robot: str) -> None:
        air.resume(robot)
        air.after(random.randint(1, SECOND // 10), lambda: stall(robot))

    for robot in sorted(ill):
        stall(robot)
    before = sum(robot.sent_bytes for robot in air.robots.values())
    counted.update(dict.fromkeys(counted, 0))
    air.run(FALSE_SPAN_S * SECOND)
    sent = sum(robot.sent_bytes for robot in air.robots.values()) - before
    hours = FALSE_SPAN_S / 3600
    return Mistakes(
        counted[News.DIED] / hours,
        counted[News.SUSPECTED] / hours,
        sent / ROBOTS / FALSE_SPAN_S,
    )


def draw(found: Deaths, wrong: dict[tuple[str, str], Mistakes]) -> None:
    """Draw all of it beside the theory."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot

    figure, (times, false) = pyplot.subplots(1, 2, figsize=(13, 5))
    share = [(n + 1) / len(found.first) for n in range(len(found.first))]
    for values, label in (
        (found.first, 'first suspected'),
        (found.suspected, 'suspected by all'),
        (found.dead, 'dead to all'),
    ):
        times.step(sorted(values), share, where='post', label=label)
    times.axvline(THEORY, color='grey', linestyle='--', linewidth=1, label='theory: e / (e - 1)')
    times.set(
        title=f'{len(found.first)} deaths among {ROBOTS} robots',
        xlabel='probe periods since the death', ylabel='share of deaths', ylim=(0, 1.02),
    )  # fmt: skip
    labels = [f'{trouble}\n{config}' for config, trouble in wrong]
    places = range(len(labels))
    false.bar([p - 0.2 for p in places], [m.deaths for m in wrong.values()], 0.4,
              label='taken for dead')  # fmt: skip
    false.bar([p + 0.2 for p in places], [m.suspicions for m in wrong.values()], 0.4,
              label='suspected')  # fmt: skip
    false.set(title='robots that live and do not stall', ylabel='an hour', yscale='symlog')
    false.set_xticks(list(places), labels, fontsize=8)
    for axes in (times, false):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.tight_layout()
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, dpi=120)
    pyplot.close(figure)
