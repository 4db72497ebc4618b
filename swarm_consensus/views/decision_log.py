"""The log of decisions: what several robots tell of one decision is one line."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from swarm_consensus.decision.types import Decision, Level
from swarm_consensus.views.values import DecisionLine

LINES_MAX = 200


@dataclass(slots=True)
class _Entry:
    time_ns: int
    decision: Decision
    known_by: set[str] = field(default_factory=set)


class DecisionLog:
    """The newest `LINES_MAX` decisions, in the order of their times."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[object, ...], _Entry] = OrderedDict()
        # Robots tell again what their log holds when they boot; what was forgotten stays so.
        self._forgotten_index = 0

    def tell(self, robot: str, decision: Decision, time_ns: int) -> None:
        """
        Take in a decision as a robot publishes it.

        :param time_ns: when the robot learned of it, ns of its clock.
        """
        committed = decision.level is Level.COMMITTED and decision.index > 0
        if committed and decision.index <= self._forgotten_index:
            return
        key: tuple[object, ...]
        if committed:
            key = (decision.level, decision.index)
        elif decision.level is Level.AGREED and decision.status.answered:
            key = (decision.level, decision.subject, decision.revision)
        else:
            # Answers at the level fused are each robot's own, and so is that there is none.
            key = (robot, decision.level, decision.subject, decision.revision, decision.status)
            self._entries.pop(key, None)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(time_ns, decision)
            if len(self._entries) > LINES_MAX:
                _, gone = self._entries.popitem(last=False)
                self._forgotten_index = max(self._forgotten_index, gone.decision.index)
        entry.known_by.add(robot)

    def look(self) -> tuple[DecisionLine, ...]:
        """Return the lines, newest last."""
        return tuple(
            DecisionLine(
                entry.time_ns,
                entry.decision.subject,
                entry.decision.choice,
                entry.decision.revision,
                entry.decision.confidence,
                entry.decision.level.name.lower(),
                entry.decision.status.name,
                entry.decision.index,
                entry.decision.term,
                entry.decision.proposer,
                entry.decision.voters,
                entry.decision.latency_s,
                entry.decision.reason,
                tuple(sorted(entry.known_by)),
            )
            for entry in sorted(
                self._entries.values(), key=lambda entry: (entry.time_ns, entry.decision.index)
            )
        )
