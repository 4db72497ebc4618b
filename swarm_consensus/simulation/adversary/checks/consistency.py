"""
No honest robot is ever caught contradicting itself.

Held in two ways: no robot calls an honest one a liar, and all that leaves a robot in all its boots
is compared here, slot by slot, with a table of what may be said twice that is not the protocol's.
"""

from __future__ import annotations

from swarm_consensus.protocols.agreement.messages import InstanceMessage, Piece, Statement
from swarm_consensus.simulation.adversary.checks.check import Check, Swarm

# SUPPORT and SUPPORT_GRADE; all else is said once.
_WITH_SEVERAL_VALUES = frozenset({1, 4})


class Consistency(Check):
    """Remembers what fills each slot."""

    name = 'consistency'

    def __init__(self, swarm: Swarm) -> None:
        super().__init__(swarm)
        self._slots: dict[tuple[object, ...], object] = {}

    def accused(self, robot: int, by: int) -> None:
        """Hold that the accused robot is a liar indeed."""
        if robot in self.swarm.honest:
            self.broken(f'robot {by} calls the honest robot {robot} a liar')

    def said(self, robot: int, receivers: tuple[int, ...], message: InstanceMessage) -> None:
        """Compare with what was said before."""
        if isinstance(message, Piece):
            if message.proposer == robot:
                value = message.size, message.digests
                self._fill((robot, message.epoch, 'value'), value)
                self._fill((robot, message.epoch, 'piece', message.index), message.data)
            return
        if not isinstance(message, Statement):
            return
        about = robot, message.epoch
        for proposer, root in message.echoes:
            self._fill((*about, 'echo', proposer), root)
        for proposer, root in message.readies:
            self._fill((*about, 'ready', proposer), root)
        for kind, round_, side, mask in message.votes:
            if int(kind) in _WITH_SEVERAL_VALUES:
                continue
            bits = int.from_bytes(mask, 'little')
            for proposer in range(self.swarm.robots):
                if bits >> proposer & 1:
                    self._fill((*about, int(kind), proposer, round_), side)
        for proposer, round_, share in message.shares:
            self._fill((*about, 'share', proposer, round_), share)

    def _fill(self, slot: tuple[object, ...], content: object) -> None:
        before = self._slots.setdefault(slot, content)
        if before != content:
            self.broken(f'robot {slot[0]} says {content!r} in {slot[1:]}, and said {before!r}')
