"""Run robots in a simulation: a search with cameras, or those of a swarm.yaml."""

from __future__ import annotations

import argparse
from pathlib import Path
import statistics
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument(
        'file',
        nargs='?',
        help='a swarm.yaml, whose robots see things without cameras (default: a search with them)',
    )
    parser.add_argument(
        '--robots', type=int, help='how many robots (default: as in the file; in a search 5)'
    )
    parser.add_argument(
        '--ros',
        action='store_true',
        help='start the robots of the file as nodes in the world with walls and cameras, on its '
        'time and its radio, until Ctrl-C',
    )
    parser.add_argument(
        '--factor',
        type=float,
        help='with --ros: seconds of the world in one of the wall clock (default: as in the file)',
    )
    parser.add_argument('--loss', type=float, help='share of frames lost, 0..1 (default: 0)')
    parser.add_argument(
        '--split', action='store_true', help='cut the swarm in two for a while in the middle'
    )
    parser.add_argument('--seed', type=int, help='of everything random (default: 1)')
    parser.add_argument(
        '--seconds',
        type=float,
        help='virtual time: for how long robots of a file see things (default: 30), or after '
        'which a search is given up (default: 240)',
    )
    parser.add_argument('--objects', type=int, help='that stand in the world (default: 8)')
    parser.add_argument(
        '--output',
        type=Path,
        default=Path('build/sim'),
        help='folder for the picture of a search (default: build/sim)',
    )
    parser.add_argument(
        '--headless',
        action='store_true',
        help='no window: at present there is none, so this changes nothing',
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb; 0 unless robots contradict each other, or do not come to an end."""
    from swarm_consensus.composition.problems import SwarmFileError
    from swarm_consensus.transport.key_files import KeysError

    seconds = arguments.seconds
    if seconds is not None and not 0.0 < seconds <= 86_400.0:
        print(f'--seconds is {seconds:g}, give up to 86400', file=sys.stderr)
        return 2
    try:
        if arguments.ros:
            return _ros(arguments)
        if arguments.factor is not None:
            raise ValueError('--factor goes with --ros: else time is as fast as it can be')
        if arguments.file is None:
            return _search(arguments)
        return _file(arguments)
    except (SwarmFileError, KeysError, ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return 1


def _seed(arguments: argparse.Namespace) -> int:
    return 1 if arguments.seed is None else int(arguments.seed)


def _ros(arguments: argparse.Namespace) -> int:
    from swarm_consensus.cli.up import run_nodes
    from swarm_consensus.composition.simulated import simulated
    from swarm_consensus.composition.simulation_parameters import SIMULATION_PARAMETERS
    from swarm_consensus.composition.swarm_file import load_swarm
    from swarm_consensus.composition.value_check import check_value
    from swarm_consensus.nodes.robot_settings import resized
    from swarm_consensus.sim.settings import arena_from
    from swarm_consensus.simulation.embedded.physics import missing

    if arguments.file is None:
        raise ValueError('--ros starts the robots of a swarm.yaml: name it')
    for name in ('loss', 'seconds', 'split'):
        if getattr(arguments, name):
            raise ValueError(
                f'--{name} goes without --ros: there, walls and distance part the robots'
            )
    swarm = load_swarm(arguments.file)
    if arguments.robots is not None:
        swarm = resized(swarm, arguments.robots)
    asked = {
        'seed': arguments.seed,
        'objects': arguments.objects,
        'real_time_factor': arguments.factor,
    }
    declared = {parameter.name: parameter for parameter in SIMULATION_PARAMETERS}
    changes = {
        name: check_value(declared[name], value)
        for name, value in asked.items()
        if value is not None
    }
    specs = simulated(swarm, changes)
    values = {parameter.name: parameter.default for parameter in SIMULATION_PARAMETERS}
    values |= specs[0].parameters
    # The node would say what is wrong, too, but the robots would have begun by then.
    arena_from(values)
    problem = missing(render=values['camera_rate'] != 0.0)
    if problem:
        raise ValueError(problem)
    return run_nodes(swarm, specs)


def _search(arguments: argparse.Namespace) -> int:
    from swarm_consensus.simulation.embedded.physics import missing

    problem = missing()
    if problem:
        print(problem, file=sys.stderr)
        return 2
    from rich.console import Console

    from swarm_consensus.demo.search import report
    from swarm_consensus.demo.search.mission import Options, Search

    options = Options(
        robots=5 if arguments.robots is None else arguments.robots,
        objects=8 if arguments.objects is None else arguments.objects,
        seed=_seed(arguments),
        loss=arguments.loss or 0.0,
        split=arguments.split,
        limit_s=240.0 if arguments.seconds is None else arguments.seconds,
    )
    console = Console()
    with Search(options, lambda text: console.print(text, highlight=False)) as search:
        outcome = search.run()
    picture = arguments.output / 'search.png'
    report.draw(outcome, picture)
    console.print(report.table(outcome))
    for line in report.lines(outcome):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f'picture: {picture}', highlight=False, soft_wrap=True)
    return 0 if outcome.complete and not outcome.contradictions else 1


def _file(arguments: argparse.Namespace) -> int:
    from swarm_consensus.composition.swarm_file import load_swarm
    from swarm_consensus.nodes.robot_settings import resized, settings_of
    from swarm_consensus.runtime.garbage import tamed_garbage_collector
    from swarm_consensus.simulation.in_process import InProcessSwarm
    from swarm_consensus.simulation.witnesses import watch

    swarm = load_swarm(arguments.file)
    if arguments.robots is not None:
        swarm = resized(swarm, arguments.robots)
    settings = settings_of(swarm)
    robots = InProcessSwarm(settings, _seed(arguments), loss=arguments.loss or 0.0)
    with tamed_garbage_collector():
        report = watch(
            robots,
            settings[0].config.policies,
            seed=_seed(arguments),
            seconds=30.0 if arguments.seconds is None else arguments.seconds,
            split=arguments.split,
        )
    print(
        f'{report.robots} robots of {swarm.name}, {report.virtual_s:.1f} s in '
        f'{report.real_s:.1f} s: {report.factor:.1f} times real time; '
        f'{report.leader or "nobody"} leads'
    )
    print(f'objects   {report.objects}, decided {report.decided}, right {report.right}')
    print(f'alone     {report.alone:.1%} of the beliefs of single robots are right')
    print(f'central   {report.central:.1%} of the objects, by a centre that has all beliefs')
    if report.latencies_s:
        latency_ms = 1e3 * statistics.median(report.latencies_s)
        print(f'latency   {latency_ms:.0f} ms from first sight to decision (median)')
    if report.contradictions:
        print(f'FAULT: robots told different answers on {report.contradictions} objects')
    return 1 if report.contradictions else 0
