"""A frame as a value, and the counts of what became of frames (msg/Frame.msg, FrameCounters)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import NamedTuple

from swarm_consensus.protocols.values import value

VERSION = 1
# Of a batch of the class AGREEMENT: two such frames of one robot that contradict each other are
# shown to the others as a proof, which has to fit into one frame of another class.
AGREEMENT_BYTES_MAX = 20_000


class TrafficClass(IntEnum):
    """What goes first where the radio cannot carry everything; smaller goes first."""

    ELECTION = 0
    LOG = 1
    AGREEMENT = 2
    BELIEF = 3
    BULK = 4


@value
class FrameHeader:
    """
    Who sent a frame, to whom, and which one it is.

    :param version: VERSION of the sender.
    :param traffic_class: a TrafficClass, or any other number where a peer is broken.
    :param swarm: hash of the name of the swarm (`hashes.swarm_hash`).
    :param sender: robot id.
    :param to: robot id, or empty for every robot.
    :param incarnation: boot of the sender; a later boot has a larger number.
    :param nonce: random number drawn at boot; tells two robots of one name apart.
    :param sequence: counts the sender's frames of this boot over all classes, from 1.
    """

    version: int
    traffic_class: int
    swarm: int
    sender: str
    to: str
    incarnation: int
    nonce: int
    sequence: int


class Frame(NamedTuple):
    """
    A header and its batch of encoded messages.

    :param signature: by the key of the sender; empty where the swarm has no keys.
    """

    header: FrameHeader
    batch: bytes
    signature: bytes = b''


def batch_bytes_max(traffic_class: int, frame_bytes_max: int) -> int:
    """
    Return the most bytes that a batch of a class may have.

    :param frame_bytes_max: of the swarm, for the largest batch of all.
    """
    if traffic_class == TrafficClass.AGREEMENT:
        return min(AGREEMENT_BYTES_MAX, frame_bytes_max // 3)
    return frame_bytes_max


@dataclass(slots=True)
class FrameCounters:
    """
    What became of the frames at this robot; the fields are those of msg/FrameCounters.msg.

    Always: received == accepted + not_for_us + foreign + stranger + oversize + malformed +
    replayed + impostor + forged. Own frames that come back are not counted, and those that a
    simulated radio keeps away have not arrived: they are `out_of_reach`.
    """

    sent: int = 0
    sent_bytes: int = 0
    received: int = 0
    received_bytes: int = 0
    accepted: int = 0
    not_for_us: int = 0
    foreign: int = 0
    stranger: int = 0
    oversize: int = 0
    malformed: int = 0
    replayed: int = 0
    impostor: int = 0
    forged: int = 0
    refused_to_send: int = 0
    out_of_reach: int = 0

    @property
    def dropped(self) -> int:
        """Return how many received frames were not accepted, for whatever reason."""
        return (
            self.not_for_us
            + self.foreign
            + self.stranger
            + self.oversize
            + self.malformed
            + self.replayed
            + self.impostor
            + self.forged
        )

    def copy(self) -> FrameCounters:
        """Return a copy that no longer changes."""
        return FrameCounters(*(getattr(self, field.name) for field in fields(self)))
