"""With keys a robot that contradicts itself is proved to lie, and nobody else ever is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from swarm_testing.agreed_swarm import AgreedSwarm
from swarm_testing.liar import Liar, accusation

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.agreement.messages import Kind, Statement
from swarm_consensus.runtime.accusations import Accusation
from swarm_consensus.runtime.events import Misbehaved, Notice
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.simulation.network import Faults
from swarm_consensus.transport.frame import Frame, TrafficClass
from swarm_consensus.transport.signing import Verifier

HONEST = ('r1', 'r2', 'r3')


def swarm_with_liar(**changes: object) -> tuple[AgreedSwarm, Liar]:
    """Return a swarm of four with keys, of which r4 lies."""
    swarm = AgreedSwarm(4, keyed=True, **changes)
    return swarm, Liar(swarm, 'r4')


def vote(value: int, epoch: int = 1) -> Statement:
    """Return a vote of the last round, of which there is one value only."""
    return Statement('goal', epoch, False, votes=((Kind.AUX, 1, value, b'\1'),))


def proved(swarm: AgreedSwarm, robot: str) -> list[Misbehaved]:
    """Return what a robot told of liars."""
    return swarm.outputs(robot, Misbehaved)


def test_two_inputs_of_one_robot_are_proved_once_at_every_honest_robot() -> None:
    """One of them sees both; it shows them to the others."""
    swarm, liar = swarm_with_liar()
    liar.say(liar.piece('north'), to=('r1', 'r2'))
    liar.say(liar.piece('south'), to=('r3', 'r2'))
    swarm.run(1)
    for robot in HONEST:
        (told,) = proved(swarm, robot)
        assert (told.robot, told.excluded) == ('r4', False)
        assert told.what == 'two inputs in epoch 1 of goal'
        found = MESSAGES.decode(told.proof)
        assert isinstance(found, Accusation)
        assert swarm.status(robot).status.accused == ('r4',)
    key = swarm.propose('r1', 'charger', 'goal')
    swarm.run(1)
    decision = swarm.proposed(key)
    assert decision is not None and decision.status is Status.DECIDED
    # It goes on lying, and is old news.
    liar.say(liar.piece('east', 5))
    liar.say(liar.piece('west', 5))
    swarm.run(1)
    assert all(len(proved(swarm, robot)) == 1 for robot in HONEST)


def test_two_contents_of_one_slot_are_proved() -> None:
    swarm, liar = swarm_with_liar()
    liar.say(vote(0))
    liar.say(vote(1))
    swarm.run(0.5)
    for robot in HONEST:
        (told,) = proved(swarm, robot)
        assert told.what == 'two contents of slot aux 0 1 in epoch 1 of goal'


def test_a_proof_is_kept_over_a_reboot_and_told_no_second_time() -> None:
    swarm, liar = swarm_with_liar()
    liar.say(vote(0))
    liar.say(vote(1))
    swarm.run(0.5)
    for robot in HONEST:
        swarm.world.crash(robot)
        swarm.world.start(robot)
    swarm.run(1.5)
    for robot in HONEST:
        assert len(proved(swarm, robot)) == 1
        assert swarm.status(robot).status.accused == ('r4',)
    liar.say(vote(0, 2))
    liar.say(vote(1, 2))
    swarm.run(0.5)
    assert all(len(proved(swarm, robot)) == 1 for robot in HONEST)


def test_a_robot_that_was_down_hears_of_the_proof_later() -> None:
    swarm, liar = swarm_with_liar()
    swarm.world.crash('r3')
    liar.say(vote(0))
    liar.say(vote(1))
    swarm.run(0.5)
    swarm.world.start('r3')
    swarm.run(2)
    (told,) = proved(swarm, 'r3')
    assert told.robot == 'r4'


def test_a_proof_comes_to_all_where_most_frames_are_lost() -> None:
    for seed in range(1, 6):
        swarm = AgreedSwarm(4, seed, Faults(loss=0.6), keyed=True)
        liar = Liar(swarm, 'r4')
        liar.say(vote(0), to=('r1',))
        liar.say(vote(1), to=('r1',))
        # The longer robots differ the seldomer one looks, and six of ten answers are lost.
        swarm.run(90)
        assert all(len(proved(swarm, robot)) == 1 for robot in HONEST), f'seed {seed}'


def test_on_exclude_it_is_heard_no_more_and_the_leader_takes_it_out() -> None:
    swarm, liar = swarm_with_liar(agreed_exclude=True)
    leader = swarm.elect()
    if leader == 'r4':
        leader = swarm.elect()
    liar.say(vote(0))
    liar.say(vote(1))
    swarm.run(8)
    for robot in HONEST:
        (told,) = proved(swarm, robot)
        assert told.excluded
        assert swarm.status(robot).status.voters == HONEST
    before = swarm.runtime('r1')._agreed.agreement.dropped['MUTED']
    liar.say(liar.piece('north', 1))
    assert swarm.runtime('r1')._agreed.agreement.dropped['MUTED'] == before + 1
    # It is still so after a reboot.
    swarm.world.crash('r1')
    swarm.world.start('r1')
    swarm.run(1)
    liar.say(liar.piece('north', 2))
    assert swarm.runtime('r1')._agreed.agreement.dropped['MUTED'] == 1
    key = swarm.propose('r1', 'charger', 'goal')
    swarm.run(1)
    decision = swarm.proposed(key)
    assert decision is not None and decision.status is Status.DECIDED


def test_a_liar_with_two_inputs_cannot_make_honest_robots_differ() -> None:
    for seed in range(1, 5):
        swarm = AgreedSwarm(4, seed, keyed=True)
        liar = Liar(swarm, 'r4')
        for epoch in range(1, 6):
            liar.say(liar.piece('north', epoch), to=('r1',))
            liar.say(liar.piece('south', epoch), to=('r2', 'r3'))
            swarm.propose('r1', f'place {epoch}', 'goal')
            swarm.run(0.2)
        swarm.run(3)
        assert len({swarm.in_force(robot) for robot in HONEST}) == 1
        assert swarm.epoch('r1') >= 5


class Checks:
    """Counts the signatures that were looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        checked = Verifier.signed

        def signed(verifier: Verifier, *arguments: object) -> bool:
            self.count += 1
            return checked(verifier, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(Verifier, 'signed', signed)


def test_accusations_that_prove_nothing_are_dropped_and_cost_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    swarm, liar = swarm_with_liar()
    innocent = Liar(swarm, 'r3')
    forger = Liar(swarm, 'r3', key_of='r4')
    swarm.run(0.1)
    first = innocent.frame(vote(0))
    twice = innocent.frame(vote(1))
    stranger = replace(accusation(first, twice).first, sender='r9')
    elsewhere = first._replace(header=replace(first.header, swarm=1))
    garbage = Frame(first.header, b'\xc1\xff', first.signature)
    bogus = {
        'the same frame twice': accusation(first, first),
        'no contradiction': accusation(first, innocent.frame(vote(0))),
        'of two epochs': accusation(first, innocent.frame(vote(1, 2))),
        'wrong signature': accusation(first, forger.frame(vote(1))),
        'no signature': accusation(first, twice._replace(signature=b'')),
        'of two robots': accusation(first, liar.frame(vote(1))),
        'a stranger': Accusation(stranger, replace(stranger, sequence=99)),
        'another swarm': accusation(elsewhere, twice),
        'not to be decoded': accusation(garbage, garbage),
    }
    for what, each in bogus.items():
        swarm = AgreedSwarm(4, keyed=True)
        accuser = Liar(swarm, 'r4')
        accuser.say(each)
        checks = Checks(monkeypatch)
        frame = accuser.frame(*[each] * 50)
        accuser.send(frame, to=('r1',))
        # That of the frame itself, and no other after the first accusation.
        assert checks.count == 1, what
        swarm.run(0.3)
        for robot in HONEST:
            assert not proved(swarm, robot), what
            assert not swarm.status(robot).status.accused, what
            assert not [n for n in swarm.outputs(robot, Notice) if 'lies' in n.text], what


def test_a_true_accusation_by_another_robot_counts_after_a_bogus_one_by_the_first() -> None:
    swarm, liar = swarm_with_liar()
    bogus = accusation(liar.frame(vote(0)), liar.frame(vote(0)))
    liar.say(bogus)
    true = accusation(liar.frame(vote(0)), liar.frame(vote(1)))
    Liar(swarm, 'r3').say(true)
    swarm.run(0.3)
    assert [told.robot for told in proved(swarm, 'r1')] == ['r4']


def test_nobody_believes_what_it_is_told_of_itself() -> None:
    """Not even where the frames are its own; the others judge of that."""
    swarm, _ = swarm_with_liar()
    impostor = Liar(swarm, 'r3')
    accuser = Liar(swarm, 'r4')
    true = accusation(impostor.frame(vote(0)), impostor.frame(vote(1)))
    swarm.world.start('r3')
    accuser.say(true, to=('r3',))
    swarm.run(0.3)
    assert not proved(swarm, 'r3')


def test_words_in_frames_too_large_for_a_proof_are_not_heard() -> None:
    swarm, liar = swarm_with_liar()
    for value in (0, 1):
        liar.send(liar.frame(vote(value), as_class=TrafficClass.LOG))
    swarm.run(0.3)
    assert swarm.runtime('r1')._agreed.agreement.dropped == {'WRONG_CLASS': 2}
    assert not proved(swarm, 'r1')


def test_without_keys_a_contradiction_is_counted_and_nobody_is_accused() -> None:
    swarm = AgreedSwarm(4)
    keyed = AgreedSwarm(4, keyed=True)
    swarm.keys = keyed.keys
    liar = Liar(swarm, 'r4')
    for value in (0, 1):
        liar.send(liar.frame(vote(value))._replace(signature=b''))
    swarm.run(0.3)
    assert swarm.runtime('r1')._agreed.agreement.dropped['CONTRADICTION'] == 1
    assert not proved(swarm, 'r1')
