"""The key-value store by services, topic, client and command line, with real robots."""

from __future__ import annotations

import asyncio
import io
import sys

from swarm_testing.robot_processes import RobotProcesses

from swarm_consensus.cli.main import main
from swarm_consensus.client import (
    KeyEventKind,
    ResultStatus,
    Status,
    SwarmClient,
)
from swarm_consensus.srv import KeyValue

PUT, DELETED, EXPIRED = KeyEventKind.PUT, KeyEventKind.DELETED, KeyEventKind.EXPIRED
# Generous: the machine may be busy.
WAIT_S = 60.0


async def taken(events, count):
    """The next events of an iterator, as (kind, key, value)."""
    found = [await asyncio.wait_for(anext(events), WAIT_S) for _ in range(count)]
    return [(event.kind, event.key, event.value) for event in found]


def test_what_one_robot_puts_the_others_read_compare_and_watch(swarm, probe):
    """Puts, compare-and-set, pages, leases by committed time, and each change told once."""

    async def one(client, two):
        made = await client.put('map/a', b'1')
        assert (made.status, made.result, made.version) == (Status.DECIDED, ResultStatus.DONE, 1)
        read = await two.get('map/a')
        assert read.item.value == b'1'
        assert (read.item.version, read.item.modified_index) == (1, made.index)
        swapped = await two.put('map/a', b'\0\xff', expected_version=1, expected_value=b'1')
        assert (swapped.done, swapped.version) == (True, 2)
        late = await client.put('map/a', b'3', expected_version=1)
        assert (late.status, late.result) == (Status.REFUSED, ResultStatus.CONFLICT)
        assert (late.version, late.modified_index) == (2, swapped.index)
        assert 'does not stand as expected' in late.reason
        by_index = await client.put('map/a', b'4', expected_index=swapped.index)
        assert by_index.version == 3
        again = [await client.put('map/b', b'b', request_id='mine') for _ in range(2)]
        assert again[0] == again[1]
        gone = await two.delete('map/b')
        assert (gone.done, gone.version) == (True, 0)
        assert (await two.delete('map/b')).result is ResultStatus.NOT_FOUND
        assert (await client.get('map/b')).item is None
        return again[0].index

    async def pages(client):
        for n in range(7):
            await client.put(f'page/{n}', b'x' * n)
        keys, after, rounds = [], '', 0
        while True:
            page = await client.range('page/', after=after, count_max=3)
            keys += [item.key for item in page.items]
            rounds += 1
            if not page.more:
                break
            after = page.items[-1].key
        assert (keys, rounds) == ([f'page/{n}' for n in range(7)], 3)
        part = await client.range(first='page/2', last='page/4', linearizable=False)
        assert [item.key for item in part.items] == ['page/2', 'page/3']
        assert (await client.range('page/', first='page/5')).items[0].key == 'page/5'
        assert not (await client.range('nothing/')).items

    async def leases(client, events):
        # Longer than a full machine takes for what is done before it expires.
        lease = (await client.grant(4.0)).lease
        assert (await client.put('lease/a', b'', lease=lease)).done
        assert (await client.put('lease/b', b'', lease=lease)).done
        kept = await client.keep_alive(lease)
        assert (kept.lease, kept.ttl) == (lease, 4.0)
        assert (await client.get('lease/a')).item.lease == lease
        assert await taken(events, 4) == [
            (PUT, 'lease/a', b''),
            (PUT, 'lease/b', b''),
            (EXPIRED, 'lease/a', b''),
            (EXPIRED, 'lease/b', b''),
        ]
        assert (await client.keep_alive(lease)).result is ResultStatus.LEASE_NOT_FOUND
        other = (await client.grant(60.0, lease=7)).lease
        assert other == 7
        await client.put('lease/c', b'c', lease=7)
        assert (await client.revoke(7)).done
        assert (await client.get('lease/c')).item is None
        assert await taken(events, 2) == [(PUT, 'lease/c', b'c'), (DELETED, 'lease/c', b'')]

    async def everything():
        async with SwarmClient.connect('robot_1') as first, SwarmClient.connect(
            'robot_2'
        ) as second, SwarmClient.connect('robot_3') as third:
            maps = third.key_events('map/')
            index = await one(first, second)
            assert await taken(maps, 5) == [
                (PUT, 'map/a', b'1'),
                (PUT, 'map/a', b'\0\xff'),
                (PUT, 'map/a', b'4'),
                (PUT, 'map/b', b'b'),
                (DELETED, 'map/b', b''),
            ]
            # Also for one who comes late, from an index on.
            assert await taken(third.key_events('map/', from_index=index), 2) == [
                (PUT, 'map/b', b'b'),
                (DELETED, 'map/b', b''),
            ]
            await pages(second)
            await leases(first, second.key_events('lease/'))

    asyncio.run(everything())


def test_a_put_is_read_after_the_leader_was_killed(swarm, probe):
    """And a watch at the robot that was killed goes on behind what it told before, once each."""
    leader = probe.leader()
    other = next(robot for robot in swarm.names if robot != leader)

    async def everything():
        async with SwarmClient.connect(leader) as at_leader, SwarmClient.connect(other) as there:
            events = at_leader.key_events()
            assert (await at_leader.put('k', b'1')).done
            assert await taken(events, 1) == [(PUT, 'k', b'1')]
            swarm.kill([leader])
            read = await there.get('k', timeout=WAIT_S)
            assert (read.status, read.value) == (Status.DECIDED, b'1')
            assert (await there.put('k', b'2', expected_version=1, timeout=WAIT_S)).done
            swarm.start(leader)
            assert await taken(events, 1) == [(PUT, 'k', b'2')]

    asyncio.run(everything())


def test_a_snapshot_that_jumped_over_changes_is_told(processes):
    """A robot that comes when the log no longer reaches back says COMPACTED, then goes on."""
    swarm = RobotProcesses(processes, 3, {'snapshot_entries': 20, 'trailing_entries': 5})
    *rest, away = swarm.names
    for robot in rest:
        swarm.start(robot)

    async def fill():
        # They have only just been started.
        async with SwarmClient.connect(rest[0], timeout=WAIT_S) as client:
            assert (await client.put('k', b'1', timeout=WAIT_S)).done
            for n in range(60):
                await client.put('busy', bytes([n]), timeout=WAIT_S)
            swarm.start(away)
            async with SwarmClient.connect(away, timeout=WAIT_S) as late:
                events = late.key_events()
                compacted = await asyncio.wait_for(anext(events), WAIT_S)
                assert compacted.kind is KeyEventKind.COMPACTED
                await client.put('k', b'2', timeout=WAIT_S)
                told = await asyncio.wait_for(anext(events), WAIT_S)
                while told.key != 'k':
                    assert (told.key, told.kind) == ('busy', PUT)
                    told = await asyncio.wait_for(anext(events), WAIT_S)
                assert (told.kind, told.value) == (PUT, b'2')
                assert told.index >= compacted.index
                assert (await late.get('busy', timeout=WAIT_S)).value == bytes([59])

    asyncio.run(fill())


def test_wrong_requests_say_what_is_wrong_and_the_command_line_does_the_right_ones(
    swarm, probe, capfd, monkeypatch
):
    """At the service by its reason, on the command line by exit code and message."""
    client = probe.node.create_client(KeyValue, '/robot_1/key_value')
    probe.wait_for(client.service_is_ready)

    def refused(**fields):
        asked = client.call_async(KeyValue.Request(**fields))
        probe.wait_for(asked.done)
        answer = asked.result()
        assert (answer.status, answer.result) == (Status.REFUSED, KeyValue.Response.NOT_ASKED)
        return answer.reason

    assert refused(operation=0) == '0 is no operation of the key-value store'
    assert 'the key has 0 characters' in refused(operation=KeyValue.Request.PUT)
    assert 'the key has 257 characters' in refused(operation=2, key='k' * 257)
    assert 'expected version -2' in refused(operation=1, key='k', expected_version=-2)
    for ttl in (0.0, -1.0, float('nan'), 1e9):
        assert 'the ttl is' in refused(operation=KeyValue.Request.GRANT, ttl=ttl)
    assert 'the lease is 0' in refused(operation=KeyValue.Request.KEEP_ALIVE)
    assert 'value_bytes_max' in refused(operation=1, key='k', value=bytes(40_000))
    assert 'timeout' in refused(operation=1, key='k', timeout=0.0)
    assert refused(operation=5, lease=2**64 - 1)

    def kv(*words):
        code = main(['kv', *words])
        return (code, *capfd.readouterr())

    code, out, error = kv('put', 'a', 'text', '--robot', 'robot_1')
    assert (code, error) == (0, '') and out.startswith('v1 at index ')
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(b'\xff\n')))
    code, out, error = kv('put', 'b', '-', '--robot', 'robot_2')
    assert (code, error) == (0, '')
    code, out, error = kv('put', 'a', 'x', '--if-version', '0', '--robot', 'robot_2')
    assert (code, out) == (1, '')
    assert error == 'CONFLICT: the key does not stand as expected (it has version 1)\n'
    assert kv('get', 'a', '--robot', 'robot_3') == (0, 'text', '')
    assert kv('get', 'c', '--local', '--robot', 'robot_3') == (1, '', "there is no key 'c'\n")
    code, out, error = kv('list', '--robot', 'robot_3')
    assert [row.split(maxsplit=3) for row in out.splitlines()] == [
        ['v1', '-', 'a', 'text'],
        ['v1', '-', 'b', '<2 bytes>'],
    ]
    code, out, error = kv('delete', 'b', '--robot', 'robot_1')
    assert (code, error) == (0, '')
    code, out, error = kv('watch', '--past', '--count', '3', '--robot', 'robot_2')
    assert (code, error) == (0, '')
    assert [row.split()[1:] for row in out.splitlines()] == [
        ['PUT', 'a', 'v1', 'text'],
        ['PUT', 'b', 'v1', '<2', 'bytes>'],
        ['DELETED', 'b'],
    ]
