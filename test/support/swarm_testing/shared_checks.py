"""The shared state of one robot, written and read by a probe beside it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
import time
from typing import Any

from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message

from swarm_consensus.msg import SharedEvent, SharedItem
from swarm_consensus.srv import SharedChange, SharedRead
from swarm_testing.swarm_probe import DECIDED, REQUEST_S, SwarmProbe

Contents = dict[tuple[str, int], tuple[tuple[bytes, ...], int]]

# As deep as the robots' own history of what they tell.
EVENTS = QoSProfile(depth=1000)

_clients: dict[tuple[int, str], Any] = {}
# What robots have told since `listen`, serialized.
_told: dict[tuple[int, str], list[bytes]] = {}


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
        # And hear what the robot tells.
        probe.turn(0.1)
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
        found |= _standing(answer.items)
        if answer.items:
            after = answer.items[-1].key
        more = answer.more
    return found


def _standing(items: Sequence[Any]) -> Contents:
    return {
        (item.key, item.kind): (
            tuple(value.data.tobytes() for value in item.values),
            item.count,
        )
        for item in items
    }


def size(probe: SwarmProbe, robot: str) -> tuple[int, int, int]:
    """Return how many registers a robot knows, how many elements of `set`, and `count`."""
    found = contents(probe, robot)
    registers = sum(kind == SharedItem.REGISTER for _, kind in found)
    elements, _ = found.get(('set', SharedItem.ADD_SET), ((), 0))
    _, count = found.get(('count', SharedItem.COUNTER), ((), 0))
    return registers, len(elements), count


def wait_for_registers(probe: SwarmProbe, robot: str, count: int) -> None:
    """Wait until a robot knows so many registers."""
    probe.wait_for(lambda: size(probe, robot)[0] == count)


def listen(probe: SwarmProbe, robot: str) -> None:
    """Hear from now on what a robot tells of changes."""
    told = _told[id(probe), robot] = []
    topic = f'/{robot}/shared_events'
    probe.node.create_subscription(SharedEvent, topic, told.append, EVENTS, raw=True)
    # Until DDS has matched the two, changes are told to nobody.
    while not told:
        change(probe, robot, SharedChange.Request.PUT, f'heard/{robot}', b'1')
        probe.turn(0.1)


def told_all_at(probe: SwarmProbe, robot: str, known: Contents) -> float:
    """
    Return when a robot had told all that it knows, by its own stamps, s since the epoch.

    :param known: how its keys stand at the end, each changed since `listen`.
    """
    told = _told[id(probe), robot]
    first: dict[tuple[str, int], float] = {}
    read = 0

    def all_told() -> bool:
        nonlocal read
        for data in told[read:]:
            event = deserialize_message(data, SharedEvent)
            read += 1
            begun = deserialize_message(told[0], SharedEvent).sequence
            assert event.sequence == begun + read - 1, f'{robot}: an event was lost'
            stamp = event.stamp.sec + 1e-9 * event.stamp.nanosec
            for key, standing in _standing(event.items).items():
                if standing == known.get(key):
                    first.setdefault(key, stamp)
        return first.keys() == known.keys()

    probe.wait_for(all_told)
    return max(first.values())
