"""
A request takes effect once, however often it was sent, and its answers say what it did.

An answer that a request was refused holds for ever; one that its outcome is unknown says nothing.
"""

from __future__ import annotations

from swarm_consensus.protocols.raft import Entry
from swarm_consensus.simulation.facts import Facts, RobotFacts
from swarm_consensus.simulation.invariants.invariant import Invariant
from swarm_consensus.simulation.oracle import Oracle
from swarm_consensus.simulation.register import Register


class ExactlyOnce(Invariant):
    """What the log says of each request against what its client was told."""

    name = 'exactly-once'

    def __init__(self, facts: Facts, oracle: Oracle) -> None:
        super().__init__(facts)
        self._oracle = oracle
        self._never: set[str] = set()

    def applied(self, robot: RobotFacts, entry: Entry, first: bool) -> None:
        """Hold that nothing takes effect of which it was said that it never will."""
        if not first:
            return
        command = self._oracle.commit(entry)
        if command is not None and command.request_id in self._never:
            self.broken(f'{command.request_id} was refused for good, and is committed: {entry}')

    def answered(self, request_id: str, done: bool, index: int, register: Register) -> None:
        """
        Hold that an answer is true.

        :param done: whether it says that the request changed its subject.
        :param index: where in the log; only where it is done.
        :param register: how the subject stands by the answer; a refusal may leave out its choice.
        """
        effect = self._oracle.effects.get(request_id)
        told = (done, register)
        if effect is None:
            self.broken(f'{request_id} was answered with {told}, and was never applied')
        expected = effect.register if register[1] or done else (effect.register[0], register[1])
        if told != (effect.done, expected) or (done and index != effect.index):
            self.broken(f'{request_id} was answered with {told} at {index}, and did {effect}')

    def refused(self, request_id: str) -> None:
        """Hold that a request that was refused at every try is not in the log, nor will be."""
        self._never.add(request_id)
        effect = self._oracle.effects.get(request_id)
        if effect is not None:
            self.broken(f'{request_id} was refused for good, and had done {effect}')
