"""
Trains the model of the search on views that the simulation renders, and writes it as ONNX.

    python -m swarm_consensus.demo.search.train

A small convolutional network in two steps, neither of which needs a library for deep learning. Its
filters are the centres of clusters of whitened patches, as in Coates and Ng, Learning Feature
Representations with K-means, 2012 (sections 3 and 4, with their soft threshold as a ReLU); the
whitening goes into the filters. The layers behind the pooling are a perceptron of scikit-learn.
Views of every arena are for training, calibration or the test, never for two of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
import hashlib
import math
from pathlib import Path
from random import Random
import sys
import time

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.demo.search.vision import (
    MODEL,
    SEEN_ANGLE,
    SEEN_FROM_M,
    SEEN_TO_M,
    SIDE,
    Camera,
    Sighting,
    cut_out,
    sightings,
)
from swarm_consensus.inference.calibration import fit_temperature
from swarm_consensus.protocols.values import value
from swarm_consensus.simulation.embedded.arena import HEIGHT_M, LABELS, WIDTH_M, draw
from swarm_consensus.simulation.embedded.physics import Physics, missing

PATCH, FILTERS, POOL = 5, 48, 5
CELLS = (SIDE - PATCH + 1) // POOL
THRESHOLD = 0.6
HIDDEN, EPOCHS = 64, 40
VIEWS_AN_ARENA = 50
OBJECTS = 8
PATCHES = 60_000
# The robot of the arenas of training; it moves by itself nowhere.
ROBOT = 'camera'

Floats = NDArray[np.float32]


@value
class Views:
    """
    Pictures of things.

    :param parts: shape (n, SIDE, SIDE, 3), 0..255.
    :param labels: shape (n,), indices of LABELS.
    :param distances_m: shape (n,).
    """

    parts: NDArray[np.uint8]
    labels: NDArray[np.int64]
    distances_m: NDArray[np.float64]


@value
class Trained:
    """
    What came of it.

    :param accuracy: on the views of the test, 0..1; `near` and `far` below and from 2 m on.
    :param error: expected calibration error there, at this temperature.
    """

    path: Path
    temperature: float
    accuracy: float
    near: float
    far: float
    by_label: dict[str, float]
    error: float
    views: tuple[int, int, int]
    seconds: float


def render(first_seed: int, count: int) -> Views:
    """Return views of things in arenas, each arena with VIEWS_AN_ARENA of them."""
    parts, labels, distances = [], [], []
    seed = first_seed
    while len(parts) < count:
        for part, label, distance in _arena_views(seed, min(VIEWS_AN_ARENA, count - len(parts))):
            parts.append(part)
            labels.append(label)
            distances.append(distance)
        seed += 1
    return Views(np.stack(parts), np.asarray(labels), np.asarray(distances))


def _arena_views(seed: int, count: int) -> Iterator[tuple[NDArray[np.uint8], int, float]]:
    arena = draw(seed, (ROBOT,), OBJECTS)
    random = Random(f'{seed}/views')
    generator = np.random.default_rng(random.getrandbits(63))
    with Physics(arena) as physics:
        while count:
            thing = random.choice(arena.things)
            seen = _stand(physics, random, (thing.x_m, thing.y_m))
            if seen is None:
                continue
            for number in range(len(arena.things)):
                color = random.random(), random.random(), random.random()
                physics.paint(number, color)
            picture = Camera(generator).develop(physics.look(ROBOT))
            part = cut_out(picture, seen.distance_m, seen.bearing)
            yield part, LABELS.index(thing.label), seen.distance_m
            count -= 1


def _stand(physics: Physics, random: Random, thing: tuple[float, float]) -> Sighting | None:
    """Put the robot where it sees a thing; None: it does not see it from there."""
    arena = physics.arena
    away_m = random.uniform(SEEN_FROM_M + 0.1, SEEN_TO_M)
    way = random.uniform(-math.pi, math.pi)
    x_m, y_m = thing[0] - away_m * math.cos(way), thing[1] - away_m * math.sin(way)
    if not (0.3 < x_m < WIDTH_M - 0.3 and 0.3 < y_m < HEIGHT_M - 0.3):
        return None
    if any(math.dist((x_m, y_m), (each.x_m, each.y_m)) < 0.5 for each in arena.things):
        return None
    if arena.wall_distance(np.asarray([(x_m, y_m)]))[0] < 0.25:
        return None
    physics.place(ROBOT, x_m, y_m, way + random.uniform(-SEEN_ANGLE, SEEN_ANGLE))
    found = sightings(physics.scan(ROBOT), physics.pose(ROBOT), arena, ())
    seen = [each for each in found if math.dist((each.x_m, each.y_m), thing) < 0.4]
    return seen[0] if len(seen) == 1 and seen[0].in_view else None


def learn_filters(parts: NDArray[np.uint8], seed: int) -> tuple[Floats, Floats]:
    """Return weights (FILTERS, 3, PATCH, PATCH) and biases of the convolution."""
    from sklearn.cluster import MiniBatchKMeans

    random = np.random.default_rng(seed)
    rows = random.integers(0, SIDE - PATCH + 1, PATCHES)
    columns = random.integers(0, SIDE - PATCH + 1, PATCHES)
    which = random.integers(0, len(parts), PATCHES)
    patches = np.stack(
        [
            parts[n, r : r + PATCH, c : c + PATCH].transpose(2, 0, 1).reshape(-1)
            for n, r, c in zip(which, rows, columns, strict=True)
        ]
    ).astype(np.float64) / 255.0
    mean = patches.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((patches - mean).T))
    whitening = vectors @ np.diag(1.0 / np.sqrt(values + 0.01)) @ vectors.T
    whitened = (patches - mean) @ whitening
    # Flat patches say nothing.
    lengths = np.linalg.norm(whitened, axis=1)
    telling = whitened[lengths > np.median(lengths)]
    telling /= np.linalg.norm(telling, axis=1, keepdims=True)
    clusters = MiniBatchKMeans(FILTERS, random_state=seed, n_init=3, batch_size=2048).fit(telling)
    centres = clusters.cluster_centers_
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    weights = centres @ whitening.T
    biases = -(weights @ mean) - THRESHOLD
    return weights.reshape(FILTERS, 3, PATCH, PATCH).astype(np.float32), biases.astype(np.float32)


def features(parts: NDArray[np.uint8], weights: Floats, biases: Floats) -> Floats:
    """Return what the convolution, the ReLU and the pooling make of pictures."""
    flat = weights.reshape(FILTERS, -1).T
    found = np.empty((len(parts), FILTERS * CELLS * CELLS), np.float32)
    for first in range(0, len(parts), 200):
        some = parts[first : first + 200].astype(np.float32) / 255.0
        windows = np.lib.stride_tricks.sliding_window_view(some, (PATCH, PATCH), axis=(1, 2))
        # (n, rows, columns, 3, PATCH, PATCH)
        maps = np.maximum(windows.reshape(*windows.shape[:3], -1) @ flat + biases, 0.0)
        cut = maps[:, : CELLS * POOL, : CELLS * POOL]
        pooled = cut.reshape(len(some), CELLS, POOL, CELLS, POOL, FILTERS).mean(axis=(2, 4))
        found[first : first + 200] = pooled.transpose(0, 3, 1, 2).reshape(len(some), -1)
    return found


def train(folder: Path, seed: int, views: int) -> Trained:
    """
    Render, train, write `objects.onnx` into a folder, and test what was written.

    :param views: for training; a quarter as many for the test, and an eighth to calibrate.
    :raises ImportError: MuJoCo or scikit-learn is missing.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    began = time.monotonic()
    first = 1_000_000 * seed
    training = render(first, views)
    calibration = render(first + 400_000, max(100, views // 8))
    test = render(first + 600_000, max(200, views // 4))
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter('ignore', ConvergenceWarning)
        weights, biases = learn_filters(training.parts, seed)
        inputs = features(training.parts, weights, biases)
        mean, spread = inputs.mean(axis=0), inputs.std(axis=0) + 0.01
        network = MLPClassifier(
            (HIDDEN,),
            alpha=0.1,
            batch_size=128,
            max_iter=EPOCHS,
            n_iter_no_change=EPOCHS,
            tol=0.0,
            random_state=seed,
        )
        network.fit((inputs - mean) / spread, training.labels)
    hidden = network.coefs_[0] / spread[:, None]
    hidden_bias = network.intercepts_[0] - mean @ hidden
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / MODEL
    _write(path, [weights, biases, hidden, hidden_bias, network.coefs_[1], network.intercepts_[1]])
    found = fit_temperature(_logits(path, calibration), calibration.labels)
    logits = _logits(path, test)
    right = logits.argmax(axis=1) == test.labels
    near = test.distances_m < 2.0
    from swarm_consensus.inference.calibration import expected_calibration_error

    return Trained(
        path=path,
        temperature=found.temperature,
        accuracy=float(right.mean()),
        near=float(right[near].mean()),
        far=float(right[~near].mean()),
        by_label={
            label: float(right[test.labels == n].mean()) for n, label in enumerate(LABELS)
        },
        error=expected_calibration_error(logits, test.labels, found.temperature),
        views=(len(training.labels), len(calibration.labels), len(test.labels)),
        seconds=time.monotonic() - began,
    )


def _logits(path: Path, views: Views) -> NDArray[np.float64]:
    """Return what the written model answers, by the runtime that robots use."""
    from swarm_consensus.inference.model import Model
    from swarm_consensus.inference.pixels import pixels_of
    from swarm_consensus.inference.spec import Color, InputKind, Spec

    model = Model(Spec(InputKind.IMAGE, str(path), LABELS))
    answers = []
    for part in views.parts:
        model.preprocessor.write(pixels_of(part, Color.RGB))
        answers.append(model.run().astype(np.float64))
    return np.stack(answers)


def _write(path: Path, arrays: Sequence[NDArray[np.floating]]) -> None:
    from onnx import TensorProto, checker, helper, numpy_helper, save

    names = ('filters', 'thresholds', 'w1', 'b1', 'w2', 'b2')
    graph = helper.make_graph(
        [
            helper.make_node('Conv', ['image', 'filters', 'thresholds'], ['maps']),
            helper.make_node('Relu', ['maps'], ['active']),
            helper.make_node(
                'AveragePool', ['active'], ['pooled'], kernel_shape=[POOL, POOL],
                strides=[POOL, POOL],
            ),
            helper.make_node('Flatten', ['pooled'], ['features']),
            helper.make_node('Gemm', ['features', 'w1', 'b1'], ['h1']),
            helper.make_node('Relu', ['h1'], ['h2']),
            helper.make_node('Gemm', ['h2', 'w2', 'b2'], ['logits']),
        ],
        'objects',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info('logits', TensorProto.FLOAT, [1, len(LABELS)])],
        [
            numpy_helper.from_array(np.asarray(each, np.float32), name)
            for name, each in zip(names, arrays, strict=True)
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    checker.check_model(model)
    save(model, str(path))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the training; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n\n')[0])
    parser.add_argument('--views', type=int, default=6000, help='for training (6000)')
    parser.add_argument('--seed', type=int, default=1, help='of everything random (1)')
    parser.add_argument(
        '--output', type=Path, default=Path('models'), help='folder of the model (models)'
    )
    options = parser.parse_args(arguments)
    problem = missing()
    if problem or options.views < 100:
        print(problem or f'--views is {options.views}, give 100 or more', file=sys.stderr)
        return 2
    trained = train(options.output, options.seed, options.views)
    digest = hashlib.sha256(trained.path.read_bytes()).hexdigest()
    print(f'{trained.path}: {trained.path.stat().st_size} bytes, sha256 {digest}')
    print('views of training, calibration, test: {}, {}, {}'.format(*trained.views))
    print(f'accuracy {trained.accuracy:.3f}, below 2 m {trained.near:.3f}, beyond '
          f'{trained.far:.3f}')  # fmt: skip
    print(', '.join(f'{label} {share:.3f}' for label, share in trained.by_label.items()))
    print(f'temperature {trained.temperature:.3f}, calibration error {trained.error:.3f}')
    print(f'{trained.seconds:.0f} s')
    return 0


if __name__ == '__main__':
    sys.exit(main())
