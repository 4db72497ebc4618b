"""The radio of the tests itself: it loses and delays what it was asked to."""

from __future__ import annotations

from contextlib import ExitStack
from random import Random
import select
import socket
import struct
import time

import pytest
from swarm_testing.namespaces import NamespacesUnavailable
from swarm_testing.radio import Radio
from swarm_testing.radio_switch import Switch, address

LOSS, DELAY = 0.2, 0.05
COUNT = 2000
GROUP = '239.1.2.3'


def test_the_switch_loses_each_copy_by_itself_and_delays_the_rest():
    switch = Switch(4, LOSS, DELAY, Random(1))
    to_all = b'\xff' * 6 + address(0) + b'payload'
    patterns = set()
    copies = 0
    for number in range(COUNT):
        switch.send(0, to_all, float(number))
        assert switch.arrived(number + DELAY * 0.99) == []
        arrived = switch.arrived(number + DELAY)
        assert all(frame == to_all for _, frame in arrived)
        patterns.add(tuple(host for host, _ in arrived))
        copies += len(arrived)
    # All subsets of the three receivers, and the sender hears nothing of its own.
    assert len(patterns) == 8
    assert not any(0 in pattern for pattern in patterns)
    assert copies / (3 * COUNT) == pytest.approx(1 - LOSS, abs=0.03)


def test_the_switch_brings_what_is_addressed_to_one_host_to_that_one_alone():
    switch = Switch(4, 0.0, DELAY, Random(1))
    frame = address(2) + address(0) + b'payload'
    switch.send(0, frame, 1.0)
    assert switch.wait(1.0) == pytest.approx(DELAY)
    assert switch.arrived(1.0 + DELAY) == [(2, frame)]
    assert switch.wait(1.0 + DELAY) is None


def test_datagrams_between_hosts_are_lost_and_late_as_asked():
    with ExitStack() as stack:
        try:
            hosts = stack.enter_context(Radio(3, LOSS, DELAY))
        except NamespacesUnavailable as error:
            pytest.skip(f'no radio here: {error}')
        receivers = []
        for host in (1, 2):
            with hosts.entered(host):
                receiver = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
                receiver.bind((GROUP, 5000))
                joined = socket.inet_aton(GROUP) + socket.inet_aton(hosts.address(host))
                receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
                receivers.append(receiver)
        with hosts.entered(0):
            sender = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        delays: dict[int, list[float]] = {0: [], 1: []}

        def take(until: float) -> None:
            while (left := until - time.monotonic()) > 0:
                for receiver in select.select(receivers, (), (), left)[0]:
                    (sent,) = struct.unpack('d', receiver.recv(8))
                    delays[receivers.index(receiver)].append(time.monotonic() - sent)

        for _ in range(COUNT // 2):
            sender.sendto(struct.pack('d', time.monotonic()), (GROUP, 5000))
            take(time.monotonic() + 0.001)
        take(time.monotonic() + 1.0)
        for arrived in delays.values():
            assert len(arrived) / (COUNT // 2) == pytest.approx(1 - LOSS, abs=0.06)
            assert min(arrived) >= DELAY


def test_hosts_in_a_line_hear_those_in_reach_only():
    switch = Switch(5, 0.0, 0.0, Random(1), reach=1)
    switch.send(2, b'\xff' * 6 + address(2) + b'payload', 0.0)
    assert [host for host, _ in switch.arrived(0.0)] == [1, 3]
    switch.send(0, address(2) + address(0) + b'payload', 0.0)
    assert switch.arrived(0.0) == []
