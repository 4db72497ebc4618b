"""From the ROS parameters of consensus_node to its settings for tasks."""

from __future__ import annotations

from collections.abc import Mapping

from swarm_consensus.composition.parameter import Value
from swarm_consensus.decision.entry_point import load_scoring
from swarm_consensus.decision.rule_names import is_entry_point
from swarm_consensus.protocols.allocation import (
    Method,
    RuleScoring,
    Scoring,
    ScoringSetting,
    UserPathScoring,
)
from swarm_consensus.runtime.task_settings import TaskSettings


def task_settings_from(values: Mapping[str, Value]) -> TaskSettings:
    """
    Return the settings for tasks.

    :raises ValueError: what to change, naming the parameter.
    """

    def nanoseconds(name: str) -> int:
        return round(float(values[name]) * 1e9)  # type: ignore[arg-type]

    try:
        return TaskSettings(
            method=Method(str(values['tasks_method'])),
            scoring=_scoring(values),
            bundle_max=int(values['tasks_bundle_max']),  # type: ignore[arg-type]
            duty_ns=nanoseconds('tasks_duty'),
            renew_ns=nanoseconds('tasks_renew_period'),
            stop_ns=nanoseconds('tasks_stop_time'),
            silence_ns=nanoseconds('tasks_silence'),
            drift_percent=int(values['tasks_drift_percent']),  # type: ignore[arg-type]
            settle_ns=nanoseconds('tasks_settle'),
            rebid_ns=nanoseconds('tasks_rebid_period'),
            compare_ns=nanoseconds('tasks_compare_period'),
            relay_ns=nanoseconds('tasks_relay_window'),
            relay_heard=int(values['tasks_relay_heard']),  # type: ignore[arg-type]
            patience_ns=nanoseconds('tasks_patience'),
            leave_ns=nanoseconds('tasks_leave_time'),
        )
    except ValueError as error:
        raise ValueError(f'tasks: {error}') from None


def _scoring(values: Mapping[str, Value]) -> Scoring:
    name = str(values['tasks_scoring'])
    if is_entry_point(name):
        try:
            return UserPathScoring(name, load_scoring(name))
        except ValueError as error:
            raise ValueError(f'tasks_scoring {error}') from None
    return RuleScoring(
        ScoringSetting(
            name,
            float(values['tasks_discount']),  # type: ignore[arg-type]
            float(values['tasks_cost_per_m']),  # type: ignore[arg-type]
        )
    )
