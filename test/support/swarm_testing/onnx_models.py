"""Real ONNX models, small enough to be made by each test that needs one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
import onnx
from onnx import TensorProto, helper, numpy_helper

Axis = int | str

OPSET = 17
IR_VERSION = 9  # what the oldest onnxruntime that we support reads


def save_model(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Sequence[onnx.TensorProto] = (),
) -> Path:
    """Write a model of these nodes and return its path."""
    graph = helper.make_graph(nodes, 'test', inputs, outputs, weights)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def value(name: str, shape: Sequence[Axis], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """Declare an input or output."""
    return helper.make_tensor_value_info(name, kind, list(shape))


def linear_model(
    path: Path,
    shape: Sequence[Axis],
    weights: NDArray[np.float32],
    *,
    softmax: bool = False,
    batch: Axis = 1,
    kind: int = TensorProto.FLOAT,
) -> Path:
    """
    Write a model that flattens its input and multiplies it with a matrix.

    :param shape: of the input.
    :param weights: shape (inputs, labels).
    :param softmax: answer with probabilities instead of logits.
    :param kind: type of the input, cast to float32 inside.
    """
    nodes = [
        helper.make_node('Cast', ['x'], ['float'], to=TensorProto.FLOAT),
        helper.make_node('Reshape', ['float', 'flat_shape'], ['flat']),
        helper.make_node('MatMul', ['flat', 'weights'], ['logits' if softmax else 'y']),
    ]
    if softmax:
        nodes.append(helper.make_node('Softmax', ['logits'], ['y'], axis=-1))
    return save_model(
        path,
        nodes,
        [value('x', shape, kind)],
        [value('y', [batch, weights.shape[1]])],
        [
            numpy_helper.from_array(weights.astype(np.float32), 'weights'),
            numpy_helper.from_array(np.array([1, weights.shape[0]], np.int64), 'flat_shape'),
        ],
    )


def passing_model(path: Path, shape: Sequence[Axis], kind: int = TensorProto.FLOAT) -> Path:
    """Write a model that answers with its input, cast to float32."""
    nodes = [helper.make_node('Cast', ['x'], ['y'], to=TensorProto.FLOAT)]
    return save_model(path, nodes, [value('x', shape, kind)], [value('y', shape)])


def mean_colour_model(path: Path, shape: Sequence[Axis]) -> Path:
    """Write a model that answers with 10 times the mean of each channel of an NCHW picture."""
    nodes = [
        helper.make_node('GlobalAveragePool', ['x'], ['mean']),
        helper.make_node('Flatten', ['mean'], ['flat']),
        helper.make_node('Mul', ['flat', 'ten'], ['y']),
    ]
    ten = numpy_helper.from_array(np.array(10.0, np.float32), 'ten')
    return save_model(path, nodes, [value('x', shape)], [value('y', [shape[0], shape[1]])], [ten])
