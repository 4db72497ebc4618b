"""Three members of etcd on loopback, as Debian has it, their data in a folder of the bench."""

from __future__ import annotations

from array import array
from contextlib import ExitStack
import json
from pathlib import Path
import shutil
import subprocess
import time
from types import TracebackType
from typing import Any
from urllib import request
from urllib.error import URLError

from bench.clusters import LEADER_DEADLINE_S, STOP_DEADLINE_S, free_ports
from bench.etcd_client import EtcdClient
from bench.load import KEYS, WARM_UP_S
from bench.rows import percentile

MEMBERS = 3


def missing() -> str:
    """Return why there is no etcd to measure; '' where there is one."""
    return '' if shutil.which('etcd') else 'no etcd on this machine (Debian: etcd-server)'


class EtcdCluster:
    """
    Members with default settings.

    :param folder: an empty one, on the disk that is measured.
    """

    def __init__(self, folder: Path) -> None:
        with free_ports(2 * MEMBERS) as ports:
            self._ports, peers = ports[:MEMBERS], ports[MEMBERS:]
        everybody = ','.join(f'm{n}=http://127.0.0.1:{port}' for n, port in enumerate(peers))
        self._stack = ExitStack()
        self._processes = []
        for n, (port, peer) in enumerate(zip(self._ports, peers, strict=True)):
            command = ['etcd', '--name', f'm{n}', '--data-dir', str(folder / f'm{n}')]
            for option, value in (
                ('listen-peer-urls', f'http://127.0.0.1:{peer}'),
                ('initial-advertise-peer-urls', f'http://127.0.0.1:{peer}'),
                ('listen-client-urls', f'http://127.0.0.1:{port}'),
                ('advertise-client-urls', f'http://127.0.0.1:{port}'),
                ('initial-cluster', everybody),
            ):
                command += [f'--{option}', value]
            log = self._stack.enter_context((folder / f'm{n}.log').open('wb'))
            self._processes.append(
                subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            )
        self._client: EtcdClient | None = None

    def measure(self, outstanding: int, span_s: float) -> dict[str, Any]:
        """Put at the leader, as bench.load.Load.measure does, and return the same."""
        client = self._client
        if client is None:
            client = self._client = EtcdClient(self._find_leader())
        asked: dict[int, float] = {}
        latencies = array('d')
        began = time.perf_counter() + WARM_UP_S
        ends = began + span_s
        wanted = outstanding
        number = 0
        while wanted or asked:
            requests = []
            for _ in range(wanted):
                number += 1
                stream, data = client.request(f'load/{number % KEYS}'.encode())
                asked[stream] = time.perf_counter()
                requests.append(data)
            if requests:
                client.send(b''.join(requests))
            done = client.receive()
            now = time.perf_counter()
            for stream in done:
                took = now - asked.pop(stream)
                if began <= now < ends:
                    latencies.append(took)
            wanted = len(done) if now < ends else 0
        return {
            'p50_ms': percentile(latencies, 50) * 1e3,
            'p99_ms': percentile(latencies, 99) * 1e3,
            'rate': len(latencies) / span_s,
        }

    def _find_leader(self) -> int:
        """Return the port of the member that leads."""
        deadline = time.monotonic() + LEADER_DEADLINE_S
        while time.monotonic() < deadline:
            for port in self._ports:
                url = f'http://127.0.0.1:{port}/v3/maintenance/status'
                try:
                    with request.urlopen(request.Request(url, b'{}'), timeout=2) as answer:
                        status = json.load(answer)
                except (URLError, OSError):
                    continue  # it has not come up yet
                if status['header']['member_id'] == status.get('leader'):
                    return port
            time.sleep(0.2)
        raise RuntimeError(f'etcd has no leader after {LEADER_DEADLINE_S:g} s')

    def __enter__(self) -> EtcdCluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            self._client.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._stack.close()
