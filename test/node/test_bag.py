"""`swarm record` beside a real swarm, read by the library that Foxglove's own tools use."""

from __future__ import annotations

from collections import defaultdict
import sys
from typing import Any

from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from swarm_testing.robot_processes import RobotProcesses
from swarm_testing.swarm_probe import LATCHED, READY_S, SwarmProbe
from visualization_msgs.msg import MarkerArray


def read(path: Any) -> dict[str, list[Any]]:
    """Return the decoded messages of a finished file, by topic."""
    found = defaultdict(list)
    with open(path, 'rb') as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        summary = reader.get_summary()
        assert summary is not None and summary.statistics is not None
        for _, channel, _, message in reader.iter_decoded_messages():
            found[channel.topic].append(message)
    assert sum(map(len, found.values())) == summary.statistics.message_count
    return found


def robots_in(array: Any) -> int:
    """Return how many robots a picture has."""
    return sum(marker.ns == 'robots' for marker in array.markers)


def test_decisions_beliefs_statuses_and_frames_are_in_the_file(processes, tmp_path):
    path = tmp_path / 'run.mcap'
    swarm = RobotProcesses(processes, 3)
    swarm.start_all()
    command = [sys.executable, '-m', 'swarm_consensus.cli.main', 'record', '-o', str(path)]
    processes.start([sys.executable, '-m', 'swarm_consensus.live.view_node'], 'view_node')
    with SwarmProbe(swarm.names) as probe:
        probe.wait_until_ready()
        drawn = probe.collect(MarkerArray, '/swarm_markers', LATCHED)
        recorder = processes.start(command, 'record')
        recorder.wait_for_output('recording into')

        def decided() -> bool:
            # The robot itself listens, who draws and who records; but the first may be lost.
            for robot in swarm.names:
                probe.keep_believing(robot, 'dog', listeners=3, repeats=1, probability=0.8)
            return all(probe.published(robot, 'animal') for robot in swarm.names)

        probe.wait_for(decided, READY_S)
        # Who records may have known later than the robots whom to hear.
        for robot in swarm.names:
            probe.keep_believing(robot, 'dog', listeners=3, repeats=5, probability=0.8)
        probe.proposed(probe.propose('robot_2', 'goal', 'dock'))
        probe.wait_for_decision('goal')
        leader = probe.leader()
        # The last of it is heard, and then some.
        probe.wait_for(lambda: drawn and robots_in(drawn[-1]) == 3, 60.0)
        probe.forget(swarm.names)
        probe.wait_for(lambda: len(probe.statuses) == 3)
    assert recorder.interrupt() == 0
    assert 'messages on' in recorder.output
    found = read(path)
    for robot in swarm.names:
        # Where beliefs of the others came late, the first of them says that nothing is decided yet.
        decisions = [
            (each.subject, each.choice) for each in found[f'/{robot}/decision'] if each.choice
        ]
        assert decisions == [('animal', 'dog'), ('goal', 'dock')]
        assert found[f'/{robot}/swarm_status'][-1].leader == leader
        assert found[f'/{robot}/belief'][0].labels == ['cat', 'dog', 'fox']
    frames = found['/swarm/frames/control']
    assert {frame.sender for frame in frames} == set(swarm.names)
    words = [each.data for each in found['/swarm/frames/decoded']]
    assert len(words) == sum(len(found[topic]) for topic in found if topic.startswith(
        ('/swarm/frames/control', '/swarm/frames/belief', '/swarm/frames/bulk')
    ))  # fmt: skip
    assert any("goal='dock' by robot_2" in text for text in words)
    assert 3 in map(robots_in, found['/swarm_markers'])
    again = processes.start(command, 'again')
    assert again.wait() == 1 and 'File exists' in again.output
