"""
A robot with a valid key that lies about all agreements: run as a program in the place of a robot.

It is a whole consensus_node. What it says in agreements is spoiled on the way out, differently for
each receiver, and signed anew with its own key; the rest of what it does is honest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
import sys

from swarm_consensus.nodes.consensus_node import ConsensusNode
from swarm_consensus.nodes.executor import run
from swarm_consensus.protocols.agreement.broadcast import digest
from swarm_consensus.protocols.agreement.messages import Piece, Statement
from swarm_consensus.runtime.wire import BALLOTS, MESSAGES
from swarm_consensus.simulation.adversary.spoil import garbled, oversized
from swarm_consensus.simulation.adversary.words import turned
from swarm_consensus.transport.frame import Frame, TrafficClass
from swarm_consensus.transport.signing import Signer

SEED = 7


class ByzantineNode(ConsensusNode):
    """Says what it should through `_spoil`."""

    def configure(self) -> None:
        """Put itself between the runtime and the topics."""
        super().configure()
        assert self._frames is not None and self._config is not None
        assert self._swarm_keys is not None, 'a liar needs a valid key'
        self._random = Random(SEED)
        self._signer = Signer(self._swarm_keys.signing_key)
        self._others = [name for name in self._config.robots if name != self._config.robot]
        self._send = self._frames.send
        self._old: list[Statement] = []
        self._sequence = 0
        self._frames.send = self._lie  # type: ignore[method-assign]

    def _lie(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            if frame.header.traffic_class != TrafficClass.AGREEMENT:
                self._send([frame])
                continue
            for receiver in self._others:
                self._tell(receiver, frame)

    def _tell(self, receiver: str, frame: Frame) -> None:
        messages = MESSAGES.decode_batch(frame.batch, receiver)
        said = [each for message in messages for each in self._spoil(receiver, message)]
        if not said:
            return
        batch = MESSAGES.join(said)
        self._sequence += 1
        header = replace(frame.header, to=receiver, sequence=self._sequence)
        self._send([Frame(header, batch, self._signer.sign(header, batch))])

    def _spoil(self, receiver: str, message: object) -> list[bytes]:
        """Return what a receiver gets in the place of a message."""
        if isinstance(message, Piece):
            return [MESSAGES.encode(self._two_faced(receiver, message))]
        if not isinstance(message, Statement):
            return [MESSAGES.encode(message)]
        self._old = [*self._old[-63:], message]
        choice = self._random.random()
        if choice < 0.3:
            return [MESSAGES.encode(message)]
        if choice < 0.4:
            return []
        if choice < 0.45:
            # Does not decode: the whole batch is dropped, and counted.
            return [oversized(self._random, message, 10_000)]
        if choice < 0.5:
            return [garbled(self._random, message)]
        if choice < 0.6:
            old = replace(self._random.choice(self._old), again=False)
            return [MESSAGES.encode(old), MESSAGES.encode(message)]
        said = message
        if choice < 0.9:
            said = turned(message, range(len(self._others) + 1))
        if choice > 0.75:
            said = replace(
                said,
                echoes=tuple((proposer, digest(root)) for proposer, root in said.echoes),
            )
        return [MESSAGES.encode(said)]

    def _two_faced(self, receiver: str, piece: Piece) -> Piece:
        """Put another input in, for every other robot."""
        if piece.digests or self._others.index(receiver) % 2:
            return piece
        ballot = BALLOTS.decode(piece.data)
        data = BALLOTS.encode(replace(ballot, log_likelihood=ballot.log_likelihood[::-1]))
        return replace(piece, size=len(data), data=data)


if __name__ == '__main__':
    sys.exit(run(ByzantineNode, None))
