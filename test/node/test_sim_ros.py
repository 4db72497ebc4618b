"""`swarm sim FILE --ros`: a file's robots as nodes in a world, with its time, radio and cameras."""

from __future__ import annotations

import itertools
from pathlib import Path
import sys

import pytest
from swarm_testing.processes import Process, ProcessGroup
from swarm_testing.sim_geometry import AROUND_A_WALL, RANGE_M, WALL_M
from swarm_testing.swarm_probe import DECIDED, LATCHED, SwarmProbe

from swarm_consensus.msg import RadioLinks
from swarm_consensus.simulation.embedded.physics import missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or 'MuJoCo is there')

WAIT_S = 60.0
FILE = f"""\
swarm: simulated
robots: 3
storage: {{folder: state}}
network: {{transport: udp}}
consensus: {{name_probe: 0.3, election_ticks: 60}}
simulation:
  starts: {list(itertools.chain.from_iterable(AROUND_A_WALL))}
  objects: 1
  radio_range: {RANGE_M}
  radio_wall: {WALL_M}
  camera_rate: 5
  real_time_factor: 0.5
inference:
  - subject: thing
    model: package://swarm_consensus/models/objects.onnx
    input: image
    topic: camera/image_raw
subjects:
  thing:
    labels: [crate, barrel, ball, cone]
    confidence: 0.3
    quorum: all
  map:
"""


def sim(processes: ProcessGroup, *arguments: str) -> Process:
    command = [sys.executable, '-m', 'swarm_consensus.cli.main', 'sim', *arguments]
    return processes.start(command, name='swarm sim')


@pytest.fixture
def swarm_file(tmp_path: Path) -> Path:
    path = tmp_path / 'swarm.yaml'
    path.write_text(FILE)
    return path


def test_the_robots_of_a_file_decide_in_the_world_until_they_are_told_to_end(
    processes: ProcessGroup, swarm_file: Path
) -> None:
    process = sim(processes, str(swarm_file), '--ros', '--factor', '2')
    with SwarmProbe(['robot_1', 'robot_2', 'robot_3']) as probe:
        links = probe.collect(RadioLinks, '/radio_links', LATCHED)
        process.wait_for_output('ready after', WAIT_S)
        probe.wait_until_ready()
        assert probe.proposed(probe.propose('robot_1', 'map', 'm1')).status == DECIDED
        # What their cameras show, their networks take for something, and all of them are heard.
        probe.wait_for(lambda: probe.published('robot_3', 'thing'), WAIT_S)
        assert sorted(probe.published('robot_3', 'thing')[-1].voters) == probe.robots
        probe.wait_for(lambda: links, WAIT_S)
        assert {each.robot: len(each.hears) for each in links[-1].robots} == dict.fromkeys(
            probe.robots, 2
        )
        assert probe.get_parameter('/sim_node', 'real_time_factor') == 2.0
        for name, value in (('use_sim_time', True), ('radio', '/radio_links')):
            assert probe.get_parameter('/robot_2/consensus_node', name) == value
        # That time is the one of the world, which has just begun.
        assert 0 < probe.statuses['robot_2'].stamp.sec < 1000
    # It ends seven processes.
    assert process.interrupt(WAIT_S) == 0
    assert 'all ended' in process.output


@pytest.mark.parametrize(
    ('arguments', 'why'),
    [
        (['--ros'], '--ros starts the robots of a swarm.yaml: name it'),
        (['FILE', '--ros', '--loss', '0.1'], '--loss goes without --ros'),
        (['FILE', '--ros', '--split'], '--split goes without --ros'),
        (['FILE', '--factor', '2'], '--factor goes with --ros'),
        (['FILE', '--ros', '--factor', '-1'], 'real_time_factor is -1'),
        (['FILE', '--ros', '--robots', '2'], 'starts has 9 numbers'),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_started(
    swarm_file: Path, arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from swarm_consensus.cli.main import main

    named = [str(swarm_file) if each == 'FILE' else each for each in arguments]
    assert main(['sim', *named]) == 2
    assert why in capsys.readouterr().err
