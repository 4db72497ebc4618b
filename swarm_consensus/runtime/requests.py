"""
What somebody at this robot waits for: proposals, reads and decisions, each with its deadline.

Every request ends: with its outcome, or at its deadline with NO_QUORUM or UNKNOWN and the reason.
The numbers of open requests are bounded; one more is refused at once.
"""

from __future__ import annotations

from collections.abc import Callable, KeysView, Mapping
from dataclasses import dataclass, replace

from swarm_consensus.decision.replicated import Outcome
from swarm_consensus.decision.subjects import View
from swarm_consensus.decision.types import Decision, Level, Status, no_answer
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.events import (
    DecideAnswered,
    DecideAsked,
    DecideProgress,
    Output,
    ProposeAnswered,
    ProposeAsked,
    ReadAnswered,
    ReadAsked,
)

REQUESTS_MAX = 4096

# The ids of requests whose outcome is waited for, as they are at any time, and who takes in such an
# id with its outcome. All of them are looked through for each entry of the log.
Hearer = tuple[KeysView[str], Callable[[str, Outcome, list[Output]], None]]


@value
class _Propose:
    asked: ProposeAsked
    asked_ns: int


@value
class _Read:
    asked: ReadAsked
    deadline_ns: int


@dataclass(slots=True)
class _Decide:
    asked: DecideAsked
    deadline_ns: int
    told: View


class Requests:
    """Open requests of one robot."""

    def __init__(self) -> None:
        self._proposals: dict[str, list[_Propose]] = {}
        self._reads: dict[str, _Read] = {}
        # Reads that are confirmed and wait until this index is applied.
        self._confirmed: dict[str, int] = {}
        self._decides: dict[int, _Decide] = {}

    @property
    def full(self) -> bool:
        """Return whether another request must be refused."""
        return len(self._proposals) + len(self._reads) + len(self._decides) >= REQUESTS_MAX

    @property
    def any(self) -> bool:
        """Return whether anybody waits for anything."""
        return bool(self._proposals or self._reads or self._decides)

    # -- proposals ----------------------------------------------------------------------------

    def add_proposal(self, request_id: str, asked: ProposeAsked, now_ns: int) -> bool:
        """Wait for a proposal; returns whether it is the first one with this id."""
        waiting = self._proposals.setdefault(request_id, [])
        waiting.append(_Propose(asked, now_ns))
        return len(waiting) == 1

    @property
    def proposals(self) -> KeysView[str]:
        """Return the ids of the proposals that somebody waits for, as they are at any time."""
        return self._proposals.keys()

    def proposal_ended(
        self, request_id: str, decision: Decision, now_ns: int, outputs: list[Output]
    ) -> None:
        """Answer those who wait for a proposal, if any, each with its own latency."""
        for waiting in self._proposals.pop(request_id, ()):
            answer = replace(
                decision,
                subject=waiting.asked.subject,
                latency_s=(now_ns - waiting.asked_ns) * 1e-9,
            )
            outputs.append(ProposeAnswered(waiting.asked.key, answer))

    # -- reads --------------------------------------------------------------------------------

    def add_read(self, request_id: str, asked: ReadAsked, now_ns: int) -> None:
        """Wait for a linearizable read."""
        self._reads[request_id] = _Read(asked, now_ns + asked.timeout_ns)

    def read_confirmed(self, request_id: str, index: int) -> None:
        """Note that a read may be answered once `index` is applied."""
        if request_id in self._reads:
            self._confirmed[request_id] = index

    def read_failed(
        self, request_id: str, status: Status, reason: str, outputs: list[Output]
    ) -> None:
        """Answer a read that could not be confirmed."""
        waiting = self._reads.pop(request_id, None)
        self._confirmed.pop(request_id, None)
        if waiting is not None:
            outputs.append(ReadAnswered(waiting.asked.key, status, reason, 0, '', ()))

    def applied(
        self, index: int, answer: Callable[[ReadAsked], ReadAnswered], outputs: list[Output]
    ) -> None:
        """
        Answer the confirmed reads that waited for no more than `index`.

        :param answer: makes the answer from the state applied so far.
        """
        if not self._confirmed:
            return
        ready = [key for key, wanted in self._confirmed.items() if wanted <= index]
        for request_id in ready:
            del self._confirmed[request_id]
            outputs.append(answer(self._reads.pop(request_id).asked))

    # -- decisions ----------------------------------------------------------------------------

    def add_decide(self, asked: DecideAsked, now_ns: int) -> None:
        """Wait for a decision."""
        self._decides[asked.key] = _Decide(asked, now_ns + asked.timeout_ns, View((), '', 0.0))

    def cancel_decide(self, key: int) -> None:
        """Stop waiting; nothing follows."""
        self._decides.pop(key, None)

    def waited_for(self) -> set[str]:
        """Return the subjects that somebody waits for."""
        return {waiting.asked.subject for waiting in self._decides.values()}

    def progress(self, subject: str, view: View, has_quorum: bool, outputs: list[Output]) -> None:
        """Tell those who wait for a subject what its evidence says, where that has changed."""
        for key, waiting in self._decides.items():
            if waiting.asked.subject == subject and waiting.told != view:
                waiting.told = view
                outputs.append(DecideProgress(key, view, has_quorum))

    def decided(self, decision: Decision, outputs: list[Output]) -> None:
        """
        Answer those who wait for this decision.

        A status without an answer ends nothing: evidence may still come until their deadline.
        """
        for key, waiting in tuple(self._decides.items()):
            asked = waiting.asked
            if asked.subject != decision.subject or not decision.status.answered:
                continue
            if decision.revision >= asked.revision_min:
                del self._decides[key]
                outputs.append(DecideAnswered(key, decision))

    # -- deadlines ------------------------------------------------------------------------------

    def expire(
        self,
        now_ns: int,
        no_quorum: Mapping[Level, str],
        level: Callable[[str], Level],
        outputs: list[Output],
    ) -> None:
        """
        End the reads and decisions whose deadline has passed; the log ends proposals itself.

        :param no_quorum: for each level why it cannot decide now; '' where it can.
        :param level: level at which a subject is decided.
        """
        for request_id in [k for k, w in self._reads.items() if w.deadline_ns <= now_ns]:
            status, reason = _why(
                no_quorum[Level.COMMITTED], Status.UNKNOWN, 'no answer from the leader in time'
            )
            self.read_failed(request_id, status, reason, outputs)
        for key in [k for k, w in self._decides.items() if w.deadline_ns <= now_ns]:
            waiting_decide = self._decides.pop(key)
            subject = waiting_decide.asked.subject
            robots = len(waiting_decide.told.robots)
            status, reason = Status.UNDECIDED, f'deadline passed, evidence of {robots} robots'
            status, reason = _why(no_quorum[level(subject)], status, reason)
            outputs.append(DecideAnswered(key, no_answer(subject, level(subject), status, reason)))


def _why(no_quorum: str, status: Status, reason: str) -> tuple[Status, str]:
    return (Status.NO_QUORUM, no_quorum) if no_quorum else (status, reason)
