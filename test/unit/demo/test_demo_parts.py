"""The pure parts of the demonstration: views, score, central fusion, the words at the end."""

from __future__ import annotations

import math
from pathlib import Path
import time

import numpy as np
import pytest
from rich.console import Console

from swarm_consensus.composition.swarm_file import load_swarm
from swarm_consensus.demo.digits import LABELS, TrainedModel, train
from swarm_consensus.demo.display import line, picture
from swarm_consensus.demo.report import plot, rows
from swarm_consensus.demo.score import Score, Sign, fuse_centrally, guess, share, wilson
from swarm_consensus.demo.show import Moment, Options, Outcome, keep_showing, swarm_yaml
from swarm_consensus.demo.views import ROBOT_VIEWS, SIDE, look, view_of


def signs() -> Score:
    """Three signs: two robots, the second sees only the first two."""
    score = Score(('robot_1', 'robot_2'))
    score.signs += [
        Sign(0, '7', {'robot_1': '7', 'robot_2': '1'}, '7', '7', 0.02),
        Sign(1, '3', {'robot_1': '8', 'robot_2': '3'}, '3', '8', 0.04),
        Sign(2, '4', {'robot_1': '4'}, '4', '', math.nan),
    ]
    return score


def outcome(folder: Path) -> Outcome:
    """An outcome around these signs."""
    model = TrainedModel(
        folder / 'digits.onnx', 1.3, np.zeros((3, 8, 8)), np.zeros(3, np.int64), 0.6, 1.0
    )
    return Outcome(signs(), model, killed=(1, 'robot_2'), returned=(2, 'robot_2'), failover=0.6)


def test_score_counts_what_was_seen_and_a_missing_decision_is_not_right() -> None:
    """A robot is judged by what it saw, the swarm by everything that was shown."""
    score = signs()
    assert score.robot('robot_1') == (2, 3)
    assert score.robot('robot_2') == (1, 2)
    assert score.swarm == (1, 3)
    assert score.central == (3, 3)
    assert score.latencies == [0.02, 0.04]


def test_central_fusion_is_the_product_of_likelihoods() -> None:
    """Two that are fairly sure outvote one that is surer."""
    beliefs = {
        'a': np.log([0.6, 0.3, 0.1]),
        'b': np.log([0.6, 0.3, 0.1]),
        'c': np.log([0.2, 0.7, 0.1]),
    }
    assert fuse_centrally(beliefs, 'xyz') == 'x'
    assert guess(beliefs['c'], 'xyz') == 'y'
    assert fuse_centrally({}, 'xyz') == ''


def test_wilson_interval_against_known_values() -> None:
    """Brown, Cai and DasGupta (2001) as everybody computes it."""
    low, high = wilson((8, 10))
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson((0, 0)) == (0.0, 1.0)
    assert share((0, 0)) == 0.0


@pytest.mark.parametrize('robot', range(len(ROBOT_VIEWS)))
def test_views_are_reproducible_and_poor(robot: int) -> None:
    """One seed, one picture; and the picture is not the sign."""
    sign = np.linspace(0, 1, 64).reshape(8, 8)
    one, two, other = (
        look(sign, view_of(robot), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert one.shape == (SIDE, SIDE)
    assert one.dtype == np.uint8
    assert (one == two).all()
    assert (one != other).any()


def test_trained_model_reads_signs_it_has_not_seen(tmp_path: Path) -> None:
    """The ONNX file gives what it was trained for, well above chance, and the yaml fits it."""
    import onnxruntime

    model = train(tmp_path, seed=3)
    session = onnxruntime.InferenceSession(str(model.path), providers=['CPUExecutionProvider'])
    random = np.random.default_rng(3)
    right = 0
    for sign, truth in zip(model.signs[:100], model.truths[:100], strict=True):
        image = look(sign, view_of(0), random).reshape(1, 1, SIDE, SIDE).astype(np.float32) / 255
        (logits,) = session.run(None, {'image': image})
        right += int(logits.argmax() == truth)
    assert right > 50
    assert 0.3 < model.temperature < 5
    file = tmp_path / 'swarm.yaml'
    options = Options(5, 20, 0.0, 3, tmp_path)
    file.write_text(swarm_yaml(options, model, 42))
    swarm = load_swarm(file)
    assert len(swarm.robots) == 5
    assert swarm.subjects['sign']['labels'] == list(LABELS)


def test_display_and_report_say_who_was_right(tmp_path: Path) -> None:
    """The line, the live picture, the closing table and the plot, from the same score."""
    result = outcome(tmp_path)
    moment = Moment(result.score, ('robot_1',), 'robot_1', None)
    assert 'decided nothing' in line(moment)
    console = Console(width=120, record=True)
    console.print(picture(moment))
    text = console.export_text()
    assert 'robot_2 down' in text
    assert 'robot_1 leads' in text
    assert 'no decision' in text
    said = {name: (value, remark) for name, value, remark in rows(result)}
    assert said['the swarm'][0] == '33.3%'
    assert said['central fusion'][0] == '100.0%'
    assert 'robot_2 at sign 1, back at sign 2' in said['leader killed'][1]
    plot(result, tmp_path / 'demo.png')
    assert (tmp_path / 'demo.png').read_bytes().startswith(b'\x89PNG')


def test_a_sign_whose_picture_was_lost_is_shown_again_until_it_is_known() -> None:
    """And not once more than that; where nothing helps, it is given up in time."""
    shown: list[int] = []
    waits: list[float] = []

    def known(seconds: float) -> bool:
        waits.append(seconds)
        return len(shown) == 3

    assert keep_showing(lambda: shown.append(1), known, timeout=60.0, again=0.5)
    assert (len(shown), waits) == (3, [0.5, 0.5, 0.5])
    began = time.monotonic()
    assert not keep_showing(lambda: None, lambda seconds: bool(time.sleep(seconds)), 0.03, 0.02)
    assert time.monotonic() - began >= 0.03
