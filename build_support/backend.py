"""
The build backend of pyproject.toml: setuptools, plus two things that it has no setting for.

What must be there to build depends on the ROS 2 distribution (requirements.py). And an editable
installation (`pip install -e .`) still needs the compiled interfaces; it is an ordinary wheel
that holds them, and a finder for the source tree instead of our modules (setup.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import os

import requirements
from setuptools import build_meta
from setuptools.build_meta import build_sdist, get_requires_for_build_sdist

__all__ = [
    'build_editable',
    'build_sdist',
    'build_wheel',
    'get_requires_for_build_editable',
    'get_requires_for_build_sdist',
    'get_requires_for_build_wheel',
    'prepare_metadata_for_build_editable',
    'prepare_metadata_for_build_wheel',
]

# How build_editable() tells setup.py, which runs in this process.
EDITABLE_VARIABLE = 'SWARM_CONSENSUS_EDITABLE'

build_wheel = build_meta.build_wheel
prepare_metadata_for_build_wheel = build_meta.prepare_metadata_for_build_wheel
prepare_metadata_for_build_editable = build_meta.prepare_metadata_for_build_wheel


def get_requires_for_build_wheel(config_settings=None):
    """Give what setuptools needs, and what generates and compiles the interfaces."""
    needed = build_meta.get_requires_for_build_wheel(config_settings)
    return [*needed, *requirements.build(requirements.distribution())]


get_requires_for_build_editable = get_requires_for_build_wheel


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """Build the wheel of an editable installation."""
    with _editable():
        return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


@contextmanager
def _editable() -> Iterator[None]:
    os.environ[EDITABLE_VARIABLE] = '1'
    try:
        yield
    finally:
        del os.environ[EDITABLE_VARIABLE]
