"""From a swarm to its nodes: one consensus_node and the inference nodes of every robot."""

from __future__ import annotations

from typing import cast

from swarm_consensus.composition import middleware
from swarm_consensus.composition.node_spec import NodeSpec
from swarm_consensus.composition.parameter import Value
from swarm_consensus.composition.subject_parameters import serving, subject_parameter_name
from swarm_consensus.composition.swarm import Inference, Robot, Swarm
from swarm_consensus.composition.topics import (
    CONSENSUS_NODE,
    INFERENCE_NODE,
    VIEW_NODE,
    qos_parameters,
    remappings,
)

PACKAGE = 'swarm_consensus'


def compose(
    swarm: Swarm, only_robot: str | None = None, *, use_sim_time: bool = False
) -> list[NodeSpec]:
    """
    Return the nodes of a swarm and its guests, robot by robot, the consensus node of each first.

    :param only_robot: the nodes of this robot alone; it still knows all the others.
    :param use_sim_time: have the nodes take their time from `/clock`.
    :raises KeyError: the swarm has no robot of that name.
    """
    everybody = (*swarm.robots, *swarm.guests)
    robots = everybody if only_robot is None else (swarm.robot(only_robot),)
    clock: dict[str, Value] = {'use_sim_time': True} if use_sim_time else {}
    specs = []
    for robot in robots:
        parameters = clock | _consensus(swarm, robot)
        specs.append(_node(swarm, robot, CONSENSUS_NODE, CONSENSUS_NODE, parameters))
        for inference in robot.inference:
            parameters = clock | _inference(swarm, robot, inference)
            specs.append(_node(swarm, robot, INFERENCE_NODE, inference.name, parameters))
    return specs


def compose_view(swarm: Swarm, *, use_sim_time: bool = False) -> NodeSpec:
    """Return the node that draws a swarm for people; one does for all."""
    parameters: dict[str, Value] = {'use_sim_time': True} if use_sim_time else {}
    return NodeSpec(
        robot='',
        package=PACKAGE,
        executable=VIEW_NODE,
        name=VIEW_NODE,
        namespace='/',
        parameters=parameters | {'swarm': swarm.name},
        environment=middleware.environment(swarm.network),
        files=middleware.files(swarm.network),
        room='live',
    )


def _node(
    swarm: Swarm, robot: Robot, executable: str, name: str, parameters: dict[str, Value]
) -> NodeSpec:
    # A mission may ask an action of the very node that runs it.
    hears_itself = executable != CONSENSUS_NODE or bool(parameters.get('missions'))
    robots = len(swarm.robots) if executable == CONSENSUS_NODE else 0
    return NodeSpec(
        robot=robot.name,
        package=PACKAGE,
        executable=executable,
        name=name,
        namespace=robot.namespace,
        parameters=parameters | qos_parameters(executable, robot.namespace, swarm.topics),
        remappings=remappings(executable, swarm.topics),
        environment=middleware.environment(swarm.network, robots),
        files=middleware.files(swarm.network, hears_itself, robots),
    )


def _consensus(swarm: Swarm, robot: Robot) -> dict[str, Value]:
    parameters: dict[str, Value] = {
        'swarm': swarm.name,
        'robot': robot.name,
        'robots': [member.name for member in swarm.robots],
        **robot.consensus,
    }
    if any('weight' in member.consensus for member in swarm.robots):
        weights = [member.consensus.get('weight', 1.0) for member in swarm.robots]
        parameters['weights'] = cast('list[float]', weights)
    if swarm.storage_folder:
        parameters['storage_folder'] = swarm.storage_folder
    if swarm.storage_on_damage:
        parameters['storage_on_damage'] = swarm.storage_on_damage
    if swarm.keys_folder:
        parameters['keys_folder'] = swarm.keys_folder
    parameters |= _models(robot)
    parameters['subjects'] = list(swarm.subjects)
    for subject, policy in swarm.subjects.items():
        for key, value in policy.items():
            parameters[subject_parameter_name(subject, key)] = value
    return parameters


def _models(robot: Robot) -> dict[str, Value]:
    """Return the models that the inference nodes of a robot share, each once."""
    shared: dict[str, str] = {}
    trials: list[str] = []
    for inference in robot.inference:
        name = str(inference.parameters.get('exchange', ''))
        if name:
            shared.setdefault(name, str(inference.parameters['model']))
            trials.append(f'{name}/{inference.name}')
    if not shared:
        return {}
    return {
        'models': list(shared),
        'model_files': list(shared.values()),
        'model_trials': trials,
    }


def _inference(swarm: Swarm, robot: Robot, inference: Inference) -> dict[str, Value]:
    parameters: dict[str, Value] = {'robot': robot.name}
    # The labels stand once in the file, with the subject.
    served = serving(swarm.subjects, str(inference.parameters['subject']))
    parameters['labels'] = swarm.subjects[served]['labels']
    return parameters | dict(inference.parameters)
