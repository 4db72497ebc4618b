"""
The model of one subject, or of one key, for the checker: a register whose number grows.

The number is the revision of a subject or the version of a key; what stands there is a choice or
a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum

from swarm_consensus.decision.types import ANY_REVISION
from swarm_consensus.protocols.values import value
from swarm_consensus.simulation.linearizability import Operation

# Revision and choice; (0, '') while undecided.
Register = tuple[int, str]
UNDECIDED: Register = (0, '')


class Kind(Enum):
    """What a client asks."""

    WRITE = 'write'
    PUT = 'put'
    READ = 'read'


@value
class Call:
    """
    A question and its answer.

    :param kind: which question. A write and a put differ in their answers: a put that is refused
        is told the number alone.
    :param choice: write: what is to be in force.
    :param expected: write: revision at which the subject must stand; ANY_REVISION: any.
    :param done: write: whether the answer says that it is in force.
    :param found: the register as the answer shows it: after the write where it was done, what
        stood in its way where it was not, what was read.
    """

    kind: Kind
    choice: str = ''
    expected: int = ANY_REVISION
    done: bool = False
    found: Register = UNDECIDED


class RegisterModel:
    """A subject: a write raises its revision by one; compare-and-set refuses another revision."""

    def initial(self) -> Register:
        """Return the state before the first operation."""
        return UNDECIDED

    def apply(self, state: Register, call: Call, known: bool) -> Register | None:
        """Return the state after an operation, or None where its answer does not fit."""
        if call.kind is Kind.READ:
            return state if not known or call.found == state else None
        fits = call.expected in (ANY_REVISION, state[0])
        after = (state[0] + 1, call.choice) if fits else state
        if call.kind is Kind.PUT and known and not call.done:
            return None if fits or call.found[0] != state[0] else state
        if known and (call.done, call.found) != (fits, after):
            return None
        return after


UNSEEN = '?'


def blur(history: Iterable[Operation[Call]]) -> list[Operation[Call]]:
    """
    Return a history that is linearizable exactly if this one is, and faster to decide.

    Where no answer shows what a write of unknown outcome wrote, it does not matter what it was.
    Then all such writes with one expectation are alike, and the checker need not try them all.
    """
    operations = list(history)
    seen = {operation.call.found[1] for operation in operations if operation.known}
    return [
        operation
        if operation.known or operation.call.choice in seen
        else replace(operation, call=replace(operation.call, choice=UNSEEN))
        for operation in operations
    ]
