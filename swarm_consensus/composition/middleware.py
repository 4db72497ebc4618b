"""The environment that keeps a swarm's DDS traffic where swarm.yaml wants it."""

from __future__ import annotations

import ipaddress
from xml.sax.saxutils import quoteattr

from swarm_consensus.composition.swarm import Network

_RANGES = {
    'localhost': 'LOCALHOST',
    'subnet': 'SUBNET',
    'off': 'OFF',
    'system_default': 'SYSTEM_DEFAULT',
}
# Fast DDS 3 (Kilted and later) and Fast DDS 2 (Jazzy) look for their profiles under these.
_FASTDDS_PROFILES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')


def environment(network: Network) -> dict[str, str]:
    """Return the environment variables of every node of a swarm."""
    variables = {'ROS_AUTOMATIC_DISCOVERY_RANGE': _RANGES[network.discovery]}
    if network.domain_id >= 0:
        variables['ROS_DOMAIN_ID'] = str(network.domain_id)
    if network.static_peers:
        variables['ROS_STATIC_PEERS'] = ';'.join(network.static_peers)
    if network.middleware != 'default':
        variables['RMW_IMPLEMENTATION'] = network.middleware
    if network.transport == 'udp' and not network.interface:
        variables['FASTDDS_BUILTIN_TRANSPORTS'] = 'UDPv4'
    if network.middleware != 'rmw_fastrtps_cpp':
        variables |= _cyclone(network)
    return variables


def files(network: Network) -> dict[str, str]:
    """Return the variables that must name a file, and the text of the file."""
    if not network.interface or network.middleware == 'rmw_cyclonedds_cpp':
        return {}
    return dict.fromkeys(_FASTDDS_PROFILES, _fastdds_profile(network))


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


def _fastdds_profile(network: Network) -> str:
    # Fast DDS takes interfaces only for transports that are described in a profile. Robots of one
    # machine still find each other: the interface's own address loops back.
    name = network.interface.replace('&', '&amp;').replace('<', '&lt;')
    key = 'address' if _is_address(network.interface) else 'interface'
    transports = ['<transport_id>swarm_udp</transport_id>']
    shared_memory = ''
    if network.transport != 'udp':
        transports.append('<transport_id>swarm_shm</transport_id>')
        shared_memory = (
            '    <transport_descriptor>\n'
            '      <transport_id>swarm_shm</transport_id>\n'
            '      <type>SHM</type>\n'
            '    </transport_descriptor>\n'
        )
    used = ''.join(f'        {transport}\n' for transport in transports)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">\n'
        '  <transport_descriptors>\n'
        '    <transport_descriptor>\n'
        '      <transport_id>swarm_udp</transport_id>\n'
        '      <type>UDPv4</type>\n'
        f'      <interfaceWhiteList><{key}>{name}</{key}></interfaceWhiteList>\n'
        '    </transport_descriptor>\n'
        f'{shared_memory}'
        '  </transport_descriptors>\n'
        '  <participant profile_name="swarm" is_default_profile="true">\n'
        '    <rtps>\n'
        f'      <userTransports>\n{used}      </userTransports>\n'
        '      <useBuiltinTransports>false</useBuiltinTransports>\n'
        '    </rtps>\n'
        '  </participant>\n'
        '</profiles>\n'
    )
