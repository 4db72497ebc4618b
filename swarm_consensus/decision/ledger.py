"""
The replicated state: decisions in log order. Equal logs give equal ledgers on every robot.

Deterministic by construction: `apply` uses nothing but the entries themselves. The digest is a
hash chain over them, so that two robots can compare their whole history in 32 bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
import hashlib
import itertools

from swarm_consensus.decision.types import ANY_REVISION, Command, Decision, Level, Status

# Requests that are remembered to apply each once. Retries come within seconds; this is hours of
# them at any rate a swarm decides at, and it bounds the memory.
REQUESTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Applied:
    """
    What one command did.

    :param decision: the decision it made; where it made none, the one in force (status REFUSED
        and the reason), with revision 0 where the subject has none.
    :param fresh: whether this entry changed the state.
    """

    request_id: str
    decision: Decision
    fresh: bool


class Ledger:
    """Decisions by subject and in order."""

    def __init__(self) -> None:
        self._by_subject: dict[str, Decision] = {}
        self._in_order: list[Decision] = []
        self._requests: OrderedDict[str, Decision] = OrderedDict()
        self._digest = b'\0' * 16
        self._index = 0

    @property
    def index(self) -> int:
        """Return the index of the last entry applied."""
        return self._index

    @property
    def digest(self) -> str:
        """Return the hash chain over all entries applied, as hex digits."""
        return self._digest.hex()

    def current(self, subject: str) -> Decision | None:
        """Return the decision in force for a subject."""
        return self._by_subject.get(subject)

    def revision(self, subject: str) -> int:
        """Return the revision at which a subject stands; 0: undecided."""
        decision = self._by_subject.get(subject)
        return 0 if decision is None else decision.revision

    def outcome(self, request_id: str) -> Decision | None:
        """Return what a request did when it was applied; None: it was not, or is forgotten."""
        return self._requests.get(request_id)

    def slice(self, from_index: int, count_max: int, value_bytes_max: int) -> Sequence[Decision]:
        """
        Return decisions with index >= `from_index`, in log order.

        :param count_max: most decisions returned.
        :param value_bytes_max: most bytes of values returned; one decision comes in any case, so
            that whoever reads on from the last index always gets further.
        """
        low, high = 0, len(self._in_order)
        while low < high:
            middle = (low + high) // 2
            if self._in_order[middle].index < from_index:
                low = middle + 1
            else:
                high = middle
        chosen: list[Decision] = []
        value_bytes = 0
        for decision in itertools.islice(self._in_order, low, low + count_max):
            value_bytes += len(decision.value)
            if chosen and value_bytes > value_bytes_max:
                break
            chosen.append(decision)
        return tuple(chosen)

    def advance(self, index: int, term: int, data: bytes) -> None:
        """
        Take one log entry into the digest; every entry, also those without a command.

        :raises ValueError: entries out of order, which would be a broken invariant of the log.
        """
        if index != self._index + 1:
            raise ValueError(f'entry {index} applied after entry {self._index}')
        chain = hashlib.blake2b(self._digest, digest_size=16)
        chain.update(index.to_bytes(8, 'big') + term.to_bytes(8, 'big') + data)
        self._digest = chain.digest()
        self._index = index

    def apply(self, index: int, term: int, command: Command) -> Applied:
        """
        Apply one command; `advance` was called for its entry.

        :returns: what it did; a repeated request returns what the first one did.
        """
        before = self._requests.get(command.request_id)
        if before is not None:
            return Applied(command.request_id, before, fresh=False)
        current = self._by_subject.get(command.subject)
        revision = 0 if current is None else current.revision
        if command.expected_revision not in (ANY_REVISION, revision):
            outcome = self._refused(command, current, revision)
            self._remember(command.request_id, outcome)
            return Applied(command.request_id, outcome, fresh=False)
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
        )
        self._by_subject[command.subject] = decision
        self._in_order.append(decision)
        self._remember(command.request_id, decision)
        return Applied(command.request_id, decision, fresh=True)

    def _refused(self, command: Command, current: Decision | None, revision: int) -> Decision:
        reason = (
            f"'{command.subject}' stands at revision {revision}, "
            f'the proposal expected {command.expected_revision}'
        )
        return Decision(
            subject=command.subject,
            revision=revision,
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
        )

    def _remember(self, request_id: str, outcome: Decision) -> None:
        self._requests[request_id] = outcome
        if len(self._requests) > REQUESTS_MAX:
            self._requests.popitem(last=False)
