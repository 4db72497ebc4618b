"""The key-value store as robots serve it: over the real runtime on virtual time."""

from __future__ import annotations

from random import Random

import pytest
from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.decision import ledger as ledger_module
from swarm_consensus.decision.replicated import EXPIRED, ReplicatedState
from swarm_consensus.decision.types import Status, keyvalue_command
from swarm_consensus.protocols.keyvalue import (
    Delete,
    EventKind,
    Expected,
    Grant,
    KeepAlive,
    Put,
    Result,
    ResultStatus,
    WatchEnd,
    WatchEnded,
    prefix_end,
)
from swarm_consensus.protocols.keyvalue import watch as watch_module
from swarm_consensus.protocols.raft import Raft, RaftConfig, Restored
from swarm_consensus.runtime.config import MILLISECOND, SECOND, RuntimeConfig
from swarm_consensus.runtime.desk import ID_USED
from swarm_consensus.runtime.events import (
    KeyValueAnswered,
    KeyValueAsked,
    Output,
    WatchAsked,
    WatchBegun,
    WatchCancelled,
    WatchTaken,
    WatchTold,
)
from swarm_consensus.runtime.keyvalue_desk import KeyValueDesk
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.runtime.snapshots import encode_state, restore_state
from swarm_consensus.simulation.network import Faults


def done(swarm: Swarm, key: int) -> KeyValueAnswered:
    """The answer to a change, which is there."""
    answer = swarm.changed(key)
    assert answer is not None
    return answer


def test_what_one_robot_puts_every_robot_reads() -> None:
    """In order of the keys, linearizably at every robot, with equal versions."""
    swarm = Swarm(3)
    swarm.elect()
    for robot, name in zip(swarm.robots, 'bca', strict=True):
        key = swarm.change(robot, Put(f'map/{name}', name.encode()))
        swarm.run(0.3)
        assert done(swarm, key).status is Status.DECIDED
    reads = [swarm.range(robot, 'map/', prefix_end('map/')) for robot in swarm.robots]
    swarm.run(0.3)
    answers = [swarm.ranged(key) for key in reads]
    for answer in answers:
        assert answer is not None and answer.status is Status.DECIDED
        assert [(i.key, i.value, i.version) for i in answer.items] == [
            ('map/a', b'a', 1),
            ('map/b', b'b', 1),
            ('map/c', b'c', 1),
        ]
    assert len(set(swarm.digests().values())) == 1


def test_of_two_that_expect_the_same_version_one_succeeds() -> None:
    """The other is told how the key stands."""
    swarm = Swarm(3)
    swarm.elect()
    keys = [
        swarm.change(robot, Put('k', robot.encode(), expected=Expected(version=0)))
        for robot in swarm.robots
    ]
    swarm.run(0.5)
    answers = [done(swarm, key) for key in keys]
    assert sorted(a.status for a in answers) == [Status.DECIDED, Status.REFUSED, Status.REFUSED]
    for answer in answers:
        assert answer.result is not None and answer.result.version == 1
        if answer.status is Status.REFUSED:
            assert answer.result.status is ResultStatus.CONFLICT
            assert 'does not stand as expected' in answer.reason


@pytest.mark.parametrize('robot', ['r1', 'r2', 'r3'])
def test_a_repetition_gets_the_first_outcome_at_any_robot(robot: str) -> None:
    """And changes nothing; also where the id was one of another kind."""
    swarm = Swarm(3)
    swarm.elect()
    first = swarm.change('r1', Put('k', b'1'), 'mine#1')
    swarm.run(0.3)
    again = swarm.change(robot, Put('k', b'2'), 'mine#1')
    other = swarm.propose(robot, 'x', request_id='mine#1')
    late = swarm.change(robot, Put('k', b'3'), 'yours#2')
    swarm.run(0.3)
    assert done(swarm, again).result == done(swarm, first).result
    refused = swarm.proposed(other)
    assert refused is not None and refused.reason == ID_USED
    assert done(swarm, late).reason == EXPIRED
    read = swarm.range(robot)
    swarm.run(0.3)
    answer = swarm.ranged(read)
    assert answer is not None and [(i.value, i.version) for i in answer.items] == [(b'1', 1)]


def test_a_proposal_and_a_change_of_one_id_at_once_are_both_answered() -> None:
    """Only the first of them is done."""
    swarm = Swarm(3)
    swarm.elect()
    proposal = swarm.propose('r2', 'x', request_id='same')
    change = swarm.change('r2', Put('k', b''), 'same')
    swarm.run(0.5)
    decided = swarm.proposed(proposal)
    assert decided is not None and decided.status is Status.DECIDED
    assert done(swarm, change).reason == ID_USED


@pytest.mark.parametrize(
    ('operation', 'reason'),
    [
        (Put('k' * 257, b''), 'KeyValueCommand'),
        (Put('', b''), 'out of its bounds'),
        (Put('k', b'v' * 40_000), 'value_bytes_max'),
        (Put('k', b'', lease=9), 'no such lease'),
        (Delete('k'), 'no such key'),
        (KeepAlive(9), 'no such lease'),
        (Grant(0), 'out of its bounds'),
    ],
)
def test_wrong_changes_are_refused_with_the_reason(operation: Put, reason: str) -> None:
    """Each is answered."""
    swarm = Swarm(1)
    swarm.elect()
    key = swarm.change('r1', operation)
    swarm.run(0.3)
    answer = done(swarm, key)
    assert answer.status is Status.REFUSED and reason in answer.reason


def test_without_quorum_changes_and_linearizable_ranges_say_so() -> None:
    """A local range still answers, with what this robot has."""
    swarm = Swarm(3)
    swarm.elect()
    swarm.change('r1', Put('k', b'1'))
    swarm.run(0.5)
    swarm.world.network.split([['r1'], ['r2', 'r3']])
    swarm.run(3.0)
    change = swarm.change('r1', Put('k', b'2'), timeout=0.5)
    read = swarm.range('r1', timeout=0.5)
    local = swarm.range('r1', linearizable=False)
    zero = swarm.range('r1', timeout=0)
    swarm.run(1.0)
    assert done(swarm, change).status is Status.NO_QUORUM
    answer, stale, refused = swarm.ranged(read), swarm.ranged(local), swarm.ranged(zero)
    assert answer is not None and answer.status is Status.NO_QUORUM
    assert stale is not None and [item.value for item in stale.items] == [b'1']
    assert refused is not None and 'greater than 0' in refused.reason


def expiry_s(swarm: Swarm, robot: str, watch: int, limit: float) -> float:
    """Let time pass until a watch is told of an expiry; returns how long that took."""
    start = swarm.world.now_ns
    while not any(event.kind is EventKind.EXPIRED for event in swarm.watched(watch)):
        swarm.run(0.05)
        assert swarm.world.now_ns - start < limit * SECOND, 'the lease did not end'
    return (swarm.world.now_ns - start) / SECOND


def test_a_lease_ends_after_its_ttl_and_soon() -> None:
    """Its keys go at every robot; the log is at rest before it and after."""
    swarm = Swarm(3)
    leader = swarm.elect()
    swarm.run(2.0)
    before = swarm.status(leader).status.commit_index
    swarm.run(5.0)
    assert swarm.status(leader).status.commit_index == before
    watches = [swarm.watch(robot) for robot in swarm.robots]
    granted = swarm.change('r1', Grant(2000, lease=5))
    swarm.run(0.05)
    # Two requests on their way to the leader may overtake each other.
    assert swarm.changed(granted) is not None
    swarm.change('r1', Put('here/r1', b'', lease=5))
    assert 1.9 <= expiry_s(swarm, 'r1', watches[0], 4.0) <= 3.5
    swarm.run(1.0)
    told = [[(e.kind, e.key) for e in swarm.watched(watch)] for watch in watches]
    assert told == [[(EventKind.PUT, 'here/r1'), (EventKind.EXPIRED, 'here/r1')]] * 3
    after = swarm.status(leader).status.commit_index
    swarm.run(5.0)
    assert swarm.status(leader).status.commit_index == after


def test_a_lease_that_is_kept_alive_lives_on() -> None:
    """And ends once nobody does."""
    swarm = Swarm(3)
    swarm.elect()
    swarm.change('r2', Grant(1000, lease=5))
    swarm.change('r2', Put('k', b'', lease=5))
    watch = swarm.watch('r2')
    for _ in range(12):
        swarm.run(0.5)
        key = swarm.change('r2', KeepAlive(5))
    swarm.run(0.1)
    assert done(swarm, key).status is Status.DECIDED
    assert 0.9 <= expiry_s(swarm, 'r2', watch, 4.0)


@pytest.mark.parametrize('seed', range(8))
def test_leaders_that_come_and_go_never_shorten_a_lease(seed: int) -> None:
    """Crashes and splits make it live longer; it ends all the same."""
    draw = Random(seed)
    swarm = Swarm(3, seed=seed, faults=Faults(loss=0.1, delay_max_ns=30 * MILLISECOND))
    swarm.elect()
    asked_ns = swarm.world.now_ns
    # One after the other: what a robot proposes may commit in any order.
    for operation in (Grant(3000, lease=5), Put('k', b'', lease=5)):
        key = swarm.change('r1', operation, timeout=5.0)
        swarm.run(0.5)
        assert done(swarm, key).status is Status.DECIDED
    for _ in range(4):
        robot = draw.choice(swarm.robots)
        if draw.random() < 0.5:
            swarm.world.crash(robot)
            swarm.run(draw.uniform(0.1, 1.5))
            swarm.world.start(robot)
        else:
            swarm.world.network.split([[robot], [r for r in swarm.robots if r != robot]])
            swarm.run(draw.uniform(0.1, 1.5))
            swarm.world.network.heal()
        swarm.run(draw.uniform(0.0, 0.3))
    swarm.run(9.0)
    watch = swarm.watch('r2')
    swarm.run(0.2)
    expired = [e.index for e in swarm.watched(watch) if e.kind is EventKind.EXPIRED]
    assert len(expired) == 1, f'seed {seed}'
    statuses = [
        (time_ns, o.status.applied_index)
        for time_ns, _, o in swarm.told
        if hasattr(o, 'status') and hasattr(o.status, 'applied_index')
    ]
    early = [t for t, index in statuses if index >= expired[0] and t - asked_ns < 3 * SECOND]
    assert not early, f'seed {seed}'


def test_a_watch_is_told_everything_from_its_index_on_once() -> None:
    """Of what was before it too; nothing after it was cancelled."""
    swarm = Swarm(3)
    swarm.elect()
    for n in range(5):
        swarm.change('r1', Put('k', bytes([n])))
        swarm.run(0.1)
    swarm.run(0.3)
    everything, late = swarm.watch('r2'), swarm.watch('r2', from_index=0)
    (begun,) = [o for o in swarm.outputs('r2', WatchBegun) if o.key == late]
    swarm.change('r3', Delete('k'))
    swarm.run(0.3)
    swarm.change('r3', Put('other', b''))
    swarm.run(0.5)
    events = swarm.watched(everything)
    assert [e.version for e in events] == [1, 2, 3, 4, 5, 0, 1]
    assert [e.index for e in events] == sorted({e.index for e in events})
    assert swarm.watched(late) == [e for e in events if e.index >= begun.from_index]
    assert len(swarm.watched(late)) == 2
    swarm.world.put('r2', WatchCancelled(late))
    swarm.change('r1', Put('k', b''))
    swarm.run(0.5)
    assert len(swarm.watched(late)) == 2 and len(swarm.watched(everything)) == 8


def test_a_slow_watch_ends_with_the_reason_and_one_that_asks_too_early_begins_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that takes what it is told goes on."""
    monkeypatch.setattr(watch_module, 'EVENTS_MAX', 8)
    monkeypatch.setattr(watch_module, 'UNTAKEN_MAX', 3)
    swarm = Swarm(1)
    swarm.elect()
    slow, good = swarm.watch('r1'), swarm.watch('r1')
    for n in range(20):
        swarm.change('r1', Put(f'{n}', b''))
        swarm.run(0.1)
        told = [o for o in swarm.outputs('r1', WatchTold) if o.key == good]
        swarm.world.put('r1', WatchTaken(good, len(told[-1].events)))
    assert len(swarm.watched(slow)) == 3
    assert len(swarm.watched(good)) == 20
    (ended,) = swarm.outputs('r1', WatchEnded)
    assert (ended.key, ended.end) == (slow, WatchEnd.TOO_SLOW)
    swarm.world.put('r1', WatchAsked(999, '', '', 1))
    assert swarm.outputs('r1', WatchEnded)[-1].end is WatchEnd.COMPACTED


@pytest.mark.parametrize('seed', range(15))
def test_changes_that_are_asked_until_they_are_answered_happen_once(seed: int) -> None:
    """Clients with sessions retry at any robot, under loss, splits and crashes."""
    draw = Random(seed)
    faults = Faults(
        loss=draw.choice([0.0, 0.2]),
        duplication=0.2,
        delay_max_ns=draw.choice([1, 60]) * MILLISECOND,
    )
    swarm = Swarm(3, seed=seed, faults=faults)
    wanted = dict.fromkeys('abc', 6)
    finished = dict.fromkeys(wanted, 0)
    for _ in range(200):
        event = draw.random()
        robot = draw.choice(swarm.robots)
        if event < 0.1 and all(map(swarm.world.up, swarm.robots)):
            swarm.world.crash(robot)
        elif event < 0.3 and not swarm.world.up(robot):
            swarm.world.start(robot)
        elif event < 0.35:
            swarm.world.network.split([[robot], [r for r in swarm.robots if r != robot]])
        elif event < 0.5:
            swarm.world.network.heal()
        asked = {}
        for name in wanted:
            if finished[name] < wanted[name]:
                request_id = f'client {name}#{finished[name] + 1}'
                where = draw.choice(swarm.robots)
                asked[name] = swarm.change(where, Put(name, b''), request_id, timeout=0.4)
        swarm.run(draw.choice([0.2, 0.6]))
        for name, key in asked.items():
            answer = swarm.changed(key)
            if answer is not None and answer.status is Status.DECIDED:
                finished[name] += 1
                assert answer.result is not None
                assert answer.result.version == finished[name], f'seed {seed}'
        if finished == wanted:
            break
    assert finished == wanted, f'seed {seed}'
    swarm.world.network.heal()
    for robot in swarm.robots:
        if not swarm.world.up(robot):
            swarm.world.start(robot)
    swarm.run(6.0)
    reads = [swarm.range(robot) for robot in swarm.robots]
    swarm.run(1.0)
    for key in reads:
        answer = swarm.ranged(key)
        assert answer is not None and answer.status is Status.DECIDED
        assert {item.key: item.version for item in answer.items} == wanted, f'seed {seed}'
    assert len(set(swarm.digests().values())) == 1


def test_a_read_of_the_log_says_where_its_history_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is older is gone; each subject still has its decision in force."""
    monkeypatch.setattr(ledger_module, 'HISTORY_MAX', 3)
    swarm = Swarm(1)
    swarm.elect()
    for n in range(6):
        swarm.propose('r1', f'{n}', 'first' if n == 0 else 'others')
        swarm.run(0.1)
    log, subject = swarm.read('r1'), swarm.read('r1', 'first')
    swarm.run(0.1)
    read, first = swarm.was_read(log), swarm.was_read(subject)
    assert read is not None and first is not None
    assert [d.choice for d in read.decisions] == ['3', '4', '5']
    assert read.history_from <= read.decisions[0].index
    assert read.history_from == first.decisions[0].index + 3
    assert [d.choice for d in first.decisions] == ['0']


def desk_of(state: ReplicatedState) -> KeyValueDesk:
    """A desk over a state, with a log that goes nowhere."""
    config = RuntimeConfig('zoo', 'r1', ('r1', 'r2'), ())
    log = Raft(RaftConfig('r1', ('r1', 'r2')), Restored(), Random(1))
    return KeyValueDesk(config, log, state, RequestIds('r1', 1))


def test_a_snapshot_answers_what_it_holds_and_ends_the_watches_it_jumped_over() -> None:
    """What it does not hold goes on waiting; after a boot from it watches begin behind it."""
    far = ReplicatedState()
    for request_id in ('mine#1', 'other#1'):
        far.apply(far.index + 1, 1, b'', keyvalue_command(request_id, Put('k', b''), 0, 0))
    state = ReplicatedState()
    desk = desk_of(state)
    outputs: list[Output] = []
    for key, request_id in ((1, 'mine#1'), (2, 'late#1')):
        desk.ask(KeyValueAsked(key, Put('k', b''), request_id, SECOND), 0, False, outputs)
    desk.ask(WatchAsked(3, '', '', 1), 0, False, outputs)
    desk.ask(WatchAsked(4, '', '', 3), 0, False, outputs)
    assert outputs == [WatchBegun(3, 1), WatchBegun(4, 3)]
    restore_state(state, encode_state(far))
    outputs.clear()
    desk.installed(outputs)
    assert outputs == [
        WatchEnded(3, WatchEnd.COMPACTED, 3),
        KeyValueAnswered(1, Status.DECIDED, '', Result(ResultStatus.DONE, 1, 1, 1)),
    ]
    assert desk.any
    booted = desk_of(state)
    outputs.clear()
    booted.ask(WatchAsked(5, '', '', 2), 0, False, outputs)
    booted.ask(WatchAsked(6, '', '', 0), 0, False, outputs)
    assert outputs == [WatchEnded(5, WatchEnd.COMPACTED, 3), WatchBegun(6, 3)]


def test_a_robot_that_a_snapshot_brings_back_has_keys_sessions_and_leases() -> None:
    """Its watches end, a repetition there gets the first outcome, and the lease still ends."""
    swarm = Swarm(3, snapshot_entries=20, trailing_entries=5)
    leader = swarm.elect()
    cut = next(robot for robot in swarm.robots if robot != leader)
    watch = swarm.watch(cut)
    swarm.run(0.5)
    swarm.world.network.split([[cut], [robot for robot in swarm.robots if robot != cut]])
    for operation, request_id in ((Grant(30_000, 5), 'c#1'), (Put('k', b'1', 5), 'c#2')):
        first = swarm.change(leader, operation, request_id)
        swarm.run(0.2)
    for n in range(60):
        swarm.change(leader, Put('busy', bytes([n])))
        swarm.run(0.1)
    swarm.world.network.heal()
    swarm.run(6.0)
    assert [end.end for end in swarm.outputs(cut, WatchEnded)] == [WatchEnd.COMPACTED]
    assert swarm.watched(watch) == []
    again = swarm.change(cut, Put('k', b'2'), 'c#2')
    swarm.run(0.5)
    assert done(swarm, again).result == done(swarm, first).result
    anew = swarm.watch(cut, from_index=0)
    assert 5.0 < expiry_s(swarm, cut, anew, 30.0)
    swarm.run(1.0)
    assert [event.key for event in swarm.watched(anew)] == ['k']
    assert len(set(swarm.digests().values())) == 1


def test_what_a_snapshot_answers_is_no_longer_under_way_in_the_log() -> None:
    """A change with an id of its user's own, made here and elsewhere: not proposed again."""
    swarm = Swarm(3, snapshot_entries=20, trailing_entries=5)
    leader = swarm.elect()
    cut = next(robot for robot in swarm.robots if robot != leader)
    swarm.world.network.split([[cut], [robot for robot in swarm.robots if robot != cut]])
    mine = swarm.change(cut, Put('k', b'1'), 'c#1', timeout=60.0)
    elsewhere = swarm.change(leader, Put('k', b'1'), 'c#1')
    swarm.run(0.2)
    for n in range(60):
        swarm.change(leader, Put('busy', bytes([n])))
        swarm.run(0.1)
    assert swarm.changed(mine) is None
    swarm.world.network.heal()
    for _ in range(10_000):
        if swarm.changed(mine) is None:
            swarm.run(0.001)
    assert done(swarm, mine).result == done(swarm, elsewhere).result
    runtime = swarm.world._hosts[cut].runtime
    assert runtime is not None
    assert runtime._raft.status().proposals == 0
