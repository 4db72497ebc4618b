"""A liar that floods keeps nobody from deciding, and fills no memory."""

from __future__ import annotations

from agreement_swarm import Swarm

from swarm_consensus.protocols.agreement.messages import Statement


def test_epochs_that_a_liar_began_ahead_of_the_others_end_too() -> None:
    swarm = Swarm(3, honest=range(3), instances_max=64)
    for number in range(100):
        ahead = Statement(f'x{number}', 1 + number % 4, False, echoes=((3, bytes(32)),))
        swarm.post('r03', (), ahead)
    swarm.tick()
    swarm.tick()
    assert any(robot.up.under_way for robot in swarm.up)
    swarm.settle_down()
    assert {robot.up.under_way for robot in swarm.up} == {0}
    swarm.run(['a', 'b'], 2)
