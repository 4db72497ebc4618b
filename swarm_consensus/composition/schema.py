"""The shape of swarm.yaml: its sections, what each is for, and which parameters it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from swarm_consensus.composition.consensus_parameters import CONSENSUS_PARAMETERS
from swarm_consensus.composition.inference_parameters import INFERENCE_PARAMETERS
from swarm_consensus.composition.network_parameters import (
    KEYS_PARAMETERS,
    NETWORK_PARAMETERS,
    STORAGE_PARAMETERS,
)
from swarm_consensus.composition.parameter import Parameter
from swarm_consensus.composition.simulation_parameters import SIMULATION_PARAMETERS
from swarm_consensus.composition.subject_parameters import SUBJECT_PARAMETERS
from swarm_consensus.composition.topics import TOPIC_PARAMETERS
from swarm_consensus.protocols.values import value

ROBOTS = Parameter(
    'robots',
    3,
    'How many robots (named robot_1, robot_2, ...), their names, or one mapping for each.',
    minimum=1,
    maximum=1000,
)


@value
class Section:
    """
    A mapping of swarm.yaml whose keys are parameters.

    :param where: how errors and documents call its place.
    :param owned: parameters that the composition sets by itself, and the key of swarm.yaml that
        says them.
    """

    where: str
    description: str
    parameters: tuple[Parameter, ...]
    owned: Mapping[str, str] = field(default_factory=dict)

    def writable(self) -> tuple[Parameter, ...]:
        """Return the parameters that may stand in the file."""
        return tuple(p for p in self.parameters if p.name not in self.owned)


NETWORK = Section('network', 'How the robots reach each other.', NETWORK_PARAMETERS)
STORAGE = Section('storage', 'Where robots keep what must survive.', STORAGE_PARAMETERS)
KEYS = Section('keys', 'With what robots sign what they say to each other.', KEYS_PARAMETERS)
CONSENSUS = Section(
    'consensus',
    'Parameters of consensus_node.',
    CONSENSUS_PARAMETERS,
    {
        'swarm': 'swarm',
        'robot': 'robots',
        'robots': 'robots',
        'weights': 'consensus.weight',
        'subjects': 'subjects',
        'storage_folder': 'storage.folder',
        'storage_on_damage': 'storage.on_damage',
        'keys_folder': 'keys.folder',
        'models': 'inference.exchange',
        'model_files': 'inference.exchange',
        'model_trials': 'inference.exchange',
    },
)
INFERENCE = Section(
    'inference',
    'One inference_node for each entry.',
    INFERENCE_PARAMETERS,
    {'robot': 'robots'},
)
TOPIC = Section('topics.<key>', 'Other names and QoS of topics.', TOPIC_PARAMETERS)
SIMULATION = Section(
    'simulation',
    'The world of `swarm sim FILE --ros` and sim.launch.py; parameters of sim_node.',
    SIMULATION_PARAMETERS,
    {'robots': 'robots', 'namespaces': 'robots'},
)
SUBJECT = Section(
    'subjects.<name>',
    'What robots decide on, and how.',
    SUBJECT_PARAMETERS,
)

SECTIONS = (NETWORK, STORAGE, KEYS, TOPIC, CONSENSUS, INFERENCE, SIMULATION, SUBJECT)

TOP_KEYS = (
    'swarm',
    'robots',
    'network',
    'storage',
    'keys',
    'topics',
    'consensus',
    'inference',
    'simulation',
    'subjects',
)
ROBOT_KEYS = ('name', 'namespace', 'consensus', 'inference')


def home_of(key: str) -> str:
    """Return the section that a key belongs to, or the empty string."""
    for section in (SUBJECT, NETWORK, STORAGE, CONSENSUS, INFERENCE, SIMULATION):
        if any(parameter.name == key for parameter in section.writable()):
            return section.where
    return ''
