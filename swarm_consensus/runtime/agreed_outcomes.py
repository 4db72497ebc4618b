"""
From what robots put into an epoch to its outcome as it travels, the same at every robot.

Robots that lie may put in what no honest one would, and a user's rule may return anything. Neither
may make an outcome that does not fit on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from swarm_consensus.decision.ballots import Ballot, Outcome
from swarm_consensus.decision.types import Status
from swarm_consensus.runtime.wire import BALLOTS, OUTCOMES
from swarm_consensus.transport.errors import MalformedError

# What an outcome may take on the wire beside the value decided.
OUTCOME_OVERHEAD_BYTES = 12_000
# What a ballot may take beside the value proposed: some hundred labels.
BALLOT_OVERHEAD_BYTES = 10_000
# Longer request ids are no use to honest robots: an outcome has to name those of all.
REQUEST_ID_BYTES_MAX = 100
# Of a reason, where there is room for no more.
_SHORT_REASON_CHARACTERS = 100


def ballot_of(data: bytes, value_bytes_max: int) -> Ballot | None:
    """Return the ballot in an input; None: it is none, or its value is longer than any may be."""
    try:
        ballot = BALLOTS.decode(data)
    except MalformedError:
        return None
    return ballot if len(ballot.value) <= value_bytes_max else None


def within_bounds(outcome: Outcome, before: Outcome, value_bytes_max: int) -> Outcome:
    """
    Return an outcome, or where a user's rule has made its value too long that nothing was decided.

    :param before: the one of the epoch before.
    """
    size = len(outcome.value)
    if size <= value_bytes_max or outcome.decided_epoch != outcome.epoch:
        return outcome
    reason = f'the rule gives a value of {size} bytes, value_bytes_max allows {value_bytes_max}'
    ends = [
        replace(end, status=Status.UNDECIDED, reason='') if end.status.answered else end
        for end in outcome.requests
    ]
    return replace(
        before, epoch=outcome.epoch, status=Status.UNDECIDED, reason=reason, requests=tuple(ends)
    )


def encode_outcome(outcome: Outcome, bytes_max: int) -> bytes:
    """Return an outcome as it travels; words give way where it is too long, the longest first."""
    data = b''
    for shorter in _shorter(outcome):
        data = OUTCOMES.encode(shorter)
        if len(data) <= bytes_max:
            return data
    raise AssertionError(f'an outcome of {len(data)} bytes, and {bytes_max} are allowed')


def _shorter(outcome: Outcome) -> Iterator[Outcome]:
    yield outcome
    outcome = replace(
        outcome, requests=tuple([replace(end, reason='') for end in outcome.requests])
    )
    yield outcome
    outcome = replace(outcome, reason=outcome.reason[:_SHORT_REASON_CHARACTERS])
    yield outcome
    # A liar cannot take the room in which honest robots find theirs.
    honest = [
        end for end in outcome.requests if len(end.request_id.encode()) <= REQUEST_ID_BYTES_MAX
    ]
    yield replace(outcome, requests=tuple(honest))
    yield replace(outcome, requests=())
