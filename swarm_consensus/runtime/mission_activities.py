"""
The activities that run at one robot: begun once the log says that it is this robot that runs them.

They themselves are carried out elsewhere (`ActivityJob` out, `ActivityEnded` back). What is to be
begun and what has ended is read from the state again and again: nothing hangs on one answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from swarm_consensus.decision.replicated import Outcome
from swarm_consensus.missions import Registry
from swarm_consensus.missions.texts import short
from swarm_consensus.protocols.missions import (
    Activity,
    ActivityState,
    MissionResult,
    MissionResultStatus,
    MissionRow,
    Missions,
)
from swarm_consensus.protocols.missions.activities import may_run
from swarm_consensus.protocols.missions.events import (
    ANY_ROBOT,
    ATTEMPTS_MAX,
    MESSAGE_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    PAYLOAD_BYTES_MAX,
)
from swarm_consensus.protocols.missions.operations import (
    Attempt,
    Beat,
    EndActivity,
    EndKind,
    StartActivity,
)
from swarm_consensus.runtime.config import MILLISECOND, SECOND
from swarm_consensus.runtime.events import Output
from swarm_consensus.runtime.mission_events import (
    ActivityBeat,
    ActivityEnded,
    ActivityJob,
    ActivityKey,
    ActivityStop,
)
from swarm_consensus.runtime.mission_lease import MissionLease
from swarm_consensus.runtime.mission_proposals import MissionProposals

RETRY_NS = SECOND // 5
# Signs of life go into the log at most so often; more often only where they are to be.
BEAT_NS = SECOND
BEATS_A_HEARTBEAT = 3


class _Running:
    """
    An attempt that runs here.

    :ivar end: how it ended; None: it has not.
    :ivar beat: the newest sign of life that is to be told.
    :ivar beat_ns: when the next one may be told.
    :ivar told: it was asked to end.
    :ivar under_way: something about it is on its way into the log.
    :ivar retry_ns: when to say again how it ended.
    """

    __slots__ = ('beat', 'beat_ns', 'end', 'key', 'retry_ns', 'told', 'under_way')

    def __init__(self, key: ActivityKey) -> None:
        self.key = key
        self.end: EndActivity | None = None
        self.beat: bytes | None = None
        self.beat_ns = 0
        self.told = False
        self.under_way = False
        self.retry_ns = 0


class ActivityWork:
    """
    The activities of one robot.

    :param turn: gives in how long it is this robot's turn, where any robot may do something.
    :param parallel_max: how many may run here at once.
    """

    def __init__(
        self,
        robot: str,
        missions: Callable[[], Missions],
        registry: Registry,
        lease: MissionLease,
        proposals: MissionProposals,
        parallel_max: int,
    ) -> None:
        self._robot = robot
        self._missions = missions
        self._registry = registry
        self._lease = lease
        self._proposals = proposals
        self._parallel_max = parallel_max
        self._running: dict[ActivityKey, _Running] = {}
        # Attempts that this robot wants to begin, and when it tries again; 0: it is under way.
        self._starting: dict[ActivityKey, int] = {}

    @property
    def room(self) -> int:
        """Return how many more may be begun."""
        return self._parallel_max - len(self._running) - len(self._starting)

    @property
    def any(self) -> bool:
        """Whether something runs here, or is to be begun."""
        return bool(self._running or self._starting)

    def wanted(self, row: MissionRow) -> bool:
        """Return whether there is something to be begun that this robot may do."""
        return any(
            activity.state is ActivityState.READY
            and may_run(row, activity, self._robot)
            and (activity.scheduled.robot != ANY_ROBOT or self.has(activity.scheduled.name))
            for activity in row.activities.values()
        )

    @property
    def waits(self) -> bool:
        """Whether something has to be tried again when a time has passed."""
        return bool(self._starting) or any(
            each.end is not None or each.beat is not None for each in self._running.values()
        )

    def has(self, name: str) -> bool:
        """Return whether this robot has an activity."""
        return self._registry.activity(name) is not None

    # -- what the carrying out says ---------------------------------------------------------------

    def ended(self, told: ActivityEnded) -> None:
        """Note how an attempt ended."""
        running = self._running.get(told.attempt)
        if running is None or running.end is not None:
            return
        key = told.attempt
        end, result, kind, message = told.end, told.result, told.kind, told.message
        if len(result) > PAYLOAD_BYTES_MAX:
            end, kind = EndKind.FAILED, 'ResultTooLarge'
            message = f'the result has {len(result)} bytes, {PAYLOAD_BYTES_MAX} are allowed'
            result = b''
        running.end = EndActivity(
            _attempt(key),
            self._robot,
            key.lease,
            end,
            result,
            short(kind, NAME_CHARACTERS_MAX),
            short(message, MESSAGE_CHARACTERS_MAX),
        )

    def beat(self, told: ActivityBeat) -> None:
        """Note a sign of life."""
        running = self._running.get(told.attempt)
        if running is not None and running.end is None:
            running.beat = told.details[:PAYLOAD_BYTES_MAX]

    # -- what the log says ------------------------------------------------------------------------

    def look(self, row: MissionRow, now_ns: int, turn_ns: int) -> None:
        """
        See what is to be begun for a mission.

        :param turn_ns: when it is this robot's turn with what any robot may do.
        """
        lease = self._lease.lease
        if not lease or not self._lease.sure(now_ns):
            return
        for number, activity in row.activities.items():
            if activity.state is not ActivityState.READY:
                continue
            if not may_run(row, activity, self._robot) or self.room <= 0:
                continue
            name, choice = activity.scheduled.name, activity.scheduled.robot
            if choice == ANY_ROBOT and (not self.has(name) or now_ns < turn_ns):
                continue
            key = ActivityKey(row.mission, row.run, number, activity.attempt, lease)
            if key not in self._starting:
                self._start(key, now_ns)

    def _start(self, key: ActivityKey, now_ns: int) -> None:
        self._starting[key] = 0

        def ended(_outcome: Outcome | None) -> None:
            # Where it was begun the state says so next; until then its room is kept.
            if key in self._starting:
                self._starting[key] = now_ns + RETRY_NS

        self._proposals.operate(StartActivity(_attempt(key), self._robot, key.lease), ended)

    def reserve(self, keys: Sequence[ActivityKey]) -> None:
        """Keep room for attempts whose begin goes along with the command that asks for them."""
        self._starting.update(dict.fromkeys(keys, 0))

    def reserved(self, keys: Sequence[ActivityKey], done: bool, now_ns: int) -> None:
        """
        Note that such a begin is in the log, or is not.

        :param done: it is; unless it was in vain, the state says so next, and the room is taken.
        """
        for key in keys:
            if not done:
                self._starting.pop(key, None)
            elif key in self._starting:
                self._starting[key] = now_ns + RETRY_NS

    def step(self, now_ns: int, outputs: list[Output]) -> None:
        """Tell what is to be told of those that run here, and end what is no longer wanted."""
        sure = self._lease.sure(now_ns)
        for key, retry_ns in tuple(self._starting.items()):
            if not retry_ns or now_ns < retry_ns or not sure:
                continue
            del self._starting[key]
            row = self._missions().get(key.mission)
            if row is not None:
                # It may be begun by somebody else by now, or be ready for this robot's new lease.
                self.look(row, now_ns, now_ns)
        for running in tuple(self._running.values()):
            row = self._missions().get(running.key.mission)
            activity = None if row is None else self._mine(row, running.key)
            if activity is None:
                self._stop(running, 'it is no longer wanted', outputs)
                if running.end is not None:
                    del self._running[running.key]
                continue
            if activity.cancel_asked:
                self._stop(running, 'the mission asked it to end', outputs)
            elif not sure:
                self._stop(running, 'this robot is cut off, and another one may do it', outputs)
            self._tell(running, activity, now_ns)

    def _stop(self, running: _Running, reason: str, outputs: list[Output]) -> None:
        if not running.told and running.end is None:
            running.told = True
            outputs.append(ActivityStop(running.key, reason))

    def _tell(self, running: _Running, activity: Activity, now_ns: int) -> None:
        if running.under_way or now_ns < running.retry_ns:
            return
        key = running.key

        def ended(outcome: Outcome | None) -> None:
            running.under_way = False
            if (
                not isinstance(outcome, MissionResult)
                or outcome.status is not MissionResultStatus.DONE
            ):
                running.retry_ns = now_ns + RETRY_NS

        if running.end is not None:
            running.under_way = True
            end = running.end
            if end.end is EndKind.CANCELLED and not activity.cancel_asked:
                # It did as this robot asked when it was cut off. That is no failure, which would be
                # tried again whatever the author allows: nobody knows how far it came.
                end = replace(end, end=EndKind.UNKNOWN)
            self._proposals.operate(end, ended)
        elif running.beat is not None and now_ns >= running.beat_ns:
            running.under_way = True
            heartbeat_ns = activity.scheduled.heartbeat_ms * MILLISECOND
            running.beat_ns = now_ns + min(BEAT_NS, heartbeat_ns // BEATS_A_HEARTBEAT or BEAT_NS)
            beat, running.beat = running.beat, None
            self._proposals.operate(Beat(_attempt(key), self._robot, key.lease, beat), ended)

    def begun(self, row: MissionRow, now_ns: int, outputs: list[Output]) -> None:
        """Carry out what the log says has been begun here."""
        for number, activity in row.activities.items():
            if (
                activity.state is not ActivityState.RUNNING
                or activity.robot != self._robot
                or activity.lease != self._lease.lease
            ):
                continue
            key = ActivityKey(row.mission, row.run, number, activity.attempt, activity.lease)
            if key in self._running:
                continue
            running = self._running[key] = _Running(key)
            self._starting.pop(key, None)
            name = activity.scheduled.name
            if not self.has(name):
                known = ', '.join(self._registry.activities) or 'none'
                self.ended(
                    ActivityEnded(
                        key,
                        EndKind.FAILED,
                        kind='NoActivity',
                        message=f"robot {self._robot} has no activity '{name}'; it has: {known}",
                    )
                )
                continue
            if activity.cancel_asked:
                running.told = True
                self.ended(ActivityEnded(key, EndKind.CANCELLED))
                continue
            outputs.append(
                ActivityJob(
                    key,
                    name,
                    activity.scheduled.input,
                    f'{row.mission}/{row.run}.{number}',
                    activity.repeated,
                    activity.beat,
                )
            )

    def _mine(self, row: MissionRow, key: ActivityKey) -> Activity | None:
        """Return the activity of an attempt, where it still runs here."""
        activity = row.activities.get(key.activity)
        if (
            activity is None
            or row.run != key.run
            or activity.attempt != key.attempt
            or activity.state is not ActivityState.RUNNING
            or (activity.robot, activity.lease) != (self._robot, key.lease)
        ):
            return None
        return activity


def _attempt(key: ActivityKey) -> Attempt:
    assert 1 <= key.attempt <= ATTEMPTS_MAX
    return Attempt(key.mission, key.run, key.activity, key.attempt)
