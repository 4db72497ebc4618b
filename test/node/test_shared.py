"""The shared state by services, topic, client and command line, with real robots over DDS."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
import itertools
import time

import pytest
from swarm_testing import shared_checks
from swarm_testing.fleet import Fleet, on_hosts
from swarm_testing.namespaces import Namespaces
from swarm_testing.robot_processes import RobotProcesses

from swarm_consensus.cli.main import main
from swarm_consensus.client import SharedEvent, SharedItem, SharedKind, Status, SwarmClient
from swarm_consensus.srv import SharedChange

# Generous: the machine may be busy.
WAIT_S = 60.0
CUT_S = 20.0
# From the heal on; the bridge, DDS and the swarm have to find each other again first.
AGREE_S = 2.0
# Nobody asks robots anything for so long: they say themselves when they learned what.
ALONE_S = 2 * AGREE_S


async def until(condition) -> None:
    """Wait until a coroutine function says so."""
    end = time.monotonic() + WAIT_S
    while not await condition():
        assert time.monotonic() < end, 'it does not come to be'
        await asyncio.sleep(0.02)


def test_what_one_robot_writes_the_others_read_and_watch_and_a_kill_loses_nothing(swarm, probe):
    """Also at a robot that is alone."""

    async def everything():
        async with SwarmClient.connect('robot_1') as one, SwarmClient.connect('robot_2') as two:
            changes = two.shared.changes('map/')
            # The first write of a robot waits until it has looked how the others stand.
            assert (await one.shared.put('other', b'', timeout=WAIT_S)).done

            async def heard():
                # Until DDS has matched the watch, changes are told to nobody.
                await one.shared.put('map/first', b'', timeout=WAIT_S)
                try:
                    await asyncio.wait_for(anext(changes), 0.5)
                except TimeoutError:
                    return False
                return True

            await until(heard)
            assert (await one.shared.put('map/dock', b'east')).done
            while (told := await asyncio.wait_for(anext(changes), WAIT_S)).key == 'map/first':
                pass
            dock = SharedItem('map/dock', SharedKind.REGISTER, (b'east',))
            assert told == SharedEvent('map/dock', (dock,))
            assert told.value == b'east'
            assert (await two.shared.get('map/dock')).value == b'east'
            await two.shared.add('map/seen', b'x')
            await two.shared.grow('map/seen', b'\0\xff')
            await two.shared.assign('map/name', b'a')
            again = [await two.shared.increment('count', 5, request_id='mine') for _ in range(3)]
            assert all(answer.done for answer in again)

            async def arrived():
                # Each comes by itself: what a lost frame had in it comes later than what follows.
                return (
                    (await one.shared.get('count')).count == 5
                    and (await one.shared.get('map/seen')).elements == {b'x', b'\0\xff'}
                    and (await one.shared.get('map/name')).values == (b'a',)
                )

            await until(arrived)
            assert (await one.shared.discard('map/seen', b'x')).found
            assert not (await one.shared.discard('map/seen', b'x')).found
            keys, after, more = [], '', True
            while more:
                page = await one.shared.list('map/', after=after, count_max=1)
                keys += [item.key for item in page.items]
                after, more = page.items[-1].key, page.more
            assert keys == ['map/dock', 'map/first', 'map/name', 'map/seen']
            refused = await one.shared.put('k', bytes(40_000))
            assert (refused.status, 'the value has 40000 bytes' in refused.reason) == (
                Status.REFUSED,
                True,
            )
            # What was acknowledged survives, also where nobody else has it.
            swarm.kill(['robot_2', 'robot_3'])
            assert (await one.shared.put('alone', b'1')).done
            swarm.kill(['robot_1'])
            swarm.start('robot_1')

            async def back():
                return (await one.shared.get('alone', timeout=WAIT_S)).value == b'1'

            await until(back)
            assert (await one.shared.get('count')).count == 5
            # Nor is a request done twice that is repeated after the reboot of its robot.
            swarm.start('robot_2')
            answer = await two.shared.increment('count', 5, request_id='mine', timeout=WAIT_S)
            assert answer.done and (await two.shared.get('count')).count == 5
            assert (await two.shared.remove('map/')).found

            async def gone():
                found = await one.shared.list('map/')
                return not found.items and (await two.shared.get('alone')).value == b'1'

            await until(gone)

    asyncio.run(everything())


def test_the_command_line_does_what_it_says(swarm, probe, capfd):
    def state(*words: str):
        code = main(['state', *words])
        return (code, *capfd.readouterr())

    client = probe.node.create_client(SharedChange, '/robot_1/shared_change')
    probe.wait_for(client.service_is_ready)
    asked = client.call_async(SharedChange.Request(operation=0, key='k'))
    probe.wait_for(asked.done)
    assert asked.result().reason == '0 is no operation of the shared state'
    assert state('put', 'a', 'text', '--robot', 'robot_1') == (0, '', '')
    assert state('put', 'a', 'more', '--all', '--robot', 'robot_1') == (0, '', '')
    assert state('add', 'b', 'x', '--robot', 'robot_1') == (0, '', '')
    assert state('add', 'b', 'y', '--grow-only', '--robot', 'robot_1') == (0, '', '')
    assert state('increment', 'c', '-3', '--robot', 'robot_1') == (0, '', '')
    code, out, error = state('list', '--robot', 'robot_1')
    assert (code, error) == (0, '')
    assert out.splitlines() == [
        'register  a  text',
        'multi     a  more',
        'grow_set  b  y',
        'add_set   b  x',
        'counter   c  -3',
    ]
    assert state('get', 'a', '--raw', '--robot', 'robot_1') == (0, 'text', '')
    assert state('remove', 'b', '--element', 'x', '--robot', 'robot_1') == (0, '', '')
    assert state('remove', 'a', '--robot', 'robot_1') == (0, '', '')
    assert state('remove', 'a', '--robot', 'robot_1') == (1, '', 'there was nothing\n')
    code, out, error = state('get', 'a', '--robot', 'robot_1')
    assert (code, out, error) == (1, '', "there is nothing under 'a'\n")
    code, out, error = state('put', '', 'x', '--robot', 'robot_1')
    assert (code, out) == (1, '') and error.startswith('REFUSED: the key has 0 characters')


# -- networks --------------------------------------------------------------------------------------


@pytest.fixture
def fleet(processes) -> Iterator[Fleet]:
    """Six robots on six hosts."""
    with on_hosts(processes, Namespaces(6)) as hosts:
        robots = RobotProcesses(processes, 6)
        with Fleet(hosts, robots, processes) as fleet:
            yield fleet


@pytest.mark.slow
@pytest.mark.alone
def test_six_robots_cut_in_halves_write_on_and_agree_two_seconds_after_the_heal(fleet):
    """
    Nothing is lost of what either half wrote while it was cut off for 20 s.

    Each robot stamps what it tells of changes. When it has told the last of all that it knows in
    the end, it knew all.
    """
    fleet.wait_until_ready(fleet.names)
    for robot in fleet.names:
        fleet.at(robot, shared_checks.listen)
    for robot in fleet.names:
        fleet.at(robot, shared_checks.change, SharedChange.Request.PUT, f'home/{robot}', b'1')
    homes = 2 * len(fleet.names)
    for robot in fleet.names:
        fleet.at(robot, shared_checks.wait_for_registers, homes)
    sides = [(one, other) for half in (fleet.names[:3], fleet.names[3:])
             for one, other in itertools.permutations(half, 2)]  # fmt: skip

    def found() -> int:
        return sum(fleet.printed(one).count(f'{other} is there') for one, other in sides)

    before = found()
    fleet.hosts.cut_off([0, 1, 2])
    writing = [fleet.begin(robot, shared_checks.write_on, 'cut', CUT_S) for robot in fleet.names]
    written = [future.result(CUT_S + 60.0) for future in writing]
    total = sum(written)
    assert min(written) > 20
    # Either half comes to know all that it wrote, and nothing else.
    for robot, own in (('robot_1', sum(written[:3])), ('robot_6', sum(written[3:]))):
        end = time.monotonic() + WAIT_S
        while fleet.at(robot, shared_checks.size) != (own + homes, own, own):
            assert time.monotonic() < end, f'{robot} does not know the {own} of its half'
    # Nobody was missed in its own half: who is out of reach holds nobody up. That the machine
    # holds up a robot, so that it and two others miss each other, may happen once.
    assert found() - before <= 4
    healed = time.time()
    fleet.hosts.heal()
    time.sleep(ALONE_S)
    end = time.monotonic() + WAIT_S
    while {fleet.at(robot, shared_checks.size) for robot in fleet.names} != {
        (total + homes, total, total)
    }:
        assert time.monotonic() < end, f'they do not know all {total}'
    everything = [fleet.at(robot, shared_checks.contents) for robot in fleet.names]
    assert all(each == everything[0] for each in everything)
    # What began the hearing of one robot may have been there before another one was heard.
    since = {key: it for key, it in everything[0].items() if not key[0].startswith('heard/')}
    took = {
        robot: fleet.at(robot, shared_checks.told_all_at, since) - healed
        for robot in fleet.names
    }
    print(f'{total} writes of each kind; agreed after {max(took.values()):.2f} s: {took}')
    assert max(took.values()) <= AGREE_S
