"""
Who is heard: when each robot was last, and whether another one bears our name.

That a robot is not heard here does not make it gone: the membership asks others (swim_work.py).

Two robots of one name would share a vote, so a robot listens before it takes part. An active
robot that hears its own name asked for answers at once, and so does every other robot that hears
both, because a middleware may need seconds until the two hear each other. Of two that start
together, or that meet after a split, the one of the earlier boot gives way: the others hear only
the later one, whose frames make those of an earlier boot old.

Where the swarm has keys, only somebody who has our key can speak under our name. But frames that
an earlier boot of ours has signed may have been recorded, so a frame of an earlier boot is nothing
to give way to. Whoever bears the name answers our probe by its nonce, which nobody knew before.
And of the robots that hear both, some may lie, so more than these must say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from swarm_consensus.protocols.bounds import UNSIGNED_64
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.transport.frame import FrameHeader

# Signs of life in a peer_timeout where bytes are too few; else as many as are configured.
PRESENCES_A_TIMEOUT = 3
# One frame may be a late one of our own previous boot; a robot that is alive sends more.
IMPOSTOR_FRAMES = 2
# A robot that hears nobody at all waits so many times longer: nobody could tell it yet.
LONELY_PROBES = 4
# Share of the probe during which frames under the name must keep coming to be those of somebody.
LATE_FRAMES_SHARE = 4


@value
class Presence:
    """
    Sign of life to all robots.

    :param probing: the sender is still listening whether its name is free.
    :param standing: hash of how its subjects of the level AGREED stand; 0 where there are none.
    """

    probing: bool
    standing: int = 0


@value
class NameInUse:
    """
    What a robot tells one that probes for a name, when another one speaks under it as well.

    :param robot: the name.
    :param incarnation: boot of the one that takes part under it.
    :param nonce: of the one that probes, which gives way.
    """

    robot: str
    # As large as anybody may write them into a header.
    incarnation: Annotated[int, UNSIGNED_64]
    nonce: Annotated[int, UNSIGNED_64]


@dataclass(slots=True)
class _Heard:
    at_ns: int
    incarnation: int


class Members:
    """
    The robots of the swarm as heard from here.

    :param signed: whether the swarm has keys; all frames told of here are then signed.
    :param liars: how many robots may lie.
    :ivar presence_due_ns: when the next sign of life is to be sent.
    :ivar certain: robots that are there by the membership, and no suspects.
    :ivar left: robots that have left.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        incarnation: int,
        nonce: int,
        now_ns: int,
        signed: bool = False,
        liars: int = 0,
    ) -> None:
        self._config = config
        self._boot = (incarnation, nonce)
        self._signed = signed
        self._liars = liars
        self._heard: dict[str, _Heard] = {}
        # Counts up whenever a robot that was gone is heard, or one is forgotten.
        self._changes = 0
        # Who is there, until when nothing but a change changes that, and of what it was worked out.
        self._alive: tuple[str, ...] = ()
        self._alive_until_ns = -1
        self._alive_of: tuple[int, frozenset[str], frozenset[str]] | None = None
        self.certain: frozenset[str] = frozenset()
        self.left: frozenset[str] = frozenset()
        self._named = frozenset(config.robots)
        alone = config.robots == (config.robot,) and not config.open_membership
        self._probe_until_ns = now_ns + config.name_probe_ns * (1 if alone else LONELY_PROBES)
        self._probing = config.name_probe_ns > 0
        self._in_contact = alone
        # Nonce and time of the last probe for each name.
        self._probes: dict[str, tuple[int, int]] = {}
        # By name: nonces of the one that probes and of the one heard since, and since when.
        self._rivals: dict[str, tuple[int, int, int]] = {}
        self._told_in_use = 0
        self._tellers: set[str] = set()
        self.presence_due_ns = now_ns
        self._impostor_sequences: dict[int, set[int]] = {}

    @property
    def probing(self) -> bool:
        """Return whether this robot still listens for its own name."""
        return self._probing

    def contact(self, now_ns: int) -> None:
        """Note that something of the swarm is heard: from now somebody can tell us of our name."""
        if not self._in_contact:
            self._in_contact = True
            self._probe_until_ns = now_ns + self._config.name_probe_ns

    def heard(self, robot: str, incarnation: int, now_ns: int) -> bool:
        """Note a frame of a peer; returns whether the peer was gone until now."""
        heard = self._heard.get(robot)
        if heard is None:
            self._heard[robot] = _Heard(now_ns, incarnation)
            self._changes += 1
            return True
        was_gone = now_ns - heard.at_ns > self._config.peer_timeout_ns
        heard.at_ns, heard.incarnation = now_ns, incarnation
        if was_gone:
            self._changes += 1
        return was_gone

    def alive(self, now_ns: int) -> tuple[str, ...]:
        """
        Return the robots that are there, and this one, sorted.

        Whoever was heard here within the peer timeout is, whatever others say, unless it has left.
        Of the others those are that the membership holds for alive; of a suspect that is silent
        here, too, nobody should expect anything.
        """
        standing = (self._changes, self.certain, self.left)
        if now_ns <= self._alive_until_ns and standing == self._alive_of:
            return self._alive
        limit = self._config.peer_timeout_ns
        peers = {robot for robot, heard in self._heard.items() if now_ns - heard.at_ns <= limit}
        # Nobody goes before the one that was silent for longest does, and who comes is a change.
        oldest_ns = min((self._heard[robot].at_ns for robot in peers), default=now_ns)
        self._alive_until_ns, self._alive_of = oldest_ns + limit, standing
        self._alive = tuple(sorted((peers - self.left) | self.certain | {self._config.robot}))
        return self._alive

    def named(self, robots: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of some robots that swarm.yaml names."""
        if not self._config.open_membership:
            return robots
        return tuple(robot for robot in robots if robot in self._named)

    def named_alive(self, now_ns: int) -> tuple[str, ...]:
        """Return the robots that are there and that swarm.yaml names."""
        return self.named(self.alive(now_ns))

    def heard_since(self, since_ns: int) -> Iterator[tuple[str, int, int]]:
        """Return (robot, incarnation, time in ns) of all that were heard after a time."""
        return (
            (robot, heard.incarnation, heard.at_ns)
            for robot, heard in self._heard.items()
            if heard.at_ns > since_ns
        )

    def forget(self, robot: str) -> None:
        """Keep nothing of a robot that is long gone."""
        if self._heard.pop(robot, None) is not None:
            self._changes += 1

    def silence(self, robot: str, now_ns: int) -> tuple[int, int]:
        """Return (nanoseconds since last heard or -1, incarnation or 0) of a peer."""
        heard = self._heard.get(robot)
        return (-1, 0) if heard is None else (now_ns - heard.at_ns, heard.incarnation)

    def presence_due(
        self, now_ns: int, standing: int, pressure: float = 0.0
    ) -> Presence | None:
        """
        Return the sign of life to send now, if it is time.

        :param standing: see `Presence`.
        :param pressure: 0.0..1.0, how hard it presses that there are too few bytes; signs of life
            then come more seldom, but never so that the others miss this robot.
        """
        if now_ns < self.presence_due_ns:
            return None
        # While probing, often enough that both sides hear each other within the probe.
        period = self._config.presence_period_ns
        if pressure:
            seldom = max(period, self._config.peer_timeout_ns // PRESENCES_A_TIMEOUT)
            period += int((seldom - period) * pressure)
        if self._probing:
            period = min(period, self._config.name_probe_ns // 8)
        self.presence_due_ns = now_ns + max(period, 1)
        return Presence(self._probing, standing)

    def probe_ended(self, now_ns: int) -> bool:
        """Return True once, when the name was found free and the robot takes part from now."""
        if not self._probing or now_ns < self._probe_until_ns:
            return False
        self._probing = False
        self.presence_due_ns = now_ns
        return True

    def probe_heard(self, header: FrameHeader, now_ns: int) -> None:
        """Note that somebody probes whether a peer's name is free."""
        self._probes[header.sender] = (header.nonce, now_ns)

    def name_in_use(self, header: FrameHeader, now_ns: int) -> NameInUse | None:
        """
        Return what is to be told to one that probed for the name of a peer, now heard itself.

        One answer to each probe; `header` is that of a frame of the peer, after the probe. Frames
        of a robot that was rebooted may still come when its next boot probes already, held up
        together by a link that was clogged: only what keeps coming is somebody.
        """
        if not self._probes:
            return None
        nonce, at_ns = self._probes.get(header.sender, (header.nonce, 0))
        if nonce == header.nonce or now_ns - at_ns > self._config.peer_timeout_ns:
            self._probes.pop(header.sender, None)
            return None
        probing, speaking, since_ns = self._rivals.get(header.sender, (0, 0, 0))
        if (probing, speaking) != (nonce, header.nonce):
            self._rivals[header.sender] = (nonce, header.nonce, now_ns)
            return None
        if now_ns - since_ns < self._config.name_probe_ns // LATE_FRAMES_SHARE:
            return None
        del self._probes[header.sender]
        return NameInUse(header.sender, header.incarnation, nonce)

    def told_in_use(self, told: NameInUse, teller: str) -> bool:
        """
        Take note that our name is in use.

        :param teller: robot that says so; our own name where it is the one that bears it.
        :returns: whether this robot gives way.
        """
        if self._probing and (told.robot, told.nonce) == (self._config.robot, self._boot[1]):
            self._told_in_use += 1
            self._tellers.add(teller)
        believed = self._config.robot in self._tellers or len(self._tellers) > self._liars
        return self._told_in_use >= IMPOSTOR_FRAMES and believed

    def answer(self, header: FrameHeader, their_presence: Presence | None) -> NameInUse | None:
        """Return what is to be told to a robot that probes for our name, where we bear it."""
        if self._probing or not self._signed:
            return None
        if their_presence is None or not their_presence.probing:
            return None
        return NameInUse(self._config.robot, self._boot[0], header.nonce)

    def impostor(self, header: FrameHeader, their_presence: Presence | None, now_ns: int) -> bool:
        """
        Take note of a frame under our name by another robot.

        :param their_presence: the sign of life in the frame, where there is one.
        :returns: whether this robot is the one to give way.
        """
        seen = self._impostor_sequences.setdefault(header.nonce, set())
        if len(self._impostor_sequences) > 64:
            self._impostor_sequences = {header.nonce: seen}
        seen.add(header.sequence)
        if not self._probing:
            # Answer a probe at once: the newcomer is to hear us before its probe ends.
            self.presence_due_ns = now_ns
        if len(seen) < IMPOSTOR_FRAMES:
            return False
        seen.clear()
        if self._signed and header.incarnation < self._boot[0]:
            return False
        they_probe = their_presence is not None and their_presence.probing
        if self._probing != they_probe:
            return self._probing
        return self._boot < (header.incarnation, header.nonce)
