"""
The names that nodes use in their namespace, and how swarm.yaml renames them and sets their QoS.

A rename becomes remapping rules, a QoS becomes the `qos_overrides` parameters that the nodes
declare for their topics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

from swarm_consensus.composition.parameter import Parameter, Value
from swarm_consensus.protocols.values import value

CONSENSUS_NODE = 'consensus_node'
INFERENCE_NODE = 'inference_node'
VIEW_NODE = 'view_node'

TOPIC_PARAMETERS: tuple[Parameter, ...] = (
    Parameter('name', '', 'New name, relative to the namespace of the robot; empty: as it is.'),
    Parameter(
        'depth',
        0,
        'DDS history depth; 0: that of the node.',
        'messages',
        minimum=0,
        maximum=10_000,
    ),
    Parameter(
        'reliability',
        'default',
        'DDS reliability; `default`: that of the node.',
        choices=('default', 'reliable', 'best_effort'),
    ),
)


class Kind(Enum):
    """What stands behind a name."""

    TOPIC = 'topic'
    SERVICE = 'service'
    ACTION = 'action'


class End(Enum):
    """What a node has at a name; the value is what `qos_overrides` calls it, where it does."""

    PUBLISHER = 'publisher'
    SUBSCRIPTION = 'subscription'
    SERVER = ''


@value
class Name:
    """
    A name of the ROS graph.

    :param key: how swarm.yaml calls it, under `topics`.
    :param name: the name in the node: relative to the robot's namespace, or absolute.
    :param ends: what each executable has there.
    :param overridable: whether its QoS can be set.
    """

    key: str
    name: str
    kind: Kind
    type: str
    ends: tuple[tuple[str, End], ...]
    description: str
    overridable: bool = False


_MESSAGES = 'swarm_consensus/msg/'
_BOTH = ((CONSENSUS_NODE, End.PUBLISHER), (CONSENSUS_NODE, End.SUBSCRIPTION))

NAMES: tuple[Name, ...] = (
    Name(
        'belief',
        'belief',
        Kind.TOPIC,
        _MESSAGES + 'Belief',
        ((INFERENCE_NODE, End.PUBLISHER), (CONSENSUS_NODE, End.SUBSCRIPTION)),
        'What the robot itself believes, from inference_node to consensus_node.',
        overridable=True,
    ),
    Name(
        'decision',
        'decision',
        Kind.TOPIC,
        _MESSAGES + 'Decision',
        ((CONSENSUS_NODE, End.PUBLISHER),),
        'What the swarm decided, as this robot learns of it.',
        overridable=True,
    ),
    Name(
        'swarm_status',
        'swarm_status',
        Kind.TOPIC,
        _MESSAGES + 'SwarmStatus',
        ((CONSENSUS_NODE, End.PUBLISHER),),
        'How the swarm stands, as seen by this robot.',
        overridable=True,
    ),
    Name(
        'flow',
        'flow',
        Kind.TOPIC,
        _MESSAGES + 'FlowControl',
        ((CONSENSUS_NODE, End.PUBLISHER), (INFERENCE_NODE, End.SUBSCRIPTION)),
        'What producers of beliefs should heed while the byte budget of this robot is short.',
        overridable=True,
    ),
    Name(
        'key_events',
        'key_events',
        Kind.TOPIC,
        _MESSAGES + 'KeyEvent',
        ((CONSENSUS_NODE, End.PUBLISHER),),
        'Changes of the key-value store, as this robot applies them.',
        overridable=True,
    ),
    Name(
        'shared_events',
        'shared_events',
        Kind.TOPIC,
        _MESSAGES + 'SharedEvent',
        ((CONSENSUS_NODE, End.PUBLISHER),),
        'Changes of the shared state, as this robot learns of them.',
        overridable=True,
    ),
    Name(
        'member_events',
        'member_events',
        Kind.TOPIC,
        _MESSAGES + 'MemberEvent',
        ((CONSENSUS_NODE, End.PUBLISHER),),
        'Robots that join, leave, die and return, as this robot learns of it.',
        overridable=True,
    ),
    Name(
        'misbehaviour',
        'misbehaviour',
        Kind.TOPIC,
        _MESSAGES + 'Misbehaviour',
        ((CONSENSUS_NODE, End.PUBLISHER),),
        'Robots that are proved to have lied, with the proof.',
        overridable=True,
    ),
    Name(
        'model_version',
        'model_version',
        Kind.TOPIC,
        _MESSAGES + 'ModelVersion',
        ((CONSENSUS_NODE, End.PUBLISHER), (INFERENCE_NODE, End.SUBSCRIPTION)),
        'Parameters of models that the swarm has decided.',
        overridable=True,
    ),
    Name(
        'model_candidate',
        'model_candidate',
        Kind.TOPIC,
        _MESSAGES + 'ModelVersion',
        ((CONSENSUS_NODE, End.PUBLISHER), (INFERENCE_NODE, End.SUBSCRIPTION)),
        'Parameters of models that are to be tried.',
        overridable=True,
    ),
    Name(
        'model_trial',
        'model_trial',
        Kind.TOPIC,
        _MESSAGES + 'ModelTrial',
        ((INFERENCE_NODE, End.PUBLISHER), (CONSENSUS_NODE, End.SUBSCRIPTION)),
        'What inference nodes made of parameters.',
        overridable=True,
    ),
    Name(
        'frames_control',
        '/swarm/frames/control',
        Kind.TOPIC,
        _MESSAGES + 'Frame',
        _BOTH,
        'Frames between robots: election, membership, log and agreement.',
        overridable=True,
    ),
    Name(
        'frames_belief',
        '/swarm/frames/belief',
        Kind.TOPIC,
        _MESSAGES + 'Frame',
        _BOTH,
        'Frames between robots: evidence.',
        overridable=True,
    ),
    Name(
        'frames_bulk',
        '/swarm/frames/bulk',
        Kind.TOPIC,
        _MESSAGES + 'Frame',
        _BOTH,
        'Frames between robots: snapshots and models.',
        overridable=True,
    ),
    Name(
        'diagnostics',
        '/diagnostics',
        Kind.TOPIC,
        'diagnostic_msgs/msg/DiagnosticArray',
        ((CONSENSUS_NODE, End.PUBLISHER), (INFERENCE_NODE, End.PUBLISHER)),
        'How the nodes fare.',
    ),
    Name(
        'propose',
        'propose',
        Kind.SERVICE,
        'swarm_consensus/srv/Propose',
        ((CONSENSUS_NODE, End.SERVER),),
        'Have a value committed.',
    ),
    Name(
        'read',
        'read',
        Kind.SERVICE,
        'swarm_consensus/srv/Read',
        ((CONSENSUS_NODE, End.SERVER),),
        'Read what is committed.',
    ),
    Name(
        'transfer_leadership',
        'transfer_leadership',
        Kind.SERVICE,
        'swarm_consensus/srv/TransferLeadership',
        ((CONSENSUS_NODE, End.SERVER),),
        'Have another robot lead.',
    ),
    Name(
        'change_membership',
        'change_membership',
        Kind.SERVICE,
        'swarm_consensus/srv/ChangeMembership',
        ((CONSENSUS_NODE, End.SERVER),),
        'Say which robots vote and which only hold the log.',
    ),
    Name(
        'key_value',
        'key_value',
        Kind.SERVICE,
        'swarm_consensus/srv/KeyValue',
        ((CONSENSUS_NODE, End.SERVER),),
        'Change the key-value store.',
    ),
    Name(
        'range',
        'range',
        Kind.SERVICE,
        'swarm_consensus/srv/Range',
        ((CONSENSUS_NODE, End.SERVER),),
        'Read the key-value store.',
    ),
    Name(
        'shared_change',
        'shared_change',
        Kind.SERVICE,
        'swarm_consensus/srv/SharedChange',
        ((CONSENSUS_NODE, End.SERVER),),
        'Change the shared state.',
    ),
    Name(
        'shared_read',
        'shared_read',
        Kind.SERVICE,
        'swarm_consensus/srv/SharedRead',
        ((CONSENSUS_NODE, End.SERVER),),
        'Read the shared state.',
    ),
    Name(
        'contribute_model',
        'contribute_model',
        Kind.SERVICE,
        'swarm_consensus/srv/ContributeModel',
        ((CONSENSUS_NODE, End.SERVER),),
        'Hand in what this robot has learnt.',
    ),
    Name(
        'read_model',
        'read_model',
        Kind.SERVICE,
        'swarm_consensus/srv/ReadModel',
        ((CONSENSUS_NODE, End.SERVER),),
        'Read the parameters of a model that are in force.',
    ),
    Name(
        'merge_model',
        'merge_model',
        Kind.SERVICE,
        'swarm_consensus/srv/MergeModel',
        ((CONSENSUS_NODE, End.SERVER),),
        'Have contributions merged, tried and decided.',
    ),
    Name(
        'decide',
        'decide',
        Kind.ACTION,
        'swarm_consensus/action/Decide',
        ((CONSENSUS_NODE, End.SERVER),),
        'Wait for the decision on a subject.',
    ),
)

# An action is five names of the graph, and each wants its own rule.
_ACTION_PARTS = (
    '/_action/send_goal',
    '/_action/cancel_goal',
    '/_action/get_result',
    '/_action/feedback',
    '/_action/status',
)

TopicSettings = Mapping[str, Mapping[str, Value]]


def _used(executable: str, settings: TopicSettings) -> Iterator[tuple[Name, Mapping[str, Value]]]:
    for name in NAMES:
        if name.key in settings and any(node == executable for node, _ in name.ends):
            yield name, settings[name.key]


def remappings(executable: str, settings: TopicSettings) -> tuple[tuple[str, str], ...]:
    """
    Return the remapping rules (from, to) of a node.

    :param settings: values of `TOPIC_PARAMETERS` by `Name.key`.
    """
    rules: list[tuple[str, str]] = []
    for name, values in _used(executable, settings):
        new = str(values.get('name', ''))
        parts = _ACTION_PARTS if name.kind is Kind.ACTION else ('',)
        rules += [(name.name + part, new + part) for part in parts if new]
    return tuple(rules)


def resolved(key: str, namespace: str, settings: TopicSettings) -> str:
    """
    Return the full name that something has in the ROS graph.

    :param key: `Name.key`.
    :param namespace: absolute namespace of the node.
    :param settings: values of `TOPIC_PARAMETERS` by `Name.key`.
    """
    declared = next(name.name for name in NAMES if name.key == key)
    name = str(settings.get(key, {}).get('name', '')) or declared
    return name if name.startswith('/') else f'{namespace}/{name}'


def qos_parameters(executable: str, namespace: str, settings: TopicSettings) -> dict[str, Value]:
    """
    Return the `qos_overrides` parameters of a node.

    :param namespace: absolute namespace of the node; the parameters name topics in full.
    :param settings: values of `TOPIC_PARAMETERS` by `Name.key`.
    """
    parameters: dict[str, Value] = {}
    for name, values in _used(executable, settings):
        full = resolved(name.key, namespace, settings)
        ends = [end for node, end in name.ends if node == executable]
        for key in ('depth', 'reliability'):
            if name.overridable and values.get(key, _DEFAULTS[key]) != _DEFAULTS[key]:
                for end in ends:
                    parameters[f'qos_overrides.{full}.{end.value}.{key}'] = values[key]
    return parameters


_DEFAULTS = {parameter.name: parameter.default for parameter in TOPIC_PARAMETERS}
