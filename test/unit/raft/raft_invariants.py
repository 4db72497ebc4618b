"""
What must hold in every swarm at every moment, whatever fails (Raft paper, figure 3).

Each method is told what happened, by whoever carries it out, and raises AssertionError with the
broken rule. Nothing here looks into Raft.
"""

from __future__ import annotations

from collections.abc import Sequence

from swarm_consensus.protocols.raft import (
    AppendEntries,
    ChangeEnd,
    ChangeResult,
    Entry,
    EntryKind,
    Membership,
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
from swarm_consensus.protocols.raft.changes import decode_membership


class Invariants:
    """The rules, for a swarm that begins with these voters; other robots are learners."""

    def __init__(self, voters: Sequence[str]) -> None:
        self.voters = frozenset(voters)
        # Each membership that some robot had in its log, by the entry that set it.
        self.memberships: dict[tuple[int, int], Membership] = {}
        self.in_force = Membership(tuple(voters))
        self.destroyed: dict[tuple[int, int], set[str]] = {}
        self.without_log: set[str] = set()
        self.open_changes: set[str] = set()
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

    def crashed(self, name: str, entries: Sequence[Entry], lost: str = '') -> None:
        self._match(entries, None)
        if not lost:
            self.without_log.discard(name)
        self.stored[name] = [entry.term for entry in entries]
        self.role.pop(name, None)
        self.open_transfers.pop(name, None)
        self.open_changes = {c for c in self.open_changes if not c.startswith(f'{name}/')}

    def lost(self, name: str) -> None:
        """Hear that a robot's disk is gone: what it had acknowledged it no more has."""
        for index, term in enumerate(self.stored[name], 1):
            self.destroyed.setdefault((index, term), set()).add(name)
        self.stored[name] = []
        self.without_log.add(name)

    def saw(
        self,
        name: str,
        raft: Raft,
        persist: Persist | None,
        log: Sequence[Entry],
        durable_term: int,
    ) -> None:
        """
        Hold election safety, leader append-only and log matching.

        :param durable_term: term on the robot's disk. A robot that is a quorum by itself leads in
            its memory first; it tells nobody, and after a crash it never did.
        """
        before = self.role.get(name)
        role, term = raft.role, raft.term
        if before is not None:
            assert term >= before[1], f'{name}: term fell from {before[1]} to {term}'
        if role is Role.LEADER and term <= durable_term:
            if term not in self.leader_of:
                self._elected(name, log)
            other = self.leader_of.setdefault(term, name)
            assert other == name, f'election safety: {other} and {name} lead term {term}'
        self.role[name] = (role, term)
        if persist is not None and persist.entries:
            self._note_memberships(persist.entries)
            first = persist.entries[0]
            if before == (Role.LEADER, term):
                assert first.term == term, f'leader append-only: {name} writes {first}'

    def _note_memberships(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.kind is EntryKind.CONFIG:
                membership = decode_membership(entry.data)
                assert membership is not None, entry
                self.memberships[entry.index, entry.term] = membership

    def _elected(self, name: str, log: Sequence[Entry]) -> None:
        """
        Hold that only a voter is elected, and none that has lost its log.

        Who was one until the entry at the end may be needed to commit that.
        """
        held = [decode_membership(e.data) for e in log if e.kind is EntryKind.CONFIG]
        latest = [Membership(tuple(self.voters)), *held][-2:]
        assert any(m and name in m.voters + m.outgoing for m in latest), (
            f'{name} leads, and is no voter of {latest}'
        )
        assert name not in self.without_log, f'{name} leads, and has lost its log'

    def _latest(self, log: Sequence[Entry]) -> Membership | None:
        for entry in reversed(log):
            if entry.kind is EntryKind.CONFIG:
                return decode_membership(entry.data)
        return None

    def sent(self, message: Message) -> None:
        """Hold log matching for what others may have come to know."""
        if isinstance(message, AppendEntries):
            self._match(message.entries, message.prev_term)

    def _match(self, entries: Sequence[Entry], previous: int | None) -> None:
        """Hold log matching: (index, term) fixes the data and, by induction, all before."""
        self._note_memberships(entries)
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
        if persist.hard_state is not None and not persist.hard_state.lost:
            self.without_log.discard(name)

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
        holders = {
            robot
            for robot, terms in self.stored.items()
            if robot not in self.without_log
            and len(terms) >= index
            and terms[index - 1] == entry.term
        }
        holders |= self.destroyed.get((index, entry.term), set())
        if entry.kind is EntryKind.CONFIG:
            self.in_force = self.memberships[index, entry.term]
        # What commits is the membership at the end of the leader's log, which may lie ahead.
        ahead = [held for (at, _), held in self.memberships.items() if at > index]
        assert any(_is_quorum(held, holders) for held in [self.in_force, *ahead]), (
            f'{entry} was committed, but only {sorted(holders)} store it'
        )
        assert entry.data not in self.refused, f'{entry} was committed after it had been refused'

    def snapshot(self, mark: SnapshotMark, applied: Sequence[Entry]) -> None:
        """Hold that a snapshot is what was committed up to its mark, neither more nor less."""
        assert list(applied) == self.committed[: mark.index], f'{mark} is not what was committed'
        assert len(applied) == mark.index and applied[-1].term == mark.term, f'{mark} lies'
        held = self._latest(applied)
        voters = mark.membership.voters
        assert mark.membership == held if held else self.voters == set(voters), f'{mark}: {held}'

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

    def change_begun(self, request_id: str) -> None:
        self.open_changes.add(request_id)

    def change_ended(self, result: ChangeResult) -> None:
        """Hold that a change ends once, with a reason for what was not done."""
        self.open_changes.remove(result.request_id)
        assert (result.reason == '') is (result.end is ChangeEnd.DONE), result

    def transfer_begun(self, name: str) -> None:
        self.open_transfers[name] = self.open_transfers.get(name, 0) + 1

    def transfer_ended(self, name: str, result: TransferResult) -> None:
        """Hold that a transfer ends once at most."""
        if result.asked:
            assert self.open_transfers.get(name, 0) > 0, f'{name}: {result} ended before'
            self.open_transfers[name] -= 1


def _is_quorum(membership: Membership, robots: set[str]) -> bool:
    """More than half of the voters, and while joint of the old ones, too; counted anew here."""
    halves = [membership.voters] + ([membership.outgoing] if membership.outgoing else [])
    return all(2 * sum(voter in robots for voter in half) > len(half) for half in halves)
