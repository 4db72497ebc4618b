"""
Signatures of frames: Ed25519 (RFC 8032) over every field of the header and the batch.

Where a swarm has keys every frame of every class is signed, so nobody can speak for a robot whose
key he does not have, and what a robot said can be shown to others: two frames that contradict each
other convict their sender. Evidence that others pass on (protocols/fusion) is signed by its origin
as well, apart from the frame that carries it. What is signed is written field by field in
docs/wire.md, for robots in other languages.
"""

from __future__ import annotations

from collections.abc import Mapping
import struct
from typing import Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from swarm_consensus.protocols.bounds import UNSIGNED_64, Bounds
from swarm_consensus.protocols.fusion.messages import Item
from swarm_consensus.protocols.values import value
from swarm_consensus.transport.frame import AGREEMENT_BYTES_MAX, Frame, FrameHeader

SIGNATURE_BYTES = 64
PUBLIC_KEY_BYTES = 32
SEED_BYTES = 32

# Says for what the key was used, so that a signature of anything else is never one of a frame.
_TAG = b'swarm_consensus/frame/1'
_ITEM_TAG = b'swarm_consensus/item/1'
# Version, class, swarm, length of the sender.
_HEAD = struct.Struct('>BBQI')
_LENGTH = struct.Struct('>I')
# Incarnation, nonce, sequence.
_NUMBERS = struct.Struct('>QQQ')
# Swarm, length of the origin.
_ITEM_HEAD = struct.Struct('>QI')
# Incarnation, sequence, length of the topic.
_ITEM_NUMBERS = struct.Struct('>QQI')

_Byte = Annotated[int, Bounds(maximum=255)]
_Number = Annotated[int, UNSIGNED_64]


@value
class SignedFrame:
    """
    A frame of the class AGREEMENT that a message can carry, to be shown as a proof.

    The fields are those of the header, then the batch and its signature.
    """

    version: _Byte
    traffic_class: _Byte
    swarm: _Number
    sender: str
    to: str
    incarnation: _Number
    nonce: _Number
    sequence: _Number
    batch: Annotated[bytes, Bounds(length_max=AGREEMENT_BYTES_MAX)]
    signature: Annotated[bytes, Bounds(length_max=SIGNATURE_BYTES)]

    @classmethod
    def of(cls, frame: Frame) -> SignedFrame:
        """Return a frame in the form in which a message carries it."""
        header = frame.header
        return cls(
            header.version,
            header.traffic_class,
            header.swarm,
            header.sender,
            header.to,
            header.incarnation,
            header.nonce,
            header.sequence,
            frame.batch,
            frame.signature,
        )

    @property
    def frame(self) -> Frame:
        """Return the frame as it was sent."""
        header = FrameHeader(
            self.version,
            self.traffic_class,
            self.swarm,
            self.sender,
            self.to,
            self.incarnation,
            self.nonce,
            self.sequence,
        )
        return Frame(header, self.batch, self.signature)


def signed_bytes(header: FrameHeader, batch: bytes) -> bytes:
    """
    Return what the signature of a frame is made of; different frames give different bytes.

    :raises ValueError: a header that does not fit the types of msg/Frame.msg.
    """
    sender, to = header.sender.encode(), header.to.encode()
    try:
        return b''.join(
            (
                _TAG,
                _HEAD.pack(header.version, header.traffic_class, header.swarm, len(sender)),
                sender,
                _LENGTH.pack(len(to)),
                to,
                _NUMBERS.pack(header.incarnation, header.nonce, header.sequence),
                batch,
            )
        )
    except struct.error as error:
        raise ValueError(f'{header}: {error}') from error


def signed_item_bytes(swarm: int, item: Item) -> bytes:
    """
    Return what the signature of an item is made of: all of it but the time that it has travelled.

    :param swarm: hash of the name of the swarm.
    :raises ValueError: numbers that do not fit.
    """
    origin, topic = item.origin.encode(), item.topic.encode()
    try:
        return b''.join(
            (
                _ITEM_TAG,
                _ITEM_HEAD.pack(swarm, len(origin)),
                origin,
                _ITEM_NUMBERS.pack(item.incarnation, item.sequence, len(topic)),
                topic,
                item.body,
            )
        )
    except struct.error as error:
        raise ValueError(f'{item}: {error}') from error


class Signer:
    """
    Signs the frames of one robot, and what others are to pass on for it.

    :param seed: private key of the robot (RFC 8032, 5.1.5), 32 bytes.
    :raises ValueError: a seed of another length.
    """

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> bytes:
        """Return the public key, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, header: FrameHeader, batch: bytes) -> bytes:
        """Return the signature of a frame, 64 bytes."""
        return self._key.sign(signed_bytes(header, batch))

    def sign_item(self, swarm: int, item: Item) -> bytes:
        """Return the signature of an item, 64 bytes; that in it is not looked at."""
        return self._key.sign(signed_item_bytes(swarm, item))


class Verifier:
    """
    Tells frames that a robot has signed from all others.

    :param public_keys: 32 bytes of each robot of the swarm.
    :raises ValueError: a key of another length.
    """

    def __init__(self, public_keys: Mapping[str, bytes]) -> None:
        self._keys = {
            robot: Ed25519PublicKey.from_public_bytes(key) for robot, key in public_keys.items()
        }

    def knows(self, robot: str) -> bool:
        """Return whether the key of a robot is known."""
        return robot in self._keys

    def signed(self, header: FrameHeader, batch: bytes, signature: bytes) -> bool:
        """
        Return whether the robot that a frame names as its sender has signed all of it.

        Never raises, whatever a peer has sent. False also for a robot whose key is not known.
        """
        try:
            return self._verify(header.sender, signature, signed_bytes(header, batch))
        except ValueError:
            return False

    def signed_item(self, swarm: int, item: Item) -> bool:
        """Return whether the robot that an item names as its origin has signed it; never raises."""
        try:
            return self._verify(item.origin, item.signature, signed_item_bytes(swarm, item))
        except ValueError:
            return False

    def _verify(self, robot: str, signature: bytes, data: bytes) -> bool:
        key = self._keys.get(robot)
        if key is None or len(signature) != SIGNATURE_BYTES:
            return False
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def holds(self, proof: SignedFrame) -> bool:
        """Return whether the sender of a frame that somebody shows has signed it."""
        frame = proof.frame
        return self.signed(frame.header, frame.batch, frame.signature)
