"""A swarm in Gazebo: models in their namespaces, the bridge, places; the files are valid SDF."""

from __future__ import annotations

import ast
from itertools import combinations
import math
import os
from pathlib import Path
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
import yaml

from swarm_consensus.composition.gazebo import SPACING_M, bridge, model_for, places, spawns

ROOT = Path(__file__).resolve().parents[3]
MODEL = (ROOT / 'models' / 'swarm_robot' / 'model.sdf').read_text()
TEMPLATE = (ROOT / 'launch' / 'gazebo_bridge.yaml').read_text()
WORLD = ROOT / 'worlds' / 'search.sdf'
ROBOTS = [('robot_1', '/robot_1'), ('robot_2', '/team/robot_2')]


def texts(sdf: str, *tags: str) -> list[str | None]:
    return [element.text for element in ElementTree.fromstring(sdf).iter() if element.tag in tags]


@pytest.mark.parametrize('count', [0, 1, 5, 7, 8, 40])
def test_robots_stand_apart(count: int) -> None:
    found = places(count)
    assert len(found) == count
    for (x, y, _), (other_x, other_y, _) in combinations(found, 2):
        assert math.hypot(x - other_x, y - other_y) >= SPACING_M * 0.95


def test_each_robot_has_topics_and_frames_of_its_own() -> None:
    one, two = spawns(ROBOTS, MODEL)
    assert set(texts(two.sdf, 'topic', 'odom_topic', 'tf_topic')) == {
        f'/team/robot_2/{name}' for name in ('cmd_vel', 'odom', 'tf', 'scan', 'camera/image_raw')
    }
    assert texts(two.sdf, 'frame_id', 'child_frame_id') == ['robot_2/odom', 'robot_2/base_link']
    assert texts(one.sdf, 'gz_frame_id') == ['robot_1/camera', 'robot_1/lidar']
    model = ElementTree.fromstring(one.sdf).find('model')
    assert model is not None and model.get('name') == 'robot_1'


@pytest.mark.parametrize('model', ['<sdf', '<sdf/>', '<robot/>'])
def test_what_is_no_model_is_refused(model: str) -> None:
    with pytest.raises(ValueError, match='the model of the robots is no'):
        model_for('a', '/a', model)


def test_the_bridge_carries_all_that_the_model_has_for_every_robot() -> None:
    entries = yaml.safe_load(bridge(TEMPLATE, [namespace for _, namespace in ROBOTS]))
    assert len(entries) == 1 + 2 * 6
    topics = {entry['gz_topic_name']: entry for entry in entries}
    for spawn in spawns(ROBOTS, MODEL):
        for topic in texts(spawn.sdf, 'topic', 'odom_topic', 'tf_topic'):
            entry = topics[str(topic)]
            # The transforms of all robots are in one place; all else is the robot's own.
            own = entry['ros_topic_name'] == topic
            assert own or (str(topic).endswith('/tf') and entry['ros_topic_name'] == '/tf')
    for entry in entries:
        assert re.fullmatch(r'[a-z0-9_]+/msg/[A-Za-z]+', entry['ros_type_name'])
        assert re.fullmatch(r'gz\.msgs\.[A-Za-z_]+', entry['gz_type_name'])
        to_gazebo = entry['ros_topic_name'].endswith('cmd_vel')
        assert entry['direction'] == ('ROS_TO_GZ' if to_gazebo else 'GZ_TO_ROS')
    ros = [entry['ros_topic_name'] for entry in entries if entry['ros_topic_name'] != '/tf']
    assert len(set(ros)) == len(ros)


@pytest.mark.parametrize(
    ('template', 'why'),
    [
        ('{', 'is no YAML'),
        ('a: b', 'is no list'),
        ('- a: b', 'entry 1 of the bridge must have direction, gz_topic_name'),
        (TEMPLATE.replace('ROS_TO_GZ', 'BOTH'), "direction is 'BOTH', must be one of GZ_TO_ROS"),
    ],
)
def test_what_is_no_bridge_is_refused(template: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        bridge(template, ['/a'])


@pytest.mark.parametrize('name', ['world', 'model', 'robot'])
def test_worlds_and_models_are_valid_sdf(name: str, tmp_path: Path) -> None:
    """By sdformat's own tool, which Debian has as ignition-tools and libsdformat-dev."""
    named = os.environ.get('SDF_TOOL', '')
    tool = shutil.which(named) if named else shutil.which('gz') or shutil.which('ign')
    if tool is None:
        pytest.skip('there is no `gz` or `ign`: apt install ignition-tools libsdformat-dev')
    robot = tmp_path / 'robot.sdf'
    robot.write_text(spawns(ROBOTS, MODEL)[1].sdf)
    file = {
        'world': WORLD,
        'model': ROOT / 'models' / 'swarm_robot' / 'model.sdf',
        'robot': robot,
    }[name]
    done = subprocess.run(
        [tool, 'sdf', '-k', str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0 and 'Valid' in done.stdout, done.stdout + done.stderr


def test_the_world_holds_what_gazebo_needs_and_robots_have_room_in_it() -> None:
    world = ElementTree.parse(WORLD).getroot().find('world')
    assert world is not None
    plugins = {plugin.get('name') for plugin in world.iter('plugin')}
    assert plugins == {
        f'gz::sim::systems::{name}'
        for name in ('Physics', 'UserCommands', 'SceneBroadcaster', 'Sensors')
    }
    things = [
        tuple(map(float, str(pose.text).split()[:2]))
        for model in world.findall('model')
        for pose in model.findall('pose')
        if not str(model.get('name')).startswith('wall')
    ]
    assert len(things) == 5
    for x, y, _ in places(7):
        assert all(math.hypot(x - a, y - b) > 0.6 for a, b in things)


def calls(tree: ast.AST, function: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == function
    ]


def declared(name: str) -> tuple[set[str], ast.AST]:
    """Return the arguments that a launch file declares, and the file."""
    tree = ast.parse((ROOT / 'launch' / name).read_text())
    found = [call.args[0] for call in calls(tree, 'DeclareLaunchArgument')]
    return {str(each.value) for each in found if isinstance(each, ast.Constant)}, tree


def test_the_launch_file_uses_what_it_declares_and_gives_the_swarm_what_that_takes() -> None:
    """Read from the source: `launch` comes only with a ROS 2 installation."""
    names, tree = declared('gazebo.launch.py')
    used = {
        str(call.args[0].value)
        for call in calls(tree, 'argument')
        if isinstance(call.args[0], ast.Constant)
    }
    assert used == names == {'swarm_file', 'world', 'model', 'bridge', 'headless'}
    swarm, _ = declared('swarm.launch.py')
    given = [
        {str(key.value) for key in node.keys if isinstance(key, ast.Constant)}
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
    ]
    assert {'swarm_file', 'use_sim_time'} in given and {'swarm_file', 'use_sim_time'} <= swarm
    for default in re.findall(r"HERE / ((?:'[\w.]+'(?: / )?)+)", ast.unparse(tree)):
        assert ROOT.joinpath(*re.findall(r"'([\w.]+)'", default)).exists(), default
