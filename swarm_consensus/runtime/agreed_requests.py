"""
Who waits for what at the level AGREED, and how each request ends.

A request id is known to one boot of one robot. Repeated there, a request is one with the first: it
waits for the same end, and is told the same after it. What is told is certain, but for UNKNOWN and
NO_QUORUM: then the ballot may have left, and it counts when the epoch that it is in ends.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from swarm_consensus.decision.ballots import Ballot, Outcome, answer, in_force
from swarm_consensus.decision.types import ANY_REVISION, Decision, Level, Status, no_answer
from swarm_consensus.runtime.agreed_outcomes import REQUEST_ID_BYTES_MAX
from swarm_consensus.runtime.agreed_topics import Proposal, Read, Topic
from swarm_consensus.runtime.events import (
    Output,
    ProposeAnswered,
    ProposeAsked,
    ReadAnswered,
    ReadAsked,
)
from swarm_consensus.runtime.wire import BALLOTS
from swarm_consensus.transport.errors import EncodeError

# Requests of users that wait at one robot; one more is refused.
WAITING_MAX = 4096
# Answers that are kept for requests that come again.
ANSWERS_MAX = 1024
MAY_YET = 'it may yet be decided'
TOO_MANY = 'too many requests wait at this robot; try again later'


class AgreedRequests:
    """
    The requests of one robot.

    :param robot: its name.
    :param session: begins the request ids of this boot, which no other robot or boot uses.
    """

    def __init__(self, robot: str, session: str) -> None:
        self._robot = robot
        self._session = session
        # Ends of requests with the subject of each, and the subjects of those without an end.
        self._answers: OrderedDict[str, tuple[str, Decision]] = OrderedDict()
        self._under_way: dict[str, str] = {}
        self._waiting = 0
        self._numbers = 0

    # -- proposals ------------------------------------------------------------------------------

    def propose(
        self,
        asked: ProposeAsked,
        topic_of: Callable[[], Topic | None],
        now_ns: int,
        outputs: list[Output],
    ) -> None:
        """
        Take in a proposal, or answer it at once.

        :param topic_of: returns the topic of its subject; None: there is no room for one.
        """
        if asked.request_id and self._is_ended(asked, outputs):
            return
        repeated = asked.request_id in self._under_way
        reason = TOO_MANY if self._waiting >= WAITING_MAX else ''
        if not reason and not repeated:
            reason = _objection(asked)
        topic = None if reason else topic_of()
        if topic is None:
            _refuse(asked, reason or TOO_MANY, outputs)
            return
        request_id = asked.request_id
        if not repeated:
            self._numbers += 1
            request_id = request_id or f'{self._session}/{self._numbers}'
            ballot = replace(_ballot(asked), request_id=request_id)
            topic.proposals[request_id] = Proposal(ballot, named=bool(asked.request_id))
            self._under_way[request_id] = asked.subject
        proposal = topic.proposals[request_id]
        proposal.deadline_ns = max(proposal.deadline_ns, now_ns + asked.timeout_ns)
        proposal.waiting.append((asked, now_ns))
        self._waiting += 1

    def _is_ended(self, asked: ProposeAsked, outputs: list[Output]) -> bool:
        """Answer a request whose id was used before for one that has ended, or for another."""
        ended = self._answers.get(asked.request_id)
        subject = self._under_way.get(asked.request_id) if ended is None else ended[0]
        if subject not in (None, asked.subject):
            reason = 'the request id was used for another subject; give each request its own'
            _refuse(asked, reason, outputs)
            return True
        if ended is None:
            return False
        outputs.append(ProposeAnswered(asked.key, ended[1]))
        return True

    def epoch_ended(
        self,
        subject: str,
        topic: Topic,
        request_id: str,
        outcome: Outcome,
        now_ns: int,
        retry_ns: int,
        outputs: list[Output],
    ) -> None:
        """
        Take note of the outcome of the epoch that a proposal was in.

        :param retry_ns: when it is to be put in again where too few stood behind it.
        """
        proposal = topic.proposals[request_id]
        end = outcome.end_of(self._robot, request_id)
        if end is not None and end.status is not Status.UNDECIDED:
            self._end(topic, request_id, answer(subject, outcome, end), now_ns, outputs)
        elif not proposal.waiting:
            # It was given up, and now it is certain that it has done nothing.
            self._forget(topic, request_id)
        else:
            # It was not in, or too few stood behind it: once more, while there is time.
            proposal.epoch = 0
            if end is not None:
                proposal.reason = end.reason or outcome.reason
                proposal.due_ns = retry_ns

    def epoch_missed(
        self,
        subject: str,
        topic: Topic,
        request_id: str,
        outcome: Outcome,
        now_ns: int,
        outputs: list[Output],
    ) -> None:
        """
        Take note that the epoch that a proposal was in has ended without this robot.

        :param outcome: of a later one.
        """
        found = in_force(subject, outcome)
        if found is None or not _is_its_decision(topic.proposals[request_id].ballot, found):
            reason = (
                'the epoch that it was in has ended without this robot; read the subject to see '
                'what was decided'
            )
            found = no_answer(subject, Level.AGREED, Status.UNKNOWN, reason)
        self._end(topic, request_id, found, now_ns, outputs)

    def _end(
        self,
        topic: Topic,
        request_id: str,
        decision: Decision,
        now_ns: int,
        outputs: list[Output],
    ) -> None:
        """End a request for good: whoever asks again is told the same."""
        proposal = topic.proposals[request_id]
        self._tell(proposal, decision, now_ns, outputs)
        subject = self._forget(topic, request_id)
        if proposal.named:
            self._answers[request_id] = (subject, replace(decision, subject=subject))
        while len(self._answers) > ANSWERS_MAX:
            self._answers.popitem(last=False)

    def _tell(
        self, proposal: Proposal, decision: Decision, now_ns: int, outputs: list[Output]
    ) -> None:
        """Answer those who wait for a proposal, each with its own latency."""
        for asked, asked_ns in proposal.waiting:
            self._waiting -= 1
            told = replace(
                decision, subject=asked.subject, latency_s=(now_ns - asked_ns) * 1e-9
            )
            outputs.append(ProposeAnswered(asked.key, told))
        proposal.waiting.clear()

    def _forget(self, topic: Topic, request_id: str) -> str:
        """Forget a proposal that is in no epoch any more; returns its subject."""
        del topic.proposals[request_id]
        return self._under_way.pop(request_id)

    # -- reads ----------------------------------------------------------------------------------

    def read(
        self,
        asked: ReadAsked,
        topic_of: Callable[[], Topic | None],
        now_ns: int,
        outputs: list[Output],
    ) -> None:
        """Take in a linearizable read, or refuse it; `topic_of` as for `propose`."""
        topic = None if self._waiting >= WAITING_MAX else topic_of()
        if topic is None:
            outputs.append(ReadAnswered(asked.key, Status.REFUSED, TOO_MANY, 0, '', ()))
            return
        topic.reads.append(Read(asked, now_ns + asked.timeout_ns, topic.ballots))
        self._waiting += 1

    def confirm_reads(
        self, topic: Topic, number: int, found: Decision | None, outputs: list[Output]
    ) -> None:
        """
        Answer the reads that began before a ballot of ours was put in, which an epoch has heard.

        :param number: of the ballot.
        :param found: the decision in force after that epoch.
        """
        waiting, topic.reads = topic.reads, []
        for read in waiting:
            if read.after < number:
                self._waiting -= 1
                outputs.append(read_answer(read.asked, found))
            else:
                topic.reads.append(read)

    # -- deadlines ------------------------------------------------------------------------------

    def expire(self, topic: Topic, now_ns: int, lacking: str, outputs: list[Output]) -> None:
        """
        End the requests whose deadline has passed; the epochs that they are in go on.

        :param lacking: why no epoch can end now; '' where one can.
        """
        for request_id, proposal in tuple(topic.proposals.items()):
            if proposal.waiting and proposal.deadline_ns <= now_ns:
                self._tell(proposal, _too_late(proposal, lacking), now_ns, outputs)
                if not proposal.epoch:
                    self._forget(topic, request_id)
        if not topic.reads:
            return
        status, reason = Status.UNKNOWN, 'no epoch ended in time that confirms it'
        if lacking:
            status, reason = Status.NO_QUORUM, lacking
        waiting, topic.reads = topic.reads, []
        for read in waiting:
            if read.deadline_ns > now_ns:
                topic.reads.append(read)
            else:
                self._waiting -= 1
                outputs.append(ReadAnswered(read.asked.key, status, reason, 0, '', ()))


def read_answer(asked: ReadAsked, found: Decision | None) -> ReadAnswered:
    """Return the answer to a read that found a decision, or none."""
    decisions = () if found is None else (found,)
    return ReadAnswered(asked.key, Status.DECIDED, '', 0, '', decisions)


def _refuse(asked: ProposeAsked, reason: str, outputs: list[Output]) -> None:
    refusal = no_answer(asked.subject, Level.AGREED, Status.REFUSED, reason)
    outputs.append(ProposeAnswered(asked.key, refusal))


def _ballot(asked: ProposeAsked) -> Ballot:
    return Ballot(
        choice=asked.choice,
        value=asked.value,
        expected_revision=asked.expected_revision,
        request_id=asked.request_id,
    )


def _objection(asked: ProposeAsked) -> str:
    """Return why a proposal cannot be put into an epoch; '' where it can."""
    if len(asked.request_id.encode()) > REQUEST_ID_BYTES_MAX:
        return f'the request id has more than {REQUEST_ID_BYTES_MAX} bytes'
    if not asked.choice and not asked.value:
        return 'there is neither a choice nor a value in it'
    try:
        BALLOTS.encode(_ballot(asked))
    except EncodeError as error:
        return str(error)
    return ''


def _too_late(proposal: Proposal, lacking: str) -> Decision:
    """Return what is told of a proposal whose deadline has passed."""
    status = Status.NO_QUORUM if lacking else Status.UNKNOWN
    if proposal.epoch:
        # Its ballot has left, so it counts once so many robots are heard again.
        reason = f"{lacking or 'the deadline passed before the outcome was known'}; {MAY_YET}"
        return no_answer('', Level.AGREED, status, reason)
    if lacking:
        return no_answer('', Level.AGREED, status, lacking)
    reason = proposal.reason or 'the deadline passed before it was the turn of this proposal'
    return no_answer('', Level.AGREED, Status.UNDECIDED, reason)


def _is_its_decision(ballot: Ballot, found: Decision) -> bool:
    """Return whether what is in force is what a ballot proposed, on top of what it expected."""
    before = ballot.expected_revision
    return (ballot.choice, ballot.value) == (found.choice, found.value) and (
        before in (ANY_REVISION, found.revision - 1)
    )
