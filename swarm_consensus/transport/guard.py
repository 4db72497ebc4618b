"""
What an arriving frame must pass before a protocol sees it (docs/wire.md, 'The guard').

The checks run from the cheapest to the dearest and every drop is counted. Nothing that a peer
sends raises, and nothing of a frame is remembered before the whole of it has decoded: a frame of
garbage with a huge sequence number or incarnation would otherwise lock the true sender out. A
forged frame that decodes can still do that where the swarm has no keys. Where it has, nothing is
remembered or believed of a frame that its sender has not signed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Generic

from swarm_consensus.protocols.values import value
from swarm_consensus.transport.codec import Codec, MessageT
from swarm_consensus.transport.compression import MARK, Expander
from swarm_consensus.transport.errors import MalformedError, OversizeError
from swarm_consensus.transport.frame import (
    VERSION,
    Frame,
    FrameCounters,
    FrameHeader,
    TrafficClass,
    batch_bytes_max,
)
from swarm_consensus.transport.signing import Verifier
from swarm_consensus.transport.window import ReplayWindow

_CLASSES = len(TrafficClass)
_MARK = bytes((MARK,))
# As many as a message may hold (transport/schema.py).
NAME_CHARACTERS_MAX = 256


class Verdict(Enum):
    """What became of a frame; the value is the counter that went up, if any."""

    ACCEPTED = 'accepted'
    OWN = ''
    FOREIGN = 'foreign'
    IMPOSTOR = 'impostor'
    STRANGER = 'stranger'
    OVERSIZE = 'oversize'
    NOT_FOR_US = 'not_for_us'
    REPLAYED = 'replayed'
    FORGED = 'forged'
    MALFORMED = 'malformed'


class Contact(Enum):
    """How an accepted frame relates to the ones before it from the same robot."""

    FIRST = 'first'  # first one since this robot started
    SAME = 'same'  # the boot known already
    REBOOTED = 'rebooted'  # a later boot than the one known


@value
class Receipt(Generic[MessageT]):
    """
    The outcome for one frame.

    :param sender: robot id; '' unless accepted.
    :param messages: what is meant for this robot, in order; empty unless accepted, and possibly
        empty where it is.
    :param contact: None unless accepted.
    :param claims: what another robot says under our own name, where the verdict is IMPOSTOR and
        it decodes: for settling who keeps the name, never for the protocols.
    :param reason: of a malformed frame, for people; bounded in length.
    :param frame: the frame itself where it is accepted and signed, for those who keep it as a
        witness; None where the swarm has no keys, as what nobody signed is no witness.
    :param vouched: False where the frame is for another robot, and not even its header may be
        believed, because nobody has looked whether its sender has signed it.
    :param incarnation: of the boot that sent it; 0 unless accepted.
    """

    verdict: Verdict
    sender: str = ''
    messages: tuple[MessageT, ...] = ()
    contact: Contact | None = None
    claims: tuple[MessageT, ...] = ()
    reason: str = ''
    frame: Frame | None = None
    vouched: bool = True
    incarnation: int = 0


class _Peer:
    """What is remembered of one robot: its newest boot, and the frames used of that."""

    __slots__ = ('incarnation', 'nonce', 'windows')

    def __init__(self, incarnation: int, nonce: int) -> None:
        self.incarnation = incarnation
        self.nonce = nonce
        # One a class: a snapshot's frames may wait long behind thousands of heartbeats, and
        # would fall out of a common window.
        self.windows = tuple(ReplayWindow() for _ in range(_CLASSES))


class Guard(Generic[MessageT]):
    """
    Checks arriving frames for one robot.

    :param robot: own robot id.
    :param nonce: own nonce of this boot.
    :param swarm: own swarm's hash.
    :param robots: ids of all robots of the swarm; own one may be among them.
    :param frame_bytes_max: largest batch that is looked at.
    :param counters: counted up here; shared with the outbox.
    :param verifier: knows the keys of the swarm; None: it has none, and frames bear no signature.
    :param guests_max: how many other robots may take part as well; where the swarm has keys, only
        such as have one.
    """

    def __init__(
        self,
        *,
        robot: str,
        nonce: int,
        swarm: int,
        robots: Iterable[str],
        codec: Codec[MessageT],
        frame_bytes_max: int,
        counters: FrameCounters,
        verifier: Verifier | None = None,
        guests_max: int = 0,
    ) -> None:
        self.counters = counters
        self._guests_max = guests_max
        self._robot = robot
        self._nonce = nonce
        self._swarm = swarm
        self._codec = codec
        self._verifier = verifier
        self._frame_bytes_max = frame_bytes_max
        self._expander = Expander(frame_bytes_max)
        self._agreement_bytes_max = batch_bytes_max(TrafficClass.AGREEMENT, frame_bytes_max)
        self._peers: dict[str, _Peer] = {}
        self._robots: frozenset[str] = frozenset()
        self.set_robots(robots)

    def set_robots(self, robots: Iterable[str]) -> None:
        """
        Replace the robots of the swarm.

        What was seen of one that left is kept, so that its old frames stay used if it returns.
        """
        self._robots = frozenset(robots) - {self._robot}

    def forget(self, robot: str) -> None:
        """Keep nothing of a robot that is none of the swarm's, so that others find room."""
        if robot not in self._robots:
            self._peers.pop(robot, None)

    def incarnation(self, robot: str) -> int | None:
        """Return the newest boot seen of a robot; None before its first accepted frame."""
        peer = self._peers.get(robot)
        return None if peer is None else peer.incarnation

    def receive(
        self, header: FrameHeader, batch: bytes, signature: bytes = b''
    ) -> Receipt[MessageT]:
        """Check one frame; counts it, and never raises on what is in it."""
        own_name = header.sender == self._robot
        right_swarm = header.version == VERSION and header.swarm == self._swarm
        if right_swarm and own_name and header.nonce == self._nonce:
            return Receipt(Verdict.OWN)
        self.counters.received += 1
        self.counters.received_bytes += len(batch)
        if not right_swarm:
            return self._drop(Verdict.FOREIGN)
        if own_name:
            return self._impostor(header, batch, signature)
        if header.sender not in self._robots and not self._admits(header.sender):
            return self._drop(Verdict.STRANGER)
        # Nearly all are below the smallest of the limits.
        size = len(batch)
        if size > self._agreement_bytes_max and size > self._bytes_max(header.traffic_class):
            return self._drop(Verdict.OVERSIZE)
        verifier = self._verifier
        if header.to and header.to != self._robot:
            if verifier is None:
                return self._drop(Verdict.NOT_FOR_US)
            return self._overheard(verifier, header, batch, signature)
        if not 0 <= header.traffic_class < _CLASSES or header.sequence < 1:
            return self._drop(Verdict.MALFORMED, 'traffic class or sequence number out of range')
        peer = self._peers.get(header.sender)
        if peer is not None and self._used(peer, header):
            return self._drop(Verdict.REPLAYED)
        witness = None
        if verifier is not None:
            if not verifier.signed(header, batch, signature):
                return self._drop(Verdict.FORGED)
            witness = Frame(header, batch, signature)
        try:
            messages = self._decode(header, batch)
        except OversizeError as error:
            return self._drop(Verdict.OVERSIZE, str(error))
        except MalformedError as error:
            return self._drop(Verdict.MALFORMED, str(error))
        return self._accept(peer, header, messages, witness)

    def _decode(self, header: FrameHeader, batch: bytes) -> tuple[MessageT, ...]:
        if batch[:1] == _MARK:
            if header.traffic_class == TrafficClass.AGREEMENT:
                raise MalformedError('batches of the class AGREEMENT are never compressed')
            batch = self._expander.expand(batch)
        return self._codec.decode_batch(batch, self._robot)

    def _admits(self, sender: str) -> bool:
        """Return whether a robot that nobody has named may take part."""
        if not self._guests_max or not 0 < len(sender) <= NAME_CHARACTERS_MAX:
            return False
        if self._verifier is not None and not self._verifier.knows(sender):
            return False
        if sender in self._peers:
            return True
        return sum(robot not in self._robots for robot in self._peers) < self._guests_max

    def _bytes_max(self, traffic_class: int) -> int:
        if traffic_class == TrafficClass.AGREEMENT:
            return self._agreement_bytes_max
        return self._frame_bytes_max

    def unreadable(self, size: int) -> None:
        """Count what came in place of a frame and has no header; `size` is in bytes."""
        self.counters.received += 1
        self.counters.received_bytes += size
        self.counters.malformed += 1

    def _used(self, peer: _Peer, header: FrameHeader) -> bool:
        if header.incarnation != peer.incarnation:
            return header.incarnation < peer.incarnation
        # One boot has one nonce: another robot bears this peer's name, or somebody forges it.
        if header.nonce != peer.nonce:
            return True
        return not peer.windows[header.traffic_class].fresh(header.sequence)

    def _accept(
        self,
        peer: _Peer | None,
        header: FrameHeader,
        messages: tuple[MessageT, ...],
        witness: Frame | None,
    ) -> Receipt[MessageT]:
        contact = Contact.SAME
        if peer is None or header.incarnation > peer.incarnation:
            contact = Contact.FIRST if peer is None else Contact.REBOOTED
            peer = self._peers[header.sender] = _Peer(header.incarnation, header.nonce)
        peer.windows[header.traffic_class].mark(header.sequence)
        self.counters.accepted += 1
        return Receipt(
            Verdict.ACCEPTED,
            header.sender,
            messages,
            contact,
            frame=witness,
            incarnation=header.incarnation,
        )

    def _overheard(
        self, verifier: Verifier, header: FrameHeader, batch: bytes, signature: bytes
    ) -> Receipt[MessageT]:
        # Of frames for others only a probe for a name tells this robot something, and only that is
        # worth the check: most of the traffic is overheard.
        if header.to != header.sender:
            return self._drop(Verdict.NOT_FOR_US, vouched=False)
        if not verifier.signed(header, batch, signature):
            return self._drop(Verdict.FORGED)
        return self._drop(Verdict.NOT_FOR_US)

    def _impostor(self, header: FrameHeader, batch: bytes, signature: bytes) -> Receipt[MessageT]:
        if self._verifier is not None:
            if len(batch) > self._bytes_max(header.traffic_class):
                return self._drop(Verdict.OVERSIZE)
            if not self._verifier.signed(header, batch, signature):
                return self._drop(Verdict.FORGED)
        self.counters.impostor += 1
        claims: tuple[MessageT, ...] = ()
        if len(batch) <= self._frame_bytes_max:
            try:
                claims = self._decode(header, batch)
            except MalformedError as error:
                return Receipt(Verdict.IMPOSTOR, reason=str(error))
        return Receipt(Verdict.IMPOSTOR, claims=claims)

    def _drop(self, verdict: Verdict, reason: str = '', vouched: bool = True) -> Receipt[MessageT]:
        name = verdict.value
        setattr(self.counters, name, getattr(self.counters, name) + 1)
        return Receipt(verdict, reason=reason, vouched=vouched)
