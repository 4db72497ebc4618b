"""
The attack that CONF is there to stop: the adversary follows the coin (MacBrough 2018; Tholoniat and
Gramoli, FRIDA 2019).

In each round the f + 1 *early* robots, who want different sides, see both and throw the coin. Only
when it lies on the table do the others get to hear anything: and they are made to see the side that
it does not show, alone. So the early ones go on with the coin's side, the late ones with the other,
and the next round begins as this one did. Without CONF the robots never decide.

The robots want different sides in the first place because the value of one liar reaches f + 1
robots at once, and the others only when they have voted against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from swarm_consensus.protocols.agreement.coin import coin_name, fixed_coin
from swarm_consensus.protocols.agreement.messages import Kind, Statement
from swarm_consensus.protocols.agreement.voice import mask_of
from swarm_consensus.simulation.adversary.coin import SHARE_BYTES
from swarm_consensus.simulation.adversary.robot import SUBJECT
from swarm_consensus.simulation.adversary.scripted import Scripted
from swarm_consensus.simulation.adversary.styles import Flight

COIN_FOLLOWER = 'follow_the_coin'
BOTH = 3
PART_CHANCE = 0.4
LEAVE_CHANCE = 0.3


class CoinFollower(Scripted):
    """The scheduler and the liars in one, against the common coin."""

    def script(self, epoch: int) -> Iterator[Flight]:
        """Go on as long as the robots want different sides."""
        early = self.random.sample(self.honest, self.conspiracy.faults + 1)
        yield from self.value(epoch, early, early)
        # It goes on for ever, or parts the robots in the first random round, or has a few decide
        # at once.
        parts = self.random.random() < PART_CHANCE
        leaves = not parts and self.random.random() < LEAVE_CHANCE
        round_ = 0
        while True:
            # In the first round the late ones vote against the liar's value only when they have
            # agreed on all the others.
            yield from self.others()
            wants = self.sides(epoch, Kind.SUPPORT, round_)
            if wants is None or len(set(wants.values())) == 1:
                return
            self.rounds_followed += 1
            if leaves and self.conspiracy.faults > 1:
                yield from self._leave_one(epoch, wants)
                return
            if parts and fixed_coin(round_) is None:
                yield from self._part(epoch, round_, wants)
                return
            yield from self._round(epoch, round_, wants)
            round_ += 1

    def _round(self, epoch: int, round_: int, wants: dict[int, int]) -> Iterator[Flight]:
        support, aux, conf = Kind.SUPPORT, Kind.AUX, Kind.CONF
        early = self._early(wants)
        late = [robot for robot in self.honest if robot not in early]
        # One word for the other side, so that all of them support both.
        for robot in early:
            yield from self.vote(epoch, [], robot, support, round_, wants[robot])
            other = next(one for one in early if wants[one] != wants[robot])
            yield from self.vote(epoch, [other], robot, support, round_, 1 - wants[robot])
        for side in (0, 1):
            for robot in early:
                yield from self.vote(
                    epoch, early, robot, support, round_, side ^ wants[robot]
                )
        for robot in early:
            yield from self.vote(epoch, early, robot, aux, round_, wants[robot])
            yield from self.take(epoch, early, robot, (aux.name, round_, 1 - wants[robot]))
        holds = {robot: self.said(epoch, robot, aux, round_) for robot in early}
        random_round = fixed_coin(round_) is None
        if random_round:
            for robot in early:
                yield from self.vote(epoch, early, robot, conf, round_, BOTH)
            for robot in early:
                yield from self._shares(epoch, early, robot, round_)
        coin = fixed_coin(round_)
        if coin is None:
            coin = self.peek(epoch, self.target, round_)
        if coin is not None:
            side = 1 - coin
            for robot in late:
                yield from self.vote(epoch, early, robot, support, round_, side)
            witness = [robot for robot in early if holds[robot] == side][:1]
            for robot in late:
                yield from self.vote(epoch, late + witness, robot, aux, round_, side)
            if random_round:
                for robot in late:
                    yield from self.vote(epoch, late, robot, conf, round_, 1 << side)
                for robot in late:
                    yield from self._shares(epoch, early, robot, round_)
        # Where that was not enough for somebody, the rest of the round is.
        for robot in self.honest:
            if self.said(epoch, robot, support, round_ + 1) is None:
                yield from self.rest(epoch, robot, round_)

    def _part(self, epoch: int, round_: int, wants: dict[int, int]) -> Iterator[Flight]:
        """
        Have f + 1 robots see one side alone, and the others both, when the coin is thrown.

        Some decide then, and some go on with what the coin shows them, so all depends on its being
        the same coin: the liars may give wrong shares.
        """
        support, aux, conf = Kind.SUPPORT, Kind.AUX, Kind.CONF
        side = int(2 * sum(wants.values()) > len(wants))
        # The majority holds to its side and passes the other one on, which the rest then holds to.
        for robot in sorted(self.honest, key=lambda robot: wants[robot] != side):
            for one in (wants[robot], 1 - wants[robot]):
                yield from self.vote(epoch, self.honest, robot, support, round_, one)
        sure = self.random.sample(self.honest, self.conspiracy.faults + 1)
        unsure = [robot for robot in self.honest if robot not in sure]
        for robot in sure:
            yield from self.vote(epoch, self.honest, robot, aux, round_, side)
        for robot in unsure:
            for one in (1 - side, side):
                yield from self.take(epoch, self.honest, robot, (aux.name, round_, one))
        for robot in sure:
            yield from self.vote(epoch, sure, robot, conf, round_, 1 << side)
        for robot in unsure:
            for saw in (BOTH, 1 << side):
                yield from self.take(epoch, self.honest, robot, (conf.name, round_, saw))
        for robot in self.honest:
            yield from self._shares(epoch, [], robot, round_)
        for robot in self.honest:
            yield from self._shares(epoch, self.honest, robot, round_)
        # Whoever has decided is not heard yet, and the others may still come to the other side.
        for later in (round_ + 1, round_ + 2):
            for kind in (support, support, aux):
                for robot in self.honest:
                    yield from self.vote(epoch, self.honest, robot, kind, later, 1 - side)

    def _leave_one(self, epoch: int, wants: dict[int, int]) -> Iterator[Flight]:
        """
        Have f robots decide in the first round, and one be short of their support.

        The other f hold to the side that is not decided. To the one that is left it never becomes
        possible, unless those who have decided still support it; too few of them have decided to be
        believed. The liars are silent from then on.
        """
        side, faults = fixed_coin(0), self.conspiracy.faults
        with_it = [robot for robot in self.honest if wants[robot] == side]
        against = [robot for robot in self.honest if wants[robot] != side]
        if side is None or len(with_it) != faults + 1:
            return
        left = with_it[-1]
        for robot in with_it:
            yield from self.vote(epoch, with_it, robot, Kind.SUPPORT, 0, side)
        support = (Kind.SUPPORT, 0, 1 - side, mask_of((self.target,)))
        word = Statement(SUBJECT, epoch, False, votes=(support,))
        yield self.forge_of(self.conspiracy.liars[0], left, word)
        yield from self.take(epoch, against, left, (Kind.SUPPORT.name, 0, 1 - side))
        for robot in against:
            yield from self.vote(epoch, [*against, left], robot, Kind.SUPPORT, 0, 1 - side)
        for robot in with_it[:-1]:
            yield from self.vote(epoch, with_it, robot, Kind.AUX, 0, side)

    def _early(self, wants: dict[int, int]) -> list[int]:
        """Choose f + 1 robots, some of either side."""
        number = self.conspiracy.faults + 1
        sides = [[robot for robot in self.honest if wants[robot] == side] for side in (0, 1)]
        fewer, more = sorted(sides, key=len)
        few = fewer[: max(1, number // 2)]
        return few + more[: number - len(few)]

    def _shares(
        self, epoch: int, senders: Iterable[int], receiver: int, round_: int
    ) -> Iterator[Flight]:
        """Give shares of the coin, those of liars possibly wrong ones."""
        mint, names = self.conspiracy.mint, self.conspiracy.names
        name = coin_name(SUBJECT, epoch, self.target, round_)
        for liar in self.conspiracy.liars:
            share = mint.share(names[liar], name)
            if self.random.random() < 0.5:
                share = self.random.randbytes(SHARE_BYTES)
            message = Statement(
                SUBJECT, epoch, False, shares=((self.target, round_, share),)
            )
            yield self.forge_of(liar, receiver, message)
        yield from self.take(epoch, senders, receiver, ('share', round_, 0))
