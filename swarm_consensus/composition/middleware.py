"""The environment that keeps a swarm's DDS traffic where swarm.yaml wants it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
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
_BUILTIN = 'FASTDDS_BUILTIN_TRANSPORTS'
# What Fast DDS 3 and 2 read in the working directory, without being told.
_FASTDDS_DEFAULTS = ('DEFAULT_FASTDDS_PROFILES.xml', 'DEFAULT_FASTRTPS_PROFILES.xml')
# For a process that nobody composed: `swarm`, clients, nodes by `ros2 run`.
PROFILE = Path(__file__).with_name('fastdds_profile.xml')
_KILTED_RCLPY = 9  # major version
# While the kernel asks a silent neighbour for its link address, some 3 s long and then anew, it
# keeps datagrams for it (`unres_qlen_bytes`, as much as a send buffer has by default) and counts
# them against the buffer of the socket that serves all. Two robots out of reach and DDS stands
# still in `sendmsg`, for those in reach too: https://github.com/ros2/rmw_fastrtps/issues/609. With
# this much, of which the kernel grants net.core.wmem_max and doubles it, there is room for 157.
SEND_BUFFER_BYTES = 16 << 20
# DDS says every 3 s (Fast DDS) or 8 s (Cyclone DDS) that a participant is there, which is how those
# find each other again that were out of reach for longer than a lease. Robots say it more often.
# Fast DDS says it once to all and once to each that it knows, 600 bytes each time: 6 kB/s.
ANNOUNCEMENT_S_MIN = 1.0
# On one host they say it more often still. A newcomer of Fast DDS announces itself before it reads
# what comes in, and who knows it already does not answer a second time. Over loopback answers come
# within that moment, so half of all clients, and of robots that begin anew, waited for what the
# others say by themselves, up to 3 s.
ANNOUNCEMENT_S_MIN_LOCALHOST = 0.3
ANNOUNCEMENT_S_MAX = 3.0
ANNOUNCEMENT_S_EACH = 0.1
_LIMITS = ('core/wmem_max', 'ipv4/neigh/default/unres_qlen_bytes')
_SYSCTL = Path('/proc/sys/net')

# With LOCALHOST, Fast DDS finds no more participants of a host than these: it asks their ports in
# turn, and the rest never hear of each other.
LOCALHOST_PARTICIPANTS_MAX = 32


def environment(network: Network, robots: int = 0) -> dict[str, str]:
    """
    Return the environment variables of a node.

    :param robots: of the swarm, for the node by which a robot meets the others; 0: for any other.
    """
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
    if network.transport == 'udp' and not _describes_transports(network):
        variables[_BUILTIN] = 'UDPv4'
    if network.middleware != 'rmw_fastrtps_cpp':
        variables |= _cyclone(network, robots)
    return variables


def files(network: Network, hears_itself: bool = True, robots: int = 0) -> dict[str, str]:
    """
    Return the variables that must name a file, and the text of the file.

    :param robots: as in `environment`.
    :param hears_itself: False for a process that has no use for what it publishes itself, such as
        consensus_node: of the frames that reach it, every third would be its own in a swarm of
        three. A profile that the user has set is left alone where nothing else needs one.
    """
    if network.middleware == 'rmw_cyclonedds_cpp':
        return {}
    transports = _transports(network) if _describes_transports(network) else ('', '')
    if not transports[0] and _user_has_profile():
        return {}
    period_s = _announcement_s(network, robots) if robots else 0.0
    profile = _fastdds_profile(*transports, hears_itself, period_s)
    return dict.fromkeys(_profile_variables(), profile)


def use_profile(environ: MutableMapping[str, str] = os.environ) -> None:
    """
    Have Fast DDS in this process do without what ROS has no use for, unless the user has a profile.

    It is read when the first participant is made, so this stands before rclpy.init.
    """
    if not _user_has_profile(environ):
        environ.update(dict.fromkeys(_profile_variables(), str(PROFILE)))


def _interface(network: Network) -> str:
    """Return what Fast DDS has to be kept to by a profile; '': nothing."""
    return _LOOPBACK if _loopback_profile(network) else network.interface


def _describes_transports(network: Network) -> bool:
    """Whether a Fast DDS profile of ours says how datagrams are sent."""
    if _interface(network):
        return True
    return (
        _reaches_out(network) and not _user_has_profile() and not os.environ.get(_BUILTIN)
    )


def _reaches_out(network: Network) -> bool:
    """Whether other hosts are reached, by transports that a profile of Fast DDS may describe."""
    # With the other ranges rmw_fastrtps describes transports of its own, whatever a profile says.
    return network.discovery in ('subnet', 'system_default')


def _stays_here(network: Network) -> bool:
    """Whether nothing is sent to other hosts."""
    return network.discovery in ('localhost', 'off') and not network.static_peers


def _announcement_s(network: Network, robots: int) -> float:
    """Return how often a participant is to say that it is there, s."""
    least = ANNOUNCEMENT_S_MIN_LOCALHOST if _stays_here(network) else ANNOUNCEMENT_S_MIN
    return min(max(ANNOUNCEMENT_S_EACH * robots, least), ANNOUNCEMENT_S_MAX)


def _user_has_profile(environ: Mapping[str, str] = os.environ) -> bool:
    named = {environ.get(name, '') for name in FASTDDS_PROFILES}
    return bool(named - {'', str(PROFILE)}) or any(
        Path(name).exists() for name in _FASTDDS_DEFAULTS
    )


def _profile_variables() -> tuple[str, ...]:
    """Return what the Fast DDS of this ROS reads; both names where no ROS is installed."""
    try:
        major = int(version('rclpy').partition('.')[0])
    except PackageNotFoundError:
        return FASTDDS_PROFILES
    return FASTDDS_PROFILES[:1] if major >= _KILTED_RCLPY else FASTDDS_PROFILES[1:]


def warnings(network: Network, nodes: int, robots: int, sysctl: Path = _SYSCTL) -> list[str]:
    """
    Return what a swarm would suffer from on this machine, each with what to change.

    :param nodes: that run on it.
    :param robots: of the whole swarm.
    :param sysctl: where the kernel tells its limits.
    """
    return [text for text in (_crowded(network, nodes), _cramped(network, robots, sysctl)) if text]


def _cramped(network: Network, robots: int, sysctl: Path) -> str:
    """Return what to change if robots out of reach would hold up what goes to those in reach."""
    if _stays_here(network):
        return ''
    try:
        granted, kept = (int((sysctl / name).read_text()) for name in _LIMITS)
    except OSError:
        # No Linux, or a container that does not tell: nothing is known.
        return ''
    room, needed = 2 * min(granted, SEND_BUFFER_BYTES), (robots - 1) * kept
    if needed <= room or granted >= SEND_BUFFER_BYTES:
        return ''
    return (
        f'with {room // kept} robots or more out of reach this machine would lose, for seconds, '
        f'what it sends to those in reach: `sysctl -w net.core.wmem_max={-(-needed // 2)}` makes '
        f'room for a swarm of {robots} (now {granted})'
    )


def _crowded(network: Network, nodes: int) -> str:
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


def _cyclone(network: Network, robots: int) -> dict[str, str]:
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
    # Of two values Cyclone takes the later one, so what the user has set holds.
    buffer = f'<Internal><SocketSendBufferSize max="{SEND_BUFFER_BYTES} B"/></Internal>'
    general = ''
    if network.interface:
        key = 'address' if _is_address(network.interface) else 'name'
        interface = f'<NetworkInterface {key}={quoteattr(network.interface)}/>'
        general = f'<General><Interfaces>{interface}</Interfaces></General>'
    if robots:
        period = f'<SPDPInterval>{_announcement_s(network, robots)} s</SPDPInterval>'
        general += f'<Discovery>{period}</Discovery>'
    ours = f'<CycloneDDS><Domain>{general}{buffer}</Domain></CycloneDDS>'
    users = '' if network.interface else os.environ.get('CYCLONEDDS_URI', '')
    return {'CYCLONEDDS_URI': f'{ours},{users}' if users else ours}


def _is_address(interface: str) -> bool:
    try:
        ipaddress.ip_address(interface)
    except ValueError:
        return False
    return True


def _fastdds_profile(descriptors: str, used: str, hears_itself: bool, period_s: float) -> str:
    discovery = ''
    if period_s:
        whole, part = divmod(round(period_s * 1e9), 1_000_000_000)
        discovery = (
            '      <builtin>\n        <discovery_config>\n          <leaseAnnouncement>\n'
            f'            <sec>{whole}</sec>\n'
            f'            <nanosec>{part}</nanosec>\n'
            '          </leaseAnnouncement>\n        </discovery_config>\n      </builtin>\n'
        )
    # Fast DDS 3 asks others how their types are made, of which ROS makes no use, and now and then
    # crashes while it does: TypeLookupManager::notify_callbacks goes through a list that another
    # thread adds to.
    wanted = {'fastdds.type_propagation': 'disabled'}
    if not hears_itself:
        wanted['fastdds.ignore_local_endpoints'] = 'true'
    properties = ''.join(
        '          <property>\n'
        f'            <name>{name}</name>\n'
        f'            <value>{text}</value>\n'
        '          </property>\n'
        for name, text in wanted.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">\n'
        f'{descriptors}'
        '  <participant profile_name="swarm" is_default_profile="true">\n'
        '    <rtps>\n'
        f'{used}{discovery}'
        '      <propertiesPolicy>\n        <properties>\n'
        f'{properties}'
        '        </properties>\n      </propertiesPolicy>\n'
        '    </rtps>\n'
        '  </participant>\n'
        '</profiles>\n'
    )


def _transports(network: Network) -> tuple[str, str]:
    """Return the descriptors of transports, and what has a participant use them."""
    interface = _interface(network)
    details = ''
    if interface:
        # Fast DDS takes interfaces only for transports that are described in a profile. Robots of
        # one machine still find each other: the interface's own address loops back.
        key = 'address' if _is_address(interface) else 'interface'
        details = (
            f'      <interfaceWhiteList><{key}>{escape(interface)}</{key}></interfaceWhiteList>\n'
        )
    if interface != _LOOPBACK:
        # A robot must not wait in `sendmsg`, even where the buffer is not granted.
        details += (
            f'      <sendBufferSize>{SEND_BUFFER_BYTES}</sendBufferSize>\n'
            '      <non_blocking_send>true</non_blocking_send>\n'
        )
    names = ['swarm_udp']
    shared_memory = ''
    if network.transport != 'udp':
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
        f'{details}'
        '    </transport_descriptor>\n'
        f'{shared_memory}'
        '  </transport_descriptors>\n'
    ), (
        f'      <userTransports>\n{used}      </userTransports>\n'
        '      <useBuiltinTransports>false</useBuiltinTransports>\n'
    )
