"""
Completes an editable installation (`pip install -e .`) of swarm_consensus.

The modules are imported from the source tree, which holds no generated interfaces; `msg`, `srv`,
`action` and their extension modules lie in the site-packages folder beside this file. The finder
looks there for what the source tree does not have. A .pth file imports this module at start, so
it must stay small and must not fail.
"""

import os
import sys

GENERATED = os.path.join(os.path.dirname(__file__), 'swarm_consensus')


class GeneratedInterfaceFinder:
    """Find generated modules of swarm_consensus that the source tree does not have."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        """Answer for direct children of swarm_consensus only; None for all else."""
        package, _, name = fullname.partition('.')
        if package != 'swarm_consensus' or not name or '.' in name:
            return None
        from importlib.machinery import PathFinder

        return PathFinder.find_spec(fullname, [GENERATED], target)


if GeneratedInterfaceFinder not in sys.meta_path:
    sys.meta_path.append(GeneratedInterfaceFinder)
