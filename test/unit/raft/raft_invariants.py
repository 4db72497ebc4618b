"""
What must hold in every swarm at every moment, whatever fails (Raft paper, figure 3).

Each method is told what happened, by whoever carries it out, and raises AssertionError with the
broken rule. Nothing here looks into Raft.
"""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.protocols.raft import (
    AppendEntries,
    Entry,
    EntryKind,
    Message,
    Outcome,
    Persist,
    ProposalResult,
    Raft,
    ReadResult,
    Refusal,
    Role,
    SnapshotMark,
    TransferResult,
)


class Invariants:
    """The rules, for a swarm of these voters; other robots are learners."""

    def __init__(self, voters: Sequence[str]) -> None:
        self.voters = frozenset(voters)
        self.quorum = len(voters) // 2 + 1
        self.leader_of: dict[int, str] = {}
        self.entries: dict[tuple[int, int], tuple[bytes, int]] = {}
        self.stored: dict[str, list[int]] = {}
        self.committed: list[Entry] = []
        self.commit_term = 0
        self.data: dict[str, bytes] = {}
        self.results: dict[str, ProposalResult] = {}
        self.refused: set[bytes] = set()
        self.open_reads: dict[str, int] = {}
        self.role: dict[str, tuple[Role, int]] = {}
        self.open_transfers: dict[str, int] = {}

    # -- logs ---------------------------------------------------------------------------------

    def restored(self, name: str, entries: Sequence[Entry]) -> None:
        self._match(entries, 0)
        self.stored[name] = [entry.term for entry in entries]

    def crashed(self, name: str, entries: Sequence[Entry]) -> None:
        self.stored[name] = [entry.term for entry in entries]
        self.role.pop(name, None)
        self.open_transfers.pop(name, None)

    def saw(self, name: str, raft: Raft, persist: Persist | None) -> None:
        """Hold election safety, leader append-only and log matching."""
        before = self.role.get(name)
        role, term = raft.role, raft.term
        if before is not None:
            assert term >= before[1], f'{name}: term fell from {before[1]} to {term}'
        if role is Role.LEADER:
            assert name in self.voters, f'{name} leads, and is a learner'
            other = self.leader_of.setdefault(term, name)
            assert other == name, f'election safety: {other} and {name} lead term {term}'
        self.role[name] = (role, term)
        if persist is not None and persist.entries:
            first = persist.entries[0]
            if before == (Role.LEADER, term):
                assert first.term == term, f'leader append-only: {name} writes {first}'

    def sent(self, message: Message) -> None:
        """Hold log matching for what others may have come to know."""
        if isinstance(message, AppendEntries):
            self._match(message.entries, message.prev_term)

    def _match(self, entries: Sequence[Entry], previous: int | None) -> None:
        """Hold log matching: (index, term) fixes the data and, by induction, all before."""
        for entry in entries:
            known = self.entries.setdefault(
                (entry.index, entry.term), (entry.data, -1 if previous is None else previous)
            )
            assert known[0] == entry.data, f'log matching: {entry} and {known}'
            if previous is not None:
                if known[1] == -1:
                    self.entries[entry.index, entry.term] = (entry.data, previous)
                else:
                    assert known[1] == previous, f'log matching: before {entry}: {known[1]}'
            previous = entry.term

    def leads(self, name: str, raft: Raft, log: Sequence[Entry]) -> None:
        """Hold leader completeness: a leader has every entry committed before its term."""
        if raft.role is Role.LEADER and self.committed and raft.term > self.commit_term:
            # By log matching, having the last one is having all.
            entry = self.committed[-1]
            assert len(log) >= entry.index and log[entry.index - 1].term == entry.term, (
                f'leader completeness: {name} leads term {raft.term} without {entry}'
            )

    def durable(self, name: str, persist: Persist, log: Sequence[Entry]) -> None:
        """
        Take note of what a robot's disk holds.

        :param persist: what was written last.
        :param log: all that the disk holds since, with what its snapshot stands for.
        """
        self._match(persist.entries, None)
        stored = self.stored[name]
        if persist.snapshot is not None:
            stored[:] = [entry.term for entry in log]
        elif persist.entries:
            del stored[persist.entries[0].index - 1 :]
            stored.extend(entry.term for entry in persist.entries)

    # -- state machine --------------------------------------------------------------------------

    def applied(self, name: str, term: int, entry: Entry, index: int) -> None:
        """
        Hold state machine safety, order without gaps, and that commits are durable.

        :param term: term of the robot, which is not below the one in which it was committed.
        """
        assert entry.index == index, f'{name} applies {entry} in place {index}'
        if index <= len(self.committed):
            known = self.committed[index - 1]
            assert known == entry, f'state machine safety: {name} applies {entry} for {known}'
            return
        self.committed.append(entry)
        self.commit_term = max(self.commit_term, term)
        holders = [
            robot
            for robot, terms in self.stored.items()
            if robot in self.voters and len(terms) >= index and terms[index - 1] == entry.term
        ]
        assert len(holders) >= self.quorum, f'{entry} was committed, but only {holders} store it'
        assert entry.data not in self.refused, f'{entry} was committed after it had been refused'

    def snapshot(self, mark: SnapshotMark, applied: Sequence[Entry]) -> None:
        """Hold that a snapshot is what was committed up to its mark, neither more nor less."""
        assert list(applied) == self.committed[: mark.index], f'{mark} is not what was committed'
        assert len(applied) == mark.index and applied[-1].term == mark.term, f'{mark} lies'
        assert frozenset(mark.membership.voters) == self.voters, f'{mark} has other voters'

    # -- clients --------------------------------------------------------------------------------

    def proposed(self, request_id: str, data: bytes) -> None:
        self.data[request_id] = data

    def proposal_ended(self, result: ProposalResult) -> None:
        """Hold that a proposal ends once, and truly."""
        assert result.request_id not in self.results, f'{result} ended before'
        self.results[result.request_id] = result
        data = self.data[result.request_id]
        if result.outcome is Outcome.COMMITTED:
            assert result.index <= len(self.committed), f'{result} is not applied'
            entry = self.committed[result.index - 1]
            assert (entry.term, entry.data) == (result.term, data), f'lost: {result}, {entry}'
            assert entry.kind is EntryKind.COMMAND
        elif result.outcome is Outcome.REFUSED and result.reason is not Refusal.OVERLOADED:
            # A refusal by an overloaded leader holds only where no frame is repeated.
            assert all(entry.data != data for entry in self.committed), f'{result} is committed'
            self.refused.add(data)

    def read_begun(self, request_id: str) -> None:
        self.open_reads[request_id] = len(self.committed)

    def read_ended(self, result: ReadResult, applied: int) -> None:
        """Hold that a read sees what anybody had applied before it began."""
        seen = self.open_reads.pop(result.request_id)
        if result.reason is Refusal.NONE:
            assert result.index >= seen, f'stale read: {result} began after {seen} was applied'
            assert result.index <= applied, f'{result} is answered with {applied} applied'

    def transfer_begun(self, name: str) -> None:
        self.open_transfers[name] = self.open_transfers.get(name, 0) + 1

    def transfer_ended(self, name: str, result: TransferResult) -> None:
        """Hold that a transfer ends once at most."""
        if result.asked:
            assert self.open_transfers.get(name, 0) > 0, f'{name}: {result} ended before'
            self.open_transfers[name] -= 1
