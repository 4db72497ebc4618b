"""
The membership of one robot (protocols/gossip/swim) in its runtime.

Whatever is heard of a robot is a sign of life of it. What was heard is looked at only when
something of the membership is due, a few times a second, so a frame costs nothing here but where
it is for the membership itself.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from swarm_consensus.protocols.gossip.swim.config import SwimConfig
from swarm_consensus.protocols.gossip.swim.effects import MemberEvent, News
from swarm_consensus.protocols.gossip.swim.messages import MESSAGE_TYPES, Message, State
from swarm_consensus.protocols.gossip.swim.swim import MemberView, Swim
from swarm_consensus.runtime.config import SECOND, RuntimeConfig
from swarm_consensus.runtime.events import MemberChanged, Notice, Output
from swarm_consensus.runtime.members import Members
from swarm_consensus.runtime.post import Post

SWIM_TYPES = frozenset(MESSAGE_TYPES)
# How often a robot that leaves says so: nobody can ask it again.
FAREWELLS = 3
# Robots that one message asks at once, where several have fallen silent.
TARGETS = 8
GOSSIP_NS = SECOND // 10
RECONNECT_NS = 5 * SECOND

_TEXTS = {
    News.JOINED: 'has joined',
    News.DIED: 'is taken for dead',
    News.LEFT: 'has left',
    News.RETURNED: 'is back',
    News.FORGOTTEN: 'is forgotten',
}


def swim_config(
    config: RuntimeConfig, incarnation: int, admitted: frozenset[str] | None
) -> SwimConfig:
    """
    Return the settings of the membership.

    :param admitted: robots that may be members; None: whoever says that it is there.
    """

    def ticks(duration_ns: int) -> int:
        return max(1, duration_ns // config.tick_ns)

    timeout_ticks = ticks(config.probe_timeout_ns)
    return SwimConfig(
        robot=config.robot,
        incarnation=incarnation,
        named=config.robots,
        admitted=admitted,
        ticks_per_second=ticks(SECOND),
        # Where ticks are long, a round still has room for both waits.
        probe_ticks=max(ticks(config.probe_period_ns), 2 * timeout_ticks + 1),
        probe_timeout_ticks=timeout_ticks,
        # So a robot that falls silent is suspected when its silence is over.
        fresh_ticks=ticks(config.peer_timeout_ns // 2),
        targets_max=TARGETS,
        suspicion_multiplier=config.suspicion_multiplier,
        suspicion_stretch=config.suspicion_stretch,
        gossip_ticks=ticks(GOSSIP_NS),
        sync_ticks=ticks(config.sync_period_ns),
        reconnect_ticks=ticks(RECONNECT_NS),
        keep_ticks=ticks(config.member_keep_ns),
        members_max=max(config.members_max, len(config.robots) + 1),
    )


class SwimWork:
    """
    The membership of one robot.

    :param members: what is heard here.
    :param admitted: as in `swim_config`.
    :param forget: called with a robot of which nothing is to be kept any more.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        incarnation: int,
        members: Members,
        admitted: frozenset[str] | None,
        random: Random,
        forget: Callable[[str], None],
    ) -> None:
        self._forget = forget
        self._swim = Swim(swim_config(config, incarnation, admitted), random)
        self._tick_ns = config.tick_ns
        self._stall_ticks = max(1, config.probe_timeout_ns // config.tick_ns)
        self._members = members
        self._elapsed = 0
        self._due = 1
        self._heard_until_ns = -1
        self._changes = 0

    @property
    def members(self) -> tuple[MemberView, ...]:
        """Return what is known of all other robots, by name."""
        return self._swim.members()

    @property
    def changes(self) -> int:
        """Return a number that grows whenever the state of a robot changes."""
        return self._swim.changes

    @property
    def health(self) -> int:
        """Return how ill this robot is; 0: well."""
        return self._swim.health

    @property
    def dropped(self) -> dict[str, int]:
        """Return what was not taken in, by the reason."""
        return self._swim.dropped

    @property
    def idle_ticks(self) -> int:
        """Return after how many ticks, at least 1, something is due."""
        return max(1, self._due - self._elapsed)

    def pass_time(self, ticks: int, planned: int) -> None:
        """
        Count ticks that have passed.

        :param planned: for how many this robot meant to sleep. Where it was far more, it stalled:
            answers may lie unread, so what was to come in this time gets as much time again.
        """
        if ticks > planned + self._stall_ticks:
            self._swim.stalled()
        else:
            self._elapsed += ticks

    def heard(self, robot: str, incarnation: int, now_ns: int) -> None:
        """Take note at once that a robot was heard that was not there, or of a later boot."""
        self._catch_up(now_ns)
        self._swim.heard(robot, incarnation)

    def receive(self, sender: str, incarnation: int, message: Message, now_ns: int) -> None:
        """Take in a message of the membership."""
        self._catch_up(now_ns)
        self._swim.receive(sender, incarnation, message)

    def carry_out(self, post: Post, now_ns: int, outputs: list[Output]) -> None:
        """Do what is due, and send and tell what comes of it."""
        if self._elapsed >= self._due:
            self._catch_up(now_ns)
        effects = self._swim.take_effects()
        if effects is None:
            return
        self._due = self._swim.idle_ticks()
        for send in effects.send:
            post.offer(send.message, send.to)
        for event in effects.events:
            self._tell(event, outputs)
        if self._swim.changes != self._changes:
            self._changes = self._swim.changes
            states = {member.robot: member.state for member in self._swim.members()}
            self._members.certain = frozenset(r for r, s in states.items() if s is State.ALIVE)
            self._members.left = frozenset(r for r, s in states.items() if s is State.LEFT)

    def leave(self, post: Post) -> None:
        """Say farewell."""
        self._swim.leave()
        effects = self._swim.take_effects()
        for _ in range(FAREWELLS):
            for send in () if effects is None else effects.send:
                post.offer(send.message, send.to)
            post.send()

    def _catch_up(self, now_ns: int) -> None:
        """Let the time pass that was counted; who was heard in it is not to be asked."""
        if self._elapsed >= self._due:
            self._note_heard(now_ns)
        if self._elapsed:
            elapsed, self._elapsed = self._elapsed, 0
            self._swim.pass_time(elapsed)
            self._due = self._swim.idle_ticks()

    def _note_heard(self, now_ns: int) -> None:
        since_ns, self._heard_until_ns = self._heard_until_ns, now_ns
        # The time that is counted has not passed there yet, so it was as much less ago.
        self._swim.heard_all(
            (robot, incarnation, (now_ns - at_ns) // self._tick_ns - self._elapsed)
            for robot, incarnation, at_ns in self._members.heard_since(since_ns)
        )

    def _tell(self, event: MemberEvent, outputs: list[Output]) -> None:
        outputs.append(
            MemberChanged(event.news, event.robot, event.incarnation, event.accuser)
        )
        if event.news is News.FORGOTTEN:
            self._members.forget(event.robot)
            self._forget(event.robot)
        text = _TEXTS.get(event.news)
        if text is not None:
            outputs.append(Notice(f'{event.robot} {text}', warning=event.news is News.DIED))
