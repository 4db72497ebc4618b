"""Keeps the facts, and tells the invariants what happens, in an order that they can rely on."""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.protocols.raft import Persist, Restored, Role
from swarm_consensus.runtime.events import Output
from swarm_consensus.runtime.robot import RobotRuntime
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.simulation.facts import Facts, InvariantBroken, RobotFacts
from swarm_consensus.simulation.invariants import (
    AgreedOutcomes,
    AgreedWords,
    CommitRule,
    Durability,
    ElectionSafety,
    ExactlyOnce,
    Invariant,
    LeaderAppendOnly,
    LeaderCompleteness,
    LogMatching,
    ReadLinearizability,
    StateMachineSafety,
)
from swarm_consensus.simulation.observer import Observer
from swarm_consensus.simulation.oracle import Oracle
from swarm_consensus.simulation.probe import Probe
from swarm_consensus.transport.compression import Expander
from swarm_consensus.transport.frame import Frame, TrafficClass

_EXPANDER = Expander()


class Referee(Observer):
    """
    Holds all invariants of one swarm.

    :ivar exactly_once: to be told what clients are told.
    :ivar reads: to be told of reads and their answers.
    """

    def __init__(self) -> None:
        self.facts = Facts()
        oracle = Oracle()
        self.exactly_once = ExactlyOnce(self.facts, oracle)
        self.reads = ReadLinearizability(self.facts, oracle)
        self.outcomes = AgreedOutcomes(self.facts)
        self._words = AgreedWords(self.facts)
        self._rules: tuple[Invariant, ...] = (
            ElectionSafety(self.facts),
            LeaderAppendOnly(self.facts),
            LogMatching(self.facts),
            LeaderCompleteness(self.facts),
            CommitRule(self.facts),
            StateMachineSafety(self.facts),
            Durability(self.facts),
            self.exactly_once,
            self.reads,
            self.outcomes,
            self._words,
        )
        self._on_look = self._those_with('looked')
        self._on_write = self._those_with('wrote')
        self._on_apply = self._those_with('applied')
        self._on_tell = self._those_with('told')

    def _those_with(self, hook: str) -> tuple[Invariant, ...]:
        """Return the rules that do something in a hook."""
        nothing = getattr(Invariant, hook)
        return tuple(rule for rule in self._rules if getattr(type(rule), hook) is not nothing)

    def booted(
        self, now_ns: int, robot: str, runtime: RobotRuntime, restored: Restored
    ) -> None:
        """Begin with what the disk gave back."""
        facts = self.facts.robots.setdefault(robot, RobotFacts(robot))
        facts.boot(Probe(runtime), restored)
        for rule in self._rules:
            rule.booted(facts)

    def crashed(self, now_ns: int, robot: str, where: str) -> None:
        """Forget the boot; the disk stays."""
        facts = self.facts.robots[robot]
        facts.crash()
        for rule in self._rules:
            rule.crashed(facts)

    def sent(self, now_ns: int, robot: str, frames: Sequence[Frame]) -> None:
        """Tell what elections and agreements say; the rest is seen on disks."""
        for header, batch, _signature in frames:
            if header.traffic_class == TrafficClass.AGREEMENT:
                for item in MESSAGES.inspect_batch(_EXPANDER.expand(batch)):
                    self._words.said(self.facts.robots[robot], item.message)
            if header.traffic_class != TrafficClass.ELECTION:
                continue
            facts = self.facts.robots[robot]
            for item in MESSAGES.inspect_batch(_EXPANDER.expand(batch)):
                for rule in self._on_tell:
                    rule.told(facts, ','.join(item.to), item.message)

    def wrote(self, now_ns: int, robot: str, persist: Persist) -> None:
        """Tell of the write, then take it in."""
        facts = self.facts.robots[robot]
        for rule in self._on_write:
            rule.wrote(facts, persist)
        facts.write(persist)

    def stepped(self, now_ns: int, robot: str, outputs: Sequence[Output]) -> None:
        """Look at the robot, and tell what is new."""
        facts = self.facts.robots[robot]
        probe = facts.probe
        if probe is None:
            return
        self.outcomes.look(robot, probe)
        role, term, commit, applied = probe.look()
        if (
            commit == facts.commit
            and applied == facts.applied
            and term == facts.term
            and role is facts.role
        ):
            return
        facts.role, facts.term, facts.commit = role, term, commit
        facts.leading = term if role is Role.LEADER and term <= facts.term_kept else 0
        if applied > facts.applied:
            self._apply(facts, facts.applied + 1, applied)
            facts.applied = applied
        for rule in self._on_look:
            rule.looked(facts)

    def _apply(self, robot: RobotFacts, first: int, last: int) -> None:
        committed = self.facts.committed
        for index in range(first, last + 1):
            entry = robot.entry(index)
            if entry is None:
                if index > len(committed):
                    raise InvariantBroken(
                        'state machine safety',
                        f'{robot.name} applies entry {index}, which is not on its disk',
                    )
                # It came with a snapshot, whose digest is held against that of others.
                continue
            fresh = index == len(committed) + 1
            if fresh:
                committed.append(entry)
                self.facts.committed_in = max(self.facts.committed_in, robot.term)
            for rule in self._on_apply:
                rule.applied(robot, entry, fresh)
