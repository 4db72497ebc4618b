"""What the clients of a run asked and were told, as histories for the checker: one a subject."""

from __future__ import annotations

from dataclasses import dataclass

from swarm_consensus.simulation.facts import InvariantBroken
from swarm_consensus.simulation.linearizability import NEVER, Operation, check
from swarm_consensus.simulation.register import (
    UNDECIDED,
    Call,
    Kind,
    Register,
    RegisterModel,
    blur,
)


@dataclass(slots=True)
class Event:
    """
    An operation of a client, from its first try to its end.

    :param invoked: number of its beginning among all beginnings and ends; -1 of its end: open.
    """

    name: str
    subject: str
    kind: Kind
    choice: str
    expected: int
    invoked: int
    returned: int = -1
    done: bool = False
    found: Register = UNDECIDED


class History:
    """
    All operations of a run.

    Virtual time stands still while a robot works, so order is told by counting.
    """

    def __init__(self) -> None:
        self._count = 0
        self._events: list[Event] = []

    @property
    def size(self) -> int:
        """Return how many operations it has."""
        return len(self._events)

    def begin(self, name: str, subject: str, kind: Kind, choice: str, expected: int) -> Event:
        """Take note that an operation begins."""
        self._count += 1
        event = Event(name, subject, kind, choice, expected, self._count)
        self._events.append(event)
        return event

    def end(self, event: Event, done: bool, found: Register) -> None:
        """Take note of an answer that tells what the operation did or saw."""
        self._count += 1
        event.returned, event.done, event.found = self._count, done, found

    def drop(self, event: Event) -> None:
        """Take an operation out that had no effect and never will, or that only looked."""
        self._events.remove(event)

    def operations(self) -> dict[str, list[Operation[Call]]]:
        """Return the operations by subject; what has not ended is of unknown outcome."""
        found: dict[str, list[Operation[Call]]] = {}
        for event in self._events:
            returned = event.returned if event.returned >= 0 else NEVER
            call = Call(event.kind, event.choice, event.expected, event.done, event.found)
            operation = Operation(event.name, event.invoked, returned, call)
            found.setdefault(event.subject, []).append(operation)
        return found

    def check(self) -> None:
        """
        Hold that there is an order that explains all answers.

        :raises InvariantBroken: there is none.
        """
        for subject, operations in sorted(self.operations().items()):
            verdict = check(RegisterModel(), blur(operations))
            if not verdict.linearizable:
                named = {operation.name: operation for operation in operations}
                stuck = ', '.join(f'{name} {named[name].call}' for name in verdict.stuck)
                raise InvariantBroken(
                    'linearizability',
                    f'no order explains the history of {subject!r}: after '
                    f'{" ".join(verdict.order[-8:])} none of these fits: {stuck}',
                )
