"""The environment that keeps a swarm's DDS traffic where swarm.yaml wants it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
import ipaddress
import os
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from swarm_consensus.composition.swarm import Network

_RANGES = {
    'localhost': 'LOCALHOST',
    'subnet': 'SUBNET',
    'off': 'OFF',
    'system_default': 'SYSTEM_DEFAULT',
}
_LOOPBACK = '127.0.0.1'
# Fast DDS 3 (Kilted and later) and Fast DDS 2 (Jazzy) look for their profiles under these. Version
# 3 still loads what stands under the old name too, and complains of everything that comes twice.
FASTDDS_PROFILES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
# What Fast DDS 3 and 2 read in the working directory, without being told.
_FASTDDS_DEFAULTS = ('DEFAULT_FASTDDS_PROFILES.xml', 'DEFAULT_FASTRTPS_PROFILES.xml')
_KILTED_RCLPY = 9  # major version


# With LOCALHOST, Fast DDS finds no more participants of a host than these: it asks their ports in
# turn, and the rest never hear of each other.
LOCALHOST_PARTICIPANTS_MAX = 32


def environment(network: Network) -> dict[str, str]:
    """Return the environment variables of every node of a swarm."""
    variables = {'ROS_AUTOMATIC_DISCOVERY_RANGE': _RANGES[network.discovery]}
    if _loopback_profile(network):
        # LOCALHOST makes rmw_fastrtps describe transports of its own, shared memory among them,
        # whatever was asked. The profile keeps to loopback by itself, with multicast there.
        variables['ROS_AUTOMATIC_DISCOVERY_RANGE'] = _RANGES['subnet']
    if network.domain_id >= 0:
        variables['ROS_DOMAIN_ID'] = str(network.domain_id)
    if network.static_peers:
        variables['ROS_STATIC_PEERS'] = ';'.join(network.static_peers)
    if network.middleware != 'default':
        variables['RMW_IMPLEMENTATION'] = network.middleware
    if network.transport == 'udp' and not _interface(network):
        variables['FASTDDS_BUILTIN_TRANSPORTS'] = 'UDPv4'
    if network.middleware != 'rmw_fastrtps_cpp':
        variables |= _cyclone(network)
    return variables


def files(network: Network, hears_itself: bool = True) -> dict[str, str]:
    """
    Return the variables that must name a file, and the text of the file.

    :param hears_itself: False for a process that has no use for what it publishes itself, such as
        consensus_node: of the frames that reach it, every third would be its own in a swarm of
        three. A profile that the user has set is left alone where nothing else needs one.
    """
    if network.middleware == 'rmw_cyclonedds_cpp':
        return {}
    interface = _interface(network)
    if not interface and (hears_itself or _user_has_profile()):
        return {}
    profile = _fastdds_profile(interface, network.transport, hears_itself)
    return dict.fromkeys(_profile_variables(), profile)


def _interface(network: Network) -> str:
    """Return what Fast DDS has to be kept to by a profile; '': nothing."""
    return _LOOPBACK if _loopback_profile(network) else network.interface


def _user_has_profile() -> bool:
    return any(os.environ.get(name) for name in FASTDDS_PROFILES) or any(
        Path(name).exists() for name in _FASTDDS_DEFAULTS
    )


def _profile_variables() -> tuple[str, ...]:
    """Return what the Fast DDS of this ROS reads; both names where no ROS is installed."""
    try:
        major = int(version('rclpy').partition('.')[0])
    except PackageNotFoundError:
        return FASTDDS_PROFILES
    return FASTDDS_PROFILES[:1] if major >= _KILTED_RCLPY else FASTDDS_PROFILES[1:]


def crowded(network: Network, nodes: int) -> str:
    """Return what to change if so many nodes on one machine would not all find each other."""
    at_risk = network.discovery == 'localhost' and not _loopback_profile(network)
    if not at_risk or network.middleware == 'rmw_cyclonedds_cpp':
        return ''
    if nodes < LOCALHOST_PARTICIPANTS_MAX:
        return ''
    return (
        f'{nodes} nodes on this machine: with `discovery: localhost` Fast DDS connects '
        f'{LOCALHOST_PARTICIPANTS_MAX} at most; set `network: {{transport: udp}}`'
    )


def _loopback_profile(network: Network) -> bool:
    """Whether a Fast DDS profile, and not the discovery range, keeps the swarm on loopback."""
    return (
        network.discovery == 'localhost'
        and network.transport == 'udp'
        and network.middleware != 'rmw_cyclonedds_cpp'
    )


def _cyclone(network: Network) -> dict[str, str]:
    if network.discovery == 'localhost':
        # By address: the name differs between systems. The loopback interface does no multicast,
        # so participants are found by asking the ports that the first 120 of a host would have.
        return {
            'CYCLONEDDS_URI': (
                '<CycloneDDS><Domain><General><AllowMulticast>false</AllowMulticast>'
                '<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces></General>'
                '<Discovery><ParticipantIndex>auto</ParticipantIndex>'
                '<MaxAutoParticipantIndex>119</MaxAutoParticipantIndex>'
                '<Peers><Peer address="127.0.0.1"/></Peers></Discovery>'
                '</Domain></CycloneDDS>'
            )
        }
    if network.interface:
        key = 'address' if _is_address(network.interface) else 'name'
        interface = f'<NetworkInterface {key}={quoteattr(network.interface)}/>'
        return {
            'CYCLONEDDS_URI': (
                f'<CycloneDDS><Domain><General><Interfaces>{interface}</Interfaces></General>'
                '</Domain></CycloneDDS>'
            )
        }
    return {}


def _is_address(interface: str) -> bool:
    try:
        ipaddress.ip_address(interface)
    except ValueError:
        return False
    return True


def _fastdds_profile(interface: str, transport: str, hears_itself: bool) -> str:
    descriptors, used = _transports(interface, transport) if interface else ('', '')
    properties = ''
    if not hears_itself:
        properties = (
            '      <propertiesPolicy>\n        <properties>\n          <property>\n'
            '            <name>fastdds.ignore_local_endpoints</name>\n'
            '            <value>true</value>\n'
            '          </property>\n        </properties>\n      </propertiesPolicy>\n'
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">\n'
        f'{descriptors}'
        '  <participant profile_name="swarm" is_default_profile="true">\n'
        '    <rtps>\n'
        f'{used}{properties}'
        '    </rtps>\n'
        '  </participant>\n'
        '</profiles>\n'
    )


def _transports(interface: str, transport: str) -> tuple[str, str]:
    """Return the descriptors of transports on an interface, and what has a participant use them."""
    # Fast DDS takes interfaces only for transports that are described in a profile. Robots of one
    # machine still find each other: the interface's own address loops back.
    key = 'address' if _is_address(interface) else 'interface'
    names = ['swarm_udp']
    shared_memory = ''
    if transport != 'udp':
        names.append('swarm_shm')
        shared_memory = (
            '    <transport_descriptor>\n'
            '      <transport_id>swarm_shm</transport_id>\n'
            '      <type>SHM</type>\n'
            '    </transport_descriptor>\n'
        )
    used = ''.join(f'        <transport_id>{name}</transport_id>\n' for name in names)
    return (
        '  <transport_descriptors>\n'
        '    <transport_descriptor>\n'
        '      <transport_id>swarm_udp</transport_id>\n'
        '      <type>UDPv4</type>\n'
        f'      <interfaceWhiteList><{key}>{escape(interface)}</{key}></interfaceWhiteList>\n'
        '    </transport_descriptor>\n'
        f'{shared_memory}'
        '  </transport_descriptors>\n'
    ), (
        f'      <userTransports>\n{used}      </userTransports>\n'
        '      <useBuiltinTransports>false</useBuiltinTransports>\n'
    )
