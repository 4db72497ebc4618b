"""
Table I of Choi, Brunet, How (2009): what a robot does with another one's belief of who wins a task.

As published: `s` says how new a robot's news of each robot is, `y` how high the winning bid is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Action(Enum):
    LEAVE = 'leave'
    UPDATE = 'update'
    RESET = 'reset'


@dataclass(frozen=True)
class Belief:
    """Who wins (None: nobody), with which bid, and how new the news of each robot is."""

    winner: str | None
    bid: float
    news: Mapping[str, int]


def row_of(sender: str, receiver: str, told: Belief, held: Belief) -> tuple[str, str]:
    """Return the row of the table, in its letters: what the sender and the receiver believe."""

    def letter(winner: str | None) -> str:
        return {None: 'none', sender: 'k', receiver: 'i'}.get(winner, 'm')

    first, second = letter(told.winner), letter(held.winner)
    if first == second == 'm' and told.winner != held.winner:
        second = 'n'
    return first, second


def action(sender: str, receiver: str, told: Belief, held: Belief) -> Action:
    """Return what the receiver does."""
    update, reset, leave = Action.UPDATE, Action.RESET, Action.LEAVE
    row = row_of(sender, receiver, told, held)
    # Of equal bids that of the lesser name is the higher one.
    higher = (told.bid, _down(told.winner)) > (held.bid, _down(held.winner))

    def newer(robot: str | None) -> bool:
        assert robot is not None
        return told.news[robot] > held.news[robot]

    match row:
        case ('k', 'i'):
            return update if higher else leave
        case ('k', 'k') | ('k', 'none'):
            return update
        case ('k', 'm'):
            return update if newer(held.winner) or higher else leave
        case ('i', 'i') | ('i', 'none'):
            return leave
        case ('i', 'k'):
            return reset
        case ('i', 'm'):
            return reset if newer(held.winner) else leave
        case ('m', 'i'):
            return update if newer(told.winner) and higher else leave
        case ('m', 'k'):
            return update if newer(told.winner) else reset
        case ('m', 'm') | ('m', 'none'):
            return update if newer(told.winner) else leave
        case ('m', 'n'):
            if newer(told.winner) and (newer(held.winner) or higher):
                return update
            if newer(held.winner) and not newer(told.winner):
                return reset
            return leave
        case ('none', 'i') | ('none', 'none'):
            return leave
        case ('none', 'k'):
            return update
        case ('none', 'm'):
            return update if newer(held.winner) else leave
    raise AssertionError(row)


def _down(name: str | None) -> tuple[int, ...]:
    """Return what is the greater the lesser a name is."""
    return () if name is None else tuple(-ord(letter) for letter in name)
