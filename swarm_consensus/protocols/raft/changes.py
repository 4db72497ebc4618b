"""
Arithmetic of membership changes: pure functions, tested against slow obvious twins.

A change of voters goes by joint consensus (thesis 4.3): from the membership in force to a joint
one, in which old and new voters must both agree, and from there to the new one. So any two
quorums of memberships that follow each other share a robot, however many voters change at once. A
change of learners alone changes no quorum and needs no joint phase.

A robot is made a voter only where it is a learner already, so that it holds the log before its
voice is needed (4.2.1).
"""

from __future__ import annotations

from collections.abc import Iterable
import struct

from swarm_consensus.protocols.raft.entry import Membership

ROBOTS_MAX = 4096
NAME_BYTES_MAX = 255
# A name, a colon and a number of 63 bits.
TOKEN_BYTES_MAX = NAME_BYTES_MAX + 20

_FORMAT = 1
_U16 = struct.Struct('<H')


def encode_membership(membership: Membership) -> bytes:
    """
    Return a membership as bytes: equal memberships give equal bytes.

    :param membership: a sound one (`is_sound`).
    :returns: a format byte, then of each field, in their order, the number of names and each name
        with its length; numbers are 16 bits, little-endian, names UTF-8.
    """
    parts = [bytes([_FORMAT])]
    for names in _fields(membership):
        parts.append(_U16.pack(len(names)))
        for name in names:
            data = name.encode()
            parts += [_U16.pack(len(data)), data]
    return b''.join(parts)


def decode_membership(data: bytes) -> Membership | None:
    """Return the membership in these bytes, or None where they hold no sound one."""
    if data[:1] != bytes([_FORMAT]):
        return None
    fields = []
    at = 1
    try:
        for _ in range(5):
            (count,) = _U16.unpack_from(data, at)
            at += 2
            names = []
            for _ in range(count):
                (size,) = _U16.unpack_from(data, at)
                at += 2 + size
                names.append(data[at - size : at].decode())
            fields.append(tuple(names))
    except (struct.error, UnicodeDecodeError):
        return None
    membership = Membership(*fields)
    # A name that was cut off at the end leaves the place beyond it.
    return membership if at == len(data) and is_sound(membership) else None


def _fields(membership: Membership) -> tuple[tuple[str, ...], ...]:
    m = membership
    return m.voters, m.learners, m.outgoing, m.learners_next, m.readmitted


def is_sound(membership: Membership) -> bool:
    """Return whether a membership contradicts itself nowhere, and its names are bounded."""
    voters, learners, outgoing, learners_next, readmitted = map(set, _fields(membership))
    return (
        all(len(set(names)) == len(names) for names in _fields(membership))
        and bool(voters)
        and not learners & (voters | outgoing)
        and learners_next <= outgoing - voters
        and len(membership.robots) <= ROBOTS_MAX
        and len(readmitted) <= ROBOTS_MAX
        and all(_fits(name, NAME_BYTES_MAX) for name in membership.robots)
        and all(_fits(token, TOKEN_BYTES_MAX) for token in readmitted)
    )


def _fits(name: str, bytes_max: int) -> bool:
    try:
        return 0 < len(name.encode()) <= bytes_max
    except UnicodeEncodeError:
        # Half of a surrogate pair is no text.
        return False


def fault(membership: Membership, voters: Iterable[str], learners: Iterable[str]) -> str:
    """
    Return what is wrong with a change to these voters and learners, for people; '' for nothing.

    :param membership: the one in force.
    """
    voters, learners = list(voters), list(learners)
    if membership.joint:
        return 'a change is under way: the membership is joint'
    if not voters:
        return 'no voter would be left'
    seen: set[str] = set()
    for name in voters + learners:
        if not _fits(name, NAME_BYTES_MAX):
            return f'{name!r} is no name of a robot: 1 to {NAME_BYTES_MAX} bytes of text'
        if name in seen:
            return f'{name} is named twice'
        seen.add(name)
    if len(seen) > ROBOTS_MAX:
        return f'{len(seen)} robots are too many: {ROBOTS_MAX} at most'
    held = set(membership.robots)
    for name in voters:
        if name not in held:
            return f'{name} is to vote and does not hold the log: make it a learner first'
    return ''


def begin(
    membership: Membership,
    voters: Iterable[str],
    learners: Iterable[str],
    readmitted: Iterable[str] = (),
) -> Membership:
    """
    Return the membership that begins a legal change: joint, unless the voters stay the same.

    :param membership: the one in force, not joint.
    :param readmitted: tokens of losses (HardState.lost) that the change deals with. Of each robot
        the newest is kept, until the robot is to vote again.
    """
    voters, learners = tuple(sorted(voters)), tuple(sorted(learners))
    tokens = {robot_of(token): token for token in (*membership.readmitted, *readmitted)}
    kept = tuple(sorted(token for robot, token in tokens.items() if robot not in voters))
    old = membership.voters
    if set(voters) == set(old):
        return Membership(voters, learners, readmitted=kept)
    return Membership(
        voters,
        tuple(name for name in learners if name not in old),
        tuple(sorted(old)),
        tuple(name for name in learners if name in old),
        kept,
    )


def finish(joint: Membership) -> Membership:
    """Return the membership that ends the joint phase."""
    learners = tuple(sorted(joint.learners + joint.learners_next))
    return Membership(joint.voters, learners, readmitted=joint.readmitted)


def robot_of(token: str) -> str:
    """Return the robot whose loss a token (HardState.lost) names."""
    return token.rpartition(':')[0]


def same(membership: Membership, voters: Iterable[str], learners: Iterable[str]) -> bool:
    """Return whether a membership, not joint, has just these voters and learners."""
    return (
        not membership.joint
        and set(membership.voters) == set(voters)
        and set(membership.learners) == set(learners)
    )
