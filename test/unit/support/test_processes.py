"""The helpers that other tests stand on: processes and domain ids."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from swarm_testing.processes import ProcessGroup, heed_interrupts

from swarm_consensus.composition.domains import reserve_domain_id


def test_two_reservations_at_the_same_time_never_give_the_same_domain():
    with reserve_domain_id() as one, reserve_domain_id() as other:
        assert one != other


def test_output_is_waited_for_and_reported():
    with ProcessGroup() as group:
        child = group.start([sys.executable, '-c', "print('ready'); input()"], name='child')
        assert child.wait_for_output('read') == 'ready'
        assert 'ready' in group.report()


def test_a_process_that_ends_before_it_says_what_is_awaited_fails_with_its_output():
    with ProcessGroup() as group:
        child = group.start([sys.executable, '-c', "print('other')"])
        with pytest.raises(AssertionError, match='ended(?s:.)*other'):
            child.wait_for_output('ready')


def test_processes_are_gone_after_the_group_even_if_they_ignore_the_request_to_end():
    stubborn = (
        'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);'
        "print('deaf', flush=True); time.sleep(600)"
    )
    with ProcessGroup() as group:
        child = group.start([sys.executable, '-c', stubborn])
        child.wait_for_output('deaf')
        child.suspend()
    assert not child.alive
    with pytest.raises(ProcessLookupError):
        # Signal 0 asks only whether the process is there.
        os.kill(child.pid, 0)


def test_kill_gives_the_signal_as_exit_code():
    with ProcessGroup() as group:
        child = group.start([sys.executable, '-c', 'import time; time.sleep(600)'])
        child.kill()
        assert child.wait() == -9


def test_an_interrupt_ends_a_process_also_where_the_tests_run_in_the_background():
    sleeper = [sys.executable, '-c', "print('up', flush=True); import time; time.sleep(600)"]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        heed_interrupts()
        with ProcessGroup() as group:
            child = group.start(sleeper)
            child.wait_for_output('up')
            assert child.interrupt() not in (0, -signal.SIGTERM)
            assert 'KeyboardInterrupt' in child.output
            # These tests themselves still do not mind.
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
