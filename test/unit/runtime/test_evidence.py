"""Evidence reaches every robot of a connected part, through others where it must, and once."""

from __future__ import annotations

from collections.abc import Sequence
import itertools
from random import Random

import numpy as np
import pytest
from swarm_testing.virtual_swarm import LABELS, Swarm, names, policy

from swarm_consensus.decision.fusion import fuse, spread
from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.types import Contribution, Decision, Level, Status
from swarm_consensus.protocols.fusion.messages import Item, Items
from swarm_consensus.runtime.config import MILLISECOND, SECOND
from swarm_consensus.runtime.events import FrameArrived
from swarm_consensus.runtime.evidence import BODIES, Evidence
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.simulation.network import Faults
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.frame import VERSION, FrameHeader, TrafficClass
from swarm_consensus.transport.hashes import labels_hash, swarm_hash
from swarm_consensus.transport.keys import Keys
from swarm_consensus.transport.signing import Signer

ROWS = {
    'r1': (0.7, 0.2, 0.1),
    'r2': (0.5, 0.3, 0.2),
    'r3': (0.2, 0.5, 0.3),
    'r4': (0.6, 0.1, 0.3),
    'r5': (0.4, 0.4, 0.2),
}


def fused(robots: int, quorum: int = 1, **changes: object) -> Policy:
    """A subject of the level fused that is said again whenever it changes."""
    settings: dict[str, object] = {'evidence_age_max_ns': 0, 'deadline_ns': 3600 * SECOND}
    return policy(
        robots, level=Level.FUSED, quorum=quorum, confidence=0.0, **{**settings, **changes}
    )


def chain(swarm: Swarm) -> None:
    """Let each robot hear the one before and the one after it only."""
    for here, one in enumerate(swarm.robots):
        for there, other in enumerate(swarm.robots):
            if abs(here - there) > 1:
                swarm.world.network.cut_one_way(one, other)


def central(robots: Sequence[str], rule: str = 'log_linear') -> tuple[list[float], float]:
    """What a centre makes of the evidence: the probabilities, and how far the robots are apart."""
    rows = np.log(np.array([ROWS[robot] for robot in robots]))
    rows -= rows.max(axis=1, keepdims=True)
    weights = np.ones(len(robots))
    return list(fuse(rule, rows, weights)), spread(rows, weights)


def newest(swarm: Swarm, robot: str) -> Decision:
    """The answer in force at a robot."""
    return swarm.decisions(robot)[-1]


def check(swarm: Swarm, robots: Sequence[str], rule: str = 'log_linear') -> None:
    """See that robots have fused the evidence of exactly these."""
    probabilities, apart = central(robots, rule)
    for robot in robots:
        decision = newest(swarm, robot)
        assert decision.voters == tuple(robots), robot
        assert decision.robots == len(robots)
        assert decision.confidence == pytest.approx(max(probabilities), abs=1e-9)
        assert decision.choice == LABELS[probabilities.index(max(probabilities))]
        assert decision.spread == pytest.approx(apart, abs=1e-9)


@pytest.mark.parametrize('rule', ['log_linear', 'linear', 'median'])
@pytest.mark.parametrize('loss', [0.0, 0.3])
@pytest.mark.parametrize('signed', [False, True], ids=['no keys', 'keys'])
def test_a_chain_of_robots_fuses_all_evidence(rule: str, loss: float, signed: bool) -> None:
    """Its ends never hear each other; with keys each checks the origin of what others bring."""
    keys: dict[str, Keys] | None = None
    if signed:
        keys = dict(deal('zoo', names(5), 0, Random(1).randbytes))
    swarm = Swarm(5, 1, Faults(loss=loss), [fused(5, fusion=rule)], keys=keys)
    chain(swarm)
    swarm.run(1.0)
    for robot, row in ROWS.items():
        swarm.believe(robot, *row)
    swarm.run(6.0 if loss else 1.0)
    check(swarm, swarm.robots, rule)


def test_the_age_of_evidence_grows_on_its_way_and_is_said() -> None:
    """It was half a second old when its robot had it, and waits another one."""
    swarm = Swarm(5, policies=[fused(5)])
    chain(swarm)
    swarm.run(1.0)
    swarm.believe('r1', *ROWS['r1'], age_ms=500)
    swarm.run(1.0)
    swarm.believe('r5', *ROWS['r5'])
    swarm.run(0.5)
    for robot in swarm.robots:
        decision = newest(swarm, robot)
        assert decision.voters == ('r1', 'r5')
        # A tick of 20 ms too old a hop at most.
        assert 1.5 <= decision.oldest_age_s <= 1.5 + 0.5


def test_halves_go_on_apart_with_the_right_count_and_mend() -> None:
    """Evidence leaves with the robots that are out of reach, and comes back with them."""
    swarm = Swarm(6, policies=[fused(6)])
    everybody = swarm.robots
    rows = dict(zip(everybody, [*ROWS.values(), (0.3, 0.3, 0.4)], strict=True))
    swarm.run(1.0)
    for robot, row in rows.items():
        swarm.believe(robot, *row)
    swarm.run(1.0)
    assert all(newest(swarm, robot).voters == everybody for robot in everybody)
    swarm.world.network.split([everybody[:3], everybody[3:]])
    swarm.run(6.0)
    for robot in everybody:
        mine = everybody[:3] if robot in everybody[:3] else everybody[3:]
        assert (newest(swarm, robot).voters, newest(swarm, robot).robots) == (mine, 3)
    # Each half goes on.
    for half in (everybody[:3], everybody[3:]):
        before = {robot: newest(swarm, robot).confidence for robot in half}
        swarm.believe(half[0], 0.1, 0.1, 0.8)
        swarm.run(0.5)
        for robot in half:
            assert newest(swarm, robot).confidence != before[robot]
    swarm.world.network.heal()
    swarm.run(2.0)
    answers = {(newest(swarm, r).voters, newest(swarm, r).confidence) for r in everybody}
    assert {voters for voters, _ in answers} == {everybody}
    assert len(answers) == 1


def test_a_robot_that_is_gone_takes_its_evidence_with_it_though_nobody_heard_it_directly() -> None:
    """In a chain the far end learns of it by the signs of life that no longer come."""
    swarm = Swarm(4, policies=[fused(4)])
    chain(swarm)
    swarm.run(1.0)
    for robot in swarm.robots:
        swarm.believe(robot, *ROWS[robot])
    swarm.run(1.0)
    check(swarm, swarm.robots)
    swarm.world.crash('r1')
    swarm.run(8.0)
    check(swarm, swarm.robots[1:])


def test_a_robot_that_restarts_is_counted_once() -> None:
    """Its new evidence takes the place of that of the boot before, everywhere."""
    swarm = Swarm(4, policies=[fused(4)])
    chain(swarm)
    swarm.run(1.0)
    for robot in swarm.robots:
        swarm.believe(robot, 0.3, 0.4, 0.3)
    swarm.run(1.0)
    swarm.world.crash('r1')
    assert swarm.world.start('r1')
    swarm.run(1.0)
    for robot in swarm.robots:
        swarm.believe(robot, *ROWS[robot])
        swarm.run(0.3)
    swarm.run(1.0)
    check(swarm, swarm.robots)


def test_evidence_on_a_committed_subject_reaches_the_leader_through_others() -> None:
    """The leader does not hear r4, and decides with all four behind it."""
    swarm = Swarm(4, policies=[policy(4, quorum=4, deadline_ns=5 * SECOND)])
    leader = swarm.elect()
    far = next(robot for robot in swarm.robots if robot != leader)
    for one, other in ((leader, far), (far, leader)):
        swarm.world.network.cut_one_way(one, other)
    swarm.run(1.0)
    for robot in swarm.robots:
        swarm.believe(robot, 0.8, 0.1, 0.1)
    swarm.run(1.0)
    [decision] = swarm.decisions(leader)
    assert decision.status is Status.DECIDED
    assert decision.voters == swarm.robots and decision.robots == 4
    # The log says whose evidence it was, and no more.
    assert decision.oldest_age_s == decision.spread == -1.0


def test_evidence_fades() -> None:
    """With a half-life of a second the older evidence weighs half after one more."""
    swarm = Swarm(2, policies=[fused(2, half_life_ns=SECOND)])
    swarm.run(1.0)
    swarm.believe('r1', 0.8, 0.1, 0.1)
    swarm.run(1.0)
    swarm.believe('r2', 0.1, 0.8, 0.1)
    swarm.run(0.1)
    for robot in swarm.robots:
        at_once = next(d for d in swarm.decisions(robot) if d.robots == 2)
        rows = np.log(np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]))
        expected = fuse('log_linear', rows, np.array([0.5, 1.0]))
        assert at_once.choice == 'dog'
        assert at_once.confidence == pytest.approx(expected.max(), abs=0.03)


# -- what others may not do ----------------------------------------------------------------------

COUNT = itertools.count(1)


def frame(sender: str, *messages: object, keys: dict[str, Keys] | None = None) -> FrameArrived:
    """A frame of a robot, ahead of all that it has sent itself."""
    batch = MESSAGES.encode_batch(messages)
    header = FrameHeader(
        VERSION, TrafficClass.BELIEF, swarm_hash('zoo'), sender, '', 2**62, 1, next(COUNT)
    )
    signature = b'' if keys is None else Signer(keys[sender].signing_key).sign(header, batch)
    return FrameArrived(header, batch, signature)


def claim(robot: str, signer: Signer | None = None) -> Item:
    """An item by which a robot says 'fox'."""
    body = BODIES.encode(Evidence(labels_hash(LABELS), (-5.0, -5.0, 0.0), 1.0, 0))
    item = Item(robot, 2**61, 1, 'animal', body)
    if signer is None:
        return item
    return Item(robot, 2**61, 1, 'animal', body, 0, signer.sign_item(swarm_hash('zoo'), item))


def test_with_keys_no_robot_can_say_what_another_believes() -> None:
    """Neither without a signature nor with its own; what the other has signed it may pass on."""
    keys = dict(deal('zoo', names(3), 0, Random(1).randbytes))
    swarm = Swarm(3, policies=[fused(3)], keys=keys)
    swarm.run(1.0)
    own, true = (Signer(keys[robot].signing_key) for robot in ('r2', 'r3'))
    for item in (claim('r3'), claim('r3', own)):
        swarm.world.put('r1', frame('r2', Items((item,)), keys=keys))
        swarm.run(1.2)
        assert not swarm.decisions('r1')
    assert swarm.status('r1').status.evidence_dropped['FORGED'] == 2
    swarm.world.put('r1', frame('r2', Items((claim('r3', true),)), keys=keys))
    swarm.run(0.2)
    assert newest(swarm, 'r1').voters == ('r3',)


def test_a_contribution_is_told_by_the_robot_alone_that_has_it() -> None:
    """The older form of evidence has no signature of its own."""
    swarm = Swarm(3, policies=[fused(3)])
    swarm.run(1.0)
    contribution = Contribution(
        'r3', 2**61, 1, 'animal', labels_hash(LABELS), (-5.0, -5.0, 0.0), 1.0, 0
    )
    swarm.world.put('r1', frame('r2', contribution))
    swarm.run(1.2)
    assert not swarm.decisions('r1')
    assert swarm.status('r1').status.evidence_dropped['FORGED'] == 1
    swarm.world.put('r1', frame('r3', contribution))
    swarm.run(0.2)
    assert newest(swarm, 'r1').choice == 'fox'


def test_noise_in_the_place_of_evidence_is_counted() -> None:
    """A body that does not decode is known and not asked for again."""
    swarm = Swarm(2, policies=[fused(2)])
    swarm.run(1.0)
    swarm.world.put('r1', frame('r2', Items((Item('r2', 2**61, 1, 'animal', b'\xff'),))))
    swarm.run(1.0)
    assert swarm.status('r1').status.evidence_dropped['MALFORMED'] == 1
    assert not swarm.decisions('r1')


def test_where_no_subject_needs_it_nothing_is_said() -> None:
    """Subjects decided by proposals alone cost no hello."""
    swarm = Swarm(3, policies=[policy(3, labels=(), labels_hash=labels_hash(()))])
    sent: list[int] = []
    broadcast = swarm.world.broadcast

    def record(sender: str, frames: Sequence[object]) -> None:
        sent.extend(f.header.traffic_class for f in frames)  # type: ignore[attr-defined]
        broadcast(sender, frames)  # type: ignore[arg-type]

    swarm.world.broadcast = record  # type: ignore[method-assign, assignment]
    swarm.run(3.0)
    assert sent and TrafficClass.BELIEF not in sent


def test_a_subject_that_is_decided_is_compared_no_more() -> None:
    """Between decisions a robot says hello at its own period, with nothing in it to compare."""
    swarm = Swarm(3)
    swarm.elect()
    for robot in swarm.robots:
        swarm.believe(robot, 0.85, 0.1, 0.05)
    swarm.run(1.0)
    assert all(len(swarm.decisions(robot)) == 1 for robot in swarm.robots)
    messages: list[object] = []
    broadcast = swarm.world.broadcast

    def record(sender: str, frames: Sequence[object]) -> None:
        for each in frames:
            if each.header.traffic_class == TrafficClass.BELIEF:  # type: ignore[attr-defined]
                messages.extend(MESSAGES.decode_batch(each.batch))  # type: ignore[attr-defined]
        broadcast(sender, frames)  # type: ignore[arg-type]

    swarm.world.broadcast = record  # type: ignore[method-assign, assignment]
    swarm.run(2.0)
    assert {type(message).__name__ for message in messages} == {'Hello'}
    assert not any(message.digests for message in messages)  # type: ignore[attr-defined]
    assert len(messages) <= 3 * (2 * SECOND // (500 * MILLISECOND) + 1)
