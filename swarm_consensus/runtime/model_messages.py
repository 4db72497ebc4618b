"""What robots say to each other about models."""

from __future__ import annotations

from typing import Annotated

from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.parameters.messages import MESSAGE_TYPES, Message
from swarm_consensus.protocols.values import value

NAME_CHARACTERS_MAX = 128
MANIFEST_BYTES_MAX = 1024


@value
class ContributionTold:
    """
    A robot tells of its own newest contribution to a model.

    :param manifest: as `Manifest.encoded` gives it.
    """

    model: Annotated[str, Bounds(length_max=NAME_CHARACTERS_MAX)]
    manifest: Annotated[bytes, Bounds(length_max=MANIFEST_BYTES_MAX)]


ModelMessage = Message | ContributionTold
MODEL_MESSAGES: tuple[type[ModelMessage], ...] = (*MESSAGE_TYPES, ContributionTold)
