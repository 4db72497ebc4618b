"""
Who is there: when each robot was last heard, and whether another one bears our name.

Two robots of one name would share a vote, so a robot listens before it takes part. An active
robot that hears its own name asked for answers at once. Of two that start together, or that
meet after a split, the one of the earlier boot gives way: the others hear only the later one,
whose frames make those of an earlier boot old.
"""

from __future__ import annotations

from dataclasses import dataclass

from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.transport.frame import FrameHeader

# One frame may be a late one of our own previous boot; a robot that is alive sends more.
IMPOSTOR_FRAMES = 2


@dataclass(frozen=True, slots=True)
class Presence:
    """
    Sign of life to all robots.

    :param probing: the sender is still listening whether its name is free.
    """

    probing: bool


@dataclass(slots=True)
class _Heard:
    at_ns: int
    incarnation: int


class Members:
    """
    The robots of the swarm as heard from here.

    :ivar presence_due_ns: when the next sign of life is to be sent.
    """

    def __init__(
        self, config: RuntimeConfig, incarnation: int, nonce: int, now_ns: int
    ) -> None:
        self._config = config
        self._boot = (incarnation, nonce)
        self._heard: dict[str, _Heard] = {}
        self._probe_until_ns = now_ns + config.name_probe_ns
        self._probing = config.name_probe_ns > 0
        self.presence_due_ns = now_ns
        self._impostor_sequences: dict[int, set[int]] = {}

    @property
    def probing(self) -> bool:
        """Return whether this robot still listens for its own name."""
        return self._probing

    def heard(self, robot: str, incarnation: int, now_ns: int) -> bool:
        """Note a frame of a peer; returns whether the peer was gone until now."""
        before = self._heard.get(robot)
        self._heard[robot] = _Heard(now_ns, incarnation)
        return before is None or now_ns - before.at_ns > self._config.peer_timeout_ns

    def alive(self, now_ns: int) -> tuple[str, ...]:
        """Return the robots heard within the peer timeout and this one, sorted."""
        limit = self._config.peer_timeout_ns
        peers = {robot for robot, heard in self._heard.items() if now_ns - heard.at_ns <= limit}
        return tuple(sorted(peers | {self._config.robot}))

    def silence(self, robot: str, now_ns: int) -> tuple[int, int]:
        """Return (nanoseconds since last heard or -1, incarnation or 0) of a peer."""
        heard = self._heard.get(robot)
        return (-1, 0) if heard is None else (now_ns - heard.at_ns, heard.incarnation)

    def presence_due(self, now_ns: int) -> Presence | None:
        """Return the sign of life to send now, if it is time."""
        if now_ns < self.presence_due_ns:
            return None
        # While probing, often enough that both sides hear each other within the probe.
        period = self._config.presence_period_ns
        if self._probing:
            period = min(period, self._config.name_probe_ns // 8)
        self.presence_due_ns = now_ns + max(period, 1)
        return Presence(self._probing)

    def probe_ended(self, now_ns: int) -> bool:
        """Return True once, when the name was found free and the robot takes part from now."""
        if not self._probing or now_ns < self._probe_until_ns:
            return False
        self._probing = False
        self.presence_due_ns = now_ns
        return True

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
        they_probe = their_presence is not None and their_presence.probing
        if self._probing != they_probe:
            return self._probing
        return self._boot < (header.incarnation, header.nonce)
