"""
The exact mode: each robot's newest item about a topic travels through other robots to all.

Epidemic in two layers (Demers et al., 1987). *Push*: a new item is said again, after a random
delay, by robots with neighbours that cannot have heard it; who hears another one say it takes those
off that hear that one, and is silent when none is left (Peng and Lu, 2000: of a swarm in which all
hear each other nobody says anything twice). *Anti-entropy*: hellos carry a digest of each topic;
where two differ, the versions that one holds (a vector) let the other send exactly what is missing.
Requests and repairs wait a random time, too, and are left out when somebody else was first (Floyd
et al., 1997).

What holds, whatever is lost, late, repeated or in another order: of one robot at most one item
about a topic is held, the one of the largest version; nothing is passed on that this robot has not
let in itself; and on a graph that stays connected all robots end with the same items. Memory is
bounded by `topics_max` times the robots, what is sent by one batch a tick and one vector a topic
between two hellos.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
import hashlib
import heapq
from random import Random

from swarm_consensus.protocols.fusion.effects import Effects, Send
from swarm_consensus.protocols.fusion.messages import (
    DIGESTS_MAX,
    ITEMS_MAX,
    TRAVEL_US_MAX,
    Hello,
    Item,
    Items,
    RelayMessage,
    Vector,
    Version,
)
from swarm_consensus.protocols.fusion.neighbours import Neighbours
from swarm_consensus.protocols.values import value

# What letting an item in gives instead of the ticks for which it counts.
FOR_EVER = 2**62
KNOWN = 0  # it does not count, and is remembered, so that nobody has to send it again
REFUSED = -1  # as if it had not come

# What an item takes in a batch beside its texts and bytes, at most.
_ITEM_OVERHEAD_BYTES = 48
_NEVER = -(2**62)
# Ticks over which answers are spread, at most.
_WINDOW_MAX = 50


@value
class RelayConfig:
    """
    Settings of the relay at one robot.

    :param robots: names of all robots of the swarm, this one included.
    :param incarnation: of this boot.
    :param tick_us: length of a tick.
    :param hello_ticks: between two hellos while anything is held.
    :param idle_ticks: between two hellos while nothing is held.
    :param spread_ticks: over which robots spread what several of them could say.
    :param near_ticks: silence after which a robot in reach counts as out of reach.
    :param far_ticks: time without a sign of life after which a robot counts as gone.
    :param relay_ticks: least time between two relays of the newest item of one robot about a topic;
        the first one goes at once.
    :param topics_max: topics held at once.
    :param batch_bytes_max: most bytes of a message with items.
    :raises ValueError: a time that is no time.
    """

    robot: str
    robots: tuple[str, ...]
    incarnation: int
    tick_us: int
    hello_ticks: int = 10
    idle_ticks: int = 25
    spread_ticks: int = 2
    near_ticks: int = 100
    far_ticks: int = 200
    relay_ticks: int = 10
    topics_max: int = 1024
    batch_bytes_max: int = 20_000

    def __post_init__(self) -> None:
        times = (self.tick_us, self.hello_ticks, self.idle_ticks, self.near_ticks, self.far_ticks)
        if min(times) < 1 or min(self.spread_ticks, self.relay_ticks) < 0:
            raise ValueError(f'times must be above 0, and spread and relay not below: {self}')


@dataclass(slots=True)
class _Known:
    """
    The newest item of one robot about one topic.

    :ivar item: None where it no longer counts.
    :ivar came: when it came.
    :ivar relayed: when one of its robot and topic was last said again here.
    :ivar needy: robots in reach that seem to lack it.
    :ivar due: when it is said again, while there are needy ones; else -1.
    :ivar vouched: whether it is known to be by its origin.
    """

    version: Version
    item: Item | None
    came: int
    relayed: int = _NEVER
    needy: set[str] = field(default_factory=set)
    due: int = -1
    vouched: bool = False


@dataclass(slots=True)
class _Topic:
    """
    :ivar digest: exclusive or of the hashes of all items that count.
    :ivar vector_due: when a vector leaves; -1: none does.
    :ivar vector_sent: when the last one did.
    """

    known: dict[str, _Known] = field(default_factory=dict)
    digest: int = 0
    live: int = 0
    vector_due: int = -1
    vector_sent: int = _NEVER


class Relay:
    """
    The relay of one robot.

    :param random: seeded differently at every robot and boot.
    :param admit: judges an item that is new here, given its age since it left its origin; returns
        for how many ticks it counts, or FOR_EVER, KNOWN or REFUSED.
    :param vouch: whether an item is by the robot that it names. Asked before an item is let in that
        another robot brings, and before any is passed on.
    :param wants: whether a topic of which nothing is held is of use here.
    :ivar dropped: counts what peers sent that no honest one sends.
    """

    def __init__(
        self,
        config: RelayConfig,
        random: Random,
        admit: Callable[[Item], int],
        vouch: Callable[[Item], bool] = lambda item: True,
        wants: Callable[[str], bool] = lambda topic: True,
    ) -> None:
        self._config = config
        self._random = random
        self._admit = admit
        self._vouch = vouch
        self._wants = wants
        self.neighbours = Neighbours(
            config.robot, config.robots, config.near_ticks, config.far_ticks
        )
        self.hello_ticks = config.hello_ticks
        self.dropped: Counter[str] = Counter()
        self._topics: OrderedDict[str, _Topic] = OrderedDict()
        self._pending: set[tuple[str, str]] = set()
        self._vectors: set[str] = set()
        # (when, topic, origin, version) of items that will count no longer.
        self._ends: list[tuple[int, str, str, Version]] = []
        self._live = 0
        self._own: Version = (config.incarnation, 0)
        self._out: list[Send] = []
        self._now = 0
        self._beat = 0
        self._hello_due = random.randrange(config.hello_ticks)
        self._present = frozenset(config.robots)
        self._next_topic = ''

    # -- what others ask --------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Return the ticks that have passed."""
        return self._now

    def held(self, topic: str) -> dict[str, Item]:
        """Return the items of a topic that count, by robot, as they are now."""
        found = self._topics.get(topic)
        if found is None:
            return {}
        return {
            origin: self._aged(each)
            for origin, each in found.known.items()
            if each.item is not None
        }

    def digest(self, topic: str) -> int:
        """Return the digest of what is held about a topic; 0 for nothing."""
        found = self._topics.get(topic)
        return 0 if found is None else found.digest

    def reachable(self) -> frozenset[str]:
        """Return the robots of which signs of life come, directly or through others."""
        return self.neighbours.reachable(self._now)

    def idle_ticks(self) -> int:
        """Return after how many ticks, at least 1, something is due by time alone."""
        due = self._hello_due
        for topic, origin in self._pending:
            due = min(due, self._topics[topic].known[origin].due)
        for topic in self._vectors:
            due = min(due, self._topics[topic].vector_due)
        return max(1, due - self._now)

    # -- inputs -----------------------------------------------------------------------------------

    def put(self, item: Item, life: int = FOR_EVER) -> None:
        """
        Say something; whoever is in reach hears it at once.

        :param item: of this robot and boot, with a larger sequence than all before of its topic.
        :param life: for how many ticks it counts.
        """
        self._own = max(self._own, item.version)
        known = self._keep(item, life)
        known.vouched = True
        known.relayed = self._now
        self._out.append(Send(Items((item,)), f'item {item.topic}'))

    def receive(self, sender: str, message: RelayMessage) -> None:
        """Take in a message; `sender` is in reach, and is who sent it."""
        if sender not in self.neighbours.places or sender == self._config.robot:
            self.dropped['STRANGER'] += 1
        elif isinstance(message, Items):
            for item in message.items:
                self._take(sender, item)
        elif isinstance(message, Vector):
            self._compare(sender, message)
        else:
            self._greet(sender, message)

    def pass_time(self, ticks: int) -> None:
        """Let ticks pass."""
        self._now += ticks

    def forget(self, topic: str) -> None:
        """Let go of everything about a topic; what was held is known, and not wanted again."""
        found = self._topics.get(topic)
        if found is not None:
            for origin, known in found.known.items():
                self._end(topic, found, origin, known)

    def set_present(self, present: Collection[str]) -> None:
        """
        Say which robots are there.

        What one said goes with it when it is gone, and is wanted again when it is back.
        """
        new = frozenset(present) | {self._config.robot}
        if new == self._present:
            return
        gone, back = self._present - new, new - self._present
        self._present = new
        for topic, found in self._topics.items():
            for origin in gone & found.known.keys():
                self._end(topic, found, origin, found.known[origin])
            for origin in back & found.known.keys():
                if found.known[origin].item is None:
                    del found.known[origin]

    # -- push -------------------------------------------------------------------------------------

    def _take(self, sender: str, item: Item) -> None:
        origin = item.origin
        if origin not in self.neighbours.places:
            self.dropped['STRANGER'] += 1
            return
        if origin == self._config.robot and item.incarnation >= self._config.incarnation:
            # What this boot said is known here, and nobody else knows anything newer of it.
            if item.version > self._own:
                self.dropped['FORGED'] += 1
                return
            if item.topic not in self._topics:
                return
        found = self._topics.get(item.topic)
        known = None if found is None else found.known.get(origin)
        if known is not None and item.version <= known.version:
            if item.version == known.version:
                self._heard_again(item.topic, known, origin, sender)
            elif known.item is not None:
                self._needs(item.topic, origin, known, (sender,))
            return
        if origin != sender and not self._vouch(item):
            self.dropped['FORGED'] += 1
            return
        life = self._admit(item)
        if life == REFUSED:
            return
        # Who says something new is there, as far as is known here.
        self.neighbours.touch(origin, self._now)
        self._present |= {origin}
        known = self._keep(item, life)
        known.vouched = origin != sender
        if known.item is not None:
            others = (n for n in self.neighbours.deaf_to(sender) if n != origin)
            self._needs(item.topic, origin, known, others)

    def _keep(self, item: Item, life: int) -> _Known:
        """Hold an item in the place of the one before it."""
        found = self._open(item.topic)
        self._topics.move_to_end(item.topic)
        before = found.known.get(item.origin)
        known = found.known[item.origin] = _Known(item.version, None, self._now)
        if before is not None:
            known.relayed = before.relayed
            # One that is replaced again and again must leave once, too.
            known.due = before.due
            self._end(item.topic, found, item.origin, before)
        if life > 0:
            known.item = item
            found.digest ^= item_hash(item.origin, item.version)
            found.live += 1
            self._live += 1
            if life < FOR_EVER:
                end = (self._now + life, item.topic, item.origin, item.version)
                heapq.heappush(self._ends, end)
            self._hello_due = min(self._hello_due, self._now + self.hello_ticks)
        return known

    def _end(self, topic: str, found: _Topic, origin: str, known: _Known) -> None:
        """Let an item count no longer; its version stays known."""
        self._satisfied(topic, origin, known)
        if known.item is not None:
            found.digest ^= item_hash(origin, known.version)
            found.live -= 1
            self._live -= 1
            known.item = None

    def _satisfied(self, topic: str, origin: str, known: _Known) -> None:
        known.needy.clear()
        known.due = -1
        self._pending.discard((topic, origin))

    def _open(self, topic: str) -> _Topic:
        """Return a topic; of too many, those go first of which nothing counts any more."""
        found = self._topics.get(topic)
        if found is not None:
            return found
        while len(self._topics) >= self._config.topics_max:
            idle = (name for name, each in self._topics.items() if not each.live)
            victim = next(idle, next(iter(self._topics)))
            self.forget(victim)
            del self._topics[victim]
            self._vectors.discard(victim)
        found = self._topics[topic] = _Topic()
        return found

    def _needs(self, topic: str, origin: str, known: _Known, robots: Iterable[str]) -> None:
        """Take note that robots in reach seem to lack an item."""
        known.needy.update(robots)
        known.needy.discard(origin)
        place = (topic, origin)
        if known.needy and place not in self._pending:
            self._pending.add(place)
            if known.due < 0:
                delay = self._random.randint(0, self._window)
                known.due = max(self._now + delay, known.relayed + self._config.relay_ticks)

    def _heard_again(self, topic: str, known: _Known, origin: str, speaker: str) -> None:
        """Take note that somebody in reach has said an item, so those around it have heard it."""
        if known.needy:
            known.needy.difference_update(self.neighbours.hearing(speaker))
            if not known.needy:
                self._satisfied(topic, origin, known)

    @property
    def _window(self) -> int:
        """Over how many ticks those who could all say the same spread what they say."""
        others = self.neighbours.count
        if others <= 2:
            return 0
        return min(max(self._config.spread_ticks, others // 4), _WINDOW_MAX)

    # -- anti-entropy -----------------------------------------------------------------------------

    def _greet(self, sender: str, hello: Hello) -> None:
        if self.neighbours.greeted(sender, hello, self._now):
            # It is to know soon that it is heard.
            soon = self._now + self._random.randint(1, 1 + self._window)
            self._hello_due = min(self._hello_due, soon)
        for topic, digest in hello.digests:
            found = self._topics.get(topic)
            if found is None and not self._wants(topic):
                continue
            if digest != (0 if found is None else found.digest):
                self._want_vector(topic)

    def _want_vector(self, topic: str) -> None:
        found = self._open(topic)
        if found.vector_due < 0:
            earliest = found.vector_sent + self.hello_ticks
            found.vector_due = max(self._now + self._random.randint(0, self._window), earliest)
            self._vectors.add(topic)

    def _compare(self, sender: str, vector: Vector) -> None:
        found = self._topics.get(vector.topic)
        if found is None:
            if vector.entries and self._wants(vector.topic):
                self._want_vector(vector.topic)
            return
        theirs = {origin: (incarnation, seq) for origin, incarnation, seq in vector.entries}
        equal = len(theirs) == len(found.known)
        for origin, known in found.known.items():
            version = theirs.get(origin, (0, 0))
            equal &= version == known.version
            if known.item is None:
                continue
            if version < known.version:
                self._needs(vector.topic, origin, known, (sender,))
            elif sender in known.needy:
                known.needy.discard(sender)
                if not known.needy:
                    self._satisfied(vector.topic, origin, known)
        if equal:
            # Somebody else has said what this robot would say.
            found.vector_due = -1
            self._vectors.discard(vector.topic)
        elif self._lacks(found, theirs):
            self._want_vector(vector.topic)

    def _lacks(self, found: _Topic, theirs: dict[str, Version]) -> bool:
        for origin, version in theirs.items():
            known = found.known.get(origin)
            if origin in self.neighbours.places and (known is None or known.version < version):
                return True
        return False

    # -- what leaves ------------------------------------------------------------------------------

    def take_effects(self, hold: bool = False) -> Effects | None:
        """
        Return what is to be sent now; None: nothing.

        :param hold: the radio is full: nothing leaves that can wait, as what is said again for
            others.
        """
        while self._ends and self._ends[0][0] <= self._now:
            _, topic, origin, version = heapq.heappop(self._ends)
            found = self._topics.get(topic)
            if found is not None and origin in found.known:
                known = found.known[origin]
                if known.version == version:
                    self._end(topic, found, origin, known)
        if self._pending and not hold:
            self._say_again()
        for topic in () if hold else sorted(self._vectors):
            if self._topics[topic].vector_due <= self._now:
                self._send_vector(topic)
        if self._hello_due <= self._now:
            self._send_hello()
        if not self._out:
            return None
        effects = Effects(tuple(self._out))
        self._out = []
        return effects

    def _say_again(self) -> None:
        """Send the items that are due, as many as fit into one message; the rest waits a tick."""
        room = self._config.batch_bytes_max
        batch: list[Item] = []
        due = [
            (known.due, topic, origin, known)
            for topic, origin in self._pending
            if (known := self._topics[topic].known[origin]).due <= self._now
        ]
        for _, topic, origin, known in sorted(due, key=lambda each: each[:3]):
            if not known.vouched and not self._vouch(known.item):  # type: ignore[arg-type]
                # It came from its origin, which has not signed it as one that may be passed on.
                self.dropped['FORGED'] += 1
                self._satisfied(topic, origin, known)
                continue
            known.vouched = True
            item = self._aged(known)
            size = _ITEM_OVERHEAD_BYTES + len(item.body) + len(item.signature)
            size += 4 * (len(item.origin) + len(item.topic))
            if batch and (size > room or len(batch) == ITEMS_MAX):
                break
            room -= size
            batch.append(item)
            known.relayed = self._now
            self._satisfied(topic, origin, known)
        if batch:
            self._out.append(Send(Items(tuple(batch))))

    def _aged(self, known: _Known) -> Item:
        """Return an item with the time that it has spent here; in whole ticks, rounded up."""
        item = known.item
        assert item is not None
        if item.origin == self._config.robot and item.incarnation == self._config.incarnation:
            waited = self._now - known.came
        else:
            waited = self._now - known.came + 1
        travel_us = min(item.travel_us + waited * self._config.tick_us, TRAVEL_US_MAX)
        return replace(item, travel_us=travel_us)

    def _send_vector(self, topic: str) -> None:
        found = self._topics[topic]
        found.vector_due = -1
        found.vector_sent = self._now
        self._vectors.discard(topic)
        entries = tuple((origin, *known.version) for origin, known in sorted(found.known.items()))
        self._out.append(Send(Vector(topic, entries), f'vector {topic}'))
        if not found.known:
            del self._topics[topic]

    def _send_hello(self) -> None:
        self.neighbours.expire(self._now)
        self._beat += 1
        hello = Hello(
            roster=self.neighbours.roster,
            incarnation=self._config.incarnation,
            beat=self._beat,
            heard=self.neighbours.mask(),
            digests=self._digests(),
            signs=self.neighbours.signs_to_tell(self._now),
        )
        self._out.append(Send(hello, 'hello'))
        ticks = self.hello_ticks if self._live else max(self.hello_ticks, self._config.idle_ticks)
        self._hello_due = self._now + ticks

    def _digests(self) -> tuple[tuple[str, int], ...]:
        """Return the digests of some topics, of the next ones each time."""
        names = sorted(name for name, each in self._topics.items() if each.live)
        if len(names) > DIGESTS_MAX:
            first = next((n for n, name in enumerate(names) if name > self._next_topic), 0)
            names = (names[first:] + names[:first])[:DIGESTS_MAX]
            self._next_topic = names[-1]
        return tuple((name, self._topics[name].digest) for name in names)


@lru_cache(maxsize=4096)
def item_hash(origin: str, version: Version) -> int:
    """Return what an item adds to the digest of its topic, and takes away in the end; 63 bits."""
    text = f'{version[0]}/{version[1]}/{origin}'.encode()
    found = hashlib.blake2b(text, digest_size=8, person=b'swarm/item/1')
    return int.from_bytes(found.digest(), 'big') & (2**63 - 1)
