"""The worker: newest frame wins, turns are taken, nothing piles up, the rate is kept."""

from __future__ import annotations

import threading
import time

import pytest

from swarm_consensus.inference import worker as module
from swarm_consensus.inference.worker import Worker

PATIENCE = 10.0  # s; only ever waited for in full when something is broken


class Bench:
    """A worker whose work the test lets go on step by step."""

    def __init__(self, **arguments) -> None:
        self.done: list[object] = []
        self.errors: list[Exception] = []
        self.entered = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)
        self.worker: Worker[object] = Worker(self._process, self.errors.append, **arguments)
        self.worker.start()

    def _process(self, frame: object) -> None:
        self.entered.release()
        assert self.allowed.acquire(timeout=PATIENCE)
        if isinstance(frame, Exception):
            raise frame
        self.done.append(frame)

    def wait_until_busy(self) -> None:
        assert self.entered.acquire(timeout=PATIENCE)

    def finish(self, runs: int) -> None:
        """Let so many more runs begin, and all that began end."""
        for _ in range(runs):
            self.allowed.release()
            self.wait_until_busy()
        self.allowed.release()
        self.worker.stop()


@pytest.fixture
def bench():
    benches = []

    def make(**arguments) -> Bench:
        benches.append(Bench(**arguments))
        return benches[-1]

    yield make
    for one in benches:
        one.allowed.release(1000)
        one.worker.stop()


def test_of_a_burst_only_the_newest_is_worked_on(bench):
    it = bench()
    it.worker.put('s', 0)
    it.wait_until_busy()
    for frame in range(1, 101):
        it.worker.put('s', frame)
    it.finish(1)
    assert it.done == [0, 100]
    assert it.worker.superseded == 99


def test_subjects_take_turns_and_a_newer_frame_keeps_the_turn(bench):
    it = bench(slots=4)
    it.worker.put('a', 'a0')
    it.wait_until_busy()
    for frame in ('b0', 'c0', 'b1', 'a1', 'c1'):
        it.worker.put(frame[0], frame)
    it.finish(3)
    assert it.done == ['a0', 'b1', 'c1', 'a1']
    assert it.worker.superseded == 2


def test_more_subjects_than_slots_let_the_longest_waiting_go(bench):
    it = bench(slots=2)
    it.worker.put('x', 'x')
    it.wait_until_busy()
    for name in 'abcd':
        it.worker.put(name, name)
    it.finish(2)
    assert it.done == ['x', 'c', 'd']
    assert it.worker.superseded == 2


def test_stop_finishes_the_run_under_way_and_forgets_the_rest(bench):
    it = bench()
    it.worker.put('s', 1)
    it.wait_until_busy()
    it.worker.put('s', 2)
    stopping = threading.Thread(target=it.worker.stop)
    stopping.start()
    while it.worker.running:
        time.sleep(0.001)
    it.worker.put('s', 3)
    it.allowed.release()
    stopping.join(PATIENCE)
    assert it.done == [1]
    assert it.worker.superseded == 1  # 2 was forgotten, 3 came too late to count


def test_a_stopped_worker_can_start_again(bench):
    it = bench()
    it.worker.stop()
    it.worker.start()
    it.worker.put('s', 1)
    it.wait_until_busy()
    it.finish(0)
    assert it.done == [1]


def test_an_unexpected_error_is_handed_on_and_ends_the_worker(bench):
    it = bench()
    error = RuntimeError('broken invariant')
    it.worker.put('s', error)
    it.wait_until_busy()
    it.finish(0)
    assert it.errors == [error]


class Clock:
    """
    The clock of a worker.

    :ivar now: when it looked last; where it is at work, that is when it began.
    """

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now = time.monotonic()
        return self.now


def test_the_rate_is_kept_and_the_newest_frame_waits_for_its_turn(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, 'time', clock)
    begun: list[tuple[float, int]] = []
    # Slow, so that frames come between two runs also where this thread is held up.
    worker: Worker[int] = Worker(
        lambda frame: begun.append((clock.now, frame)), print, rate_max=5.0
    )
    worker.start()
    start = time.monotonic()
    frame = 0
    while len(begun) < 5 and time.monotonic() - start < PATIENCE:
        frame += 1
        worker.put('s', frame)
        time.sleep(0.002)
    worker.stop()
    gaps = [later[0] - earlier[0] for earlier, later in zip(begun, begun[1:], strict=False)]
    assert len(gaps) >= 4
    assert min(gaps) >= 0.199  # a busy machine makes gaps longer, never shorter
    assert all(later[1] > earlier[1] + 1 for earlier, later in zip(begun, begun[1:], strict=False))


def test_a_new_rate_holds_for_a_frame_that_waits_already():
    done = threading.Event()
    seen: list[int] = []

    def process(frame: int) -> None:
        seen.append(frame)
        if frame == 2:
            done.set()

    worker: Worker[int] = Worker(process, print, rate_max=0.001)
    worker.start()
    worker.put('s', 1)
    while not seen:
        time.sleep(0.001)
    worker.put('s', 2)
    assert not done.wait(0.05)
    worker.set_rate_max(0.0)
    assert done.wait(PATIENCE)
    worker.stop()


def test_an_idle_worker_uses_no_processor():
    worker: Worker[int] = Worker(lambda _: None, print, rate_max=30.0)
    worker.start()
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.05
    worker.stop()
