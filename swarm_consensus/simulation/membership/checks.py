"""
What the membership promises, held apart from what is checked.

At each robot: no robot is ever older than it was, unless it was forgotten in between, an end is not
undone but by the robot itself, and one whose farewell was heard is never called dead. When all is
healed and quiet, every robot knows the same, and it is true.
"""

from __future__ import annotations

from collections import defaultdict

from swarm_consensus.protocols.gossip.swim.effects import MemberEvent, News
from swarm_consensus.protocols.gossip.swim.messages import State
from swarm_consensus.simulation.membership.air import Air, Robot


class Violation(AssertionError):
    """The membership broke a promise."""


class Checks:
    """The promises, held while a run goes on; made before the first robot starts."""

    def __init__(self) -> None:
        # At each boot of a robot, what it told of each other one: greatest incarnation, and the
        # incarnations whose farewell it has heard.
        self._told: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
        self._farewells: dict[tuple[str, int], set[tuple[str, int]]] = defaultdict(set)
        self._versions: dict[tuple[str, int], dict[str, tuple[int, int, int]]] = defaultdict(dict)

    def told(self, robot: Robot, name: str, event: MemberEvent) -> None:
        """Hold what a robot tells."""
        here = (name, robot.incarnation)
        before = self._told[here].get(event.robot, 0)
        if event.incarnation < before:
            raise Violation(f'{name} went back from boot {before}: {event}')
        self._told[here][event.robot] = event.incarnation
        of = (event.robot, event.incarnation)
        if event.news is News.LEFT:
            self._farewells[here].add(of)
        elif event.news is News.DIED and of in self._farewells[here]:
            raise Violation(f'{name} had heard the farewell: {event}')
        elif event.news is News.FORGOTTEN:
            # Who is heard again after that is a newcomer, of whom nothing is known but its boot.
            self._versions[here].pop(event.robot, None)

    def look(self, air: Air) -> None:
        """Hold what all robots know at this moment."""
        for name, robot in air.robots.items():
            if robot.swim is None:
                continue
            if robot.swim.waiting > len(air.robots):
                raise Violation(f'{name} has {robot.swim.waiting} pieces of news')
            known = self._versions[name, robot.incarnation]
            for member in robot.swim.members():
                order = (member.incarnation, member.refutations, int(member.state))
                if order < known.get(member.robot, order):
                    raise Violation(f'{name} went back to {member} from {known[member.robot]}')
                known[member.robot] = order

    def agree(self, air: Air) -> None:
        """Hold that all robots that are there know the same, and that it is true."""
        there = {name: robot for name, robot in air.robots.items() if robot.swim is not None}
        ends: dict[str, tuple[str, State]] = {}
        for name, robot in there.items():
            assert robot.swim is not None
            known = {member.robot: member for member in robot.swim.members()}
            for other, its in there.items():
                if other == name:
                    continue
                found = known.get(other)
                if found is None or found.state is not State.ALIVE:
                    raise Violation(f'{name} takes {other}, which is there, for {found}')
                if found.incarnation != its.incarnation:
                    raise Violation(f'{name} has {other}, boot {its.incarnation}, as {found}')
            for other, found in known.items():
                if other in there:
                    continue
                if found.state.there:
                    raise Violation(f'{name} takes {other}, which is not there, for {found}')
                first, state = ends.setdefault(other, (name, found.state))
                if state is not found.state:
                    raise Violation(f'{other} is {found.state!r} to {name}, {state!r} to {first}')
