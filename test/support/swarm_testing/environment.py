"""
The environment variables of a test's processes: DDS on loopback, nothing of the user's own.

The same variables serve rclpy on Fast DDS and on Cyclone DDS, and the `cyclonedds` package.
"""

from __future__ import annotations

from collections.abc import Mapping
import os
from pathlib import Path

from swarm_consensus.composition import middleware
from swarm_consensus.composition.swarm import Network

# The loopback device of Linux does not multicast, so that Cyclone must ask every participant
# index of the host in turn, as Fast DDS does when discovery is limited to localhost.
CYCLONEDDS_URI = (
    '<CycloneDDS><Domain Id="any">'
    '<General><AllowMulticast>false</AllowMulticast>'
    '<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces></General>'
    '<Discovery><ParticipantIndex>auto</ParticipantIndex>'
    '<MaxAutoParticipantIndex>99</MaxAutoParticipantIndex>'
    '<Peers><Peer address="127.0.0.1"/></Peers></Discovery>'
    '</Domain></CycloneDDS>'
)


# As many as most tests have: they announce themselves as they do where `swarm up` starts them.
ROBOTS = 3


def loopback_variables(domain_id: int, folder: Path) -> dict[str, str]:
    """
    Give the variables that keep DDS on loopback and all files below one folder.

    On UDP: shared memory of Fast DDS stays behind where a process is killed with -9, as tests do,
    and who gets the port of such a process later may never be heard by some of the others.

    :param domain_id: ROS domain of the test.
    :param folder: the test's own; state and log folders are made in it.
    """
    network = Network(domain_id, 'localhost', (), '', 'default', 'udp')
    return network_variables(network, folder, ROBOTS) | {
        'CYCLONEDDS_URI': CYCLONEDDS_URI,
        'XDG_STATE_HOME': str(folder / 'state'),
        'ROS_LOG_DIR': str(folder / 'log'),
        'PYTHONUNBUFFERED': '1',
    }


def network_variables(network: Network, folder: Path, robots: int = 0) -> dict[str, str]:
    """
    Give the variables that a swarm's nodes are started with.

    :param folder: files are made in it.
    :param robots: whether, and of how many, these are nodes by which robots meet the others.
    """
    variables = middleware.environment(network, robots)
    for name, text in middleware.files(network, robots=robots).items():
        path = folder / f'{name.lower()}.xml'
        path.write_text(text)
        variables[name] = str(path)
    return variables


# What a user may have set, and would change how the tests' processes find each other.
UNWANTED = ('ROS_STATIC_PEERS', 'ROS_LOCALHOST_ONLY', *middleware.FASTDDS_PROFILES,
            'ROS_DISCOVERY_SERVER', 'ROS_NAMESPACE')  # fmt: skip


def process_environment(
    domain_id: int, folder: Path, base: Mapping[str, str] | None = None
) -> dict[str, str]:
    """
    Give the whole environment of a child process on loopback.

    :param domain_id: ROS domain of the test.
    :param folder: the test's own; state and log folders are made in it.
    :param base: what to start from; None: the environment of this process.
    """
    environment = dict(os.environ if base is None else base)
    for name in UNWANTED:
        environment.pop(name, None)
    environment.update(loopback_variables(domain_id, folder))
    return environment


def without_bootstrap(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """
    Give an environment for the Python of another virtual environment.

    The ROS wheels re-execute Python once with the library path of their environment and mark that
    in a variable. A child from another environment must not inherit either.

    :param base: what to start from; None: the environment of this process.
    """
    environment = dict(os.environ if base is None else base)
    for name in ('_ROS_WHEELS_BOOTSTRAP_COMPLETE', 'LD_LIBRARY_PATH', 'PYTHONPATH',
                 'AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH', 'VIRTUAL_ENV'):  # fmt: skip
        environment.pop(name, None)
    return environment
