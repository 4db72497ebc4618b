"""What consensus_node does with the numbers of models, on a real folder; without ROS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import threading

import numpy as np
import pytest
from swarm_testing.onnx_models import linear_model

from swarm_consensus.composition.consensus_parameters import CONSENSUS_PARAMETERS
from swarm_consensus.composition.parameter import Value
from swarm_consensus.inference.parameter_file import (
    arrays_from_bytes,
    arrays_to_bytes,
    read_arrays,
)
from swarm_consensus.nodes.consensus_settings import models_from, trials_from
from swarm_consensus.nodes.model_workshop import SharedModel, Workshop
from swarm_consensus.protocols.parameters.blobs import Blob, chunks_of, cut, join
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.exchange import Make, Ready
from swarm_consensus.protocols.parameters.merge import Rule, RuleKind
from swarm_consensus.protocols.parameters.quantise import Encoding
from swarm_consensus.runtime.events import (
    Input,
    ModelContributed,
    ModelDamaged,
    ModelJob,
    ModelMade,
    ModelReady,
)

WEIGHTS = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
INCARNATION = 7


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return linear_model(tmp_path / 'model.onnx', [1, 100], WEIGHTS)


def values(**changes: Value) -> dict[str, Value]:
    return {parameter.name: parameter.default for parameter in CONSENSUS_PARAMETERS} | changes


def shared(file: Path) -> SharedModel:
    (model,) = models_from(
        values(models=['signs'], model_files=[str(file)], model_encoding='float32')
    )
    return model


class Place:
    """A workshop whose folder is real, and what it tells the runtime."""

    def __init__(self, folder: Path, file: Path) -> None:
        self.folder = folder
        self.told: list[Input] = []
        self.errors: list[Exception] = []
        self.shop = Workshop('r1', (shared(file),), self.errors.append)
        self.chunks = self.shop.open(folder)
        self.shop.begin(self.told.append, INCARNATION)
        self.initial = self.shop.setups[0].initial

    def ready(self, revision: int, blob: Blob, used: frozenset[bytes] = frozenset()) -> Path:
        return self.shop.ready(ModelReady('signs', Ready(revision, blob, None), used))


@pytest.fixture
def place(tmp_path: Path, file: Path) -> Iterator[Place]:
    it = Place(tmp_path / 'models', file)
    yield it
    it.shop.end()
    assert not it.errors


def arrays(weights: np.ndarray) -> bytes:
    return arrays_to_bytes({'weights': weights})


def test_what_is_in_force_can_be_read(place: Place) -> None:
    with pytest.raises(ParametersError, match='not here yet'):
        place.shop.in_force('signs')
    path = place.ready(0, place.initial)
    ready, found, architecture = place.shop.in_force('signs')
    assert (ready.revision, found) == (0, path)
    assert architecture == place.shop.setups[0].architecture.hash
    with path.open('rb') as opened:
        assert np.array_equal(read_arrays(opened)['weights'], WEIGHTS)
    with pytest.raises(ParametersError, match="shares no model 'stones'; it shares signs"):
        place.shop.in_force('stones')


def test_a_contribution_is_the_difference_and_repeated_it_is_the_same(place: Place) -> None:
    place.ready(0, place.initial)
    base = place.initial.root.hex()
    manifest = place.shop.contribute('signs', arrays(WEIGHTS + 1), base, 5.0)
    assert place.told == [ModelContributed('signs', manifest)]
    assert (manifest.robot, manifest.version >> 20, manifest.weight) == ('r1', INCARNATION, 5.0)
    data = join(manifest.update, place.chunks.read)
    assert data is not None
    assert np.allclose(np.frombuffer(data, '<f4'), 1, atol=1e-6)
    assert place.shop.contribute('signs', arrays(WEIGHTS + 1), base, 5.0) is manifest
    assert len(place.told) == 1
    newer = place.shop.contribute('signs', arrays(WEIGHTS + 2), '', 5.0)
    assert newer.version > manifest.version


@pytest.mark.parametrize(
    ('data', 'base', 'weight', 'message'),
    [
        (b'no file', '', 1.0, 'no .npz file'),
        (arrays(WEIGHTS[:3]), '', 1.0, r'has shape \[3, 4\]'),
        (arrays(WEIGHTS * np.nan), '', 1.0, 'not finite'),
        (arrays(WEIGHTS), 'ab' * 32, 1.0, 'train on from them'),
        (arrays(WEIGHTS), '', 0.0, 'weight 0.0'),
    ],
)
def test_contributions_that_cannot_be_are_refused(
    place: Place, data: bytes, base: str, weight: float, message: str
) -> None:
    place.ready(0, place.initial)
    with pytest.raises(ParametersError, match=message):
        place.shop.contribute('signs', data, base, weight)
    assert not place.told


def test_a_version_is_made_and_its_file_is_there_to_be_tried(place: Place) -> None:
    place.ready(0, place.initial)
    manifest = place.shop.contribute('signs', arrays(WEIGHTS + 1), '', 1.0)
    job = Make(place.initial, (manifest,), Rule(), None)
    candidate = place.shop.make(ModelJob('signs', job, 3, 0))
    assert candidate is not None and (candidate.key, candidate.revision) == (3, 0)
    assert place.told[-1] == ModelMade('signs', job, candidate.version.result)
    with candidate.file.open('rb') as opened:
        assert np.allclose(read_arrays(opened)['weights'], WEIGHTS + 1, atol=1e-6)
    # One that is decided is made for the runtime alone.
    wanted = Make(place.initial, (manifest,), Rule(), candidate.version.result)
    assert place.shop.make(ModelJob('signs', wanted, 0, 1)) is None
    assert place.told[-1] == ModelMade('signs', wanted, candidate.version.result)


def test_what_cannot_be_made_is_told_with_the_reason(place: Place) -> None:
    place.ready(0, place.initial)
    manifest = place.shop.contribute('signs', arrays(WEIGHTS + 1), '', 1.0)
    few = Make(place.initial, (manifest,), Rule(RuleKind.TRIMMED_MEAN, 1), None)
    assert place.shop.make(ModelJob('signs', few, 3, 0)) is None
    told = place.told[-1]
    assert isinstance(told, ModelMade) and told.result is None and 'needs 3' in told.reason
    (place.folder / 'chunks' / manifest.update.root.hex()).unlink()
    job = Make(place.initial, (manifest,), Rule(), None)
    assert place.shop.make(ModelJob('signs', job, 3, 0)) is None
    told = place.told[-1]
    assert isinstance(told, ModelMade) and 'the update of r1 is not here' in told.reason


def test_files_and_chunks_that_nothing_needs_go(place: Place, monkeypatch) -> None:
    from swarm_consensus.storage import chunks

    monkeypatch.setattr(chunks, 'YOUNG_S', 0.0)
    first = place.ready(0, place.initial)
    other = (WEIGHTS + 1).astype('<f4').tobytes()
    blob, parts = cut(other)
    for name, data in parts.items():
        place.chunks.keep(name, data)
    second = place.ready(1, blob, frozenset(parts))
    assert not first.exists() and second.exists()
    assert not place.chunks.held(place.initial.root)
    assert set(chunks_of(blob, place.chunks.read)) == set(parts)


def test_damaged_parameters_are_told_and_not_run(place: Place) -> None:
    path = place.folder / 'chunks' / place.initial.root.hex()
    path.write_bytes(b'\0' + path.read_bytes()[1:])
    with pytest.raises(ParametersError, match='not here as it should be'):
        place.ready(0, place.initial)
    assert place.told == [ModelDamaged('signs', place.initial)]


def test_a_later_boot_finds_what_an_earlier_one_left(tmp_path: Path, file: Path) -> None:
    one = Place(tmp_path / 'models', file)
    path = one.ready(0, one.initial)
    one.shop.end()
    two = Place(tmp_path / 'models', file)
    assert two.ready(0, two.initial) == path
    two.shop.end()


def test_what_nobody_expected_is_handed_on(place: Place) -> None:
    seen = threading.Event()

    def fail() -> None:
        seen.set()
        raise KeyError('broken')

    place.shop.submit(fail)
    assert seen.wait(10)
    place.shop.end()
    assert [str(error) for error in place.errors] == ["'broken'"]
    place.errors.clear()


# -- parameters ------------------------------------------------------------------------------------


def test_models_are_read_from_their_files(file: Path) -> None:
    model = shared(file)
    assert (model.name, model.encoding, model.rule) == ('signs', Encoding.FLOAT32, Rule())
    assert [tensor.name for tensor in model.architecture.tensors] == ['weights']
    assert np.array_equal(model.initial, WEIGHTS.reshape(-1))
    assert models_from(values()) == ()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'model_files': []}, 'models names 1 models and model_files 0 files'),
        ({'models': ['a', 'a'], 'model_files': ['x', 'y']}, 'a name of its own'),
        ({'models': ['../a']}, "model name '../a'"),
        ({'model_files': ['/nowhere.onnx']}, 'cannot be taken apart'),
        ({'model_trim': 1}, 'weighted_mean 0'),
        ({'model_merge': 'trimmed_mean'}, 'leaves out at least 1'),
        ({'frame_bytes_max': 32_768}, 'must be at least 33268'),
    ],
)
def test_settings_that_cannot_be_say_what_to_change(
    file: Path, changes: dict[str, Value], message: str
) -> None:
    given = values(models=['signs'], model_files=[str(file)]) | changes
    with pytest.raises(ValueError, match=message):
        models_from(given)


def test_nodes_that_try_are_named_with_their_models() -> None:
    given = values(models=['a', 'b'], model_trials=['a/eye', 'a/ear'])
    assert trials_from(given) == {'a': frozenset({'eye', 'ear'}), 'b': frozenset()}
    for wrong in ('c/eye', 'a', 'a/'):
        with pytest.raises(ValueError, match='give <model>/<node>'):
            trials_from(values(models=['a'], model_trials=[wrong]))


# -- files of arrays -------------------------------------------------------------------------------


def test_arrays_of_any_name_come_back() -> None:
    given = {'file': np.ones(2), 'a/b:0': np.zeros((2, 3), np.float16), 's': np.array(1.5)}
    again = arrays_from_bytes(arrays_to_bytes(given))
    assert set(again) == set(given)
    assert all(
        np.array_equal(again[name], given[name]) and again[name].dtype == given[name].dtype
        for name in given
    )


@pytest.mark.parametrize('data', [b'', b'PK\3\4 nothing', b'\x93NUMPY\1\0', b'\x80\4K\1.'])
def test_bytes_that_are_no_arrays_are_refused(data: bytes) -> None:
    with pytest.raises(ParametersError, match='no .npz file'):
        arrays_from_bytes(data)
