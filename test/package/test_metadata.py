"""What package.xml, CMakeLists.txt, requirements, change log, Makefile and README say agrees."""

from __future__ import annotations

import ast
from importlib.metadata import version
import importlib.util
from pathlib import Path
import re
import shutil
import subprocess
import sys
from types import ModuleType

from catkin_pkg.changelog import get_changelog_from_path
from catkin_pkg.package import Package, parse_package
from packaging.requirements import Requirement
import pytest

ROOT = Path(__file__).resolve().parents[2]
INTERFACES = ('msg', 'srv', 'action')

# Where the name that is imported is not the name on PyPI.
DISTRIBUTION_OF = {
    'PIL': 'pillow',
    'mcap_ros2': 'mcap-ros2-support',
    'nacl': 'pynacl',
    'sklearn': 'scikit-learn',
    'yaml': 'pyyaml',
}


@pytest.fixture(scope='module')
def package() -> Package:
    return parse_package(str(ROOT / 'package.xml'))


@pytest.fixture(scope='module')
def requirements() -> ModuleType:
    """build_support/requirements.py, which lies outside every package."""
    path = ROOT / 'build_support' / 'requirements.py'
    spec = importlib.util.spec_from_file_location('requirements', path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names(requirement_lines: list[str]) -> set[str]:
    return {Requirement(line).name.lower() for line in requirement_lines}


def test_package_xml_is_valid_and_without_warnings() -> None:
    warnings: list[str] = []
    package = parse_package(str(ROOT / 'package.xml'), warnings=warnings)
    package.validate(warnings=warnings)
    assert not warnings
    assert package.package_format == 3
    assert package.get_build_type() == 'ament_cmake'


def test_the_licence_is_the_one_that_is_named(package: Package) -> None:
    assert package.licenses == ['Apache-2.0']
    assert 'Apache License' in (ROOT / 'LICENSE').read_text()


def test_every_interface_file_is_generated_and_no_other() -> None:
    text = (ROOT / 'CMakeLists.txt').read_text()
    listed = set(re.findall(r'^\s+((?:msg|srv|action)/\w+\.\w+)$', text, re.MULTILINE))
    there = {
        str(path.relative_to(ROOT)) for kind in INTERFACES for path in (ROOT / kind).glob('*.*')
    }
    assert listed == there


def test_message_packages_are_declared_where_interfaces_use_them(package: Package) -> None:
    text = '\n'.join(path.read_text() for kind in INTERFACES for path in (ROOT / kind).glob('*.*'))
    used = set(re.findall(r'^(\w+)/\w+', text, re.MULTILINE))
    both = {each.name for each in package.build_depends} & {
        each.name for each in package.exec_depends
    }
    assert used <= both
    cmake = (ROOT / 'CMakeLists.txt').read_text()
    block = re.search(r'set\(interface_dependencies\n(.*?)\)', cmake, re.DOTALL)
    assert block is not None
    assert used <= set(block[1].split())


def test_wheel_and_ros_package_have_one_version(package: Package) -> None:
    # setup.py takes it from package.xml; this sees an installation that is out of date.
    assert version(package.name) == package.version


@pytest.mark.filterwarnings('ignore::DeprecationWarning:catkin_pkg')
def test_the_change_log_is_readable_and_names_no_version_beyond_the_package(
    package: Package,
) -> None:
    log = get_changelog_from_path(str(ROOT / 'CHANGELOG.rst'), package.name)
    assert log is not None

    def key(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in version.split('.'))

    released = [name for name, _, _ in log.foreach_version()]
    newest = max(released, key=key, default=package.version)
    assert newest == package.version


def imported_packages(folder: Path) -> dict[str, str]:
    """Give what is imported from outside the standard library, and one place of each."""
    found: dict[str, str] = {}
    for path in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [name.name for name in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or '']
            else:
                continue
            for module in modules:
                top = module.split('.')[0]
                if top not in sys.stdlib_module_names and top != 'swarm_consensus':
                    found[top] = f'{path.relative_to(ROOT)}:{node.lineno}'
    return found


def needed(tops: dict[str, str]) -> dict[str, str]:
    """Give what is imported under the names of PyPI."""
    return {DISTRIBUTION_OF.get(top, top).lower(): place for top, place in tops.items()}


@pytest.mark.parametrize('ros', ['kilted', 'jazzy'])
def test_every_import_of_the_package_is_a_requirement_of_the_wheel(
    requirements: ModuleType, ros: str
) -> None:
    prefix = 'ros-jazzy-' if ros == 'jazzy' else 'ros-'
    extras = requirements.extras(ros)
    optional = extras['demo'] + extras['sim'] + extras['view']
    declared = names(requirements.runtime(ros) + optional)
    # Comes only with a ROS 2 installation; what imports it says so.
    declared |= {'launch', 'launch-ros'}
    missing = {
        name: place
        for name, place in needed(imported_packages(ROOT / 'swarm_consensus')).items()
        if not {name, name.replace('_', '-'), prefix + name.replace('_', '-')} & declared
    }
    assert not missing


def test_every_import_of_the_package_is_a_dependency_for_rosdep_or_in_the_pip_list(
    package: Package, requirements: ModuleType
) -> None:
    pip_list = (ROOT / 'requirements-ros.txt').read_text().splitlines()
    by_pip = names([line for line in pip_list if line and not line.startswith('#')])
    keys = {each.name for each in package.exec_depends}
    key_of = {'pillow': 'python3-pil', 'pyyaml': 'python3-yaml', 'onnxruntime': ''}
    # For the demo, the simulation and looking on only, which is not what a robot runs.
    extras = requirements.extras('kilted')
    demo = names(extras['demo'] + extras['sim'] + extras['view'])
    missing = {
        name: place
        for name, place in needed(imported_packages(ROOT / 'swarm_consensus')).items()
        if name not in by_pip | keys | demo and key_of.get(name, f'python3-{name}') not in keys
    }
    assert not missing


def test_the_pip_list_for_ros_asks_for_what_the_wheel_asks_for(requirements: ModuleType) -> None:
    pip_list = (ROOT / 'requirements-ros.txt').read_text().splitlines()
    listed = {line for line in pip_list if line and not line.startswith('#')}
    assert listed <= set(requirements.runtime('kilted'))


@pytest.mark.parametrize('folder', ['test', 'bench'])
def test_what_tests_and_figures_import_is_set_up_for_them(
    requirements: ModuleType, folder: str
) -> None:
    ros = 'kilted'
    extras = requirements.extras(ros)
    declared = names(requirements.runtime(ros) + extras['demo'] + extras['view'] + extras[folder])
    local = {path.stem for path in (ROOT / folder).rglob('*.py')} | {'bench'}
    local |= {path.name for path in (ROOT / folder).rglob('*') if path.is_dir()}
    # Figures of failover are taken with the processes and checks of the tests.
    local |= {path.name for path in (ROOT / 'test' / 'support').iterdir()}
    # Skipped with the reason where they are not installed; packaging comes with pytest, and xdist
    # is what pytest-xdist brings.
    local |= {'launch', 'launch_ros', 'launch_testing', 'launch_testing_ros', 'packaging'}
    if 'pytest-xdist' in declared:
        local.add('xdist')
    missing = {
        name: place
        for name, place in needed(imported_packages(ROOT / folder)).items()
        if name not in {each.lower() for each in local}
        and not {name, name.replace('_', '-'), 'ros-' + name.replace('_', '-')} & declared
    }
    assert not missing


@pytest.mark.parametrize('ros', ['kilted', 'jazzy'])
def test_requirements_are_well_formed_and_bounded_below(requirements: ModuleType, ros: str) -> None:
    lists = [requirements.build(ros), requirements.runtime(ros)]
    lists += requirements.extras(ros).values()
    for line in (line for each in lists for line in each):
        assert any(part.operator in {'>=', '=='} for part in Requirement(line).specifier), line


@pytest.mark.parametrize('ros', ['kilted', 'jazzy'])
def test_wheels_of_one_distribution_never_mix_with_another(
    requirements: ModuleType, ros: str
) -> None:
    lines = [*requirements.build(ros), *requirements.runtime(ros)]
    for each in (Requirement(line) for line in lines if line.startswith('ros-')):
        if ros == 'jazzy':
            assert each.name.startswith('ros-jazzy-')
        elif each.name not in {'ros-fastrtps-cmake-module', 'ros-python-cmake-module'}:
            # Those two have the same version in both; nothing in them is compiled.
            assert any(part.operator == '<' for part in each.specifier), each


def test_make_knows_every_target_that_the_readme_names() -> None:
    readme = ROOT / 'README.md'
    if not readme.exists():
        pytest.skip('there is no README.md yet')
    targets = set(re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE))
    named = set(re.findall(r'\bmake ([a-z-]+)', '\n'.join(code_of(readme.read_text()))))
    assert named, 'the README names no make target'
    assert named <= targets


def code_of(markdown: str) -> list[str]:
    """Give what is set as code: fenced blocks and spans."""
    fence = re.compile(r'^```.*?^```', re.MULTILINE | re.DOTALL)
    return [*fence.findall(markdown), *re.findall(r'`[^`\n]+`', fence.sub('', markdown))]


@pytest.mark.skipif(shutil.which('make') is None, reason='make is not installed')
def test_make_without_a_target_lists_the_targets() -> None:
    result = subprocess.run(['make'], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert result.returncode == 0, result.stderr
    for target in ('demo', 'test', 'bench', 'lint', 'clean'):
        assert re.search(rf'^  {target} ', result.stdout, re.MULTILINE), result.stdout
