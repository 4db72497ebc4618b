"""The book of tasks: who may have which, how duties end, and that every task ends with a reason."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from swarm_consensus.protocols.allocation import Task
from swarm_consensus.protocols.images import ImageError
from swarm_consensus.protocols.tasks import (
    AddTask,
    Award,
    CancelTask,
    Renew,
    Report,
    ReportKind,
    TaskBook,
    TaskRecord,
    TaskResultStatus,
    TaskStatus,
)
from swarm_consensus.protocols.tasks import book as book_module

TTL = 1_000


class Log:
    """A book, with the log that drives it."""

    def __init__(self) -> None:
        self.book = TaskBook()
        self.index = 0
        self.now_ms = 0
        self.changes: list[TaskRecord] = []

    def do(self, operation, expected=TaskResultStatus.DONE):
        self.index += 1
        result, changes = self.book.apply(self.index, self.now_ms, operation)
        self.changes += changes
        assert result.status is expected, result
        return result

    def pass_ms(self, elapsed_ms: int, step_ms: int = 500) -> None:
        for _ in range(elapsed_ms // step_ms):
            self.index += 1
            self.now_ms += step_ms
            self.changes += self.book.elapse(self.index, self.now_ms)

    def add(self, name: str, **settings) -> None:
        attempts_max = settings.pop('attempts_max', 3)
        self.do(AddTask(Task(name, 0, 0, **settings), attempts_max))

    def duty(self, *robots: str, incarnation: int = 1) -> None:
        for robot in robots:
            self.do(Renew(robot, incarnation, TTL))

    def award(self, name: str, *robots: str, expected=TaskResultStatus.DONE) -> int:
        revision = self.record(name).revision
        self.do(Award(name, revision, tuple([(robot, 1) for robot in robots])), expected)
        return self.record(name).award

    def report(self, name, robot, kind, reason='', award=0, expected=TaskResultStatus.DONE):
        award = award or self.record(name).award
        self.do(Report(name, award, robot, kind, reason), expected)

    def record(self, name: str) -> TaskRecord:
        record = self.book.record(name)
        assert record is not None
        return record

    def stands(self, name: str) -> tuple[str, tuple[str, ...], str]:
        record = self.record(name)
        return record.status.name, record.holders, record.reason


@pytest.fixture
def log() -> Log:
    return Log()


def test_the_life_of_a_task(log: Log) -> None:
    log.add('t')
    log.duty('a')
    assert log.stands('t') == ('OPEN', (), '')
    award = log.award('t', 'a')
    assert log.stands('t') == ('AWARDED', ('a',), '') and award == log.index
    log.report('t', 'a', ReportKind.STARTED)
    assert log.stands('t') == ('STARTED', ('a',), '')
    log.report('t', 'a', ReportKind.DONE, 'all six screws')
    assert log.stands('t') == ('DONE', (), 'all six screws')
    assert [record.revision for record in log.changes] == [1, 2, 3, 4]
    assert 't' not in log.book.live


def test_of_two_claims_at_one_revision_the_first_counts(log: Log) -> None:
    log.add('t')
    log.duty('a', 'b')
    log.do(Award('t', 1, (('a', 1),)))
    log.do(Award('t', 1, (('b', 1),)), TaskResultStatus.CONFLICT)
    log.do(Award('t', 2, (('b', 1),)), TaskResultStatus.CONFLICT)
    assert log.stands('t')[1] == ('a',)


def test_who_is_not_on_duty_gets_nothing(log: Log) -> None:
    log.add('t')
    log.award('t', 'a', expected=TaskResultStatus.NOT_ON_DUTY)
    log.duty('a', incarnation=2)
    log.award('t', 'a', expected=TaskResultStatus.NOT_ON_DUTY)


@pytest.mark.parametrize('robots', [('a',), ('a', 'a'), ('a', 'b', 'c')])
def test_a_task_for_two_goes_to_two(log: Log, robots) -> None:
    log.add('t', robots=2)
    log.duty('a', 'b', 'c')
    log.award('t', *robots, expected=TaskResultStatus.INVALID)


def test_a_duty_ends_between_its_ttl_and_two_moves_of_time_more(log: Log) -> None:
    log.add('t')
    log.duty('a')
    log.award('t', 'a')
    log.pass_ms(TTL)
    assert log.stands('t')[:2] == ('AWARDED', ('a',))
    log.pass_ms(500)
    assert log.stands('t') == ('OPEN', (), "robot 'a' has not renewed its duty in time")
    # What it says afterwards is of the past.
    log.report('t', 'a', ReportKind.DONE, award=3, expected=TaskResultStatus.CONFLICT)


def test_a_duty_that_is_renewed_does_not_end(log: Log) -> None:
    log.add('t')
    log.duty('a')
    log.award('t', 'a')
    for _ in range(20):
        log.pass_ms(TTL)
        log.duty('a')
    assert log.stands('t')[:2] == ('AWARDED', ('a',))


def test_a_later_boot_gives_back_what_an_earlier_one_had(log: Log) -> None:
    log.add('t')
    log.duty('a')
    log.award('t', 'a')
    log.duty('a', incarnation=2)
    assert log.stands('t') == ('OPEN', (), "robot 'a' was booted anew")
    # The earlier boot is not heard any more.
    log.do(Renew('a', 1, TTL), TaskResultStatus.NOT_ON_DUTY)
    log.do(Renew('a', 1, 0), TaskResultStatus.NOT_ON_DUTY)
    assert log.book.on_duty('a', 2)


def test_who_goes_off_duty_gives_back_what_it_had(log: Log) -> None:
    log.add('t')
    log.duty('a')
    log.award('t', 'a')
    log.do(Renew('a', 1, 0))
    assert log.stands('t') == ('OPEN', (), "robot 'a' has gone off duty")
    assert not log.book.on_duty('a', 1)


def test_a_failed_task_is_open_again_until_it_has_failed_too_often(log: Log) -> None:
    log.add('t', attempts_max=2)
    log.duty('a', 'b')
    log.award('t', 'a')
    log.report('t', 'a', ReportKind.FAILED, 'the door is locked')
    assert log.stands('t') == ('OPEN', (), 'the door is locked')
    log.award('t', 'b')
    log.report('t', 'b', ReportKind.FAILED)
    assert log.stands('t') == ('FAILED', (), "robot 'b' has failed")


def test_a_cancelled_task_ends_when_its_robot_has_stopped(log: Log) -> None:
    log.add('t')
    log.duty('a')
    log.award('t', 'a')
    log.do(CancelTask('t', 'not needed'))
    assert log.stands('t') == ('STOPPING', ('a',), 'not needed')
    log.report('t', 'a', ReportKind.STOPPED)
    assert log.stands('t') == ('CANCELLED', (), 'not needed')
    log.do(CancelTask('t'), TaskResultStatus.ENDED)
    log.do(CancelTask('u'), TaskResultStatus.NOT_FOUND)


def test_a_cancelled_task_that_was_done_meanwhile_is_done(log: Log) -> None:
    log.add('t')
    log.duty('a')
    log.award('t', 'a')
    log.do(CancelTask('t'))
    log.report('t', 'a', ReportKind.DONE)
    assert log.stands('t')[0] == 'DONE'


def test_an_open_task_is_cancelled_at_once(log: Log) -> None:
    log.add('t')
    log.do(CancelTask('t'))
    assert log.stands('t') == ('CANCELLED', (), 'cancelled')


def test_a_team_that_loses_one_stops_before_the_task_is_open_again(log: Log) -> None:
    log.add('t', robots=3)
    log.duty('a', 'b', 'c', 'd')
    log.award('t', 'a', 'b', 'c')
    log.report('t', 'b', ReportKind.DONE)
    log.duty('d')
    log.report('t', 'a', ReportKind.STOPPED, 'stuck')
    assert log.stands('t') == ('STOPPING', ('c',), 'stuck')
    log.award('t', 'a', 'b', 'd', expected=TaskResultStatus.CONFLICT)
    log.do(Renew('c', 1, 0))
    assert log.stands('t') == ('OPEN', (), 'stuck')
    log.duty('c')
    log.award('t', 'a', 'b', 'd')


def test_a_team_is_done_when_all_are(log: Log) -> None:
    log.add('t', robots=2)
    log.duty('a', 'b')
    log.award('t', 'a', 'b')
    log.report('t', 'a', ReportKind.DONE)
    assert log.stands('t')[:2] == ('AWARDED', ('b',))
    log.report('t', 'b', ReportKind.DONE)
    assert log.stands('t')[0] == 'DONE'


def test_a_group_goes_in_its_order(log: Log) -> None:
    log.add('second', group='g', order=2)
    log.add('first', group='g', order=1)
    log.add('other', group='h', order=0)
    log.duty('a', 'b')
    log.award('second', 'a', expected=TaskResultStatus.BLOCKED)
    log.award('first', 'a')
    log.award('second', 'b', expected=TaskResultStatus.BLOCKED)
    log.report('first', 'a', ReportKind.DONE)
    log.award('second', 'b')


def test_a_task_that_nobody_begins_in_time_expires(log: Log) -> None:
    log.pass_ms(2_000)
    log.add('closes', closes_ms=1_000)
    log.add('ends', deadline_ms=1_000)
    log.add('runs', deadline_ms=1_000)
    log.duty('a')
    log.award('runs', 'a')
    log.pass_ms(1_000)
    log.duty('a')
    assert log.stands('closes')[0] == 'OPEN' and log.stands('ends')[0] == 'EXPIRED'
    log.pass_ms(500)
    assert log.stands('closes') == ('EXPIRED', (), 'nobody could begin it in time')
    # Its robot knows the deadline; but it cannot be begun anew.
    log.report('runs', 'a', ReportKind.FAILED, 'stuck')
    assert log.stands('runs') == ('EXPIRED', (), 'stuck; it is too late to begin it again')


def test_a_name_is_taken_until_it_is_forgotten(log: Log, monkeypatch) -> None:
    monkeypatch.setattr(book_module, 'ENDED_MAX', 2)
    for name in 'abc':
        log.add(name)
        log.do(CancelTask(name))
    log.do(AddTask(Task('c', 0, 0)), TaskResultStatus.EXISTS)
    log.add('a')


def test_a_full_book_takes_no_more(log: Log, monkeypatch) -> None:
    monkeypatch.setattr(book_module, 'TASKS_MAX', 1)
    log.add('a')
    log.do(AddTask(Task('b', 0, 0)), TaskResultStatus.FULL)


def test_a_record_that_two_awards_share_cannot_be_in_an_image(log: Log) -> None:
    log.add('t')
    log.duty('a')
    log.award('t', 'a')
    image = log.book.image()
    (record,) = image.records
    for wrong in (
        replace(record, holders=()),
        replace(record, award=0),
        replace(record, status=TaskStatus.OPEN),
        replace(record, holders=('b',)),
        replace(record, status=TaskStatus.DONE),
        replace(record, changed_index=99),
    ):
        with pytest.raises(ImageError):
            TaskBook.restored(replace(image, records=(wrong,)), log.index, log.now_ms)
    with pytest.raises(ImageError):
        TaskBook.restored(replace(image, records=(record, record)), log.index, log.now_ms)
    with pytest.raises(ImageError):
        TaskBook.restored(replace(image, duties=()), log.index, log.now_ms)
    with pytest.raises(ImageError):
        TaskBook.restored(replace(image, duties=(('a', 1, 0, -1),)), log.index, log.now_ms)


def random_operation(random: Random, log: Log):
    names, robots = 'tuvw', 'abcd'
    name, robot = random.choice(names) + str(random.randrange(6)), random.choice(robots)
    record = log.book.record(name)
    award = record.award if record is not None and random.random() < 0.9 else random.randrange(50)
    kind = random.randrange(10)
    if kind < 2:
        settings = {'robots': random.choice([1, 1, 2])}
        settings['deadline_ms'] = random.choice([0, 0, random.randint(1, 9_000)])
        if random.random() < 0.3:
            settings |= {'group': 'g', 'order': random.randrange(3)}
        return AddTask(Task(name, 0, 0, **settings), random.randint(1, 3))
    if kind == 2:
        return CancelTask(name)
    if kind < 5:
        ttl_ms = random.choice([0, TTL, 3 * TTL, 3 * TTL, 3 * TTL])
        return Renew(robot, random.choice([1, 1, 1, 1, 2]), ttl_ms)
    if kind < 7:
        count = 1 if record is None else record.task.robots
        team = [(each, log.book.duties.get(each, 1)) for each in random.sample(robots, count)]
        return Award(name, 1 if record is None else record.revision, tuple(team))
    holders = record.holders if record is not None and record.holders else robots
    return Report(name, award, random.choice(holders), ReportKind(random.randint(1, 4)))


def test_random_operations_never_give_a_task_twice_and_images_are_whole() -> None:
    seen: set[str] = set()
    for seed in range(60):
        random = Random(seed)
        log = Log()
        at_work: dict[str, tuple[int, set[str]]] = {}
        for _ in range(250):
            if random.random() < 0.15:
                log.pass_ms(500)
            else:
                log.index += 1
                _, changes = log.book.apply(log.index, log.now_ms, random_operation(random, log))
                log.changes += changes
            for record in log.changes:
                seen.add(record.status.name)
                award, holders = at_work.get(record.name, (0, set()))
                if record.award and record.award != award:
                    # A new award: nobody is at work by the one before.
                    assert not holders, f'seed {seed}: {record}'
                    holders = set(record.holders)
                assert set(record.holders) <= holders, f'seed {seed}: {record}'
                assert not record.status.ended or not record.holders
                if record.status.ended and record.status is not TaskStatus.DONE:
                    assert record.reason
                at_work[record.name] = (record.award, set(record.holders))
                if record.status.ended:
                    del at_work[record.name]
            log.changes.clear()
            image = log.book.image()
            again = TaskBook.restored(image, log.index, log.now_ms)
            assert again.image() == image, f'seed {seed}'
            if random.random() < 0.05:
                log.book = again
    assert seen == {status.name for status in TaskStatus}
