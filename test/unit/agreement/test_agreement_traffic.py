"""What the agreement costs: values travel about once, repetitions end, and silence comes."""

from __future__ import annotations

from agreement_swarm import Swarm
import pytest

from swarm_consensus.protocols.agreement.messages import Message, Piece, PiecesWanted, Statement

VALUE_BYTES = 40_000


def large(swarm: Swarm) -> None:
    swarm.value_of = lambda robot, subject, epoch: robot.encode() * (VALUE_BYTES // 3)


def test_values_leave_once_where_nothing_is_lost() -> None:
    swarm = Swarm(1, 7, 2, delay_ticks=1)
    large(swarm)
    swarm.run(('a',), 1)
    # A post to all is counted once, as DDS sends it.
    assert 7 * VALUE_BYTES * 0.99 < swarm.bytes_sent <= 7 * VALUE_BYTES * 1.01


@pytest.mark.parametrize('some', [(), ('r01', 'r02')])
def test_pieces_that_were_lost_are_pulled_from_who_has_them(some: tuple[str, ...]) -> None:
    """A proposer that dies at once has reached two robots; the others get its value from those."""
    swarm = Swarm(4, 5, 2, lies=False, delay_ticks=1)
    large(swarm)

    def swallows(sender: str, name: str, message: Message) -> bool:
        return sender == 'r00' and isinstance(message, Piece) and name not in ('r01', *some)

    swarm.swallows = swallows
    swarm.begin('a', swarm.robots['r00'])
    swarm.tick()
    del swarm.robots['r00']
    swarm.run(('a',), 1)
    vector = swarm.vectors['a', 1]
    missing = 5 - 1 - len({'r01', *some})
    assert swarm.bytes_sent <= (5 + missing) * VALUE_BYTES * 1.2
    if some or vector[0] is not None:
        # Who has it stays, f + 1 of them or more; else it may be left out.
        assert vector[0] is not None and len(vector[0]) > VALUE_BYTES - 3
        assert swarm.sent['PiecesWanted'] >= missing


def test_a_value_that_a_liar_gave_to_some_only_is_in_everywhere() -> None:
    swarm = Swarm(4, 7, 2, delay_ticks=1)
    large(swarm)

    def swallows(sender: str, name: str, message: Message) -> bool:
        lied = sender == 'r06' and isinstance(message, (Piece, Statement))
        return lied and name in ('r00',)

    swarm.swallows = swallows
    swarm.run(('a',), 1, idle=False)
    assert swarm.vectors['a', 1][6] is not None
    assert swarm.sent['PiecesWanted'] > 0
    # All of it once, and once more for the one that was left out.
    assert swarm.bytes_sent <= 10 * VALUE_BYTES


@pytest.mark.parametrize('loss', [0.0, 0.4])
def test_after_the_end_no_message_leaves_at_all(loss: float) -> None:
    swarm = Swarm(6, loss=loss)
    swarm.run(('a', 'b'), 3)
    sent = swarm.sent.total()
    for _ in range(2000):
        swarm.tick()
    assert swarm.sent.total() == sent


def test_who_waits_alone_says_so_ever_more_rarely() -> None:
    swarm = Swarm(1, resend_ticks=5)
    swarm.cut |= {'r01', 'r02', 'r03'}
    robot = swarm.robots['r00']
    swarm.begin('a', robot)
    for _ in range(1000):
        swarm.tick()
    # After 5, 10, 20, ... and at last every 160 ticks, a statement and the input.
    assert 8 <= swarm.sent['Statement'] <= 14
    assert swarm.sent['Piece'] <= 14
    assert not robot.up.idle


def test_lost_pieces_cost_little_more_than_what_was_lost() -> None:
    swarm = Swarm(2, 7, 2, loss=0.2)
    large(swarm)
    swarm.run(('a',), 1)
    # A fifth of six values at each of seven robots, and a fifth of that again, and so on.
    lost = 7 * 6 * 0.2 / 0.8
    assert swarm.bytes_sent < (7 + 1.7 * lost) * VALUE_BYTES


def test_a_storm_of_questions_ends_with_what_is_asked_about() -> None:
    swarm = Swarm(9, 7, 2, loss=0.3, delay_ticks=1)
    ticks = swarm.run(('a',), 1, idle=False)
    # Each asks once in five ticks at most, and the six others answer.
    assert swarm.sent['Statement'] <= 7 * (ticks + 1) * 3
    swarm.settle_down()
    assert swarm.sent['PiecesWanted'] <= 7 * 7 * ticks


def test_no_piece_is_asked_of_a_robot_that_is_muted() -> None:
    swarm = Swarm(4, honest=range(3), delay_ticks=1)
    large(swarm)
    for robot in swarm.up:
        robot.up.mute('r03')
    asked: list[str] = []
    swarm.ears['r03'] = lambda sender, message: (
        asked.append(sender) if isinstance(message, PiecesWanted) else None
    )
    swarm.swallows = lambda sender, name, message: (
        isinstance(message, Piece) and (sender, name) == ('r00', 'r01')
    )
    swarm.begin('a', swarm.robots['r00'])
    swarm.swallows = lambda sender, name, message: False
    swarm.run(('a',), 1)
    assert not asked
