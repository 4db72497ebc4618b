"""A small swarm on virtual time whose subjects are of the level agreed, with its rules watched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.types import Decision, Level
from swarm_consensus.runtime.robot import RobotRuntime
from swarm_consensus.simulation.network import Faults
from swarm_consensus.simulation.observer import Observer, Observers
from swarm_consensus.simulation.referee import Referee
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.frame import Frame, TrafficClass
from swarm_consensus.transport.keys import Keys
from swarm_testing.virtual_swarm import Swarm, names, policy


def policies(robots: int, **changes: object) -> list[Policy]:
    """
    Return the subjects of these tests: 'animal' has labels, the others take proposals.

    One proposal decides 'goal' and any subject below it; f + 1 must stand behind those of 'pact'.
    """
    proposals = policy(robots, labels=(), labels_hash=0, level=Level.AGREED, **changes)
    return [
        policy(robots, level=Level.AGREED, **changes),
        replace(proposals, name='goal', support=1),
        replace(proposals, name='pact', support=0),
    ]


class FrameCount(Observer):
    """Counts frames with messages of agreements, by robot."""

    def __init__(self) -> None:
        self.sent_by: Counter[str] = Counter()
        self.frames: list[tuple[str, Frame]] = []
        self.keep = False

    def sent(self, now_ns: int, robot: str, frames: Sequence[Frame]) -> None:
        """Count."""
        for frame in frames:
            if frame.header.traffic_class in (TrafficClass.AGREEMENT, TrafficClass.BULK):
                self.sent_by[robot] += 1
                if self.keep:
                    self.frames.append((robot, frame))

    def take(self) -> int:
        """Return how many were sent since this was last asked."""
        count = self.sent_by.total()
        self.sent_by.clear()
        return count


class AgreedSwarm(Swarm):
    """
    Robots r1..rN that bear one liar, or `faults` robots that crash.

    Every outcome at every robot and every word of every robot is held against the others.

    :ivar count: of frames.
    """

    def __init__(
        self,
        robots: int = 4,
        seed: int = 1,
        faults: Faults = Faults(),  # noqa: B008
        *,
        lies: bool = True,
        bears: int = 1,
        keyed: bool = False,
        subject: dict[str, object] | None = None,
        settle: float = 0.3,
        **changes: object,
    ) -> None:
        self.count = FrameCount()
        self.referee = Referee()
        self.keys: dict[str, Keys] | None = None
        if keyed:
            self.keys = deal('zoo', names(robots), bears, Random(seed).randbytes)
        super().__init__(
            robots,
            seed,
            faults,
            policies(robots, **(subject or {})),
            observer=Observers(self.referee, self.count),
            keys=self.keys,
            agreed_lies=lies,
            agreed_faults=bears,
            **changes,
        )
        self.run(settle)

    def runtime(self, robot: str) -> RobotRuntime:
        """Return the runtime of a robot that is up."""
        runtime = self.world.runtime(robot)
        assert runtime is not None, f'{robot} is down'
        return runtime

    def epoch(self, robot: str, subject: str = 'goal') -> int:
        """Return the newest epoch that a robot has settled."""
        return self.runtime(robot)._agreed.agreement.standing(subject)[0]

    def in_force(self, robot: str, subject: str = 'goal') -> tuple[int, str]:
        """Return revision and choice of the decision in force at a robot."""
        decision = self.runtime(robot)._agreed.subjects.current(subject)
        return (0, '') if decision is None else (decision.revision, decision.choice)

    def quiet(self, robot: str) -> bool:
        """Return whether nothing of the level is open at a robot."""
        return self.runtime(robot)._agreed.idle

    def published(self, robot: str, subject: str = 'goal') -> list[Decision]:
        """Decisions on a subject that a robot published."""
        return [made for made in self.decisions(robot) if made.subject == subject]
