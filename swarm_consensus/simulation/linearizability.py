"""
Is a history linearizable? A search for one order of the operations that explains every answer.

After Wing & Gong, "Testing and verifying concurrent objects" (1993), with the memory of Lowe,
"Testing for linearizability" (2017): a set of operations with the state that they led to is
looked at once. Histories of different keys are checked apart, which the locality of
linearizability allows (Herlihy & Wing 1990; Horn & Kroening 2015 for keys of one object).

An operation whose outcome is not known may have taken effect at any time after its invocation,
also after everything else, or never. So it never returns here, and an order may leave it out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from swarm_consensus.protocols.values import value

StateT = TypeVar('StateT', bound=Hashable)
InputT = TypeVar('InputT', bound=Hashable)
InputT_contra = TypeVar('InputT_contra', bound=Hashable, contravariant=True)

# Time of return of an operation of which nobody knows whether and when it took effect.
NEVER = 1 << 62


@value
class Operation(Generic[InputT]):
    """
    One operation on one object.

    :param name: for people.
    :param invoked: when it began.
    :param returned: when its answer came; NEVER for none.
    :param call: what was asked and, where an answer came, what it was; for the model.
    """

    name: str
    invoked: int
    returned: int
    call: InputT

    @property
    def known(self) -> bool:
        """Whether an answer came."""
        return self.returned < NEVER


class Model(Protocol[StateT, InputT_contra]):
    """What an object does when operations come one at a time."""

    def initial(self) -> StateT:
        """Return the state before the first operation."""

    def apply(self, state: StateT, call: InputT_contra, known: bool) -> StateT | None:
        """
        Return the state after an operation.

        :param known: whether the answer in `call` is to be explained; else any would do.
        :returns: None where the operation cannot give that answer in that state.
        """


@value
class Verdict:
    """
    The outcome of a check.

    :param linearizable: whether an order was found.
    :param order: names in the longest order that was found.
    :param stuck: names of the operations that should have come next where none fits.
    :param states: how many steps were tried.
    """

    linearizable: bool
    order: tuple[str, ...]
    stuck: tuple[str, ...]
    states: int


class SearchTooLong(RuntimeError):
    """The history has too many operations at once to be decided within the bound."""


def check(
    model: Model[StateT, InputT], history: Iterable[Operation[InputT]], steps_max: int = 2_000_000
) -> Verdict:
    """
    Check the history of one object.

    :param steps_max: bound on the search.
    :raises SearchTooLong: it was not decided within the bound.
    """
    operations = sorted(history, key=lambda o: (o.invoked, o.returned))
    return _Search(model, operations, steps_max).run()


class _Search(Generic[StateT, InputT]):
    """
    Depth first, without recursion. The operations are numbered by their invocation.

    An operation may come next if it is not placed yet, and was invoked before each of those
    that are not placed has returned.
    """

    def __init__(
        self,
        model: Model[StateT, InputT],
        operations: Sequence[Operation[InputT]],
        steps_max: int,
    ) -> None:
        self._model = model
        self._operations = operations
        self._steps_max = steps_max
        self._steps = 0
        self._known = sum(1 << i for i, o in enumerate(operations) if o.known)
        self._seen: set[tuple[int, StateT]] = set()
        # The operation of unknown outcome before each one that asks for the very same: whatever
        # one of them could do, the earlier one could do as well, so it comes first.
        self._twins: list[int] = []
        last: dict[InputT, int] = {}
        for index, operation in enumerate(operations):
            twin = -1 if operation.known else last.get(operation.call, -1)
            self._twins.append(twin)
            if not operation.known:
                last[operation.call] = index

    def run(self) -> Verdict:
        """Search; see `check`."""
        apply, operations = self._model.apply, self._operations
        state = self._model.initial()
        placed, order = 0, list[int]()
        best: tuple[int, ...] = ()
        stack = [(placed, state, self._candidates(placed))]
        while stack:
            placed, state, candidates = stack[-1]
            if not self._known & ~placed:
                return self._verdict(True, tuple(order), placed)
            if not candidates:
                stack.pop()
                if order:
                    order.pop()
                continue
            index = candidates.pop()
            operation = operations[index]
            self._count()
            after = apply(state, operation.call, operation.known)
            if after is None:
                continue
            # An operation of unknown outcome that changes nothing is as good as left out.
            if after == state and not operation.known:
                continue
            now = placed | 1 << index
            if (now, after) in self._seen:
                continue
            self._seen.add((now, after))
            order.append(index)
            if len(order) > len(best):
                best = tuple(order)
            stack.append((now, after, self._candidates(now)))
        return self._verdict(False, best, sum(1 << index for index in best))

    def _count(self) -> None:
        self._steps += 1
        if self._steps > self._steps_max:
            raise SearchTooLong(
                f'{len(self._operations)} operations were not decided in {self._steps_max} steps'
            )

    def _candidates(self, placed: int) -> list[int]:
        """Return what may come next; the last one is to be tried first."""
        deadline = NEVER
        found = []
        # All before the first that is not placed are placed.
        first = (~placed & (placed + 1)).bit_length() - 1
        for index in range(first, len(self._operations)):
            if placed >> index & 1:
                continue
            twin = self._twins[index]
            if twin >= 0 and not placed >> twin & 1:
                continue
            operation = self._operations[index]
            if operation.invoked > deadline:
                break
            found.append(index)
            deadline = min(deadline, operation.returned)
        found = [index for index in found if self._operations[index].invoked <= deadline]
        # Those that returned first are most likely to be first; the unknown wait until needed.
        found.sort(key=lambda index: -self._operations[index].returned)
        return found

    def _verdict(self, linearizable: bool, order: tuple[int, ...], placed: int) -> Verdict:
        names = tuple(self._operations[index].name for index in order)
        stuck: tuple[str, ...] = ()
        if not linearizable:
            stuck = tuple(self._operations[index].name for index in self._candidates(placed))
        return Verdict(linearizable, names, stuck, self._steps)
