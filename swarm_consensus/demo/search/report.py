"""What a search came to: in words, against single robots and a centre, and as a picture."""

from __future__ import annotations

from pathlib import Path
import statistics

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.table import Table

from swarm_consensus.demo.search.mission import SPLIT_FROM_S, SPLIT_TO_S, Found, Outcome
from swarm_consensus.simulation.embedded.arena import HEIGHT_M, WIDTH_M
from swarm_consensus.simulation.embedded.model import TOP_FOV_DEG, TOP_HEIGHT_M

# Robots one after another; told apart on the grey of the floor.
_COLORS = ('#ffd24a', '#59c2ff', '#ff7fb0', '#7ee081', '#c79bff', '#ff9f5a', '#8ff0e6', '#e6e6e6')
_RIGHT, _WRONG, _LINK = '#37d67a', '#ff4d4d', '#ffffff'
_TEXT_PX = 15


def conditions(outcome: Outcome) -> str:
    """Return under what the search was done."""
    options = outcome.options
    parts = [f'{options.loss:.0%} of the frames lost' if options.loss else 'no frames lost']
    if options.split:
        parts.append(f'cut in two from {SPLIT_FROM_S:g} to {SPLIT_TO_S:g} s')
    return ', '.join(parts)


def table(outcome: Outcome) -> Table:
    """Return how many objects who got right."""
    objects = outcome.options.objects
    alone = list(outcome.alone_right().values())
    found = Table(title=f'{objects} objects, {conditions(outcome)}', title_justify='left')
    for column in ('', 'found', 'right'):
        found.add_column(column, justify='left' if not column else 'right')
    found.add_row('swarm, committed', str(outcome.found), str(outcome.right))
    found.add_row('a centre with all that was seen', str(outcome.found), str(outcome.central_right))
    seen = [sum(bool(t.truth) and name in t.alone for t in outcome.things)
            for name in outcome.trails]  # fmt: skip
    found.add_row('the best single robot', '', str(max(alone)))
    found.add_row(
        'single robots, mean', f'{statistics.mean(seen):.1f}', f'{statistics.mean(alone):.1f}'
    )
    return found


def lines(outcome: Outcome) -> list[str]:
    """Return what else is to be said, a line each."""
    done = ', '.join(f'{name} {count}' for name, count in outcome.done.items())
    said = [
        f'{outcome.seconds:.0f} s of search in {outcome.real_s:.0f} s '
        f'({outcome.seconds / max(outcome.real_s, 1e-9):.1f} times real time)',
        f'tasks carried out: {done}',
        f'{outcome.reach:.0%} of the pairs of robots heard each other; the radio had them in '
        f'{outcome.parts_max} part{"s" if outcome.parts_max > 1 else ""} at most',
    ]
    false = [each.task for each in outcome.things if not each.truth]
    if false:
        said.append(f'nothing stands where the swarm has {", ".join(false)}')
    if not outcome.complete:
        said.append('the time was over before all was done')
    said += [f'FAULT: robots told different answers on {each}' for each in outcome.contradictions]
    return said


def draw(outcome: Outcome, path: Path) -> None:
    """Write the picture: the area from above, where robots went, and what the swarm decided."""
    picture = Image.fromarray(outcome.top)
    layer = Image.new('RGBA', picture.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    font = ImageFont.load_default(_TEXT_PX)
    size = picture.size
    ends = {name: trail[-1] for name, trail in outcome.trails.items() if trail}
    for one, other in outcome.links:
        if one < other and {one, other} <= set(ends):
            pen.line([_pixel(ends[one], 0.3, size), _pixel(ends[other], 0.3, size)],
                     fill=(255, 255, 255, 60))  # fmt: skip
    for number, (name, trail) in enumerate(outcome.trails.items()):
        color = _COLORS[number % len(_COLORS)]
        if len(trail) > 1:
            pen.line([_pixel(place, 0.0, size) for place in trail], fill=color, width=2)
            _label(pen, font, _pixel(trail[-1], 0.4, size), name, color)
    for each in outcome.things:
        right = bool(each.truth) and each.choice == each.truth
        color = _RIGHT if right else _WRONG
        x, y = _pixel((each.x_m, each.y_m), 0.2, size)
        pen.ellipse([x - 26, y - 26, x + 26, y + 26], outline=color, width=3)
        _label(pen, font, (x, y + 34), _said(each), color)
    picture = Image.alpha_composite(picture.convert('RGBA'), layer).convert('RGB')
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def _said(found: Found) -> str:
    if not found.choice:
        return 'undecided'
    return f'{found.choice} {found.confidence:.2f} ({len(found.voters)})'


def _label(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    at: tuple[float, float],
    text: str,
    color: str,
) -> None:
    left, top, right, bottom = pen.textbbox(at, text, font=font, anchor='mm')
    pen.rectangle([left - 3, top - 2, right + 3, bottom + 2], fill=(20, 22, 26, 190))
    pen.text(at, text, fill=color, font=font, anchor='mm')


def _pixel(
    place: tuple[float, float], height_m: float, size: tuple[int, int]
) -> tuple[float, float]:
    """Return where the view from above shows a place at a height."""
    focal = size[1] / 2.0 / np.tan(np.radians(TOP_FOV_DEG) / 2.0)
    scale = focal / (TOP_HEIGHT_M - height_m)
    return (
        float(size[0] / 2.0 + scale * (place[0] - WIDTH_M / 2)),
        float(size[1] / 2.0 - scale * (place[1] - HEIGHT_M / 2)),
    )
