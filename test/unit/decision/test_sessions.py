"""Sessions: a command is done once, answered alike, and never guessed about."""

from __future__ import annotations

from random import Random

import pytest

from swarm_consensus.protocols import sessions as sessions_module
from swarm_consensus.protocols.images import ImageError
from swarm_consensus.protocols.sessions import (
    Admission,
    Sessions,
    parse_request_id,
)


class Log:
    """A table driven as by a log; an outcome is the index of the entry that did the command."""

    def __init__(self) -> None:
        self.table: Sessions[int] = Sessions(lambda outcome: 10)
        self.index = 0

    def do(
        self, session: str, sequence: int, acked: int = 1, base: int | None = None
    ) -> tuple[Admission, int | None]:
        """The next entry holds a command; returns how it was judged."""
        self.index += 1
        base = self.index - 1 if base is None else base
        admission, outcome = self.table.admit(self.index, session, sequence, acked, base)
        if admission is Admission.NEW:
            self.table.finish(session, sequence, self.index)
        return admission, outcome


NEW = (Admission.NEW, None)
EXPIRED = (Admission.EXPIRED, None)


@pytest.mark.parametrize(
    ('request_id', 'parsed'),
    [
        ('r1:17#4', ('r1:17', 4)),
        ('a#b#12', ('a#b', 12)),
        ('plain', ('plain', 1)),
        ('', ('', 1)),
        ('#1', ('#1', 1)),
        ('s#', ('s#', 1)),
        ('s#0', ('s#0', 1)),
        ('s#01', ('s#01', 1)),
        ('s#-1', ('s#-1', 1)),
        ('s#²', ('s#²', 1)),
        ('s#' + '9' * 19, ('s#' + '9' * 19, 1)),
    ],
)
def test_session_and_sequence_are_read_from_the_id(
    request_id: str, parsed: tuple[str, int]
) -> None:
    """Whatever is no sequence number leaves the id a session of its own."""
    assert parse_request_id(request_id) == parsed


def test_a_repetition_gets_the_first_outcome_also_out_of_order() -> None:
    """Commands of a robot commit in any order and with gaps."""
    log = Log()
    assert [log.do('r', n) for n in (3, 1, 7)] == [NEW, NEW, NEW]
    assert [log.do('r', n) for n in (1, 7, 3)] == [
        (Admission.REPEATED, 2),
        (Admission.REPEATED, 3),
        (Admission.REPEATED, 1),
    ]
    assert log.do('r', 2) == NEW
    assert log.table.outcome('r#7') == 3
    assert log.table.outcome('r#4') is None


def test_what_is_acknowledged_is_forgotten_and_refused_from_then_on() -> None:
    """A copy that comes late does nothing, though its outcome is gone."""
    log = Log()
    for n in (1, 2, 4):
        log.do('r', n)
    assert log.do('r', 5, acked=4) == NEW
    assert [log.do('r', n) for n in (1, 2, 3)] == [EXPIRED, EXPIRED, EXPIRED]
    assert log.do('r', 4) == (Admission.REPEATED, 3)


def test_an_acknowledgement_beyond_all_bounds_costs_no_time() -> None:
    """Nor does it take away the command that brings it."""
    log = Log()
    log.do('r', 1)
    assert log.do('r', 10**17, acked=2**62) == NEW
    assert log.do('r', 10**17, acked=2**62) == (Admission.REPEATED, 2)


def test_a_client_that_keeps_no_account_opens_its_session_with_one() -> None:
    """A later command of a session that is not known is refused, not done again."""
    log = Log()
    assert log.do('c', 2, acked=0) == EXPIRED
    assert len(log.table) == 0
    assert log.do('c', 1, acked=0) == NEW
    assert log.do('c', 2, acked=0) == NEW


def test_a_command_of_a_session_that_was_given_up_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one used the longest ago goes; what it may have done is not done again."""
    monkeypatch.setattr(sessions_module, 'SESSIONS_MAX', 2)
    log = Log()
    log.do('a', 1)
    log.do('b', 1)
    log.do('a', 2)
    log.do('c', 1)
    assert log.do('a', 1) == (Admission.REPEATED, 1)
    assert log.do('b', 1, base=1) == EXPIRED
    assert log.do('b', 2, acked=0) == EXPIRED
    # A robot that knows the log beyond that opens its session again, and only old copies fail.
    assert log.do('b', 9, base=2) == NEW
    assert log.do('b', 1, base=1) == EXPIRED
    assert log.do('b', 8, base=3) == NEW


def test_outcomes_are_bounded_in_a_session_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and bytes; the session in use is the last to go."""
    monkeypatch.setattr(sessions_module, 'SESSION_OUTCOMES_MAX', 4)
    log = Log()
    for n in range(1, 6):
        assert log.do('a', n) == NEW
    assert [log.do('a', n) for n in (1, 2)] == [EXPIRED, EXPIRED]
    assert log.do('a', 3) == (Admission.REPEATED, 3)
    monkeypatch.setattr(sessions_module, 'OUTCOME_BYTES_MAX', 40)
    log.do('b', 1)
    assert log.do('b', 2) == NEW
    assert log.table.outcome('a#5') is None
    assert [log.table.outcome(f'b#{n}') for n in (1, 2)] == [9, 10]
    for n in range(3, 6):
        log.do('b', n)
    assert log.table.outcome('b#1') is None
    assert log.table.outcome('b#5') == 13


@pytest.mark.parametrize('seed', range(30))
def test_no_command_is_ever_done_twice(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies at any later time, sessions given up and opened again; and over an image."""
    monkeypatch.setattr(sessions_module, 'SESSIONS_MAX', 3)
    monkeypatch.setattr(sessions_module, 'SESSION_OUTCOMES_MAX', 6)
    monkeypatch.setattr(sessions_module, 'OUTCOMES_MAX', 12)
    draw = Random(seed)
    log, twin = Log(), Log()
    sent: list[tuple[str, int, int, int]] = []
    done: dict[tuple[str, int], int] = {}
    count = dict.fromkeys('abcdef', 0)
    repeated = expired = 0
    for step in range(600):
        if sent and draw.random() < 0.5:
            copy = draw.choice(sent[-40:])
        else:
            name = draw.choice('abcdef')
            count[name] += 1
            acked = max(1, count[name] - draw.randint(0, 5))
            copy = (name, count[name], acked, max(0, log.index - draw.randint(0, 3)))
            sent.append(copy)
        admission, outcome = log.do(*copy)
        assert twin.do(*copy) == (admission, outcome)
        key = copy[:2]
        if admission is Admission.NEW:
            assert key not in done, f'seed {seed}, step {step}: {key} was done twice'
            done[key] = log.index
        elif admission is Admission.REPEATED:
            repeated += 1
            assert outcome == done[key], f'seed {seed}, step {step}'
        else:
            expired += 1
        if step % 50 == 49:
            table: Sessions[int] = Sessions(lambda outcome: 10)
            old = log.table
            table.restore(log.index, old.given_up_index, old.rows(), old.outcomes())
            assert table.rows() == twin.table.rows()
            assert list(table.outcomes()) == list(twin.table.outcomes())
            log.table = table
    assert len(done) > 100 and repeated > 20 and expired > 5, (len(done), repeated, expired)


@pytest.mark.parametrize(
    ('rows', 'outcomes', 'reason'),
    [
        ((('a', 1, 0, 9),), (), 'contradicts'),
        ((('a', 1, 0, 3), ('b', 1, 0, 3)), (), 'contradicts'),
        ((('a', 1, 0, 2), ('a', 1, 0, 3)), (), 'twice'),
        ((('a', 0, 0, 2),), (), 'contradicts'),
        ((('a', 1, 2, 2),), (), 'contradicts'),
        ((('a', 1, 0, 2),), ((1, 1, 5),), 'of session 1'),
        ((('a', 1, 0, 2),), ((0, 2, 5), (0, 2, 5)), 'after'),
        ((('a', 3, 0, 2),), ((0, 2, 5),), 'below'),
    ],
)
def test_an_image_that_contradicts_itself_is_refused(
    rows: tuple[tuple[str, int, int, int], ...],
    outcomes: tuple[tuple[int, int, int], ...],
    reason: str,
) -> None:
    """Each with what is wrong."""
    table: Sessions[int] = Sessions(lambda outcome: 1)
    with pytest.raises(ImageError, match=reason):
        table.restore(5, 1, rows, outcomes)
