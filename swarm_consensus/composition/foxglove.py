"""
The layout with which Foxglove shows a swarm, in the form that Foxglove itself exports.

Topics are named one by one there, so a layout is of one swarm.yaml. What a person chooses in it are
variables: the subject, the label whose likelihood is drawn, the class of traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
import json
from typing import Any

from swarm_consensus.composition.parameter import Value
from swarm_consensus.composition.swarm import Swarm
from swarm_consensus.composition.topics import resolved
from swarm_consensus.composition.view_parameters import MARKERS_TOPIC, VIEW_PARAMETERS

Panel = dict[str, Any]
# By name of a panel what it is set to; by the place of each on the screen, a tree of halves.
Layout = dict[str, Any]

SPACE = '3D!swarm'
STATES = 'StateTransitions!swarm'
BELIEFS = 'Plot!beliefs'
BYTES = 'Plot!bytes'
LABEL = 'GlobalVariableSliderPanel!label'
CLASS = 'GlobalVariableSliderPanel!traffic_class'
STATUS = 'RawMessages!status'
DECISION = 'RawMessages!decision'
PEERS = 'Table!peers'
CLASSES = 5  # as in msg/Frame.msg


def foxglove_layout(swarm: Swarm) -> Layout:
    """Return the layout of a swarm; the first robot is the one whose words are shown in full."""

    def topics(key: str) -> list[tuple[str, str]]:
        return [(r.name, resolved(key, r.namespace, swarm.topics)) for r in swarm.robots]

    statuses, decisions, beliefs = map(topics, ('swarm_status', 'decision', 'belief'))
    frame: Value = next(each.default for each in VIEW_PARAMETERS if each.name == 'frame_id')
    return {
        'configById': {
            SPACE: _space(f'/{MARKERS_TOPIC}', str(frame)),
            STATES: _states(
                [
                    *((f'{robot}: leader', f'{topic}.leader') for robot, topic in statuses),
                    *(
                        (f'{robot}: decided', f'{topic}{{subject==$subject}}.choice')
                        for robot, topic in decisions
                    ),
                ]
            ),
            BELIEFS: _plot(
                'log-likelihood of label $label of $subject',
                [
                    (robot, f'{topic}{{subject==$subject}}.log_likelihood[$label]')
                    for robot, topic in beliefs
                ],
            ),
            BYTES: _plot(
                'bytes a second of class $traffic_class',
                [
                    (
                        robot,
                        f'{topic}.traffic[:]{{traffic_class==$traffic_class}}.bytes.@derivative',
                    )
                    for robot, topic in statuses
                ],
            ),
            LABEL: _slider('label', _labels_max(swarm) - 1),
            CLASS: _slider('traffic_class', CLASSES - 1),
            STATUS: _raw(statuses[0][1]),
            DECISION: _raw(decisions[0][1]),
            PEERS: {'topicPath': f'{statuses[0][1]}.peers'},
        },
        'globalVariables': {
            'subject': next(iter(swarm.subjects)),
            'label': 0,
            'traffic_class': 1,
        },
        'userNodes': {},
        'playbackConfig': {'speed': 1},
        'layout': _halves(
            'row',
            62,
            _halves('column', 58, SPACE, STATES),
            _halves(
                'column',
                56,
                _halves(
                    'column',
                    50,
                    _halves('column', 78, BELIEFS, LABEL),
                    _halves('column', 78, BYTES, CLASS),
                ),
                _halves('row', 50, _halves('column', 50, DECISION, PEERS), STATUS),
            ),
        ),
    }


def foxglove_json(swarm: Swarm) -> str:
    """Return the layout as the text of a file."""
    return json.dumps(foxglove_layout(swarm), indent=2, ensure_ascii=False) + '\n'


def _labels_max(swarm: Swarm) -> int:
    """Return how many labels the subject that has most of them has; 1: none has any."""
    counts = [1]
    for policy in swarm.subjects.values():
        labels = policy.get('labels', [])
        counts.append(len(labels) if isinstance(labels, list) else 1)
    return max(counts)


def _halves(direction: str, percent: int, first: Any, second: Any) -> Panel:
    return {
        'first': first,
        'second': second,
        'direction': direction,
        'splitPercentage': percent,
    }


def _space(topic: str, frame: str) -> Panel:
    return {
        'cameraState': {
            'perspective': True,
            'distance': 14,
            'phi': 35,
            'thetaOffset': 0,
            'targetOffset': [2, 0, 0],
            'target': [0, 0, 0],
            'targetOrientation': [0, 0, 0, 1],
            'fovy': 45,
            'near': 0.01,
            'far': 5000,
        },
        'followMode': 'follow-none',
        'followTf': frame,
        'scene': {},
        'transforms': {},
        'topics': {topic: {'visible': True}},
        'layers': {
            'grid': {
                'visible': True,
                'frameLocked': True,
                'label': 'Grid',
                'instanceId': 'grid',
                'layerId': 'foxglove.Grid',
                'size': 40,
                'divisions': 40,
                'lineWidth': 1,
                'color': '#50505480',
                'position': [0, 0, 0],
                'rotation': [0, 0, 0],
                'order': 1,
            }
        },
        'foxglovePanelTitle': 'The swarm',
    }


def _states(series: Sequence[tuple[str, str]]) -> Panel:
    return {
        'paths': [
            {'value': path, 'label': label, 'timestampMethod': 'receiveTime'}
            for label, path in series
        ],
        'isSynced': True,
        'foxglovePanelTitle': 'Leader, and decisions on $subject',
    }


def _plot(title: str, series: Sequence[tuple[str, str]]) -> Panel:
    return {
        'paths': [
            {'value': path, 'label': label, 'enabled': True, 'timestampMethod': 'receiveTime'}
            for label, path in series
        ],
        'showXAxisLabels': True,
        'showYAxisLabels': True,
        'showLegend': True,
        'legendDisplay': 'floating',
        'showPlotValuesInLegend': True,
        'isSynced': True,
        'xAxisVal': 'timestamp',
        'sidebarDimension': 240,
        'foxglovePanelTitle': title,
    }


def _slider(variable: str, maximum: int) -> Panel:
    return {
        'sliderProps': {'min': 0, 'max': max(1, maximum), 'step': 1},
        'globalVariableName': variable,
        'foxglovePanelTitle': f'${variable}',
    }


def _raw(topic: str) -> Panel:
    return {
        'topicPath': topic,
        'diffTopicPath': '',
        'diffMethod': 'custom',
        'diffEnabled': False,
        'showFullMessageForDiff': False,
        'foxglovePanelTitle': topic,
    }
