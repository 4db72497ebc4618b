"""
Arithmetic of majorities, simple and joint: pure functions, tested against slow obvious twins.

While two configurations hold at once (thesis 4.3), what needs a majority needs one in each.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import Enum

from swarm_consensus.protocols.raft.entry import Membership


class Tally(Enum):
    """How an election stands."""

    WON = 'won'
    LOST = 'lost'
    OPEN = 'open'


def majority(count: int) -> int:
    """Return how many of `count` voters are a majority."""
    return count // 2 + 1


def reached(values: list[int]) -> int:
    """
    Return the largest number that a majority of voters has reached.

    :param values: what each voter has reached, in any order; not empty.
    """
    return sorted(values)[(len(values) - 1) // 2]


def halves(membership: Membership) -> tuple[tuple[str, ...], ...]:
    """Return the groups of voters of which each must give its majority."""
    if membership.outgoing:
        return membership.voters, membership.outgoing
    return (membership.voters,)


def has_quorum(membership: Membership, robots: Set[str]) -> bool:
    """Return whether `robots` hold a majority of every half."""
    return all(
        sum(voter in robots for voter in half) >= majority(len(half)) for half in halves(membership)
    )


def tally(membership: Membership, votes: Mapping[str, bool]) -> Tally:
    """
    Return how an election stands.

    :param votes: answers so far; those of robots that are no voters do not count.
    """
    won = True
    for half in halves(membership):
        yes = sum(votes.get(voter, False) for voter in half)
        no = sum(not votes.get(voter, True) for voter in half)
        if no > len(half) - majority(len(half)):
            return Tally.LOST
        won = won and yes >= majority(len(half))
    return Tally.WON if won else Tally.OPEN


def quorum_size(membership: Membership) -> int:
    """Return how many voters of the larger half are a majority."""
    return max(majority(len(half)) for half in halves(membership))
