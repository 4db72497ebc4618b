"""
Decisions by subject and in log order. Equal logs give equal ledgers on every robot.

The decision in force of every subject is kept for ever; the history of decisions is kept as far
back as its bounds reach, and says from which log index on it is whole.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
import itertools
from operator import attrgetter
from typing import Annotated

from swarm_consensus.decision.types import (
    ANY_REVISION,
    Command,
    Decision,
    Level,
    Status,
    no_answer,
)
from swarm_consensus.protocols.bounds import Bounds
from swarm_consensus.protocols.images import ImageError
from swarm_consensus.protocols.values import value

# Bounds of the history; part of the state machine, the same on every robot.
HISTORY_MAX = 10_000
HISTORY_BYTES_MAX = 8 << 20
# What a decision counts for beside its value.
DECISION_OVERHEAD_BYTES = 500
# Places at the front of the list that may stand empty before they are given back.
_SLACK = 1_000

# Stands in such a place: it must not keep what was in it.
_DROPPED = no_answer('', Level.COMMITTED, Status.UNDECIDED, 'no longer kept')

_REASON = Bounds(length_max=1024)
_SUBJECTS = Bounds(length_max=1_000_000)

# subject, revision, choice, value, confidence, status, index, term, proposer, voters, latency in
# s, reason; what goes into the log is always at the level COMMITTED
DecisionRow = tuple[
    str,
    int,
    str,
    bytes,
    float,
    int,
    int,
    int,
    str,
    tuple[str, ...],
    float,
    Annotated[str, _REASON],
]


@value
class LedgerImage:
    """
    A whole ledger; equal ledgers have equal images.

    :param history_from: log index from which on the history is whole.
    :param older: decisions in force from before that, in order of their indexes.
    :param history: in log order.
    """

    history_from: int
    older: Annotated[tuple[DecisionRow, ...], _SUBJECTS]
    history: tuple[DecisionRow, ...]


class Ledger:
    """
    Decisions by subject and in order.

    :ivar history_from: log index from which on `slice` gives every decision.
    :ivar _history: in log order, from `_start` on.
    """

    def __init__(self) -> None:
        self.history_from = 1
        self._by_subject: dict[str, Decision] = {}
        self._history: list[Decision] = []
        self._start = 0
        self._bytes = 0

    def current(self, subject: str) -> Decision | None:
        """Return the decision in force for a subject."""
        return self._by_subject.get(subject)

    @property
    def in_force(self) -> Mapping[str, Decision]:
        """Return the decision in force for each subject; a view, not to be changed."""
        return self._by_subject

    def revision(self, subject: str) -> int:
        """Return the revision at which a subject stands; 0: undecided."""
        decision = self._by_subject.get(subject)
        return 0 if decision is None else decision.revision

    def slice(self, from_index: int, count_max: int, value_bytes_max: int) -> Sequence[Decision]:
        """
        Return decisions with index >= `from_index`, in log order, as far as they are kept.

        :param count_max: most decisions returned.
        :param value_bytes_max: most bytes of values returned; one decision comes in any case, so
            that whoever reads on from the last index always gets further.
        """
        low = bisect_left(self._history, from_index, lo=self._start, key=attrgetter('index'))
        chosen: list[Decision] = []
        value_bytes = 0
        for decision in itertools.islice(self._history, low, low + count_max):
            value_bytes += len(decision.value)
            if chosen and value_bytes > value_bytes_max:
                break
            chosen.append(decision)
        return tuple(chosen)

    def apply(self, index: int, term: int, command: Command) -> tuple[Decision, bool]:
        """
        Apply one command that was not applied before.

        :returns: the decision that it made, or where it made none the one in force (status REFUSED
            and the reason; revision 0 where the subject has none); and whether it made one.
        """
        current = self._by_subject.get(command.subject)
        revision = 0 if current is None else current.revision
        if command.expected_revision not in (ANY_REVISION, revision):
            reason = (
                f"'{command.subject}' stands at revision {revision}, "
                f'the proposal expected {command.expected_revision}'
            )
            return self.refused(command, reason), False
        decision = Decision(
            subject=command.subject,
            revision=revision + 1,
            choice=command.choice,
            value=command.value,
            confidence=command.confidence,
            level=Level.COMMITTED,
            status=command.status,
            index=index,
            term=term,
            proposer=command.proposer,
            voters=command.voters,
            latency_s=command.elapsed_us * 1e-6,
            reason='',
            robots=len(command.voters),
        )
        self._by_subject[command.subject] = decision
        self._history.append(decision)
        self._bytes += decision_bytes(decision)
        while (count := len(self._history) - self._start) > 1 and (
            count > HISTORY_MAX or self._bytes > HISTORY_BYTES_MAX
        ):
            self._drop_oldest()
        return decision, True

    def refused(self, command: Command, reason: str) -> Decision:
        """Return the answer to a command that is not done: what is in force, and the reason."""
        current = self._by_subject.get(command.subject)
        return Decision(
            subject=command.subject,
            revision=0 if current is None else current.revision,
            choice='' if current is None else current.choice,
            value=b'' if current is None else current.value,
            confidence=0.0 if current is None else current.confidence,
            level=Level.COMMITTED,
            status=Status.REFUSED,
            index=0 if current is None else current.index,
            term=0 if current is None else current.term,
            proposer='' if current is None else current.proposer,
            voters=() if current is None else current.voters,
            latency_s=0.0,
            reason=reason,
            robots=0 if current is None else current.robots,
        )

    def _drop_oldest(self) -> None:
        oldest = self._history[self._start]
        self._bytes -= decision_bytes(oldest)
        self.history_from = oldest.index + 1
        self._history[self._start] = _DROPPED
        self._start += 1
        if self._start >= _SLACK:
            del self._history[: self._start]
            self._start = 0

    # -- images -----------------------------------------------------------------------------------

    def image(self) -> LedgerImage:
        """Return the whole ledger."""
        older = [d for d in self._by_subject.values() if d.index < self.history_from]
        older.sort(key=attrgetter('index'))
        history = itertools.islice(self._history, self._start, None)
        return LedgerImage(
            self.history_from,
            tuple([decision_row(decision) for decision in older]),
            tuple([decision_row(decision) for decision in history]),
        )

    @classmethod
    def restored(cls, image: LedgerImage, index: int) -> Ledger:
        """
        Return the ledger of an image.

        :param index: log index at which it was taken.
        :raises ImageError: where the image contradicts itself.
        """
        self = cls()
        self.history_from = image.history_from
        before = 0
        for decision in map(decision_of_row, itertools.chain(image.older, image.history)):
            in_history = decision.index >= image.history_from
            if not before < decision.index <= index:
                raise ImageError(f'decision {decision.index} after {before} in a log of {index}')
            if not in_history and decision.subject in self._by_subject:
                raise ImageError(f"'{decision.subject}' has two decisions in force")
            before = decision.index
            self._by_subject[decision.subject] = decision
            if in_history:
                self._history.append(decision)
                self._bytes += decision_bytes(decision)
        if len(self._history) != len(image.history) or len(self._history) > HISTORY_MAX:
            raise ImageError(f'a history of {len(image.history)} from {image.history_from}')
        return self


def decision_bytes(decision: Decision) -> int:
    """Return what a decision counts for where memory is bounded."""
    return DECISION_OVERHEAD_BYTES + len(decision.value) + 8 * len(decision.voters)


def decision_row(decision: Decision) -> DecisionRow:
    """Return a decision as it stands in images."""
    return (
        decision.subject,
        decision.revision,
        decision.choice,
        decision.value,
        decision.confidence,
        int(decision.status),
        decision.index,
        decision.term,
        decision.proposer,
        decision.voters,
        decision.latency_s,
        decision.reason,
    )


def decision_of_row(row: DecisionRow) -> Decision:
    """
    Return the decision of a row.

    :raises ImageError: where its status is none.
    """
    subject, revision, choice, value, confidence, status = row[:6]
    index, term, proposer, voters, latency_s, reason = row[6:]
    try:
        return Decision(
            subject,
            revision,
            choice,
            value,
            confidence,
            Level.COMMITTED,
            Status(status),
            index,
            term,
            proposer,
            voters,
            latency_s,
            reason,
            len(voters),
        )
    except ValueError as error:
        raise ImageError(str(error)) from error
