"""
Whether this host has come to addresses that DDS does not know.

Fast DDS and Cyclone DDS look at the network interfaces when their participant is made, and never
again: a robot whose nodes start before its Wi-Fi has an address would stay deaf for ever.
"""

from __future__ import annotations

from collections.abc import Callable
import fcntl
import os
import socket
import struct

from rclpy.clock import Clock, ClockType
from rclpy.timer import Timer

from swarm_consensus.nodes.managed import ManagedNode

LOOK_S = 2.0
# An address must be there at so many looks in a row: a DHCP client may yet change its mind.
LOOKS = 2

# Of netdevice(7): the flags and the address of an interface.
_SIOCGIFFLAGS, _SIOCGIFADDR = 0x8913, 0x8915
_UP, _LOOPBACK, _RUNNING = 0x1, 0x8, 0x40
_REQUEST = struct.Struct('16s16s')
_FLAGS = struct.Struct('H')
# Where in the answer the address stands, behind its family and a port.
_ADDRESS = slice(20, 24)


def host_addresses() -> frozenset[str]:
    """Return the first IPv4 address of each interface that works and is not the loopback."""
    found = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            request = _REQUEST.pack(name.encode(), b'')
            try:
                (flags,) = _FLAGS.unpack_from(
                    fcntl.ioctl(asked, _SIOCGIFFLAGS, request), len(request) // 2
                )
                answer = fcntl.ioctl(asked, _SIOCGIFADDR, request)
            except OSError:
                # It has none, or went while we looked.
                continue
            if flags & _UP and flags & _RUNNING and not flags & _LOOPBACK:
                found.add(socket.inet_ntoa(answer[_ADDRESS]))
    return frozenset(found)


def reaches_out() -> bool:
    """Return whether DDS is to reach other hosts, by the environment."""
    wanted = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', '').upper()
    return wanted not in ('LOCALHOST', 'OFF') and os.environ.get('ROS_LOCALHOST_ONLY') != '1'


class AddressWatch:
    """
    Has a node begin anew where that lets it hear the others, and says where it would not.

    Nothing happens while any other robot is heard. A node that begins anew still hears the nodes
    beside it that do not, as long as they have an address in common; where all have changed, the
    whole robot has to be started again, which is not for one node to do.

    :param node: begins anew.
    :param known: the addresses that there were when its participant was made.
    :param is_alone: whether it hears no other robot.
    :param look: returns the addresses that there are.
    """

    def __init__(
        self,
        node: ManagedNode,
        known: frozenset[str],
        is_alone: Callable[[], bool],
        look: Callable[[], frozenset[str]] = host_addresses,
    ) -> None:
        self._node = node
        self._known = known
        self._is_alone = is_alone
        self._look = look
        self._seen: frozenset[str] = frozenset()
        self._looks = 0
        self._told: frozenset[str] = frozenset()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer: Timer = node.create_timer(LOOK_S, self.look, clock=steady)

    def close(self) -> None:
        """Look no more."""
        self._node.destroy_timer(self._timer)

    def look(self) -> None:
        """Look whether there are other addresses now."""
        now = self._look()
        self._looks = self._looks + 1 if now == self._seen else 1
        self._seen = now
        new = now - self._known
        if not new or self._looks < LOOKS or not self._is_alone():
            return
        if now & self._known or not self._known:
            self._node.start_anew(
                f'this host has come to {_listed(new)} and no other robot is heard: DDS looks for '
                'addresses at start alone, so this node begins anew'
            )
        elif now != self._told:
            self._told = now
            self._node.get_logger().error(
                f'this host is at {_listed(now)} now and was at {_listed(self._known)}: DDS looks '
                'for addresses at start alone, so start all ROS nodes of this robot anew'
            )


def _listed(addresses: frozenset[str]) -> str:
    return ', '.join(sorted(addresses))
