"""A robot of a swarm with keys that says what it likes, and not the same to all."""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.decision.ballots import Ballot
from swarm_consensus.protocols.agreement.messages import Piece
from swarm_consensus.runtime.accusations import Accusation
from swarm_consensus.runtime.events import FrameArrived
from swarm_consensus.runtime.wire import BALLOTS, MESSAGES, traffic_class
from swarm_consensus.transport.frame import VERSION, Frame, FrameHeader, TrafficClass
from swarm_consensus.transport.hashes import swarm_hash
from swarm_consensus.transport.signing import SignedFrame, Signer
from swarm_testing.agreed_swarm import AgreedSwarm


class Liar:
    """
    Speaks under the name and with the key of a robot that is down.

    :param key_of: whose key it signs with; '': its own.
    """

    def __init__(self, swarm: AgreedSwarm, robot: str, key_of: str = '') -> None:
        assert swarm.keys is not None
        if swarm.world.up(robot):
            swarm.world.crash(robot)
        self.robot = robot
        self._swarm = swarm
        self._signer = Signer(swarm.keys[key_of or robot].signing_key)
        self._sequence = 0

    def frame(self, *messages: object, as_class: TrafficClass | None = None) -> Frame:
        """Return a frame with messages, signed."""
        self._sequence += 1
        header = FrameHeader(
            version=VERSION,
            traffic_class=traffic_class(messages[0]) if as_class is None else as_class,
            swarm=swarm_hash('zoo'),
            sender=self.robot,
            to='',
            incarnation=1_000,
            nonce=7,
            sequence=self._sequence,
        )
        batch = MESSAGES.encode_batch(list(messages))
        return Frame(header, batch, self._signer.sign(header, batch))

    def send(self, frame: Frame, to: Sequence[str] = ()) -> None:
        """Let a frame arrive now at some robots, or at all that are up."""
        for robot in to or self._swarm.robots:
            if self._swarm.world.up(robot):
                self._swarm.world.put(robot, FrameArrived(*frame))

    def say(self, *messages: object, to: Sequence[str] = ()) -> Frame:
        """Send messages in one frame; returns it."""
        frame = self.frame(*messages)
        self.send(frame, to)
        return frame

    def piece(
        self, choice: str, epoch: int = 1, subject: str = 'goal', value: bytes = b''
    ) -> Piece:
        """Return an input of this robot that proposes something."""
        agreement = self._swarm.runtime('r1')._agreed.agreement
        place = agreement.robots.index(self.robot)
        data = BALLOTS.encode(Ballot(choice=choice, value=value))
        (piece,) = agreement.config.pieces.cut(subject, epoch, place, data)
        return piece


def accusation(first: Frame, second: Frame) -> Accusation:
    """Return what accuses the sender of two frames."""
    return Accusation(SignedFrame.of(first), SignedFrame.of(second))
