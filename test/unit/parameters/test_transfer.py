"""
Chunks get across a network that loses, repeats and reorders, past robots that lie and reboot.

A robot here is a Transfer and the chunks that it keeps; what it keeps survives its reboots.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from swarm_consensus.protocols.parameters.blobs import (
    CHUNK_BYTES,
    HASH_BYTES,
    Blob,
    chunk_hash,
    cut,
    join,
)
from swarm_consensus.protocols.parameters.effects import Arrived, Malformed
from swarm_consensus.protocols.parameters.messages import (
    HASHES_MAX,
    Chunk,
    ChunksNotHeld,
    ChunksWanted,
    Message,
)
from swarm_consensus.protocols.parameters.transfer import Transfer, TransferConfig

CONFIG = TransferConfig(answer_ticks=8, lacking_ticks=16)


def content(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


@dataclass
class Robot:
    """What one robot keeps, and what it was told."""

    name: str
    seed: int
    config: TransferConfig = CONFIG
    kept: dict[bytes, bytes] = field(default_factory=dict)
    told: list = field(default_factory=list)
    boot: int = 0
    lies: bool = False
    asked_for: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.reboot()

    def reboot(self) -> None:
        self.boot += 1
        self.transfer = Transfer(
            self.config,
            Random(f'{self.seed} {self.name} {self.boot}'),
            self.kept.__contains__,
            self.kept.get,
        )

    def carry_out(self) -> list[tuple[str, Message]]:
        batch = self.transfer.take()
        for keep in batch.keep:
            self.kept[keep.hash] = keep.data
        out: list[tuple[str, Message]] = [(send.to, send.message) for send in batch.send]
        for _, message in out:
            if isinstance(message, ChunksWanted):
                for chunk in message.hashes:
                    assert chunk not in self.kept, 'asks for what it holds'
                    self.asked_for[chunk] += 1
        for serve in batch.serve:
            data = self.kept[serve.hash]
            if self.lies:
                data = data[:-1] + bytes([data[-1] ^ 1])
            out.append((serve.to, Chunk(serve.hash, data)))
        self.told += batch.tell
        return out


@dataclass
class Network:
    """Virtual time; each message is lost, repeated or late by chance."""

    robots: dict[str, Robot]
    random: Random
    loss: float = 0.0
    repeat: float = 0.0
    late_max: int = 1
    now: int = 0
    flying: list[tuple[int, int, str, str, Message]] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    bytes: int = 0

    def step(self) -> None:
        self.now += 1
        due = [each for each in self.flying if each[0] <= self.now]
        due.sort(key=lambda each: each[1])
        self.flying = [each for each in self.flying if each[0] > self.now]
        for _, _, sender, to, message in due:
            if to not in self.down:
                self.robots[to].transfer.receive(sender, message)
                self._post(to)
        for name, robot in self.robots.items():
            if name not in self.down:
                alive = set(self.robots) - self.down - {name}
                robot.transfer.tick(1, alive)
                self._post(name)

    def _post(self, name: str) -> None:
        for to, message in self.robots[name].carry_out():
            if isinstance(message, Chunk):
                self.bytes += len(message.data)
            copies = 1 + (self.random.random() < self.repeat)
            for _ in range(copies):
                if self.random.random() >= self.loss:
                    at = self.now + self.random.randint(1, self.late_max)
                    self.flying.append((at, self.random.getrandbits(30), name, to, message))

    def run(self, until, ticks_max: int = 20_000) -> None:
        for _ in range(ticks_max):
            if until():
                return
            self.step()
        raise AssertionError(f'not after {ticks_max} ticks')


def swarm(count: int, seed: int = 0, config: TransferConfig = CONFIG, **network) -> Network:
    robots = {f'r{n}': Robot(f'r{n}', seed, config) for n in range(count)}
    return Network(robots, Random(seed), **network)


def give(robot: Robot, data: bytes) -> Blob:
    blob, chunks = cut(data)
    robot.kept |= chunks
    return blob


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(1, 30 * CHUNK_BYTES),
    loss=st.sampled_from([0.0, 0.1, 0.4]),
    repeat=st.sampled_from([0.0, 0.3]),
    late_max=st.sampled_from([1, 5, 30]),
    reboots=st.lists(st.integers(1, 200), max_size=3),
)
def test_a_blob_arrives_whatever_the_network_does(seed, size, loss, repeat, late_max, reboots):
    net = swarm(3, seed, loss=loss, repeat=repeat, late_max=late_max)
    data = content(size, seed % 1000)
    blob = give(net.robots['r0'], data)
    reader = net.robots['r1']
    reader.transfer.want(blob, ['r0'])
    ends = iter(sorted(reboots))
    end = next(ends, None)

    def done() -> bool:
        nonlocal end
        if end is not None and net.now >= end:
            # All is forgotten but what was kept, and that is not asked for again (`carry_out`).
            end = next(ends, None)
            reader.reboot()
            reader.transfer.want(blob, ['r0'])
            reader.carry_out()
        return Arrived(blob) in reader.told

    net.run(done)
    assert join(blob, reader.kept.get) == data
    assert reader.transfer.counters.wrong_hash == 0


def test_without_loss_every_chunk_travels_once_to_each():
    # Patience for the queue of the one robot that has it all, at first.
    net = swarm(4, config=TransferConfig(answer_ticks=40))
    data = content(200 * CHUNK_BYTES)
    blob = give(net.robots['r0'], data)
    for name in ('r1', 'r2', 'r3'):
        net.robots[name].transfer.want(blob, ['r0'])
    net.run(lambda: all(Arrived(blob) in net.robots[f'r{n}'].told for n in (1, 2, 3)))
    whole = sum(map(len, net.robots['r0'].kept.values()))
    assert net.bytes == 3 * whole
    # Whoever has a chunk serves it, so the robot that made it does not carry all.
    served = [robot.transfer.counters.served for robot in net.robots.values()]
    assert sum(served) == 3 * len(net.robots['r0'].kept) and served[0] < sum(served)


def test_what_another_blob_has_too_is_not_asked_for_again():
    net = swarm(2)
    shared = content(20 * CHUNK_BYTES)
    first = give(net.robots['r0'], shared + content(CHUNK_BYTES, 1))
    second = give(net.robots['r0'], shared + content(CHUNK_BYTES, 2))
    reader = net.robots['r1']
    for blob in (first, second):
        reader.transfer.want(blob, ['r0'])
    net.run(lambda: len(reader.told) == 2)
    # 20 that are in both, and of each its own last leaf and root.
    assert sum(reader.asked_for.values()) == 24
    reader.transfer.want(first, [])
    reader.carry_out()
    assert reader.told[-1] == Arrived(first) and sum(reader.asked_for.values()) == 24


def test_the_robot_that_made_it_may_be_gone():
    net = swarm(3)
    data = content(10 * CHUNK_BYTES)
    blob = give(net.robots['r0'], data)
    net.robots['r1'].transfer.want(blob, ['r0'])
    net.run(lambda: Arrived(blob) in net.robots['r1'].told)
    net.down.add('r0')
    net.robots['r2'].transfer.want(blob, ['r0'])
    net.run(lambda: Arrived(blob) in net.robots['r2'].told)
    assert join(blob, net.robots['r2'].kept.get) == data


def test_a_source_that_dies_half_way_is_replaced():
    net = swarm(3, config=TransferConfig(answer_ticks=8, lacking_ticks=16, serve_per_tick=1))
    data = content(40 * CHUNK_BYTES)
    blob = give(net.robots['r0'], data)
    give(net.robots['r2'], data)
    net.robots['r1'].transfer.want(blob, ['r0'])
    net.run(lambda: len(net.robots['r1'].kept) > 10)
    net.down.add('r0')
    net.run(lambda: Arrived(blob) in net.robots['r1'].told)
    assert join(blob, net.robots['r1'].kept.get) == data


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 10 * CHUNK_BYTES))
def test_a_liar_delays_and_cannot_do_more(seed, size):
    net = swarm(4, seed, late_max=5)
    data = content(size, seed % 1000)
    blob = give(net.robots['r0'], data)
    give(net.robots['r3'], data)
    net.robots['r3'].lies = True
    reader = net.robots['r1']
    reader.transfer.want(blob, ['r3'])
    net.run(lambda: Arrived(blob) in reader.told)
    assert join(blob, reader.kept.get) == data
    assert all(
        chunk_hash(chunk, leaf=True) == name or chunk_hash(chunk, leaf=False) == name
        for name, chunk in reader.kept.items()
    )
    counters = reader.transfer.counters
    assert counters.wrong_hash > 0
    assert counters.by_robot == {'r3': counters.wrong_hash}


def test_chunks_that_nobody_asked_for_are_dropped_and_counted():
    robot = Robot('r0', 0)
    chunk = content(100)
    robot.transfer.receive('r1', Chunk(chunk_hash(chunk, leaf=True), chunk))
    assert robot.transfer.counters.unasked == 1
    # Also what is wanted, from somebody who was not asked.
    blob = cut(chunk)[0]
    robot.transfer.want(blob, ['r1'])
    robot.transfer.tick(1, {'r1'})
    robot.transfer.receive('r2', Chunk(blob.root, chunk))
    assert robot.transfer.counters.unasked == 2
    robot.carry_out()
    assert not robot.kept and not robot.told
    robot.transfer.receive('r1', Chunk(blob.root, chunk))
    robot.carry_out()
    assert robot.told == [Arrived(blob)]


def test_a_blob_that_contradicts_itself_is_given_up_and_others_are_not():
    net = swarm(2)
    honest = content(3 * CHUNK_BYTES)
    blob = give(net.robots['r0'], honest)
    chunks = net.robots['r0'].kept
    leaf = next(name for name, data in chunks.items() if len(data) == CHUNK_BYTES)
    contradictions = [
        # Another size than the root stands for.
        Blob(blob.size + CHUNK_BYTES, blob.root),
        Blob(5, blob.root),
        # A node where the honest blob has a leaf.
        Blob(40 * CHUNK_BYTES, leaf),
    ]
    reader = net.robots['r1']
    for bad in contradictions:
        reader.transfer.want(bad, ['r0'])
    reader.transfer.want(blob, ['r0'])
    net.run(lambda: len(reader.told) >= 1 and Arrived(blob) in reader.told)
    net.run(lambda: not reader.transfer.wanted or net.now > 300)
    # The last is of bytes that no robot can show; it is never there, whatever is held.
    assert join(blob, reader.kept.get) == honest
    for bad in contradictions:
        assert Arrived(bad) not in reader.told
    assert reader.transfer.counters.malformed == sum(
        isinstance(each, Malformed) for each in reader.told
    )


def test_a_node_of_wrong_length_is_given_up():
    # Two hashes where a blob of three chunks has three: it is what its name says, and no blob.
    node = chunk_hash(b'a', leaf=True) + chunk_hash(b'b', leaf=True)
    root = chunk_hash(node, leaf=False)
    robot = Robot('r1', 0)
    bad = Blob(3 * CHUNK_BYTES, root)
    robot.transfer.want(bad, ['r0'])
    robot.transfer.tick(1, {'r0'})
    robot.carry_out()
    robot.transfer.receive('r0', Chunk(root, node))
    robot.carry_out()
    assert robot.told == [Malformed(bad)]
    assert robot.transfer.idle


def test_windows_bound_what_is_under_way_and_shrink_when_chunks_are_late():
    config = TransferConfig(answer_ticks=5, window_max=6)
    robot = Robot('r1', 0, config)
    node = b''.join(content(HASH_BYTES, n) for n in range(500))
    blob = Blob(500 * CHUNK_BYTES, chunk_hash(node, leaf=False))
    robot.transfer.want(blob, ['r0'])
    robot.transfer.tick(1, {'r0'})
    robot.carry_out()
    robot.transfer.receive('r0', Chunk(blob.root, node))
    asked = []
    for _ in range(60):
        robot.transfer.tick(1, {'r0'})
        sent = [m for _, m in robot.carry_out() if isinstance(m, ChunksWanted)]
        asked.append(sum(len(each.hashes) for each in sent))
    # Nothing comes: four at first, then ever fewer, waited for ever longer.
    assert max(asked) <= 4
    assert sum(asked[20:]) <= 8
    assert robot.transfer.counters.timeouts > 0


def test_an_answer_that_a_chunk_is_not_held_has_another_asked_at_once():
    robot = Robot('r1', 0)
    blob = cut(b'abc')[0]
    robot.transfer.want(blob, ['r0'])
    robot.transfer.tick(1, {'r0', 'r2'})
    assert robot.carry_out() == [('r0', ChunksWanted((blob.root,)))]
    # From somebody who was not asked it means nothing.
    robot.transfer.receive('r2', ChunksNotHeld((blob.root,)))
    robot.transfer.receive('r0', ChunksNotHeld((blob.root,)))
    robot.transfer.tick(1, {'r0', 'r2'})
    assert robot.carry_out() == [('r2', ChunksWanted((blob.root,)))]
    # Nobody has it: it is asked for again after a while, and not in every tick.
    robot.transfer.receive('r2', ChunksNotHeld((blob.root,)))
    asked = 0
    for _ in range(4 * CONFIG.lacking_ticks):
        robot.transfer.tick(1, {'r0', 'r2'})
        for to, _ in robot.carry_out():
            asked += 1
            robot.transfer.receive(to, ChunksNotHeld((blob.root,)))
    assert 2 <= asked <= 10


def test_what_others_ask_for_is_queued_with_a_bound_and_a_turn_for_each():
    config = TransferConfig(serve_per_tick=2, served_per_robot_max=3, served_robots_max=2)
    robot = Robot('r0', 0, config)
    blob = give(robot, content(8 * CHUNK_BYTES))
    names = tuple(robot.kept)[:5]
    assert blob.root in robot.kept
    for sender in ('r1', 'r2', 'r3'):
        robot.transfer.receive(sender, ChunksWanted(names))
    assert robot.transfer.counters.not_served == 2 + 2 + 5
    # Asked twice, sent once.
    robot.transfer.receive('r1', ChunksWanted(names[:1]))
    order = []
    for _ in range(5):
        robot.transfer.tick(1, {'r1', 'r2', 'r3'})
        sent = robot.carry_out()
        assert len(sent) <= 2
        order += [to for to, _ in sent]
    assert order == ['r1', 'r2'] * 3
    assert robot.transfer.idle and robot.transfer.counters.served == 6


def test_more_blobs_than_may_wait_are_refused_and_a_few_are_fetched_at_once():
    config = TransferConfig(waiting_max=3, active_max=2)
    robot = Robot('r1', 0, config)
    blobs = [cut(content(10, n))[0] for n in range(4)]
    assert [robot.transfer.want(blob, ['r0']) for blob in blobs] == [True, True, True, False]
    robot.transfer.tick(1, {'r0'})
    assert robot.carry_out() == [('r0', ChunksWanted((blobs[0].root, blobs[1].root)))]
    robot.transfer.forget(blobs[0])
    robot.transfer.tick(1, {'r0'})
    assert robot.carry_out() == [('r0', ChunksWanted((blobs[2].root,)))]
    assert robot.transfer.want(blobs[3], ['r0'])


def test_a_window_that_no_message_could_ask_for_is_refused():
    with pytest.raises(ValueError, match='window_max is 65'):
        TransferConfig(window_max=HASHES_MAX + 1)
