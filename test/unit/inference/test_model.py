"""Real ONNX models: the good ones run, and each bad one says what to change."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper
import pytest
from swarm_testing.onnx_models import linear_model, passing_model, save_model, value

from swarm_consensus.inference.errors import ModelError
from swarm_consensus.inference.model import Model
from swarm_consensus.inference.preprocess import ImagePreprocessor, TensorPreprocessor
from swarm_consensus.inference.spec import Spec, spec_from

LABELS = ['a', 'b', 'c', 'd']
WEIGHTS = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)


def spec_of(path: Path, **changes) -> Spec:
    values = {'input': 'tensor', 'model': str(path), 'labels': LABELS}
    return spec_from(values | changes)


@pytest.fixture
def good(tmp_path) -> Path:
    return linear_model(tmp_path / 'good.onnx', ['n', 12], WEIGHTS, batch='n')


def test_a_model_runs_on_what_the_preprocessor_holds(good):
    model = Model(spec_of(good))
    assert isinstance(model.preprocessor, TensorPreprocessor)
    values = np.arange(12, dtype=np.float32)
    model.preprocessor.write(values)
    assert np.allclose(model.run(), values @ WEIGHTS, rtol=1e-5)
    assert model.info.input_shape == (1, 12)
    assert model.info.sha256 == hashlib.sha256(good.read_bytes()).hexdigest()
    assert model.info.providers == ('CPUExecutionProvider',)
    assert model.info.run_time > 0


def test_the_right_hash_is_taken_in_either_case(good):
    digest = hashlib.sha256(good.read_bytes()).hexdigest()
    Model(spec_of(good, model_hash=digest))
    Model(spec_of(good, model_hash=digest.upper()))


@pytest.mark.parametrize(
    'kind', [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.UINT8]
)
def test_every_type_of_input_that_is_offered_works(tmp_path, kind):
    path = linear_model(tmp_path / 'm.onnx', [1, 3, 2, 2], WEIGHTS, kind=kind)
    model = Model(spec_of(path, input='image'))
    assert isinstance(model.preprocessor, ImagePreprocessor)
    model.preprocessor.buffer[:] = 1
    assert np.allclose(model.run(), WEIGHTS.sum(axis=0), rtol=1e-3)


def test_threads_do_not_spin_unless_told_to(good, monkeypatch):
    import onnxruntime

    entries = []
    plain = onnxruntime.SessionOptions.add_session_config_entry

    def note(self, key, text):
        entries.append((key, text))
        plain(self, key, text)

    monkeypatch.setattr(onnxruntime.SessionOptions, 'add_session_config_entry', note)
    Model(spec_of(good, threads_intra=2))
    assert ('session.intra_op.allow_spinning', '0') in entries
    assert ('session.inter_op.allow_spinning', '0') in entries


def test_a_provider_that_is_not_there_is_fallen_back_from_aloud(good):
    model = Model(spec_of(good, providers=['CUDAExecutionProvider', 'CPUExecutionProvider']))
    if model.info.providers[0] == 'CUDAExecutionProvider':
        pytest.skip('this machine has CUDA')
    assert model.info.fallback.startswith('running on CPUExecutionProvider: CUDA')


def failing(path: Path, **changes) -> str:
    with pytest.raises(ModelError) as caught:
        Model(spec_of(path, **changes))
    return str(caught.value)


def test_missing(tmp_path):
    said = failing(tmp_path / 'nope.onnx')
    assert f'model {tmp_path}/nope.onnx does not exist: set model to the path' in said


def test_relative_paths_say_where_they_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = failing(Path('nope.onnx'))
    assert f'model {tmp_path}/nope.onnx does not exist' in said
    assert f'looked for from {tmp_path}' in said


def test_folder(tmp_path):
    assert 'is a folder: set model to the ONNX file in it' in failing(tmp_path)


def test_pipe(tmp_path):
    os.mkfifo(tmp_path / 'm.onnx')
    assert 'is no regular file' in failing(tmp_path / 'm.onnx')


def test_empty(tmp_path):
    path = tmp_path / 'm.onnx'
    path.touch()
    assert 'is empty: copy the ONNX file again' in failing(path)


@pytest.fixture
def ordinary_user():
    """For root reads everything: be nobody for the length of a test."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    if user == 0:
        os.seteuid(0)


def test_unreadable(good, request):
    good.chmod(0)
    request.getfixturevalue('ordinary_user')
    assert 'cannot be read: Permission denied; make it readable' in failing(good)


@pytest.mark.parametrize('share', [0.1, 0.5, 0.9])
def test_truncated(good, share):
    data = good.read_bytes()
    good.write_bytes(data[: int(len(data) * share)])
    said = failing(good)
    assert 'is no ONNX model that onnxruntime' in said
    assert 'truncated' in said


def test_not_onnx(tmp_path):
    path = tmp_path / 'm.onnx'
    path.write_text('<html>404 not found</html>' * 100)
    assert 'is no ONNX model that onnxruntime' in failing(path)


def test_wrong_hash(good):
    said = failing(good, model_hash='0' * 64)
    digest = hashlib.sha256(good.read_bytes()).hexdigest()
    assert f'has SHA-256 {digest}, but model_hash asks for {"0" * 64}' in said


def test_damaged_by_one_bit_is_found_by_the_hash(good):
    data = bytearray(good.read_bytes())
    digest = hashlib.sha256(data).hexdigest()
    data[len(data) // 2] ^= 1
    good.write_bytes(data)
    assert f'model_hash asks for {digest}' in failing(good, model_hash=digest)


def test_wrong_number_of_labels(good):
    said = failing(good, labels=['a', 'b'])
    assert "labels has 2 entries, but output 'y' of the model has shape [" in said
    assert 'give 4 labels' in said


def test_wrong_number_of_labels_of_an_output_that_does_not_say(tmp_path):
    path = passing_model(tmp_path / 'm.onnx', ['n', 'm'])
    said = failing(path, input_length=5)
    assert 'labels has 4 entries, but the model answered with 5 numbers: give 5 labels' in said


def test_wrong_shape_of_input(tmp_path):
    path = linear_model(tmp_path / 'm.onnx', [1, 2, 2, 3], WEIGHTS)
    said = failing(path, input='image')
    assert "input 'x' of the model has shape [1, 2, 2, 3]" in said
    assert 'set layout to nhwc' in said


def test_wrong_type_of_input(tmp_path):
    path = linear_model(tmp_path / 'm.onnx', [1, 12], WEIGHTS, kind=TensorProto.INT64)
    said = failing(path)
    assert "input 'x'" in said
    assert 'is tensor(int64)' in said
    assert 'put a Cast in front of it' in said


def test_two_inputs(tmp_path):
    path = save_model(
        tmp_path / 'm.onnx',
        [helper.make_node('Add', ['x', 'z'], ['y'])],
        [value('x', [1, 4]), value('z', [1, 4])],
        [value('y', [1, 4])],
    )
    said = failing(path)
    assert 'has 2 inputs (x [1, 4], z [1, 4])' in said
    assert 'export the model with a single input' in said


@pytest.fixture
def two_outputs(tmp_path) -> Path:
    """Like what skl2onnx writes: the best label and the probabilities."""
    return save_model(
        tmp_path / 'm.onnx',
        [
            helper.make_node('Softmax', ['x'], ['probabilities']),
            helper.make_node('ArgMax', ['x'], ['label'], axis=1),
        ],
        [value('x', [1, 4])],
        [value('label', [1, 1], TensorProto.INT64), value('probabilities', [1, 4])],
    )


def test_two_outputs_want_a_name(two_outputs):
    said = failing(two_outputs)
    assert 'has 2 outputs: set output to the name' in said
    assert 'probabilities [1, 4] tensor(float)' in said
    Model(spec_of(two_outputs, output='probabilities', output_kind='probabilities'))


def test_an_output_that_is_not_there(two_outputs):
    said = failing(two_outputs, output='probs')
    assert "output is 'probs', but model" in said
    assert 'choose one of label' in said


def test_an_output_of_the_wrong_type(two_outputs):
    said = failing(two_outputs, output='label')
    assert "output 'label' of model" in said
    assert 'is tensor(int64), and no number for each label' in said


def test_a_model_that_fails_when_it_runs(tmp_path):
    # Declared for any length, but made for 12 numbers.
    path = linear_model(tmp_path / 'm.onnx', [1, 'm'], WEIGHTS)
    said = failing(path, input_length=10)
    assert 'does not run on zeros of shape [1, 10]' in said


def test_a_misspelt_provider(good):
    said = failing(good, providers=['cudaexecutionprovider'])
    assert "did you mean 'CUDAExecutionProvider'" in said
