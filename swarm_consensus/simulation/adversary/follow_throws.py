"""
The adversary against local coins: it keeps the robots apart until they throw alike by chance.

In each round one robot, the *witness*, gets to see one side alone in the first half. In the second
half those who hear of it go on with that side; the others hear of *neither* only, throw their coins
and do not all throw the witness's side. Where the coin is known beforehand, that side is the one
that it does not show.
"""

from __future__ import annotations

from collections.abc import Iterator

from swarm_consensus.protocols.agreement.coin import fixed_coin
from swarm_consensus.protocols.agreement.messages import Kind
from swarm_consensus.simulation.adversary.scripted import Scripted
from swarm_consensus.simulation.adversary.styles import Flight

THROWS_FOLLOWER = 'follow_the_throws'
NEITHER = 2


class ThrowsFollower(Scripted):
    """The scheduler and the liars in one, against local coins; also where robots only crash."""

    def script(self, epoch: int) -> Iterator[Flight]:
        """Go on as long as the robots want different sides."""
        faults, lies = self.conspiracy.faults, bool(self.conspiracy.liars)
        begins = Kind.SUPPORT if lies else Kind.AUX
        # A minority votes for the value: the first coin of all shows 1.
        others = [robot for robot in self.honest if robot != self.target]
        early = self.random.sample(others, faults + 1 - (not lies))
        deliverers = early[: self.random.randint(1, faults)]
        if not lies:
            early.append(self.target)
        # Nobody is in the epoch before it has put its value in.
        yield from self.value(epoch, early, deliverers)
        round_ = 0
        while True:
            yield from self.others()
            wants = self.sides(epoch, begins, round_)
            if wants is None or len(set(wants.values())) == 1:
                return
            side = self._side(round_, wants)
            if lies:
                yield from self._first_with_liars(epoch, round_, wants, side)
            else:
                yield from self._first(epoch, round_, wants, side)
            yield from self._second(epoch, round_, side)
            for robot in self.honest:
                if self.said(epoch, robot, begins, round_ + 1) is None:
                    yield from self.rest(epoch, robot, round_)
            self.rounds_followed += 1
            round_ += 1

    def _side(self, round_: int, wants: dict[int, int]) -> int:
        """Return the side that the witness is to see."""
        coin = fixed_coin(round_)
        if not self.conspiracy.liars:
            # Nothing else can come out.
            return int(2 * sum(wants.values()) > len(wants))
        return 1 - coin if coin is not None else self.random.getrandbits(1)

    # -- the first half -------------------------------------------------------------------------

    def _first(
        self, epoch: int, round_: int, wants: dict[int, int], side: int
    ) -> Iterator[Flight]:
        """Where robots only crash: those who see nothing alone hear of the other side first."""
        with_it = [robot for robot in self.honest if wants[robot] == side]
        without = [robot for robot in self.honest if wants[robot] != side]
        aux = Kind.AUX.name
        witness = with_it[0]
        yield from self.take(epoch, with_it, witness, (aux, round_, side))
        for robot in self.honest:
            if robot != witness:
                opposite = without if wants[robot] == side else with_it
                yield from self.take(
                    epoch, opposite[:1], robot, (aux, round_, 1 - wants[robot])
                )
                yield from self.take(epoch, with_it, robot, (aux, round_, side))
                yield from self.take(epoch, without, robot, (aux, round_, 1 - side))

    def _first_with_liars(
        self, epoch: int, round_: int, wants: dict[int, int], side: int
    ) -> Iterator[Flight]:
        """f + 1 robots are led to hold to the witness's side, f to the other one."""
        support, aux, faults = Kind.SUPPORT, Kind.AUX, self.conspiracy.faults
        # Where f = 1, who supports a side because of others finds that one possible first.
        order = sorted(self.honest, key=lambda robot: (wants[robot] == side, robot))
        held = {robot: side if at <= faults else 1 - side for at, robot in enumerate(order)}
        for robot in self.honest:
            if faults > 1 or wants[robot] != held[robot]:
                other = 1 - wants[robot]
                holder = [one for one in self.honest if wants[one] == other][:1]
                yield from self.vote(epoch, holder, robot, support, round_, other)
        for robot in self.honest:
            yield from self.vote(epoch, self.honest, robot, support, round_, held[robot])
        for robot in self.honest:
            yield from self.vote(epoch, self.honest, robot, support, round_, 1 - held[robot])
        with_it = [
            robot for robot in self.honest if self.said(epoch, robot, aux, round_) == side
        ]
        if not with_it:
            return
        witness = with_it[0]
        yield from self.vote(epoch, with_it, witness, aux, round_, side)
        for robot in self.honest:
            if robot != witness:
                for one in (1 - side, side):
                    yield from self.take(epoch, self.honest, robot, (aux.name, round_, one))

    # -- the second half ------------------------------------------------------------------------

    def _second(self, epoch: int, round_: int, side: int) -> Iterator[Flight]:
        """Let some hear of the witness, and the others throw."""
        lies = bool(self.conspiracy.liars)
        support, grade = Kind.SUPPORT_GRADE, Kind.GRADE
        says = support if lies else grade
        witness = [r for r in self.honest if self.said(epoch, r, says, round_) == side]
        throwers = [r for r in self.honest if self.said(epoch, r, says, round_) == NEITHER]
        if lies:
            for robot in throwers:
                yield from self.vote(epoch, throwers, robot, support, round_, NEITHER)
            for robot in throwers:
                yield from self.vote(epoch, witness, robot, support, round_, side)
            for robot in witness:
                yield from self.vote(epoch, self.honest, robot, support, round_, side)
            for robot in witness:
                yield from self.vote(epoch, self.honest, robot, support, round_, NEITHER)
        number = self._converts(round_, side, len(throwers))
        for robot in throwers[:number]:
            yield from self.take(epoch, witness, robot, (grade.name, round_, side))
        for robot in throwers:
            yield from self.vote(epoch, throwers, robot, grade, round_, NEITHER)
        for robot in witness:
            yield from self.take(epoch, throwers, robot, (grade.name, round_, NEITHER))

    def _converts(self, round_: int, side: int, throwers: int) -> int:
        """
        Return how many besides the witness hear of its side.

        Where robots only crash, the majority of the next round must want what its coin does not
        show.
        """
        if self.conspiracy.liars:
            return self.random.randint(0, throwers // 4)
        coin, needed = fixed_coin(round_ + 1), self.conspiracy.faults
        return needed if coin is not None and side != coin else 0
