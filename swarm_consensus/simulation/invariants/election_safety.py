"""At most one leader can be elected in a term, and a robot votes once in it (Raft paper, 5.2)."""

from __future__ import annotations

from swarm_consensus.protocols.raft import Message, VoteReply
from swarm_consensus.simulation.facts import Facts, RobotFacts
from swarm_consensus.simulation.invariants.invariant import Invariant


class ElectionSafety(Invariant):
    """Leaders by their term, and votes by robot and term."""

    name = 'election safety'

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self._leaders: dict[int, str] = {}
        self._votes: dict[tuple[str, int], str] = {}

    def looked(self, robot: RobotFacts) -> None:
        """Hold that nobody else has led this term."""
        if robot.leading:
            other = self._leaders.setdefault(robot.leading, robot.name)
            if other != robot.name:
                self.broken(f'{other} and {robot.name} both lead term {robot.leading}')

    def told(self, robot: RobotFacts, receiver: str, message: Message) -> None:
        """Hold that a vote goes to one candidate, over all boots of the voter."""
        if isinstance(message, VoteReply) and message.granted and not message.pre:
            other = self._votes.setdefault((robot.name, message.term), receiver)
            if other != receiver:
                self.broken(
                    f'{robot.name} votes for {other} and for {receiver} in term {message.term}'
                )
