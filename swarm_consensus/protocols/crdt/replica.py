"""
One replica of the shared state: local writes, and anti-entropy with the others.

Writes leave at once, as a delta for everybody, joined to one with all others of the same step. That
is enough where nothing is lost. For the rest each replica tells the hashes of its state now and
then (`Digest`). Who finds that its own differ pulls, from one robot at a time: it says what it has
seen, and is answered with the writes that it lacks, and with the hashes of what is live in buckets
of keys that differ, by which it finds what was removed. All of an answer that arrives is of use,
whatever else of it is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from swarm_consensus.protocols.crdt.anti_entropy import AntiEntropy
from swarm_consensus.protocols.crdt.config import ReplicaConfig
from swarm_consensus.protocols.crdt.context import Context, Dot
from swarm_consensus.protocols.crdt.deltas import deltas_of
from swarm_consensus.protocols.crdt.effects import Effects, Image, Keep, Own, Send, Standing
from swarm_consensus.protocols.crdt.ids import boot_of, level_of, robot_of
from swarm_consensus.protocols.crdt.kinds import Write
from swarm_consensus.protocols.crdt.local_writes import LocalWrites
from swarm_consensus.protocols.crdt.messages import (
    Delta,
    Digest,
    Dots,
    Message,
    Pull,
    check,
    tabled,
)
from swarm_consensus.protocols.crdt.settlement import Settlement, settle

# How much more than its own bound a replica takes from peers, who hold the same bound.
FOREIGN_FACTOR = 2


class Replica(LocalWrites):
    """
    The replica of one robot.

    :param boot: incarnation of the robot.
    :param random: for names and for spreading messages in time.
    :param image: what was kept; None: the store is new, or lost what it held.
    :ivar state: to read from; only to be changed by the methods here.
    :ivar dropped: counts what peers sent and was not taken, by why.
    """

    def __init__(
        self, config: ReplicaConfig, boot: int, random: Random, image: Image | None = None
    ) -> None:
        super().__init__(config, boot, random, image)
        self.dropped: Counter[str] = Counter()
        self._settlement = None if image is None else image.standing.settlement
        self._next_settlement: Settlement | None = None
        self._lost: list[Write] = []
        self._void: list[Write] = []
        # What is not durable yet, and when it has to be; own writes have to be before they leave.
        self._unkept: dict[Dot, Write | None] = {}
        self._standing_changed = False
        self._flush_tick: int | None = None
        self._must_keep = False
        self._ticks = 0
        self._peers = AntiEntropy(config, random, self.state, self.dropped)

    # -- standing ---------------------------------------------------------------------------------

    @property
    def settlement(self) -> Settlement | None:
        """Return the record of the level; None at level 0."""
        return self._settlement

    @property
    def ready(self) -> bool:
        """
        Return whether writes may begin.

        A replica that has no name yet first takes over what the others have, and their level: a
        write that had seen nothing would stand beside everything. It waits no longer than
        `listen_ticks` for that; the caller sees to it.
        """
        return (
            bool(self._own) or self._peers.in_step or self._ticks >= self.config.listen_ticks
        )

    @property
    def used(self) -> bool:
        """Return whether anything was ever written, here or by others, as far as this one knows."""
        return bool(self.level or self.state.context.rows)

    @property
    def idle_ticks(self) -> int:
        """Return after how many ticks, at least 1, something could be due by time alone."""
        due = self._peers.idle_ticks(self.used)
        if self._flush_tick is not None:
            due = min(due, self._flush_tick - self._ticks)
        return max(1, due)

    def _changed_here(self) -> None:
        """Note that something must be durable before it leaves, and compared soon."""
        self._must_keep = self._standing_changed = True
        self._peers.changed()

    # -- the others -------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let a tick pass."""
        self._ticks += 1
        self._peers.tick(self.used)

    def look_around(self) -> None:
        """Compare with the others soon: somebody has come back, or this robot has."""
        self._peers.changed()

    def heard_level(self, level: int) -> None:
        """Note at which level others stand, before this replica takes part."""
        self._heard_level = max(level, self._heard_level or 0)

    def receive(self, sender: str, message: Message, now_ms: int) -> None:
        """
        Take in a message of a peer; whatever is wrong with it is counted.

        :param now_ms: the robot's clock, milliseconds; may run backward.
        """
        problem = check(message)
        if problem:
            self.dropped[problem] += 1
        elif isinstance(message, Delta):
            self._join(message, now_ms)
        elif isinstance(message, Digest):
            self.heard_level(message.level)
            if self._peers.compare(sender, message):
                # All that this one has made is known there.
                for name, own in self._own.items():
                    self._note_heard(name, own.last)
        elif isinstance(message, Pull):
            context = self._peers.answer(sender, message)
            if context is not None:
                for name in self._own:
                    self._note_heard(name, context.rows.get(name, 0))
        elif isinstance(message, Dots):
            if message.level <= self.level:
                gone = self._peers.gone_there(message)
                self.state.remove(gone)
                if gone:
                    self._grown()
        elif self._peers.pulled(sender, message) and self._next_settlement is not None:
            if message.level == self._next_settlement.level:
                self._adopt(self._next_settlement)

    def _note_heard(self, name: str, sequence: int) -> None:
        own = self._own[name]
        heard = min(own.last, max(own.heard, sequence))
        if heard != own.heard:
            self._own[name] = Own(name, own.last, heard)
            self._standing_changed = True

    def _join(self, delta: Delta, now_ms: int) -> None:
        config, state = self.config, self.state
        latest = longest = 0
        for write in delta.writes:
            latest = max(latest, write[5])
            longest = max(longest, len(write[6]))
        if not self._clock.observe(latest, now_ms):
            self.dropped['CLOCK_AHEAD'] += 1
        if longest > config.value_bytes_max:
            self.dropped['OVERSIZE'] += 1
        elif delta.writes and state.size > FOREIGN_FACTOR * config.bytes_max:
            self.dropped['FULL'] += 1
        elif state.context.size + len(delta.writers) + len(delta.spans) > config.rows_max:
            self.dropped['ROWS'] += 1
        elif state.join(delta):
            self._grown()
            if self._own:
                self._check_own()

    def _grown(self) -> None:
        """Note that something came from others, which will be durable by and by."""
        self._standing_changed = True
        if self._flush_tick is None:
            self._flush_tick = self._ticks + self.config.flush_ticks
        self._peers.changed()

    def _check_own(self) -> None:
        """
        Take a new name where somebody has seen dots under this one that were not made here.

        The store was put back to what it was before, or the name was settled, or somebody lies;
        another write under it could be taken for one that was made already.
        """
        name = self.name
        context = self.state.context
        own = self._own.get(name)
        if own is None or (context.rows.get(name, 0) <= own.last and name not in context.gaps):
            return
        self._rename()

    # -- settling ---------------------------------------------------------------------------------

    def propose(self, is_gone: Callable[[str], bool]) -> Settlement | None:
        """
        Return the record by which the next level could be reached; None: nothing to settle.

        :param is_gone: whether a robot is gone.
        """
        if not self.used:
            return None
        name = self.name or self._rename()
        return settle(self.state.context, self._settlement, name, is_gone)

    def settled(self, settlement: Settlement) -> None:
        """Hear the record of a level from who holds them apart; older ones are passed over."""
        newest = self._next_settlement
        if settlement.level <= self.level or (
            newest is not None and settlement.level <= newest.level
        ):
            return
        problem = settlement.problem()
        if problem:
            self.dropped[problem] += 1
            return
        self._next_settlement = settlement
        self.heard_level(settlement.level)
        self._try_to_adopt()

    def _try_to_adopt(self) -> None:
        settlement = self._next_settlement
        if settlement is not None and settlement.joins(self.state.context):
            self._adopt(settlement)

    def _adopt(self, settlement: Settlement) -> None:
        """Take a level over: forget the settled replicas, and write again what was void of ours."""
        context = self.state.context
        again: list[Write] = []
        gone: list[Write] = []
        for writer in {*context.rows, *self.state.writers()}:
            if not settlement.settles(writer):
                continue
            final = settlement.final(writer)
            own = self._own.get(writer)
            for write in self.state.writes_by(writer):
                if final is not None and write[4] > final:
                    gone.append(write)
                    ours = robot_of(writer) == self.config.robot
                    (again if ours else self._void).append(write)
                elif final is None and own is not None and write[4] > own.heard:
                    gone.append(write)
                    self._lost.append(write)
        for writer in [w for w in context.rows if settlement.settles(w)]:
            context.drop(writer)
        context.level = settlement.level
        for writer in settlement.kept:
            context.rows.setdefault(writer, 0)
        self.state.remove(gone)
        for name in [name for name in self._own if settlement.settles(name)]:
            del self._own[name]
        # What was void or lost has left the state, and so it must not leave for the others.
        for write in gone:
            self._said.pop((write[3], write[4]), None)
        self._settlement, self._next_settlement = settlement, None
        self._changed_here()
        self._write_again(sorted(again, key=_age))

    # -- effects ----------------------------------------------------------------------------------

    def take_effects(self) -> Effects | None:
        """Return what is to be done now; None: nothing."""
        self._try_to_adopt()
        self._unkept.update(self.state.take_news())
        said, self._said = self._said, {}
        send: list[Send] = []
        if said:
            writes = [write for write in said.values() if write is not None]
            removed = [dot for dot, write in said.items() if write is None]
            for delta in deltas_of(writes, removed, self.config.message_bytes_max):
                send.append(Send(delta))
        send += self._peers.take()
        changed = tuple(self.state.take_touched())
        lost, self._lost = tuple(self._lost), []
        void, self._void = tuple(self._void), []
        keep = None
        if self._must_keep or (self._flush_tick is not None and self._ticks >= self._flush_tick):
            keep = self._take_keep()
        if keep is None and not send and not changed and not lost and not void:
            return None
        return Effects(keep, tuple(send), changed, lost, void)

    def _take_keep(self) -> Keep | None:
        self._flush_tick = None
        self._must_keep = False
        if not self._unkept and not self._standing_changed:
            return None
        self._standing_changed = False
        unkept, self._unkept = self._unkept, {}
        return Keep(tuple(unkept.items()), self._standing())

    def _standing(self) -> Standing:
        context: Context = self.state.context
        writers, spans = tabled(list(context.spans()))
        return Standing(
            tuple(self._own.values()), context.level, writers, spans, self._settlement
        )

    def image(self) -> Image:
        """Return all that a store would hold of this replica."""
        return Image(self._standing(), tuple(self.state.writes()))


def _age(write: Write) -> tuple[int, int, str, int]:
    return boot_of(write[3]), level_of(write[3]), write[3], write[4]

