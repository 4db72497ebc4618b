"""
One seed, one run: a swarm with clients and troubles, then all is healed and it must agree.

While there are troubles the invariants hold (simulation/invariants). Afterwards the swarm must be
of use again: one leader, a proposal at every robot is committed, and one is agreed on where there
are subjects of that level, all robots have the same state, all that was asked has an answer, and
the clients' history is linearizable.
"""

from __future__ import annotations

from random import Random

from swarm_consensus.protocols.raft import Role
from swarm_consensus.protocols.raft.quorum import has_quorum
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import NameTaken, Output
from swarm_consensus.simulation.clients import BUDGET_FACTOR, Clients
from swarm_consensus.simulation.facts import InvariantBroken
from swarm_consensus.simulation.nemesis import Nemesis
from swarm_consensus.simulation.observer import Observer, Observers
from swarm_consensus.simulation.plan import Plan, draw
from swarm_consensus.simulation.referee import Referee
from swarm_consensus.simulation.sharers import Sharers
from swarm_consensus.simulation.trace import Trace
from swarm_consensus.simulation.world import World

# A healed swarm agrees within seconds; by then it never will.
HEALED_NS_MAX = 30 * SECOND
HEALED_STEP_NS = SECOND // 5


@value
class Report:
    """
    What a run that held was like.

    :param digest: hash over everything that happened.
    :param robots: how many.
    :param troubles: names of the sources of faults.
    :param steps: steps of all robots.
    :param crashes: of all robots.
    :param committed: entries.
    :param term: the last one.
    :param operations: of the clients, in the history.
    :param outcomes: how often clients met which end.
    :param epochs: of subjects of the level agreed that have ended.
    :param shared: changes of the shared state that were acknowledged.
    :param settled: level to which its history is settled.
    :param beyond_help: so many voters lost their logs that nobody may ever lead again.
    """

    seed: int
    digest: str
    robots: int
    troubles: tuple[str, ...]
    steps: int
    crashes: int
    committed: int
    term: int
    operations: int
    outcomes: dict[str, int]
    beyond_help: bool = False
    epochs: int = 0
    shared: int = 0
    settled: int = 0


class _Losses(Observer):
    """Tells the clients which robots go down, and counts."""

    def __init__(self) -> None:
        self.clients: Clients | None = None
        self.count = 0

    def crashed(self, now_ns: int, robot: str, where: str) -> None:
        """Tell the clients."""
        self.count += 1
        if self.clients is not None:
            self.clients.lose(robot)


class Storm:
    """
    The run of one seed.

    :param trace: takes down what happens.
    """

    def __init__(self, seed: int, trace: Trace) -> None:
        self._seed = seed
        self._trace = trace
        self._plan: Plan = draw(seed)
        self._referee = Referee()
        self._losses = _Losses()
        self.world = World(
            seed,
            self._plan.configs,
            listener=self._hear,
            observer=Observers(trace, self._referee, self._losses),
            overhear=self._plan.overhear,
            keys=self._plan.dealt,
        )
        for robot, permille in zip(self.world.robots, self._plan.clocks, strict=True):
            self.world.skew(robot, permille)
        self._clients = Clients(
            self._plan, self.world, self._referee, Random(f'{seed}/clients')
        )
        self._losses.clients = self._clients
        self._sharers = Sharers(
            self._plan.sharers, self.world, self._plan.think_ns, Random(f'{seed}/sharers')
        )

    def run(self) -> Report:
        """
        Run to the end.

        :raises InvariantBroken: a rule does not hold.
        :raises InvariantError: a robot found that one does not hold.
        """
        world = self.world
        nemesis = Nemesis(self._seed, world, self._plan)
        nemesis.begin(self._plan.troubled_ns)
        self._clients.start()
        self._sharers.start()
        world.run(self._plan.troubled_ns)
        nemesis.heal()
        self._clients.stop()
        self._sharers.stop()
        beyond_help = self._is_beyond_help()
        if not beyond_help:
            self._agree()
        self._clients.history.check()
        if not (beyond_help and self._sharers.level):
            # Also where nobody may lead: the shared state waits for no quorum. But what was settled
            # only the log tells.
            self._share()
        facts = self._referee.facts
        return Report(
            seed=self._seed,
            digest=self._trace.digest,
            robots=len(world.robots),
            troubles=nemesis.names,
            steps=world.steps,
            crashes=self._losses.count,
            committed=len(facts.committed),
            term=max(robot.term for robot in facts.robots.values()),
            operations=self._clients.history.size,
            outcomes=dict(self._clients.outcomes),
            beyond_help=beyond_help,
            epochs=self._referee.outcomes.epochs,
            shared=self._sharers.done,
            settled=self._sharers.level,
        )

    def _hear(self, now_ns: int, robot: str, output: Output) -> None:
        if isinstance(output, NameTaken):
            raise InvariantBroken('names', f'{robot} gives way, and nobody has its name')
        self._clients.hear(robot, output)
        self._sharers.hear(robot, output)

    # -- after the healing ------------------------------------------------------------------------

    def _agree(self) -> None:
        """Hold that the healed swarm is of use again, within a generous time."""
        until_ns = self._healed_by_ns()
        self._wait(until_ns)
        self._clients.ask_everywhere()
        self._wait(until_ns)

    def _healed_by_ns(self) -> int:
        budgeted = bool(self._plan.configs[0].bytes_per_second)
        return self.world.now_ns + HEALED_NS_MAX * (BUDGET_FACTOR if budgeted else 1)

    def _share(self) -> None:
        """Hold that all have the same shared state, with all in it that was acknowledged."""
        until_ns = self._healed_by_ns()
        while why := self._sharers.disagreement():
            if self.world.now_ns >= until_ns:
                raise InvariantBroken('shared state', why)
            self.world.run(self.world.now_ns + HEALED_STEP_NS)
        self._sharers.check()

    def _is_beyond_help(self) -> bool:
        """
        Return whether the membership of the longest log has no majority that kept its logs.

        Damage spares a quorum of the robots that are up, but one that is down may have a later
        membership on its disk. Nothing can be committed then, as it must not be, until people
        bring a disk back; what was committed and told is held all the same.
        """
        probes = [
            robot.probe
            for robot in self._referee.facts.robots.values()
            if robot.probe is not None
        ]
        lost = {probe.name for probe in probes if probe.lost}
        membership = max(probes, key=lambda probe: probe.end).membership
        return not has_quorum(membership, set(membership.robots) - lost)

    def _wait(self, until_ns: int) -> None:
        while why := self._disagreement():
            if self.world.now_ns >= until_ns:
                raise InvariantBroken('convergence', f'not in time: {why}')
            self.world.run(self.world.now_ns + HEALED_STEP_NS)

    def _disagreement(self) -> str:
        """Return what is not well; '' where all is."""
        facts = self._referee.facts.robots
        leaders = [name for name, robot in facts.items() if robot.role is Role.LEADER]
        if len(leaders) != 1:
            return f'{len(leaders)} robots lead'
        stand = {
            name: (robot.applied, '' if robot.probe is None else robot.probe.digest)
            for name, robot in facts.items()
        }
        if len(set(stand.values())) != 1:
            return f'the robots have applied different logs: {stand}'
        standings = {
            name: 0 if robot.probe is None else robot.probe.standing_hash
            for name, robot in facts.items()
        }
        if len(set(standings.values())) != 1:
            return f'the robots have settled different epochs: {standings}'
        if any(robot.probe is not None and robot.probe.stands_still for robot in facts.values()):
            return 'a robot has not noticed yet that there is room on its disk'
        if self._clients.open:
            return f'{self._clients.open} requests of clients have no answer'
        return ''


def run_seed(seed: int, lines_max: int = 0) -> tuple[Report | None, Exception | None, Trace]:
    """
    Run a seed.

    :param lines_max: lines of the trace that are kept.
    :returns: the report or what went wrong, and the trace.
    """
    trace = Trace(lines_max)
    try:
        return Storm(seed, trace).run(), None, trace
    except Exception as error:  # noqa: BLE001 - whatever a seed breaks is its finding
        return None, error, trace
