"""
News on its way to all: each piece is sent a bounded number of times (SWIM, 4.1).

In a swarm where frames reach one robot each, lambda log n copies from every robot that has heard of
it reach all with high probability. Here a copy reaches everybody in range, so what others are heard
to say counts as said, too (as in Trickle, RFC 6206); but each robot says it once at least, since
some may hear this robot alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from swarm_consensus.protocols.gossip.swim.messages import Claim


@dataclass(slots=True)
class _Item:
    claim: Claim
    copies: int = 0
    said: bool = False


class Dissemination:
    """
    The news that a robot still tells: at most one piece about each robot.

    :ivar waiting: how many.
    """

    def __init__(self) -> None:
        self._items: dict[str, _Item] = {}

    @property
    def waiting(self) -> int:
        """Return how many pieces are still to be told."""
        return len(self._items)

    def add(self, claim: Claim) -> None:
        """Tell this, in place of what was told of the same robot."""
        # Behind the others: insertion order is the order among those that were sent as often.
        self._items.pop(claim.robot, None)
        self._items[claim.robot] = _Item(claim)

    def forget(self, robot: str) -> None:
        """Say nothing of a robot any more."""
        self._items.pop(robot, None)

    def heard(self, claim: Claim, copies: int) -> None:
        """
        Take note that somebody else said it, too.

        :param copies: after which it has been said often enough.
        """
        item = self._items.get(claim.robot)
        if item is None or item.claim.order != claim.order or item.claim.accuser != claim.accuser:
            return
        item.copies += 1
        if item.said and item.copies >= copies:
            del self._items[claim.robot]

    def take(self, count_max: int, copies: int) -> tuple[Claim, ...]:
        """
        Return what to say now, what was said least often first.

        :param copies: as in `heard`.
        """
        items = sorted(self._items.values(), key=lambda item: item.copies)[:count_max]
        for item in items:
            item.said = True
            item.copies += 1
            if item.copies >= copies:
                del self._items[item.claim.robot]
        return tuple(item.claim for item in items)
