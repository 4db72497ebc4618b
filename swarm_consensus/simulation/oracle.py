"""
What the log means, worked out apart from the robots: each request once, in log order.

Written to be obvious and not fast, and with nothing of decision/ but the form of the commands.
"""

from __future__ import annotations

from swarm_consensus.decision.types import (
    ANY_REVISION,
    AnyCommand,
    Command,
    KeyValueCommand,
    TimeCommand,
)
from swarm_consensus.protocols.raft import Entry, EntryKind
from swarm_consensus.protocols.sessions import parse_request_id
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.wire import COMMANDS
from swarm_consensus.simulation.register import UNDECIDED, Register

# Before the name of a key, to tell it from a subject.
KEY = 'key '


@value
class Effect:
    """
    What a request did when it was applied.

    :param index: entry in which it stood first.
    :param done: whether it changed its subject.
    :param register: how the subject stood after it.
    """

    index: int
    done: bool
    register: Register


def _question(command: AnyCommand) -> tuple[str, int, str] | None:
    """Return subject, expected number and choice of a command that has them."""
    if isinstance(command, Command):
        return command.subject, command.expected_revision, command.choice
    if isinstance(command, KeyValueCommand) and command.put is not None:
        put = command.put
        return KEY + put.key, put.expected.version, put.value.decode(errors='replace')
    return None


class Oracle:
    """The state after the entries that were committed so far, and all states before it."""

    def __init__(self) -> None:
        self.effects: dict[str, Effect] = {}
        # Of each session, the sequence number below which nothing new is done any more.
        self._floors: dict[str, int] = {}
        self._history: dict[str, list[tuple[int, Register]]] = {}

    def commit(self, entry: Entry) -> AnyCommand | None:
        """Take the next entry in; returns its command where it has one that it took in first."""
        if entry.kind is not EntryKind.COMMAND:
            return None
        command = COMMANDS.decode(entry.data)
        question = _question(command)
        if question is None or isinstance(command, TimeCommand):
            return None
        if command.request_id in self.effects:
            return None
        subject, expected, choice = question
        session, sequence = parse_request_id(command.request_id)
        floor = self._floors.get(session, 0)
        self._floors[session] = max(floor, command.acked)
        if sequence < floor:
            # Its proposer has given it up, and said so in a later command.
            return None
        states = self._history.setdefault(subject, [(0, UNDECIDED)])
        revision = states[-1][1][0]
        done = expected in (ANY_REVISION, revision)
        if done:
            states.append((entry.index, (revision + 1, choice)))
        self.effects[command.request_id] = Effect(entry.index, done, states[-1][1])
        return command

    def register(self, subject: str, index: int) -> Register:
        """Return how a subject stood after an entry."""
        for at, register in reversed(self._history.get(subject, [])):
            if at <= index:
                return register
        return UNDECIDED

    def decisions(self) -> list[tuple[int, str, Register]]:
        """Return all decisions, as (index, subject, register), in log order."""
        return sorted(
            (index, subject, register)
            for subject, states in self._history.items()
            for index, register in states
            if index and not subject.startswith(KEY)
        )
