"""
Sessions: a command that comes again is answered with its first outcome, and changes nothing.

After section 6.3 of the Raft thesis. A request id `<session>#<sequence>` is one command of a
session; any other id is a session of its own, with the one sequence number 1. The table is part
of the replicated state: it is determined by the commands and their places in the log.

It is bounded. Outcomes go when the proposer says that it has them (`acked`), when a session holds
too many, and with their session, when that is the one that was used the longest ago and the table
is full. What happens to a command whose outcome went is never guessed: it is refused as expired.
That needs no registration of sessions, because a command says how far the log had been applied
when it was made (`base_index`): if no session of later use was given up, then none that could
have known this command was.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Generic, TypeVar

from swarm_consensus.protocols.images import ImageError

# Bounds of the table; part of the state machine, the same on every robot.
SESSIONS_MAX = 10_000
OUTCOMES_MAX = 100_000
OUTCOME_BYTES_MAX = 8 << 20
# More than a robot has under way at once (runtime/requests.py).
SESSION_OUTCOMES_MAX = 8_192

_SEQUENCE_DIGITS_MAX = 18

OutcomeT = TypeVar('OutcomeT')

# id, floor, base index, index of the last use
SessionRow = tuple[str, int, int, int]


class Admission(Enum):
    """What to do with a command."""

    NEW = 'new'  # do it, and then say what came of it
    REPEATED = 'repeated'  # it was done: answer with its first outcome
    EXPIRED = 'expired'  # whether it was done is forgotten: refuse it


_NEW = (Admission.NEW, None)
_EXPIRED = (Admission.EXPIRED, None)


class _Session(Generic[OutcomeT]):
    """
    One session.

    :ivar floor: commands below it, whose outcome is not here, are refused.
    :ivar base_index: the last use of any session that had been given up when this one was opened.
    :ivar used_index: log index of its last use.
    """

    __slots__ = ('base_index', 'cost', 'floor', 'outcomes', 'used_index')

    def __init__(self, floor: int, base_index: int, used_index: int) -> None:
        self.floor = floor
        self.base_index = base_index
        self.used_index = used_index
        self.outcomes: dict[int, OutcomeT] = {}
        self.cost = 0


def parse_request_id(request_id: str) -> tuple[str, int]:
    """Return session and sequence number of a request id."""
    session, mark, digits = request_id.rpartition('#')
    if (
        mark
        and session
        and digits.isascii()
        and digits.isdigit()
        and digits[0] != '0'
        and len(digits) <= _SEQUENCE_DIGITS_MAX
    ):
        return session, int(digits)
    return request_id, 1


class Sessions(Generic[OutcomeT]):
    """
    The table.

    :param cost: bytes that an outcome counts for; determined by the outcome.
    :ivar given_up_index: last use of the session given up last; 0: none was.
    :ivar _sessions: the one used the longest ago first.
    """

    def __init__(self, cost: Callable[[OutcomeT], int]) -> None:
        self.given_up_index = 0
        self._cost = cost
        self._sessions: OrderedDict[str, _Session[OutcomeT]] = OrderedDict()
        self._outcomes = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._sessions)

    def outcome(self, request_id: str) -> OutcomeT | None:
        """Return what a command did when it was applied; None: it was not, or is forgotten."""
        name, sequence = parse_request_id(request_id)
        session = self._sessions.get(name)
        return None if session is None else session.outcomes.get(sequence)

    def admit(
        self, index: int, name: str, sequence: int, acked: int, base_index: int
    ) -> tuple[Admission, OutcomeT | None]:
        """
        Judge a command that stands in the log at `index`.

        :param name: of its session.
        :param sequence: number of the command in its session.
        :param acked: the proposer waits for nothing below this sequence number any more; 0: it
            does not keep account, and opens its session with sequence number 1.
        :param base_index: the proposer had applied the log so far when the command was made.
        :returns: the judgement, and the first outcome of a command that is REPEATED.
        """
        session = self._sessions.get(name)
        if session is None:
            opens = acked > 0 or sequence == 1
            if not opens or base_index < self.given_up_index:
                return _EXPIRED
            session = _Session(1, self.given_up_index, index)
            self._sessions[name] = session
        else:
            self._sessions.move_to_end(name)
            session.used_index = index
        if acked > session.floor:
            self._acknowledge(session, min(acked, sequence))
        outcome = session.outcomes.get(sequence)
        if outcome is not None:
            return Admission.REPEATED, outcome
        if sequence < session.floor or base_index < session.base_index:
            return _EXPIRED
        return _NEW

    def finish(self, name: str, sequence: int, outcome: OutcomeT) -> None:
        """Keep what came of a command that was admitted as NEW, and keep to the bounds."""
        session = self._sessions[name]
        cost = self._cost(outcome)
        session.outcomes[sequence] = outcome
        session.cost += cost
        self._outcomes += 1
        self._bytes += cost
        if len(session.outcomes) > SESSION_OUTCOMES_MAX:
            self._forget_half(session)
        while (
            len(self._sessions) > SESSIONS_MAX
            or self._outcomes > OUTCOMES_MAX
            or self._bytes > OUTCOME_BYTES_MAX
        ):
            if len(self._sessions) > 1:
                self._give_up_oldest()
            elif len(session.outcomes) > 1:
                self._forget_half(session)
            else:
                break

    def _acknowledge(self, session: _Session[OutcomeT], acked: int) -> None:
        if acked <= session.floor:
            return
        if acked - session.floor <= len(session.outcomes):
            self._forget(session, range(session.floor, acked))
        else:
            self._forget(session, [each for each in session.outcomes if each < acked])
        session.floor = acked

    def _forget(self, session: _Session[OutcomeT], sequences: Iterable[int]) -> None:
        take, cost_of = session.outcomes.pop, self._cost
        count = cost = 0
        for sequence in sequences:
            outcome = take(sequence, None)
            if outcome is not None:
                count += 1
                cost += cost_of(outcome)
        session.cost -= cost
        self._outcomes -= count
        self._bytes -= cost

    def _forget_half(self, session: _Session[OutcomeT]) -> None:
        """Forget the lower half of the outcomes of a session that holds too many."""
        sequences = sorted(session.outcomes)
        kept_from = sequences[len(sequences) // 2]
        self._forget(session, sequences[: len(sequences) // 2])
        session.floor = max(session.floor, kept_from)

    def _give_up_oldest(self) -> None:
        _, session = self._sessions.popitem(last=False)
        self.given_up_index = session.used_index
        self._outcomes -= len(session.outcomes)
        self._bytes -= session.cost

    # -- images -----------------------------------------------------------------------------------

    def rows(self) -> tuple[SessionRow, ...]:
        """Return the sessions without their outcomes, the one used the longest ago first."""
        return tuple(
            [(name, x.floor, x.base_index, x.used_index) for name, x in self._sessions.items()]
        )

    def outcomes(self) -> Iterator[tuple[int, int, OutcomeT]]:
        """Give (place of the session in `rows`, sequence number, outcome), in order."""
        for place, session in enumerate(self._sessions.values()):
            for sequence in sorted(session.outcomes):
                yield place, sequence, session.outcomes[sequence]

    def restore(
        self,
        index: int,
        given_up_index: int,
        rows: Iterable[SessionRow],
        outcomes: Iterable[tuple[int, int, OutcomeT]],
    ) -> None:
        """
        Fill a new table from an image.

        :param index: log index at which it was taken.
        :raises ImageError: where the image contradicts itself.
        """
        self.given_up_index = used = given_up_index
        for name, floor, base_index, used_index in rows:
            if not used < used_index <= index or base_index > given_up_index or floor < 1:
                raise ImageError(f'session {name!r} contradicts the others')
            if name in self._sessions:
                raise ImageError(f'session {name!r} stands twice')
            used = used_index
            self._sessions[name] = _Session(floor, base_index, used_index)
        sessions = list(self._sessions.values())
        before = (-1, 0)
        for place, sequence, outcome in outcomes:
            if (place, sequence) <= before or place >= len(sessions):
                raise ImageError(f'outcome {sequence} of session {place} after {before}')
            session = sessions[place]
            if sequence < session.floor:
                raise ImageError(f'outcome {sequence} below {session.floor}')
            before = place, sequence
            cost = self._cost(outcome)
            session.outcomes[sequence] = outcome
            session.cost += cost
            self._outcomes += 1
            self._bytes += cost
        if len(sessions) > SESSIONS_MAX or self._outcomes > OUTCOMES_MAX:
            raise ImageError(f'{len(sessions)} sessions with {self._outcomes} outcomes')
