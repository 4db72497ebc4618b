"""A swarm with keys: it works as one without, and nobody without a key moves anything in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from swarm_testing.virtual_swarm import Swarm, names

from swarm_consensus.decision.types import Status
from swarm_consensus.runtime.config import MILLISECOND, SECOND, RuntimeConfig
from swarm_consensus.runtime.events import FrameArrived, NameTaken
from swarm_consensus.runtime.members import NameInUse, Presence
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.simulation.network import Faults
from swarm_consensus.simulation.world import World
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.frame import VERSION, Frame, FrameHeader, TrafficClass
from swarm_consensus.transport.hashes import swarm_hash
from swarm_consensus.transport.signing import Signer, Verifier

ROBOTS = names(3)
KEYS = deal('zoo', ROBOTS, 0, Random(1).randbytes)
STRANGE = deal('zoo', ROBOTS, 0, Random(2).randbytes)
LARGEST = 2**64 - 1


class Recorder:
    """Keeps every frame that is sent in a world."""

    def __init__(self, world: World) -> None:
        self.frames: list[Frame] = []
        broadcast = world.broadcast

        def record(sender: str, frames: Sequence[Frame]) -> None:
            self.frames += frames
            broadcast(sender, frames)

        world.broadcast = record  # type: ignore[method-assign]


def decides(swarm: Swarm) -> None:
    """Every robot has a value committed."""
    for robot in swarm.robots:
        key = swarm.propose(robot, robot)
        swarm.run(0.5)
        answer = swarm.proposed(key)
        assert answer is not None and answer.status is Status.DECIDED, (robot, answer)


def forged(sender: str, number: int, signature: bytes = b'', to: str = '') -> FrameArrived:
    """Return a frame as a forger makes it: right in all but the signature, and far ahead."""
    batch = MESSAGES.encode_batch([Presence(probing=bool(number % 2))])
    header = FrameHeader(
        VERSION, TrafficClass.ELECTION, swarm_hash('zoo'), sender, to, LARGEST, LARGEST,
        LARGEST - number,
    )  # fmt: skip
    return FrameArrived(header, batch, signature)


def test_a_swarm_with_keys_decides_and_every_frame_of_it_is_signed() -> None:
    swarm = Swarm(3, keys=KEYS, name_probe_ns=SECOND)
    recorder = Recorder(swarm.world)
    swarm.elect()
    decides(swarm)
    verifier = Verifier(KEYS['r1'].public.robots)
    assert len({frame.header.traffic_class for frame in recorder.frames}) >= 2
    assert all(verifier.signed(*frame) for frame in recorder.frames)
    for robot in ROBOTS:
        counters = swarm.status(robot).status.frames
        assert counters.accepted > 0 and counters.forged == counters.impostor == 0


@pytest.mark.parametrize('keys', [None, STRANGE], ids=['no keys', 'other keys'])
def test_a_robot_without_the_keys_of_the_swarm_is_not_heard_and_hears_nobody(
    keys: object,
) -> None:
    mixed = {**KEYS, 'r3': STRANGE['r3']}
    if keys is None:
        del mixed['r3']
    swarm = Swarm(3, keys=mixed)
    swarm.elect()
    decides_alone = swarm.propose('r3', 'x', timeout=1.0)
    swarm.run(2.0)
    answer = swarm.proposed(decides_alone)
    assert answer is None or answer.status is not Status.DECIDED
    for robot in ('r1', 'r2'):
        key = swarm.propose(robot, robot)
        swarm.run(0.5)
        committed = swarm.proposed(key)
        assert committed is not None and committed.status is Status.DECIDED
        assert 'r3' not in swarm.status(robot).status.alive
        assert swarm.status(robot).status.frames.forged > 0


def test_forged_frames_change_nothing_but_a_counter() -> None:
    swarm = Swarm(3, keys=KEYS)
    swarm.elect()
    before = {robot: swarm.status(robot).status for robot in ROBOTS}
    for number in range(40):
        for victim in ROBOTS:
            for sender in ROBOTS:
                signer = Signer(STRANGE[sender].signing_key)
                bare = forged(sender, number)
                wrong = signer.sign(bare.header, bare.batch)
                for signature in (b'', bytes(64), wrong):
                    swarm.world.put(victim, replace(bare, signature=signature))
    decides(swarm)
    swarm.run(2.0)
    for robot in ROBOTS:
        status = swarm.status(robot).status
        assert not swarm.outputs(robot, NameTaken)
        # In 40 turns of three senders and three wrong signatures.
        assert status.frames.forged == 40 * 9 and status.frames.impostor == 0
        assert status.frames.received == status.frames.accepted + status.frames.dropped
        assert (status.term, status.leader) == (before[robot].term, before[robot].leader)


def test_forged_frames_keep_no_robot_from_taking_part() -> None:
    """While it listens for its name, somebody claims it, and says that others are there."""
    swarm = Swarm(3, keys=KEYS, name_probe_ns=SECOND)
    for number in range(30):
        for victim in ROBOTS:
            for sender in ROBOTS:
                swarm.world.put(victim, forged(sender, number))
                swarm.world.put(victim, forged(sender, number, to=sender))
        swarm.run(0.05)
    swarm.elect()
    decides(swarm)
    assert not any(swarm.outputs(robot, NameTaken) for robot in ROBOTS)


def test_nobody_is_there_because_a_frame_that_nobody_signed_says_so() -> None:
    """A robot alone listens longer for its name; frames for others do not make it less alone."""
    swarm = Swarm(3, keys=KEYS, name_probe_ns=SECOND)
    swarm.world.network.split([['r1'], ['r2', 'r3']])
    for number in range(20):
        swarm.world.put('r1', forged('r3', number, to='r2'))
        swarm.run(0.15)
    early = swarm.propose('r1', 'a', timeout=0.5)
    swarm.run(0.8)
    assert swarm.proposed(early) is None
    swarm.run(2.0)
    answer = swarm.proposed(early)
    assert answer is not None and answer.status is Status.NO_QUORUM


def test_what_earlier_boots_have_signed_drives_nobody_out_when_it_is_sent_again() -> None:
    """Recorded frames are signed by our key; only a newer boot, or an answer to us, counts."""
    swarm = Swarm(3, keys=KEYS, name_probe_ns=SECOND)
    recorder = Recorder(swarm.world)
    victim = swarm.elect()
    decides(swarm)
    swarm.world.crash(victim)
    recorded = [frame for frame in recorder.frames if frame.header.sender == victim]
    assert len(recorded) > 20
    swarm.world.start(victim)
    for _ in range(10):
        for frame in recorded[-20:]:
            for robot in ROBOTS:
                swarm.world.put(robot, FrameArrived(*frame))
        swarm.run(0.3)
    assert not swarm.outputs(victim, NameTaken)
    assert swarm.status(victim).status.frames.impostor > 0
    decides(swarm)


@pytest.mark.parametrize(('tellers', 'refused'), [(['r4'], False), (['r3', 'r4'], True)])
def test_a_robot_that_lies_cannot_talk_another_out_of_its_name(
    tellers: list[str], refused: bool
) -> None:
    """As many as may lie say that the name is in use, again and again; one more is believed."""
    keys = deal('zoo', names(4), 1, Random(1).randbytes)
    swarm = Swarm(4, keys=keys)
    swarm.elect()
    recorder = Recorder(swarm.world)
    swarm.world.crash('r1')
    swarm.world.configure('r1', lambda config: replace(config, name_probe_ns=SECOND))
    swarm.world.start('r1')
    swarm.run(0.3)
    probe = next(frame.header for frame in recorder.frames if frame.header.to == 'r1')
    assert probe.sender == 'r1'
    batch = MESSAGES.encode_batch([NameInUse('r1', LARGEST, probe.nonce)], ['r1'])
    for number in range(5):
        for teller in tellers:
            header = FrameHeader(
                VERSION, TrafficClass.ELECTION, swarm_hash('zoo'), teller, 'r1', LARGEST, 1,
                number + 1,
            )  # fmt: skip
            signature = Signer(keys[teller].signing_key).sign(header, batch)
            swarm.world.put('r1', FrameArrived(header, batch, signature))
    swarm.run(2.0)
    assert bool(swarm.outputs('r1', NameTaken)) is refused


# -- two robots with one name and one key ----------------------------------------------------------


def namesakes(pause_ns: int, probe_ns: int = SECOND) -> list[tuple[str, str]]:
    """Two robots named r1 with the same key, one later; returns who was refused and why."""
    refused: list[tuple[str, str]] = []

    def listen(_time_ns: int, place: str, output: object) -> None:
        if isinstance(output, NameTaken):
            refused.append((place, output.reason))

    config = RuntimeConfig('zoo', 'r1', names(1), (), name_probe_ns=probe_ns)
    world = World(3, [config], listener=listen, keys=KEYS)

    def second() -> None:
        world.add(config, 'second r1')
        # A later boot has a larger number.
        world.crash('second r1')
        world.start('second r1')

    world.at(pause_ns, second)
    world.run(pause_ns + 5 * SECOND)
    return refused


@pytest.mark.parametrize('pause_ms', [1, 200, 950, 1001, 5000])
def test_one_of_two_robots_with_the_same_key_is_refused(pause_ms: int) -> None:
    """A folder that was copied to two robots: the newcomer gives way where one takes part."""
    refused = namesakes(pause_ms * MILLISECOND)
    assert len(refused) == 1
    place, reason = refused[0]
    assert "another robot named 'r1' is in swarm 'zoo'" in reason
    if pause_ms > 1000 * 4:
        assert place == 'second r1'


def test_two_robots_with_one_key_that_never_probed_part_when_they_meet() -> None:
    assert len(namesakes(SECOND, probe_ns=0)) == 1


def test_a_refused_newcomer_leaves_the_robot_of_its_name_in_the_swarm() -> None:
    swarm = Swarm(3, keys=KEYS, name_probe_ns=SECOND)
    leader = swarm.elect()
    swarm.world.add(RuntimeConfig('zoo', leader, ROBOTS, ()), 'namesake')
    swarm.run(2.0)
    swarm.world.crash('namesake')
    swarm.world.start('namesake')
    swarm.run(2.0)
    assert len(swarm.outputs('namesake', NameTaken)) == 2
    assert not swarm.outputs(leader, NameTaken)
    decides(swarm)


def test_a_robot_that_reboots_at_once_is_not_taken_for_its_own_namesake() -> None:
    faults = Faults(delay_max_ns=200 * MILLISECOND)
    for seed in range(5):
        swarm = Swarm(3, seed, faults, keys=KEYS, name_probe_ns=SECOND)
        victim = swarm.elect()
        swarm.world.crash(victim)
        swarm.world.start(victim)
        swarm.run(5.0)
        assert not swarm.outputs(victim, NameTaken), f'seed {seed}'
