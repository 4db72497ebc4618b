"""What swarm.yaml says of names, QoS and parameters is what stands in the ROS graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
import time

import pytest
from rcl_interfaces.srv import GetParameters
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from swarm_testing.node_probe import AGAIN_S

from swarm_consensus.composition.compose import compose
from swarm_consensus.composition.node_commands import node_commands
from swarm_consensus.composition.supervision import Phase
from swarm_consensus.composition.supervisor import Supervisor
from swarm_consensus.composition.swarm_file import parse_swarm

SOON = 60.0  # s
FILE = """\
swarm: applied
robots:
  - {name: alpha, namespace: fleet/alpha, consensus: {weight: 0.25}}
  - beta
storage: {folder: state}
network: {transport: udp}
topics:
  decision: {name: /fleet/decision, reliability: best_effort}
  swarm_status: status
  propose: suggest
  decide: ask
  frames_belief: {name: /radio/belief, reliability: reliable}
subjects:
  sign/left: {labels: [stop, 07, "yes"], quorum: 2, settle: 10 ms}
"""


@pytest.fixture
def listener(ros_environment: dict[str, str]) -> Iterator[Node]:
    context = Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node('listener', context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


@pytest.fixture
def supervisor(ros_environment: dict[str, str], tmp_path: Path) -> Iterator[Supervisor]:
    swarm = parse_swarm(FILE, tmp_path / 'swarm.yaml')
    commands = node_commands(compose(swarm, 'alpha'), tmp_path)
    with Supervisor(commands, on_line=lambda label, line: print(label, line)) as supervisor:
        supervisor.start()
        yield supervisor


def until(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + SOON
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_names_and_qos_of_the_file_stand_in_the_graph(
    supervisor: Supervisor, listener: Node
) -> None:
    def topics() -> set[str]:
        return {name for name, _ in listener.get_topic_names_and_types()}

    def services() -> set[str]:
        return {name for name, _ in listener.get_service_names_and_types()}

    # The endpoints of a node are discovered one by one.
    wanted = {'/fleet/decision', '/fleet/alpha/status', '/radio/belief', '/swarm/frames/control'}
    assert until(lambda: wanted <= topics()), topics()
    wanted = {'/fleet/alpha/suggest', '/fleet/alpha/read', '/fleet/alpha/ask/_action/send_goal'}
    assert until(lambda: wanted <= services()), services()
    assert until(lambda: bool(listener.get_subscriptions_info_by_topic('/radio/belief')))
    assert until(lambda: bool(listener.get_publishers_info_by_topic('/radio/belief')))
    assert not any(name.endswith(('/alpha/decision', '/swarm_status')) for name in topics())
    assert not any(name.endswith('/propose') for name in services())

    def known() -> bool:
        return all(
            info.node_namespace == '/fleet/alpha'
            for topic in ('/fleet/decision', '/radio/belief')
            for info in listener.get_publishers_info_by_topic(topic)
        )

    # An endpoint can be heard of before the node that it belongs to.
    assert until(known)
    (decision,) = listener.get_publishers_info_by_topic('/fleet/decision')
    assert decision.node_namespace == '/fleet/alpha'
    assert decision.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    (frames,) = listener.get_publishers_info_by_topic('/radio/belief')
    assert frames.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    (frames,) = listener.get_subscriptions_info_by_topic('/radio/belief')
    assert frames.qos_profile.reliability == ReliabilityPolicy.RELIABLE


def test_parameters_of_the_file_reach_the_node_with_their_types(
    supervisor: Supervisor, listener: Node
) -> None:
    client = listener.create_client(GetParameters, '/fleet/alpha/consensus_node/get_parameters')
    assert client.wait_for_service(SOON)
    # A request sent before the node knows all of its parameters would find some unset.
    assert until(lambda: bool(listener.get_publishers_info_by_topic('/fleet/decision')))
    names = [
        'robots',
        'weight',
        'subjects',
        'subject.sign/left.labels',
        'subject.sign/left.quorum',
        'subject.sign/left.settle',
        'storage_folder',
    ]
    executor = SingleThreadedExecutor(context=listener.context)
    executor.add_node(listener)
    end = time.monotonic() + SOON
    answer = None
    while answer is None and time.monotonic() < end:
        # A node that has just begun may not know its asker when it is asked first.
        future = client.call_async(GetParameters.Request(names=names))
        executor.spin_until_future_complete(future, AGAIN_S)
        answer = future.result()
    executor.shutdown()
    assert answer is not None
    robots, weight, subjects, labels, quorum, settle, folder = answer.values
    assert list(robots.string_array_value) == ['alpha', 'beta']
    assert weight.double_value == 0.25
    assert list(subjects.string_array_value) == ['sign/left']
    assert list(labels.string_array_value) == ['stop', '07', 'yes']
    assert quorum.string_value == '2'
    assert settle.double_value == 0.01
    assert folder.string_value.endswith('/state')


def test_robot_is_killed_and_started_again_through_the_supervisor(
    supervisor: Supervisor,
) -> None:
    label = 'alpha/consensus_node'
    first = supervisor.states()[label].pid
    supervisor.kill(['alpha'])
    assert supervisor.states()[label].phase is Phase.DOWN
    supervisor.start(['alpha'])
    assert supervisor.states()[label].pid not in (0, first)
    supervisor.stop(['alpha'])
    assert supervisor.states()[label].pid == 0
