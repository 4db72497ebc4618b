"""Hosts joined by a radio that loses and delays (radio_switch.py), one TAP device each."""

from __future__ import annotations

from contextlib import ExitStack
import fcntl
import os
from pathlib import Path
import struct
import subprocess
import sys

from swarm_testing import radio_switch
from swarm_testing.namespaces import Hosts, NamespacesUnavailable, ip

TUN = '/dev/net/tun'
# From linux/if_tun.h.
TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000


class Radio(Hosts):
    """
    Hosts that hear each other late, and not always.

    :param count: how many.
    :param loss: share of the frames that a receiver does not get, 0..1.
    :param delay: from sender to receiver, s.
    :param seed: decides what gets lost.
    :param reach: hosts stand in a line, and those further apart than so many do not hear each
        other; None: all do.
    """

    def __init__(
        self, count: int, loss: float, delay: float, seed: int = 1, reach: int | None = None
    ) -> None:
        super().__init__(count)
        self.reach = count if reach is None else reach
        self._settings = (str(loss), str(delay), str(seed), str(self.reach))
        self._descriptors: list[int] = []

    def connect(self, host: int, undo: ExitStack) -> None:
        """Make the TAP device of a host."""
        with self.entered(host):
            try:
                descriptor = os.open(TUN, os.O_RDWR)
                undo.callback(os.close, descriptor)
                request = struct.pack('16sH', self.INTERFACE.encode(), IFF_TAP | IFF_NO_PI)
                fcntl.ioctl(descriptor, TUNSETIFF, request)
            except OSError as error:
                raise NamespacesUnavailable(f'no TAP device: {error}') from None
        self._descriptors.append(descriptor)
        ip('-n', self.names[host], 'link', 'set', self.INTERFACE, 'address', _text(host))

    def join(self, undo: ExitStack) -> None:
        """Start the switch."""
        # A radio repeats what it does not get through to its own kind, as ARP would need.
        for name in self.names:
            for host in range(self.count):
                if name != self.names[host]:
                    ip('-n', name, 'neighbour', 'add', self.address(host), 'lladdr', _text(host),
                       'dev', self.INTERFACE)  # fmt: skip
        switch = subprocess.Popen(
            # On the standard library alone: nothing of an environment is loaded.
            [sys.executable, '-I', '-S', str(Path(radio_switch.__file__)), *self._settings]
            + [str(descriptor) for descriptor in self._descriptors],
            pass_fds=self._descriptors,
            stdin=subprocess.PIPE,
        )
        undo.enter_context(switch)


def _text(host: int) -> str:
    return ':'.join(f'{byte:02x}' for byte in radio_switch.address(host))
