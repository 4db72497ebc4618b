"""
What robots of the embedded world measure, as messages.

Frames are those of launch/gazebo_bridge.yaml and models/swarm_robot: `<robot>/odom`,
`<robot>/base_link`, `<robot>/lidar`, `<robot>/camera`.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
import math

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, TransformStamped
from nav_msgs.msg import Odometry
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image, LaserScan

from swarm_consensus.msg import RadioLinks, RadioReach
from swarm_consensus.simulation.embedded.model import MAST_M
from swarm_consensus.simulation.embedded.odometry import WheelOdometry
from swarm_consensus.simulation.embedded.physics import LIDAR_RANGE_M, RAYS

ODOM, BASE, LIDAR, CAMERA = 'odom', 'base_link', 'lidar', 'camera'


def stamp(seconds: float) -> Time:
    """Return a time of the world."""
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 1_000_000_000, nanosec=nanoseconds % 1_000_000_000)


def frame(robot: str, name: str) -> str:
    """Return the frame of a robot that other robots do not share."""
    return f'{robot}/{name}'


def odometry(robot: str, at: Time, wheels: WheelOdometry) -> Odometry:
    """Return where a robot takes itself to be, and how fast it goes in the frame of its body."""
    message = Odometry(child_frame_id=frame(robot, BASE))
    message.header.stamp = at
    message.header.frame_id = frame(robot, ODOM)
    message.pose.pose.position.x = wheels.x_m
    message.pose.pose.position.y = wheels.y_m
    message.pose.pose.orientation = _turned(wheels.yaw)
    message.twist.twist.linear.x = wheels.speed_mps
    message.twist.twist.angular.z = wheels.turn_radps
    return message


def transform(robot: str, at: Time, wheels: WheelOdometry) -> TransformStamped:
    """Return the same as what /tf has of it."""
    message = TransformStamped(child_frame_id=frame(robot, BASE))
    message.header.stamp = at
    message.header.frame_id = frame(robot, ODOM)
    message.transform.translation.x = wheels.x_m
    message.transform.translation.y = wheels.y_m
    message.transform.rotation = _turned(wheels.yaw)
    return message


def scan(robot: str, at: Time, ranges: NDArray[np.float64], period_s: float) -> LaserScan:
    """
    Return a turn of a lidar, from behind to behind; inf where nothing is in reach (REP-117).

    :param ranges: in m, counter-clockwise from straight ahead.
    :param period_s: between two of them.
    """
    seen = np.where(ranges < LIDAR_RANGE_M, ranges, math.inf)
    message = LaserScan(
        angle_min=-math.pi,
        angle_max=math.pi - math.tau / RAYS,
        angle_increment=math.tau / RAYS,
        scan_time=period_s,
        range_min=MAST_M,
        range_max=LIDAR_RANGE_M,
        ranges=array('f', np.roll(seen, RAYS // 2).astype(np.float32).tobytes()),
    )
    message.header.stamp = at
    message.header.frame_id = frame(robot, LIDAR)
    return message


def image(robot: str, at: Time, picture: NDArray[np.uint8]) -> Image:
    """
    Return the picture of a camera.

    :param picture: shape (height, width, 3), RGB.
    """
    height, width, channels = picture.shape
    message = Image(
        height=height,
        width=width,
        encoding='rgb8',
        step=width * channels,
        data=array('B', picture.tobytes()),
    )
    message.header.stamp = at
    message.header.frame_id = frame(robot, CAMERA)
    return message


def camera_info(robot: str, at: Time, size: tuple[int, int], focal_px: float) -> CameraInfo:
    """
    Return how the camera of a robot sees: without distortion.

    :param size: width and height in pixels.
    """
    width, height = size
    x, y = width / 2.0, height / 2.0
    message = CameraInfo(
        width=width,
        height=height,
        distortion_model='plumb_bob',
        d=[0.0] * 5,
        k=[focal_px, 0.0, x, 0.0, focal_px, y, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[focal_px, 0.0, x, 0.0, 0.0, focal_px, y, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
    message.header.stamp = at
    message.header.frame_id = frame(robot, CAMERA)
    return message


def radio_links(
    at: Time, robots: Sequence[str], links: Collection[tuple[str, str]]
) -> RadioLinks:
    """
    Return who hears whom.

    :param robots: all there are.
    :param links: (sender, receiver).
    """
    return RadioLinks(
        stamp=at,
        robots=[
            RadioReach(robot=robot, hears=[each for each in robots if (each, robot) in links])
            for robot in robots
        ],
    )


def _turned(yaw: float) -> Quaternion:
    return Quaternion(z=math.sin(yaw / 2.0), w=math.cos(yaw / 2.0))
