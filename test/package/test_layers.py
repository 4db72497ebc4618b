"""
The rooms of swarm_consensus import only what they may; read from the source, not by importing.

The table is the one of the design. A new room has no right to anything until it stands here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
import subprocess
import sys

import pytest

PACKAGE = 'swarm_consensus'
ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / PACKAGE

GENERATED = frozenset({'msg', 'srv', 'action'})
ROS = frozenset(
    {
        *('ament_index_python', 'launch', 'launch_ros', 'rclpy', 'rpyutils'),
        *('action_msgs', 'builtin_interfaces', 'diagnostic_msgs', 'geometry_msgs'),
        *('lifecycle_msgs', 'nav_msgs', 'rcl_interfaces', 'rosgraph_msgs', 'sensor_msgs'),
        *('std_msgs', 'std_srvs', 'tf2_msgs', 'visualization_msgs'),
    }
)


@dataclass(frozen=True, slots=True)
class Rule:
    """
    What a room may import besides itself and the standard library.

    :param rooms: other rooms; None: all.
    :param packages: from outside; None: all that the package depends on.
    :param ros: whether ROS and the generated interfaces as well.
    """

    rooms: frozenset[str] | None = frozenset()
    packages: frozenset[str] | None = frozenset()
    ros: bool = False


def rule(rooms: str = '', packages: str = '', ros: bool = False) -> Rule:
    return Rule(frozenset(rooms.split()), frozenset(packages.split()), ros)


BELOW_NODES = frozenset(
    'protocols decision missions storage transport runtime composition inference recording'.split()
)

RULES = {
    'protocols': rule('', 'numpy scipy msgspec'),
    'decision': rule('protocols', 'numpy'),
    'missions': rule('protocols', 'numpy'),
    'storage': rule('protocols', 'numpy'),
    'transport': rule('protocols', 'numpy msgspec zstandard cryptography nacl yaml'),
    'composition': rule('protocols decision', 'yaml'),
    'runtime': rule('protocols decision missions storage transport', 'numpy'),
    'simulation': rule('protocols decision missions storage transport runtime', 'numpy mujoco'),
    'inference': rule('protocols', 'numpy onnx onnxruntime PIL'),
    'recording': rule(
        'protocols decision missions storage transport runtime', 'mcap msgspec'
    ),
    'views': rule('protocols decision transport runtime', 'numpy rich'),
    'nodes': Rule(BELOW_NODES, None, ros=True),
    'sim': Rule(BELOW_NODES | {'nodes', 'simulation'}, None, ros=True),
    'client': Rule(BELOW_NODES | {'nodes'}, None, ros=True),
    'live': Rule(BELOW_NODES | {'nodes', 'client', 'views'}, None, ros=True),
    'cli': Rule(None, None, ros=True),
    'demo': Rule(None, None, ros=True),
    'examples': Rule(None, None, ros=True),
}

# A protocol takes its time as ticks and its randomness from outside; it does nothing else.
WORLD = frozenset(
    {
        *('asyncio', 'concurrent', 'datetime', 'io', 'logging', 'multiprocessing', 'os'),
        *('pathlib', 'queue', 'secrets', 'select', 'selectors', 'shutil', 'signal', 'socket'),
        *('sqlite3', 'subprocess', 'tempfile', 'threading', 'time', 'uuid'),
    }
)


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, as written, made absolute."""

    place: str
    module: str

    @property
    def top(self) -> str:
        """Give the distribution's top-level name."""
        return self.module.split('.')[0]

    @property
    def room(self) -> str:
        """Give the room, where it is one of ours; '' for the package itself."""
        return (self.module.split('.') + [''])[1]


def imports_of(text: str, path: Path) -> Iterator[Import]:
    """Give every import of a module, those in functions and under TYPE_CHECKING too."""
    parts = path.relative_to(ROOT).with_suffix('').parts
    for node in ast.walk(ast.parse(text)):
        place = f'{path.relative_to(ROOT)}:{getattr(node, "lineno", 0)}'
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(place, name.name)
        elif isinstance(node, ast.ImportFrom):
            base = list(parts[: len(parts) - node.level]) if node.level else []
            module = '.'.join(base + ([node.module] if node.module else []))
            # `from swarm_consensus.nodes import convert` names a module in its second part.
            for name in node.names:
                yield Import(place, f'{module}.{name.name}')


def offences(room: str, text: str, path: Path) -> list[str]:
    """Give what a module imports against the rule of its room, each with its place."""
    allowed = RULES[room]
    found = []
    for each in imports_of(text, path):
        if each.top == PACKAGE:
            if each.room in GENERATED:
                wrong = not allowed.ros
            else:
                wrong = allowed.rooms is not None and each.room not in allowed.rooms | {room}
        elif each.top in ROS:
            wrong = not allowed.ros
        elif each.top in sys.stdlib_module_names:
            wrong = room == 'protocols' and each.top in WORLD
        else:
            wrong = allowed.packages is not None and each.top not in allowed.packages
        if wrong:
            found.append(f'{each.place}: {room} may not import {each.module}')
    return found


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob('*.py'))


def rooms() -> list[str]:
    return sorted({path.relative_to(SOURCE).parts[0] for path in SOURCE.glob('*/**/*.py')})


@pytest.mark.parametrize('room', rooms())
def test_a_room_imports_only_what_the_design_lets_it(room: str) -> None:
    assert room in RULES, f'{room} has no rule here; the design has to give it one first'
    found = [
        each for path in modules(SOURCE / room) for each in offences(room, path.read_text(), path)
    ]
    assert not found, '\n'.join(found)


@pytest.mark.parametrize(
    ('room', 'line'),
    [
        ('protocols', 'import time'),
        ('protocols', 'from swarm_consensus.decision import types'),
        ('protocols', 'from swarm_consensus import storage'),
        ('protocols', 'from ..storage import port'),
        ('protocols', 'import rclpy.node'),
        ('decision', 'def late():\n    import swarm_consensus.nodes.convert'),
        ('runtime', 'from swarm_consensus.msg import Frame'),
        ('runtime', 'from swarm_consensus.simulation import world'),
        ('nodes', 'from swarm_consensus.cli import main'),
        ('nodes', 'from swarm_consensus.simulation import world'),
        ('inference', 'import torch'),
        ('nodes', 'from swarm_consensus.client import robot_client'),
        ('client', 'import swarm_consensus.cli.main'),
        ('composition', 'import swarm_consensus.runtime.config'),
        ('views', 'from swarm_consensus.client import TaskState'),
        ('live', 'from swarm_consensus.simulation import world'),
        ('simulation', 'from swarm_consensus.sim import world'),
        ('nodes', 'from swarm_consensus.sim import sim_node'),
    ],
)
def test_the_check_sees_an_import_that_is_not_allowed(room: str, line: str) -> None:
    assert offences(room, line, SOURCE / room / 'module.py')


def test_nothing_lies_outside_the_rooms() -> None:
    assert [path.name for path in SOURCE.glob('*.py')] == ['__init__.py']


def test_the_package_itself_is_empty_because_generated_interfaces_share_it() -> None:
    assert (SOURCE / '__init__.py').read_bytes() == b''


def world_access(text: str) -> list[str]:
    """Give uses of the global random generator, and of what talks to files and terminals."""
    found = []
    nodes = list(ast.walk(ast.parse(text)))
    # Else `random` is the generator that somebody was given.
    imported = any(
        name.name == 'random'
        for node in nodes
        if isinstance(node, ast.Import)
        for name in node.names
    )
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == 'random':
            found += [f'{node.lineno}: {name.name}' for name in node.names if name.name != 'Random']
        elif (
            imported
            and isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == 'random'
            and node.attr != 'Random'
        ):
            found.append(f'{node.lineno}: random.{node.attr}')
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in {'open', 'input', 'print'}:
                found.append(f'{node.lineno}: {node.func.id}()')
            # Without a seed it takes one from the operating system.
            if node.func.id == 'Random' and not node.args:
                found.append(f'{node.lineno}: Random()')
    return found


def test_protocols_use_no_global_random_and_no_file() -> None:
    found = [
        f'{path.relative_to(ROOT)}:{use}'
        for path in modules(SOURCE / 'protocols')
        for use in world_access(path.read_text())
    ]
    assert not found, '\n'.join(found)


def test_protocols_take_msgspec_for_values_and_for_nothing_else() -> None:
    """What they say goes over the wire, but how is not theirs to know."""
    found = {
        path.name
        for path in modules(SOURCE / 'protocols')
        if any(each.top == 'msgspec' for each in imports_of(path.read_text(), path))
    }
    assert found == {'values.py'}


@pytest.mark.parametrize(
    'line',
    ['import random\nrandom.shuffle(x)', 'from random import choice', 'open("x")', 'Random()'],
)
def test_the_check_sees_the_world(line: str) -> None:
    assert world_access(line)


@pytest.mark.parametrize('room', ['protocols', 'simulation'])
def test_it_imports_where_ros_is_absent(room: str) -> None:
    names = [
        '.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__')
        for path in modules(SOURCE / room)
    ]
    program = f"""
import importlib, sys
for name in {sorted(ROS | {f'{PACKAGE}.{part}' for part in GENERATED})!r}:
    sys.modules[name] = None  # importing it raises ImportError
for name in {names!r}:
    importlib.import_module(name)
"""
    result = subprocess.run(
        [sys.executable, '-c', program], capture_output=True, text=True, cwd='/', timeout=60
    )
    assert result.returncode == 0, result.stderr


def test_every_example_can_be_run_as_an_executable() -> None:
    for path in (SOURCE / 'examples').glob('[a-z]*.py'):
        functions = {
            node.name
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.FunctionDef)
        }
        assert 'main' in functions, f'CMake installs an executable that calls main() of {path}'
