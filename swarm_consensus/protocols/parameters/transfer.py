"""
Fetches blobs from whoever holds them, and serves the chunks that are held here.

A blob is walked down from its root, so every chunk is checked against a hash that is trusted
already, and it does not matter who sends it. What is held is never asked for again: not after a
reboot, and not where another blob has the same chunk. Each robot that is asked has a window of
chunks that may be under way, which grows by one for each full window that came and is halved when
a chunk is late (AIMD; Chiu and Jain 1989), so that bulk gives way where the radio is full.

Time is in ticks. What is held is looked up by functions that are given; nothing is read or written
here. Memory is bounded by the blobs worked on at once and their nodes: the chunks themselves are
handed over as they come.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from random import Random

from swarm_consensus.protocols.parameters.blobs import Blob, Part, Read
from swarm_consensus.protocols.parameters.effects import (
    Arrived,
    Batch,
    Keep,
    Malformed,
    Send,
    Serve,
    TransferCounters,
)
from swarm_consensus.protocols.parameters.messages import (
    HASHES_MAX,
    Chunk,
    ChunksNotHeld,
    ChunksWanted,
    Message,
)
from swarm_consensus.protocols.parameters.serving import Serving
from swarm_consensus.protocols.values import value

WINDOW_FIRST = 4.0
# A chunk that is late is waited for twice as long the next time, up to this many times.
PATIENCE_MAX = 64
# Chunks that cannot be asked for now, after which the rest is left for the next tick.
PASSED_OVER_MAX = 256
_NOTHING = Batch()


@value
class TransferConfig:
    """
    How much at once.

    :param answer_ticks: time for a chunk to come, before it is asked for again.
    :param lacking_ticks: time after which a robot that did not hold a chunk may be asked again.
    :param window_max: chunks under way from one robot, at most HASHES_MAX.
    :param serve_per_tick: chunks sent a tick, to all robots together.
    :param waiting_max: blobs wanted at once; one more is refused.
    :param active_max: blobs of them that are fetched at once, the rest in the order of asking.
    :param served_per_robot_max: chunks that wait to be sent to one robot.
    :param served_robots_max: robots that chunks wait for.
    :raises ValueError: a window that one message could not ask for.
    """

    answer_ticks: int = 25
    lacking_ticks: int = 50
    window_max: int = 32
    serve_per_tick: int = 4
    waiting_max: int = 1024
    active_max: int = 8
    served_per_robot_max: int = 128
    served_robots_max: int = 256

    def __post_init__(self) -> None:
        if self.window_max > HASHES_MAX:
            raise ValueError(f'window_max is {self.window_max}, must be at most {HASHES_MAX}')


@dataclass(slots=True)
class _Want:
    """
    A chunk that is missing.

    :ivar users: the blobs that it belongs to, and what it is in each. Only a blob that contradicts
        itself sees another part in it than the rest.
    :ivar asked: robots that were ever asked, whose late answers are welcome.
    :ivar lacking: robots that do not hold it, or sent something else, until the tick.
    :ivar holder: robot that it is under way from; '': nobody.
    :ivar due: tick until which it is waited for, or nobody is asked.
    """

    users: dict[Blob, Part] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    lacking: dict[str, int] = field(default_factory=dict)
    holder: str = ''
    due: int = 0
    attempts: int = 0


@dataclass(slots=True)
class _Fetch:
    """A blob that is wanted; `missing` counts its chunks among the wants."""

    sources: frozenset[str]
    active: bool = False
    missing: int = 0


@dataclass(slots=True)
class _Peer:
    """How much a robot is asked for at once."""

    window: float = WINDOW_FIRST
    under_way: int = 0


class Transfer:
    """
    One robot's part in the exchange of blobs.

    :param random: chooses among robots that are as good.
    :param held: whether a chunk is held here.
    :param read: the bytes of a chunk that is held here; used for nodes only.
    """

    def __init__(
        self,
        config: TransferConfig,
        random: Random,
        held: Callable[[bytes], bool],
        read: Read,
    ) -> None:
        self._config = config
        self._random = random
        self._held = held
        self._read = read
        self.counters = TransferCounters()
        self._now = 0
        self._fetches: OrderedDict[Blob, _Fetch] = OrderedDict()
        self._wants: dict[bytes, _Want] = {}
        self._under_way: dict[bytes, _Want] = {}
        self._peers: dict[str, _Peer] = {}
        self._serving = Serving(config.served_per_robot_max, config.served_robots_max)
        # Chunks of this batch, which are not yet held.
        self._fresh: dict[bytes, bytes] = {}
        self._send: list[Send] = []
        self._serve: list[Serve] = []
        self._tell: list[Arrived | Malformed] = []

    @property
    def idle(self) -> bool:
        """Whether nothing is wanted and nothing waits to be sent."""
        return not self._fetches and not self._serving

    @property
    def wanted(self) -> Collection[Blob]:
        """Return the blobs that have not arrived yet."""
        return self._fetches.keys()

    # -- what is wanted ---------------------------------------------------------------------------

    def want(self, blob: Blob, sources: Collection[str]) -> bool:
        """
        Fetch a blob; told by Arrived, at once where all of it is held.

        :param sources: robots that should hold it, asked before others.
        :returns: False where too many are wanted already.
        """
        fetch = self._fetches.get(blob)
        if fetch is not None:
            fetch.sources |= frozenset(sources)
            return True
        if len(self._fetches) >= self._config.waiting_max:
            return False
        self._fetches[blob] = _Fetch(frozenset(sources))
        self._activate()
        return True

    def forget(self, blob: Blob) -> None:
        """Fetch a blob no longer; what came of it stays held."""
        if self._fetches.pop(blob, None) is None:
            return
        for chunk, want in tuple(self._wants.items()):
            want.users.pop(blob, None)
            if not want.users:
                self._release(chunk, want)
                del self._wants[chunk]
        self._activate()

    def _activate(self) -> None:
        """Begin with as many blobs as may be fetched at once."""
        while True:
            waiting = [each for each in self._fetches.items() if not each[1].active]
            if not waiting or len(self._fetches) - len(waiting) >= self._config.active_max:
                return
            blob, fetch = waiting[0]
            fetch.active = True
            self._walk(blob, fetch, blob.whole)

    def _walk(self, blob: Blob, fetch: _Fetch, top: Part) -> None:
        """Find what is missing below a part, and end the blob where nothing is missing at all."""
        parts = [top]
        while parts:
            part = parts.pop()
            if not self._has(part.hash):
                self._add(blob, fetch, part)
            elif part.height:
                data = self._fresh.get(part.hash) or self._read(part.hash)
                if data is None or len(data) != part.chunk_bytes or not part.fits(data):
                    self._give_up(blob)
                    return
                # The first ones last, since the last part is walked next.
                parts.extend(reversed(list(part.children(data))))
        if not fetch.missing:
            del self._fetches[blob]
            self._tell.append(Arrived(blob))

    def _has(self, chunk: bytes) -> bool:
        return chunk in self._fresh or self._held(chunk)

    def _add(self, blob: Blob, fetch: _Fetch, part: Part) -> None:
        want = self._wants.setdefault(part.hash, _Want())
        if blob not in want.users:
            want.users[blob] = part
            fetch.missing += 1

    def _give_up(self, blob: Blob) -> None:
        self.counters.malformed += 1
        self._tell.append(Malformed(blob))
        self.forget(blob)

    # -- what comes -------------------------------------------------------------------------------

    def receive(self, sender: str, message: Message) -> None:
        """Take in a message of another robot."""
        if isinstance(message, ChunksWanted):
            self._asked(sender, message)
        elif isinstance(message, Chunk):
            self._came(sender, message)
        else:
            for chunk in message.hashes:
                want = self._wants.get(chunk)
                if want is not None and sender in want.asked:
                    self._lacks(chunk, want, sender)

    def _asked(self, sender: str, message: ChunksWanted) -> None:
        not_held = []
        for chunk in message.hashes:
            if not self._held(chunk):
                not_held.append(chunk)
            elif not self._serving.add(sender, chunk):
                self.counters.not_served += 1
        if not_held:
            self._send.append(Send(sender, ChunksNotHeld(tuple(not_held))))

    def _came(self, sender: str, message: Chunk) -> None:
        want = self._wants.get(message.hash)
        if want is None or sender not in want.asked:
            self.counters.unasked += 1
            return
        if not any(part.fits(message.data) for part in want.users.values()):
            self.counters.wrong_hash += 1
            count = self.counters.by_robot
            count[sender] = count.get(sender, 0) + 1
            self._lacks(message.hash, want, sender)
            return
        if want.holder == sender:
            peer = self._peers[sender]
            peer.window = min(peer.window + 1.0 / peer.window, self._config.window_max)
        self._release(message.hash, want)
        del self._wants[message.hash]
        self.counters.received += 1
        self._fresh[message.hash] = message.data
        for blob, part in want.users.items():
            fetch = self._fetches[blob]
            fetch.missing -= 1
            if part.fits(message.data) and len(message.data) == part.chunk_bytes:
                self._walk(blob, fetch, part)
            else:
                # It is what the hash says, and still not what this blob should have there.
                self._give_up(blob)
        self._activate()

    def _lacks(self, chunk: bytes, want: _Want, robot: str) -> None:
        want.lacking[robot] = self._now + self._config.lacking_ticks
        if want.holder == robot:
            self._release(chunk, want)

    def _release(self, chunk: bytes, want: _Want) -> None:
        """Take note that a chunk is no longer under way."""
        if want.holder:
            self._peers[want.holder].under_way -= 1
            del self._under_way[chunk]
            want.holder = ''
            want.due = 0

    # -- time -------------------------------------------------------------------------------------

    def tick(self, ticks: int, alive: Collection[str], may_serve: bool = True) -> None:
        """
        Let time pass, ask for what is missing, and send what was asked for.

        :param ticks: since the last call.
        :param alive: the other robots that are there.
        :param may_serve: whether there is room on the radio for chunks.
        """
        self._now += ticks
        if self._serving and may_serve:
            served = self._serving.take(self._config.serve_per_tick * ticks)
            self.counters.served += len(served)
            self._serve += served
        if not self._wants:
            return
        for name in tuple(self._peers):
            if name not in alive and not self._peers[name].under_way:
                del self._peers[name]
        self._expire()
        self._ask(alive)

    def _expire(self) -> None:
        for chunk, want in tuple(self._under_way.items()):
            if want.due <= self._now:
                self.counters.timeouts += 1
                peer = self._peers[want.holder]
                peer.window = max(1.0, peer.window / 2)
                want.attempts += 1
                self._release(chunk, want)

    def _ask(self, alive: Collection[str]) -> None:
        others = sorted(alive)
        room = {
            name: int(self._peers.setdefault(name, _Peer()).window) - self._peers[name].under_way
            for name in others
        }
        asked: dict[str, list[bytes]] = {}
        free = sum(max(0, each) for each in room.values())
        passed_over = 0
        for chunk, want in self._wants.items():
            if not free:
                break
            if want.due > self._now:
                continue
            name = self._choose(want, others, room)
            if not name:
                if all(name in want.lacking for name in others):
                    # Looked at again later, and not in each tick: there may be thousands of them.
                    want.due = self._now + self._config.answer_ticks
                passed_over += 1
                if passed_over == PASSED_OVER_MAX:
                    break
                continue
            room[name] -= 1
            free -= 1
            self._peers[name].under_way += 1
            self._under_way[chunk] = want
            want.holder = name
            want.asked.add(name)
            patience = min(2**want.attempts, PATIENCE_MAX)
            want.due = self._now + patience * self._config.answer_ticks
            asked.setdefault(name, []).append(chunk)
        self._send += [Send(name, ChunksWanted(tuple(each))) for name, each in asked.items()]

    def _choose(self, want: _Want, others: list[str], room: dict[str, int]) -> str:
        """Return the robot to ask for a chunk; '' where nobody can be asked now."""
        for name, until in tuple(want.lacking.items()):
            if until <= self._now:
                del want.lacking[name]
        able = [name for name in others if room[name] > 0 and name not in want.lacking]
        if not able:
            return ''
        sources = frozenset[str]().union(*(self._fetches[blob].sources for blob in want.users))
        # Those that made it before others; after a time-out, whoever has the most room.
        known = [name for name in able if name in sources]
        if known and want.attempts < 2:
            able = known
        most = max(room[name] for name in able)
        return self._random.choice([name for name in able if room[name] == most])

    # -- the way out ------------------------------------------------------------------------------

    def take(self) -> Batch:
        """Return what is to be done; everything in `keep` is held afterwards."""
        if not (self._fresh or self._send or self._serve or self._tell):
            return _NOTHING
        batch = Batch(
            tuple(Keep(chunk, data) for chunk, data in self._fresh.items()),
            tuple(self._send),
            tuple(self._serve),
            tuple(self._tell),
        )
        self._fresh = {}
        self._send = []
        self._serve = []
        self._tell = []
        return batch
