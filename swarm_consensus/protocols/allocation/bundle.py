"""
The bundle of one robot: the tasks that it bids for, in the order in which it took them, and the
path in which it would carry them out (Choi, Brunet, How 2009, algorithm 3).

A robot takes the task of which it gains most, again and again, as long as its bid beats those of
the others. The convergence of the algorithm rests on gains that diminish: a task never gains more
when others were taken before. Where a scoring breaks that, a bid is bent back to the smallest one
that stands before it in the bundle (the warped bids of Johnson, Choi, Ponda, How 2012), which is
all that the proof asks for, and noted (`bends`).

As published a bundle depends on its history: a task that becomes free again, because another robot
gave it up, can only be taken last, though the robot might have taken it first. Here a bundle is
always what the algorithm would make of the bids of the others as they are: what would be taken
before another task now makes the robot give up that other one (`first_surpassed`). So the result is
that of the sequential greedy algorithm whatever came in between, in whatever order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from swarm_consensus.protocols.allocation.field import Field, Flags, Floats
from swarm_consensus.protocols.allocation.scoring import Scoring, Way
from swarm_consensus.protocols.allocation.values import Task, Worker
from swarm_consensus.protocols.values import value

# Gains beyond the bid before by no more than this share are the rounding of floats.
_ROUNDING = 1e-9


@value
class Bend:
    """
    A bid that was bent back.

    :param gain: of the task, as the scoring has it.
    :param bid: of the task before it in the bundle, which took its place.
    """

    task: Task
    gain: float
    bid: float


class Choice:
    """
    What a robot would take next.

    :ivar place: of the task in the field.
    :ivar position: in the path.
    :ivar bid: bent back where it has to be.
    :ivar gain: as the scoring has it.
    """

    __slots__ = ('bid', 'gain', 'place', 'position')

    def __init__(self, place: int, position: int, bid: float, gain: float) -> None:
        self.place = place
        self.position = position
        self.bid = bid
        self.gain = gain

    @property
    def bent(self) -> bool:
        """Whether the gain was more than that of a task before it."""
        return self.gain > self.bid * (1 + _ROUNDING)


class Bundle:
    """
    The bundle of one robot.

    :ivar names: tasks in the order in which they were taken.
    :ivar bids: for them, in the same order; never rising.
    :ivar path: the same tasks in the order in which they are carried out.
    :ivar bends: bids that were bent back; the caller takes them away.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.bids: list[float] = []
        self.path: list[str] = []
        self.bends: list[Bend] = []
        # What was to be had when each of them was taken: bids and gains of all tasks of the field;
        # -inf where they stood in the path.
        self._then: list[tuple[Floats, Floats]] = []
        self._now: tuple[Floats, Floats] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def choose(
        self,
        field: Field,
        worker: Worker,
        now_s: float,
        scoring: Scoring,
        beats: Callable[[Floats], Flags],
    ) -> Choice | None:
        """
        Return the task to take next; None: there is none to be had that gains anything.

        Of equal bids the one that gains more is taken, of these the one with the lesser name.

        :param beats: which tasks may be had for given bids.
        """
        path = tuple([field.places[name] for name in self.path])
        gains = scoring.gains(Way(field, worker, now_s, path))
        positions = gains.argmax(axis=0)
        gain = gains[positions, np.arange(len(field))]
        bid = np.minimum(gain, self.bids[-1]) if self.bids else gain
        bid[list(path)] = -np.inf
        self._now = bid, gain
        possible = (bid > 0) & beats(bid)
        if not possible.any():
            return None
        highest = bid[possible].max()
        among = np.flatnonzero(possible & (bid == highest))
        place = int(among[gain[among].argmax()])
        return Choice(place, int(positions[place]), float(bid[place]), float(gain[place]))

    def take(self, field: Field, choice: Choice) -> None:
        """Put a task that was just chosen into the bundle and the path."""
        name = field.names[choice.place]
        nothing = np.full(len(field), -np.inf)
        self._then.append(self._now or (nothing, nothing))
        self._now = None
        self.names.append(name)
        self.bids.append(choice.bid)
        self.path.insert(choice.position, name)
        if choice.bent:
            self.bends.append(Bend(field.tasks[choice.place], choice.gain, choice.bid))

    def release_from(self, number: int) -> list[str]:
        """
        Give up a task and all that were taken after it, whose gains were figured with it.

        :returns: what was given up.
        """
        gone = self.names[number:]
        del self.names[number:], self.bids[number:], self._then[number:]
        self.path = [name for name in self.path if name not in gone]
        return gone

    def remove(self, name: str) -> None:
        """Take out a task that this robot carries out itself; the others stand as they did."""
        number = self.names.index(name)
        del self.names[number], self.bids[number], self._then[number]
        self.path.remove(name)

    def first_surpassed(self, field: Field, beats: Callable[[Floats], Flags]) -> int:
        """
        Return the number of the first task in whose place another one would be taken now.

        :param beats: as in `choose`.
        :returns: len(self) where there is none.
        """
        for number, (bid, gain) in enumerate(self._then):
            place, taken = field.places.get(self.names[number]), self.bids[number]
            if place is None:
                return number
            better = bid > taken
            equal = (bid == taken) & (gain >= gain[place])
            equal[place:] &= gain[place:] > gain[place]
            better |= equal
            if (better & beats(bid)).any():
                return number
        return len(self.names)

    def move_to(self, before: Field, after: Field) -> None:
        """Follow the tasks to their places in another field; new ones there were not to be had."""
        if not self._then:
            return
        places = np.array([before.places.get(name, -1) for name in after.names], int)
        known = places >= 0
        self._then = [
            (np.where(known, bid[places], -np.inf), np.where(known, gain[places], -np.inf))
            for bid, gain in self._then
        ]

    def rows(self) -> tuple[tuple[str, float], ...]:
        """Return (task, bid) in the order in which they were taken."""
        return tuple(zip(self.names, self.bids, strict=True))


def first_missing(names: Sequence[str], kept: Callable[[str], bool]) -> int:
    """Return the number of the first name that is not kept; len(names): all are."""
    return next((number for number, name in enumerate(names) if not kept(name)), len(names))
