"""
Network namespaces that stand for robots with a radio each: joined by a bridge, cut by a test.

They need root (or CAP_NET_ADMIN and CAP_SYS_ADMIN) and the command `ip`. No address is given to
the bridges, so nothing of it reaches the machine's own network. All names carry the pid of the
test, and are removed with it. What loses and delays is in radio.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
import ctypes
import os
from pathlib import Path
import socket
import subprocess
from types import TracebackType
from typing import Self

CLONE_NEWNET = 0x40000000
# Where `ip netns` keeps the names.
FOLDER = Path('/run/netns')
PORT = 40_404


class NamespacesUnavailable(Exception):
    """Namespaces cannot be made here, or nothing passes between them; says why."""


def ip(*arguments: str) -> None:
    """
    Run the command `ip`.

    :raises NamespacesUnavailable: it is not there, or what it says.
    """
    try:
        done = subprocess.run(['ip', *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        raise NamespacesUnavailable('there is no command `ip` (iproute2)') from None
    if done.returncode:
        raise NamespacesUnavailable(f'ip {" ".join(arguments)}: {done.stderr.strip()}')


def _enter(descriptor: int) -> None:
    """Put this thread into a network namespace (os.setns is there from Python 3.12)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise NamespacesUnavailable(f'setns: {os.strerror(number)}')


class Hosts:
    """
    Hosts 0..count-1, each with one network interface; how they are joined is a subclass's own.

    A context manager.

    :raises NamespacesUnavailable: on entering.
    """

    INTERFACE = 'radio'

    def __init__(self, count: int) -> None:
        self.count = count
        self.tag = f'sc{os.getpid()}'
        self.names = [f'{self.tag}n{host}' for host in range(count)]
        # Hosts further apart than so many need not hear each other.
        self.reach = count
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.prepare(undo)
            for host in range(self.count):
                self._add(host, undo)
            self.join(undo)
            self._check()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    def prepare(self, undo: ExitStack) -> None:
        """Make what the interfaces will be joined by."""

    def connect(self, host: int, undo: ExitStack) -> None:
        """Make the interface of a host."""
        raise NotImplementedError

    def join(self, undo: ExitStack) -> None:
        """Do what can be done when all hosts are there."""

    def _add(self, host: int, undo: ExitStack) -> None:
        name = self.names[host]
        ip('netns', 'add', name)
        # The link is deleted first: the kernel frees a namespace, with what is in it, later.
        undo.callback(ip, 'netns', 'del', name)
        self.connect(host, undo)
        ip('-n', name, 'link', 'set', 'lo', 'up')
        ip('-n', name, 'link', 'set', self.INTERFACE, 'up')
        self.give_address(host, self.address(host))

    def give_address(self, host: int, address: str) -> None:
        """Give a host an address on the radio, as DHCP does, and have it multicast there."""
        name = self.names[host]
        ip('-n', name, 'address', 'add', f'{address}/24', 'dev', self.INTERFACE)
        ip('-n', name, 'route', 'replace', '224.0.0.0/4', 'dev', self.INTERFACE)

    def take_address(self, host: int) -> None:
        """Take from a host its addresses on the radio, and with them the routes."""
        ip('-n', self.names[host], 'address', 'flush', 'dev', self.INTERFACE)

    def wire(self, host: int, address: str) -> None:
        """Give a host a second network, on which nobody else is."""
        name = self.names[host]
        ip('-n', name, 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'far_end')
        ip('-n', name, 'address', 'add', f'{address}/24', 'dev', 'wire')
        for end in ('wire', 'far_end'):
            ip('-n', name, 'link', 'set', end, 'up')

    def address(self, host: int) -> str:
        """Return the address of a host."""
        return f'10.77.0.{host + 1}'

    @contextmanager
    def entered(self, host: int) -> Iterator[None]:
        """Have this thread, and the processes and threads that it starts, live on a host."""
        home = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
        try:
            there = os.open(FOLDER / self.names[host], os.O_RDONLY)
            try:
                _enter(there)
            finally:
                os.close(there)
            try:
                yield
            finally:
                _enter(home)
        finally:
            os.close(home)

    def _check(self) -> None:
        """See that a datagram passes, which a firewall for bridges may forbid."""
        with ExitStack() as sockets:
            with self.entered(0):
                receiver = sockets.enter_context(socket.socket(type=socket.SOCK_DGRAM))
                receiver.bind((self.address(0), PORT))
            with self.entered(min(self.reach, self.count - 1)):
                sender = sockets.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            receiver.settimeout(0.5)
            for _ in range(10):
                sender.sendto(b'?', (self.address(0), PORT))
                try:
                    receiver.recv(1)
                    return
                except TimeoutError:
                    continue
        raise NamespacesUnavailable('no datagram passes; is there a firewall for bridges?')


class Namespaces(Hosts):
    """Hosts that are all on one bridge until they are split."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._links = [f'{self.tag}v{host}' for host in range(count)]
        self._bridges = (f'{self.tag}a', f'{self.tag}b')

    def prepare(self, undo: ExitStack) -> None:
        """Make the bridges."""
        for bridge in self._bridges:
            ip('link', 'add', bridge, 'type', 'bridge', 'mcast_snooping', '0')
            undo.callback(ip, 'link', 'del', bridge)
            ip('link', 'set', bridge, 'up')

    def connect(self, host: int, undo: ExitStack) -> None:
        """Join a host to the first bridge."""
        name, link = self.names[host], self._links[host]
        ip('link', 'add', link, 'type', 'veth', 'peer', 'name', self.INTERFACE, 'netns', name)
        undo.callback(ip, 'link', 'del', link)
        ip('link', 'set', link, 'master', self._bridges[0], 'up')

    def cut_off(self, hosts: Iterable[int]) -> None:
        """Move hosts to a network of their own, together."""
        for host in hosts:
            ip('link', 'set', self._links[host], 'master', self._bridges[1])

    def heal(self) -> None:
        """Join all hosts again."""
        for link in self._links:
            ip('link', 'set', link, 'master', self._bridges[0])
