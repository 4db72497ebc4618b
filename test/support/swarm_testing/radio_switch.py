"""
A switch that is as bad as a radio: every frame is late, and each of its copies may get lost.

`python radio_switch.py LOSS DELAY SEED REACH DESCRIPTOR...` carries Ethernet frames between the TAP
devices behind these descriptors, one a host, until its standard input is closed, so that it does
not outlive who started it. The kernel's own way (netem) is not there everywhere. A process of its
own, so that its timing is not that of the test; plain Python on the standard library alone.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
import os
from random import Random
import select
import sys
import time

FRAME_BYTES_MAX = 65_536
# The first five bytes of every host's address; the last one is its number + 1.
ADDRESS_PREFIX = bytes((2, 0, 0, 0x5C, 0))


def address(host: int) -> bytes:
    """Return the Ethernet address of a host."""
    return ADDRESS_PREFIX + bytes((host + 1,))


class Switch:
    """
    What is on the air.

    :param hosts: how many.
    :param loss: share of the copies that get lost, each by itself.
    :param delay: from sender to receiver, s.
    :param random: decides what gets lost.
    :param reach: hosts stand in a line, and those further apart than so many do not hear each
        other; None: all do.
    """

    def __init__(
        self, hosts: int, loss: float, delay: float, random: Random, reach: int | None = None
    ) -> None:
        self._hosts = hosts
        self._reach = hosts if reach is None else reach
        self._loss = loss
        self._delay = delay
        self._random = random
        # The delay is the same for all, so that they arrive in the order of sending.
        self._air: deque[tuple[float, int, bytes]] = deque()

    def send(self, host: int, frame: bytes, now: float) -> None:
        """Take a frame from a host, for the one it is addressed to or for all others."""
        last = frame[5] - 1
        if frame[:5] == ADDRESS_PREFIX and 0 <= last < self._hosts:
            receivers = [last]
        else:
            receivers = [other for other in range(self._hosts) if other != host]
        for receiver in receivers:
            if abs(receiver - host) > self._reach:
                continue
            if self._random.random() >= self._loss:
                self._air.append((now + self._delay, receiver, frame))

    def arrived(self, now: float) -> list[tuple[int, bytes]]:
        """Return (host, frame) of all that arrives by now."""
        arrived = []
        while self._air and self._air[0][0] <= now:
            _, receiver, frame = self._air.popleft()
            arrived.append((receiver, frame))
        return arrived

    def wait(self, now: float) -> float | None:
        """Return how long nothing arrives, s; None: nothing is on the air."""
        return max(0.0, self._air[0][0] - now) if self._air else None


def run(switch: Switch, descriptors: list[int]) -> None:
    """Carry frames until standard input is closed."""
    hosts = {descriptor: host for host, descriptor in enumerate(descriptors)}
    for descriptor in descriptors:
        os.set_blocking(descriptor, False)
    watched = [*descriptors, sys.stdin.fileno()]
    while True:
        ready, _, _ = select.select(watched, (), (), switch.wait(time.monotonic()))
        if sys.stdin.fileno() in ready:
            return
        now = time.monotonic()
        for descriptor in ready:
            switch.send(hosts[descriptor], os.read(descriptor, FRAME_BYTES_MAX), now)
        for host, frame in switch.arrived(now):
            try:
                os.write(descriptors[host], frame)
            except OSError:
                # Its queue is full or its interface down: lost, as on a radio.
                continue


def main() -> None:
    """Run as the command line says."""
    # Its delays are to be those that were asked for, however busy the machine.
    with suppress(PermissionError):
        os.nice(-10)
    loss, delay, seed = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    reach = int(sys.argv[4])
    descriptors = [int(argument) for argument in sys.argv[5:]]
    run(Switch(len(descriptors), loss, delay, Random(seed), reach), descriptors)


if __name__ == '__main__':
    main()
