"""Other parameters in the graph of a model: read, replaced, tried; what is wrong is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import pytest
from swarm_testing.onnx_models import linear_model, passing_model, save_model, value

from swarm_consensus.inference.adoption import Adoption
from swarm_consensus.inference.errors import ModelError
from swarm_consensus.inference.initializers import Blueprint
from swarm_consensus.inference.model import Model
from swarm_consensus.inference.spec import Spec, spec_from
from swarm_consensus.inference.trial import load_held_out, score
from swarm_consensus.protocols.parameters.architecture import digest

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(6, 3)).astype(np.float32)
INPUTS = RNG.normal(size=(50, 6)).astype(np.float32)
# What the model itself answers, so that it is right on every example.
TRUTH = (INPUTS @ WEIGHTS).argmax(axis=1)
LABELS = ['a', 'b', 'c']


@pytest.fixture
def path(tmp_path) -> Path:
    return linear_model(tmp_path / 'model.onnx', [1, 6], WEIGHTS)


@pytest.fixture
def held_out(tmp_path) -> str:
    np.savez(tmp_path / 'held_out.npz', inputs=INPUTS, labels=TRUTH)
    return str(tmp_path / 'held_out.npz')


def spec_of(path: Path, **changes) -> Spec:
    return spec_from({'input': 'tensor', 'model': str(path), 'labels': LABELS} | changes)


def parameters(folder: Path, **arrays) -> str:
    np.savez(folder / 'new.npz', **arrays)
    return str(folder / 'new.npz')


def test_the_initializers_of_floating_point_are_the_architecture(path):
    blueprint = Blueprint(path)
    tensors = blueprint.architecture.tensors
    # Not the shape of the Reshape, which is of integers.
    assert [(each.name, each.shape, each.dtype) for each in tensors] == [
        ('weights', (6, 3), 'float32')
    ]
    assert np.array_equal(blueprint.vector, WEIGHTS.reshape(-1))


def test_a_model_with_other_parameters_answers_by_them(path):
    blueprint = Blueprint(path)
    other = RNG.normal(size=18).astype(np.float32)
    content = blueprint.build(other)
    model = Model(spec_of(path), content)
    model.preprocessor.write(INPUTS[0])
    assert np.allclose(model.run(), INPUTS[0] @ other.reshape(6, 3), rtol=1e-4)
    # The file itself, and what else stands in the graph, stay as they were.
    assert blueprint.build(other) == content
    assert np.array_equal(Blueprint(path).vector, WEIGHTS.reshape(-1))
    graph = onnx.load_from_string(content).graph
    shape = next(each for each in graph.initializer if each.name == 'flat_shape')
    assert numpy_helper.to_array(shape).tolist() == [1, 6]


@pytest.mark.parametrize('kind', [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_parameters_keep_their_type_in_the_model(tmp_path, kind):
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    path = save_model(
        tmp_path / 'typed.onnx',
        [
            helper.make_node('Cast', ['x'], ['h'], to=kind),
            helper.make_node('Mul', ['h', 'w'], ['y']),
        ],
        [value('x', [1, 3])],
        [value('y', [1, 3], kind)],
        [numpy_helper.from_array(np.array([1, 2, 3], dtype), 'w')],
    )
    model = Model(spec_of(path), Blueprint(path).build(np.array([2, 4, 8], np.float32)))
    model.preprocessor.write(np.ones(3, np.float32))
    assert model.run().tolist() == [2, 4, 8]
    assert model.run().dtype == dtype


def test_weights_in_files_beside_the_model_become_part_of_it(tmp_path, path):
    proto = onnx.load(str(path))
    outside = tmp_path / 'outside.onnx'
    onnx.save(
        proto, str(outside), save_as_external_data=True, location='weights.bin', size_threshold=0
    )
    blueprint = Blueprint(outside)
    assert np.array_equal(blueprint.vector, WEIGHTS.reshape(-1))
    content = blueprint.build(blueprint.vector)
    (tmp_path / 'weights.bin').unlink()
    model = Model(spec_of(outside), content)
    model.preprocessor.write(INPUTS[0])
    assert np.allclose(model.run(), INPUTS[0] @ WEIGHTS, rtol=1e-4)


def test_a_model_without_parameters_is_said(tmp_path):
    with pytest.raises(ModelError, match='0 tensors of floating point'):
        Blueprint(passing_model(tmp_path / 'passing.onnx', [1, 3]))


def test_a_file_that_is_no_model_is_said(tmp_path):
    (tmp_path / 'no.onnx').write_bytes(b'\xff' * 100)
    with pytest.raises(ModelError, match='cannot be taken apart'):
        Blueprint(tmp_path / 'no.onnx')


# -- the trial ------------------------------------------------------------------------------------


def test_the_score_is_that_of_the_held_out_batch(path, held_out):
    model = Model(spec_of(path))
    found = score(model, load_held_out(Path(held_out), model))
    logits = (INPUTS @ WEIGHTS).astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert found.accuracy == 1.0
    assert found.loss == pytest.approx(-log_p[np.arange(50), TRUTH].mean(), rel=1e-4)


def test_labels_of_the_batch_may_be_names(tmp_path, path):
    np.savez(tmp_path / 'named.npz', inputs=INPUTS, labels=np.array(LABELS)[TRUTH])
    model = Model(spec_of(path))
    assert score(model, load_held_out(tmp_path / 'named.npz', model)).accuracy == 1.0


@pytest.mark.parametrize(
    ('arrays', 'message'),
    [
        ({'inputs': INPUTS}, 'it needs inputs and labels'),
        ({'inputs': INPUTS[:9], 'labels': TRUTH}, r'inputs has shape \[9, 6\] and labels \[50\]'),
        ({'inputs': INPUTS[:0], 'labels': TRUTH[:0]}, r'\(examples, ...\) and \(examples,\)'),
        ({'inputs': INPUTS[:, :5], 'labels': TRUTH}, 'has 5 numbers .* takes 6'),
        ({'inputs': INPUTS, 'labels': TRUTH + 1}, 'reach from 1 to 3'),
        ({'inputs': INPUTS, 'labels': TRUTH / 2}, 'indices or names are wanted'),
        ({'inputs': INPUTS, 'labels': np.array(['z'] * 50)}, "label 'z' is none of a, b, c"),
        ({'inputs': np.array([{}] * 50), 'labels': TRUTH}, 'is no .npz file of arrays'),
    ],
)
def test_a_batch_that_does_not_fit_says_what_to_change(tmp_path, path, arrays, message):
    np.savez(tmp_path / 'bad.npz', **arrays)
    with pytest.raises(ModelError, match=message):
        load_held_out(tmp_path / 'bad.npz', Model(spec_of(path)))


def test_a_batch_that_is_not_there_is_said(tmp_path, path):
    with pytest.raises(ModelError, match='does not exist'):
        load_held_out(tmp_path / 'none.npz', Model(spec_of(path)))


# -- adoption -------------------------------------------------------------------------------------


def test_good_parameters_are_ready_to_run(tmp_path, path, held_out):
    adoption = Adoption(spec_of(path), held_out, 0.02)
    attempt = adoption.attempt(parameters(tmp_path, weights=2 * WEIGHTS))
    assert attempt.model is not None and not attempt.reason
    assert attempt.parameters_hash == digest(2 * WEIGHTS.reshape(-1))
    assert attempt.score is not None and attempt.score.accuracy == 1.0
    attempt.model.preprocessor.write(INPUTS[0])
    assert np.allclose(attempt.model.run(), 2 * INPUTS[0] @ WEIGHTS, rtol=1e-4)


def test_parameters_that_are_worse_by_more_than_the_margin_are_refused(tmp_path, path, held_out):
    adoption = Adoption(spec_of(path), held_out, 0.02)
    attempt = adoption.attempt(parameters(tmp_path, weights=-WEIGHTS))
    assert attempt.model is None
    assert 'on the held-out batch, where the model in use has 1.0000' in attempt.reason
    assert attempt.score is not None and attempt.score.accuracy < 0.5
    # With all the margin there is, anything that runs will do.
    anything = Adoption(spec_of(path), held_out, 1.0)
    assert anything.attempt(parameters(tmp_path, weights=-WEIGHTS)).model is not None


def test_what_is_in_use_is_the_measure_and_gives_what_a_file_leaves_out(tmp_path, held_out):
    path = save_model(
        tmp_path / 'two.onnx',
        [
            helper.make_node('MatMul', ['x', 'w'], ['h']),
            helper.make_node('Add', ['h', 'b'], ['y']),
        ],
        [value('x', [1, 6])],
        [value('y', [1, 3])],
        [
            numpy_helper.from_array(np.zeros((6, 3), np.float32), 'w'),
            numpy_helper.from_array(np.zeros(3, np.float32), 'b'),
        ],
    )
    adoption = Adoption(spec_of(path), held_out, 0.0)
    better = adoption.attempt(parameters(tmp_path, w=WEIGHTS))
    adoption.adopted(better)
    # Good beside the zeros of the file, and not beside what is in use.
    bias = np.array([9, 0, 0], np.float32)
    worse = adoption.attempt(parameters(tmp_path, b=bias))
    assert worse.model is None and worse.before == better.score
    assert worse.vector is not None
    assert np.array_equal(worse.vector, np.concatenate([WEIGHTS.reshape(-1), bias]))


@pytest.mark.parametrize(
    ('arrays', 'message'),
    [
        ({'weights': WEIGHTS[:5]}, r"tensor 'weights' has shape \[5, 3\], and the model has"),
        ({'w': WEIGHTS}, "no tensor 'w'; it has 'weights'"),
        ({'weights': WEIGHTS * np.nan}, 'not finite'),
        ({'weights': np.full((6, 3), 1e300)}, 'not finite'),
        ({'weights': np.array([[{}] * 3] * 6)}, 'is no .npz file of arrays'),
        ({'weights': WEIGHTS.astype(complex)}, 'is of complex'),
    ],
)
def test_parameters_that_do_not_fit_are_refused(tmp_path, path, arrays, message):
    adoption = Adoption(spec_of(path), '', 0.02)
    attempt = adoption.attempt(parameters(tmp_path, **arrays))
    assert attempt.model is None
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(attempt.reason)


def test_answers_that_are_no_answers_are_refused(tmp_path, path, held_out):
    adoption = Adoption(spec_of(path), held_out, 1.0)
    # Each is a float32, and their sums are not.
    attempt = adoption.attempt(parameters(tmp_path, weights=np.full((6, 3), 3e38, np.float32)))
    assert attempt.model is None
    assert 'held-out batch: the model answered with nan or infinity' in attempt.reason


def test_parameters_of_another_name_than_asked_for_are_refused(tmp_path, path):
    adoption = Adoption(spec_of(path), '', 0.02)
    file = parameters(tmp_path, weights=2 * WEIGHTS)
    assert adoption.attempt(file, digest(2 * WEIGHTS.reshape(-1))).model is not None
    assert 'not ' + 'ab' * 32 in adoption.attempt(file, 'ab' * 32).reason


def test_a_file_that_is_not_there_is_said(tmp_path, path):
    adoption = Adoption(spec_of(path), '', 0.02)
    assert 'cannot be read' in adoption.attempt(str(tmp_path / 'none.npz')).reason
    (tmp_path / 'text.npz').write_text('weights')
    assert 'no .npz file' in adoption.attempt(str(tmp_path / 'text.npz')).reason
