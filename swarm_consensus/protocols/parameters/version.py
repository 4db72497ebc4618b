"""
What a decision on the parameters in force says: all that is needed to make them again.

It stands in the value of the decision, so it has one form in bytes, and it is checked like
anything that a peer sent.
"""

from __future__ import annotations

import struct

from swarm_consensus.protocols.parameters.blobs import Blob
from swarm_consensus.protocols.parameters.contributions import ROBOTS_MAX, Manifest
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.merge import Rule, RuleKind
from swarm_consensus.protocols.parameters.quantise import Encoding
from swarm_consensus.protocols.values import value

# Form, rule, trim, architecture, base, size and root of the result, contributions; big endian.
_HEAD = struct.Struct('>BBH32s32sI32sH')
# Of a contribution what the head does not say: version, weight, encoding, size and root of the
# update, and the length of the robot's name, which follows.
_ENTRY = struct.Struct('>QdBI32sH')
_FORM = 1


@value
class ModelVersion:
    """
    Parameters that the swarm has decided to run.

    :param architecture: hash of the architecture, its 32 bytes.
    :param base: name of the parameters that were in force before.
    :param rule: by which the contributions were merged.
    :param contributions: to that base, in the order of their robots.
    :param result: the merged parameters in their canonical form.
    :raises ParametersError: a field out of its bounds.
    """

    architecture: bytes
    base: bytes
    rule: Rule
    contributions: tuple[Manifest, ...]
    result: Blob

    def __post_init__(self) -> None:
        robots = [manifest.robot for manifest in self.contributions]
        if robots != sorted(set(robots)):
            raise ParametersError('the contributions are not in the order of their robots')
        if not self.rule.contributions_min <= len(robots) <= ROBOTS_MAX:
            raise ParametersError(f'{len(robots)} contributions for {self.rule}')
        for manifest in self.contributions:
            if manifest.base != self.base or manifest.architecture != self.architecture:
                raise ParametersError(
                    f'the contribution of {manifest.robot} is to other parameters than the base'
                )

    def encoded(self) -> bytes:
        """Return the version as bytes; the only form that it has."""
        parts = [
            _HEAD.pack(
                _FORM,
                self.rule.kind.value,
                self.rule.trim,
                self.architecture,
                self.base,
                self.result.size,
                self.result.root,
                len(self.contributions),
            )
        ]
        for manifest in self.contributions:
            name, update = manifest.robot.encode(), manifest.update
            parts.append(
                _ENTRY.pack(
                    manifest.version,
                    manifest.weight,
                    manifest.encoding.value,
                    update.size,
                    update.root,
                    len(name),
                )
            )
            parts.append(name)
        return b''.join(parts)


def version_from(data: bytes) -> ModelVersion:
    """
    Return the version in the value of a decision.

    :raises ParametersError: there is none in it.
    """
    try:
        form, kind, trim, architecture, base, size, root, count = _HEAD.unpack_from(data)
        if form != _FORM or count > ROBOTS_MAX:
            raise ParametersError(f'form {form} with {count} contributions')
        at = _HEAD.size
        contributions = []
        for _ in range(count):
            number, weight, encoding, bytes_, leaf, length = _ENTRY.unpack_from(data, at)
            at += _ENTRY.size + length
            contributions.append(
                Manifest(
                    data[at - length : at].decode(),
                    number,
                    base,
                    architecture,
                    weight,
                    Encoding(encoding),
                    Blob(bytes_, leaf),
                )
            )
        if at != len(data):
            raise ParametersError(f'{len(data) - at} bytes beside the version')
        return ModelVersion(
            architecture,
            base,
            Rule(RuleKind(kind), trim),
            tuple(contributions),
            Blob(size, root),
        )
    except (struct.error, ValueError) as error:
        raise ParametersError(f'no version of a model: {error}') from error
