"""
A network of one hidden layer and its training, in NumPy alone: what the examples adapt.

The names are those of its ONNX model: `w1`, `b1`, `w2`, `b2`. A robot with an accelerator would use
its own library here; what is handed in are arrays by the names of the initializers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Arrays = dict[str, Floats]


def first_parameters(
    inputs: int, hidden: int, labels: int, random: np.random.Generator
) -> Arrays:
    """Return parameters to begin with (He et al., ICCV 2015, section 2.2)."""
    return {
        'w1': random.normal(0.0, np.sqrt(2.0 / inputs), (inputs, hidden)).astype(np.float32),
        'b1': np.zeros(hidden, np.float32),
        'w2': random.normal(0.0, np.sqrt(2.0 / hidden), (hidden, labels)).astype(np.float32),
        'b2': np.zeros(labels, np.float32),
    }


def train(
    begun: Mapping[str, Floats],
    inputs: Floats,
    labels: NDArray[np.integer[Any]],
    *,
    steps: int,
    rate: float,
    random: np.random.Generator,
    batch: int = 32,
) -> Arrays:
    """
    Take some steps of stochastic gradient descent on the cross-entropy; few, so that robots with
    different data do not drift apart before they merge (McMahan et al., AISTATS 2017).

    :param begun: parameters; not changed.
    :param inputs: shape (examples, inputs).
    :param labels: shape (examples,), indices.
    """
    now = {name: np.array(values, np.float64) for name, values in begun.items()}
    for _ in range(steps):
        chosen = random.integers(0, len(labels), batch)
        x, y = inputs[chosen], labels[chosen]
        before = x @ now['w1'] + now['b1']
        hidden = np.maximum(before, 0.0)
        slope = _softmax(hidden @ now['w2'] + now['b2'])
        slope[np.arange(batch), y] -= 1.0
        slope /= batch
        slope_hidden = (slope @ now['w2'].T) * (before > 0)
        now['w2'] -= rate * hidden.T @ slope
        now['b2'] -= rate * slope.sum(axis=0)
        now['w1'] -= rate * x.T @ slope_hidden
        now['b1'] -= rate * slope_hidden.sum(axis=0)
    return {name: values.astype(np.float32) for name, values in now.items()}


def accuracy(
    parameters: Mapping[str, Floats], inputs: Floats, labels: NDArray[np.integer[Any]]
) -> float:
    """Return the share of the examples whose true label is put first, 0..1."""
    hidden = np.maximum(inputs @ parameters['w1'] + parameters['b1'], 0.0)
    logits = hidden @ parameters['w2'] + parameters['b2']
    return float((logits.argmax(axis=1) == labels).mean())


def write_onnx(path: Path, parameters: Mapping[str, Floats]) -> None:
    """Write the network as an ONNX model: `features` (1, inputs) to `logits` (1, labels)."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    inputs, labels = parameters['w1'].shape[0], parameters['w2'].shape[1]
    graph = helper.make_graph(
        [
            helper.make_node('Gemm', ['features', 'w1', 'b1'], ['before']),
            helper.make_node('Relu', ['before'], ['hidden']),
            helper.make_node('Gemm', ['hidden', 'w2', 'b2'], ['logits']),
        ],
        'small_network',
        [helper.make_tensor_value_info('features', TensorProto.FLOAT, [1, inputs])],
        [helper.make_tensor_value_info('logits', TensorProto.FLOAT, [1, labels])],
        [
            numpy_helper.from_array(np.asarray(values, np.float32), name)
            for name, values in parameters.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    checker.check_model(model)
    save(model, str(path))


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result
