"""From a swarm.yaml to the settings of robots in one process; without ROS."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarm_consensus.composition.swarm import Swarm
from swarm_consensus.composition.swarm_file import parse_swarm
from swarm_consensus.missions import RegistryError
from swarm_consensus.nodes.robot_settings import resized, settings_of
from swarm_consensus.runtime.config import MILLISECOND
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.key_files import KeysError, write_keys

FILE = """
swarm: team
robots: [scout, carrier, spare]
consensus: {tick: 10 ms}
subjects:
  sign: {labels: [stop, go], level: fused, confidence: 0.9}
  mode:
"""


def parsed(text: str = FILE, file: str = 'swarm.yaml') -> Swarm:
    return parse_swarm(text, file)


def test_a_robot_has_what_its_node_would_have() -> None:
    settings = settings_of(parsed())
    assert [each.config.robot for each in settings] == ['scout', 'carrier', 'spare']
    config = settings[1].config
    assert (config.swarm, config.robots) == ('team', ('scout', 'carrier', 'spare'))
    assert config.tick_ns == 10 * MILLISECOND
    sign, mode = config.policies
    assert (sign.labels, sign.confidence, sign.level.name) == (('stop', 'go'), 0.9, 'FUSED')
    assert (mode.labels, mode.level.name) == ((), 'COMMITTED')
    assert settings[0].keys is None


def test_settings_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValueError, match='duty .* must be longer'):
        settings_of(parsed(FILE.replace('10 ms', '10 ms, tasks_duty: 1.0')))


def test_a_swarm_is_made_larger_and_smaller() -> None:
    names = [robot.name for robot in resized(parsed(), 5).robots]
    assert names == ['scout', 'carrier', 'spare', 'robot_4', 'robot_5']
    assert len(settings_of(resized(parsed(), 5))[4].config.robots) == 5
    assert [robot.name for robot in resized(parsed(), 1).robots] == ['scout']
    numbered = FILE.replace('[scout, carrier, spare]', '[robot_4, robot_5]')
    names = [robot.name for robot in resized(parsed(numbered), 4).robots]
    assert names == ['robot_4', 'robot_5', 'robot_3', 'robot_6']
    with pytest.raises(ValueError, match='at least 1'):
        resized(parsed(), 0)


def test_keys_are_read_and_missing_ones_are_an_error(tmp_path: Path) -> None:
    text = FILE + 'keys: {folder: keys}\n'
    swarm = parsed(text, str(tmp_path / 'swarm.yaml'))
    with pytest.raises(KeysError):
        settings_of(swarm)
    names = [robot.name for robot in swarm.robots]
    write_keys(tmp_path / 'keys', deal('team', names, 0))
    settings = settings_of(swarm)
    assert all(each.keys is not None for each in settings)


def test_missions_are_loaded_and_ros_actions_refused() -> None:
    common = 'consensus: {tick: 10 ms}'
    code = 'consensus: {missions: ["ten=swarm_testing.mission_code:ten_steps"], '
    code += 'activities: ["swarm_testing.mission_code:step"]}'
    (first, *_) = settings_of(parsed(FILE.replace(common, code)))
    assert (first.missions.missions, first.missions.activities) == (('ten',), ('step',))
    action = 'consensus: {activities: ["go=action:go:nav2_msgs/action/NavigateToPose"]}'
    with pytest.raises(RegistryError, match='no ROS'):
        settings_of(parsed(FILE.replace(common, action)))
