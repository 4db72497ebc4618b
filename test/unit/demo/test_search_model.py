"""The model of the search as it is committed: it fits its card, and reads views it has not seen."""

from __future__ import annotations

import hashlib
from pathlib import Path
import re

import numpy as np
import pytest

from swarm_consensus.demo.search.vision import (
    SIDE,
    TEMPERATURE,
    Camera,
    Classifier,
    cut_out,
    model_path,
    sightings,
)
from swarm_consensus.simulation.embedded import physics as physics_module
from swarm_consensus.simulation.embedded.arena import LABELS, Arena, Thing, Wall
from swarm_consensus.simulation.embedded.physics import LIDAR_RANGE_M, RAYS

needs_mujoco = pytest.mark.skipif(
    bool(physics_module.missing()), reason=physics_module.missing() or 'MuJoCo is there'
)
CARD = Path(__file__).resolve().parents[3] / 'models' / 'objects.md'


def test_the_card_is_of_this_model() -> None:
    card = CARD.read_text()
    assert hashlib.sha256(model_path().read_bytes()).hexdigest() in card
    assert f'| temperature | {TEMPERATURE} ' in card
    assert f'[1, 3, {SIDE}, {SIDE}]' in card and ', '.join(LABELS) in card


@needs_mujoco
def test_it_is_as_good_on_new_views_as_the_card_says() -> None:
    """200 views of arenas that are not those of the training, the calibration or the test."""
    from swarm_consensus.demo.search.train import render

    views = render(99_000_000, 200)
    classifier = Classifier()
    beliefs = np.stack([classifier.belief(part) for part in views.parts])
    assert np.exp(beliefs).sum(axis=1) == pytest.approx(1.0, abs=1e-3)
    right = float((beliefs.argmax(axis=1) == views.labels).mean())
    said = re.search(r'\| all \| ([\d.]+) % \|', CARD.read_text())
    assert said is not None
    # Four standard deviations of a share of 200.
    assert right == pytest.approx(float(said[1]) / 100, abs=0.085)


def test_what_is_no_wall_and_no_robot_is_seen_where_it_is() -> None:
    """A thing of 0.4 m straight ahead, a wall to the left, a robot to the right."""
    arena = Arena((Wall(-3.0, 1.0, 3.0, 1.1),), (Thing('ball', 2.0, 0.0, 0.0, (1, 1, 1)),), {})
    scan = np.full(RAYS, LIDAR_RANGE_M)
    scan[-5:] = scan[:6] = 1.8
    scan[60:121] = 1.0 / np.sin(np.radians(np.arange(60, 121)))
    scan[265:276] = 0.9
    (seen,) = sightings(scan, (0.0, 0.0, 0.0), arena, [(0.0, -1.0)])
    assert (seen.x_m, seen.y_m) == (pytest.approx(1.94, abs=0.03), pytest.approx(0.0, abs=0.03))
    assert seen.in_view and seen.bearing == pytest.approx(0.0, abs=0.03)
    assert len(sightings(scan, (0.0, 0.0, 0.0), arena, [])) == 2


def test_a_part_is_cut_out_around_where_something_is() -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    # 9 cm below the camera, which looks down by 6.8 degrees; 15 degrees to the right.
    picture[16:26, 40:50] = 255
    part = cut_out(picture, 2.0, -0.26)
    assert part.shape == (SIDE, SIDE, 3)
    rows, columns = np.nonzero(part[..., 0] > 128)
    assert abs(columns.mean() - SIDE / 2) < 2 and abs(rows.mean() - SIDE / 2) < 2
    # Past the edge of the picture goes on what is there.
    assert cut_out(picture, 0.7, 0.5).shape == (SIDE, SIDE, 3)


def test_a_camera_is_poor_in_its_own_way() -> None:
    grey = np.full((48, 64, 3), 128, np.uint8)
    one, other = (Camera(np.random.default_rng(seed)).develop(grey) for seed in (1, 2))
    assert abs(float(one.mean()) - float(other.mean())) > 1.0
    assert one.std() > 20.0


def test_a_model_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Exception, match='nothing.onnx'):
        Classifier(tmp_path / 'nothing.onnx')
