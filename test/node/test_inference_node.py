"""inference_node as a real process, over real DDS, with real models."""

from __future__ import annotations

from array import array
import io
import json
import math
from pathlib import Path
import signal
import sys
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
import numpy as np
from PIL import Image as Pillow
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image, LaserScan
from std_msgs.msg import Float32MultiArray
from swarm_testing.node_probe import NodeProbe
from swarm_testing.onnx_models import mean_colour_model, passing_model
from swarm_testing.processes import Process, ProcessGroup

from swarm_consensus.inference.model import hash_file
from swarm_consensus.msg import Belief, FlowControl
from swarm_consensus.nodes.managed import EXIT_CONFIGURATION
from swarm_consensus.transport.hashes import labels_hash

NODE = 'inference_node'
LABELS = ['red', 'green', 'blue']
READY = ' a run'


def log_softmax(logits) -> np.ndarray:
    z = np.asarray(logits, float)
    return z - z.max() - math.log(np.exp(z - z.max()).sum())


def start(processes: ProcessGroup, namespace: str = '/robot_1', **parameters) -> Process:
    """Start an inference_node; it is not waited for."""
    values = {'subject': 'sign', 'labels': LABELS} | parameters
    command = [sys.executable, '-m', 'swarm_consensus.nodes.inference_node', '--ros-args']
    command += ['-r', f'__ns:={namespace}']
    for name, value in values.items():
        command += ['-p', f'{name}:={json.dumps(value)}']
    return processes.start(command, NODE)


def image(pixels, encoding: str = 'rgb8', padding: int = 0, stamp: tuple[int, int] = (5, 6)):
    pixels = np.asarray(pixels, np.uint8)
    height, width = pixels.shape[:2]
    row = pixels.reshape(height, -1)
    data = np.pad(row, ((0, 0), (0, padding)), constant_values=99)
    message = Image(height=height, width=width, encoding=encoding, step=data.shape[1])
    message.header.stamp.sec, message.header.stamp.nanosec = stamp
    message.header.frame_id = 'camera'
    message.data = array('B', data.tobytes())
    return message


def solid(red: int, green: int, blue: int, height: int = 6, width: int = 5) -> np.ndarray:
    return np.full((height, width, 3), (red, green, blue), np.uint8)


@pytest.fixture
def model(tmp_path) -> Path:
    """Answers with 10 times the mean of each colour, 0..1."""
    return mean_colour_model(tmp_path / 'mean.onnx', ['n', 3, 8, 8])


@pytest.fixture
def passing(tmp_path) -> Path:
    """Answers with the three numbers that it is given."""
    return passing_model(tmp_path / 'passing.onnx', [1, 3])


@pytest.fixture
def probe(ros_environment):
    with NodeProbe('/robot_1') as it:
        yield it


def counters(diagnostics: list[DiagnosticArray]) -> dict[str, str]:
    """What the newest diagnostics say."""
    if not diagnostics:
        return {}
    return {pair.key: pair.value for pair in diagnostics[-1].status[0].values}


class Sensor:
    """A publisher that keeps to what the node's subscription asks for."""

    def __init__(
        self, probe: NodeProbe, kind: type, topic: str = 'image', qos=qos_profile_sensor_data
    ) -> None:
        self._probe = probe
        self._publisher = probe.publisher(kind, topic, qos)
        self.beliefs = probe.collect(Belief, 'belief')
        self.diagnostics = probe.collect(DiagnosticArray, '/diagnostics')

    def ready(self, first=None) -> None:
        """
        Wait until publishers and subscriptions have found each other.

        :param first: a message to send until a belief comes: only then are both ends of the
            sensor's topic sure to be matched. The beliefs that come of it are taken away.
        """
        self._probe.wait_for_subscriber(self._publisher)
        self._probe.wait_for(lambda: self._probe.node.count_publishers('/robot_1/belief'))
        # That is how it looks from here; a node that answers knows who listens to it.
        self._probe.get_parameter(NODE, 'subject')
        if first is not None:
            self.answer(first)
            self._probe.turn(0.3)
            self.beliefs.clear()

    def send(self, message) -> None:
        self._publisher.publish(message)

    def answer(self, message) -> Belief:
        """Send a message again and again until a belief comes, and return the first."""
        known = len(self.beliefs)
        for _ in range(200):
            self._publisher.publish(message)
            self._probe.turn(0.1)
            if len(self.beliefs) > known:
                return self.beliefs[known]
        raise AssertionError('no belief')

    def wait_for_counter(self, name: str, at_least: int = 1) -> dict[str, str]:
        self._probe.wait_for(lambda: int(counters(self.diagnostics).get(name, 0)) >= at_least)
        return counters(self.diagnostics)


# -- the right numbers ----------------------------------------------------------------------------


def test_a_picture_becomes_a_belief_with_the_right_numbers(processes, probe, model):
    start(processes, model=str(model), temperature=2.0).wait_for_output(READY)
    sensor = Sensor(probe, Image)
    sensor.ready()
    before = time.time()
    now = probe.node.get_clock().now().to_msg()
    belief = sensor.answer(image(solid(255, 102, 0), padding=3, stamp=(now.sec, now.nanosec)))
    assert np.allclose(belief.log_likelihood, log_softmax([5.0, 2.0, 0.0]), atol=1e-4)
    assert (belief.header.stamp, belief.header.frame_id) == (now, 'camera')
    assert (belief.robot, belief.subject, belief.sequence) == ('robot_1', 'sign', 1)
    assert belief.labels == LABELS
    assert belief.labels_hash == labels_hash(LABELS)
    assert belief.model_hash == hash_file(model)
    assert 0.0 < belief.latency <= time.time() - before
    second = sensor.answer(image(solid(0, 0, 255)[..., ::-1], 'bgr8'))
    assert int(np.argmax(second.log_likelihood)) == LABELS.index('blue')
    assert second.sequence == belief.sequence + 1


def test_a_compressed_picture(processes, probe, model):
    start(processes, model=str(model), input='compressed_image').wait_for_output(READY)
    sensor = Sensor(probe, CompressedImage, 'image/compressed')
    sensor.ready()
    buffer = io.BytesIO()
    Pillow.fromarray(solid(0, 255, 51)).save(buffer, 'PNG')
    message = CompressedImage(format='png', data=array('B', buffer.getvalue()))
    belief = sensor.answer(message)
    assert np.allclose(belief.log_likelihood, log_softmax([0.0, 10.0, 2.0]), atol=1e-4)
    # Without a stamp that of arrival is taken, and counted.
    assert belief.header.stamp.sec > 0
    assert abs(belief.latency) < 5.0
    sensor.send(CompressedImage(format='png', data=array('B', buffer.getvalue()[:40])))
    said = sensor.wait_for_counter('malformed')
    assert int(said['unstamped']) >= 1
    assert 'no JPEG or PNG' in said['last_error']


def test_a_laser_scan(processes, probe, passing):
    start(processes, model=str(passing), input='laser_scan').wait_for_output(READY)
    sensor = Sensor(probe, LaserScan, 'scan')
    sensor.ready()
    scan = LaserScan(range_min=0.5, range_max=4.0, ranges=[math.inf, 0.1, 2.0])
    belief = sensor.answer(scan)
    assert np.allclose(belief.log_likelihood, log_softmax([4.0, 0.5, 2.0]), atol=1e-5)


def test_a_tensor_with_a_prior_and_without_labels(processes, probe, passing):
    start(
        processes,
        model=str(passing),
        input='tensor',
        topic='features',
        prior=[0.5, 0.25, 0.25],
        output_kind='probabilities',
        send_labels=False,
    ).wait_for_output(READY)
    sensor = Sensor(probe, Float32MultiArray, 'features')
    sensor.ready()
    message = Float32MultiArray(data=[9.0, 0.5, 0.3, 0.2])
    message.layout.data_offset = 1
    belief = sensor.answer(message)
    wanted = np.array([0.5 / 0.5, 0.3 / 0.25, 0.2 / 0.25])
    assert np.allclose(belief.log_likelihood, np.log(wanted / wanted.sum()), atol=1e-5)
    assert list(belief.labels) == []
    assert belief.labels_hash == labels_hash(LABELS)


def test_each_object_of_a_tracker_is_its_own_subject(processes, probe, passing):
    start(
        processes,
        model=str(passing),
        input='laser_scan',
        topic='crops',
        subject_from='frame_id',
        rate_max=0.0,
    ).wait_for_output(READY)
    sensor = Sensor(probe, LaserScan, 'crops')
    sensor.ready()
    names = [f'object_{n}' for n in range(6)]

    def seen() -> set[str]:
        for n, name in enumerate(names):
            scan = LaserScan(range_min=0.0, range_max=9.0, ranges=[float(n), 1.0, 1.0])
            scan.header.frame_id = name
            sensor.send(scan)
        probe.turn(0.2)
        return {belief.subject for belief in sensor.beliefs}

    probe.wait_for(lambda: seen() == {f'sign/{name}' for name in names})
    for belief in sensor.beliefs:
        number = float(belief.subject.rsplit('_', 1)[1])
        assert np.allclose(belief.log_likelihood, log_softmax([number, 1.0, 1.0]), atol=1e-5)


# -- newest wins ----------------------------------------------------------------------------------


def test_of_a_burst_the_newest_wins_and_nothing_piles_up(processes, probe, model):
    start(processes, model=str(model), rate_max=2.0).wait_for_output(READY)
    sensor = Sensor(probe, Image)
    sensor.ready()
    sensor.answer(image(solid(0, 0, 0)))
    known = len(sensor.beliefs)
    begun = time.monotonic()
    for number in range(1, 61):
        sensor.send(image(solid(number, 0, 0), stamp=(1000, number)))
        probe.turn(0.005)
    stamps = lambda: [b.header.stamp.nanosec for b in sensor.beliefs[known:]]
    probe.wait_for(lambda: 60 in stamps())
    probe.turn(1.2)
    assert stamps()[-1] == 60
    assert stamps() == sorted(stamps())
    # Two a second, however many came: what came between was superseded, not queued.
    assert len(stamps()) <= 2 + 2 * (time.monotonic() - begun)
    sensor.wait_for_counter('superseded', 20)

    def settled() -> bool:
        # The newest diagnostics may be of before the last one was answered.
        said = counters(sensor.diagnostics)
        return int(said['received']) == int(said['published']) + int(said['superseded'])

    probe.wait_for(settled)


def test_it_runs_no_more_often_than_the_byte_budget_of_its_robot_carries(processes, probe, model):
    start(processes, model=str(model), rate_max=20.0).wait_for_output(READY)
    sensor = Sensor(probe, Image)
    sensor.ready()
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    flow = probe.publisher(FlowControl, 'flow', latched)
    probe.wait_for_subscriber(flow)

    def rate(seconds: float) -> float:
        known, begun = len(sensor.beliefs), time.monotonic()
        while time.monotonic() < begun + seconds:
            sensor.send(image(solid(1, 2, 3)))
            probe.turn(0.01)
        return (len(sensor.beliefs) - known) / (time.monotonic() - begun)

    free = rate(1.5)
    assert free > 8.0
    # Not meant for this robot, and no number: neither changes anything.
    flow.publish(FlowControl(robot='robot_2', belief_rate_max=1.0))
    flow.publish(FlowControl(robot='robot_1', belief_rate_max=math.nan))
    flow.publish(FlowControl(robot='robot_1', belief_rate_max=2.0))
    probe.turn(0.5)
    assert rate(3.0) <= 2.5
    said = sensor.wait_for_counter('rate_max_of_budget_hz', 2)
    assert said['rate_max_hz'] == '20'
    # A limit above its own is none.
    flow.publish(FlowControl(robot='robot_1', belief_rate_max=50.0))
    probe.turn(0.5)
    assert 0.5 * free < rate(1.5) <= 22.0
    # And one of which nothing more is heard ends.
    flow.publish(FlowControl(robot='robot_1', belief_rate_max=0.2))
    probe.turn(7.0)
    assert rate(1.5) > 0.5 * free


# -- what goes wrong while it runs ----------------------------------------------------------------


def test_answers_that_are_not_finite_are_dropped_and_counted(processes, probe, passing):
    node = start(processes, model=str(passing), input='tensor', topic='features')
    node.wait_for_output(READY)
    sensor = Sensor(probe, Float32MultiArray, 'features')
    sensor.ready(Float32MultiArray(data=[0.0, 0.0, 1.0]))
    for number, bad in enumerate((math.nan, math.inf, -math.inf), 1):
        sensor.send(Float32MultiArray(data=[0.0, bad, 1.0]))
        # One after the other: of two that wait the newer one takes the place of the older.
        said = sensor.wait_for_counter('non_finite', number)
    # Where the first one was sent more than once, a late answer to it may be among them.
    first = log_softmax([0.0, 0.0, 1.0])
    assert all(np.allclose(b.log_likelihood, first, atol=1e-5) for b in sensor.beliefs)
    assert 'nan or infinity' in said['last_error']
    statuses = [status for one in sensor.diagnostics for status in one.status]
    troubled = [status for status in statuses if status.level != DiagnosticStatus.OK]
    # Before the first frame it may have said that none comes.
    dropped = 'answer dropped: the model answered with nan or infinity'
    assert any(dropped in status.message for status in troubled)
    sensor.answer(Float32MultiArray(data=[0.0, 2.0, 1.0]))
    node.wait_for_output('answer dropped')


def test_frames_that_lie_about_themselves_are_dropped_and_counted(processes, probe, model):
    node = start(processes, model=str(model))
    node.wait_for_output(READY)
    sensor = Sensor(probe, Image)
    sensor.ready(image(solid(0, 0, 0)))
    liars = [image(solid(1, 2, 3)) for _ in range(6)]
    liars[0].encoding = 'yuv422'
    liars[1].height = 4_000_000_000
    liars[2].step = 1
    liars[3].width = liars[3].height = 0
    liars[4].data = array('B', b'abc')
    liars[5].header.stamp.sec = -5
    liars[5].header.stamp.nanosec = 4_000_000_000
    for number, message in enumerate(liars, 1):
        sensor.send(message)
        # One after the other: of two that wait the newer one takes the place of the older.
        said = sensor.wait_for_counter('malformed', min(number, 5))
    assert said['malformed'] == '5'
    assert '3 bytes of data where 90 are needed' in said['last_error']
    # The last one is a good picture with a stamp that is none.
    probe.wait_for(lambda: sensor.beliefs)
    assert sensor.beliefs[0].header.stamp.sec > 0
    assert node.alive


def test_a_model_of_another_kind_than_declared_is_said(processes, probe, passing):
    node = start(
        processes,
        model=str(passing),
        input='tensor',
        topic='features',
        output_kind='probabilities',
    )
    node.wait_for_output(READY)
    sensor = Sensor(probe, Float32MultiArray, 'features')
    sensor.ready(Float32MultiArray(data=[0.5, 0.5, 0.0]))
    sensor.send(Float32MultiArray(data=[3.0, -2.0, 1.0]))
    said = sensor.wait_for_counter('invalid')
    assert 'set output_kind to what the model gives' in said['last_error']


def test_a_sensor_that_falls_silent_is_stale(processes, probe, model):
    start(processes, model=str(model), input_timeout=1.0).wait_for_output(READY)
    diagnostics = probe.collect(DiagnosticArray, '/diagnostics')
    stale = lambda: [
        s for array in diagnostics for s in array.status if s.level == DiagnosticStatus.STALE
    ]
    status = probe.wait_for(stale)[0]
    assert 'no frame on /robot_1/image for' in status.message
    assert status.name == 'robot_1/inference_node: inference of sign'
    assert status.hardware_id == 'robot_1'


def test_a_fallback_of_the_provider_is_said_aloud(processes, probe, model):
    node = start(
        processes,
        model=str(model),
        providers=['CUDAExecutionProvider', 'CPUExecutionProvider'],
        input_timeout=0.0,
    )
    node.wait_for_output('running on CPUExecutionProvider: CUDAExecutionProvider')
    diagnostics = probe.collect(DiagnosticArray, '/diagnostics')
    probe.wait_for(lambda: diagnostics)
    assert diagnostics[0].status[0].level == DiagnosticStatus.WARN
    assert 'CUDAExecutionProvider' in counters(diagnostics)['fallback']


# -- parameters -----------------------------------------------------------------------------------


def test_tunables_change_while_it_runs_and_the_rest_is_refused(processes, probe, passing):
    start(processes, model=str(passing), input='tensor', topic='features').wait_for_output(READY)
    sensor = Sensor(probe, Float32MultiArray, 'features')
    sensor.ready()
    message = Float32MultiArray(data=[4.0, 0.0, 0.0])
    assert np.allclose(sensor.answer(message).log_likelihood, log_softmax([4, 0, 0]), atol=1e-5)
    assert probe.set_parameter(NODE, 'temperature', 4.0).successful
    # What was under way is answered as before.
    after = log_softmax([1, 0, 0])
    probe.wait_for(lambda: np.allclose(sensor.answer(message).log_likelihood, after, atol=1e-5))
    assert probe.set_parameter(NODE, 'send_labels', False).successful
    probe.wait_for(lambda: not sensor.answer(message).labels)
    refused = probe.set_parameter(NODE, 'model', '/tmp/other.onnx')
    assert not refused.successful
    assert 'cannot change while the node is configured' in refused.reason
    refused = probe.set_parameter(NODE, 'temperature', -1.0)
    assert not refused.successful
    assert probe.get_parameter(NODE, 'temperature') == 4.0


def test_a_misspelt_parameter_is_said(processes, model):
    node = start(processes, model=str(model), temprature=2.0)
    node.wait_for_output('unknown parameter temprature has no effect; did you mean temperature?')


def test_qos_can_be_overridden(processes, probe, model):
    start(
        processes,
        model=str(model),
        **{'qos_overrides./robot_1/image.subscription.reliability': 'reliable'},
    ).wait_for_output(READY)
    found = probe.wait_for(lambda: probe.node.get_subscriptions_info_by_topic('/robot_1/image'))
    assert found[0].qos_profile.reliability.name == 'RELIABLE'
    beliefs = probe.wait_for(lambda: probe.node.get_publishers_info_by_topic('/robot_1/belief'))
    assert beliefs[0].qos_profile.reliability.name == 'RELIABLE'


def test_large_pictures_arrive_where_both_ends_are_reliable(processes, probe, model):
    # 0.9 MB each, of which best effort loses nearly all: see the README.
    start(processes, model=str(model), reliability='reliable').wait_for_output(READY)
    sensor = Sensor(probe, Image, qos=1)
    sensor.ready(image(solid(0, 0, 0)))
    for number in range(1, 11):
        sensor.send(image(solid(number, 0, 0, 480, 640), stamp=(number, 0)))
        probe.wait_for(lambda: [b.header.stamp.sec for b in sensor.beliefs][-1:] == [number])  # noqa: B023 -- called at once


# -- lifecycle ------------------------------------------------------------------------------------


def test_the_lifecycle_by_its_services(processes, probe, model, tmp_path):
    node = start(processes, model=str(tmp_path / 'missing.onnx'), autostart=False)
    sensor = Sensor(probe, Image)
    assert probe.state(NODE) == 'unconfigured'
    # A configure that fails says why, and the node can be put right and tried again.
    assert not probe.change_state(NODE, Transition.TRANSITION_CONFIGURE)
    node.wait_for_output('missing.onnx does not exist')
    assert probe.state(NODE) == 'unconfigured'
    assert probe.set_parameter(NODE, 'model', str(model)).successful
    for _ in range(2):  # all of it twice: what is created is destroyed
        assert probe.change_state(NODE, Transition.TRANSITION_CONFIGURE)
        assert probe.state(NODE) == 'inactive'
        sensor.ready()
        known = len(sensor.beliefs), len(sensor.diagnostics)
        for _ in range(15):
            sensor.send(image(solid(1, 2, 3)))
            probe.turn(0.1)
        assert (len(sensor.beliefs), len(sensor.diagnostics)) == known, 'an inactive node spoke'
        assert probe.change_state(NODE, Transition.TRANSITION_ACTIVATE)
        sensor.answer(image(solid(1, 2, 3)))
        probe.wait_for(lambda: len(sensor.diagnostics) > known[1])  # noqa: B023 -- called at once
        assert probe.change_state(NODE, Transition.TRANSITION_DEACTIVATE)
        probe.turn(0.3)
        known = len(sensor.beliefs), len(sensor.diagnostics)
        sensor.send(image(solid(1, 2, 3)))
        probe.turn(1.3)
        assert (len(sensor.beliefs), len(sensor.diagnostics)) == known, 'an inactive node spoke'
        assert probe.change_state(NODE, Transition.TRANSITION_CLEANUP)
        assert probe.state(NODE) == 'unconfigured'
        probe.wait_for(lambda: not probe.node.count_publishers('/robot_1/belief'))
    request = probe.change_state(NODE, Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert request
    assert node.wait() == 0
    assert 'Traceback' not in node.output


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_under_load(processes, probe, model, number):
    node = start(processes, model=str(model), rate_max=0.0)
    node.wait_for_output(READY)
    sensor = Sensor(probe, Image)
    sensor.ready()
    sensor.answer(image(solid(1, 2, 3)))
    for _ in range(50):
        sensor.send(image(solid(1, 2, 3)))
    begun = time.monotonic()
    node._child.send_signal(number)
    assert node.wait() == 0
    assert time.monotonic() - begun < 3.0
    assert 'Traceback' not in node.output


@pytest.mark.alone
def test_an_idle_node_sleeps(processes, model):
    node = start(processes, model=str(model))
    node.wait_for_output(READY)
    time.sleep(1.0)

    def ticks() -> int:
        fields = Path(f'/proc/{node.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(5.0)
    # A tick is 10 ms: 5 of them in 5 s are 1 % of a core.
    assert ticks() - before <= 5


# -- what keeps it from starting ------------------------------------------------------------------


def bad_starts() -> dict[str, tuple[dict, str]]:
    return {
        'no model': ({'model': None}, 'model is not set. Path of the ONNX model.'),
        'missing': (
            {'model': '/nowhere/m.onnx'},
            'model /nowhere/m.onnx does not exist: set model',
        ),
        'truncated': ({'model': 'TRUNCATED'}, 'is no ONNX model that onnxruntime'),
        'no onnx': ({'model': 'TEXT'}, 'is no ONNX model that onnxruntime'),
        'hash': ({'model_hash': 'a' * 64}, 'but model_hash asks for aaaa'),
        'labels': ({'labels': ['a', 'b']}, 'labels has 2 entries, but'),
        'no labels': ({'labels': []}, 'labels has 0 entries'),
        'layout': ({'layout': 'nhwc'}, "input 'x' of the model has shape [n, 3, 8, 8]"),
        'choice': ({'layout': 'nwch'}, "layout is 'nwch'"),
        'range': ({'temperature': 0.0}, 'temperature is 0, but must be between 0.01 and 100'),
        'type': ({'rate_max': 'fast'}, "rate_max is 'fast', but must be a number"),
        'subject': ({'subject': ''}, 'subject is empty'),
        'provider': ({'providers': ['cuda']}, "did you mean 'CUDAExecutionProvider'"),
    }


@pytest.mark.parametrize('case', bad_starts())
def test_what_keeps_it_from_starting_is_said_without_a_traceback(case, processes, model, tmp_path):
    changes, said = bad_starts()[case]
    parameters = {'model': str(model)} | changes
    if parameters['model'] == 'TRUNCATED':
        data = model.read_bytes()
        model.write_bytes(data[: len(data) // 2])
        parameters['model'] = str(model)
    elif parameters['model'] == 'TEXT':
        model.write_text('this is no model')
        parameters['model'] = str(model)
    node = start(processes, **{k: v for k, v in parameters.items() if v is not None})
    assert node.wait() == EXIT_CONFIGURATION
    assert said in node.output
    assert 'Traceback' not in node.output


def test_a_node_without_a_name_for_its_robot_asks_for_one(processes, model):
    node = start(processes, '/', model=str(model))
    assert node.wait() == EXIT_CONFIGURATION
    assert 'set robot to the name of this robot' in node.output


def test_a_parameter_file_that_is_not_there_is_said_without_a_traceback(processes):
    node = processes.start(
        [
            sys.executable,
            '-m',
            'swarm_consensus.nodes.inference_node',
            *('--ros-args', '--params-file', '/nowhere/robot.yaml'),
        ]
    )
    assert node.wait() == 1
    assert '/nowhere/robot.yaml' in node.output
    assert 'Traceback' not in node.output
