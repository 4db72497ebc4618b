"""What a robot still owes to the others when it has decided, and what its END stands for."""

from __future__ import annotations

from random import Random

from agreement_net import (
    BinaryNet,
    common,
    first_in_first_out,
    graded,
)
import pytest

from swarm_consensus.protocols.agreement.graded import NEITHER
from swarm_consensus.protocols.agreement.messages import Kind
from swarm_consensus.protocols.agreement.quorum import Thresholds

FOUR = Thresholds(4, 1, True)
SEVEN = Thresholds(7, 2, True)
ALWAYS_1 = lambda round_: 1


def test_who_has_decided_supports_what_a_slower_robot_needs() -> None:
    # Robot 0 decides 1 in round 0 with the liar's help, while robot 2 was told by the liar, and by
    # nobody else, that 0 is possible. Robot 1 then lacks the third supporter of 0 to believe robot
    # 2, and robot 2, one round on, lacks robot 1.
    net = BinaryNet(common(FOUR, ALWAYS_1), {0: 1, 1: 0, 2: 0})
    liar = 3
    net.tell(liar, 1, (Kind.SUPPORT, 0, 1))
    net.deliver(lambda sender, to, word: (sender, to, word) == (0, 1, (Kind.SUPPORT, 0, 1)))
    net.tell(liar, 0, (Kind.SUPPORT, 0, 1))
    net.deliver(lambda sender, to, word: (sender, to) == (1, 0) and word[2] == 1)
    net.tell(liar, 0, (Kind.AUX, 0, 1))
    assert net.decisions == {0: 1, 1: None, 2: None}
    net.tell(liar, 2, (Kind.SUPPORT, 0, 0))
    net.deliver(lambda sender, to, word: (sender, to, word) == (1, 2, (Kind.SUPPORT, 0, 0)))
    # From here on the liar is silent.
    net.run(first_in_first_out)
    assert net.hold_to_the_end() == 1


def three_of_five_go_ahead(net: BinaryNet) -> None:
    """Robots 0, 1, 2 and the liars 5, 6 leave 3 and 4 behind; the liars let 0 decide alone."""
    for liar, held in ((5, 0), (6, 1)):
        for word in (
            (Kind.SUPPORT, 0, 0),
            (Kind.SUPPORT, 0, 1),
            (Kind.AUX, 0, held),
            (Kind.SUPPORT_GRADE, 0, NEITHER),
            (Kind.GRADE, 0, NEITHER),
            (Kind.SUPPORT, 1, 1),
            (Kind.AUX, 1, 1),
            (Kind.SUPPORT_GRADE, 1, 1),
        ):
            net.lie(liar, word, (0, 1, 2))
        net.lie(liar, (Kind.GRADE, 1, 1), (0,))
    net.deliver(lambda sender, to, word: to <= 2)
    assert net.decisions == {0: 1, 1: None, 2: None, 3: None, 4: None}


def test_who_decided_because_others_had_goes_on_through_the_rounds() -> None:
    # In round 0 neither side came out. Robot 4, still there, decides at the word of robot 0 and
    # two liars; were that all that it says, robot 3 would wait for its grade in round 0 for ever.
    net = BinaryNet(graded(SEVEN, Random(1)), {0: 1, 1: 0, 2: 0, 3: 0, 4: 0})
    three_of_five_go_ahead(net)
    for liar in (5, 6):
        net.tell(liar, 4, (Kind.END, 0, 1))
    net.deliver(lambda sender, to, word: (sender, to, word[0]) == (0, 4, Kind.END))
    assert net.decisions[4] == 1 and net[4].round == 0
    net.run(first_in_first_out)
    assert net.hold_to_the_end() == 1


@pytest.mark.parametrize('agreement', ['common', 'graded'])
def test_it_is_over_once_so_many_have_said_END_that_all_will_hear_enough(agreement: str) -> None:
    make = common(SEVEN, ALWAYS_1) if agreement == 'common' else graded(SEVEN, Random(1))
    net = BinaryNet(make, {0: 0})
    # f + 1 = 3 decide; the END of robot 0 itself is one of the 2f + 1 = 5.
    expected = [(None, False), (None, False), (1, False), (1, True)]
    for sender, (decision, over) in enumerate(expected, start=1):
        net.tell(sender, 0, (Kind.END, 0, 1))
        assert (net[0].decision, net[0].over) == (decision, over)
    # Nothing changes anything any more.
    before = len(net.said)
    for sender in range(1, 7):
        net.tell(sender, 0, (Kind.SUPPORT, 0, 1))
        net.tell(sender, 0, (Kind.END, 0, 0))
    assert (net[0].decision, len(net.said)) == (1, before)


def test_where_robots_only_crash_one_END_is_enough_for_everybody() -> None:
    net = BinaryNet(graded(Thresholds(3, 1, False), Random(1)), {0: 0})
    net.tell(2, 0, (Kind.END, 0, 1))
    assert net[0].decision == 1 and net[0].over
