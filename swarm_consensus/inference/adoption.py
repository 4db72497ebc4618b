"""
From parameters to a model that may run: built, warmed up, tried, and only then handed over.

Everything here may take seconds. It belongs in a thread of its own, beside the one that runs the
model in use, which it does not touch.
"""

from __future__ import annotations

from pathlib import Path

from swarm_consensus.inference.errors import ModelError
from swarm_consensus.inference.initializers import Blueprint
from swarm_consensus.inference.model import Model
from swarm_consensus.inference.parameter_file import read_arrays
from swarm_consensus.inference.spec import Spec
from swarm_consensus.inference.trial import HeldOut, Score, load_held_out, objection, score
from swarm_consensus.protocols.parameters.architecture import Vector, digest
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.values import value


@value
class Attempt:
    """
    What came of trying parameters.

    :param model: ready to run; None where it was refused.
    :param reason: why; '' where it was not.
    :param vector: the parameters, shape (count,); None where they could not be read.
    :param parameters_hash: name of the parameters (`architecture.digest`), hex.
    :param score: on the held-out batch; None where there is none, or it did not come so far.
    :param before: the same of the model in use.
    """

    model: Model | None
    reason: str
    vector: Vector | None = None
    parameters_hash: str = ''
    score: Score | None = None
    before: Score | None = None


class Adoption:
    """
    Tries parameters in the graph of one model file; in one thread at a time.

    :param held_out: .npz of the batch for trials; '' for none: a model then only has to run.
    :param margin: by how much the accuracy may be lower than that of the model in use, 0..1.
    :raises ModelError: the model cannot be taken apart, or the batch does not fit it.
    """

    def __init__(self, spec: Spec, held_out: str, margin: float) -> None:
        self._spec = spec
        self._blueprint = Blueprint(Path(spec.model).expanduser().absolute())
        self._margin = margin
        self._held_out: HeldOut | None = None
        self._vector = self._blueprint.vector
        self._score: Score | None = None
        if held_out:
            # A second one: the model in use may be at work.
            original = Model(spec)
            self._held_out = load_held_out(Path(held_out).expanduser().absolute(), original)
            self._score = score(original, self._held_out)

    @property
    def architecture_hash(self) -> str:
        """Return the hash of the architecture of the model."""
        return self._blueprint.architecture.hash

    def read(self, file: str) -> Vector:
        """
        Read parameters from a .npz file: an array for each initializer, by its name.

        Those that are not in it stay as they are in use.

        :raises ParametersError: the file cannot be read, or does not fit the architecture.
        """
        try:
            with Path(file).expanduser().open('rb') as opened:
                arrays = read_arrays(opened)
        except (OSError, ParametersError) as error:
            raise ParametersError(f'{file} cannot be read: {error}') from error
        return self._blueprint.architecture.flatten(arrays, self._vector)

    def attempt(self, file: str, parameters_hash: str = '') -> Attempt:
        """
        Try the parameters of a file.

        :param parameters_hash: that they must have, hex; '': any.
        """
        vector, found = None, ''
        try:
            vector = self.read(file)
            found = digest(vector)
            if parameters_hash and found != parameters_hash:
                reason = f'the parameters have the hash {found}, not {parameters_hash}'
                return Attempt(None, reason, vector, found)
            model = Model(self._spec, self._blueprint.build(vector))
            if self._held_out is None or self._score is None:
                return Attempt(model, '', vector, found)
            new = score(model, self._held_out)
        except (ParametersError, ModelError) as error:
            return Attempt(None, str(error), vector, found)
        reason = objection(new, self._score, self._margin)
        return Attempt(None if reason else model, reason, vector, found, new, self._score)

    def adopted(self, attempt: Attempt) -> None:
        """Take note that the model of an attempt is in use from now on."""
        assert attempt.model is not None and attempt.vector is not None
        self._vector = attempt.vector
        self._score = attempt.score
