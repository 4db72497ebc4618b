"""A robot that contradicts itself is found out, once, with what proves it; then it can be muted."""

from __future__ import annotations

from agreement_swarm import Swarm
import pytest
from test_slots import CONTRADICTIONS

from swarm_consensus.protocols.agreement.broadcast import PieceRules
from swarm_consensus.protocols.agreement.effects import Contradiction
from swarm_consensus.protocols.agreement.messages import Kind, Message, Statement
from swarm_consensus.protocols.agreement.slots import contradiction
from swarm_consensus.protocols.agreement.voice import mask_of

# Shares that are none of the coin are refused, and a coin has no second one that is. GRADE is said
# where there is no common coin.
FOUND = [each for each in CONTRADICTIONS if not each[0].startswith('share')]


def hear(swarm: Swarm, *messages: Message) -> list[Contradiction]:
    robot = swarm.robots['r00']
    found: list[Contradiction] = []
    for number, message in enumerate(messages):
        robot.up.receive('r03', message, witness=f'frame {number}')
        while (effects := robot.up.take_effects()) is not None:
            found += effects.contradictions
    return found


@pytest.mark.parametrize(('slot', 'first', 'second'), FOUND)
def test_contents_that_differ_are_evidence(
    slot: str, first: Statement, second: Statement
) -> None:
    swarm = Swarm(1, honest=range(3), common=not slot.startswith('grade'))
    found = hear(swarm, first, second, second)
    assert found == [
        Contradiction('r03', 's', 1, (first, 'frame 0'), (second, 'frame 1'))
    ]
    assert swarm.robots['r00'].up.dropped['CONTRADICTION'] == 2


def test_two_inputs_are_evidence() -> None:
    swarm = Swarm(1, honest=range(3), value_bytes_max=100, piece_bytes=10)
    rules = PieceRules(100, 10)
    first, second = rules.cut('s', 1, 3, b'v' * 25), rules.cut('s', 1, 3, b'w' * 25)
    found = hear(swarm, *first, *second)
    assert found == [Contradiction('r03', 's', 1, (first[0], 'frame 0'), (second[0], 'frame 3'))]
    assert contradiction(first[0], second[0], 3, rules) == 'two inputs'


def test_repetitions_do_not_crowd_out_the_evidence() -> None:
    swarm = Swarm(1, honest=range(3))
    honest = Statement('s', 1, True, votes=((Kind.AUX, 0, 0, mask_of([1])),))
    late = Statement('s', 1, True, votes=((Kind.AUX, 0, 0, mask_of([1, 2])),))
    lie = Statement('s', 1, False, votes=((Kind.AUX, 0, 1, mask_of([2])),))
    found = hear(swarm, *[honest] * 500, late, lie)
    assert [each.first for each in found] == [(late, 'frame 500')]


def test_without_a_witness_nothing_is_told() -> None:
    swarm = Swarm(1, honest=range(3))
    robot = swarm.robots['r00'].up
    for root in (b'a' * 32, b'b' * 32):
        robot.receive('r03', Statement('s', 1, False, echoes=((1, root),)))
    effects = robot.take_effects()
    assert effects is not None
    assert effects.contradictions == ()
    assert robot.dropped['CONTRADICTION'] == 1


def test_a_muted_robot_counts_as_stopped() -> None:
    swarm = Swarm(1)
    for robot in swarm.up[:3]:
        robot.up.mute('r03')
    swarm.robots.pop('r03')
    own = PieceRules(100, 100)
    swarm.acts.append(lambda: swarm.post('r03', (), own.cut('a', 1, 3, b'mine')[0]))
    swarm.run(('a',), 3, idle=False)
    for robot in swarm.up:
        robot.up.receive('r03', Statement('a', 4, True))
        assert robot.up.dropped['MUTED'] > 0
        assert robot.up.under_way == 0
    assert all(vector[3] is None for vector in swarm.vectors.values())


def test_masks_of_robots_that_are_not_there_are_passed_over() -> None:
    swarm = Swarm(1, honest=range(3))
    wide = Statement('s', 1, True, votes=((Kind.SUPPORT, 0, 0, bytes(31) + b'\1'),))
    hear(swarm, wide)
    assert swarm.robots['r00'].up.dropped == {'NO_SUCH_ROBOT': 1}
    assert swarm.robots['r00'].up.under_way == 0


def test_strangers_are_not_heard() -> None:
    swarm = Swarm(1, honest=range(3))
    robot = swarm.robots['r00'].up
    for name in ('r00', 'stranger'):
        robot.receive(name, Statement('s', 1, True))
    assert robot.dropped == {'STRANGER': 2}
    assert robot.under_way == 0
