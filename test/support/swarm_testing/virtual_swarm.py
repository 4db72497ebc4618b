"""A small swarm on virtual time for the tests of the runtime, with everything told kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
import itertools
import math
from types import MappingProxyType
from typing import TypeVar

from swarm_consensus.decision.policy import Policy, quorum_of
from swarm_consensus.decision.types import ANY_REVISION, Decision, Level
from swarm_consensus.missions import Registry
from swarm_consensus.protocols.keyvalue import Event, Operation
from swarm_consensus.runtime.config import MILLISECOND, SECOND, RuntimeConfig
from swarm_consensus.runtime.events import (
    BeliefSeen,
    ChangeAnswered,
    ChangeAsked,
    DecideAnswered,
    DecideAsked,
    DecisionMade,
    KeyValueAnswered,
    KeyValueAsked,
    Output,
    ProposeAnswered,
    ProposeAsked,
    RangeAnswered,
    RangeAsked,
    ReadAnswered,
    ReadAsked,
    StatusReport,
    TransferAnswered,
    TransferAsked,
    WatchAsked,
    WatchTold,
)
from swarm_consensus.runtime.models import ModelSetup
from swarm_consensus.simulation.network import Faults
from swarm_consensus.simulation.observer import Observer
from swarm_consensus.simulation.world import World
from swarm_consensus.transport.hashes import labels_hash
from swarm_consensus.transport.keys import Keys

LABELS = ('cat', 'dog', 'fox')
OutputT = TypeVar('OutputT')


def policy(robots: int, **changes: object) -> Policy:
    """Policy of the subject 'animal', changed."""
    base = Policy(
        name='animal',
        labels=LABELS,
        labels_hash=labels_hash(LABELS),
        level=Level.COMMITTED,
        quorum=quorum_of('majority', robots),
        confidence=0.8,
        settle_ns=50 * MILLISECOND,
        deadline_ns=SECOND,
        decide_at_deadline=True,
        revise=False,
        evidence_age_max_ns=5 * SECOND,
        fusion='log_linear',
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def names(count: int) -> tuple[str, ...]:
    """Robot names r1, r2, ..."""
    return tuple(f'r{n + 1}' for n in range(count))


class Swarm:
    """Robots r1..rN in a world, and what they told."""

    def __init__(
        self,
        robots: int = 3,
        seed: int = 1,
        faults: Faults = Faults(),  # noqa: B008
        policies: Sequence[Policy] | None = None,
        *,
        observer: Observer | None = None,
        keys: Mapping[str, Keys] | None = None,
        models: Sequence[ModelSetup] = (),
        missions: Callable[[str], Registry] | None = None,
        own: Mapping[str, Mapping[str, object]] = MappingProxyType({}),
        **changes: object,
    ) -> None:
        self.robots = names(robots)
        self.told: list[tuple[int, str, Output]] = []
        self._keys = itertools.count(1)
        configs = [
            replace(
                RuntimeConfig(
                    swarm='zoo',
                    robot=robot,
                    robots=self.robots,
                    policies=tuple(policies or [policy(robots)]),
                    name_probe_ns=0,
                ),
                **{**changes, **own.get(robot, {})},  # type: ignore[arg-type]
            )
            for robot in self.robots
        ]
        self.world = World(
            seed,
            configs,
            faults,
            lambda t, r, o: self.told.append((t, r, o)),
            observer=observer,
            keys=keys,
            models=models,
            missions=missions,
        )

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.world.run(self.world.now_ns + int(seconds * SECOND))

    def outputs(self, robot: str, kind: type[OutputT]) -> list[OutputT]:
        """Everything of one kind that a robot told."""
        return [o for _, r, o in self.told if r == robot and isinstance(o, kind)]

    def decisions(self, robot: str) -> list[Decision]:
        """Decisions that a robot published."""
        return [made.decision for made in self.outputs(robot, DecisionMade)]

    def status(self, robot: str) -> StatusReport:
        """The newest status of a robot."""
        return self.outputs(robot, StatusReport)[-1]

    @property
    def leader(self) -> str:
        """The robot that leads, in the newest term that anybody reports."""
        reports = [self.status(r).status for r in self.robots if self.world.up(r)]
        return max(reports, key=lambda s: s.term).leader

    def elect(self) -> str:
        """Let time pass until there is a leader."""
        for _ in range(100):
            self.run(0.1)
            if self.leader and self.world.up(self.leader):
                return self.leader
        raise AssertionError('no leader within 10 s of virtual time')

    def believe(
        self, robot: str, *probabilities: float, subject: str = 'animal', age_ms: float = 0
    ) -> None:
        """Give a robot a belief, as probabilities of the labels."""
        values = tuple(math.log(p) for p in probabilities)
        self.world.put(robot, BeliefSeen(subject, 0, values, int(age_ms * MILLISECOND)))

    def propose(
        self,
        robot: str,
        choice: str,
        subject: str = 'target',
        expected: int = ANY_REVISION,
        request_id: str = '',
        timeout: float = 2.0,
        value: bytes = b'',
    ) -> int:
        """Ask a robot to have a value committed; returns the key of the answer."""
        key = next(self._keys)
        timeout_ns = int(timeout * SECOND)
        asked = ProposeAsked(key, subject, choice, value, expected, request_id, timeout_ns)
        self.world.put(robot, asked)
        return key

    def read(
        self, robot: str, subject: str = '', linearizable: bool = True, timeout: float = 2.0
    ) -> int:
        """Ask a robot for a read; returns the key of the answer."""
        key = next(self._keys)
        asked = ReadAsked(key, subject, 1, 1000, linearizable, int(timeout * SECOND))
        self.world.put(robot, asked)
        return key

    def change(
        self, robot: str, operation: Operation, request_id: str = '', timeout: float = 2.0
    ) -> int:
        """Ask a robot for an operation on the key-value store; returns the key of the answer."""
        key = next(self._keys)
        asked = KeyValueAsked(key, operation, request_id, int(timeout * SECOND))
        self.world.put(robot, asked)
        return key

    def range(
        self,
        robot: str,
        first: str = '',
        last: str = '',
        linearizable: bool = True,
        timeout: float = 2.0,
    ) -> int:
        """Ask a robot for a range of keys; returns the key of the answer."""
        key = next(self._keys)
        asked = RangeAsked(key, first, last, 1000, linearizable, int(timeout * SECOND))
        self.world.put(robot, asked)
        return key

    def watch(self, robot: str, first: str = '', last: str = '', from_index: int = 1) -> int:
        """Watch a range of keys at a robot; returns the key of what is told."""
        key = next(self._keys)
        self.world.put(robot, WatchAsked(key, first, last, from_index))
        return key

    def changed(self, key: int) -> KeyValueAnswered | None:
        """The answer to a change."""
        answers = [o for _, _, o in self.told if isinstance(o, KeyValueAnswered) and o.key == key]
        assert len(answers) <= 1, f'change {key} was answered {len(answers)} times'
        return answers[0] if answers else None

    def ranged(self, key: int) -> RangeAnswered | None:
        """The answer to a range."""
        answers = [o for _, _, o in self.told if isinstance(o, RangeAnswered) and o.key == key]
        assert len(answers) <= 1, f'range {key} was answered {len(answers)} times'
        return answers[0] if answers else None

    def watched(self, key: int) -> list[Event]:
        """Everything that a watch was told."""
        told = [o for _, _, o in self.told if isinstance(o, WatchTold) and o.key == key]
        return [event for one in told for event in one.events]

    def decide(self, robot: str, subject: str = 'animal', timeout: float = 2.0) -> int:
        """Wait at a robot for a decision; returns the key of the answer."""
        key = next(self._keys)
        self.world.put(robot, DecideAsked(key, subject, 1, int(timeout * SECOND)))
        return key

    def transfer(self, robot: str, target: str = '', timeout: float = 2.0) -> int:
        """Ask a robot that another one lead; returns the key of the answer."""
        key = next(self._keys)
        self.world.put(robot, TransferAsked(key, target, int(timeout * SECOND)))
        return key

    def transferred(self, key: int) -> TransferAnswered | None:
        """The answer to a transfer."""
        answers = [o for _, _, o in self.told if isinstance(o, TransferAnswered) and o.key == key]
        assert len(answers) <= 1, f'transfer {key} was answered {len(answers)} times'
        return answers[0] if answers else None

    def change_members(
        self, robot: str, voters: Sequence[str], learners: Sequence[str], timeout: float = 5.0
    ) -> int:
        """Ask a robot for another membership; returns the key of the answer."""
        key = next(self._keys)
        asked = ChangeAsked(key, tuple(voters), tuple(learners), int(timeout * SECOND))
        self.world.put(robot, asked)
        return key

    def was_changed(self, key: int) -> ChangeAnswered | None:
        """The answer to a change of membership."""
        answers = [o for _, _, o in self.told if isinstance(o, ChangeAnswered) and o.key == key]
        assert len(answers) <= 1, f'change {key} was answered {len(answers)} times'
        return answers[0] if answers else None

    def reconfigure(self, robot: str, **changes: object) -> None:
        """Give a robot other settings, from its next boot on."""
        self.world.configure(robot, lambda config: replace(config, **changes))  # type: ignore[arg-type]

    def proposed(self, key: int) -> Decision | None:
        """The answer to a proposal."""
        return self._answer(key, ProposeAnswered)

    def decided(self, key: int) -> Decision | None:
        """The answer to a Decide."""
        return self._answer(key, DecideAnswered)

    def _answer(self, key: int, kind: type[ProposeAnswered] | type[DecideAnswered]) -> (
        Decision | None
    ):
        answers = [o.decision for _, _, o in self.told if isinstance(o, kind) and o.key == key]
        assert len(answers) <= 1, f'request {key} was answered {len(answers)} times'
        return answers[0] if answers else None

    def was_read(self, key: int) -> ReadAnswered | None:
        """The answer to a read."""
        answers = [o for _, _, o in self.told if isinstance(o, ReadAnswered) and o.key == key]
        assert len(answers) <= 1, f'read {key} was answered {len(answers)} times'
        return answers[0] if answers else None

    def digests(self) -> dict[str, tuple[int, str]]:
        """What each robot that is up has applied: (index, digest)."""
        reports = {r: self.status(r).status for r in self.robots if self.world.up(r)}
        return {r: (s.applied_index, s.applied_digest) for r, s in reports.items()}
