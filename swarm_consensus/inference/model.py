"""
An ONNX model, checked against what is declared about it and ready to run.

Everything that can be wrong is found while loading, in the order in which a user would mend it:
the file, its hash, whether it parses, its input, its output, and at last a few real runs.
"""

from __future__ import annotations

from collections.abc import Sequence
import hashlib
import math
from pathlib import Path
import stat
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
import onnxruntime

from swarm_consensus.inference.errors import ModelError, describe_error
from swarm_consensus.inference.preprocess import (
    ImagePreprocessor,
    ScanPreprocessor,
    TensorPreprocessor,
)
from swarm_consensus.inference.providers import choose_providers, describe_fallback
from swarm_consensus.inference.shapes import check_output, input_shape, show
from swarm_consensus.inference.spec import InputKind, Spec
from swarm_consensus.protocols.values import value

Preprocessor = ImagePreprocessor | ScanPreprocessor | TensorPreprocessor

INPUT_TYPES: dict[str, type] = {
    'tensor(float)': np.float32,
    'tensor(float16)': np.float16,
    'tensor(double)': np.float64,
    'tensor(uint8)': np.uint8,
}
OUTPUT_TYPES = ('tensor(float)', 'tensor(float16)', 'tensor(double)')
# onnxruntime's levels: only errors. What a user is to know is in our own words.
LOG_ERRORS = 3


@value
class ModelInfo:
    """
    What was found out while loading.

    :param sha256: of the model file, or of what took its place, hex. Weights that a model keeps in
        files beside it are not in it.
    :param providers: what the session runs on, in order.
    :param fallback: which wish could not be met, in words; '' where all were.
    :param run_time: of the quickest warm-up run, s; nan without warm-up.
    """

    path: Path
    sha256: str
    input_name: str
    input_shape: tuple[int, ...]
    input_type: str
    output_name: str
    providers: tuple[str, ...]
    fallback: str
    run_time: float


class Model:
    """
    A loaded model with its preprocessor.

    :param spec: what is declared; checked against the file.
    :param content: of an ONNX file that takes the place of the one declared, made from it with
        other parameters; None: that one itself.
    :raises ModelError: with what is wrong and which parameter to change.
    """

    def __init__(self, spec: Spec, content: bytes | None = None) -> None:
        path = Path(spec.model).expanduser().absolute()
        if content is None:
            sha256 = hash_file(path)
            if spec.model_hash and spec.model_hash.lower() != sha256:
                raise ModelError(
                    f'model {path} has SHA-256 {sha256}, but model_hash asks for '
                    f'{spec.model_hash.lower()}: it is another model, or was changed or damaged '
                    'on the way; copy the right file, or set model_hash to what it is'
                )
        else:
            sha256 = hashlib.sha256(content).hexdigest()
        self.spec = spec
        self._session, fallback = _open_session(spec, path, content)
        source = self._session.get_inputs()
        if len(source) != 1:
            names = ', '.join(f'{one.name} {show(one.shape)}' for one in source)
            raise ModelError(
                f'model {path} has {len(source)} inputs ({names}), but one sensor can fill only '
                'one: export the model with a single input, the others made constant'
            )
        if source[0].type not in INPUT_TYPES:
            raise ModelError(
                f'input {source[0].name!r} of model {path} is {source[0].type}: one of '
                f'{", ".join(INPUT_TYPES)} can be given; put a Cast in front of it'
            )
        shape = input_shape(spec, source[0].name, source[0].shape)
        output = _choose_output(spec, path, self._session.get_outputs())
        check_output(spec, output.name, output.shape)
        self.preprocessor = _make_preprocessor(spec, shape, np.dtype(INPUT_TYPES[source[0].type]))
        self._output_names = [output.name]
        self._feed = {source[0].name: self.preprocessor.buffer}
        run_time = self._warm_up()
        self.info = ModelInfo(
            path=path,
            sha256=sha256,
            input_name=source[0].name,
            input_shape=shape,
            input_type=source[0].type,
            output_name=output.name,
            providers=tuple(self._session.get_providers()),
            fallback=fallback,
            run_time=run_time,
        )

    def run(self) -> NDArray[Any]:
        """
        Run the model on what the preprocessor holds; the interpreter is free meanwhile.

        :return: shape (labels,), the model's own answer.
        :raises Exception: whatever onnxruntime raises; see `describe_error`.
        """
        # onnxruntime reads a contiguous array in place: nothing is copied on the way in.
        (output,) = self._session.run(self._output_names, self._feed)
        return np.asarray(output).reshape(-1)

    def _warm_up(self) -> float:
        """Run on zeros, so that the first frame finds memory and kernels ready."""
        quickest = math.nan
        for _ in range(max(1, self.spec.warm_up_runs)):
            begun = time.perf_counter()
            try:
                output = self.run()
            except Exception as error:
                raise ModelError(
                    f'model {self.spec.model} does not run on zeros of shape '
                    f'{list(self.preprocessor.buffer.shape)}: {describe_error(error)}'
                ) from error
            quickest = float(np.fmin(quickest, time.perf_counter() - begun))
            if output.size != len(self.spec.labels):
                raise ModelError(
                    f'labels has {len(self.spec.labels)} entries, but the model answered with '
                    f'{output.size} numbers: give {output.size} labels, in the order of the '
                    'classes that it was trained on'
                )
        return quickest


def hash_file(path: Path) -> str:
    """
    SHA-256 of a file, hex.

    :raises ModelError: it is not there, no file, empty, or cannot be read.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise ModelError(
            f'model {path} does not exist: set model to the path of an ONNX file (a relative one '
            f'is looked for from {Path.cwd()})'
        ) from None
    except OSError as error:
        raise ModelError(_unreadable(path, error)) from error
    if stat.S_ISDIR(mode):
        raise ModelError(f'model {path} is a folder: set model to the ONNX file in it')
    if not stat.S_ISREG(mode):
        # Reading from a pipe would wait for ever.
        raise ModelError(f'model {path} is no regular file: set model to the path of an ONNX file')
    try:
        with path.open('rb') as file:
            digest = hashlib.file_digest(file, 'sha256')
            size = file.tell()
    except OSError as error:
        raise ModelError(_unreadable(path, error)) from error
    if size == 0:
        raise ModelError(f'model {path} is empty: copy the ONNX file again')
    return digest.hexdigest()


def _unreadable(path: Path, error: OSError) -> str:
    return f'model {path} cannot be read: {error.strerror}; make it readable for this user'


def _open_session(
    spec: Spec, path: Path, content: bytes | None
) -> tuple[onnxruntime.InferenceSession, str]:
    choice = choose_providers(
        spec.providers, onnxruntime.get_all_providers(), onnxruntime.get_available_providers()
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_ERRORS
    options.intra_op_num_threads = spec.threads_intra
    options.inter_op_num_threads = spec.threads_inter
    # A thread that spins while it waits takes the processor from the robot's other nodes.
    for pool in ('intra', 'inter'):
        options.add_session_config_entry(f'session.{pool}_op.allow_spinning', str(int(spec.spin)))
    source = str(path) if content is None else content
    size = path.stat().st_size if content is None else len(content)
    try:
        session = onnxruntime.InferenceSession(source, options, providers=list(choice.use))
    except Exception as error:
        raise ModelError(
            f'model {path} is no ONNX model that onnxruntime {onnxruntime.__version__} can load '
            f'({size} bytes; truncated, of another format, or with operators that '
            f'it does not know): {describe_error(error)}'
        ) from error
    return session, describe_fallback(choice, session.get_providers())


def _choose_output(spec: Spec, path: Path, outputs: Sequence[Any]) -> Any:
    listed = ', '.join(f'{one.name} {show(one.shape)} {one.type}' for one in outputs)
    if spec.output:
        chosen = [one for one in outputs if one.name == spec.output]
        if not chosen:
            raise ModelError(
                f'output is {spec.output!r}, but model {path} has no such output: choose one of '
                f'{listed}'
            )
    elif len(outputs) == 1:
        chosen = list(outputs)
    else:
        raise ModelError(
            f'model {path} has {len(outputs)} outputs: set output to the name of the one with a '
            f'number for each label: {listed}'
        )
    if chosen[0].type not in OUTPUT_TYPES:
        raise ModelError(
            f'output {chosen[0].name!r} of model {path} is {chosen[0].type}, and no number for '
            f'each label: set output to another one of {listed}'
        )
    return chosen[0]


def _make_preprocessor(spec: Spec, shape: Sequence[int], dtype: np.dtype[Any]) -> Preprocessor:
    if spec.input.is_picture:
        return ImagePreprocessor(spec, shape, dtype)
    if spec.input is InputKind.LASER_SCAN:
        return ScanPreprocessor(spec, shape, dtype)
    return TensorPreprocessor(spec, shape, dtype)
