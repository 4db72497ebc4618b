"""The rate that producers of beliefs are told: falls while beliefs wait, rises, and is lifted."""

from __future__ import annotations

from swarm_consensus.runtime.belief_flow import LIFT_PERIODS, PERIOD_NS, RATE_MIN_HZ, BeliefFlow


def periods(flow: BeliefFlow, now_ns: int, count: int, hz: float, pressure: float) -> int:
    """Let periods pass with beliefs at a rate; returns the time then."""
    for _ in range(count):
        for _ in range(round(hz * PERIOD_NS / 1e9)):
            flow.seen()
        flow.poll(now_ns + PERIOD_NS // 2, pressure)
        now_ns += PERIOD_NS
        flow.poll(now_ns, 0.0)
    return now_ns


def test_without_pressure_nothing_is_told() -> None:
    flow = BeliefFlow(0)
    assert periods(flow, 0, 9, 100.0, 0.0) and flow.rate_hz == 0.0
    assert flow.due_ns is None and not flow.poll(10**12, 0.0)


def test_it_begins_below_what_was_measured_and_falls_while_it_presses() -> None:
    flow = BeliefFlow(0)
    now_ns = periods(flow, 0, 1, 100.0, 1.0)
    assert flow.rate_hz == 70.0 and flow.due_ns == now_ns + PERIOD_NS
    periods(flow, now_ns, 1, 70.0, 1.0)
    assert 48.0 < flow.rate_hz < 50.0


def test_it_never_asks_for_silence() -> None:
    flow = BeliefFlow(0)
    periods(flow, 0, 100, 0.0, 1.0)
    assert flow.rate_hz == RATE_MIN_HZ


def test_it_rises_without_pressure_and_is_lifted_where_it_does_not_bind() -> None:
    flow = BeliefFlow(0)
    now_ns = periods(flow, 0, 1, 100.0, 1.0)
    before = flow.rate_hz
    now_ns = periods(flow, now_ns, 5, before, 0.0)
    assert before * 1.2 < flow.rate_hz < before * 1.5
    now_ns = periods(flow, now_ns, LIFT_PERIODS - 1, 10.0, 0.0)
    assert flow.rate_hz > 0.0
    flow.poll(now_ns + PERIOD_NS, 0.0)
    assert flow.rate_hz == 0.0


def test_it_comes_to_rest_near_what_is_carried() -> None:
    flow, now_ns, rates = BeliefFlow(0), 0, []
    for _ in range(200):
        hz = min(flow.rate_hz or 200.0, 200.0)
        now_ns = periods(flow, now_ns, 1, hz, 1.0 if hz > 20.0 else 0.0)
        rates.append(hz)
    assert 15.0 < sum(rates[50:]) / 150 < 21.0 and max(rates[50:]) < 24.0
