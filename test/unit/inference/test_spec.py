"""What a user declares about a model: every wrong value has a message that says what to change."""

from __future__ import annotations

from dataclasses import fields
import math

import pytest

from swarm_consensus.composition.inference_parameters import INFERENCE_PARAMETERS
from swarm_consensus.inference.errors import ModelError
from swarm_consensus.inference.spec import _ENUMS, InputKind, Spec, spec_from

PARAMETERS = {parameter.name: parameter for parameter in INFERENCE_PARAMETERS}
GOOD = {'input': 'image', 'model': 'm.onnx', 'labels': ['a', 'b']}


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'labels': []}, 'labels has 0 entries: give the answers that the model can give'),
        ({'labels': ['a']}, 'labels has 1 entries'),
        ({'labels': ['a', '']}, 'labels has an empty entry'),
        ({'labels': ['a', 'b', 'a']}, "labels has 'a' twice"),
        ({'model_hash': 'abc'}, 'sha256sum m.onnx'),
        ({'model_hash': 'x' * 64}, '64 hexadecimal digits'),
        ({'prior': [0.5]}, 'prior has 1 values for 2 labels'),
        ({'prior': [1.0, 0.0]}, 'prior has a value that is not above 0'),
        ({'prior': [1.0, math.nan]}, 'prior has a value that is not above 0'),
        ({'mean': [0.1, 0.2]}, "mean has 2 values, but color 'rgb' has 3"),
        ({'std': [1.0] * 3, 'color': 'gray'}, "std has 3 values, but color 'gray' has 1"),
        ({'std': [0.0]}, 'std has a value that is not above 0'),
        ({'crop': [0.0, 0.0, 1.0]}, 'crop has 3 values: give left, top, right, bottom'),
        ({'crop': [0.5, 0.0, 0.5, 1.0]}, 'left must be below right'),
        ({'crop': [0.0, 0.0, 1.0, 1.5]}, 'all between 0 and 1'),
        ({'input': 'laser_scan', 'mean': [1.0, 2.0]}, 'mean has 2 values: give one'),
        ({'providers': []}, 'providers is empty'),
        ({'layout': 'chw'}, "layout is 'chw': choose one of 'nchw', 'nhwc', 'flat'"),
    ],
)
def test_what_is_wrong_and_what_to_change(changes, said):
    with pytest.raises(ModelError) as caught:
        spec_from(GOOD | changes)
    assert said in str(caught.value)


def test_parameters_become_a_spec():
    values = {name: parameter.default for name, parameter in PARAMETERS.items()}
    spec = spec_from(values | GOOD | {'crop': [0.0, 0.0, 0.5, 1.0], 'threads_intra': 2})
    assert spec.input is InputKind.IMAGE
    assert spec.labels == ('a', 'b')
    assert spec.crop == (0.0, 0.0, 0.5, 1.0)
    assert spec.threads_intra == 2


def test_every_field_is_a_parameter_with_the_same_default():
    for field in fields(Spec):
        default = PARAMETERS[field.name].default
        if field.name in ('input', 'model', 'labels'):
            continue
        if field.name in _ENUMS:
            assert default == field.default.value, field.name
        elif isinstance(default, list):
            assert tuple(default) == field.default, field.name
        else:
            assert default == field.default, field.name


def test_every_choice_of_a_parameter_is_one_of_its_enum():
    for name, enum in _ENUMS.items():
        assert PARAMETERS[name].choices == tuple(member.value for member in enum)
