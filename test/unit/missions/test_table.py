"""What operations and committed time do to missions: fencing, attempts, times, children, bounds."""

from __future__ import annotations

from random import Random

import pytest

from swarm_consensus.decision.replicated import ReplicatedState
from swarm_consensus.decision.types import MissionCommand, TimeCommand, keyvalue_command
from swarm_consensus.protocols.images import ImageError
from swarm_consensus.protocols.keyvalue import Grant, KeepAlive, Revoke
from swarm_consensus.protocols.missions import (
    ActivityState,
    MissionResult,
    MissionResultStatus,
    MissionRow,
    Missions,
    Operation,
)
from swarm_consensus.protocols.missions import operations as bounds
from swarm_consensus.protocols.missions.events import (
    ActivityCancelAsked,
    ActivityCancelled,
    ActivityCompleted,
    ActivityFailed,
    ActivityLost,
    ActivityScheduled,
    ActivityTimedOut,
    CancelRequested,
    ChildCancelAsked,
    ChildEnded,
    ChildStarted,
    Delivery,
    Event,
    MissionCancelled,
    MissionCommandEvent,
    MissionCompleted,
    MissionContinued,
    MissionFailed,
    MissionStarted,
    MissionStatus,
    Retry,
    SignalReceived,
    Timeout,
    TimerFired,
    TimerStarted,
    VersionMarked,
    WorkerChanged,
)
from swarm_consensus.protocols.missions.operations import (
    Append,
    Attempt,
    Beat,
    Begin,
    Cancel,
    Claim,
    EndActivity,
    EndKind,
    Forget,
    Halt,
    Signal,
    StartActivity,
)
from swarm_consensus.runtime.snapshots import encode_state, restore_state
from swarm_consensus.runtime.wire import COMMANDS

DONE = MissionResultStatus.DONE
CONFLICT = MissionResultStatus.CONFLICT
FENCED = MissionResultStatus.FENCED
INVALID = MissionResultStatus.INVALID


class Log:
    """A replicated state, driven by whatever a test proposes, through the codec."""

    def __init__(self) -> None:
        self.state = ReplicatedState()
        self.requests = 0

    def _apply(self, command: object) -> object:
        data = COMMANDS.encode(command)  # type: ignore[arg-type]
        applied = self.state.apply(self.state.index + 1, 1, data, COMMANDS.decode(data))
        assert applied is not None
        return applied.outcome

    def do(self, operation: Operation) -> MissionResultStatus:
        """Propose an operation and return what became of it."""
        self.requests += 1
        result = self._apply(MissionCommand(f'q{self.requests}', 0, self.state.index, operation))
        assert isinstance(result, MissionResult)
        return result.status

    def lease(self, lease: int, ttl_ms: int = 10_000) -> int:
        """Grant a lease."""
        self.requests += 1
        self._apply(keyvalue_command(f'q{self.requests}', Grant(ttl_ms, lease), 0, 0))
        return lease

    def keep(self, lease: int) -> None:
        """Keep a lease alive."""
        self.requests += 1
        self._apply(keyvalue_command(f'q{self.requests}', KeepAlive(lease), 0, 0))

    def revoke(self, lease: int) -> None:
        """End a lease."""
        self.requests += 1
        self._apply(keyvalue_command(f'q{self.requests}', Revoke(lease), 0, 0))

    def elapse(self, ms: int) -> None:
        """Let committed time pass, in one move."""
        leases = self.state.keyvalue.leases
        self._apply(TimeCommand('time', leases.time_index, ms))

    @property
    def missions(self) -> Missions:
        return self.state.missions

    def row(self, mission: str = 'm') -> MissionRow:
        row = self.missions.get(mission)
        assert row is not None
        return row

    def begin(self, mission: str = 'm', lease: int = 1) -> MissionResultStatus:
        return self.do(Begin(mission, 'deliver', b'{}', f'r{lease}', lease))

    def append(
        self,
        *events: MissionCommandEvent,
        mission: str = 'm',
        begun: tuple[int, ...] = (),
        **changed: int,
    ) -> MissionResultStatus:
        row = self.row(mission)
        given = {'epoch': row.epoch, 'commands': row.commands, 'length': len(row.history)}
        given |= changed
        return self.do(Append(mission, **given, events=events, begun=begun))

    def events(self, mission: str = 'm') -> list[Event]:
        return [each.event for each in self.row(mission).history]


@pytest.fixture
def log() -> Log:
    log = Log()
    log.lease(1)
    log.lease(2)
    assert log.begin() is DONE
    return log


def activity(number: int = 1, **changed: object) -> ActivityScheduled:
    given: dict[str, object] = {
        'number': number,
        'name': 'grip',
        'input': b'1',
        'robot': '',
        'delivery': Delivery.AT_LEAST_ONCE,
        'schedule_to_start_ms': 0,
        'start_to_close_ms': 0,
        'heartbeat_ms': 0,
        'retry': Retry(),
    }
    return ActivityScheduled(**given | changed)  # type: ignore[arg-type]


def attempt(number: int = 1, of: int = 1, run: int = 1) -> Attempt:
    return Attempt('m', run, number, of)


def start(number: int = 1, of: int = 1, lease: int = 1, run: int = 1) -> StartActivity:
    return StartActivity(attempt(number, of, run), f'r{lease}', lease)


def end(
    number: int = 1, of: int = 1, lease: int = 1, how: EndKind = EndKind.COMPLETED, kind: str = ''
) -> EndActivity:
    return EndActivity(attempt(number, of), f'r{lease}', lease, how, b'7', kind, 'why')


def test_a_mission_begins_once_with_its_worker(log: Log) -> None:
    assert log.events() == [MissionStarted('deliver', b'{}', 1), WorkerChanged('r1', 1)]
    assert log.begin() is MissionResultStatus.EXISTS
    assert log.do(Begin('', 'x', b'')) is INVALID
    assert log.do(Begin('n', 'x', b'', 'r9', 9)) is DONE
    assert log.row('n').worker == '' and log.row('n').epoch == 0
    assert log.do(Signal('none', 'x', b'')) is MissionResultStatus.NOT_FOUND


def test_of_two_that_believe_to_be_worker_only_the_newer_appends(log: Log) -> None:
    assert log.do(Claim('m', 1, 'r2', 2, 0)) is FENCED
    log.revoke(1)
    assert log.do(Claim('m', 1, 'r2', 2, 0)) is DONE
    assert log.do(Claim('m', 1, 'r3', 2, 0)) is CONFLICT
    assert log.append(activity(), epoch=1) is FENCED
    assert log.do(Halt('m', 1, 5, 'old')) is FENCED
    assert log.append(activity(), epoch=2) is DONE
    assert log.events()[-2:] == [WorkerChanged('r2', 2), activity()]


def test_a_claim_needs_a_lease_and_a_worker_that_is_gone(log: Log) -> None:
    log.revoke(1)
    assert log.do(Claim('m', 1, 'r3', 3, 0)) is INVALID
    log.lease(3)
    assert log.do(Claim('m', 1, 'r3', 3, 0)) is DONE
    log.lease(4)
    assert log.do(Claim('m', 2, 'r3', 4, 0)) is DONE, 'its next boot need not wait'
    assert log.do(Claim('m', 3, 'r3', 4, 0)) is FENCED, 'it has it already'


def test_commands_are_appended_once_and_in_order(log: Log) -> None:
    assert log.append(activity(1)) is DONE
    assert log.append(activity(1), commands=0) is CONFLICT
    assert log.append(activity(2), commands=0) is CONFLICT
    assert log.append(activity(3)) is INVALID
    assert log.append() is INVALID
    assert log.append(activity(2), activity(4)) is INVALID
    assert log.append(MissionCompleted(2, b''), activity(3)) is INVALID
    assert log.append(activity(2, robot='r2'), begun=(2,)) is INVALID
    assert log.append(VersionMarked('v', 1), activity(2), activity(3)) is DONE
    assert log.row().commands == 3


def test_an_end_counts_only_where_the_code_has_seen_everything(log: Log) -> None:
    length = len(log.events())
    assert log.do(Signal('m', 'late', b'1')) is DONE
    assert log.append(MissionCompleted(1, b'x'), length=length) is CONFLICT
    assert log.append(activity(1), length=length) is DONE, 'others need not'
    assert log.append(MissionCompleted(2, b'x')) is DONE
    assert log.row().status is MissionStatus.COMPLETED
    for operation in (
        Signal('m', 's', b''),
        Cancel('m', ''),
        start(),
        Claim('m', 1, 'r2', 2, 0),
        Append('m', 1, 2, 0, (activity(3),)),
    ):
        assert log.do(operation) is MissionResultStatus.CLOSED


def test_an_attempt_is_begun_by_one_robot_and_ended_by_it(log: Log) -> None:
    log.append(activity(1, robot='*'))
    assert log.do(end()) is CONFLICT, 'nobody has begun it'
    assert log.do(start(lease=9)) is FENCED
    assert log.do(start(lease=2)) is DONE
    assert log.do(start(lease=1)) is CONFLICT
    assert log.do(end(lease=1)) is FENCED
    assert log.do(end(of=2, lease=2)) is CONFLICT
    assert log.do(end(lease=2)) is DONE
    assert log.do(end(lease=2)) is CONFLICT
    assert log.events()[-1] == ActivityCompleted(1, 1, b'7')


def test_who_may_run_an_activity(log: Log) -> None:
    log.append(activity(1), activity(2, robot='r2'), activity(3), begun=(3,))
    assert log.do(start(1, lease=2)) is FENCED
    assert log.do(start(2, lease=1)) is FENCED
    assert log.do(start(1, lease=1)) is DONE
    assert log.do(start(2, lease=2)) is DONE
    assert log.row().activities[3].state is ActivityState.RUNNING


@pytest.mark.parametrize(
    ('delivery', 'final'),
    [
        (Delivery.IDEMPOTENT, False),
        (Delivery.AT_LEAST_ONCE, False),
        (Delivery.AT_MOST_ONCE, True),
    ],
)
def test_what_a_robot_that_is_gone_had_begun_is_done_again_where_that_is_allowed(
    log: Log, delivery: Delivery, final: bool
) -> None:
    log.append(activity(1, delivery=delivery, robot='*'))
    log.do(start(lease=2))
    log.revoke(2)
    assert log.events()[-1] == ActivityLost(1, 1, final)
    assert log.do(end(lease=2)) is CONFLICT, 'it is late'
    if final:
        assert not log.row().activities
        return
    assert log.row().activities[1].repeated
    assert log.do(start(of=2)) is DONE
    assert log.do(end(of=2)) is DONE
    assert log.events()[-1] == ActivityCompleted(1, 2, b'7')


@pytest.mark.parametrize(
    ('delivery', 'final'),
    [(Delivery.IDEMPOTENT, False), (Delivery.AT_LEAST_ONCE, False), (Delivery.AT_MOST_ONCE, True)],
)
def test_a_robot_that_does_not_know_how_far_it_came_is_as_one_that_is_gone(
    log: Log, delivery: Delivery, final: bool
) -> None:
    """But it is there, so the next attempt waits as after an error."""
    log.append(activity(1, delivery=delivery, retry=Retry(3, 1000, 100, 1000)), begun=(1,))
    assert log.do(end(how=EndKind.UNKNOWN)) is DONE
    assert log.events()[-1] == ActivityLost(1, 1, final)
    if final:
        assert not log.row().activities
        return
    assert log.row().activities[1].repeated
    assert log.do(start(of=2)) is CONFLICT
    for ms in (1, 1000):
        log.elapse(ms)
    assert log.do(start(of=2)) is DONE
    log.append(ActivityCancelAsked(2, 1))
    assert log.do(end(of=2, how=EndKind.UNKNOWN)) is DONE
    assert log.events()[-1] == ActivityLost(1, 2, True), 'what was asked to end is not begun anew'


def test_failures_are_retried_with_backoff_until_they_are_final(log: Log) -> None:
    retry = Retry(3, 1000, 300, 2000, ('Broken',))
    log.append(activity(1, retry=retry), activity(2, retry=retry))
    log.elapse(100)
    log.do(start())
    log.do(end(how=EndKind.FAILED, kind='Slip'))
    assert log.events()[-1] == ActivityFailed(1, 1, 'Slip', 'why', False)
    assert log.do(start(of=2)) is CONFLICT
    for ms, ready in ((100, False), (999, False), (1, True)):
        log.elapse(ms)
        assert (log.row().activities[1].state is ActivityState.READY) == ready
    log.do(start(of=2))
    log.do(end(of=2, how=EndKind.FAILED, kind='Slip'))
    for ms in (1, 2000):
        log.elapse(ms)
    assert log.do(start(of=3)) is DONE
    log.do(end(of=3, how=EndKind.FAILED, kind='Slip'))
    assert log.events()[-1] == ActivityFailed(1, 3, 'Slip', 'why', True)
    log.do(start(2))
    log.do(end(2, how=EndKind.FAILED, kind='Broken'))
    assert log.events()[-1] == ActivityFailed(2, 1, 'Broken', 'why', True)


def test_each_time_that_runs_out_is_told(log: Log) -> None:
    log.append(
        activity(1, schedule_to_start_ms=500),
        activity(2, start_to_close_ms=500, delivery=Delivery.AT_MOST_ONCE),
        activity(3, heartbeat_ms=500, retry=Retry(attempts_max=2, first_ms=0)),
    )
    log.do(start(2))
    log.do(start(3))
    log.elapse(1)
    log.elapse(499)
    assert sorted(log.row().activities) == [1, 2, 3]
    assert log.do(Beat(attempt(3), 'r1', 1, b'half')) is DONE
    log.elapse(1)
    assert log.events()[-2:] == [
        ActivityTimedOut(1, 1, Timeout.SCHEDULE_TO_START, True),
        ActivityTimedOut(2, 1, Timeout.START_TO_CLOSE, True),
    ]
    assert log.do(start(1)) is CONFLICT
    log.elapse(500)
    assert log.events()[-1] == ActivityTimedOut(3, 1, Timeout.HEARTBEAT, False)
    assert log.row().activities[3].beat == b'half', 'the next attempt is told how far it was'
    assert log.do(Beat(attempt(3), 'r1', 1, b'late')) is CONFLICT
    assert log.do(start(3, of=2)) is DONE


def test_a_timer_is_never_early(log: Log) -> None:
    log.append(TimerStarted(1, 1000))
    log.elapse(900)
    log.elapse(999)
    assert TimerFired(1) not in log.events()
    log.elapse(1)
    assert log.events()[-1] == TimerFired(1)
    assert not log.missions.alarms.any


def test_timers_that_are_due_at_once_go_off_in_one_order() -> None:
    orders = []
    for names in ('abc', 'cab'):
        log = Log()
        log.lease(1, 10**6)
        for name in names:
            log.begin(name)
            log.append(TimerStarted(1, 100), TimerStarted(2, 50), mission=name)
        log.elapse(1)
        log.missions.take_touched()
        log.elapse(200)
        orders.append((log.missions.take_touched(), [log.events(name) for name in 'abc']))
    assert orders[0][0] == orders[1][0] == ('a', 'b', 'c')
    assert orders[0][1] == orders[1][1]
    assert orders[0][1][0][-2:] == [TimerFired(2), TimerFired(1)]


def test_cancellation_of_an_activity_waits_for_the_one_that_runs(log: Log) -> None:
    log.append(activity(1), activity(2))
    log.do(start(1))
    log.append(ActivityCancelAsked(3, 1), ActivityCancelAsked(4, 2), ActivityCancelAsked(5, 2))
    assert log.events()[-3:-1] == [ActivityCancelAsked(4, 2), ActivityCancelled(2)]
    assert log.row().activities[1].cancel_asked
    assert log.do(end(how=EndKind.CANCELLED)) is DONE
    assert log.events()[-1] == ActivityCancelled(1)


def test_who_says_cancelled_though_nobody_asked_has_failed(log: Log) -> None:
    log.append(activity(1, retry=Retry(attempts_max=1)))
    log.do(start(1))
    log.do(end(how=EndKind.CANCELLED, kind='Cancelled'))
    assert log.events()[-1] == ActivityFailed(1, 1, 'Cancelled', 'why', True)


def test_a_child_lives_with_its_parent(log: Log) -> None:
    log.append(*(ChildStarted(n, 'dig', b'%d' % n) for n in (1, 2, 3)))
    child = log.row('m/1.1')
    assert log.events('m/1.1') == [MissionStarted('dig', b'1', 1, 'm', 1)]
    assert child.worker == ''
    log.do(Claim('m/1.1', 0, 'r2', 2, 0))
    log.append(MissionCompleted(1, b'gold'), mission='m/1.1')
    ended = ChildEnded(1, MissionStatus.COMPLETED, b'gold', '', '')
    assert log.events()[-1] == ended
    log.append(ChildCancelAsked(4, 2), ChildCancelAsked(5, 2))
    assert [type(each) for each in log.events('m/1.2')].count(CancelRequested) == 1
    log.do(Claim('m/1.2', 0, 'r2', 2, 0))
    log.append(MissionCancelled(1, 'asked'), mission='m/1.2')
    assert log.events()[-1] == ChildEnded(2, MissionStatus.CANCELLED, b'', '', 'asked')
    log.append(MissionFailed(6, 'Bad', 'x'))
    assert isinstance(log.events('m/1.3')[-1], CancelRequested)


def test_a_child_that_cannot_be_is_told_to_have_failed(log: Log) -> None:
    name = 'm' * bounds.ID_CHARACTERS_MAX
    log.begin(name)
    log.append(ChildStarted(1, 'dig', b''), mission=name)
    told = log.events(name)[-1]
    assert isinstance(told, ChildEnded) and told.kind == 'NotBegun'


def test_a_new_run_has_a_new_history_and_the_same_worker(log: Log) -> None:
    log.append(activity(1), TimerStarted(2, 5), ChildStarted(3, 'dig', b''), begun=(1,))
    old = log.row().history
    log.do(Signal('m', 's', b'1'))
    log.append(MissionContinued(4, b'next', (SignalReceived('s', b'1'),)))
    assert log.row().history is not old
    assert log.events() == [
        MissionStarted('deliver', b'next', 2),
        WorkerChanged('r1', 1),
        SignalReceived('s', b'1'),
    ]
    assert not log.missions.alarms.any and not log.row().activities
    assert isinstance(log.events('m/1.3')[-1], CancelRequested)
    assert log.do(end()) is CONFLICT, 'it was of the run before'
    assert log.append(activity(1)) is DONE
    assert log.do(start(run=1)) is CONFLICT
    assert log.do(start(run=2)) is DONE


def test_a_mission_that_was_asked_to_end_is_asked_again_in_its_new_run(log: Log) -> None:
    log.do(Cancel('m', 'enough'))
    log.do(Cancel('m', 'enough'))
    assert log.events()[2:] == [CancelRequested('enough')]
    log.append(MissionContinued(1, b''))
    assert isinstance(log.events()[-1], CancelRequested)


def test_a_mission_that_was_stopped_goes_on_with_other_code_only(log: Log) -> None:
    assert log.do(Halt('m', 1, 77, 'line 5')) is DONE
    assert log.row().status is MissionStatus.NONDETERMINISTIC and log.row().reason == 'line 5'
    assert log.append(activity(1)) is CONFLICT
    assert log.do(Signal('m', 's', b'')) is DONE
    assert log.do(Claim('m', 1, 'r2', 2, 77)) is FENCED
    assert log.do(Claim('m', 1, 'r2', 2, 78)) is DONE
    assert log.row().status is MissionStatus.RUNNING and log.row().reason == ''
    assert log.do(Halt('m', 2, 78, 'line 6')) is DONE
    assert log.do(Claim('m', 2, 'r1', 1, 77)) is FENCED, 'both codes are wrong'
    assert log.do(Claim('m', 2, 'r1', 1, 79)) is DONE
    assert log.append(activity(1)) is DONE
    assert log.row().codes == ()


def test_a_history_has_a_bound(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, 'HISTORY_EVENTS_MAX', 10)
    monkeypatch.setattr(bounds, 'HISTORY_EVENTS_LIMIT', 15)
    for _ in range(8):
        assert log.do(Signal('m', 's', b'')) is DONE
    assert log.do(Signal('m', 's', b'')) is MissionResultStatus.FULL
    for number in range(1, 7):
        assert log.append(TimerStarted(number, 1)) is DONE
    assert log.row().status is MissionStatus.FAILED
    last = log.events()[-1]
    assert isinstance(last, MissionFailed) and 'continue_as_new' in last.message


def test_missions_that_have_ended_make_room(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, 'MISSIONS_MAX', 3)
    for name in 'ab':
        log.begin(name)
    assert log.begin('c') is MissionResultStatus.FULL
    log.append(MissionCompleted(1, b''), mission='a')
    assert log.begin('c') is DONE
    assert log.missions.get('a') is None
    monkeypatch.setattr(bounds, 'MISSIONS_MAX', 100)
    monkeypatch.setattr(bounds, 'CLOSED_MAX', 1)
    for name in 'bc':
        log.append(MissionCompleted(1, b''), mission=name)
    assert log.missions.get('b') is None and log.missions.get('c') is not None
    assert log.do(Forget('m')) is CONFLICT
    assert log.do(Forget('c')) is DONE
    assert log.missions.get('c') is None


def test_all_missions_together_have_a_bound(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, 'MISSIONS_BYTES_MAX', 3000)
    results = [log.do(Begin(f'n{n}', 'x', b'i' * 500)) for n in range(6)]
    assert results.count(DONE) == 4 and results[-1] is MissionResultStatus.FULL


def test_missions_that_run_are_held_to_the_bound_of_all(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended ones go first, then signals are refused, then the mission that still grows fails."""
    log.begin('ended')
    log.append(MissionCompleted(1, b''), mission='ended')
    monkeypatch.setattr(bounds, 'MISSIONS_BYTES_MAX', 3000)
    monkeypatch.setattr(bounds, 'MISSIONS_BYTES_SPARE', 1000)
    number = 0
    while log.do(Signal('m', 's', b'x' * 200)) is DONE:
        number += 1
    assert number >= 5 and log.missions.get('ended') is None
    steps = 0
    while log.row().status is MissionStatus.RUNNING:
        steps += 1
        assert log.append(activity(steps, input=b'x' * 200)) is DONE
        assert steps < 20
    last = log.events()[-1]
    assert isinstance(last, MissionFailed) and 'all missions together' in last.message


def random_operation(log: Log, chance: Random) -> None:
    """Something that a robot may do, sensible or not."""
    name = chance.choice(['m', 'n', 'm/1.1', 'o'])
    row = log.missions.get(name)
    lease = chance.randrange(1, 4)
    act = chance.randrange(12)
    if row is None or act == 0:
        log.begin(name, lease)
    elif act == 1:
        log.do(Claim(name, row.epoch, f'r{lease}', lease, chance.randrange(3)))
    elif act < 6:
        number = row.commands + 1
        choices: list[MissionCommandEvent] = [
            activity(
                number,
                robot=chance.choice(['', '*', 'r2']),
                delivery=chance.choice(list(Delivery)),
                heartbeat_ms=chance.choice([0, 300]),
                start_to_close_ms=chance.choice([0, 700]),
            ),
            TimerStarted(number, chance.randrange(2000)),
            ChildStarted(number, 'dig', b''),
            ActivityCancelAsked(number, chance.randrange(1, number + 1)),
            ChildCancelAsked(number, chance.randrange(1, number + 1)),
        ]
        if chance.random() < 0.15:
            choices = [MissionCompleted(number, b'x'), MissionContinued(number, b'y')]
        log.append(chance.choice(choices), mission=name)
    elif act < 9 and row.activities:
        number = chance.choice(sorted(row.activities))
        of = Attempt(name, row.run, number, row.activities[number].attempt)
        robot = f'r{lease}'
        how = chance.choice(list(EndKind))
        log.do(
            chance.choice(
                [
                    StartActivity(of, robot, lease),
                    EndActivity(of, robot, lease, how, b'1', 'K', ''),
                    Beat(of, robot, lease, b'b'),
                ]
            )
        )
    elif act == 9:
        halt = Halt(name, row.epoch, 1, 'h')
        log.do(chance.choice([Signal(name, 's', b''), Cancel(name, 'c'), halt]))
    elif act == 10:
        chance.choice([log.lease, log.keep, log.revoke])(lease)  # type: ignore[operator]
    else:
        log.elapse(chance.randrange(1500))


@pytest.mark.parametrize('seed', range(8))
def test_a_state_that_was_restored_goes_on_alike(seed: int) -> None:
    """Equal states have equal bytes, at any time, whatever way led there."""
    chance = Random(seed)
    first, second = Log(), Log()
    for lease in (1, 2, 3):
        first.lease(lease)
        second.lease(lease)
    for step in range(250):
        state = chance.getstate()
        random_operation(first, chance)
        chance.setstate(state)
        random_operation(second, chance)
        image = encode_state(first.state)
        assert encode_state(second.state) == image, f'seed {seed}, step {step}'
        if step % 7 == 0:
            second.state = ReplicatedState()
            restore_state(second.state, image)


def test_a_state_without_missions_has_the_image_that_it_always_had() -> None:
    log = Log()
    log.lease(1)
    assert type(log.state.image()).__name__ == 'StateImage'
    log.begin()
    assert type(log.state.image()).__name__ == 'StateImageWithMissions'


def test_images_that_contradict_themselves_are_refused(log: Log) -> None:
    from dataclasses import replace

    log.append(activity(1), TimerStarted(2, 5))
    image = log.missions.image()
    [mission] = image.missions
    wrong = [
        replace(image, missions=(mission, mission)),
        replace(image, alarms=(('none', 1, 2, 5, 5),)),
        replace(image, alarms=(('m', 9, 2, 5, 5),)),
        replace(image, alarms=image.alarms * 2),
        *(
            replace(image, missions=(replace(mission, **{name: given}),))  # type: ignore[arg-type]
            for name, given in {
                'status': 99,
                'ended': 1,
                'history': (),
                'activities': ((2, 1, 2, '', 0, False, False, b''),),
            }.items()
        ),
        replace(
            image,
            missions=(replace(mission, history=(*mission.history, mission.history[2])),),
        ),
    ]
    for each in wrong:
        with pytest.raises(ImageError):
            Missions.restored(each, 0)
    assert Missions.restored(image, 0).image() == image
