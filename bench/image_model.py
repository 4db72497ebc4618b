"""
A picture classifier of realistic cost: the layers of MobileNet (Howard et al., 2017, table 1) at
full width, 569 million multiplications a picture of 224 x 224, with random weights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

SIDE = 224
LABELS = tuple(f'label_{n}' for n in range(10))
# Output channels and stride of each depthwise-separable block.
BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)


def save_mobilenet(path: Path) -> Path:
    """Write the model as ONNX and return its path."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    nodes, weights = [], []

    def convolve(
        source: str, inputs: int, outputs: int, side: int, stride: int, groups: int
    ) -> str:
        number = len(nodes)
        shape = (outputs, inputs // groups, side, side)
        spread = np.sqrt(2 / (inputs // groups * side * side))
        kernel = (rng.normal(size=shape) * spread).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f'kernel_{number}'))
        weights.append(numpy_helper.from_array(np.zeros(outputs, np.float32), f'bias_{number}'))
        nodes.append(
            helper.make_node(
                'Conv',
                [source, f'kernel_{number}', f'bias_{number}'],
                [f'conv_{number}'],
                strides=[stride, stride],
                pads=[side // 2] * 4,
                group=groups,
            )
        )
        nodes.append(helper.make_node('Relu', [f'conv_{number}'], [f'relu_{number}']))
        return f'relu_{number}'

    channels = 32
    last = convolve('picture', 3, channels, 3, 2, 1)
    for outputs, stride in BLOCKS:
        last = convolve(last, channels, channels, 3, stride, channels)
        last = convolve(last, channels, outputs, 1, 1, 1)
        channels = outputs
    matrix = rng.normal(size=(channels, len(LABELS))).astype(np.float32)
    weights.append(numpy_helper.from_array(matrix, 'matrix'))
    nodes.append(helper.make_node('GlobalAveragePool', [last], ['mean']))
    nodes.append(helper.make_node('Flatten', ['mean'], ['flat']))
    nodes.append(helper.make_node('MatMul', ['flat', 'matrix'], ['logits']))
    graph = helper.make_graph(
        nodes,
        'mobilenet',
        [helper.make_tensor_value_info('picture', TensorProto.FLOAT, ['n', 3, SIDE, SIDE])],
        [helper.make_tensor_value_info('logits', TensorProto.FLOAT, ['n', len(LABELS)])],
        weights,
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9),
        str(path),
    )
    return path
