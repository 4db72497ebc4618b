"""The shared state of one robot, written and read by a probe beside it."""

from __future__ import annotations

from array import array
import time
from typing import Any

from swarm_consensus.msg import SharedItem
from swarm_consensus.srv import SharedChange, SharedRead
from swarm_testing.swarm_probe import DECIDED, REQUEST_S, SwarmProbe

Contents = dict[tuple[str, int], tuple[tuple[bytes, ...], int]]

_clients: dict[tuple[int, str], Any] = {}


def _client(probe: SwarmProbe, robot: str, kind: Any, name: str) -> Any:
    key = (id(probe), f'/{robot}/{name}')
    if key not in _clients:
        _clients[key] = probe.node.create_client(kind, key[1])
        probe.wait_for(_clients[key].service_is_ready)
    return _clients[key]


def change(
    probe: SwarmProbe, robot: str, operation: int, key: str, value: bytes = b'', amount: int = 0
) -> None:
    """Have the shared state changed, and see that it is done."""
    request = SharedChange.Request(
        operation=operation, key=key, value=array('B', value), amount=amount, timeout=REQUEST_S
    )
    asked = _client(probe, robot, SharedChange, 'shared_change').call_async(request)
    probe.wait_for(asked.done)
    answer = asked.result()
    assert answer.status == DECIDED, (robot, key, answer.status, answer.reason)


def write_on(probe: SwarmProbe, robot: str, prefix: str, seconds: float) -> int:
    """Write keys, elements and increments in turn for so long; returns how many of each."""
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        change(probe, robot, SharedChange.Request.PUT, f'{prefix}/{robot}/{number}', b'x')
        change(probe, robot, SharedChange.Request.ADD, 'set', f'{robot}/{number}'.encode())
        change(probe, robot, SharedChange.Request.INCREMENT, 'count', amount=1)
        number += 1
        time.sleep(0.1)
    return number


def contents(probe: SwarmProbe, robot: str) -> Contents:
    """Return all that a robot knows: values and count by key and kind."""
    client = _client(probe, robot, SharedRead, 'shared_read')
    found: Contents = {}
    after, more = '', True
    while more:
        asked = client.call_async(SharedRead.Request(after=after, count_max=10_000))
        probe.wait_for(asked.done)
        answer = asked.result()
        assert answer.status == DECIDED, (robot, answer.reason)
        for item in answer.items:
            values = tuple(value.data.tobytes() for value in item.values)
            found[item.key, item.kind] = (values, item.count)
            after = item.key
        more = answer.more
    return found


def size(probe: SwarmProbe, robot: str) -> tuple[int, int, int]:
    """Return how many registers a robot knows, how many elements of `set`, and `count`."""
    found = contents(probe, robot)
    registers = sum(kind == SharedItem.REGISTER for _, kind in found)
    elements, _ = found.get(('set', SharedItem.ADD_SET), ((), 0))
    _, count = found.get(('count', SharedItem.COUNTER), ((), 0))
    return registers, len(elements), count
