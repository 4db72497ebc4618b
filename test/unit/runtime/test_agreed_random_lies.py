"""Liars say anything that can be said, to some robots and not to others, while robots crash."""

from __future__ import annotations

from random import Random

import pytest
from swarm_testing.agreed_swarm import AgreedSwarm
from swarm_testing.liar import Liar, accusation

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.agreement.broadcast import digest
from swarm_consensus.protocols.agreement.messages import (
    Kind,
    OutcomeTold,
    OutcomeWanted,
    PiecesWanted,
    Standings,
    StandingsWanted,
    Statement,
    Vote,
)
from swarm_consensus.runtime.events import Misbehaved
from swarm_consensus.simulation.fuse import CrashPoint, Fuse
from swarm_consensus.simulation.network import Faults

SUBJECTS = ('goal', 'goal', 'goal/a', 'pact', 'animal', 'of another level')


class Lies:
    """What one liar says next, at random."""

    def __init__(self, swarm: AgreedSwarm, liar: Liar, random: Random) -> None:
        self._swarm = swarm
        self._liar = liar
        self._random = random
        self._robots = len(swarm.robots)

    def next(self, newest: int) -> object:
        """Return a message about an epoch near to the newest one, if not far from it."""
        random = self._random
        epoch = max(1, newest + random.choice([-1, 0, 1, 1, 1, 2, 3, 5, 50]))
        subject = random.choice(SUBJECTS)
        frames = [frame for _, frame in self._swarm.count.frames[-50:]]
        outcome = random.randbytes(20)
        return random.choice(
            [
                self._liar.piece(random.choice('xyz'), epoch, subject),
                self._liar.piece(random.choice('xyz'), epoch, subject),
                self._statement(subject, epoch),
                self._statement(subject, epoch),
                self._statement(subject, epoch),
                PiecesWanted(subject, epoch, random.randrange(self._robots), bytes(32), ()),
                OutcomeWanted(subject, epoch),
                OutcomeTold(subject, ((epoch + 10, digest(outcome)),), outcome),
                StandingsWanted(''),
                Standings('', ((subject, epoch + 1000, epoch + 2000),), random.random() < 0.5),
                accusation(random.choice(frames), random.choice(frames)),
            ]
        )

    def _statement(self, subject: str, epoch: int) -> Statement:
        random, robots = self._random, range(self._robots)

        def links() -> tuple[tuple[int, bytes], ...]:
            return tuple(
                (random.choice(robots), random.choice([bytes(32), random.randbytes(32)]))
                for _ in range(random.randrange(3))
            )

        return Statement(
            subject,
            epoch,
            random.random() < 0.5,
            links(),
            links(),
            tuple(self._vote() for _ in range(random.randrange(4))),
            ((random.choice(robots), random.randint(1, 4), random.randbytes(96)),),
            random.choice([b'', bytes(32), random.randbytes(32)]),
        )

    def _vote(self) -> Vote:
        random = self._random
        mask = random.randrange(1, 1 << self._robots).to_bytes(1, 'little')
        return random.choice(list(Kind)), random.randint(1, 4), random.randint(0, 3), mask


@pytest.mark.parametrize(('robots', 'seed'), [(4, 1), (4, 2), (4, 3), (7, 4)])
def test_honest_robots_go_on_agree_and_accuse_nobody_who_is_innocent(
    robots: int, seed: int
) -> None:
    random = Random(seed)
    bears = (robots - 1) // 3
    swarm = AgreedSwarm(robots, seed, Faults(loss=0.1), bears=bears, keyed=True)
    honest, liars = swarm.robots[:-bears], swarm.robots[-bears:]
    swarm.count.keep = True
    voices = [Liar(swarm, liar) for liar in liars]
    lies = [Lies(swarm, voice, random) for voice in voices]
    swarm.propose('r1', 'begin', 'goal')
    swarm.run(0.3)
    for step in range(40):
        newest = swarm.referee.outcomes.newest('goal')
        for voice, tongue in zip(voices, lies, strict=True):
            for _ in range(random.randrange(6)):
                message = tongue.next(newest)
                voice.say(message, to=random.sample(honest, random.randint(1, len(honest))))
        robot = random.choice(honest[1:])
        if not swarm.world.up(robot):
            swarm.world.start(robot)
        elif random.random() < 0.1:
            swarm.world.arm(robot, Fuse(random.choice(list(CrashPoint)), random.randint(1, 5)))
        else:
            swarm.propose(robot, f'place {step}', random.choice(['goal', 'pact']))
        swarm.run(random.random() * 0.08)
    swarm.world.network.faults = Faults()
    for robot in honest:
        swarm.world.arm(robot, None)
        if not swarm.world.up(robot):
            swarm.world.start(robot)
    swarm.run(10)
    for subject in ('goal', 'goal/a', 'pact', 'animal'):
        assert len({swarm.in_force(robot, subject) for robot in honest}) == 1, f'seed {seed}'
    accused = {told.robot for robot in honest for told in swarm.outputs(robot, Misbehaved)}
    assert accused <= set(liars), f'seed {seed}'
    key = swarm.propose('r1', 'end', 'goal')
    swarm.run(2)
    decision = swarm.proposed(key)
    assert decision is not None and decision.status is Status.DECIDED, f'seed {seed}'
