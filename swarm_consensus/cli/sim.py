"""Run the robots of a swarm.yaml in one process, on virtual time, with no ROS and no network."""

from __future__ import annotations

import argparse
import statistics
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('file', help='the swarm.yaml')
    parser.add_argument('--robots', type=int, help='how many robots (default: as in the file)')
    parser.add_argument(
        '--seconds', type=float, default=30.0, help='how long robots see things, s (default: 30)'
    )
    parser.add_argument('--loss', type=float, default=0.0, help='share of frames lost, 0..1')
    parser.add_argument(
        '--split', action='store_true', help='cut the swarm in two in the middle third of the time'
    )
    parser.add_argument('--seed', type=int, default=1, help='of everything random (default: 1)')


def run(arguments: argparse.Namespace) -> int:
    """Run the verb; 0 unless robots contradict each other or find no leader."""
    from swarm_consensus.composition.problems import SwarmFileError
    from swarm_consensus.composition.swarm_file import load_swarm
    from swarm_consensus.nodes.robot_settings import resized, settings_of
    from swarm_consensus.simulation.in_process import InProcessSwarm
    from swarm_consensus.simulation.witnesses import watch
    from swarm_consensus.transport.key_files import KeysError

    if not 0.0 < arguments.seconds <= 86_400.0:
        print(f'--seconds is {arguments.seconds:g}, give up to 86400', file=sys.stderr)
        return 2
    try:
        swarm = load_swarm(arguments.file)
        if arguments.robots is not None:
            swarm = resized(swarm, arguments.robots)
        settings = settings_of(swarm)
        running = InProcessSwarm(settings, arguments.seed, loss=arguments.loss)
        report = watch(
            running,
            settings[0].config.policies,
            seed=arguments.seed,
            seconds=arguments.seconds,
            split=arguments.split,
        )
    except (SwarmFileError, KeysError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return 1
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
