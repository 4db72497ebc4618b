"""
Robots that only say who is there, on a radio that loses, delays, splits and heals.

What a robot sends at one instant goes in one frame, which every robot in reach can hear, as on DDS;
those that nothing in it is for do not read it. Its size is that of the real codec.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
import hashlib
import heapq
from random import Random

from swarm_consensus.protocols.gossip.swim.config import SwimConfig
from swarm_consensus.protocols.gossip.swim.effects import Effects, MemberEvent
from swarm_consensus.protocols.gossip.swim.messages import Message
from swarm_consensus.protocols.gossip.swim.swim import Swim
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.wire import MESSAGES

# How often who leaves says so.
FAREWELLS = 3
# What comes for a robot that stalls waits in buffers, and these are bounded.
WAITING_MAX = 10_000


@value
class Radio:
    """
    :param loss: share of frames lost on their way to one receiver, 0..1.
    :param doubled: share that arrive twice, 0..1.
    :param delay_min: ticks, 1 or more.
    :param delay_max: ticks; frames with different delays overtake each other.
    """

    loss: float = 0.0
    doubled: float = 0.0
    delay_min: int = 1
    delay_max: int = 2


@dataclass(slots=True)
class Robot:
    """
    One robot.

    :ivar swim: None while it is down.
    :ivar waiting: (sender, incarnation, message) that came while it stalls.
    :ivar sent_bytes: of the batches of its frames.
    :ivar read_bytes: of those that had something for it.
    """

    config: SwimConfig
    swim: Swim | None = None
    incarnation: int = 0
    left: bool = False
    stalled: bool = False
    waiting: list[tuple[str, int, Message]] = field(default_factory=list)
    at: int = 0
    planned: int = -1
    sent_bytes: int = 0
    sent_frames: int = 0
    read_bytes: int = 0

    @property
    def works(self) -> bool:
        """Whether it is there and does not stall."""
        return self.swim is not None and not self.left and not self.stalled


class Air:
    """
    The world.

    :param seed: decides everything that is left to chance.
    :param config: of every robot, but for its name and incarnation.
    :param listener: told of (tick, robot, event) at every robot.
    :param forgives_stalls: whether robots notice that they stalled, as the runtime does, and let
        the time not pass; else all of it passes at once, and before they read what came.
    """

    def __init__(
        self,
        seed: int,
        config: SwimConfig,
        radio: Radio = Radio(),  # noqa: B008
        listener: Callable[[int, str, MemberEvent], None] | None = None,
        *,
        forgives_stalls: bool = True,
    ) -> None:
        self.now = 0
        self.radio = radio
        self.robots: dict[str, Robot] = {}
        self.kinds: Counter[str] = Counter()
        self._config = config
        self._forgives = forgives_stalls
        self._listener = listener
        self._seeds = Random(seed)
        self._luck = Random(self._seeds.getrandbits(64))
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._cut: set[tuple[str, str]] = set()
        self._hash = hashlib.blake2b(digest_size=16)

    @property
    def digest(self) -> str:
        """Return a hash over all that was sent and told so far."""
        return self._hash.hexdigest()

    # -- what happens to robots -----------------------------------------------------------------

    def start(self, name: str, **changes: object) -> None:
        """Boot a robot, be it a new one or one that is down."""
        robot = self.robots.get(name)
        if robot is None:
            robot = self.robots[name] = Robot(self._config)
        assert robot.swim is None, f'{name} runs'
        # Far more than it ever refutes, as with milliseconds since 1970.
        robot.incarnation += 1_000
        robot.config = replace(
            self._config,
            robot=name,
            incarnation=robot.incarnation,
            **changes,  # type: ignore[arg-type]
        )
        robot.left = robot.stalled = False
        robot.at, robot.planned = self.now, -1
        robot.swim = Swim(robot.config, Random(self._seeds.getrandbits(64)))
        self._work(name)

    def crash(self, name: str) -> None:
        """Take a robot down without a word."""
        robot = self.robots[name]
        robot.swim = None
        robot.waiting.clear()

    def leave(self, name: str) -> None:
        """Let a robot leave and go down."""
        robot = self.robots[name]
        assert robot.swim is not None
        robot.swim.leave()
        robot.left = True
        effects = robot.swim.take_effects()
        assert effects is not None
        for _ in range(FAREWELLS):
            self._send(name, effects)
        robot.swim = None
        robot.waiting.clear()

    def stall(self, name: str) -> None:
        """Let a robot do nothing; what comes for it waits."""
        self.robots[name].stalled = True

    def resume(self, name: str) -> None:
        """Let a robot go on after a stall."""
        robot = self.robots[name]
        if robot.swim is None or not robot.stalled:
            return
        robot.stalled = False
        if self._forgives:
            robot.at = self.now
            robot.swim.stalled()
        waiting, robot.waiting = robot.waiting, []
        self._work(name)
        for sender, incarnation, message in waiting:
            self._work(name, sender, incarnation, (message,))

    # -- the radio ------------------------------------------------------------------------------

    def split(self, groups: Iterable[Collection[str]]) -> None:
        """Cut every link between robots of different groups."""
        parts = [tuple(group) for group in groups]
        self._cut = {
            (a, b) for part in parts for other in parts if part is not other
            for a in part for b in other
        }  # fmt: skip

    def cut(self, sender: str, receiver: str) -> None:
        """Let nothing pass from one robot to another; the way back stays."""
        self._cut.add((sender, receiver))

    def heal(self) -> None:
        """Mend all links."""
        self._cut.clear()

    # -- time -----------------------------------------------------------------------------------

    def after(self, ticks: int, action: Callable[[], None]) -> None:
        """Have something done after so many ticks."""
        self._count += 1
        heapq.heappush(self._agenda, (self.now + ticks, self._count, action))

    def run(self, ticks: int) -> None:
        """Let time pass."""
        until = self.now + ticks
        while self._agenda and self._agenda[0][0] <= until:
            self.now, _, action = heapq.heappop(self._agenda)
            action()
        self.now = until

    def _wake(self, name: str, at: int) -> None:
        robot = self.robots[name]
        if robot.planned == at and robot.swim is not None:
            robot.planned = -1
            if not robot.stalled:
                self._work(name)

    def _work(self, name: str, sender: str = '', incarnation: int = 0,
              messages: Sequence[Message] = ()) -> None:  # fmt: skip
        """Let a robot do what is due and read what came, and send and tell what comes of it."""
        robot = self.robots[name]
        swim = robot.swim
        if swim is None:
            return
        ticks = self.now - robot.at
        robot.at = self.now
        if ticks:
            swim.pass_time(ticks)
        for message in messages:
            swim.receive(sender, incarnation, message)
        while (effects := swim.take_effects()) is not None:
            self._send(name, effects)
            for event in effects.events:
                self._hash.update(f'{self.now} {name} {event}'.encode())
                if self._listener is not None:
                    self._listener(self.now, name, event)
        wake = self.now + swim.idle_ticks()
        if robot.planned < self.now or wake < robot.planned:
            robot.planned = wake
            self.after(wake - self.now, lambda: self._wake(name, wake))

    def _send(self, name: str, effects: Effects) -> None:
        robot = self.robots[name]
        if not effects.send:
            return
        parts = [MESSAGES.encode(send.message, send.to) for send in effects.send]
        batch = MESSAGES.join(parts)
        self._hash.update(b'%d %s ' % (self.now, name.encode()) + batch)
        robot.sent_bytes += len(batch)
        robot.sent_frames += 1
        for send in effects.send:
            self.kinds[type(send.message).__name__] += 1
        only = effects.send[0].to if len({send.to for send in effects.send}) == 1 else ()
        for receiver in only if len(only) == 1 else tuple(self.robots):
            if receiver == name or receiver not in self.robots or (name, receiver) in self._cut:
                continue
            messages = [s.message for s in effects.send if not s.to or receiver in s.to]
            if self._luck.random() < self.radio.loss:
                continue
            copies = 2 if self.radio.doubled and self._luck.random() < self.radio.doubled else 1
            for _ in range(copies):
                delay = self._luck.randint(self.radio.delay_min, self.radio.delay_max)
                self.after(delay, _Arrival(self, receiver, name, robot.incarnation, messages,
                                           len(batch)))  # fmt: skip

    def arrive(
        self, name: str, sender: str, incarnation: int, messages: list[Message], size: int
    ) -> None:
        """Let a frame arrive."""
        robot = self.robots[name]
        if robot.swim is None:
            return
        robot.read_bytes += size
        if robot.stalled:
            room = WAITING_MAX - len(robot.waiting)
            robot.waiting += [(sender, incarnation, message) for message in messages[:room]]
            return
        if messages:
            self._work(name, sender, incarnation, messages)


class _Arrival:
    """A frame on its way."""

    __slots__ = ('_air', '_incarnation', '_messages', '_receiver', '_sender', '_size')

    def __init__(
        self,
        air: Air,
        receiver: str,
        sender: str,
        incarnation: int,
        messages: list[Message],
        size: int,
    ) -> None:
        self._air = air
        self._receiver = receiver
        self._sender = sender
        self._incarnation = incarnation
        self._messages = messages
        self._size = size

    def __call__(self) -> None:
        self._air.arrive(
            self._receiver, self._sender, self._incarnation, self._messages, self._size
        )
