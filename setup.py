"""
The way in where no ROS 2 is installed: `pip install .` in a plain virtual environment.

It drives the same CMakeLists.txt as colcon, against the ROS 2 wheels from PyPI that stand in
build_support/requirements.py (colcon itself does not come by here). CMake installs into a staging
folder; its Python package goes into the wheel as such, the rest (lib/, share/, include/) as data
files, which pip puts below the prefix of the environment.

Name, version and maintainer are those of package.xml.
"""

from __future__ import annotations

from importlib.util import find_spec
import os
from pathlib import Path
import shutil
import subprocess
import sys
import sysconfig
from xml.etree import ElementTree

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

# isort: split
# setuptools brings its own distutils, but has to be imported first.
from distutils.command.install_data import install_data

ROOT = Path(__file__).resolve().parent
# pip runs this file through the backend, which lies there; other tools may run it directly.
sys.path.insert(0, str(ROOT / 'build_support'))

from backend import EDITABLE_VARIABLE  # noqa: E402
import requirements  # noqa: E402

PACKAGE = 'swarm_consensus'
ROS = requirements.distribution()
BUILD = Path('build') / f'wheel-{ROS}-{sys.implementation.cache_tag}'
STAGING = BUILD / 'staging'


def describe() -> dict[str, str]:
    """Give the metadata that package.xml holds."""
    package = ElementTree.parse(ROOT / 'package.xml').getroot()

    def text(tag: str) -> str:
        return ' '.join((package.findtext(tag) or '').split())

    maintainer = package.find('maintainer')
    assert maintainer is not None, 'package.xml names no maintainer'
    return {
        'name': text('name'),
        'version': text('version'),
        'description': text('description'),
        'license': text('license'),
        'maintainer': maintainer.text or '',
        'maintainer_email': maintainer.get('email', ''),
    }


def ros_prefix() -> Path:
    """
    Find where the ROS 2 wheels are: in this environment, or in the one that pip made to build.

    :raises SystemExit: when they are not installed.
    """
    spec = find_spec('rosidl_cmake')
    if spec is None or spec.origin is None:
        raise SystemExit(
            'The ROS 2 wheels that generate the interfaces are not installed. Let pip do it: '
            "'pip install .' without --no-build-isolation. Or install what "
            "'python build_support/requirements.py build' prints."
        )
    # <prefix>/lib/python3.x/site-packages/rosidl_cmake/__init__.py
    return Path(spec.origin).parents[4]


def run(command: list[str], environment: dict[str, str]) -> None:
    """
    Run a step of the build.

    :raises SystemExit: when it fails; its own output stands above.
    """
    code = subprocess.call(command, env=environment)
    if code:
        raise SystemExit(f'failed with exit code {code}: {" ".join(command)}')


def build_and_stage(modules: bool) -> None:
    """
    Generate and compile the interfaces, and install all into the staging folder.

    :param modules: whether our own Python modules go with them.
    """
    prefix = str(ros_prefix())
    # Not added to but replaced: a ROS 2 that is sourced beside would be found first.
    environment = {
        **os.environ,
        'AMENT_PREFIX_PATH': prefix,
        'CMAKE_PREFIX_PATH': prefix,
        'LD_LIBRARY_PATH': str(Path(prefix) / 'lib'),
    }
    # CMake remembers paths of the environment it ran in, which pip makes anew each time.
    shutil.rmtree(BUILD, ignore_errors=True)
    run(
        [
            'cmake',
            *('-S', str(ROOT)),
            *('-B', str(BUILD / 'cmake')),
            *('-G', 'Ninja'),
            '-DCMAKE_BUILD_TYPE=Release',
            f'-DCMAKE_INSTALL_PREFIX={STAGING.resolve()}',
            f'-DPython3_EXECUTABLE={sys.executable}',
            '-DBUILD_TESTING=OFF',
            '-DSWARM_CONSENSUS_CPP=OFF',
            f'-DSWARM_CONSENSUS_MODULES={"ON" if modules else "OFF"}',
        ],
        environment,
    )
    run(['cmake', '--build', str(BUILD / 'cmake'), '--target', 'install'], environment)


class BuildPython(build_py):
    """Put the staged Python package into the wheel; where editable, the finder beside it."""

    def run(self) -> None:
        """Build with CMake and copy."""
        editable = EDITABLE_VARIABLE in os.environ
        build_and_stage(modules=not editable)
        target = Path(self.build_lib)
        shutil.rmtree(target, ignore_errors=True)
        leave_out = shutil.ignore_patterns('__pycache__', '*.c')
        generated = next((STAGING / 'lib').glob(f'python3*/*-packages/{PACKAGE}'))
        shutil.copytree(generated, target / PACKAGE, ignore=leave_out)
        if editable:
            # With an __init__.py the generated folder would pass for the whole package.
            (target / PACKAGE / '__init__.py').unlink()
            finder = '_swarm_consensus_editable'
            shutil.copy(ROOT / 'build_support' / f'{finder}.py', target)
            (target / f'{finder}.pth').write_text(
                f'import {finder}; {finder}.install({str(ROOT)!r})\n'
            )


class InstallData(install_data):
    """Put the rest of the staging folder into the wheel, below the prefix."""

    def run(self) -> None:
        """List the files that CMake has staged by now, and copy them."""
        found: dict[str, list[str]] = {}
        for path in sorted(STAGING.rglob('*')):
            place = path.relative_to(STAGING)
            python = place.parts[0] == 'lib' and place.parts[1:2] == (python_folder(),)
            # That resource names the environment of the build, which is gone by then; and generated
            # sources are of no use once they are compiled.
            useless = 'parent_prefix_path' in place.parts or path.suffix == '.c'
            if path.is_file() and not python and not useless:
                found.setdefault(str(place.parent), []).append(str(path))
        self.data_files = list(found.items())
        super().run()


def python_folder() -> str:
    """Give the folder of lib/ that holds Python packages, e.g. python3.11."""
    return f'python{sysconfig.get_python_version()}'


class BinaryDistribution(Distribution):
    """Holds compiled code, so the wheel is for one platform and one version of Python."""

    def has_ext_modules(self) -> bool:
        """Say so though no Extension is declared: CMake compiles."""
        return True


setup(
    **describe(),
    long_description=(ROOT / 'README.md').read_text() if (ROOT / 'README.md').exists() else '',
    long_description_content_type='text/markdown',
    python_requires='>=3.11',
    packages=[PACKAGE],
    # The list is made while building; one entry makes setuptools run the command.
    data_files=[(f'share/{PACKAGE}', ['package.xml'])],
    install_requires=requirements.runtime(ROS),
    extras_require=requirements.extras(ROS),
    entry_points={
        'console_scripts': [
            f'inference_node = {PACKAGE}.nodes.inference_node:main',
            f'consensus_node = {PACKAGE}.nodes.consensus_node:main',
            f'sim_node = {PACKAGE}.sim.sim_node:main',
            f'view_node = {PACKAGE}.live.view_node:main',
            f'swarm = {PACKAGE}.cli.main:main',
        ],
    },
    classifiers=[
        'Intended Audience :: Developers',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering',
    ],
    options={'build': {'build_base': str(BUILD / 'setuptools')}},
    distclass=BinaryDistribution,
    cmdclass={'build_py': BuildPython, 'install_data': InstallData},
)
