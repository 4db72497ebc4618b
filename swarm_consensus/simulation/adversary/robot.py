"""
An honest robot: the agreement as it is, with a disk, and what makes up for what was lost.

What it says is on the disk before it leaves, with the values that it says it holds. After a reboot
it says all that again and asks the others to do the same. Pieces that are missing it asks of those
who hold them, one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from swarm_consensus.protocols.agreement.messages import (
    InstanceMessage,
    Piece,
    PiecesWanted,
    Statement,
)
from swarm_consensus.protocols.agreement.subset import CommonSubset, SubsetRules
from swarm_consensus.protocols.agreement.voice import members

SUBJECT = 'subject'


@dataclass(slots=True)
class Disk:
    """
    What survives a crash.

    :ivar said: what was said in each epoch, in the order of saying.
    :ivar held: values that were called held, by epoch and proposer.
    """

    said: dict[int, list[Statement]] = field(default_factory=dict)
    held: dict[int, dict[int, bytes]] = field(default_factory=dict)

    def recall(self, epoch: int) -> Statement | None:
        """Return in one statement what was said in an epoch."""
        said = self.said.get(epoch)
        if not said:
            return None
        return Statement(
            SUBJECT,
            epoch,
            False,
            tuple(echo for one in said for echo in one.echoes),
            tuple(ready for one in said for ready in one.readies),
            tuple(vote for one in said for vote in one.votes),
            tuple(share for one in said for share in one.shares),
        )


@dataclass(slots=True)
class Write:
    """What a step puts on the disk."""

    statement: Statement
    held: dict[int, bytes]


@dataclass(slots=True)
class Step:
    """
    What comes of one input.

    :ivar writes: to be on the disk before anything is sent.
    :ivar sends: (receivers, message), in order.
    :ivar accused: robots that were caught contradicting themselves.
    """

    writes: list[Write] = field(default_factory=list)
    sends: list[tuple[tuple[int, ...], InstanceMessage]] = field(default_factory=list)
    accused: list[int] = field(default_factory=list)


class Robot:
    """
    One boot of a robot.

    :param epochs: how many there are.
    :param boot: 0 for the first one.
    :param random: its local coin.
    """

    def __init__(
        self, rules: SubsetRules, epochs: int, disk: Disk, boot: int, random: Random
    ) -> None:
        self._rules = rules
        self._epochs = epochs
        self._disk = disk
        self._boot = boot
        self._random = random
        self.me = rules.me
        self._others = tuple(
            robot for robot in range(len(rules.robots)) if robot != rules.me
        )
        self.instances: dict[int, CommonSubset] = {}
        self._asked: dict[tuple[int, int], int] = {}

    # -- in -------------------------------------------------------------------------------------

    def wake(self) -> Step:
        """Begin this boot."""
        step = Step()
        for epoch in sorted(self._disk.said):
            self._instance(epoch, step)
        return step

    def begin(self, epoch: int, value: bytes) -> Step:
        """Put a value in, unless it was put in by an earlier boot."""
        step = Step()
        instance = self._instance(epoch, step)
        if not instance.proposed:
            pieces = instance.propose(value)
            self._say(epoch, step)
            step.sends += [(self._others, piece) for piece in pieces]
        return step

    def hear(self, sender: int, message: InstanceMessage) -> Step:
        """Take a message in."""
        step = Step()
        if message.subject != SUBJECT or not 1 <= message.epoch <= self._epochs:
            return step
        if isinstance(message, Statement):
            instance = self._instance(message.epoch, step)
            if not instance.receive(sender, message):
                step.accused.append(sender)
            self._say(message.epoch, step)
            if message.again:
                self._tell_again(sender, message.epoch, step)
        elif isinstance(message, Piece):
            instance = self._instance(message.epoch, step)
            if not instance.receive_piece(sender, message):
                step.accused.append(sender)
            self._say(message.epoch, step)
        elif isinstance(message, PiecesWanted) and message.epoch in self.instances:
            found = self.instances[message.epoch].pieces(
                message.proposer, message.root, message.indexes
            )
            step.sends += [((sender,), piece) for piece in found]
        return step

    def tick(self) -> Step:
        """Ask for what is missing; each time another holder."""
        step = Step()
        for epoch, instance in self.instances.items():
            if instance.vector is not None:
                continue
            for proposer, root, missing, mask in instance.wanted():
                asked = self._asked.get((epoch, proposer), self.me)
                self._asked[epoch, proposer] = asked + 1
                holders = members(mask.to_bytes(32, 'little'))
                if holders:
                    request = PiecesWanted(SUBJECT, epoch, proposer, root, missing)
                    step.sends.append(((holders[asked % len(holders)],), request))
        return step

    # -- how it stands --------------------------------------------------------------------------

    def vector(self, epoch: int) -> tuple[bytes | None, ...] | None:
        """Return what came out of an epoch; None while it is under way."""
        instance = self.instances.get(epoch)
        return None if instance is None else instance.vector

    @property
    def rounds(self) -> int:
        """Return the rounds of the longest agreement."""
        return max((instance.rounds for instance in self.instances.values()), default=0)

    # -- inside -----------------------------------------------------------------------------------

    def _instance(self, epoch: int, step: Step) -> CommonSubset:
        instance = self.instances.get(epoch)
        if instance is None:
            instance = self.instances[epoch] = CommonSubset(
                self._rules,
                SUBJECT,
                epoch,
                self._random,
                said=self._disk.recall(epoch),
                held=self._disk.held.get(epoch),
            )
            self._say(epoch, step)
            if self._boot:
                # What was heard before the reboot is gone, and messages on their way may be.
                step.sends.append((self._others, instance.voice.everything(again=True)))
                step.sends += [(self._others, piece) for piece in self._own_pieces(instance)]
        return instance

    def _own_pieces(self, instance: CommonSubset) -> Sequence[Piece]:
        return instance.own_pieces() if instance.proposed else ()

    def _say(self, epoch: int, step: Step) -> None:
        instance = self.instances[epoch]
        if instance.voice.silent:
            return
        statement = instance.voice.take_new()
        held: dict[int, bytes] = {}
        for proposer, _ in statement.echoes:
            value = instance.held(proposer)
            if value is not None:
                held[proposer] = value
        step.writes.append(Write(statement, held))
        step.sends.append((self._others, statement))

    def _tell_again(self, sender: int, epoch: int, step: Step) -> None:
        instance = self.instances[epoch]
        step.sends.append(((sender,), instance.voice.everything(again=False)))
        if not instance.holders_of_mine() >> sender & 1:
            step.sends += [((sender,), piece) for piece in self._own_pieces(instance)]
