"""What robots of the embedded world measure, as messages: frames and units by REP-103."""

from __future__ import annotations

import math
from pathlib import Path
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from swarm_consensus.composition.gazebo import model_for
from swarm_consensus.sim import messages
from swarm_consensus.sim.sim_node import transform_publisher
from swarm_consensus.simulation.embedded.model import TRACK_M, WHEEL_M
from swarm_consensus.simulation.embedded.odometry import WheelOdometry
from swarm_consensus.simulation.embedded.physics import LIDAR_RANGE_M, RAYS

AT = messages.stamp(12.345)


def test_time_is_kept_to_the_nanosecond() -> None:
    assert (AT.sec, AT.nanosec) == (12, 345_000_000)
    late = messages.stamp(0.005 * 12_345_678)
    assert (late.sec, late.nanosec) == (61728, 390_000_000)


def test_odometry_and_transform_say_the_same_in_frames_of_their_own() -> None:
    wheels = WheelOdometry()
    # A quarter of a circle to the left, around a point 1 m to the left.
    for step in range(1, 11):
        part = step / 10 * math.pi / 2
        wheels.update(
            part * (1 - TRACK_M / 2) / WHEEL_M, part * (1 + TRACK_M / 2) / WHEEL_M, step / 10
        )
    odometry = messages.odometry('scout', AT, wheels)
    transform = messages.transform('scout', AT, wheels)
    assert (wheels.x_m, wheels.y_m) == pytest.approx((1.0, 1.0))
    assert wheels.yaw == pytest.approx(math.pi / 2)
    assert (wheels.speed_mps, wheels.turn_radps) == pytest.approx((math.pi / 2, math.pi / 2))
    for message in (odometry, transform):
        assert (message.header.frame_id, message.child_frame_id) == (
            'scout/odom', 'scout/base_link',
        )  # fmt: skip
        assert message.header.stamp == AT
    position, orientation = odometry.pose.pose.position, odometry.pose.pose.orientation
    assert (position.x, position.y, position.z) == pytest.approx((1.0, 1.0, 0.0))
    assert (orientation.z, orientation.w) == pytest.approx((math.sqrt(0.5), math.sqrt(0.5)))
    assert transform.transform.translation.x == position.x
    assert transform.transform.rotation == orientation
    twist = odometry.twist.twist
    assert (twist.linear.x, twist.linear.y, twist.angular.z) == pytest.approx(
        (math.pi / 2, 0.0, math.pi / 2)
    )


class TFMessage:
    """As tf2_msgs has it."""

    def __init__(self, transforms: list[Any]) -> None:
        self.transforms = transforms


def test_transforms_are_published_where_their_type_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Any] = []
    published: list[TFMessage] = []

    def make(*what: Any) -> Any:
        made.append(what)
        return SimpleNamespace(publish=published.append)

    monkeypatch.setitem(sys.modules, 'tf2_msgs', None)
    assert transform_publisher(make) is None and not made
    monkeypatch.setitem(sys.modules, 'tf2_msgs', ModuleType('tf2_msgs'))
    messages_of_it = ModuleType('tf2_msgs.msg')
    messages_of_it.TFMessage = TFMessage  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, 'tf2_msgs.msg', messages_of_it)
    publish = transform_publisher(make)
    assert publish is not None and made == [(TFMessage, '/tf', 100)]
    transform = messages.transform('scout', AT, WheelOdometry())
    publish([transform])
    assert [each.transforms for each in published] == [[transform]]


def test_a_scan_goes_from_behind_to_behind_and_has_no_range_where_nothing_is() -> None:
    ranges = np.full(RAYS, LIDAR_RANGE_M)
    ranges[0], ranges[90], ranges[270] = 1.0, 2.0, 3.0
    scan = messages.scan('scout', AT, ranges, 0.1)
    assert (scan.header.frame_id, len(scan.ranges)) == ('scout/lidar', RAYS)
    angles = scan.angle_min + np.arange(RAYS) * scan.angle_increment
    assert angles[-1] == pytest.approx(scan.angle_max, abs=1e-4)
    seen = {round(float(angles[n]), 2): each for n, each in enumerate(scan.ranges) if each < 9}
    assert seen == pytest.approx({0.0: 1.0, 1.57: 2.0, -1.57: 3.0})
    assert sum(math.isinf(each) for each in scan.ranges) == RAYS - 3
    assert 0.0 < scan.range_min < 1.0 < scan.range_max == LIDAR_RANGE_M


def test_a_picture_and_its_camera() -> None:
    picture = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    image = messages.image('scout', AT, picture)
    assert (image.width, image.height, image.step, image.encoding) == (6, 4, 18, 'rgb8')
    assert bytes(image.data) == picture.tobytes()
    info = messages.camera_info('scout', AT, (6, 4), 5.0)
    assert (info.width, info.height, info.header.frame_id) == (6, 4, image.header.frame_id)
    assert list(info.k) == [5.0, 0.0, 3.0, 0.0, 5.0, 2.0, 0.0, 0.0, 1.0]
    assert list(info.p) == [5.0, 0.0, 3.0, 0.0, 0.0, 5.0, 2.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def test_frames_are_those_of_the_model_for_gazebo(repository: Path) -> None:
    model = (repository / 'models' / 'swarm_robot' / 'model.sdf').read_text()
    sdf = model_for('scout', '/scout', model)
    for name in (messages.ODOM, messages.BASE, messages.LIDAR, messages.CAMERA):
        assert f'>{messages.frame("scout", name)}<' in sdf
