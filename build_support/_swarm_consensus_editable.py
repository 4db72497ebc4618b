"""
Completes an editable installation (`pip install -e .`) of swarm_consensus.

The modules come live from the source tree, which holds no generated interfaces; `msg`, `srv`,
`action` and their extension modules lie in the site-packages folder beside this file. The finder
knows both places. The root of the repository is not put on sys.path: its folders (`launch/`,
`test/`) would pass for packages of those names. A .pth file calls install() at every start of
Python, so this module must stay small and must not fail.
"""

import os
import sys

PACKAGE = 'swarm_consensus'
GENERATED = os.path.join(os.path.dirname(os.path.abspath(__file__)), PACKAGE)


class EditableFinder:
    """
    Find the package in the source tree, and what is missing there in site-packages.

    A complete package that comes earlier on the path (a sourced colcon workspace) goes first.

    :param source: the root of the repository.
    """

    def __init__(self, source):
        """Remember where the source tree is."""
        self.source = source

    def find_spec(self, fullname, path=None, target=None):
        """Answer for the package and its direct children only; None for all else."""
        package, _, name = fullname.partition('.')
        if package != PACKAGE or '.' in name:
            return None
        from importlib.machinery import PathFinder

        if name:
            return PathFinder.find_spec(fullname, [*path, GENERATED], target)
        found = PathFinder.find_spec(fullname, path, target)
        if found is not None and found.origin is not None:
            return found
        return PathFinder.find_spec(fullname, [self.source], target)


def install(source):
    """
    Let the finder be asked first: before the generated folder passes for the whole package.

    :param source: the root of the repository.
    """
    sys.meta_path.insert(0, EditableFinder(source))
