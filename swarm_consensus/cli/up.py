"""Start the robots of a swarm.yaml as processes, restart what dies, end all on Ctrl-C."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import os
from pathlib import Path
import signal
import sys
import tempfile
import threading

from swarm_consensus.cli._console import Console, wants_color
from swarm_consensus.composition import middleware
from swarm_consensus.composition.child_process import Command
from swarm_consensus.composition.compose import compose, compose_view
from swarm_consensus.composition.node_commands import node_commands
from swarm_consensus.composition.node_spec import NodeSpec
from swarm_consensus.composition.problems import SwarmFileError
from swarm_consensus.composition.simulated import SIM_NODE
from swarm_consensus.composition.supervision import Event, EventKind, Phase, Respawn
from swarm_consensus.composition.supervisor import Supervisor
from swarm_consensus.composition.swarm import Swarm
from swarm_consensus.composition.swarm_file import load_swarm
from swarm_consensus.composition.topics import CONSENSUS_NODE, resolved

LOG_LEVELS = ('debug', 'info', 'warn', 'error', 'fatal')
READY_TIMEOUT_S = 30.0
_LOOK = 1.0  # s
_OVER = (Phase.DOWN, Phase.ENDED, Phase.FAILED)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('file', help='the swarm.yaml')
    parser.add_argument(
        '--robots', help='names of the robots to run here, joined by commas (default: all)'
    )
    parser.add_argument(
        '--guests',
        help='names of robots to run here that the file does not name, joined by commas, where it '
        'says `membership: open`; without --robots these alone',
    )
    parser.add_argument(
        '--view', action='store_true', help='also run view_node, for RViz and Foxglove'
    )
    parser.add_argument('--log-level', choices=LOG_LEVELS, default='', help='of the nodes')
    parser.add_argument(
        '--respawn',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='restart what dies, after a delay that grows to 10 s (default: yes)',
    )
    parser.add_argument(
        '--use-sim-time', action='store_true', help='have the nodes take their time from /clock'
    )
    parser.add_argument(
        '--ready-timeout',
        metavar='SECONDS',
        type=float,
        default=READY_TIMEOUT_S,
        help='how long to wait for all robots to follow a leader before saying who does not '
        '(default: 30; 0: do not wait)',
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    guests = _names(arguments.guests) or []
    robots = _names(arguments.robots)
    if robots is None and guests:
        robots = []
    try:
        swarm = load_swarm(arguments.file, robots=robots, guests=guests)
    except SwarmFileError as error:
        print(error, file=sys.stderr)
        return 2
    specs = [
        spec
        for spec in compose(swarm, use_sim_time=arguments.use_sim_time)
        if robots is None or spec.robot in (*robots, *guests)
    ]
    if arguments.view:
        specs.append(compose_view(swarm, use_sim_time=arguments.use_sim_time))
    return run_nodes(
        swarm,
        specs,
        log_level=arguments.log_level,
        respawn=arguments.respawn,
        ready_timeout=arguments.ready_timeout,
    )


def run_nodes(
    swarm: Swarm,
    specs: Sequence[NodeSpec],
    *,
    log_level: str = '',
    respawn: bool = True,
    ready_timeout: float = READY_TIMEOUT_S,
) -> int:
    """
    Run nodes until a signal comes or nothing is left; return the exit code.

    :param log_level: of the nodes; '': as ROS has it.
    :param respawn: restart what dies.
    :param ready_timeout: s to wait for all robots to follow a leader before saying who does not; 0:
        do not wait.
    """
    with tempfile.TemporaryDirectory(prefix='swarm_') as folder:
        commands = node_commands(
            specs,
            Path(folder),
            log_level=log_level,
            environment=_log_variables(wants_color(sys.stdout)),
        )
        # The nodes' environment is ours too: readiness is heard with the same middleware.
        os.environ.update(commands[0].environment)
        return _Run(
            swarm, specs, commands, Respawn() if respawn else None, ready_timeout
        ).run()


def _names(joined: str | None) -> list[str] | None:
    return None if joined is None else [name.strip() for name in joined.split(',')]


def _log_variables(color: bool) -> dict[str, str]:
    """Return how nodes write their log: our prefix says who and theirs need not."""
    wanted = {
        'RCUTILS_COLORIZED_OUTPUT': '1' if color else '0',
        'RCUTILS_CONSOLE_OUTPUT_FORMAT': '[{severity}] {message}',
    }
    return {name: value for name, value in wanted.items() if name not in os.environ}


class _Run:
    """One run of a swarm."""

    def __init__(
        self,
        swarm: Swarm,
        specs: Sequence[NodeSpec],
        commands: Sequence[Command],
        respawn: Respawn | None,
        ready_timeout: float,
    ) -> None:
        self._swarm = swarm
        self._specs = specs
        self._console = Console(command.label for command in commands)
        self._ready_timeout = ready_timeout
        self._signals = 0
        self._wake = threading.Event()
        self._failed = False
        self._supervisor = Supervisor(
            commands,
            respawn=respawn,
            on_line=self._console.line,
            on_event=self._on_event,
        )

    def run(self) -> int:
        """Run until a signal comes or nothing is left; return the exit code."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            with self._supervisor:
                network, robots = self._swarm.network, len(self._swarm.robots)
                for warning in middleware.warnings(network, len(self._specs), robots):
                    self._console.say(warning, error=True)
                self._supervisor.start()
                self._say_ready()
                while not self._signals and not self._over():
                    self._wake.wait(_LOOK)
                    self._wake.clear()
                self._end()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return 1 if self._failed else 0

    def _on_signal(self, number: int, frame: object) -> None:
        self._signals += 1
        self._wake.set()

    def _on_event(self, event: Event) -> None:
        wrong = event.kind in (EventKind.FAILED, EventKind.DIED, EventKind.STUCK)
        self._failed |= wrong
        self._console.say(f'{event.label} {event.text}', error=wrong)
        self._wake.set()

    def _over(self) -> bool:
        return all(state.phase in _OVER for state in self._supervisor.states().values())

    def _say_ready(self) -> None:
        if self._ready_timeout <= 0:
            return
        # Late, as it is worth half a second and the nodes are starting meanwhile.
        from swarm_consensus.cli._readiness import wait_until_ready

        topics = {
            spec.robot: resolved('swarm_status', spec.namespace, self._swarm.topics)
            for spec in self._specs
            if spec.executable == CONSENSUS_NODE
        }
        standing = wait_until_ready(
            topics, self._ready_timeout, lambda: bool(self._signals) or self._over()
        )
        if self._signals:
            return
        heard = f'{len(standing.heard)} of {len(topics)} robots'
        if standing.complete:
            self._console.say(
                f'ready after {standing.elapsed:.1f} s: {heard}, {standing.leader} leads'
            )
        elif standing.silent:
            silent = ', '.join(standing.silent)
            self._console.say(f'not all ready: {heard} heard, silent: {silent}', error=True)
        else:
            where = 'the others run elsewhere?'
            if any(spec.executable == SIM_NODE for spec in self._specs):
                where = 'some are out of reach of the others?'
            self._console.say(f'no leader yet: {heard} heard, {where}')

    def _end(self) -> None:
        """End all; a second signal ends them the hard way."""
        if self._over():
            self._console.say('nothing is left to run')
            return
        self._console.say('ending all')
        seen = self._signals
        ending = threading.Thread(target=self._supervisor.stop)
        ending.start()
        while ending.is_alive():
            ending.join(0.1)
            if self._signals > seen:
                seen = self._signals
                self._console.say('killing what is left')
                self._supervisor.kill()
        self._console.say('all ended')
