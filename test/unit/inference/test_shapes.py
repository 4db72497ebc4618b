"""Shapes of models against what is declared: what is taken, and what is said of the rest."""

from __future__ import annotations

import pytest

from swarm_consensus.inference.errors import ModelError
from swarm_consensus.inference.shapes import check_output, input_shape, picture_size
from swarm_consensus.inference.spec import Spec, spec_from


def spec_of(**changes) -> Spec:
    return spec_from({'input': 'image', 'model': 'm.onnx', 'labels': ['a', 'b', 'c']} | changes)


@pytest.mark.parametrize(
    ('changes', 'declared', 'shape', 'size'),
    [
        ({}, [1, 3, 8, 9], (1, 3, 8, 9), (8, 9)),
        ({}, ['n', 3, 8, 9], (1, 3, 8, 9), (8, 9)),
        ({}, [None, 'c', 8, 9], (1, 3, 8, 9), (8, 9)),
        ({}, [3, 8, 9], (3, 8, 9), (8, 9)),
        ({'input_width': 9, 'input_height': 8}, [1, 3, 'h', 'w'], (1, 3, 8, 9), (8, 9)),
        ({'input_width': 9}, [1, 3, 8, 'w'], (1, 3, 8, 9), (8, 9)),
        ({'layout': 'nhwc'}, [1, 8, 9, 3], (1, 8, 9, 3), (8, 9)),
        ({'layout': 'nhwc', 'color': 'gray'}, [8, 9, 1], (8, 9, 1), (8, 9)),
        ({'color': 'gray'}, [1, 1, 8, 9], (1, 1, 8, 9), (8, 9)),
        (
            {'layout': 'flat', 'color': 'gray', 'input_width': 9, 'input_height': 8},
            ['n', 72],
            (1, 72),
            (8, 9),
        ),
        ({'layout': 'flat', 'input_width': 9, 'input_height': 8}, [None], (216,), (8, 9)),
    ],
)
def test_pictures_that_fit(changes, declared, shape, size):
    spec = spec_of(**changes)
    assert input_shape(spec, 'x', declared) == shape
    assert picture_size(spec, shape) == size


@pytest.mark.parametrize(
    ('changes', 'declared', 'said'),
    [
        ({}, [1, 224, 224, 3], 'shape [1, 224, 224, 3], but layout nchw'),
        ({}, [1, 224, 224, 3], 'set layout to nhwc'),
        ({'layout': 'nhwc'}, [1, 3, 8, 9], 'set layout to nchw'),
        ({}, [1, 1, 8, 9], "set color to 'gray'"),
        ({'color': 'gray'}, [1, 3, 8, 9], "set color to 'rgb' or 'bgr'"),
        ({}, [1, 8, 9, 1], "set layout to nhwc and color to 'gray'"),
        ({'color': 'gray'}, [1, 8, 9, 3], "set layout to nhwc and color to 'rgb' or 'bgr'"),
        ({}, [1, 4, 8, 9], 'this model takes something else'),
        ({}, [1, 64], 'set layout to flat'),
        ({}, [1, 2, 3, 8, 9], 'it takes no single picture'),
        ({}, [4, 3, 8, 9], 'a batch of 4'),
        ({}, ['n', 3, 'h', 'w'], 'set input_width and input_height'),
        ({'input_width': 7}, [1, 3, 8, 9], 'input_width is 7, but'),
        ({'input_width': 7}, [1, 3, 8, 9], 'set it to 9, or to 0'),
        ({'layout': 'flat'}, [1, 64], 'set input_width and input_height'),
        (
            {'layout': 'flat', 'input_width': 8, 'input_height': 8},
            [1, 64],
            'it would be given 192 numbers',
        ),
        (
            {'layout': 'flat', 'input_width': 8, 'input_height': 8},
            [1, 3, 8, 8],
            'set layout to nchw or nhwc',
        ),
    ],
)
def test_pictures_that_do_not_fit(changes, declared, said):
    with pytest.raises(ModelError) as caught:
        input_shape(spec_of(**changes), 'x', declared)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ('changes', 'declared', 'shape'),
    [
        ({}, [1, 360], (1, 360)),
        ({}, ['n', 360], (1, 360)),
        ({}, [360], (360,)),
        ({}, [1, 1, 360], (1, 1, 360)),
        ({'input_length': 360}, ['n', 'l'], (1, 360)),
        ({'input_length': 360}, ['l'], (360,)),
        ({'input_length': 360}, ['n', 'l', 2], (1, 180, 2)),
        ({'input_length': 360}, [1, 360], (1, 360)),
    ],
)
def test_vectors_that_fit(changes, declared, shape):
    for kind in ('laser_scan', 'tensor'):
        assert input_shape(spec_of(input=kind, **changes), 'x', declared) == shape


@pytest.mark.parametrize(
    ('changes', 'declared', 'said'),
    [
        ({}, ['n', 'l'], 'set input_length'),
        ({}, ['n', 'a', 'b'], '2 free axes'),
        ({'input_length': 361}, ['n', 'l', 2], 'no multiple of 2'),
        ({'input_length': 10}, [1, 360], 'set it to 360, or to 0'),
        ({}, [1, 0], 'nothing to fill'),
    ],
)
def test_vectors_that_do_not_fit(changes, declared, said):
    with pytest.raises(ModelError) as caught:
        input_shape(spec_of(input='laser_scan', **changes), 'x', declared)
    assert said in str(caught.value)


@pytest.mark.parametrize('declared', [[1, 3], ['n', 3], [3], [1, 3, 1, 1], [None, None]])
def test_outputs_that_fit(declared):
    check_output(spec_of(), 'y', declared)


@pytest.mark.parametrize(
    ('declared', 'said'),
    [
        ([1, 10], 'labels has 3 entries'),
        ([1, 10], 'give 10 labels'),
        ([], 'the name of an output'),
        ([1, 1], 'the name of an output'),
        ([1, 7, 7, 3], 'the name of an output'),
        ([4, 3], 'batch 1, 3 numbers'),
    ],
)
def test_outputs_that_do_not_fit(declared, said):
    with pytest.raises(ModelError) as caught:
        check_output(spec_of(), 'y', declared)
    assert said in str(caught.value)
