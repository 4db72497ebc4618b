"""
Comparing all that is known with one other robot, now and then (push-pull anti-entropy).

What is told a bounded number of times may miss a robot, and parts of a swarm that was split have
missed much. Two robots that know the same find so by a hash. Else one sends what it knows, page by
page, and the other answers each page with what it knows better.
"""

from __future__ import annotations

from collections.abc import Iterable
import hashlib
from random import Random

from swarm_consensus.protocols.gossip.swim.config import PAGE, SwimConfig
from swarm_consensus.protocols.gossip.swim.effects import Send
from swarm_consensus.protocols.gossip.swim.messages import Claim, Digest, Roll, State
from swarm_consensus.protocols.gossip.swim.roster import Roster

# Of all robots that hear that a part of the swarm is back, about so many ask what it knows.
RECONCILERS = 3


def digest_of(claims: Iterable[Claim]) -> int:
    """Return a hash of what is claimed, whoever says it, and in whatever order; 64 bits."""
    hashed = hashlib.blake2b(digest_size=8)
    for claim in sorted(claims, key=lambda claim: claim.robot):
        # A suspicion is over soon, and each robot has its own.
        state = State.ALIVE if claim.state is State.SUSPECT else claim.state
        name = claim.robot.encode('utf-8', 'surrogatepass')
        hashed.update(len(name).to_bytes(4, 'big') + name)
        hashed.update(claim.incarnation.to_bytes(8, 'big') + claim.refutations.to_bytes(8, 'big'))
        hashed.update(bytes((state,)))
    return int.from_bytes(hashed.digest(), 'big')


class Comparing:
    """
    The comparisons of one robot.

    :ivar due: tick at which it begins one.
    :ivar send: what is to be sent, until it is taken.
    """

    def __init__(self, config: SwimConfig, roster: Roster, random: Random) -> None:
        self._config = config
        self._roster = roster
        self._random = random
        # Who comes knows nobody, and asks until somebody has told it all.
        self._told = False
        self.due = roster.now + 1
        self.send: list[Send] = []

    def step(self, own: Claim) -> None:
        """Begin a comparison, if it is time."""
        config, roster = self._config, self._roster
        if roster.now < self.due:
            return
        there = [member.robot for member in roster if member.state is State.ALIVE]
        others = there or [robot for robot in config.named if robot != config.robot]
        self._wait()
        if others:
            robot = others[self._random.randrange(len(others))]
            self.send.append(Send((robot,), Digest(digest_of(self._claims(own)))))

    def _wait(self) -> None:
        ticks = self._config.sync_ticks if self._told else self._config.probe_ticks
        # Spread, so that robots that start together do not compare together ever after.
        self.due = self._roster.now + ticks // 2 + 1 + self._random.randrange(ticks)

    def returned(self, robot: str, own: Claim) -> None:
        """
        Hear that a robot is back that was dead, with the same boot: a split is healed.

        What its part of the swarm knows is then of interest, to some: they tell the others.
        """
        if self._random.random() * self._roster.size < RECONCILERS:
            self.send.append(Send((robot,), Digest(digest_of(self._claims(own)))))

    def compared(self, sender: str, digest: Digest, own: Claim) -> None:
        """Answer with all that this robot knows, unless the other knows the same."""
        claims = self._claims(own)
        if digest_of(claims) == digest.digest:
            self.send.append(Send((sender,), Roll('', '', (), False)))
            return
        claims.sort(key=lambda claim: claim.robot)
        after = ''
        for start in range(0, len(claims), PAGE):
            page = tuple(claims[start : start + PAGE])
            until = page[-1].robot if start + PAGE < len(claims) else ''
            self.send.append(Send((sender,), Roll(after, until, page, True)))
            after = until

    def told(self, sender: str, roll: Roll, own: Claim) -> None:
        """Take note of a page, whose claims are taken in already, and tell what it lacks."""
        if not self._told:
            self._told = True
            self._wait()
        if not roll.reply:
            return
        theirs = {claim.robot: claim for claim in roll.claims}
        better = [
            claim
            for claim in self._claims(own)
            if roll.after < claim.robot
            and (not roll.until or claim.robot <= roll.until)
            and (claim.robot not in theirs or claim.order > theirs[claim.robot].order)
        ]
        for start in range(0, len(better), PAGE):
            page = tuple(better[start : start + PAGE])
            self.send.append(Send((sender,), Roll('', '', page, False)))

    def _claims(self, own: Claim) -> list[Claim]:
        return [own, *(self._roster.claim(member) for member in self._roster)]
