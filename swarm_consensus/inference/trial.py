"""
Whether a model is good enough to be run: what it makes of a batch that no training has seen.

The batch is a file of the user's (.npz): what the model is fed with, already pre-processed, and
the label of each example.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.inference.errors import (
    InvalidOutputError,
    ModelError,
    NonFiniteOutputError,
    describe_error,
)
from swarm_consensus.inference.likelihood import as_logits, log_softmax
from swarm_consensus.inference.model import Model
from swarm_consensus.inference.parameter_file import read_arrays
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.values import value

INPUTS = 'inputs'
LABELS = 'labels'


@value
class HeldOut:
    """
    A batch for trials.

    :param inputs: shape (examples, numbers of the model's input), of the type of that input.
    :param labels: shape (examples,), index of the true label of each.
    """

    inputs: NDArray[Any]
    labels: NDArray[np.int64]


@value
class Score:
    """
    How a model did.

    :param accuracy: share of the examples whose true label it puts first, 0..1.
    :param loss: mean negative log-likelihood of the true labels at temperature 1, nats.
    """

    accuracy: float
    loss: float


def load_held_out(path: Path, model: Model) -> HeldOut:
    """
    Read a batch.

    :param path: .npz with `inputs`, shape (examples, ...) with as many numbers an example as the
        model takes, and `labels`, shape (examples,), indices or names of labels.
    :param model: that it is for.
    :raises ModelError: what is wrong with the file, and what to change.
    """
    stated = f'held_out {path}'
    try:
        with path.open('rb') as file:
            arrays = read_arrays(file)
        inputs, labels = arrays[INPUTS], arrays[LABELS]
    except FileNotFoundError:
        raise ModelError(f'{stated} does not exist: set it to a .npz file') from None
    except KeyError as error:
        raise ModelError(f'{stated} has no {error}; it needs {INPUTS} and {LABELS}') from error
    except (OSError, ParametersError) as error:
        raise ModelError(f'{stated} cannot be read: {error}') from error
    buffer = model.preprocessor.buffer
    if labels.ndim != 1 or len(labels) == 0 or inputs.shape[:1] != labels.shape:
        raise ModelError(
            f'{stated}: {INPUTS} has shape {list(inputs.shape)} and {LABELS} '
            f'{list(labels.shape)}; (examples, ...) and (examples,) are wanted'
        )
    if inputs.dtype.kind not in 'fiu' or inputs[0].size != buffer.size:
        raise ModelError(
            f'{stated}: {INPUTS} has {inputs[0].size} numbers of {inputs.dtype} an example, but '
            f'the model takes {buffer.size}, after pre-processing: {list(buffer.shape)}'
        )
    return HeldOut(
        inputs.reshape(len(labels), -1).astype(buffer.dtype),
        _indices(labels, model.spec.labels, stated),
    )


def _indices(labels: NDArray[Any], names: tuple[str, ...], stated: str) -> NDArray[np.int64]:
    if labels.dtype.kind == 'U':
        place = {name: index for index, name in enumerate(names)}
        unknown = sorted(set(labels.tolist()) - set(names))
        if unknown:
            raise ModelError(f'{stated}: label {unknown[0]!r} is none of {", ".join(names)}')
        return np.array([place[name] for name in labels.tolist()], np.int64)
    if labels.dtype.kind not in 'iu':
        raise ModelError(f'{stated}: {LABELS} are {labels.dtype}; indices or names are wanted')
    if labels.min() < 0 or labels.max() >= len(names):
        raise ModelError(
            f'{stated}: {LABELS} reach from {labels.min()} to {labels.max()}, but there are '
            f'{len(names)} labels'
        )
    return labels.astype(np.int64)


def score(model: Model, held_out: HeldOut) -> Score:
    """
    Run a model on a batch, one example at a time; uses its input, so nobody else may meanwhile.

    :raises ModelError: an answer that is no answer: not finite, or not of the declared kind.
    """
    buffer = model.preprocessor.buffer
    logits = np.empty((len(held_out.labels), len(model.spec.labels)))
    for number, example in enumerate(held_out.inputs):
        buffer[...] = example.reshape(buffer.shape)
        try:
            logits[number] = as_logits(model.run(), model.spec.output_kind)
        except (NonFiniteOutputError, InvalidOutputError) as error:
            raise ModelError(f'example {number} of the held-out batch: {error}') from error
        except Exception as error:  # noqa: BLE001 -- onnxruntime's errors have no common type
            raise ModelError(
                f'the model failed on example {number} of the held-out batch: '
                f'{describe_error(error)}'
            ) from error
    log_p = log_softmax(logits)
    truth = held_out.labels
    return Score(
        float((log_p.argmax(axis=1) == truth).mean()),
        float(-log_p[np.arange(len(truth)), truth].mean()),
    )


def objection(new: Score, current: Score, margin: float) -> str:
    """
    Return why a model should not take the place of another one; '' where it may.

    :param margin: by how much its accuracy may be lower, 0..1.
    """
    if new.accuracy >= current.accuracy - margin:
        return ''
    return (
        f'accuracy {new.accuracy:.4f} on the held-out batch, where the model in use has '
        f'{current.accuracy:.4f} and trial_margin allows {margin:g} less'
    )
