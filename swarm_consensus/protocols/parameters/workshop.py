"""
The work on the numbers themselves: an update made of new parameters, a version made of updates.

It takes long for large models, so it is apart from the state machines and may be done in another
thread; all it needs are the chunks.
"""

from __future__ import annotations

from swarm_consensus.protocols.parameters.architecture import (
    Architecture,
    Vector,
    from_bytes,
    to_bytes,
)
from swarm_consensus.protocols.parameters.blobs import Blob, Read, cut, join
from swarm_consensus.protocols.parameters.contributions import Manifest
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.exchange import Make
from swarm_consensus.protocols.parameters.merge import Update, merge
from swarm_consensus.protocols.parameters.quantise import Encoding, ErrorFeedback, decode
from swarm_consensus.protocols.values import value


class ContributionError(ParametersError):
    """
    A contribution is no update, though its bytes are those of its manifest.

    :ivar manifest: of it.
    """

    def __init__(self, manifest: Manifest, reason: str) -> None:
        super().__init__(reason)
        self.manifest = manifest


@value
class Made:
    """A blob and its chunks, to be kept before anybody hears of it."""

    blob: Blob
    chunks: dict[bytes, bytes]


def parameters_of(blob: Blob, architecture: Architecture, read: Read) -> Vector:
    """
    Return the parameters in a blob, shape (architecture.count,).

    :raises ParametersError: not all of it is here, or it is none.
    """
    data = join(blob, read)
    if data is None:
        raise ParametersError(f'blob {blob.root.hex()[:12]} is not here as it should be')
    vector = from_bytes(data)
    architecture.check(vector)
    return vector


def make(job: Make, architecture: Architecture, read: Read) -> Made:
    """
    Make a version.

    :raises ContributionError: a contribution is no update.
    :raises ParametersError: something is not here, or the rule does not take these contributions.
    """
    base = parameters_of(job.base, architecture, read)
    updates = []
    for manifest in job.contributions:
        data = join(manifest.update, read)
        if data is None:
            raise ParametersError(f'the update of {manifest.robot} is not here as it should be')
        try:
            values = decode(data, manifest.encoding, architecture.count)
        except ParametersError as error:
            raise ContributionError(manifest, str(error)) from error
        updates.append(Update(manifest.robot, manifest.weight, values))
    return Made(*cut(to_bytes(merge(base, updates, job.rule))))


def contribute(
    parameters: Vector,
    base: Blob,
    architecture: Architecture,
    read: Read,
    *,
    robot: str,
    version: int,
    weight: float,
    encoding: Encoding,
    feedback: ErrorFeedback,
) -> tuple[Manifest, Made]:
    """
    Make a contribution.

    :param parameters: what the robot has learnt, shape (architecture.count,).
    :param base: the parameters that it began with.
    :param feedback: of this robot and model; the rounding error goes into it.
    :raises ParametersError: the base is not here, or the weight is out of bounds.
    """
    architecture.check(parameters)
    begun = parameters_of(base, architecture, read)
    data = feedback.compress(version, parameters - begun, encoding)
    made = Made(*cut(data))
    manifest = Manifest(
        robot=robot,
        version=version,
        base=base.root,
        architecture=bytes.fromhex(architecture.hash),
        weight=weight,
        encoding=encoding,
        update=made.blob,
    )
    return manifest, made
