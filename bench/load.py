"""
A load of proposals made in the process of the leader itself, and the commands that steer it.

So many proposals are kept outstanding: each one that ends makes the next. Ours and the peer that
runs in Python have this same load in their processes; a process takes one command a line on its
standard input and answers each with one line of JSON.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
import json
import math
import sys
import threading
import time
from typing import Any

from bench.rows import percentile

WARM_UP_S = 0.5
PATIENCE_S = 30.0
COUNT_DEADLINE_S = 300.0
VALUE = bytes(range(100))
KEYS = 1_000  # names that the proposals go round


class Load:
    """
    Keeps proposals outstanding and notes how long each took.

    :param propose: begins the proposal of a number; whoever carries it out calls `ended` with it.
    """

    def __init__(self, propose: Callable[[int], None]) -> None:
        self._propose = propose
        self._lock = threading.Lock()
        self._count = 0
        self._asked: dict[int, float] = {}
        self._latencies = array('d')
        self._from = self._to = 0.0
        self._last: int | None = None
        self._refused = ''
        self._idle = threading.Event()

    def measure(self, outstanding: int, span_s: float) -> dict[str, Any]:
        """
        Run for a span, after a warm-up, and return what was measured.

        :raises RuntimeError: a proposal was not committed, or they did not end in time.
        """
        self._from = time.perf_counter() + WARM_UP_S
        self._to = self._from + span_s
        self._run(outstanding, WARM_UP_S + span_s + PATIENCE_S)
        return {
            'p50_ms': percentile(self._latencies, 50) * 1e3,
            'p99_ms': percentile(self._latencies, 99) * 1e3,
            'rate': len(self._latencies) / span_s,
        }

    def run(self, outstanding: int, count: int) -> dict[str, Any]:
        """
        Run until so many proposals have been committed; returns how long it took.

        :raises RuntimeError: a proposal was not committed, or they did not end in time.
        """
        began = self._from = time.perf_counter()
        self._to, self._last = math.inf, self._count + count
        self._run(outstanding, COUNT_DEADLINE_S)
        return {'took_s': time.perf_counter() - began}

    def _run(self, outstanding: int, deadline_s: float) -> None:
        self._latencies = array('d')
        self._idle.clear()
        for _ in range(outstanding):
            self._next()
        if not self._idle.wait(deadline_s):
            raise RuntimeError(f'{len(self._asked)} proposals did not end')
        self._last = None
        if self._refused:
            raise RuntimeError(f'a proposal was not committed: {self._refused}')

    def ended(self, number: int, refused: str = '') -> None:
        """Take note of an outcome, from whatever thread; `refused` where it is not committed."""
        now = time.perf_counter()
        with self._lock:
            asked = self._asked.pop(number)
            if self._from <= now < self._to:
                self._latencies.append(now - asked)
            self._refused = self._refused or refused
            over = self._last is not None and self._count >= self._last
            if over or now >= self._to or self._refused:
                if not self._asked:
                    self._idle.set()
                return
        self._next()

    def _next(self) -> None:
        with self._lock:
            self._count += 1
            number = self._count
            self._asked[number] = time.perf_counter()
        self._propose(number)


def serve(load: Load, leads: Callable[[], bool]) -> None:
    """
    Answer commands until the standard input closes.

    :param leads: whether this process leads with all the others there, so that it can be measured.
    """
    for line in sys.stdin:
        command = json.loads(line)
        if command['do'] == 'leads':
            answer: dict[str, Any] = {'leads': leads()}
        else:
            try:
                if command['do'] == 'count':
                    answer = load.run(command['outstanding'], command['count'])
                else:
                    answer = load.measure(command['outstanding'], command['span_s'])
            except RuntimeError as error:
                answer = {'error': str(error)}
        print(json.dumps(answer), flush=True)
