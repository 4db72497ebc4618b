"""
What the user of one replica does to it: each change is checked, made, and noted to be told.

A write takes the place of what this replica has seen live there. Its dot is the next one under the
name of the replica, which it takes with its first write.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
import itertools
from random import Random

from swarm_consensus.protocols.crdt.clock import HybridClock
from swarm_consensus.protocols.crdt.config import ReplicaConfig
from swarm_consensus.protocols.crdt.context import Dot
from swarm_consensus.protocols.crdt.effects import Image, Own
from swarm_consensus.protocols.crdt.ids import BOOT_MAX, boot_of, replica_id, robot_of
from swarm_consensus.protocols.crdt.kinds import (
    COUNT_MAX,
    ITEM_BYTES_MAX,
    KEY_CHARACTERS_MAX,
    SETS,
    Kind,
    Write,
    newest_of_each,
    pack_sums,
    unpack_sums,
)
from swarm_consensus.protocols.crdt.operations import Action, Operation
from swarm_consensus.protocols.crdt.state import WRITE_OVERHEAD_BYTES, State, size_of


class RefusedError(ValueError):
    """A write that cannot be; the text says what to change."""


class LocalWrites(ABC):
    """
    The part of a `Replica` for its user; see there.

    :ivar state: to read from; only to be changed by the methods here.
    """

    def __init__(
        self, config: ReplicaConfig, boot: int, random: Random, image: Image | None
    ) -> None:
        self.config = config
        self._boot = boot
        self._random = random
        self._clock = HybridClock(config.ahead_ms_max)
        if image is None:
            self.state = State()
            self._own: dict[str, Own] = {}
        else:
            self.state = State(image.standing.context, image.writes)
            self._own = {own.name: own for own in image.standing.own}
        # Own writes and removals that have not left yet; removals as None.
        self._said: dict[Dot, Write | None] = {}
        self._heard_level: int | None = None

    @abstractmethod
    def _changed_here(self) -> None:
        """Note that something must be durable before it leaves, and compared soon."""

    @property
    def name(self) -> str:
        """Return the name under which this replica writes; '' before its first write."""
        return next(reversed(self._own), '')

    @property
    def level(self) -> int:
        """Return the level of the settled history that this replica stands at."""
        return self.state.context.level

    def apply(self, operation: Operation, now_ms: int) -> bool:
        """
        Do what a user asks.

        :param now_ms: the robot's clock, milliseconds; may run backward.
        :returns: False where there was nothing to take away.
        :raises RefusedError: what cannot be; nothing was done.
        """
        key, content = operation.key, operation.content
        if operation.action is Action.PUT:
            self.put(key, content, now_ms)
        elif operation.action is Action.ASSIGN:
            self.assign(key, content)
        elif operation.action is Action.ADD:
            self.add(key, content)
        elif operation.action is Action.GROW:
            self.add(key, content, Kind.GROW_SET)
        elif operation.action is Action.INCREMENT:
            self.increment(key, operation.amount)
        elif operation.action is Action.DISCARD:
            return self.discard(key, content)
        else:
            return self.remove(key)
        return True

    def put(self, key: str, value: bytes, now_ms: int) -> None:
        """
        Set a last-writer-wins register.

        :param now_ms: the robot's clock, milliseconds; may run backward.
        :raises RefusedError: a key or value out of bounds, or no room.
        """
        self._check(key, value=value)
        self._write(key, Kind.REGISTER, b'', self._clock.now(now_ms), value)

    def assign(self, key: str, value: bytes) -> None:
        """Set a multi-value register: in the place of all values seen; errors as `put`."""
        self._check(key, value=value)
        self._write(key, Kind.MULTI, b'', 0, value)

    def add(self, key: str, item: bytes, kind: Kind = Kind.ADD_SET) -> None:
        """
        Add an element to an add-wins or a grow-only set.

        An addition is new even where the element is there: it stays whatever removals are under
        way.
        """
        if kind not in SETS:
            raise RefusedError(f'{kind.name} is no set')
        self._check(key, item=item)
        self._write(key, kind, item, 0, b'')

    def discard(self, key: str, item: bytes) -> bool:
        """Take an element out of an add-wins set; returns whether it was there."""
        self._check(key, item=item)
        return self._take_away(self.state.slot(key, Kind.ADD_SET, item))

    def increment(self, key: str, amount: int) -> None:
        """Add to a counter; the amount may be negative; errors as `put`."""
        self._check(key)
        sums, mine = self._added(key, max(0, amount), max(0, -amount))
        if max(sums) > COUNT_MAX:
            raise RefusedError(f'the counter would leave the range of {COUNT_MAX} steps')
        # The sums of the others stay: only this replica's write takes the place of its last one.
        self._write(key, Kind.COUNTER, b'', 0, pack_sums(*sums), mine)

    def _added(self, key: str, up: int, down: int) -> tuple[tuple[int, int], list[Write]]:
        """Return the sums of this replica with more, and the writes in whose place they come."""
        mine = [w for w in self.state.slot(key, Kind.COUNTER) if w[3] == self.name]
        for write in newest_of_each(mine):
            before = unpack_sums(write[6])
            up, down = up + before[0], down + before[1]
        return (up, down), mine

    def remove(self, key: str) -> bool:
        """
        Remove all that was seen under a key, or below it where it ends with '/'.

        What others write there meanwhile stays. Of a counter that another replica increments
        meanwhile, all that that replica has added stays.

        :returns: whether there was anything.
        """
        self._check(key)
        keys = [key]
        if key.endswith('/'):
            below = self.state.keys_from(key)
            keys = list(itertools.takewhile(lambda each: each.startswith(key), below))
        return self._take_away([write for each in keys for write in self.state.writes_under(each)])

    def _check(self, key: str, item: bytes = b'', value: bytes = b'') -> None:
        if not 1 <= len(key) <= KEY_CHARACTERS_MAX:
            raise RefusedError(f'the key has {len(key)} characters; 1 to {KEY_CHARACTERS_MAX}')
        try:
            key.encode()
        except UnicodeEncodeError:
            raise RefusedError(f'the key {key!r} is no text that UTF-8 can hold') from None
        if len(item) > ITEM_BYTES_MAX:
            raise RefusedError(f'the element has {len(item)} bytes; {ITEM_BYTES_MAX} at most')
        if len(value) > self.config.value_bytes_max:
            raise RefusedError(
                f'the value has {len(value)} bytes; {self.config.value_bytes_max} at most'
            )

    def _write(
        self,
        key: str,
        kind: Kind,
        item: bytes,
        time: int,
        value: bytes,
        replaced: list[Write] | None = None,
    ) -> None:
        old = self.state.slot(key, kind, item) if replaced is None else replaced
        grows = len(key) + len(item) + len(value) + WRITE_OVERHEAD_BYTES - size_of(old)
        if grows > 0 and self.state.size + grows > self.config.bytes_max:
            raise RefusedError(
                f'the shared state has {self.state.size} bytes, {self.config.bytes_max} at most; '
                'remove keys'
            )
        self._make(key, kind, item, time, value, old)

    def _make(
        self, key: str, kind: int, item: bytes, time: int, value: bytes, old: list[Write]
    ) -> None:
        name = self.name or self._rename()
        write = self.state.write(name, key, kind, item, time, value, old)
        for each in old:
            self._said[each[3], each[4]] = None
        self._said[name, write[4]] = write
        self._own[name] = Own(name, write[4], self._own[name].heard)
        self._changed_here()

    def _take_away(self, writes: list[Write]) -> bool:
        self.state.remove(writes)
        for write in writes:
            self._said[write[3], write[4]] = None
        if writes:
            self._changed_here()
        return bool(writes)

    def _rename(self) -> str:
        """Take a new name, one that is newer than all that this robot is known to have borne."""
        rows, robot = self.state.context.rows, self.config.robot
        boots = [boot_of(writer) + 1 for writer in rows if robot_of(writer) == robot]
        level = max(self.level, self._heard_level or 0)
        # A peer may have made up names of this robot; none of them leaves no room for another.
        boot = min(max([self._boot, *boots]), BOOT_MAX)
        name = replica_id(self.config.robot, level, boot, self._random.getrandbits(63))
        self._own[name] = Own(name, 0, 0)
        self._changed_here()
        return name

    def _write_again(self, writes: list[Write]) -> None:
        """Make writes of names that are settled under the name that is in use now."""
        newest = {(w[0], w[1], w[2], w[3]): w for w in writes}
        for key, kind, item, _writer, _sequence, time, value in newest.values():
            if kind != Kind.COUNTER:
                self._make(key, kind, item, time, value, [])
                continue
            sums, mine = self._added(key, *unpack_sums(value))
            up, down = (min(each, COUNT_MAX) for each in sums)
            self._make(key, kind, item, time, pack_sums(up, down), mine)
