"""The shared state at real runtimes on virtual time: durable, cut off, rebooted, full, settled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.crdt import Action, Item, Kind, Operation
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import (
    Notice,
    SharedAnswered,
    SharedAsked,
    SharedEvent,
    SharedReadAnswered,
    SharedReadAsked,
    SharedTold,
    SharedWatchAsked,
    SharedWatchCancelled,
    SharedWatchTaken,
    StatusReport,
)
from swarm_consensus.runtime.shared import SETTLED_KEY
from swarm_consensus.runtime.shared_requests import REMEMBERED_MAX
from swarm_consensus.simulation.network import Faults
from swarm_consensus.storage.memory import DurabilityPoint


class SharedSwarm(Swarm):
    """A swarm whose users share state."""

    count = 0

    def do(
        self, robot: str, action: Action, key: str, content: bytes = b'', amount: int = 0
    ) -> int:
        """Ask a robot for a change; returns the key of the answer."""
        self.count += 1
        asked = SharedAsked(self.count, Operation(action, key, content, amount), 2 * SECOND)
        self.world.put(robot, asked)
        return self.count

    def put(self, robot: str, key: str, value: bytes) -> int:
        return self.do(robot, Action.PUT, key, value)

    def answer(self, key: int) -> SharedAnswered | None:
        found = [o for _, _, o in self.told if isinstance(o, SharedAnswered) and o.key == key]
        assert len(found) <= 1
        return found[0] if found else None

    def done(self, key: int) -> bool:
        answer = self.answer(key)
        return answer is not None and answer.status is Status.DECIDED

    def read(self, robot: str, prefix: str = '') -> dict[str, tuple[Item, ...]]:
        self.count += 1
        self.world.put(robot, SharedReadAsked(self.count, '', prefix, '', 1000))
        answer = self.outputs(robot, SharedReadAnswered)[-1]
        assert answer.key == self.count
        found: dict[str, tuple[Item, ...]] = {}
        for item in answer.items:
            found[item.key] = (*found.get(item.key, ()), item)
        return found

    def values(self, robot: str) -> dict[str, bytes]:
        return {
            key: item.values[0]
            for key, items in self.read(robot).items()
            for item in items
            if item.kind is Kind.REGISTER
        }

    def states(self) -> set[bytes]:
        found = set()
        for robot in self.robots:
            runtime = self.world.runtime(robot)
            if runtime is not None:
                found.add(runtime._shared.replica.state.encode())
        return found

    def run_until(self, condition: Callable[[], bool], seconds: float = 10.0) -> float:
        """Let time pass until something holds; returns how long it took."""
        for step in range(int(seconds * 20)):
            if condition():
                return step / 20
            self.run(0.05)
        raise AssertionError(f'not within {seconds} s')

    def until_equal(self, seconds: float = 10.0) -> float:
        return self.run_until(lambda: len(self.states()) == 1, seconds)


@pytest.fixture
def swarm() -> SharedSwarm:
    swarm = SharedSwarm(3)
    swarm.run(2.0)
    return swarm


def test_what_one_robot_writes_all_read_in_every_type(swarm: SharedSwarm) -> None:
    """Within one flight of a frame; nobody is asked, so a robot alone is answered at once, too."""
    keys = [
        swarm.put('r1', 'map/dock', b'east'),
        swarm.do('r2', Action.ASSIGN, 'map/dock', b'm'),
        swarm.do('r2', Action.ADD, 'seen', b'x'),
        swarm.do('r3', Action.ADD, 'seen', b'y'),
        swarm.do('r3', Action.GROW, 'seen', b'z'),
        swarm.do('r3', Action.INCREMENT, 'count', amount=5),
        swarm.do('r1', Action.INCREMENT, 'count', amount=-2),
    ]
    assert all(map(swarm.done, keys))
    swarm.run(0.1)
    for robot in swarm.robots:
        assert swarm.read(robot) == {
            'count': (Item('count', Kind.COUNTER, (), 3),),
            'map/dock': (
                Item('map/dock', Kind.REGISTER, (b'east',)),
                Item('map/dock', Kind.MULTI, (b'm',)),
            ),
            'seen': (
                Item('seen', Kind.GROW_SET, (b'z',)),
                Item('seen', Kind.ADD_SET, (b'x', b'y')),
            ),
        }
    assert swarm.read('r1', 'map/').keys() == {'map/dock'}
    swarm.do('r1', Action.DISCARD, 'seen', b'x')
    swarm.do('r1', Action.REMOVE, 'map/')
    swarm.run(0.1)
    assert swarm.read('r3').keys() == {'count', 'seen'}
    assert swarm.read('r3')['seen'][1].values == (b'y',)
    missing = swarm.answer(swarm.do('r2', Action.REMOVE, 'map/'))
    assert missing == SharedAnswered(missing.key, Status.DECIDED, '', found=False)


def test_a_robot_cut_off_goes_on_and_nothing_is_lost_when_it_is_back(swarm: SharedSwarm) -> None:
    swarm.put('r1', 'k', b'1')
    swarm.run(0.2)
    swarm.world.network.split([{'r1', 'r2'}, {'r3'}])
    for number in range(100):
        assert swarm.done(swarm.put('r3', f'alone/{number}', b'x'))
        assert swarm.done(swarm.put('r1', f'two/{number}', b'y'))
        swarm.run(0.05)
    assert len(swarm.values('r3')) == 101
    swarm.world.network.heal()
    assert swarm.until_equal() <= 2.0
    assert len(swarm.values('r2')) == 201


@pytest.mark.parametrize('point', list(DurabilityPoint))
def test_what_was_acknowledged_survives_a_kill_at_any_point_of_a_write(
    point: DurabilityPoint,
) -> None:
    """And what was not, is there as a whole or not at all; no dot is made twice."""
    swarm = SharedSwarm(3, seed=5)
    swarm.run(2.0)
    assert swarm.done(swarm.put('r1', 'k', b'1'))
    swarm.run(0.2)
    runtime = swarm.world.runtime('r1')
    name = runtime._shared.replica.name
    disk = swarm.world.disk('r1')
    crash = disk.crash_at
    disk.crash_at = lambda at, persist: at is point
    asked = swarm.put('r1', 'k', b'2')
    disk.crash_at = crash
    assert swarm.world.runtime('r1') is None and swarm.answer(asked) is None
    swarm.world.start('r1')
    swarm.run(2.0)
    swarm.until_equal()
    expected = b'2' if point is DurabilityPoint.AFTER_WRITE else b'1'
    assert {swarm.values(robot)['k'] for robot in swarm.robots} == {expected}
    assert swarm.done(swarm.put('r1', 'k', b'3'))
    swarm.until_equal()
    assert swarm.values('r2')['k'] == b'3'
    assert swarm.world.runtime('r1')._shared.replica.name == name


@pytest.mark.parametrize('way', ['damaged', 'emptied'])
def test_a_robot_whose_store_is_gone_comes_back_under_another_name(way: str) -> None:
    """It gets back what others had heard of; its old name is settled, and takes no room."""
    swarm = SharedSwarm(3, seed=6)
    swarm.run(2.0)
    for number in range(5):
        assert swarm.done(swarm.put('r3', f'k/{number}', b'1'))
    swarm.run(0.5)
    name = swarm.world.runtime('r3')._shared.replica.name
    swarm.world.crash('r3')
    if way == 'damaged':
        swarm.world.disk('r3').damaged = 'somewhere'
    else:
        swarm.world.replace_disk('r3')
        swarm.reconfigure('r3', rejoin=True)
    swarm.world.start('r3')
    swarm.run(3.0)
    assert swarm.done(swarm.put('r3', 'k/0', b'2'))
    swarm.until_equal()
    assert swarm.values('r1') == {'k/0': b'2'} | {f'k/{n}': b'1' for n in range(1, 5)}
    replica = swarm.world.runtime('r3')._shared.replica
    assert replica.name != name
    assert name in replica.state.context.rows
    # The leader settles it by the log.
    swarm.run_until(lambda: all(self_level(swarm, robot) == 1 for robot in swarm.robots), 60.0)
    swarm.until_equal()
    # The leader, who has proposed it, has a name by that.
    assert name not in replica.state.context.rows and len(replica.state.context.rows) <= 2
    assert len(swarm.values('r1')) == 5
    assert not [o for _, _, o in swarm.told if isinstance(o, Notice) and 'given up' in o.text]


def self_level(swarm: SharedSwarm, robot: str) -> int:
    return swarm.world.runtime(robot)._shared.replica.level


def test_a_robot_that_is_silent_for_long_is_settled_and_comes_back_with_all_it_wrote() -> None:
    swarm = SharedSwarm(3, seed=7, shared_retire_ns=20 * SECOND)
    swarm.run(2.0)
    for robot in swarm.robots:
        swarm.put(robot, robot, b'1')
    swarm.until_equal()
    swarm.world.network.split([{'r1', 'r2'}, {'r3'}])
    assert swarm.done(swarm.put('r3', 'late', b'1'))
    swarm.run_until(lambda: self_level(swarm, 'r1') == 1 == self_level(swarm, 'r2'), 90.0)
    assert len(swarm.world.runtime('r1')._shared.replica.state.context.rows) == 2
    swarm.world.network.heal()
    swarm.until_equal(30.0)
    assert swarm.values('r1') == {'r1': b'1', 'r2': b'1', 'r3': b'1', 'late': b'1'}
    # A reboot keeps the level.
    swarm.world.crash('r2')
    swarm.world.start('r2')
    swarm.run(1.0)
    assert self_level(swarm, 'r2') == 1
    swarm.until_equal()


def test_nobody_is_settled_without_a_quorum(swarm: SharedSwarm) -> None:
    swarm.reconfigure('r1', shared_retire_ns=5 * SECOND)
    swarm.world.crash('r1')
    swarm.world.start('r1')
    swarm.run(2.0)
    for robot in swarm.robots:
        swarm.put(robot, robot, b'1')
    swarm.run(1.0)
    swarm.world.network.split([{'r1'}, {'r2', 'r3'}])
    swarm.run(120.0)
    assert self_level(swarm, 'r1') == 0
    assert swarm.done(swarm.put('r1', 'still', b'1'))


def test_a_full_disk_refuses_writes_and_goes_on_when_there_is_room(swarm: SharedSwarm) -> None:
    assert swarm.done(swarm.put('r1', 'k', b'1'))
    swarm.run(0.1)
    swarm.world.disk('r1').full = True
    first = swarm.put('r1', 'k', b'2')
    assert swarm.answer(first) is None
    second = swarm.answer(swarm.put('r1', 'k', b'3'))
    assert second.status is Status.REFUSED and 'disk' in second.reason
    swarm.run(3.0)
    assert swarm.answer(first).status is Status.UNKNOWN
    assert swarm.values('r2')['k'] == b'1'
    swarm.put('r2', 'other', b'1')
    swarm.world.disk('r1').full = False
    swarm.run(1.0)
    swarm.until_equal()
    assert swarm.values('r3') == {'k': b'2', 'other': b'1'}


def test_a_request_that_is_repeated_is_done_once_also_after_a_reboot(swarm: SharedSwarm) -> None:
    def ask(request_id: str) -> SharedAnswered | None:
        swarm.count += 1
        operation = Operation(Action.INCREMENT, 'count', amount=1)
        swarm.world.put('r1', SharedAsked(swarm.count, operation, SECOND, request_id))
        return swarm.answer(swarm.count)

    for number in range(REMEMBERED_MAX + 10):
        assert ask(f'id{number}').status is Status.DECIDED
    assert ask('id500').status is Status.DECIDED
    swarm.world.crash('r1')
    swarm.world.start('r1')
    swarm.run(1.0)
    assert ask(f'id{REMEMBERED_MAX + 9}').status is Status.DECIDED
    assert ask('id10').status is Status.DECIDED
    assert swarm.read('r1')['count'][0].count == REMEMBERED_MAX + 10
    # What is older than those that are remembered is done again.
    ask('id9')
    assert swarm.read('r1')['count'][0].count == REMEMBERED_MAX + 11
    records = [k for k in swarm.world.disk('r1').record_keys if k.startswith('shared_request/')]
    assert len(records) == REMEMBERED_MAX
    assert 'the request id has' in ask('x' * 257).reason


def test_wrong_requests_are_refused_at_once_with_the_reason(swarm: SharedSwarm) -> None:
    for operation, reason in (
        (Operation(Action.PUT, 'k', bytes(40_000)), 'the value has 40000 bytes'),
        (Operation(Action.PUT, '', b''), 'the key has 0 characters'),
        (Operation(Action.ADD, 'k', bytes(2_000)), 'the element has 2000 bytes'),
        (Operation(Action.INCREMENT, 'k', b'', 2**63), 'the counter would leave'),
    ):
        swarm.count += 1
        swarm.world.put('r1', SharedAsked(swarm.count, operation, SECOND))
        answer = swarm.answer(swarm.count)
        assert answer.status is Status.REFUSED and reason in answer.reason
    swarm.world.put('r1', SharedAsked(99, Operation(Action.PUT, 'k'), 0))
    assert 'timeout' in swarm.answer(99).reason
    assert swarm.states() == {b'\0' * 8 + b'\xff\xff'}


def test_a_full_state_refuses_new_keys_and_lets_old_ones_change_and_go() -> None:
    swarm = SharedSwarm(2, seed=8, shared_bytes_max=20_000)
    swarm.run(2.0)
    answers = [swarm.answer(swarm.put('r1', f'k/{n}', bytes(1_000))) for n in range(20)]
    refused = [answer for answer in answers if answer.status is Status.REFUSED]
    assert 5 < len(refused) < 15 and 'remove keys' in refused[0].reason
    assert swarm.done(swarm.put('r1', 'k/0', b'2'))
    assert swarm.done(swarm.do('r1', Action.REMOVE, 'k/'))
    assert swarm.done(swarm.put('r1', 'k/19', bytes(1_000)))


def test_a_watch_is_told_the_newest_of_each_key_and_one_that_is_slow_never_misses_it(
    swarm: SharedSwarm,
) -> None:
    def told(key: int) -> list[SharedEvent]:
        found = [o for _, _, o in swarm.told if isinstance(o, SharedTold) and o.key == key]
        return [event for one in found for event in one.events]

    swarm.put('r2', 'a/before', b'1')
    swarm.run(0.1)
    swarm.world.put('r1', SharedWatchAsked(7, 'a/'))
    swarm.put('r2', 'a/k', b'1')
    swarm.put('r2', 'b/k', b'1')
    swarm.run(0.1)
    swarm.do('r3', Action.REMOVE, 'a/k')
    swarm.run(0.1)
    assert told(7) == [
        SharedEvent('a/k', (Item('a/k', Kind.REGISTER, (b'1',)),)),
        SharedEvent('a/k', ()),
    ]
    # Nothing is taken: it is told of a thousand, and the rest waits, each key once.
    for number in range(1_500):
        swarm.put('r1', f'a/{number % 1_200}', b'%d' % number)
    assert len(told(7)) == 1_000
    swarm.world.put('r1', SharedWatchTaken(7, 1_000))
    late = told(7)[1_000:]
    # Keys that changed again after they were told wait a second time.
    newest = {event.key: event.items[0].values[0] for event in late}
    assert newest['a/1199'] == b'1199' and newest['a/10'] == b'1210'
    swarm.world.put('r1', SharedWatchCancelled(7))
    swarm.put('r1', 'a/k', b'9')
    assert len(told(7)) == 1_000 + len(late)


def test_faults_of_the_radio_end_in_equal_bytes_after_the_heal() -> None:
    for seed in range(5):
        swarm = SharedSwarm(5, seed, Faults(loss=0.3, duplication=0.1))
        swarm.run(3.0)
        for number in range(60):
            robot = swarm.robots[number % 5]
            swarm.put(robot, f'{robot}/{number}', b'x')
            swarm.do(robot, Action.INCREMENT, 'count', amount=1)
            if number % 7 == 0:
                swarm.do(robot, Action.REMOVE, f'{swarm.robots[(number + 1) % 5]}/')
            if number == 20:
                swarm.world.network.split([{'r1', 'r2'}, {'r3', 'r4', 'r5'}])
            if number in (30, 45):
                swarm.world.crash('r4')
                swarm.world.start('r4')
            if number == 40:
                swarm.world.network.heal()
            swarm.run(0.2)
        swarm.world.network.heal()
        swarm.until_equal(20.0)
        done = [o for _, _, o in swarm.told if isinstance(o, SharedAnswered)]
        assert swarm.read('r1')['count'][0].count == 60, f'seed {seed}'
        assert all(answer.status is Status.DECIDED for answer in done)


def test_a_swarm_that_shares_nothing_says_nothing_about_it(swarm: SharedSwarm) -> None:
    swarm.run(30.0)
    report = swarm.outputs('r1', StatusReport)[-1].status
    assert not [name for name in report.evidence_dropped if name.startswith('SHARED')]
    assert swarm.world.runtime('r1')._state.keyvalue.get(SETTLED_KEY) is None
    for robot in swarm.robots:
        assert not swarm.world.runtime(robot)._shared.replica.used
