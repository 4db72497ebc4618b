"""
The course of the demonstration: train, start, show signs, kill the leader, let it return, compare.

The verdict at the end is strict: every robot holds the same log, and everything that any robot
ever said was decided stands in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
import math
import os
from pathlib import Path
import shutil
import time

import numpy as np
import yaml

from swarm_consensus.composition.compose import compose
from swarm_consensus.composition.domains import reserve_domain_id
from swarm_consensus.composition.node_commands import node_commands
from swarm_consensus.composition.supervisor import Supervisor
from swarm_consensus.composition.swarm_file import load_swarm
from swarm_consensus.decision.types import Decision
from swarm_consensus.demo.digits import LABELS, TrainedModel, train
from swarm_consensus.demo.score import Score, Sign, fuse_centrally, guess
from swarm_consensus.demo.stage import Stage
from swarm_consensus.demo.views import look, view_of
from swarm_consensus.protocols.values import value

READY_S = 40.0
DECISION_S = 8.0
# Longer than a decision takes, also one that waits for a new leader.
AGAIN_S = 1.0


@value
class Options:
    """
    What to demonstrate.

    :param signs: how many signs are shown; at least 4, so that something happens between them.
    :param pace: pause between two signs for whoever watches, s.
    :param seed: of the split of the digits, the training, the order and all views.
    """

    robots: int
    signs: int
    pace: float
    seed: int
    output: Path


@value
class Moment:
    """
    What there is to show after each sign.

    :param live: robots that are up.
    :param leader: '' for nobody.
    :param decision: of the newest sign; None if there was none.
    """

    score: Score
    live: tuple[str, ...]
    leader: str
    decision: Decision | None


@dataclass(slots=True)
class Outcome:
    """
    How the demonstration ended.

    :param killed: (number of the sign before which, robot).
    :param returned: same, when the robot took part again; None if it never did.
    :param failover: longest time that a sign took from the kill on, s.
    :param faults: why the demonstration failed; none: it succeeded.
    """

    score: Score
    model: TrainedModel
    log: list[Decision] = field(default_factory=list)
    digest: str = ''
    killed: tuple[int, str] | None = None
    returned: tuple[int, str] | None = None
    failover: float = 0.0
    faults: list[str] = field(default_factory=list)


def swarm_yaml(options: Options, model: TrainedModel, domain_id: int) -> str:
    """Return the swarm.yaml of the demonstration, as a user would write it."""
    content = {
        'swarm': 'digits',
        'robots': options.robots,
        # UDP: the shared memory of a process that is killed with -9 would stay behind.
        'network': {'domain_id': domain_id, 'discovery': 'localhost', 'transport': 'udp'},
        'storage': {'folder': 'state'},
        'inference': [
            {
                'subject': 'sign',
                'subject_from': 'frame_id',
                'model': model.path.name,
                'color': 'gray',
                'temperature': round(model.temperature, 4),
                'rate_max': 100.0,
            }
        ],
        'subjects': {
            'sign': {
                'labels': list(LABELS),
                'level': 'committed',
                'confidence': 0.5,
                'quorum': 'majority',
                'settle': 0.3,
                'deadline': 0.5,
                'evidence_age_max': 5.0,
            }
        },
    }
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None)
    return '# Written by `swarm demo`; try `swarm up` on it.\n' + text


def perform(
    options: Options, say: Callable[[str], None], watch: Callable[[Moment], None]
) -> Outcome:
    """
    Run the demonstration.

    :param say: told what happens, a line at a time.
    :param watch: told how it stands after each sign.
    :raises RuntimeError: the swarm did not come up, or a robot does not answer at the end.
    """
    folder = options.output
    say(f'training on real handwritten digits (seed {options.seed}) ...')
    model = train(folder, options.seed)
    say(
        f'trained in {model.seconds:.1f} s: {model.accuracy:.0%} right on poor views of digits '
        f'it has not seen, temperature {model.temperature:.2f}'
    )
    state = folder / 'state'
    if state.exists():
        shutil.rmtree(state)
    with reserve_domain_id() as domain_id:
        return _perform(options, model, domain_id, say, watch)


def _perform(
    options: Options,
    model: TrainedModel,
    domain_id: int,
    say: Callable[[str], None],
    watch: Callable[[Moment], None],
) -> Outcome:
    folder = options.output
    file = folder / 'swarm.yaml'
    file.write_text(swarm_yaml(options, model, domain_id), encoding='utf-8')
    swarm = load_swarm(file)
    parameters = folder / 'parameters'
    parameters.mkdir(exist_ok=True)
    log = (folder / 'robots.log').open('w', encoding='utf-8')
    commands = node_commands(compose(swarm), parameters, environment=_quiet(folder))
    # What keeps the robots' traffic on loopback must hold for this process as well.
    os.environ.update(commands[0].environment)
    with (
        log,
        Supervisor(commands, on_line=lambda label, line: log.write(f'{label} | {line}\n')) as
        supervisor,
        Stage({robot.name: robot.namespace for robot in swarm.robots}) as stage,
    ):
        say(f'starting {len(swarm.robots)} robots as {len(commands)} processes ...')
        began = time.monotonic()
        supervisor.start()
        names = tuple(robot.name for robot in swarm.robots)
        if not _wait_ready(stage, names, READY_S):
            raise RuntimeError(
                f'the robots did not find each other within {READY_S:g} s; see {log.name}'
            )
        say(f'ready after {time.monotonic() - began:.1f} s: {stage.leader(names)} leads')
        course = _Course(options, model, stage, supervisor, names, say, watch)
        return course.run()


def keep_showing(
    show: Callable[[], None],
    known: Callable[[float], bool],
    timeout: float = DECISION_S,
    again: float = AGAIN_S,
) -> bool:
    """
    Show something, as a camera does that looks at it, until it is known; return whether it is.

    A single picture may be lost, and what a model makes of it: nobody outside can tell whether
    the nodes of a robot that have just started hear each other yet.

    :param known: waits so many s for it.
    :param timeout: s.
    :param again: time between two pictures, s.
    """
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        show()
        if known(min(left, again)):
            return True
    return False


def _quiet(folder: Path) -> Mapping[str, str]:
    return {
        'RCUTILS_COLORIZED_OUTPUT': '0',
        'ROS_LOG_DIR': str((folder / 'log').resolve()),
        # Small models on a machine with many processes: one thread each is the fastest.
        'OMP_NUM_THREADS': '1',
        'OPENBLAS_NUM_THREADS': '1',
    }


def _wait_ready(stage: Stage, robots: Sequence[str], timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if stage.ready(robots):
            return True
        time.sleep(0.05)
    return False


class _Course:
    """Sign after sign, with the kill and the return between them."""

    def __init__(
        self,
        options: Options,
        model: TrainedModel,
        stage: Stage,
        supervisor: Supervisor,
        robots: tuple[str, ...],
        say: Callable[[str], None],
        watch: Callable[[Moment], None],
    ) -> None:
        self._options = options
        self._stage = stage
        self._supervisor = supervisor
        self._robots = robots
        self._live = list(robots)
        self._say = say
        self._watch = watch
        self._random = np.random.default_rng(options.seed + 1)
        self._outcome = Outcome(Score(robots), model)
        self._back = ''

    def run(self) -> Outcome:
        """Show all signs and compare the logs."""
        signs = self._options.signs
        kill_at, return_at = signs // 2, signs - signs // 4
        order = self._random.permutation(len(self._outcome.model.signs))
        for number in range(signs):
            if number == kill_at:
                self._kill(number)
            if number == return_at and self._outcome.killed is not None:
                self._back = self._outcome.killed[1]
                self._say(f'sign {number}: {self._back} is started again')
                self._supervisor.start([self._back])
            self._welcome(number)
            decision = self._sign(number, int(order[number % len(order)]))
            leader = self._stage.leader(self._live)
            self._watch(Moment(self._outcome.score, tuple(self._live), leader, decision))
            time.sleep(self._options.pace)
        self._await_return(signs)
        self._compare()
        return self._outcome

    def _kill(self, number: int) -> None:
        leader = self._stage.leader(self._live)
        self._say(f'sign {number}: {leader}, the leader, is killed with -9')
        self._supervisor.kill([leader])
        self._live.remove(leader)
        self._stage.forget(leader)
        self._outcome.killed = (number, leader)

    def _welcome(self, number: int) -> None:
        """Count the robot that was killed as live once it takes part again."""
        if self._back and self._stage.ready((*self._live, self._back)):
            self._say(f'sign {number}: {self._back} takes part again')
            self._live.append(self._back)
            self._live.sort(key=self._robots.index)
            self._outcome.returned = (number, self._back)
            self._back = ''

    def _await_return(self, number: int) -> None:
        if self._back and not _wait_ready(self._stage, (*self._live, self._back), READY_S):
            self._outcome.faults.append(f'{self._back} did not come back within {READY_S:g} s')
            self._back = ''
        self._welcome(number)

    def _sign(self, number: int, which: int) -> Decision | None:
        stage, model = self._stage, self._outcome.model
        truth = LABELS[int(model.truths[which])]
        frame_id = f'sign_{number:04d}'
        subject = f'sign/{frame_id}'
        pictures = {
            robot: look(model.signs[which], view_of(index), self._random)
            for index, robot in enumerate(self._robots)
        }
        live = set(self._live)

        def show() -> None:
            for robot in self._live:
                stage.show(robot, pictures[robot], frame_id)

        def decided() -> bool:
            return live <= stage.decisions.get(subject, {}).keys()

        began = time.monotonic()
        known = keep_showing(show, lambda seconds: stage.wait(decided, seconds))
        latency = time.monotonic() - began
        # Beliefs and decisions travel on different topics: a belief that is in the decision can
        # be the later one to arrive here.
        stage.wait(lambda: live <= stage.beliefs.get(subject, {}).keys(), 0.2)
        with stage.changed:
            beliefs = dict(stage.beliefs.get(subject, {}))
            decisions = dict(stage.decisions.get(subject, {}))
        decision = next(iter(decisions.values()), None)
        if not known:
            silent = ', '.join(sorted(live - decisions.keys()))
            self._outcome.faults.append(f'{subject} was not decided within {DECISION_S:g} s at '
                                        f'{silent}')  # fmt: skip
        if len({d.choice for d in decisions.values()}) > 1:
            self._outcome.faults.append(f'robots say different things of {subject}: {decisions}')
        if self._outcome.killed is not None and number - self._outcome.killed[0] < 3:
            self._outcome.failover = max(self._outcome.failover, latency)
        self._outcome.score.signs.append(
            Sign(
                number=number,
                truth=truth,
                guesses={robot: guess(values, LABELS) for robot, values in beliefs.items()},
                central=fuse_centrally(beliefs, LABELS),
                decided='' if decision is None else decision.choice,
                latency=latency if known else math.nan,
            )
        )
        return decision

    def _compare(self) -> None:
        """Read the log of every robot, and look for what was said to be decided."""
        logs = {robot: self._stage.read_log(robot) for robot in self._live}
        digests = {digest for digest, _ in logs.values()}
        entries = {
            robot: [(d.index, d.term, d.subject, d.revision, d.choice) for d in decisions]
            for robot, (_, decisions) in logs.items()
        }
        faults = self._outcome.faults
        if len(digests) != 1 or len({tuple(log) for log in entries.values()}) != 1:
            lengths = {robot: len(log) for robot, log in entries.items()}
            faults.append(f'the robots hold different logs: {lengths}, digests {sorted(digests)}')
        self._outcome.digest, self._outcome.log = next(iter(logs.values()))
        in_log = {(index, subject, choice) for index, _, subject, _, choice in
                  next(iter(entries.values()))}  # fmt: skip
        for told in self._stage.decisions.values():
            for robot, decision in told.items():
                if (decision.index, decision.subject, decision.choice) not in in_log:
                    faults.append(f'{robot} said that {decision.subject} was decided; it is lost')
        if set(self._live) != set(self._robots):
            faults.append(f'not all robots are there: {", ".join(self._live)}')
