"""
The model of the demo: trained in seconds on real handwritten digits, and written as ONNX.

The 1,797 digits are split once by the seed: most to train, some to find the temperature, and the
rest, which no training saw, are the signs that the robots are shown.
"""

from __future__ import annotations

from pathlib import Path
import time

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.demo.views import SIDE, any_view, look
from swarm_consensus.inference.calibration import fit_temperature
from swarm_consensus.protocols.values import value

LABELS = tuple('0123456789')
CALIBRATION = 200
SIGNS = 400
VIEWS_A_DIGIT = 24
HIDDEN = 128
EPOCHS = 10


@value
class TrainedModel:
    """
    A trained model and the signs it has not seen.

    :param signs: shape (n, 8, 8), 0..1.
    :param truths: shape (n,), the digit of each sign.
    :param accuracy: on views of the calibration digits by unknown cameras, 0..1.
    """

    path: Path
    temperature: float
    signs: NDArray[np.float64]
    truths: NDArray[np.int64]
    accuracy: float
    seconds: float


def train(folder: Path, seed: int) -> TrainedModel:
    """
    Train the model and write `digits.onnx` into a folder.

    :raises ImportError: scikit-learn is missing; it comes with the extra `demo`.
    """
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    began = time.monotonic()
    random = np.random.default_rng(seed)
    digits = load_digits()
    order = random.permutation(len(digits.target))
    images, targets = digits.images[order] / 16.0, digits.target[order].astype(np.int64)
    first = len(targets) - CALIBRATION - SIGNS
    train_x, train_y = _views(images[:first], targets[:first], VIEWS_A_DIGIT, random)
    middle = slice(first, first + CALIBRATION)
    held_x, held_y = _views(images[middle], targets[middle], 5, random)
    network = MLPClassifier(
        (HIDDEN,),
        batch_size=128,
        learning_rate_init=2e-3,
        alpha=1e-3,
        max_iter=EPOCHS,
        # Stopping at the epochs given is what is wanted, not a failure to converge.
        n_iter_no_change=EPOCHS,
        tol=0.0,
        random_state=seed,
    )
    _fit_quietly(network, train_x, train_y)
    hidden, out = network.coefs_
    hidden_bias, out_bias = network.intercepts_
    logits = np.maximum(held_x @ hidden + hidden_bias, 0.0) @ out + out_bias
    calibration = fit_temperature(logits, held_y)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'digits.onnx'
    write_onnx(path, hidden, hidden_bias, out, out_bias)
    return TrainedModel(
        path=path,
        temperature=float(calibration.temperature),
        signs=images[first + CALIBRATION :],
        truths=targets[first + CALIBRATION :],
        accuracy=float((logits.argmax(axis=1) == held_y).mean()),
        seconds=time.monotonic() - began,
    )


def _fit_quietly(network: object, inputs: NDArray[np.float32], truths: NDArray[np.int64]) -> None:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # On small matrices the threads of BLAS cost ten times what they bring on a busy machine.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter('ignore', ConvergenceWarning)
        network.fit(inputs, truths)  # type: ignore[attr-defined]


def _views(
    images: NDArray[np.float64],
    targets: NDArray[np.int64],
    each: int,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return pictures by unknown cameras, shape (n * each, SIDE * SIDE), and their digits."""
    pictures = np.empty((len(images) * each, SIDE * SIDE), dtype=np.float32)
    for row in range(len(pictures)):
        picture = look(images[row // each], any_view(random), random)
        pictures[row] = picture.reshape(-1).astype(np.float32) / 255.0
    return pictures, np.repeat(targets, each)


def write_onnx(
    path: Path,
    hidden: NDArray[np.float64],
    hidden_bias: NDArray[np.float64],
    out: NDArray[np.float64],
    out_bias: NDArray[np.float64],
) -> None:
    """
    Write a network of one hidden layer as an ONNX model: picture (1, 1, SIDE, SIDE) to logits.

    :param hidden: shape (SIDE * SIDE, hidden).
    :param hidden_bias: shape (hidden,).
    :param out: shape (hidden, labels).
    :param out_bias: shape (labels,).
    """
    from onnx import TensorProto, checker, helper, numpy_helper, save

    weights = {'w1': hidden, 'b1': hidden_bias, 'w2': out, 'b2': out_bias}
    graph = helper.make_graph(
        [
            helper.make_node('Flatten', ['image'], ['pixels']),
            helper.make_node('Gemm', ['pixels', 'w1', 'b1'], ['h1']),
            helper.make_node('Relu', ['h1'], ['h2']),
            helper.make_node('Gemm', ['h2', 'w2', 'b2'], ['logits']),
        ],
        'digits',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
        [helper.make_tensor_value_info('logits', TensorProto.FLOAT, [1, out.shape[1]])],
        [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    checker.check_model(model)
    save(model, str(path))
