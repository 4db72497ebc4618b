"""
An ONNX model as a graph and its parameters: read them, and make the model with other ones.

The parameters are the initializers of the graph that hold floating point. Integers (shapes, axes,
indices) belong to the graph and stay as they are, as do initializers of graphs within the graph.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from swarm_consensus.inference.errors import ModelError, describe_error
from swarm_consensus.protocols.parameters.architecture import (
    DTYPES,
    Architecture,
    Tensor,
    Vector,
)
from swarm_consensus.protocols.parameters.errors import ParametersError

_TYPES = {onnx.helper.np_dtype_to_tensor_dtype(np.dtype(name)): name for name in DTYPES}


class Blueprint:
    """
    A model file, taken apart; not for two threads at once.

    :param path: of the ONNX file; weights that it keeps in files beside it are read too.
    :ivar architecture: of its parameters, in the order of the graph.
    :ivar vector: their values, shape (architecture.count,).
    :raises ModelError: the file cannot be read, or has no parameters that can be exchanged.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._model = onnx.load(str(path))
        except Exception as error:  # noqa: BLE001 -- it raises what protobuf raises
            raise ModelError(
                f'model {path} cannot be taken apart: {describe_error(error)}'
            ) from error
        # A tensor without numbers has nothing to exchange.
        self._initializers = [
            each
            for each in self._model.graph.initializer
            if each.data_type in _TYPES and all(each.dims)
        ]
        try:
            self.architecture = Architecture(
                [
                    Tensor(each.name, tuple(each.dims), _TYPES[each.data_type])
                    for each in self._initializers
                ]
            )
            self.vector: Vector = self.architecture.flatten(
                {each.name: numpy_helper.to_array(each) for each in self._initializers}
            )
        except ParametersError as error:
            raise ModelError(f'model {path}: {error}') from error

    def build(self, vector: Vector) -> bytes:
        """
        Return the ONNX file of the same graph with other parameters.

        :raises ParametersError: they do not fit the architecture.
        """
        arrays = self.architecture.split(vector)
        for each in self._initializers:
            each.CopyFrom(numpy_helper.from_array(arrays[each.name], each.name))
        content: bytes = self._model.SerializeToString(deterministic=True)
        return content
