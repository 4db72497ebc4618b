"""
What the log is made of, and what a robot must find again after a reboot.

Plain values: they go on the wire and to the disk, so their fields are of simple types only.
"""

from __future__ import annotations

from enum import IntEnum

from swarm_consensus.protocols.values import value


class EntryKind(IntEnum):
    """What an entry is for."""

    NOOP = 0  # opens a leader's term; the state machine skips it
    COMMAND = 1  # data of a proposal, opaque here
    CONFIG = 2  # a change of membership


@value
class Entry:
    """
    One place in the log.

    :param index: place, from 1, without gaps.
    :param term: term of the leader that appended it; never falls along a log.
    :param kind: what it is for.
    :param data: the command, opaque to Raft. A proposal that was forwarded twice stands in the
        log twice: the state machine applies it once, by the origin and request id that the
        proposer put inside.
    """

    index: int
    term: int
    kind: EntryKind
    data: bytes = b''


@value
class HardState:
    """
    What must be durable before anybody is told of it.

    :param term: latest term seen.
    :param vote: robot that got this robot's vote in that term; '' for none.
    :param lost: '' for a robot that has kept what it promised. Else a token that is unique to the
        loss (`robot:incarnation` of the boot that found it): the log that this robot had is gone,
        and with it its promises, so it neither votes nor campaigns, and what it acknowledges
        does not count. Its answers carry the token. The leader that hears it makes the robot a
        learner by a change of membership that names the token in `Membership.readmitted`, and
        which is committed without it. Once the robot knows *that* change to be committed, it is a
        learner like any other and the token is ''. Any other membership in which it is no voter
        does not do: it may be an old one, from before it was made a voter.
    """

    term: int = 0
    vote: str = ''
    lost: str = ''


@value
class Membership:
    """
    Who holds the log.

    :param voters: robots that count for elections and commits (the incoming half while joint).
    :param learners: robots that hold the log and do not count.
    :param outgoing: voters of the configuration being left; empty unless joint. While joint,
        elections and commits need a majority of `voters` and one of `outgoing`.
    :param learners_next: outgoing voters that become learners when the joint phase ends.
    :param readmitted: tokens of the losses (HardState.lost) that are dealt with; carried along from
        change to change, so that snapshots have them, until the robot is made a voter again.
    """

    voters: tuple[str, ...]
    learners: tuple[str, ...] = ()
    outgoing: tuple[str, ...] = ()
    learners_next: tuple[str, ...] = ()
    readmitted: tuple[str, ...] = ()

    @property
    def joint(self) -> bool:
        """Whether two configurations hold at once."""
        return bool(self.outgoing)

    @property
    def robots(self) -> tuple[str, ...]:
        """Every robot that holds the log, each once, voters first."""
        return tuple(dict.fromkeys(self.voters + self.outgoing + self.learners))


@value
class SnapshotMark:
    """
    Where a snapshot stands: it replaces the log up to and including `index`.

    :param index: last entry that it covers.
    :param term: term of that entry.
    :param membership: membership in force at that entry.
    """

    index: int
    term: int
    membership: Membership


@value
class Snapshot:
    """
    The state after an entry, in place of the log up to it.

    :param mark: where it stands.
    :param data: the state, opaque to Raft; equal states give equal bytes.
    """

    mark: SnapshotMark
    data: bytes


@value
class Restored:
    """
    What storage gave back at start; the default is a robot that never ran.

    :param hard_state: last durable term and vote.
    :param entries: durable log after the snapshot, without gaps.
    :param snapshot: the snapshot under the log, if any. One with index and term 0 says only which
        membership a robot that never ran begins with.
    :param applied: last entry that a durable state machine holds; entries up to it are not
        handed out again. 0 where the state machine is rebuilt from snapshot and log.
    """

    hard_state: HardState = HardState()
    entries: tuple[Entry, ...] = ()
    snapshot: Snapshot | None = None
    applied: int = 0
