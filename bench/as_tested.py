"""What the bench shares with the tests: processes killed and started anew, a bad radio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import sys
import tempfile
from typing import TYPE_CHECKING

from swarm_consensus.composition.domains import reserve_domain_id

if TYPE_CHECKING:
    from swarm_testing.processes import ProcessGroup

SUPPORT = Path(__file__).resolve().parents[1] / 'test' / 'support'


@contextmanager
def process_group() -> Iterator[ProcessGroup]:
    """Start processes in a domain of their own on loopback, which this process is on too."""
    if str(SUPPORT) not in sys.path:
        sys.path.insert(0, str(SUPPORT))
    from swarm_testing.environment import process_environment
    from swarm_testing.processes import ProcessGroup

    before = dict(os.environ)
    with (
        reserve_domain_id() as domain,
        tempfile.TemporaryDirectory(prefix='swarm_bench_') as folder,
    ):
        environment = process_environment(domain, Path(folder))
        os.environ.clear()
        os.environ.update(environment)
        try:
            with ProcessGroup(environment) as group:
                yield group
        finally:
            os.environ.clear()
            os.environ.update(before)
