"""
The arena in motion: wheels, lidars and cameras by MuJoCo, which comes with the extra `sim`.

One thread; pictures are rendered headless (EGL, or OSMesa where MUJOCO_GL says so).
"""

from __future__ import annotations

import functools
import math
import os
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.simulation.embedded.arena import Arena
from swarm_consensus.simulation.embedded.model import (
    CAMERA_FOV_DEG,
    LIDAR_HEIGHT_M,
    STEP_S,
    TRACK_M,
    WHEEL_M,
    mjcf,
)

RAYS = 360
LIDAR_RANGE_M = 5.0
SPEED_MPS_MAX, TURN_RADPS_MAX = 0.6, 2.5


def _load(*, render: bool = True) -> Any:
    """Import MuJoCo, which looks at its import for how to render, and then only."""
    os.environ.setdefault('MUJOCO_GL', 'egl' if render else 'disable')
    import mujoco

    return mujoco


@functools.cache
def missing(*, render: bool = True) -> str:
    """
    Return why nothing can be simulated here; '' if it can.

    :param render: and what is needed for pictures as well.
    """
    try:
        mujoco = _load(render=render)
    except ImportError as error:
        return f"{error.name or error} is missing; install the extra: pip install '.[sim]'"
    except (AttributeError, RuntimeError) as error:
        return _no_graphics(error)
    if not render:
        return ''
    try:
        mujoco.GLContext(8, 8).free()
    except (ImportError, AttributeError, RuntimeError) as error:
        return _no_graphics(error)
    return ''


def _no_graphics(error: Exception) -> str:
    """Return what to do where the libraries that render headless are not there, or do not work."""
    way = os.environ['MUJOCO_GL']
    return (
        f'MuJoCo cannot render with MUJOCO_GL={way} here ({error}): install libegl1 and '
        'libgl1-mesa-dri (Debian, Ubuntu) for egl, or libosmesa6 and set MUJOCO_GL=osmesa'
    )


class Physics:
    """
    The bodies of all robots; a context manager, which has to be left before the program ends.

    :param picture: width and height of the cameras in pixels.
    :param top: width and height of the view from above.
    :raises ImportError: MuJoCo is not installed; `missing` says so beforehand, and whether it can
        render.
    """

    def __init__(
        self,
        arena: Arena,
        picture: tuple[int, int] = (64, 48),
        top: tuple[int, int] = (800, 640),
    ) -> None:
        self._mujoco = mujoco = _load()
        self.arena = arena
        self.picture_size = picture
        self._top_size = top
        text = mjcf(arena, max(picture[0], top[0]), max(picture[1], top[1]))
        self.model = mujoco.MjModel.from_xml_string(text)
        self.data = mujoco.MjData(self.model)
        self._steps = 0
        self._bodies = {name: int(self.model.body(name).id) for name in arena.starts}
        self._joints = {name: int(self.model.joint(name).qposadr[0]) for name in arena.starts}
        self._axles = {
            name: (
                int(self.model.joint(f'{name}/left').qposadr[0]),
                int(self.model.joint(f'{name}/right').qposadr[0]),
            )
            for name in arena.starts
        }
        self._motors = {
            name: (
                int(self.model.actuator(f'{name}/left').id),
                int(self.model.actuator(f'{name}/right').id),
            )
            for name in arena.starts
        }
        angles = np.arange(RAYS) * (math.tau / RAYS)
        self._rays = np.stack([np.cos(angles), np.sin(angles), np.zeros(RAYS)], axis=1)
        self._renderers: dict[tuple[int, int], Any] = {}
        mujoco.mj_forward(self.model, self.data)

    def __enter__(self) -> Physics:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def time_s(self) -> float:
        """Return how much time has passed."""
        return self._steps * STEP_S

    def run(self, seconds: float) -> None:
        """Let time pass, in whole steps of STEP_S."""
        steps = round(seconds / STEP_S)
        self._steps += steps
        self._mujoco.mj_step(self.model, self.data, steps)

    def drive(self, robot: str, speed_mps: float, turn_radps: float) -> None:
        """Have a robot go forward and turn to the left; both are cut to what it can."""
        speed = max(-SPEED_MPS_MAX, min(SPEED_MPS_MAX, speed_mps))
        turn = max(-TURN_RADPS_MAX, min(TURN_RADPS_MAX, turn_radps))
        left, right = self._motors[robot]
        self.data.ctrl[left] = (speed - turn * TRACK_M / 2) / WHEEL_M
        self.data.ctrl[right] = (speed + turn * TRACK_M / 2) / WHEEL_M

    def pose(self, robot: str) -> tuple[float, float, float]:
        """Return x, y in m and yaw in rad of a robot."""
        x, y, _, w, i, j, k = self.data.qpos[self._joints[robot] : self._joints[robot] + 7]
        yaw = math.atan2(2.0 * (w * k + i * j), 1.0 - 2.0 * (j * j + k * k))
        return float(x), float(y), yaw

    def wheels(self, robot: str) -> tuple[float, float]:
        """Return how far the left and the right wheel of a robot have turned, in rad."""
        left, right = self._axles[robot]
        return float(self.data.qpos[left]), float(self.data.qpos[right])

    def place(self, robot: str, x_m: float, y_m: float, yaw: float) -> None:
        """Put a robot somewhere, at rest."""
        at = self._joints[robot]
        half = yaw / 2.0
        self.data.qpos[at : at + 7] = (x_m, y_m, 0.0, math.cos(half), 0.0, 0.0, math.sin(half))
        self.data.qvel[:] = 0.0
        self._mujoco.mj_forward(self.model, self.data)

    def paint(self, thing: int, color: tuple[float, float, float]) -> None:
        """Give a thing of the arena another color, 0..1."""
        self.model.geom(f'thing/{thing}').rgba[:3] = color

    def scan(self, robot: str) -> NDArray[np.float64]:
        """
        Return the ranges of a robot's lidar in m, counter-clockwise from straight ahead.

        Shape (RAYS,); LIDAR_RANGE_M where nothing is nearer.
        """
        x_m, y_m, yaw = self.pose(robot)
        cos, sin = math.cos(yaw), math.sin(yaw)
        turned = self._rays @ np.asarray([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
        ranges = np.empty(RAYS)
        self._mujoco.mj_multiRay(
            self.model,
            self.data,
            np.asarray([x_m, y_m, LIDAR_HEIGHT_M]),
            turned.reshape(-1),
            None,
            True,
            self._bodies[robot],
            np.empty(RAYS, np.int32),
            ranges,
            None,
            RAYS,
            LIDAR_RANGE_M,
        )
        return np.where(ranges < 0.0, LIDAR_RANGE_M, np.minimum(ranges, LIDAR_RANGE_M))

    def look(self, robot: str) -> NDArray[np.uint8]:
        """Return the picture of a robot's camera, shape (height, width, 3), RGB."""
        return self._render(robot, self.picture_size)

    def look_down(self) -> NDArray[np.uint8]:
        """Return a picture of everything from above, RGB."""
        return self._render('top', self._top_size)

    @property
    def focal_px(self) -> float:
        """Return the focal length of the cameras in pixels."""
        return self.picture_size[1] / 2.0 / math.tan(math.radians(CAMERA_FOV_DEG) / 2.0)

    def _render(self, camera: str, size: tuple[int, int]) -> NDArray[np.uint8]:
        renderer = self._renderers.get(size)
        if renderer is None:
            renderer = self._mujoco.Renderer(self.model, size[1], size[0])
            flags = self._mujoco.mjtRndFlag
            renderer.scene.flags[flags.mjRND_SHADOW] = 0
            renderer.scene.flags[flags.mjRND_REFLECTION] = 0
            self._renderers[size] = renderer
        renderer.update_scene(self.data, camera)
        picture: NDArray[np.uint8] = renderer.render().copy()
        return picture

    def close(self) -> None:
        """Give the graphics back."""
        while self._renderers:
            self._renderers.popitem()[1].close()
