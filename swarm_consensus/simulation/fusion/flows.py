"""
What `Averages` would do from some round on, for as many rounds as asked: the same sums, in numpy.

On a long graph an average takes hundreds of thousands of rounds, of which the real protocol does
some twenty a second with a thousand robots. Where its links stand and all know the same root, what
it does in a round is a few sums of integers, and these are done here for all robots at once. It
takes over the mass and the flows of a running swarm to the last bit, and the tests hold that it
goes on as that swarm does, for as long as no robot comes or goes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.protocols.fusion.averaging import Link, Mass
from swarm_consensus.protocols.fusion.messages import Shares
from swarm_consensus.simulation.fusion.averages import Averages


class Flows:
    """
    The averages of a swarm, from where they are.

    :param swarm: it stays as it is.
    :param shares_max: partners that its robots serve in a round.
    :raises ValueError: its links do not all stand: not all robots know the same root, a link is
        not open at both ends, or a robot has no partners, or so many that it serves them in turn.
    :ivar mass: what each robot holds; shape (robots, components).
    :ivar sources: of each flow, who gives; shape (flows,).
    :ivar targets: who takes; ascending.
    """

    def __init__(self, swarm: Averages, shares_max: int) -> None:
        averages, names = swarm.averages, swarm.names
        flows = sorted(
            (target, swarm.places[name])
            for target, average in enumerate(averages)
            for name in average.links
        )
        self.targets = np.array([target for target, _ in flows], dtype=np.int64)
        self.sources = np.array([source for _, source in flows], dtype=np.int64)
        degrees = np.bincount(self.targets, minlength=len(averages))
        if not degrees.all() or degrees.max() > shares_max:
            raise ValueError(f'a robot has no partners, or more than {shares_max}')
        if len({average.root for average in averages}) > 1:
            raise ValueError('the robots know different roots')
        given = [averages[source].links.get(names[target]) for target, source in flows]
        taken = [averages[target].links.get(names[source]) for target, source in flows]
        self.mass: Mass = np.array([average.mass for average in averages])
        self._out = np.array([link.out for link in _open(given)])
        self._got = np.array([link.got for link in _open(taken)])
        # Flows of one target stand together; each robot has some.
        self._firsts = np.flatnonzero(np.diff(self.targets, prepend=-1))
        # Where all robots have as many partners: numpy divides much faster by one number.
        parts = degrees + 1
        alike = bool((parts == parts[0]).all())
        self._parts: NDArray[np.int64] | int = int(parts[0]) if alike else parts[:, np.newaxis]
        under_way = {
            (receiver, sender)
            for receiver, sender, message in swarm.radio.arriving()
            if isinstance(message, Shares)
        }
        self._arrive = np.array([[flow in under_way] for flow in flows])

    def step(self, arrive: NDArray[np.bool_]) -> None:
        """
        Let a round pass.

        :param arrive: of which flows the messages of this round come to their targets, in the next
            round; shape (flows,).
        """
        told = np.where(self._arrive, self._out, self._got)
        self.mass += np.add.reduceat(told - self._got, self._firsts)
        self._got = told
        part = self.mass // self._parts
        self._out += part[self.sources]
        self.mass -= part * (self._parts - 1)
        self._arrive = arrive[:, np.newaxis]


def _open(links: Sequence[Link | None]) -> list[Link]:
    found = [link for link in links if link is not None and link.open]
    if len(found) < len(links):
        raise ValueError('a link is not open at both ends')
    return found
