"""What inference_node says of itself on /diagnostics: level, one sentence, and the numbers."""

from __future__ import annotations

from dataclasses import fields, replace
import math

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from swarm_consensus.inference.model import ModelInfo
from swarm_consensus.inference.statistics import Counters, Quantiles
from swarm_consensus.nodes.model_adoption import AdoptionCounters
from swarm_consensus.protocols.values import value


@value
class Report:
    """
    The state of an inference_node at one moment.

    :param latency: stamp of the sensor data to publication.
    :param preprocess: from the message to the model's input.
    :param run: of the model.
    :param since_frame: time since the last frame came or the node was activated, s.
    :param input_timeout: `since_frame` beyond which to warn, s; 0: never.
    :param rate_max: limit of our own, Hz; 0: none.
    :param flow_rate: limit that consensus_node asks for, Hz; 0: none.
    :param last_error: what was wrong with the last frame that could not be used.
    """

    info: ModelInfo
    counters: Counters
    adoption: AdoptionCounters
    latency: Quantiles
    preprocess: Quantiles
    run: Quantiles
    since_frame: float
    input_timeout: float
    topic: str
    subject: str
    temperature: float
    rate_max: float
    flow_rate: float
    last_error: str


class Diagnostics:
    """
    Turns reports into statuses; remembers the last one, as levels speak of what happened since.

    :param node: name of the node with its namespace, without the leading slash.
    """

    def __init__(self, node: str, robot: str) -> None:
        self._node = node
        self._robot = robot
        self._before = Counters()

    def status(self, report: Report) -> DiagnosticStatus:
        """Return the status to publish."""
        now = report.counters
        new = {
            field.name: getattr(now, field.name) - getattr(self._before, field.name)
            for field in fields(Counters)
        }
        self._before = replace(now)
        level, message = judge(report, new)
        return DiagnosticStatus(
            level=level,
            name=f'{self._node}: inference of {report.subject}',
            message=message,
            hardware_id=self._robot,
            values=[KeyValue(key=key, value=value) for key, value in _values(report).items()],
        )


def judge(report: Report, new: dict[str, int]) -> tuple[bytes, str]:
    """
    Find the level and the sentence that matter most.

    :param new: by how much each counter grew since the last report.
    """
    unusable = new['malformed'] + new['failed'] + new['non_finite'] + new['invalid']
    if unusable and not new['published']:
        return DiagnosticStatus.ERROR, f'no frame could be used: {report.last_error}'
    if unusable:
        return DiagnosticStatus.WARN, f'{unusable} frames not used: {report.last_error}'
    if new['lost'] > new['received']:
        return (
            DiagnosticStatus.WARN,
            f'{new["lost"]} of {new["lost"] + new["received"]} frames were lost on the way; large '
            'ones need larger socket buffers, or a publisher that is reliable and the parameter '
            'reliability set to reliable',
        )
    if report.input_timeout and report.since_frame > report.input_timeout:
        return (
            DiagnosticStatus.STALE,
            f'no frame on {report.topic} for {report.since_frame:.0f} s',
        )
    if report.info.fallback:
        return DiagnosticStatus.WARN, report.info.fallback
    return DiagnosticStatus.OK, f'{new["published"]} beliefs'


def _values(report: Report) -> dict[str, str]:
    values = {field.name: str(getattr(report.counters, field.name)) for field in fields(Counters)}
    for name in ('latency', 'preprocess', 'run'):
        quantiles = getattr(report, name)
        for field in fields(Quantiles):
            seconds = getattr(quantiles, field.name)
            if not math.isnan(seconds):
                values[f'{name}_{field.name}_ms'] = f'{seconds * 1e3:.3f}'
    adoption = report.adoption
    values |= {
        'adopted': str(adoption.adopted),
        'refused': str(adoption.refused),
        'parameters_hash': adoption.parameters_hash,
        'refused_reason': adoption.last_reason,
    }
    if adoption.accuracy is not None:
        values['held_out_accuracy'] = f'{adoption.accuracy:.4f}'
    return values | {
        'model': str(report.info.path),
        'model_hash': report.info.sha256,
        'providers': ', '.join(report.info.providers),
        'fallback': report.info.fallback,
        'topic': report.topic,
        'temperature': f'{report.temperature:g}',
        'rate_max_hz': f'{report.rate_max:g}',
        'rate_max_of_budget_hz': f'{report.flow_rate:g}',
        'last_error': report.last_error,
    }
