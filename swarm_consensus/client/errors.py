"""What can keep a client from getting an answer; each error says what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarm_consensus.decision.types import Status


class SwarmClientError(Exception):
    """Base of the errors of this room."""


class RobotNotFoundError(SwarmClientError):
    """No consensus_node offers what was asked for under that name."""


class ClientClosedError(SwarmClientError):
    """The client was closed while the request was under way, or before it was made."""


class OverrunError(SwarmClientError):
    """Values came faster than they were taken from the iterator, and some are lost to it."""


class NoAnswerError(SwarmClientError):
    """
    The swarm gave no answer; raised only by `raise_for_status()`.

    :param status: why.
    """

    def __init__(self, subject: str, status: Status, reason: str) -> None:
        super().__init__(f'{subject or "the log"}: {status.name}: {reason}')
        self.subject = subject
        self.status = status
        self.reason = reason
