"""
An arena as MuJoCo takes it (MJCF): walls, things, and robots with two wheels and two casters.

A caster slides without friction: condim 1, and its priority above the floor's, or the floor would
have its say. Shadows and reflections are off, which makes pictures ten times cheaper.
"""

from __future__ import annotations

import math

from swarm_consensus.simulation.embedded.arena import HEIGHT_M, LABELS, WIDTH_M, Arena, Thing

WHEEL_M, TRACK_M = 0.05, 0.3
MAST_M, BODY_M = 0.11, 0.16
CAMERA_HEIGHT_M, LIDAR_HEIGHT_M = 0.34, 0.22
# Vertical field of view of the cameras, in degrees.
CAMERA_FOV_DEG = 55.0
# The camera that looks down on all of it: where it hangs, and its vertical field of view.
TOP_HEIGHT_M, TOP_FOV_DEG = 11.0, 42.0
STEP_S = 0.005
WALL_HEIGHT_M = 0.8
_CONE = ' '.join(
    f'{0.22 * math.cos(n * math.tau / 16):.4f} {0.22 * math.sin(n * math.tau / 16):.4f} 0'
    for n in range(16)
)
_SHAPES = {
    'crate': ('type="box" size="0.19 0.19 0.22"', 0.22),
    'barrel': ('type="cylinder" size="0.19 0.26"', 0.26),
    'ball': ('type="sphere" size="0.23"', 0.23),
    'cone': ('type="mesh" mesh="cone"', 0.0),
}
assert set(_SHAPES) == set(LABELS)


def mjcf(arena: Arena, picture_width: int, picture_height: int) -> str:
    """Return the model of an arena, whose pictures are at most of this size in pixels."""
    things = '\n'.join(_thing(number, thing) for number, thing in enumerate(arena.things))
    walls = '\n'.join(
        f'<geom type="box" group="1" rgba="0.75 0.73 0.68 1" '
        f'pos="{(w.left_m + w.right_m) / 2:.4f} {(w.bottom_m + w.top_m) / 2:.4f} '
        f'{WALL_HEIGHT_M / 2}" size="{(w.right_m - w.left_m) / 2:.4f} '
        f'{(w.top_m - w.bottom_m) / 2:.4f} {WALL_HEIGHT_M / 2}"/>'
        for w in arena.walls
    )
    robots = '\n'.join(_robot(name, *start) for name, start in arena.starts.items())
    actuators = '\n'.join(
        f'<velocity name="{name}/{side}" joint="{name}/{side}" kv="0.4" forcerange="-2 2"/>'
        for name in arena.starts
        for side in ('left', 'right')
    )
    return f"""
<mujoco>
  <compiler angle="radian"/>
  <option timestep="{STEP_S}" integrator="implicitfast"/>
  <visual>
    <global offwidth="{picture_width}" offheight="{picture_height}"/>
    <headlight ambient="0.35 0.35 0.35" diffuse="0.35 0.35 0.35" specular="0 0 0"/>
    <map znear="0.005" zfar="5"/>
  </visual>
  <asset><mesh name="cone" vertex="{_CONE} 0 0 0.56"/></asset>
  <worldbody>
    <light directional="true" pos="0 0 5" dir="0.4 0.3 -1" diffuse="0.5 0.5 0.5"
      castshadow="false"/>
    <geom name="floor" type="plane" size="20 20 0.1" rgba="0.36 0.38 0.4 1"/>
    <camera name="top" pos="{WIDTH_M / 2} {HEIGHT_M / 2} {TOP_HEIGHT_M}" xyaxes="1 0 0 0 1 0"
      fovy="{TOP_FOV_DEG}"/>
    {walls}
    {things}
    {robots}
  </worldbody>
  <actuator>
    {actuators}
  </actuator>
</mujoco>
"""


def _thing(number: int, thing: Thing) -> str:
    shape, height_m = _SHAPES[thing.label]
    red, green, blue = thing.color
    return (
        f'<geom name="thing/{number}" {shape} group="2" rgba="{red:.3f} {green:.3f} {blue:.3f} 1" '
        f'pos="{thing.x_m:.4f} {thing.y_m:.4f} {height_m}" euler="0 0 {thing.yaw:.4f}"/>'
    )


def _robot(name: str, x_m: float, y_m: float, yaw: float) -> str:
    wheels = '\n'.join(
        f'<body pos="0 {sign * TRACK_M / 2} {WHEEL_M}">'
        f'<joint name="{name}/{side}" type="hinge" axis="0 1 0" damping="0.01"/>'
        f'<geom type="cylinder" size="{WHEEL_M} 0.015" euler="{math.pi / 2:.6f} 0 0" '
        f'mass="0.2" friction="1.2 0.01 0.001" rgba="0.1 0.1 0.1 1"/></body>'
        for side, sign in (('left', 1), ('right', -1))
    )
    casters = '\n'.join(
        f'<geom type="sphere" size="0.03" pos="{sign * 0.12} 0 0.03" mass="0.05" condim="1" '
        f'priority="1" rgba="0.1 0.1 0.1 1"/>'
        for sign in (1, -1)
    )
    return f"""
<body name="{name}" pos="{x_m:.4f} {y_m:.4f} 0" euler="0 0 {yaw:.4f}">
  <freejoint name="{name}"/>
  <geom type="cylinder" size="{BODY_M - 0.02} 0.035" pos="0 0 0.1" mass="2"
    rgba="0.15 0.3 0.6 1"/>
  <geom type="cylinder" size="{MAST_M} 0.12" pos="0 0 0.24" mass="0.3"
    rgba="0.9 0.6 0.1 1"/>
  <camera name="{name}" pos="{MAST_M + 0.02} 0 {CAMERA_HEIGHT_M}" xyaxes="0 -1 0 0.12 0 1"
    fovy="{CAMERA_FOV_DEG}"/>
  {wheels}
  {casters}
</body>"""
