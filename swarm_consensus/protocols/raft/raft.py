"""
The Raft machine of one robot, and how to drive it.

    raft = Raft(config, restored, random)
    loop:
        raft.tick() / raft.receive(message) / raft.propose(...) / raft.read(...)   # any number
        while (effects := raft.take_effects()) is not None:
            ...  # carry out, in the order written in effects.py
            raft.persisted(entry.index, entry.term)  # once effects.persist's entries are durable

Nothing happens but in these calls. Many inputs before one `take_effects` make fewer and larger
messages; after every input gives the lowest latency.
"""

from __future__ import annotations

from random import Random

from swarm_consensus.protocols.raft.config import RaftConfig
from swarm_consensus.protocols.raft.effects import Effects
from swarm_consensus.protocols.raft.entry import Restored
from swarm_consensus.protocols.raft.messages import Message
from swarm_consensus.protocols.raft.status import RaftStatus, Role


class Raft:
    """
    Raft at one robot.

    :param config: settings.
    :param restored: what storage gave back; `Restored()` for a robot that never ran.
    :param random: source of election timeouts and read numbers. Its stream must differ from
        robot to robot and from boot to boot.
    :raises InvariantError: `restored` has gaps, or terms that fall.
    """

    def __init__(self, config: RaftConfig, restored: Restored, random: Random) -> None:
        raise NotImplementedError

    def tick(self) -> None:
        """Let one tick of time pass."""
        raise NotImplementedError

    def receive(self, message: Message) -> None:
        """Take in a peer's message. Never raises for what is in it: counts and drops."""
        raise NotImplementedError

    def propose(self, request_id: str, data: bytes, deadline_ticks: int = 0) -> None:
        """
        Propose a command; a ProposalResult follows, at the deadline at the latest.

        :param request_id: unique over all robots and boots. While it is under way, proposing it
            again changes nothing: one result follows.
        :param deadline_ticks: ticks until it ends as UNKNOWN, or as NO_QUORUM where it never left
            this robot; 0: config.proposal_ticks.
        """
        raise NotImplementedError

    def settle(self, request_id: str, index: int, term: int) -> None:
        """
        Say that the state machine applied this proposal, which ends it as committed.

        Optional. It saves the origin of a forwarded proposal a retry where the leader's answer
        was lost. Unknown ids are ignored.
        """
        raise NotImplementedError

    def read(self, request_id: str, deadline_ticks: int = 0) -> None:
        """
        Ask for a linearizable read; a ReadResult follows, at the deadline at the latest.

        :param request_id: unique among the reads under way at this robot.
        :param deadline_ticks: ticks until it is refused; 0: config.proposal_ticks.
        """
        raise NotImplementedError

    def persisted(self, index: int, term: int) -> None:
        """
        Say that the entries of a `Persist` are durable, in the order of the batches.

        :param index: index of its last entry.
        :param term: term of its last entry.
        """
        raise NotImplementedError

    def take_effects(self) -> Effects | None:
        """Return the next batch of work, or None when there is nothing to do."""
        raise NotImplementedError

    def status(self) -> RaftStatus:
        """Return how Raft stands here."""
        raise NotImplementedError

    @property
    def role(self) -> Role:
        """What this robot is in its term."""
        raise NotImplementedError

    @property
    def leader(self) -> str:
        """Leader of the term; '' for none known."""
        raise NotImplementedError

    @property
    def term(self) -> int:
        """Latest term seen."""
        raise NotImplementedError

    @property
    def commit_index(self) -> int:
        """Last entry known to be committed."""
        raise NotImplementedError
