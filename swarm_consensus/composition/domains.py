"""
A ROS domain id of one's own on this machine: for the demo, the bench and every test.

Ids are reserved by file locks, so that runs beside each other (two terminals, two work trees,
parallel tests) keep apart. The lock goes with the process: nothing stays reserved after a crash.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path
import random
import tempfile

# 0 is where everybody's ROS is. Above 101 the ports of DDS run into the ports that Linux gives
# to outgoing connections (32768 and up).
DOMAIN_IDS = range(1, 102)


def _lock_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f'swarm_consensus_domains_{os.getuid()}'
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def reserve_domain_id() -> Iterator[int]:
    """
    Reserve a domain id until the context is left.

    :raises RuntimeError: when all ids are in use.
    """
    folder = _lock_folder()
    # In random order: a domain that was just given back may still have processes dying in it.
    # Nothing depends on which id it is, so this randomness needs no seed.
    for domain_id in random.SystemRandom().sample(DOMAIN_IDS, len(DOMAIN_IDS)):
        with open(folder / str(domain_id), 'w') as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield domain_id
            return
    raise RuntimeError(f'all domain ids are reserved, see the locks in {folder}')
