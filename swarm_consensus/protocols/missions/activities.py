"""
Activities: begun by one robot at a time, ended once, and done again where that is allowed.

Of an attempt whose robot is gone, or which took too long, nobody knows how far it came. What then
happens is what the author declared (`Delivery`); that it happened is in the history.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from swarm_consensus.protocols.missions.alarms import Alarm
from swarm_consensus.protocols.missions.events import (
    ANY_ROBOT,
    ActivityCancelled,
    ActivityCompleted,
    ActivityFailed,
    ActivityLost,
    ActivityScheduled,
    ActivityStarted,
    ActivityTimedOut,
    Delivery,
    Timeout,
)
from swarm_consensus.protocols.missions.operations import (
    Beat,
    EndActivity,
    EndKind,
    MissionResultStatus,
    StartActivity,
)
from swarm_consensus.protocols.missions.rows import Activity, ActivityState, MissionRow

if TYPE_CHECKING:
    from swarm_consensus.protocols.missions.table import Missions

Alive = Callable[[int], bool]

_TIMEOUTS = {
    Alarm.SCHEDULE_TO_START: Timeout.SCHEDULE_TO_START,
    Alarm.START_TO_CLOSE: Timeout.START_TO_CLOSE,
    Alarm.HEARTBEAT: Timeout.HEARTBEAT,
}


class Activities:
    """What is done for the missions of a table."""

    def __init__(self, table: Missions) -> None:
        self._table = table

    def apply(
        self, row: MissionRow, asked: StartActivity | EndActivity | Beat, alive: Alive
    ) -> MissionResultStatus:
        """Do what a robot says of an attempt."""
        attempt = asked.attempt
        activity = row.activities.get(attempt.activity)
        if (
            attempt.run != row.run
            or activity is None
            or activity.attempt != attempt.attempt
            or activity.state is ActivityState.WAITING
        ):
            return MissionResultStatus.CONFLICT
        number = attempt.activity
        if isinstance(asked, StartActivity):
            if activity.state is not ActivityState.READY:
                return MissionResultStatus.CONFLICT
            if not may_run(row, activity, asked.robot) or not alive(asked.lease):
                return MissionResultStatus.FENCED
            self.begin(row, number, asked.robot, asked.lease)
            return MissionResultStatus.DONE
        if activity.state is not ActivityState.RUNNING:
            return MissionResultStatus.CONFLICT
        if (activity.robot, activity.lease) != (asked.robot, asked.lease):
            return MissionResultStatus.FENCED
        if isinstance(asked, Beat):
            activity.beat = asked.details
            if activity.scheduled.heartbeat_ms:
                self._table.alarms.arm(
                    row.mission, Alarm.HEARTBEAT, number, activity.scheduled.heartbeat_ms
                )
            return MissionResultStatus.DONE
        self._ended(row, activity, asked)
        return MissionResultStatus.DONE

    def schedule(self, row: MissionRow, event: ActivityScheduled) -> None:
        """Have an activity done."""
        row.activities[event.number] = Activity(event)
        if event.schedule_to_start_ms:
            self._table.alarms.arm(
                row.mission, Alarm.SCHEDULE_TO_START, event.number, event.schedule_to_start_ms
            )

    def begin(self, row: MissionRow, number: int, robot: str, lease: int) -> None:
        """Note that a robot begins an attempt; nothing where it is not ready."""
        activity = row.activities.get(number)
        if activity is None or activity.state is not ActivityState.READY:
            return
        alarms, mission, scheduled = self._table.alarms, row.mission, activity.scheduled
        activity.state, activity.robot, activity.lease = ActivityState.RUNNING, robot, lease
        self._table.record(row, ActivityStarted(number, activity.attempt, robot, lease))
        alarms.disarm(mission, Alarm.SCHEDULE_TO_START, number)
        if scheduled.start_to_close_ms:
            alarms.arm(mission, Alarm.START_TO_CLOSE, number, scheduled.start_to_close_ms)
        if scheduled.heartbeat_ms:
            alarms.arm(mission, Alarm.HEARTBEAT, number, scheduled.heartbeat_ms)

    def ask_to_end(self, row: MissionRow, number: int) -> None:
        """Ask an activity to end; one that is not running has ended by that."""
        activity = row.activities.get(number)
        if activity is None or activity.cancel_asked:
            return
        activity.cancel_asked = True
        if activity.state is not ActivityState.RUNNING:
            self._drop(row, number)
            self._table.record(row, ActivityCancelled(number))

    def rang(self, row: MissionRow, what: Alarm, number: int) -> None:
        """Note that a time has passed that an activity waits for."""
        activity = row.activities.get(number)
        if activity is None:
            return
        if what is Alarm.RETRY:
            activity.state = ActivityState.READY
            self._table.touch(row)
            return
        timeout = _TIMEOUTS[what]
        final = (
            timeout is Timeout.SCHEDULE_TO_START
            or activity.scheduled.delivery is Delivery.AT_MOST_ONCE
            or self._was_last(activity)
        )
        self._table.record(row, ActivityTimedOut(number, activity.attempt, timeout, final))
        if final:
            self._drop(row, number)
        else:
            activity.repeated = True
            self._again(row, activity, wait=True)

    def lose(self, row: MissionRow, alive: Alive) -> bool:
        """Give up the attempts of robots that are gone; returns whether there were any."""
        lost = [
            activity
            for activity in row.activities.values()
            if activity.state is ActivityState.RUNNING and not alive(activity.lease)
        ]
        for activity in lost:
            self._lost(row, activity, wait=False)
        return bool(lost)

    def _lost(self, row: MissionRow, activity: Activity, wait: bool) -> None:
        """Give up an attempt of which nobody knows how far it came."""
        number = activity.scheduled.number
        final = activity.scheduled.delivery is Delivery.AT_MOST_ONCE or self._was_last(activity)
        self._table.record(row, ActivityLost(number, activity.attempt, final))
        if final:
            self._drop(row, number)
        else:
            activity.repeated = True
            self._again(row, activity, wait)

    def _ended(self, row: MissionRow, activity: Activity, asked: EndActivity) -> None:
        record, number = self._table.record, activity.scheduled.number
        if asked.end is EndKind.COMPLETED:
            self._drop(row, number)
            record(row, ActivityCompleted(number, activity.attempt, asked.result))
        elif asked.end is EndKind.CANCELLED and activity.cancel_asked:
            self._drop(row, number)
            record(row, ActivityCancelled(number))
        elif asked.end is EndKind.UNKNOWN:
            self._lost(row, activity, wait=True)
        else:
            final = self._was_last(activity) or asked.kind in activity.scheduled.retry.final_kinds
            record(
                row, ActivityFailed(number, activity.attempt, asked.kind, asked.message, final)
            )
            if final:
                self._drop(row, number)
            else:
                self._again(row, activity, wait=True)

    @staticmethod
    def _was_last(activity: Activity) -> bool:
        return (
            activity.cancel_asked or activity.attempt >= activity.scheduled.retry.attempts_max
        )

    def _again(self, row: MissionRow, activity: Activity, wait: bool) -> None:
        number, retry = activity.scheduled.number, activity.scheduled.retry
        self._disarm(row, number)
        activity.robot, activity.lease = '', 0
        wait_ms = retry.backoff_ms(activity.attempt) if wait else 0
        activity.attempt += 1
        activity.state = ActivityState.WAITING if wait_ms else ActivityState.READY
        if wait_ms:
            self._table.alarms.arm(row.mission, Alarm.RETRY, number, wait_ms)

    def _drop(self, row: MissionRow, number: int) -> None:
        self._disarm(row, number)
        del row.activities[number]

    def _disarm(self, row: MissionRow, number: int) -> None:
        for what in (*_TIMEOUTS, Alarm.RETRY):
            self._table.alarms.disarm(row.mission, what, number)


def may_run(row: MissionRow, activity: Activity, robot: str) -> bool:
    """Return whether a robot may run an activity of a mission."""
    choice = activity.scheduled.robot
    return choice == ANY_ROBOT or robot == (choice or row.worker)
