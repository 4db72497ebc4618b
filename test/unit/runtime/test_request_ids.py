"""The ids of a robot's own proposals, and what it acknowledges of them."""

from __future__ import annotations

from random import Random

from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.keyvalue import Put
from swarm_consensus.protocols.sessions import parse_request_id
from swarm_consensus.runtime.config import MILLISECOND
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.simulation.network import Faults


def test_only_what_has_ended_is_acknowledged() -> None:
    """In whatever order it ends."""
    ids = RequestIds('r1', 4)
    assert ids.acked == 1
    first, second, third = ids.new(), ids.new(), ids.new()
    assert [parse_request_id(each) for each in (first, second, third)] == [
        ('r1:4', 1),
        ('r1:4', 2),
        ('r1:4', 3),
    ]
    assert ids.acked == 1
    ids.ended(second)
    ids.ended('somebody else')
    assert ids.acked == 1
    ids.ended(first)
    assert ids.acked == 3
    ids.ended(third)
    assert ids.acked == 4
    assert ids.new_read() != ids.new_read()


def test_what_is_acknowledged_is_all_below_the_lowest_that_is_open() -> None:
    """Against looking through all that are open, in any order of beginnings and ends."""
    for seed in range(50):
        random = Random(seed)
        ids = RequestIds('r1', 4)
        opened: dict[str, int] = {}
        for number in range(1, 100):
            opened[ids.new()] = number
            for request_id in random.sample(sorted(opened), random.randrange(len(opened) + 1) // 2):
                del opened[request_id]
                ids.ended(request_id)
                ids.ended(request_id)
            lowest = min(opened.values(), default=number + 1)
            assert ids.acked == lowest, f'seed {seed}, after {number}'
            assert ids.open == tuple(opened)


def test_proposals_that_commit_out_of_order_are_all_done_once() -> None:
    """Lost and forwarded again, they overtake each other; none is taken for an old copy."""
    for seed in range(6):
        faults = Faults(loss=0.3, duplication=0.3, delay_max_ns=80 * MILLISECOND)
        swarm = Swarm(3, seed=seed, faults=faults)
        leader = swarm.elect()
        other = next(robot for robot in swarm.robots if robot != leader)
        keys = []
        for n in range(60):
            keys.append(swarm.change(other, Put(f'{n % 7}', b''), timeout=20.0))
            swarm.run(0.01)
        swarm.run(20.0)
        answers = [swarm.changed(key) for key in keys]
        assert {a.status for a in answers if a is not None} == {Status.DECIDED}, f'seed {seed}'
        indexes = [a.result.index for a in answers if a is not None and a.result is not None]
        assert len(set(indexes)) == 60
        assert indexes != sorted(indexes), f'seed {seed}: nothing was overtaken'
        read = swarm.range(leader)
        swarm.run(2.0)
        answer = swarm.ranged(read)
        assert answer is not None and sum(item.version for item in answer.items) == 60
