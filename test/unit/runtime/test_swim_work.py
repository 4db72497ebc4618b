"""Who is there, as the whole runtime sees it on virtual time: deaths, leaves, guests, stalls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from swarm_testing.virtual_swarm import LABELS, Swarm, policy

from swarm_consensus.decision.types import Gossip, Level, Status
from swarm_consensus.protocols.gossip.swim.effects import News
from swarm_consensus.protocols.gossip.swim.messages import MESSAGE_TYPES, Digest, Roll, State
from swarm_consensus.runtime.config import MILLISECOND, SECOND, RuntimeConfig
from swarm_consensus.runtime.events import MemberChanged, Notice, StatusReport
from swarm_consensus.runtime.members import Presence
from swarm_consensus.runtime.swim_work import swim_config
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.simulation.network import Faults
from swarm_consensus.simulation.observer import Observer
from swarm_consensus.transport.frame import Frame

GUEST = 'scout'


def told(swarm: Swarm, robot: str, news: News) -> list[str]:
    return [each.robot for each in swarm.outputs(robot, MemberChanged) if each.news is news]


def states(swarm: Swarm, robot: str) -> dict[str, State | None]:
    return {peer.robot: peer.state for peer in swarm.status(robot).status.peers}


def open_swarm(**changes: object) -> Swarm:
    policies = [policy(3, name='weather', level=Level.FUSED, quorum=1), policy(3)]
    return Swarm(3, policies=policies, open_membership=True, **changes)


def join(swarm: Swarm, **changes: object) -> None:
    config = RuntimeConfig(
        swarm='zoo',
        robot=GUEST,
        robots=swarm.robots,
        policies=(policy(3, name='weather', level=Level.FUSED, quorum=1), policy(3)),
        name_probe_ns=0,
        open_membership=True,
    )
    swarm.world.add(replace(config, **changes))  # type: ignore[arg-type]


def test_a_robot_that_dies_is_missed_soon_and_dead_a_little_later() -> None:
    swarm = Swarm(5)
    swarm.elect()
    swarm.run(2.0)
    assert all(
        swarm.status(r).status.alive == swarm.robots for r in swarm.robots
    )
    swarm.world.crash('r2')
    swarm.run(3.0)
    others = [r for r in swarm.robots if r != 'r2']
    assert all('r2' not in swarm.status(r).status.alive for r in others)
    swarm.run(3.0)
    assert all(states(swarm, r)['r2'] is State.DEAD for r in others)
    assert all(told(swarm, r, News.DIED) == ['r2'] for r in others)
    swarm.world.start('r2')
    swarm.run(1.0)
    assert all(told(swarm, r, News.RETURNED) == ['r2'] for r in others)
    assert all(swarm.status(r).status.alive == swarm.robots for r in swarm.robots)


def test_a_robot_that_leaves_is_missed_at_once_and_never_called_dead() -> None:
    swarm = Swarm(3)
    swarm.elect()
    swarm.run(1.0)
    swarm.world.leave('r3')
    swarm.run(0.1)
    for robot in ('r1', 'r2'):
        assert states(swarm, robot)['r3'] is State.LEFT
        assert swarm.status(robot).status.alive == ('r1', 'r2')
    swarm.run(20.0)
    assert not told(swarm, 'r1', News.DIED)
    assert 'r3 has left' in [notice.text for notice in swarm.outputs('r1', Notice)]
    assert not any('not heard' in notice.text for notice in swarm.outputs('r1', Notice))


class Ears(Observer):
    """Counts the messages on the air by their type."""

    def __init__(self) -> None:
        self.kinds: Counter[type] = Counter()

    def sent(self, now_ns: int, robot: str, frames: Sequence[Frame]) -> None:
        for frame in frames:
            self.kinds.update(type(message) for message in MESSAGES.decode_batch(frame.batch))


def test_an_idle_swarm_sends_no_probes() -> None:
    """Signs of life are heard by all, so nobody has to be asked."""
    ears = Ears()
    swarm = Swarm(5, observer=ears)
    swarm.elect()
    swarm.run(5.0)
    ears.kinds.clear()
    swarm.run(60.0)
    kinds = {kind: ears.kinds[kind] for kind in MESSAGE_TYPES}
    # All that is left is to compare hashes, twice a minute.
    assert kinds.pop(Digest) == kinds.pop(Roll) <= 5 * 5
    assert not any(kinds.values()), kinds
    assert ears.kinds[Presence] >= 5 * 2 * 59


def test_a_robot_that_hears_nobody_knows_it_as_soon_as_before() -> None:
    swarm = Swarm(5)
    swarm.elect()
    swarm.run(2.0)
    swarm.world.network.split([['r1'], ['r2', 'r3', 'r4', 'r5']])
    swarm.run(2.6)
    assert swarm.status('r1').status.alive == ('r1',)
    # It may be the one that is cut off, so it does not call the others dead yet.
    assert set(states(swarm, 'r1').values()) == {State.SUSPECT}
    swarm.run(3.0)
    assert states(swarm, 'r2')['r1'] is State.DEAD
    swarm.world.network.heal()
    swarm.run(2.0)
    assert all(set(states(swarm, r).values()) == {State.ALIVE} for r in swarm.robots)
    assert not told(swarm, 'r1', News.DIED)


def test_a_robot_that_two_cannot_hear_is_alive_to_them_by_the_others() -> None:
    swarm = Swarm(4)
    swarm.elect()
    swarm.run(2.0)
    swarm.world.network.cut_one_way('r4', 'r1')
    swarm.run(30.0)
    assert not any(told(swarm, r, News.DIED) for r in swarm.robots)
    assert 'r4' in swarm.status('r1').status.alive
    assert swarm.status('r1').status.peers[2].silence_ns > 20 * SECOND


@pytest.mark.parametrize('loss', [0.1, 0.3])
def test_a_bad_radio_kills_nobody(loss: float) -> None:
    swarm = Swarm(5, faults=Faults(loss=loss))
    swarm.elect()
    swarm.run(60.0)
    assert not any(told(swarm, r, News.DIED) for r in swarm.robots)


def test_a_robot_that_stalls_calls_nobody_dead_when_it_wakes() -> None:
    swarm = Swarm(3)
    swarm.elect()
    swarm.run(2.0)
    swarm.world.stall('r1')
    swarm.run(10.0)
    assert states(swarm, 'r2')['r1'] is State.DEAD
    before = len(swarm.outputs('r1', MemberChanged))
    swarm.world.resume('r1')
    swarm.run(0.05)
    assert swarm.status('r1').status.health > 0
    swarm.run(3.0)
    after = swarm.outputs('r1', MemberChanged)[before:]
    assert [each for each in after if each.news in (News.SUSPECTED, News.DIED)] == []
    assert states(swarm, 'r2')['r1'] is State.ALIVE


def test_a_guest_joins_an_open_swarm_and_counts_at_the_level_fused_only() -> None:
    swarm = open_swarm()
    swarm.elect()
    join(swarm)
    swarm.run(2.0)
    everybody = (*swarm.robots, GUEST)
    for robot in everybody:
        status = swarm.status(robot).status
        assert status.alive == everybody and status.guest == (robot == GUEST)
        assert [peer.robot for peer in status.peers if peer.guest] == [GUEST] * (robot != GUEST)
    swarm.believe(GUEST, 0.05, 0.9, 0.05, subject='weather')
    swarm.believe(GUEST, 0.05, 0.9, 0.05, subject='animal')
    swarm.run(1.0)
    for robot in everybody:
        (fused,) = [d for d in swarm.decisions(robot) if d.subject == 'weather']
        assert (fused.choice, fused.voters) == (LABELS[1], (GUEST,))
        assert not [d for d in swarm.decisions(robot) if d.subject == 'animal']
    # Nobody waits for its evidence where it does not count.
    for robot in swarm.robots:
        swarm.believe(robot, 0.9, 0.05, 0.05, subject='animal/1')
    swarm.run(0.04)
    made = [d for robot in swarm.robots for d in swarm.decisions(robot) if 'animal' in d.subject]
    assert [d.voters for d in made] == [swarm.robots] * 3


def test_a_guest_is_asked_in_vain_for_what_needs_the_log_or_an_agreement() -> None:
    swarm = open_swarm()
    swarm.elect()
    join(swarm)
    swarm.run(1.0)
    key = swarm.propose(GUEST, 'charger')
    waiting = swarm.decide(GUEST, 'animal/2')
    reading = swarm.read(GUEST, 'animal/1')
    swarm.run(0.1)
    for answer in (swarm.proposed(key), swarm.decided(waiting), swarm.was_read(reading)):
        assert answer is not None and answer.status is Status.REFUSED
        assert 'is a guest' in answer.reason
    # And it hears nothing of the log.
    swarm.propose('r1', 'charger')
    swarm.run(1.0)
    assert swarm.status('r1').status.last_index > 0
    assert swarm.status(GUEST).status.last_index == 0
    assert swarm.status('r1').status.voters == swarm.robots


def test_a_guest_that_is_gone_is_forgotten_and_makes_room() -> None:
    swarm = open_swarm(members_max=4, member_keep_ns=10 * SECOND)
    swarm.elect()
    join(swarm)
    swarm.run(1.0)
    swarm.world.leave(GUEST)
    swarm.run(1.0)
    assert states(swarm, 'r1')[GUEST] is State.LEFT
    swarm.run(12.0)
    assert GUEST not in states(swarm, 'r1') and told(swarm, 'r1', News.FORGOTTEN) == [GUEST]
    join(swarm)
    swarm.run(1.0)
    assert states(swarm, 'r1')[GUEST] is State.ALIVE


def test_a_closed_swarm_does_not_hear_guests_nor_of_them() -> None:
    swarm = Swarm(3)
    swarm.elect()
    join(swarm)
    swarm.run(3.0)
    for robot in swarm.robots:
        assert swarm.status(robot).status.alive == swarm.robots
        assert swarm.status(robot).status.frames.stranger > 0


def test_the_status_is_told_when_a_robot_changes() -> None:
    swarm = Swarm(3, status_period_ns=60 * SECOND)
    swarm.elect()
    swarm.run(2.0)
    before = len(swarm.outputs('r1', StatusReport))
    swarm.world.leave('r2')
    swarm.run(0.1)
    assert len(swarm.outputs('r1', StatusReport)) > before


@pytest.mark.parametrize('tick_ms', [1, 20, 100, 1000])
def test_the_settings_fit_ticks_of_any_length(tick_ms: int) -> None:
    config = RuntimeConfig(
        swarm='zoo', robot='r1', robots=('r1', 'r2'), policies=(), tick_ns=tick_ms * MILLISECOND
    )
    settings = swim_config(config, 1, None)
    assert 2 * settings.probe_timeout_ticks < settings.probe_ticks


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'robot': GUEST}, 'write `membership: open` for all robots'),
        ({'probe_timeout_ns': 250 * MILLISECOND}, 'must be less than half of probe_period'),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, object], message: str) -> None:
    config = RuntimeConfig(swarm='zoo', robot='r1', robots=('r1', 'r2'), policies=())
    with pytest.raises(ValueError, match=message):
        replace(config, **changes)  # type: ignore[arg-type]


def test_what_a_guest_believes_travels_to_robots_that_do_not_hear_it() -> None:
    swarm = open_swarm()
    swarm.elect()
    join(swarm)
    swarm.run(2.0)
    swarm.world.network.cut_one_way(GUEST, 'r3')
    swarm.believe(GUEST, 0.05, 0.9, 0.05, subject='weather')
    swarm.run(1.0)
    assert [d.voters for d in swarm.decisions('r3')] == [(GUEST,)]
    # With the guest its evidence leaves.
    swarm.world.leave(GUEST)
    swarm.believe('r1', 0.9, 0.05, 0.05, subject='weather')
    swarm.run(1.0)
    assert swarm.decisions('r3')[-1].voters == ('r1',)


@pytest.mark.parametrize('gossip', [Gossip.AVERAGING, Gossip.ROBUST])
def test_a_guest_does_not_disturb_what_needs_robots_that_all_know(gossip: Gossip) -> None:
    subject = policy(5, name='weather', level=Level.FUSED, quorum=1, gossip=gossip, liars=1)
    swarm = Swarm(5, policies=[subject], open_membership=True)
    swarm.elect()
    join(swarm, robots=swarm.robots, policies=(subject,))
    swarm.run(2.0)
    for _ in range(20):
        swarm.believe(GUEST, 0.98, 0.01, 0.01, subject='weather')
        for robot in swarm.robots:
            swarm.believe(robot, 0.1, 0.8, 0.1, subject='weather')
        swarm.run(0.5)
    for robot in swarm.robots:
        last = swarm.decisions(robot)[-1]
        assert (last.choice, last.status, last.robots) == (LABELS[1], Status.DECIDED, 5)
    assert not swarm.decisions(GUEST)
