"""
Robots that are proved to have lied: two signed frames that contradict each other.

Whoever holds both frames can judge alike, so the proof is told to all, kept on disk, and told to
the users. Where the operator says so the robot is excluded: this robot hears it no more at the
level AGREED, where that is as if it had stopped, and the leader takes it out of the membership of
the log.
"""

from __future__ import annotations

from functools import reduce
from operator import xor

from swarm_consensus.protocols.agreement.agreement import Agreement
from swarm_consensus.protocols.agreement.effects import Contradiction
from swarm_consensus.protocols.agreement.messages import Piece, Statement
from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.agreement.slots import contradiction
from swarm_consensus.protocols.agreement.subject import standing_hash
from swarm_consensus.protocols.raft import Raft, Role
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.events import Misbehaved, Notice, Output
from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.errors import MalformedError
from swarm_consensus.transport.frame import Frame
from swarm_consensus.transport.signing import SignedFrame, Verifier

KEY = 'accused/'
# Ticks between two attempts of the leader to take a robot out of the membership.
CHANGE_TICKS = 50


@value
class Accusation:
    """Two frames of one robot that contradict each other."""

    first: SignedFrame
    second: SignedFrame


class Accusations:
    """
    The proofs that this robot holds; one for each robot at most.

    :param swarm: hash of the name of the swarm.
    :param messages: decodes the batches of frames.
    :param verifier: None: the swarm has no keys, and nothing can be proved.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        swarm: int,
        agreement: Agreement,
        messages: Codec[object],
        verifier: Verifier | None,
    ) -> None:
        self._config = config
        self._swarm = swarm
        self._agreement = agreement
        self._messages = messages
        self._verifier = verifier
        self._proofs: dict[str, Accusation] = {}
        self._next_change = 0
        self._discredited: set[str] = set()

    @property
    def proofs(self) -> tuple[Accusation, ...]:
        """Return all proofs, in order of the robots."""
        return tuple(self._proofs[robot] for robot in self.accused)

    @property
    def standing_hash(self) -> int:
        """Return a hash of the robots that are accused, as of subjects."""
        return reduce(xor, (standing_hash(f'{KEY}{robot}', 1) for robot in self._proofs), 0)

    @property
    def accused(self) -> tuple[str, ...]:
        """Return the robots that are proved to have lied, sorted."""
        return tuple(sorted(self._proofs))

    @property
    def excluded(self) -> tuple[str, ...]:
        """Return the robots that this one hears no more."""
        return self.accused if self._config.agreed_exclude else ()

    def restore(self, accusation: Accusation) -> None:
        """Take up a proof that was kept; it was judged before."""
        self._note(accusation)

    def proof_of(self, found: Contradiction) -> Accusation | None:
        """Return the proof of what the agreement has found."""
        first, second = found.first[1], found.second[1]
        if not isinstance(first, Frame) or not isinstance(second, Frame):
            return None
        return Accusation(SignedFrame.of(first), SignedFrame.of(second))

    def told(
        self, accuser: str, accusation: Accusation, outputs: list[Output]
    ) -> tuple[Record, Accusation] | None:
        """
        Judge an accusation that another robot tells; returns what `accuse` does.

        To look into one costs as much as many frames. So who brings one that proves nothing, as no
        honest robot does, is not listened to any more until the next boot.
        """
        robot = accusation.first.sender
        if accuser in self._discredited or robot in self._proofs or robot == self._config.robot:
            return None
        found = self.accuse(accusation, outputs)
        if found is None:
            self._discredited.add(accuser)
        return found

    def accuse(
        self, accusation: Accusation, outputs: list[Output]
    ) -> tuple[Record, Accusation] | None:
        """
        Judge an accusation.

        :returns: what to keep and to tell the others, where it is new and proves something.
        """
        robot = accusation.first.sender
        if robot in self._proofs or robot == self._config.robot:
            # Against ourselves others judge; our own word would be worth nothing.
            return None
        what = self._judge(accusation)
        if what is None:
            return None
        self._note(accusation)
        excluded = robot in self.excluded
        consequence = 'it is heard no more' if excluded else 'it is still heard'
        text = f"'{robot}' lies: {what}; {consequence} (agreed_on_equivocation)"
        outputs.append(Notice(text, warning=True))
        proof = self._messages.encode(accusation)
        outputs.append(Misbehaved(robot, what, excluded, proof))
        return Record(f'{KEY}{robot}', proof), accusation

    def _note(self, accusation: Accusation) -> None:
        robot = accusation.first.sender
        self._proofs[robot] = accusation
        if self._config.agreed_exclude and robot in self._config.robots:
            self._agreement.mute(robot)

    def _judge(self, accusation: Accusation) -> str | None:
        """Return what two frames prove against their sender; None: nothing."""
        frames = accusation.first, accusation.second
        robot = frames[0].sender
        if self._verifier is None or robot not in self._config.robots:
            return None
        for frame in frames:
            if (frame.sender, frame.swarm) != (robot, self._swarm):
                return None
            if not self._verifier.holds(frame):
                return None
        try:
            said = [self._messages.decode_batch(frame.batch) for frame in frames]
        except MalformedError:
            return None
        place = self._agreement.robots.index(robot)
        rules = self._agreement.config.pieces
        by_instance: dict[tuple[str, int], list[Statement | Piece]] = {}
        for message in said[0]:
            if isinstance(message, (Statement, Piece)):
                by_instance.setdefault((message.subject, message.epoch), []).append(message)
        for message in said[1]:
            if isinstance(message, (Statement, Piece)):
                for first in by_instance.get((message.subject, message.epoch), ()):
                    what = contradiction(first, message, place, rules)
                    if what:
                        return f'{what} in epoch {first.epoch} of {first.subject}'
        return None

    def exclude(self, raft: Raft, request_id: str, now_ticks: int) -> None:
        """Take a robot that lied out of the membership, where this robot leads and may."""
        if not self.excluded or raft.role is not Role.LEADER or now_ticks < self._next_change:
            return
        membership = raft.status().membership
        if membership.joint:
            return
        voters = tuple(robot for robot in membership.voters if robot not in self._proofs)
        learners = tuple(robot for robot in membership.learners if robot not in self._proofs)
        if (voters, learners) != (membership.voters, membership.learners) and voters:
            self._next_change = now_ticks + CHANGE_TICKS
            raft.change(request_id, voters, learners, CHANGE_TICKS)
