"""Robots that were away, or lost their disk, come to where the others are, and believe no liar."""

from __future__ import annotations

from agreement_swarm import Robot, Swarm
import pytest

from swarm_consensus.protocols.agreement.broadcast import digest
from swarm_consensus.protocols.agreement.messages import Message, OutcomeTold, Piece, Statement


def missed_the_first_of_two(swarm: Swarm) -> Robot:
    """Let all settle two epochs, but one robot that has heard of the second only."""

    def swallows(sender: str, name: str, message: Message) -> bool:
        first = isinstance(message, (Statement, Piece)) and message.epoch == 1
        return name == 'r00' and (first or isinstance(message, OutcomeTold))

    swarm.swallows = swallows
    begun = swarm.robots['r01']
    while begun.settled.get('a', 0) < 2:
        if swarm.now < 2:
            swarm.begin('a', begun)
        swarm.tick()
        assert swarm.now < 100, swarm.report()
    return swarm.robots['r00']


def told(swarm: Swarm, newest: int) -> OutcomeTold:
    """Return what honest robots tell at some epoch of subject 'a'."""
    recent = tuple((each, digest(swarm.outcomes['a', each])) for each in range(1, newest + 1))
    return OutcomeTold('a', recent, swarm.outcomes['a', newest])


def test_an_outcome_that_was_caught_up_is_told_before_what_follows_on_it() -> None:
    swarm = Swarm(1)
    behind = missed_the_first_of_two(swarm)
    for name in ('r01', 'r02'):
        behind.up.receive(name, told(swarm, 1))
    # The driver judges by the outcome before, so a wrong order gives another outcome.
    swarm.carry_out(behind)
    assert behind.settled['a'] == 2
    assert {('a', 1), ('a', 2)} <= behind.ended.keys()


def test_two_outcomes_that_come_at_once_do_not_stop_the_robot() -> None:
    swarm = Swarm(1)
    behind = missed_the_first_of_two(swarm)
    for newest in (1, 2):
        for name in ('r01', 'r02'):
            behind.up.receive(name, told(swarm, newest))
    swarm.carry_out(behind)
    assert behind.settled['a'] == 2
