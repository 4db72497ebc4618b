"""A swarm in the embedded world: the node of the world, and the swarm on its time and radio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from swarm_consensus.composition import middleware
from swarm_consensus.composition.compose import PACKAGE, compose
from swarm_consensus.composition.node_spec import NodeSpec
from swarm_consensus.composition.parameter import Value
from swarm_consensus.composition.swarm import Swarm
from swarm_consensus.composition.topics import CONSENSUS_NODE

SIM_NODE, SIM_ROOM = 'sim_node', 'sim'
RADIO_TOPIC = '/radio_links'


def simulated(swarm: Swarm, changes: Mapping[str, Value] | None = None) -> list[NodeSpec]:
    """
    Return the nodes, that of the world first.

    :param changes: parameters of sim_node beyond what the file says of it.
    """
    everybody = (*swarm.robots, *swarm.guests)
    world = NodeSpec(
        robot='',
        package=PACKAGE,
        executable=SIM_NODE,
        name=SIM_NODE,
        namespace='/',
        parameters={
            'robots': [robot.name for robot in everybody],
            'namespaces': [robot.namespace for robot in everybody],
            **swarm.simulation,
            **(changes or {}),
        },
        environment=middleware.environment(swarm.network),
        files=middleware.files(swarm.network),
        room=SIM_ROOM,
    )
    return [world, *(_on_radio(spec) for spec in compose(swarm, use_sim_time=True))]


def _on_radio(spec: NodeSpec) -> NodeSpec:
    if spec.executable != CONSENSUS_NODE:
        return spec
    # What the file says of it counts more.
    return replace(spec, parameters={'radio': RADIO_TOPIC, **spec.parameters})
