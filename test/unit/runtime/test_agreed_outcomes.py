"""Outcomes fit on the wire, whatever liars put in and whatever a user's rule returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import sys
from types import ModuleType

import pytest
from swarm_testing.agreed_swarm import AgreedSwarm
from swarm_testing.liar import Liar

from swarm_consensus.decision.ballots import Ballot, Outcome, RequestEnd
from swarm_consensus.decision.types import Status
from swarm_consensus.runtime.agreed_outcomes import ballot_of, encode_outcome, within_bounds
from swarm_consensus.runtime.wire import BALLOTS, OUTCOMES

SURE_OF_CAT = (0.9, 0.05, 0.05)


def outcome_with(*request_ids: str, reason: str = '') -> Outcome:
    """Return an outcome with requests that were refused for a long reason."""
    ends = [
        RequestEnd(f'r{n}', request_id, Status.REFUSED, 'because ' * 20)
        for n, request_id in enumerate(request_ids, start=1)
    ]
    return Outcome(epoch=3, reason=reason, requests=tuple(ends))


def test_an_outcome_that_fits_travels_whole() -> None:
    outcome = outcome_with('a', 'b', reason='so')
    assert OUTCOMES.decode(encode_outcome(outcome, 1000)) == outcome


@pytest.mark.parametrize(
    ('bytes_max', 'kept'),
    [(500, ('a', 'é' * 60, 'c')), (300, ('a', 'é' * 60, 'c')), (150, ('a', 'c')), (120, ())],
)
def test_the_longest_words_give_way_first(bytes_max: int, kept: tuple[str, ...]) -> None:
    """The request ids that no honest robot would use go before those of the others."""
    outcome = outcome_with('a', 'é' * 60, 'c', reason='x' * 90)
    data = encode_outcome(outcome, bytes_max)
    assert len(data) <= bytes_max
    found = OUTCOMES.decode(data)
    assert isinstance(found, Outcome)
    assert found.request_ids == kept
    assert (found.epoch, found.reason) == (3, 'x' * 90)


def test_an_outcome_that_cannot_fit_stops_the_robot_and_is_not_cut() -> None:
    with pytest.raises(AssertionError, match='an outcome of .* bytes, and 10 are allowed'):
        encode_outcome(Outcome(epoch=1, voters=('r1', 'r2')), 10)


def test_a_ballot_with_too_long_a_value_is_none() -> None:
    for size, spoke in ((100, True), (101, False)):
        ballot = ballot_of(BALLOTS.encode(Ballot(choice='x', value=bytes(size))), 100)
        assert (ballot is not None) is spoke
    assert ballot_of(b'\xc1', 100) is None


def test_a_decision_in_force_stays_where_a_rule_gives_too_long_a_value() -> None:
    before = Outcome(epoch=1, revision=1, decided_epoch=1, choice='a', voters=('r1',))
    requests = (
        RequestEnd('r1', 'one', Status.DECIDED),
        RequestEnd('r2', 'two', Status.REFUSED, 'the subject stands at revision 1'),
    )
    after = Outcome(
        epoch=2, status=Status.DECIDED, revision=2, decided_epoch=2, value=bytes(9),
        requests=requests,
    )  # fmt: skip
    assert within_bounds(after, before, 9) == after
    found = within_bounds(after, before, 8)
    assert (found.epoch, found.status, found.revision, found.choice) == (
        2, Status.UNDECIDED, 1, 'a'
    )  # fmt: skip
    assert found.reason == 'the rule gives a value of 9 bytes, value_bytes_max allows 8'
    assert [end.status for end in found.requests] == [Status.UNDECIDED, Status.REFUSED]


def test_a_liar_cannot_have_a_value_decided_that_is_longer_than_any_may_be() -> None:
    swarm = AgreedSwarm(4, keyed=True, value_bytes_max=2000)
    liar = Liar(swarm, 'r4')
    liar.say(liar.piece('map', value=bytes(4000)))
    swarm.run(1)
    for robot in ('r1', 'r2', 'r3'):
        assert swarm.epoch(robot) == 1
        assert swarm.in_force(robot) == (0, '')
    liar.say(liar.piece('map', 2, value=bytes(2000)))
    swarm.run(1)
    assert swarm.in_force('r1') == (1, 'map')


@pytest.fixture
def rule() -> Iterator[Callable[[int], str]]:
    """Return a maker of rules that return a value of so many bytes."""
    module = ModuleType('rules_of_a_test')
    sys.modules[module.__name__] = module

    def make(size: int) -> str:
        module.long = lambda votes, subject: ('cat', 1.0, bytes(size))  # type: ignore[attr-defined]
        return 'rules_of_a_test:long'

    yield make
    del sys.modules[module.__name__]


def test_a_rule_that_gives_too_long_a_value_decides_nothing(rule: Callable[[int], str]) -> None:
    swarm = AgreedSwarm(4, subject={'fusion': rule(3000)}, value_bytes_max=2000)
    for robot in swarm.robots:
        swarm.believe(robot, *SURE_OF_CAT)
    swarm.run(3)
    for robot in swarm.robots:
        (decision,) = swarm.published(robot, 'animal')
        assert decision.status is Status.UNDECIDED
        assert decision.reason == (
            'the rule gives a value of 3000 bytes, value_bytes_max allows 2000'
        )
