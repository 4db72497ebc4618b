"""
The shared state at one robot: its replica, its users, its records, and its robots that are gone.

What a user writes is answered when it is durable here; it leaves for the others only then. It waits
for nobody else, so a robot that is cut off goes on. While the disk is full nothing can be written
here, and what came from others is kept when there is room again.

That robots are gone is settled by the replicated log (protocols/crdt/settlement.py): the leader
puts the record into the committed key-value store, under SETTLED_KEY, if the one of the level
before stands there. Where there is no quorum nobody is settled, and nothing else waits for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from random import Random

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols import crdt
from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.keyvalue import Expected, KeyValueStore, Put
from swarm_consensus.runtime.config import MILLISECOND, SECOND, RuntimeConfig
from swarm_consensus.runtime.events import (
    KeyValueAsked,
    Notice,
    Output,
    SharedAnswered,
    SharedAsked,
    SharedReadAnswered,
    SharedReadAsked,
    SharedWatchAsked,
    SharedWatchCancelled,
    SharedWatchTaken,
)
from swarm_consensus.runtime.members import Members
from swarm_consensus.runtime.post import Post
from swarm_consensus.runtime.shared_records import SETTLEMENTS, records_of, restored
from swarm_consensus.runtime.shared_watches import SharedWatches
from swarm_consensus.storage import Storage, StorageFull
from swarm_consensus.transport.errors import EncodeError, MalformedError
from swarm_consensus.transport.frame import TrafficClass

SHARED_MESSAGES = crdt.MESSAGE_TYPES
# Where the record of the newest level stands in the committed key-value store; its version is the
# level.
SETTLED_KEY = 'swarm_consensus/shared_state/settled'
# Key of the request by which this robot proposes a record; those of users are not negative.
PROPOSAL = -1
REQUEST_ID_CHARACTERS_MAX = 256
# Writes that wait at this robot; one more is refused.
WAITING_MAX = 4096
# Most that one answer to a read holds; the reader goes on behind the last key.
READ_COUNT_MAX = 10_000
READ_BYTES_MAX = 1_000_000
# How long the end of an answer is waited for, or longer where digests are farther apart.
PULL_TIMEOUT_NS = SECOND // 2
# Room in a frame for what goes with a message.
FRAME_OVERHEAD_BYTES = 2_000
# A robot that is gone is settled when nothing new came from it between two looks, which are so many
# digests apart.
LOOK_DIGESTS = 20
# Keys that a notice names.
NAMED_MAX = 10

Asked = (
    SharedAsked | SharedReadAsked | SharedWatchAsked | SharedWatchTaken | SharedWatchCancelled
)


def replica_config(config: RuntimeConfig) -> crdt.ReplicaConfig:
    """Return the settings of the replica."""
    digest_ticks = max(1, config.shared_digest_ns // config.tick_ns)
    return crdt.ReplicaConfig(
        robot=config.robot,
        digest_ticks=digest_ticks,
        pull_ticks=max(1, digest_ticks // 5),
        pull_timeout_ticks=max(digest_ticks, PULL_TIMEOUT_NS // config.tick_ns),
        flush_ticks=max(1, digest_ticks // 2),
        listen_ticks=2 * digest_ticks,
        value_bytes_max=config.value_bytes_max,
        bytes_max=config.shared_bytes_max,
        message_bytes_max=config.frame_bytes_max - FRAME_OVERHEAD_BYTES,
        ahead_ms_max=max(1, config.shared_ahead_ns // MILLISECOND),
    )


class Shared:
    """
    The part of a robot for the shared state.

    :param records: of the shared state, as the store gave them back.
    :param incarnation: of this boot; milliseconds since 1970 where the clock was right, and so the
        beginning of the time by which concurrent writes are ordered.
    :param now_ns: time at this boot.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        *,
        storage: Storage,
        records: Sequence[Record],
        incarnation: int,
        random: Random,
        now_ns: int,
    ) -> None:
        self._config = config
        self._storage = storage
        self._origin_ms = incarnation - now_ns // MILLISECOND
        image, self._requests = restored(records)
        self.replica = crdt.Replica(replica_config(config), incarnation, random, image)
        self._watches = SharedWatches()
        # Writes that wait until the replica is ready, and those done that are not durable yet.
        self._early: deque[tuple[SharedAsked, int]] = deque()
        self._waiting: dict[int, tuple[int, bool]] = {}
        self._held: crdt.Effects | None = None
        # Whether anything has happened since the effects were last looked at.
        self._stirred = True
        self._version = 0
        self._look_period_ns = LOOK_DIGESTS * config.shared_digest_ns
        self._look_ns = now_ns + self._look_period_ns
        self._looked: crdt.Settlement | None = None

    @property
    def held(self) -> bool:
        """Return whether the disk is full and nothing can be written here."""
        return self._held is not None

    @property
    def idle_ticks(self) -> int:
        """Return after how many ticks, at least 1, something could be due by time alone."""
        if self._held is not None or self._early or self._waiting:
            return 1
        return self.replica.idle_ticks

    # -- users ------------------------------------------------------------------------------------

    def ask(self, asked: Asked, overloaded: str, now_ns: int, outputs: list[Output]) -> None:
        """
        Take a request in; what is only read is answered at once.

        :param overloaded: why nothing more should be written now; '': it may.
        """
        self._stirred = True
        if isinstance(asked, SharedAsked):
            self._change(asked, overloaded, now_ns, outputs)
        elif isinstance(asked, SharedReadAsked):
            outputs.append(self._read(asked))
        elif isinstance(asked, SharedWatchAsked):
            if not self._watches.add(asked.key, asked.prefix):
                outputs.append(Notice('too many watches of the shared state', warning=True))
        elif isinstance(asked, SharedWatchTaken):
            self._watches.taken(asked.key, asked.count)
        else:
            self._watches.cancel(asked.key)

    def _change(
        self, asked: SharedAsked, overloaded: str, now_ns: int, outputs: list[Output]
    ) -> None:
        reason = overloaded
        found = self._requests.outcome(asked.request_id)
        if asked.timeout_ns <= 0:
            reason = 'the timeout must be greater than 0 s'
        elif len(asked.request_id) > REQUEST_ID_CHARACTERS_MAX:
            reason = f'the request id has more than {REQUEST_ID_CHARACTERS_MAX} characters'
        elif found is not None:
            # Asked again; what it did may not be durable yet.
            self._waiting[asked.key] = (now_ns + asked.timeout_ns, found)
            return
        elif self._held is not None:
            reason = 'the disk of this robot is full'
        elif len(self._early) + len(self._waiting) >= WAITING_MAX:
            reason = 'too many requests wait at this robot; try again later'
        if reason:
            outputs.append(SharedAnswered(asked.key, Status.REFUSED, reason))
        elif self._early or not self.replica.ready:
            self._early.append((asked, now_ns + asked.timeout_ns))
        else:
            self._do(asked, now_ns + asked.timeout_ns, now_ns, outputs)

    def _do(
        self, asked: SharedAsked, deadline_ns: int, now_ns: int, outputs: list[Output]
    ) -> None:
        if self._requests.outcome(asked.request_id) is not None:
            self._change(asked, '', now_ns, outputs)
            return
        try:
            found = self.replica.apply(asked.operation, self._milliseconds(now_ns))
        except crdt.RefusedError as error:
            outputs.append(SharedAnswered(asked.key, Status.REFUSED, str(error)))
            return
        if asked.request_id:
            self._requests.done(asked.request_id, found)
        self._waiting[asked.key] = (deadline_ns, found)

    def _read(self, asked: SharedReadAsked) -> SharedReadAnswered:
        state = self.replica.state
        if asked.name:
            return SharedReadAnswered(asked.key, crdt.items_at(state, asked.name))
        count_max = min(asked.count_max, READ_COUNT_MAX)
        items, more = crdt.page(state, asked.prefix, asked.after, count_max, READ_BYTES_MAX)
        return SharedReadAnswered(asked.key, items, more)

    def expire(self, now_ns: int, outputs: list[Output]) -> None:
        """End the requests whose deadline has passed."""
        while self._early and self._early[0][1] <= now_ns:
            asked, _ = self._early.popleft()
            reason = 'this robot has not heard yet how the shared state stands'
            outputs.append(SharedAnswered(asked.key, Status.REFUSED, reason))
        late = [key for key, (deadline_ns, _) in self._waiting.items() if deadline_ns <= now_ns]
        for key in late:
            del self._waiting[key]
            reason = 'the disk of this robot is full; it may yet be done'
            outputs.append(SharedAnswered(key, Status.UNKNOWN, reason))

    def _milliseconds(self, now_ns: int) -> int:
        return self._origin_ms + now_ns // MILLISECOND

    # -- the others -------------------------------------------------------------------------------

    def receive(self, sender: str, message: crdt.Message, waits: bool, now_ns: int) -> None:
        """
        Take in a message of the shared state.

        :param waits: whether answers to pulls wait for the byte budget: then no more are made, and
            who lacks something asks again.
        """
        if waits and isinstance(message, crdt.Pull):
            self.replica.dropped['BUSY'] += 1
        elif self._held is None:
            self._stirred = True
            self.replica.receive(sender, message, self._milliseconds(now_ns))

    def pass_time(self, ticks: int, ticks_max: int) -> None:
        """
        Let ticks pass.

        :param ticks_max: most that are made up for after a pause.
        """
        self._stirred = True
        if self._held is None:
            for _ in range(min(ticks, ticks_max)):
                self.replica.tick()

    def look_around(self) -> None:
        """Compare with the others soon: a robot was away."""
        self._stirred = True
        self.replica.look_around()

    # -- what follows -----------------------------------------------------------------------------

    def carry_out(self, post: Post, now_ns: int, outputs: list[Output]) -> None:
        """Carry out what the replica wants, in the order that its effects ask for."""
        if not self._stirred and self._held is None:
            return
        self._stirred = False
        while self._early and self.replica.ready and self._held is None:
            asked, deadline_ns = self._early.popleft()
            self._do(asked, deadline_ns, now_ns, outputs)
        while True:
            effects = self._held or self.replica.take_effects()
            if effects is None:
                break
            if not self._keep(effects, outputs):
                return
            for send in effects.send:
                if send.to:
                    post.offer(send.message, (send.to,), in_class=TrafficClass.BULK)
                else:
                    post.offer(send.message)
            if effects.changed:
                self._watches.changed(effects.changed)
            _tell_lost(effects, outputs)
        for key, (_, found) in self._waiting.items():
            outputs.append(SharedAnswered(key, Status.DECIDED, '', found))
        self._waiting.clear()
        outputs += self._watches.take(lambda key: crdt.items_at(self.replica.state, key))

    def _keep(self, effects: crdt.Effects, outputs: list[Output]) -> bool:
        """Make durable what must be before anything leaves; returns whether it is."""
        if effects.keep is not None:
            try:
                records = records_of(effects.keep)
                self._storage.write_records((*records, *self._requests.unkept))
                self._requests.kept()
            except StorageFull as error:
                if self._held is None:
                    outputs.append(Notice(f'the shared state has stopped: {error}', warning=True))
                self._held = effects
                return False
        if self._held is not None:
            outputs.append(Notice('there is room on the disk; the shared state goes on'))
            self._held = None
        return True

    # -- robots that are gone ---------------------------------------------------------------------

    def look(
        self, committed: KeyValueStore, leads: bool, members: Members, now_ns: int
    ) -> KeyValueAsked | None:
        """
        Take over what the log has settled, and propose to settle those that are gone.

        :param committed: the key-value store of the log.
        :param leads: whether this robot leads the log; one of them is enough to propose.
        :returns: what is to be asked of the key-value store.
        """
        item = committed.get(SETTLED_KEY)
        if item is not None and item.version != self._version:
            self._version = item.version
            self._stirred = True
            try:
                self.replica.settled(SETTLEMENTS.decode(item.value))
            except MalformedError:
                self.replica.dropped['SETTLEMENT_UNREADABLE'] += 1
        if now_ns < self._look_ns:
            return None
        self._look_ns = now_ns + self._look_period_ns
        if not leads or self._held is not None or not self.replica.used:
            return None
        retire_ns = self._config.shared_retire_ns

        def is_gone(robot: str) -> bool:
            silence_ns, _ = members.silence(robot, now_ns)
            if robot not in self._config.robots:
                # A guest that was never heard here, or is forgotten, or no guest at all.
                if not self._config.open_membership or silence_ns < 0:
                    return True
            return 0 < retire_ns < silence_ns

        record = self.replica.propose(is_gone)
        looked, self._looked = self._looked, record
        if record is None or record != looked or record.level != self._version + 1:
            return None
        try:
            content = SETTLEMENTS.encode(record)
        except EncodeError:
            self.replica.dropped['SETTLEMENT_TOO_LARGE'] += 1
            return None
        put = Put(SETTLED_KEY, content, expected=Expected(version=self._version))
        return KeyValueAsked(PROPOSAL, put, '', self._look_period_ns)


def _tell_lost(effects: crdt.Effects, outputs: list[Output]) -> None:
    """Tell people what was given up."""
    if effects.lost:
        text = (
            f'this robot was away for so long that {len(effects.lost)} of its last writes to the '
            f'shared state cannot be told from removed ones and were given up: '
            f'{_named(effects.lost)}. Write again what is still wanted'
        )
        outputs.append(Notice(text, warning=True))
    if effects.void:
        text = (
            f'{len(effects.void)} writes of robots that are gone had reached this one alone, and '
            f'were given up: {_named(effects.void)}'
        )
        outputs.append(Notice(text, warning=True))


def _named(writes: tuple[crdt.Write, ...]) -> str:
    names = sorted({write[0] for write in writes})
    more = f' and {len(names) - NAMED_MAX} more keys' if len(names) > NAMED_MAX else ''
    return ', '.join(names[:NAMED_MAX]) + more
