"""The list of nodes that a swarm is composed of."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from swarm_consensus.composition import middleware
from swarm_consensus.composition.compose import compose, compose_view
from swarm_consensus.composition.node_commands import node_commands
from swarm_consensus.composition.node_spec import NodeSpec
from swarm_consensus.composition.problems import SwarmFileError
from swarm_consensus.composition.swarm import Swarm
from swarm_consensus.composition.swarm_file import parse_swarm

SMALL = (
    'swarm: team\nrobots: [a, b]\nsubjects:\n  sign: {labels: [stop, go], settle: 10 ms}\n  mode:\n'
)


def read(content: str, folder: Path = Path('/somewhere')) -> Swarm:
    return parse_swarm(content, folder / 'swarm.yaml')


def environment_of(network: str) -> dict[str, str]:
    return dict(compose(read(SMALL + f'network: {network}\n'))[0].environment)


def test_small_swarm_exactly() -> None:
    """The golden list: everything that a node of the smallest swarm is started with."""
    first, second = compose(read(SMALL))
    assert first == NodeSpec(
        robot='a',
        package='swarm_consensus',
        executable='consensus_node',
        name='consensus_node',
        namespace='/a',
        parameters={
            'swarm': 'team',
            'robot': 'a',
            'robots': ['a', 'b'],
            'subjects': ['sign', 'mode'],
            'subject.sign.labels': ['stop', 'go'],
            'subject.sign.settle': 0.01,
        },
        remappings=(),
        environment={
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            'CYCLONEDDS_URI': first.environment['CYCLONEDDS_URI'],
        },
        files=first.files,
    )
    assert (second.robot, second.full_name) == ('b', '/b/consensus_node')
    assert second.parameters['robots'] == ['a', 'b']


def test_inference_nodes_follow_their_consensus_node_and_know_robot_and_labels(
    tmp_path: Path,
) -> None:
    (tmp_path / 'm.onnx').touch()
    swarm = read(
        SMALL + 'inference:\n  - {subject: sign, model: m.onnx, topic: camera/image}\n'
        '  - {name: lidar, subject: sign/wall, model: m.onnx, input: laser_scan}\n',
        tmp_path,
    )
    specs = compose(swarm)
    assert [spec.full_name for spec in specs] == [
        '/a/consensus_node',
        '/a/inference_sign',
        '/a/lidar',
        '/b/consensus_node',
        '/b/inference_sign',
        '/b/lidar',
    ]
    assert specs[1].parameters == {
        'robot': 'a',
        'labels': ['stop', 'go'],
        'subject': 'sign',
        'model': str(tmp_path / 'm.onnx'),
        'topic': 'camera/image',
    }
    assert specs[5].parameters['labels'] == ['stop', 'go']
    assert specs[5].executable == 'inference_node'


def test_one_robot_alone_still_knows_the_others() -> None:
    (spec,) = compose(read(SMALL), 'b')
    assert spec.robot == 'b'
    assert spec.parameters['robots'] == ['a', 'b']
    with pytest.raises(KeyError):
        compose(read(SMALL), 'c')


def test_simulated_time_reaches_every_node() -> None:
    specs = compose(read(SMALL), use_sim_time=True)
    assert all(spec.parameters['use_sim_time'] is True for spec in specs)
    assert all('use_sim_time' not in spec.parameters for spec in compose(read(SMALL)))


def test_storage_folder_is_absolute(tmp_path: Path) -> None:
    spec = compose(read(SMALL + 'storage: {folder: state}\n', tmp_path))[0]
    assert spec.parameters['storage_folder'] == str(tmp_path / 'state')


def test_keys_folder_is_absolute_and_reaches_every_robot(tmp_path: Path) -> None:
    spec = compose(read(SMALL + 'keys: {folder: ""}\n', tmp_path))[0]
    assert 'keys_folder' not in spec.parameters
    specs = compose(read(SMALL + 'keys: {folder: keys}\n', tmp_path))
    folders = [s.parameters['keys_folder'] for s in specs if s.executable == 'consensus_node']
    assert folders and set(folders) == {str(tmp_path / 'keys')}
    spec = compose(read(SMALL + 'keys: {folder: /etc/keys}\n', tmp_path))[0]
    assert spec.parameters['keys_folder'] == '/etc/keys'


def test_what_to_do_on_damage_follows_from_the_storage_section(tmp_path: Path) -> None:
    assert 'storage_on_damage' not in compose(read(SMALL, tmp_path))[0].parameters
    spec = compose(read(SMALL + 'storage: {on_damage: refuse}\n', tmp_path))[0]
    assert spec.parameters['storage_on_damage'] == 'refuse'


def test_every_robot_knows_the_weights_of_all() -> None:
    """A robot must not be believed about its own weight."""
    robots = '[a, {name: b, consensus: {weight: 0.5}}]'
    content = f'swarm: team\nrobots: {robots}\nsubjects: {{mode: {{}}}}\n'
    first, second = compose(read(content))
    assert first.parameters['weights'] == second.parameters['weights'] == [1.0, 0.5]
    first, second = compose(read(content + 'consensus: {weight: 3}\n'))
    assert first.parameters['weights'] == second.parameters['weights'] == [3.0, 0.5]
    assert 'weights' not in compose(read(SMALL))[0].parameters


def test_topics_become_remappings_and_qos_overrides(tmp_path: Path) -> None:
    (tmp_path / 'm.onnx').touch()
    swarm = read(
        SMALL + 'inference: [{subject: sign, model: m.onnx}]\n'
        'topics:\n'
        '  belief: {name: seen, depth: 3}\n'
        '  decision: {name: /fleet/decision, reliability: best_effort}\n'
        '  decide: ask\n'
        '  frames_belief: {depth: 7}\n',
        tmp_path,
    )
    consensus, inference = compose(swarm, 'a')
    assert consensus.remappings == (
        ('belief', 'seen'),
        ('decision', '/fleet/decision'),
        ('decide/_action/send_goal', 'ask/_action/send_goal'),
        ('decide/_action/cancel_goal', 'ask/_action/cancel_goal'),
        ('decide/_action/get_result', 'ask/_action/get_result'),
        ('decide/_action/feedback', 'ask/_action/feedback'),
        ('decide/_action/status', 'ask/_action/status'),
    )
    assert inference.remappings == (('belief', 'seen'),)
    overrides = {k: v for k, v in consensus.parameters.items() if k.startswith('qos_')}
    assert overrides == {
        'qos_overrides./a/seen.subscription.depth': 3,
        'qos_overrides./fleet/decision.publisher.reliability': 'best_effort',
        'qos_overrides./swarm/frames/belief.publisher.depth': 7,
        'qos_overrides./swarm/frames/belief.subscription.depth': 7,
    }
    assert inference.parameters['qos_overrides./a/seen.publisher.depth'] == 3


def test_network_becomes_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    network = (
        '{domain_id: 42, discovery: subnet, static_peers: [10.0.0.2, base.local], '
        'middleware: rmw_fastrtps_cpp, transport: udp}'
    )
    without_a_profile_of_the_users(monkeypatch)
    variables = {
        'ROS_DOMAIN_ID': '42',
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET',
        'ROS_STATIC_PEERS': '10.0.0.2;base.local',
        'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp',
    }
    assert environment_of(network) == variables
    # Where a profile of the user's own says how datagrams are sent, that much is still asked for.
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', '/etc/dds.xml')
    assert environment_of(network) == variables | {'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}


def test_models_that_inference_nodes_share_are_known_to_their_consensus_node(
    tmp_path: Path,
) -> None:
    for name in ('a.onnx', 'b.onnx'):
        (tmp_path / name).touch()
    swarm = read(
        SMALL + 'inference:\n  - {name: left, subject: sign, model: a.onnx, exchange: signs}\n'
        '  - {name: right, subject: sign, model: a.onnx, exchange: signs}\n'
        '  - {name: other, subject: sign/1, model: b.onnx, exchange: walls}\n'
        '  - {name: alone, subject: sign/2, model: b.onnx}\n',
        tmp_path,
    )
    parameters = compose(swarm)[0].parameters
    assert parameters['models'] == ['signs', 'walls']
    assert parameters['model_files'] == [str(tmp_path / 'a.onnx'), str(tmp_path / 'b.onnx')]
    assert parameters['model_trials'] == ['signs/left', 'signs/right', 'walls/other']


def test_cyclone_is_held_on_loopback_by_default() -> None:
    uri = environment_of('{middleware: rmw_cyclonedds_cpp}')['CYCLONEDDS_URI']
    interfaces = ElementTree.fromstring(uri).findall('Domain/General/Interfaces/NetworkInterface')
    assert [interface.attrib for interface in interfaces] == [{'address': '127.0.0.1'}]


def fake_rclpy(monkeypatch: pytest.MonkeyPatch, installed: str) -> None:
    """Have the installed rclpy be of a version; '': none is installed."""

    def version(name: str) -> str:
        if not installed:
            raise middleware.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(middleware, 'version', version)


@pytest.mark.parametrize(
    ('installed', 'variables'),
    [
        ('9.1.2', {'FASTDDS_DEFAULT_PROFILES_FILE'}),
        ('10.0.0', {'FASTDDS_DEFAULT_PROFILES_FILE'}),
        ('7.1.6', {'FASTRTPS_DEFAULT_PROFILES_FILE'}),
        ('', {'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'}),
    ],
)
def test_profile_stands_where_this_fast_dds_reads_it_and_only_there(
    monkeypatch: pytest.MonkeyPatch, installed: str, variables: set[str]
) -> None:
    fake_rclpy(monkeypatch, installed)
    spec = compose(read(SMALL + 'network: {transport: udp}\n'))[0]
    assert set(spec.files) == variables


@pytest.mark.parametrize(('interface', 'key'), [('wlan0', 'name'), ('10.0.0.5', 'address')])
def test_interface_reaches_both_middlewares(
    monkeypatch: pytest.MonkeyPatch, interface: str, key: str
) -> None:
    fake_rclpy(monkeypatch, '9.1.2')
    spec = compose(read(SMALL + f'network: {{discovery: subnet, interface: {interface}}}\n'))[0]
    uri = ElementTree.fromstring(spec.environment['CYCLONEDDS_URI'])
    (entry,) = uri.findall('Domain/General/Interfaces/NetworkInterface')
    assert entry.attrib == {key: interface}
    profile = ElementTree.fromstring(spec.files['FASTDDS_DEFAULT_PROFILES_FILE'].encode())
    allowed = [node for node in profile.iter() if node.tag.endswith('interfaceWhiteList')]
    assert [child.text for node in allowed for child in node] == [interface]


def test_udp_on_this_machine_is_kept_on_loopback_by_a_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LOCALHOST would make Fast DDS use shared memory, and find 32 participants at most."""
    fake_rclpy(monkeypatch, '9.1.2')
    spec = compose(read(SMALL + 'network: {transport: udp}\n'))[0]
    assert spec.environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'SUBNET'
    assert 'FASTDDS_BUILTIN_TRANSPORTS' not in spec.environment
    assert '127.0.0.1' in spec.environment['CYCLONEDDS_URI']
    profile = ElementTree.fromstring(spec.files['FASTDDS_DEFAULT_PROFILES_FILE'].encode())
    values = {node.tag.rpartition('}')[2]: node.text for node in profile.iter()}
    assert values['address'] == '127.0.0.1'
    assert values['type'] == 'UDPv4'
    assert values['useBuiltinTransports'] == 'false'
    assert 'SHM' not in spec.files['FASTDDS_DEFAULT_PROFILES_FILE']


IGNORED = 'fastdds.ignore_local_endpoints'
PROPAGATED = 'fastdds.type_propagation'


def properties(spec: NodeSpec) -> dict[str | None, str | None]:
    """What the profile of a node asks of Fast DDS."""
    profile = ElementTree.fromstring(spec.files['FASTDDS_DEFAULT_PROFILES_FILE'].encode())
    texts = {
        key: [node.text for node in profile.iter() if node.tag.rpartition('}')[2] == key]
        for key in ('name', 'value')
    }
    return dict(zip(texts['name'], texts['value'], strict=True))


def without_a_profile_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*middleware.FASTDDS_PROFILES, 'FASTDDS_BUILTIN_TRANSPORTS', 'CYCLONEDDS_URI'):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    'network', ['{}', '{transport: udp}', '{discovery: subnet, interface: wlan0}']
)
def test_a_consensus_node_does_not_hear_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, network: str
) -> None:
    without_a_profile_of_the_users(monkeypatch)
    fake_rclpy(monkeypatch, '9.1.2')
    (tmp_path / 'm.onnx').touch()
    content = (
        SMALL.replace('[a, b]', '[a]')
        + f'network: {network}\ninference: [{{subject: sign, model: m.onnx}}]\n'
    )
    consensus, inference = compose(read(content, tmp_path))
    assert properties(consensus) == {PROPAGATED: 'disabled', IGNORED: 'true'}
    assert properties(inference) == {PROPAGATED: 'disabled'}


def test_a_consensus_node_with_missions_hears_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_a_profile_of_the_users(monkeypatch)
    fake_rclpy(monkeypatch, '9.1.2')
    spec = compose(read(SMALL + 'consensus: {missions: [my_missions]}\n', tmp_path))[0]
    assert properties(spec) == {PROPAGATED: 'disabled'}


@pytest.mark.parametrize('by', ['variable', 'working directory'])
def test_a_profile_of_the_users_own_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, by: str
) -> None:
    without_a_profile_of_the_users(monkeypatch)
    fake_rclpy(monkeypatch, '9.1.2')
    monkeypatch.chdir(tmp_path)
    assert compose(read(SMALL))[0].files
    if by == 'variable':
        monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', '/etc/dds.xml')
    else:
        (tmp_path / 'DEFAULT_FASTDDS_PROFILES.xml').touch()
    assert compose(read(SMALL))[0].files == {}


def test_a_process_that_nobody_composed_has_a_profile_unless_the_user_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_rclpy(monkeypatch, '9.1.2')
    monkeypatch.chdir(tmp_path)
    environ: dict[str, str] = {}
    for _ in range(2):
        middleware.use_profile(environ)
        assert environ == {'FASTDDS_DEFAULT_PROFILES_FILE': str(middleware.PROFILE)}
    profile = ElementTree.fromstring(middleware.PROFILE.read_bytes())
    assert [PROPAGATED, 'disabled'] == [
        node.text for node in profile.iter() if node.tag.rpartition('}')[2] in ('name', 'value')
    ]
    # `swarm up` is such a process, and its nodes have profiles all the same.
    without_a_profile_of_the_users(monkeypatch)
    network = read(SMALL + "network: {discovery: 'off'}\n").network
    assert list(middleware.files(network).values()) == [middleware.PROFILE.read_text()]
    files = compose(read(SMALL))[0].files
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', str(middleware.PROFILE))
    assert compose(read(SMALL))[0].files == files
    users = {'FASTRTPS_DEFAULT_PROFILES_FILE': '/etc/dds.xml'}
    middleware.use_profile(users)
    assert users == {'FASTRTPS_DEFAULT_PROFILES_FILE': '/etc/dds.xml'}
    (tmp_path / 'DEFAULT_FASTDDS_PROFILES.xml').touch()
    environ.clear()
    middleware.use_profile(environ)
    assert environ == {}


def test_cyclone_on_this_machine_needs_no_profile() -> None:
    spec = compose(read(SMALL + 'network: {transport: udp, middleware: rmw_cyclonedds_cpp}\n'))[0]
    assert spec.environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert spec.files == {}


@pytest.mark.parametrize(
    ('network', 'sends'),
    [
        ('{discovery: subnet}', ['UDPv4', 'SHM']),
        ('{discovery: system_default, transport: udp}', ['UDPv4']),
        ('{discovery: subnet, interface: wlan0, transport: udp}', ['UDPv4']),
    ],
)
def test_who_is_out_of_reach_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, network: str, sends: list[str]
) -> None:
    """DDS must not wait in `sendmsg` while the kernel keeps datagrams for a silent neighbour."""
    without_a_profile_of_the_users(monkeypatch)
    fake_rclpy(monkeypatch, '9.1.2')
    spec = compose(read(SMALL + f'network: {network}\n'))[0]
    profile = ElementTree.fromstring(spec.files['FASTDDS_DEFAULT_PROFILES_FILE'].encode())
    values: dict[str, list[str]] = {}
    for node in profile.iter():
        values.setdefault(node.tag.rpartition('}')[2], []).append(node.text or '')
    assert values['type'] == sends
    assert values['sendBufferSize'] == [str(middleware.SEND_BUFFER_BYTES)]
    assert values['non_blocking_send'] == ['true']
    assert values['useBuiltinTransports'] == ['false']
    uri = ElementTree.fromstring(spec.environment['CYCLONEDDS_URI'])
    (buffer,) = uri.findall('Domain/Internal/SocketSendBufferSize')
    assert buffer.attrib == {'max': f'{middleware.SEND_BUFFER_BYTES} B'}


@pytest.mark.parametrize(
    ('network', 'robots', 'said', 'cyclone'),
    [
        ('{discovery: subnet}', 2, ('1', '0'), ['1.0 s']),
        ('{discovery: subnet}', 15, ('1', '500000000'), ['1.5 s']),
        ('{discovery: subnet}', 100, ('3', '0'), ['3.0 s']),
        # Where nothing is sent to other hosts; Cyclone DDS answers newcomers again.
        ('{}', 2, ('0', '300000000'), []),
        ('{transport: udp}', 15, ('1', '500000000'), []),
        ('{static_peers: [10.0.0.2]}', 2, ('1', '0'), []),
    ],
)
def test_the_more_robots_the_more_seldom_each_announces_itself(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    network: str,
    robots: int,
    said: tuple[str, str],
    cyclone: list[str],
) -> None:
    without_a_profile_of_the_users(monkeypatch)
    fake_rclpy(monkeypatch, '9.1.2')
    (tmp_path / 'm.onnx').touch()
    content = (
        SMALL.replace('[a, b]', str(robots))
        + f'network: {network}\ninference: [{{subject: sign, model: m.onnx}}]\n'
    )
    consensus, inference = compose(read(content, tmp_path))[:2]
    profile = ElementTree.fromstring(consensus.files['FASTDDS_DEFAULT_PROFILES_FILE'].encode())
    (period,) = (n for n in profile.iter() if n.tag.endswith('leaseAnnouncement'))
    assert tuple(node.text for node in period) == said
    uri = ElementTree.fromstring(consensus.environment['CYCLONEDDS_URI'])
    assert [node.text for node in uri.findall('Domain/Discovery/SPDPInterval')] == cyclone
    # What meets nobody on other robots says no more than DDS has it say.
    assert 'leaseAnnouncement' not in ''.join(inference.files.values())
    assert 'SPDPInterval' not in inference.environment['CYCLONEDDS_URI']


def test_what_the_user_says_of_transports_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    without_a_profile_of_the_users(monkeypatch)
    fake_rclpy(monkeypatch, '9.1.2')
    monkeypatch.setenv('FASTDDS_BUILTIN_TRANSPORTS', 'LARGE_DATA')
    users = '<CycloneDDS><Domain><Tracing/></Domain></CycloneDDS>'
    monkeypatch.setenv('CYCLONEDDS_URI', users)
    spec = compose(read(SMALL + 'network: {discovery: subnet}\n'))[0]
    assert 'transport_descriptor' not in ''.join(spec.files.values())
    # Of several documents the last one holds.
    assert spec.environment['CYCLONEDDS_URI'].endswith(f'</CycloneDDS>,{users}')


def warnings(network: str, *, nodes: int = 1, robots: int = 2, sysctl: Path) -> list[str]:
    described = read(SMALL + f'network: {network}\n').network
    return middleware.warnings(described, nodes, robots, sysctl)


@pytest.mark.parametrize(
    ('network', 'nodes', 'warned'),
    [
        ('{}', 31, False),
        ('{}', 32, True),
        ('{transport: udp}', 100, False),
        ('{discovery: subnet}', 100, False),
        ('{middleware: rmw_cyclonedds_cpp}', 100, False),
    ],
)
def test_too_many_nodes_for_localhost_are_noticed(
    tmp_path: Path, network: str, nodes: int, warned: bool
) -> None:
    assert bool(warnings(network, nodes=nodes, sysctl=tmp_path)) is warned


@pytest.mark.parametrize(
    ('network', 'robots', 'granted', 'wanted'),
    [
        ('{}', 100, 212_992, 0),
        ('{discovery: "off"}', 100, 212_992, 0),
        ('{static_peers: [10.0.0.2]}', 6, 212_992, 532_480),
        ('{discovery: subnet}', 3, 212_992, 0),
        ('{discovery: subnet}', 4, 212_992, 319_488),
        ('{discovery: subnet, middleware: rmw_cyclonedds_cpp}', 4, 212_992, 319_488),
        ('{discovery: subnet}', 100, 10_543_104, 0),
        ('{discovery: subnet}', 1_000, 16 << 20, 0),
    ],
)
def test_a_machine_with_too_little_room_for_what_it_sends_is_noticed(
    tmp_path: Path, network: str, robots: int, granted: int, wanted: int
) -> None:
    # A container may not tell.
    assert warnings(network, robots=robots, sysctl=tmp_path) == []
    for name, value in (('core/wmem_max', granted), ('neigh/default/unres_qlen_bytes', 212_992)):
        path = tmp_path / (name if name.startswith('core') else f'ipv4/{name}')
        path.parent.mkdir(parents=True)
        path.write_text(f'{value}\n')
    found = warnings(network, robots=robots, sysctl=tmp_path)
    assert len(found) == bool(wanted)
    assert f'net.core.wmem_max={wanted}`' in ''.join(found) or not wanted


def test_environment_decides_where_the_file_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    without_a_profile_of_the_users(monkeypatch)
    environment = environment_of('{discovery: system_default}')
    assert environment.pop('ROS_AUTOMATIC_DISCOVERY_RANGE') == 'SYSTEM_DEFAULT'
    assert environment.keys() == {'CYCLONEDDS_URI'}


OPEN = SMALL + 'consensus: {membership: open, weight: 2}\n'


def test_a_guest_is_composed_of_what_the_file_says_for_all_robots() -> None:
    swarm = parse_swarm(OPEN, Path('/somewhere/swarm.yaml'), robots=[], guests=['scout'])
    (spec,) = (spec for spec in compose(swarm) if spec.robot == 'scout')
    assert (spec.namespace, spec.parameters['robot']) == ('/scout', 'scout')
    assert (spec.parameters['membership'], spec.parameters['weight']) == ('open', 2.0)
    # It is in nobody's list, its own included.
    assert all(spec.parameters['robots'] == ['a', 'b'] for spec in compose(swarm))
    assert all(len(spec.parameters['weights']) == 2 for spec in compose(swarm))  # type: ignore[arg-type]
    assert [spec.robot for spec in compose(swarm, 'scout')] == ['scout']


@pytest.mark.parametrize(
    ('content', 'guest', 'message'),
    [
        (SMALL, 'scout', 'consensus.membership must be "open" where guests are to join'),
        (OPEN, 'a', '"a" is a robot of the swarm, and no guest'),
        (OPEN, 'no name', 'guest'),
    ],
)
def test_guests_that_cannot_join_are_refused(content: str, guest: str, message: str) -> None:
    with pytest.raises(SwarmFileError, match=message):
        parse_swarm(content, Path('/somewhere/swarm.yaml'), guests=[guest])


def test_the_node_for_people_is_of_no_robot_and_hears_as_the_robots_do(tmp_path: Path) -> None:
    swarm = read(SMALL + 'network: {domain_id: 7}\n')
    spec = compose_view(swarm, use_sim_time=True)
    assert (spec.robot, spec.full_name) == ('', '/view_node')
    assert dict(spec.parameters) == {'use_sim_time': True, 'swarm': 'team'}
    assert spec.environment == compose(swarm)[0].environment
    (command,) = node_commands([spec], tmp_path)
    assert command.label == 'view_node'
    assert command.arguments[1:3] == ('-m', 'swarm_consensus.live.view_node')
    assert (tmp_path / 'view_node.yaml').exists()
