"""Arithmetic of membership changes against slow twins that try every set of robots."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from random import Random

import pytest

from swarm_consensus.protocols.raft import Membership
from swarm_consensus.protocols.raft.changes import (
    NAME_BYTES_MAX,
    begin,
    decode_membership,
    encode_membership,
    fault,
    finish,
    is_sound,
    robot_of,
    same,
)
from swarm_consensus.protocols.raft.quorum import has_quorum

ROBOTS = 'abcdef'


def draw(random: Random) -> Membership:
    """Draw a sound membership that is not joint."""
    robots = random.sample(ROBOTS, random.randint(1, 6))
    voters = random.randint(1, len(robots))
    return Membership(tuple(robots[:voters]), tuple(robots[voters:]))


def draw_any(random: Random) -> Membership:
    """Draw five lists of names, which seldom fit together."""
    return Membership(
        *(
            tuple(random.choice(['a', 'b', 'c', 'd', '']) for _ in range(random.choice([0, 1, 2])))
            for _ in range(4)
        ),
        tuple(random.choice(['a:1', 'a:2', 'b:1', '']) for _ in range(random.choice([0, 0, 1, 2]))),
    )


def is_sound_slow(m: Membership) -> bool:
    """Look at each robot by itself, and at what it is said to be."""
    for names in (m.voters, m.learners, m.outgoing, m.learners_next, m.readmitted):
        if any(count > 1 or not name for name, count in Counter(names).items()):
            return False
    for robot in 'abcd':
        votes = robot in m.voters or robot in m.outgoing
        if robot in m.learners and votes:
            return False
        if robot in m.learners_next and (robot in m.voters or robot not in m.outgoing):
            return False
    return len(m.voters) > 0


def quorums(membership: Membership) -> list[set[str]]:
    """Every set of robots that is a quorum."""
    return [
        set(robots)
        for size in range(len(ROBOTS) + 1)
        for robots in combinations(ROBOTS, size)
        if has_quorum(membership, set(robots))
    ]


def test_a_membership_comes_back_from_its_bytes() -> None:
    random = Random(1)
    for _ in range(3000):
        old, new = draw(random), draw(random)
        joint = begin(old, new.voters, new.learners, ('z:17', 'ü:3'))
        for membership in (old, joint, finish(joint)):
            data = encode_membership(membership)
            assert decode_membership(data) == membership
            assert encode_membership(Membership(*map(tuple, _lists(membership)))) == data


def _lists(m: Membership) -> list[list[str]]:
    return [list(n) for n in (m.voters, m.learners, m.outgoing, m.learners_next, m.readmitted)]


def test_only_sound_memberships_are_taken_in() -> None:
    random = Random(2)
    found = Counter()
    for _ in range(6000):
        membership = draw_any(random)
        sound = is_sound_slow(membership)
        found[sound] += 1
        assert is_sound(membership) is sound, membership
        decoded = decode_membership(encode_membership(membership))
        assert decoded == (membership if sound else None)
    assert min(found.values()) > 100, found


def test_bytes_that_were_tampered_with_give_a_sound_membership_or_none() -> None:
    random = Random(3)
    data = encode_membership(Membership(('a', 'b'), ('c',), ('a', 'd'), ('d',), ('c:9',)))
    for length in range(len(data)):
        assert decode_membership(data[:length]) is None, 'cut'
    assert decode_membership(data + b'\0') is None, 'longer'
    for _ in range(5000):
        bent = bytearray(data)
        for _ in range(random.randint(1, 3)):
            bent[random.randrange(len(bent))] = random.randrange(256)
        decoded = decode_membership(bytes(bent))
        assert decoded is None or (is_sound(decoded) and encode_membership(decoded) == bent)
        decode_membership(random.randbytes(random.randrange(40)))


def test_legal_is_what_the_rules_say_one_by_one() -> None:
    random = Random(4)
    found = Counter()
    for _ in range(6000):
        old = draw(random)
        voters = [random.choice('abcdef') for _ in range(random.randint(0, 4))]
        learners = [random.choice('abcdef') for _ in range(random.randint(0, 3))]
        names = voters + learners
        legal = (
            bool(voters)
            and all(names.count(name) == 1 for name in names)
            and all(name in old.voters or name in old.learners for name in voters)
        )
        found[legal] += 1
        assert (fault(old, voters, learners) == '') is legal, (old, voters, learners)
    assert min(found.values()) > 300, found


@pytest.mark.parametrize(
    ('voters', 'learners', 'reason'),
    [
        ((), ('a',), 'no voter'),
        (('a', 'a'), (), 'a is named twice'),
        (('a',), ('a',), 'a is named twice'),
        (('a', 'x'), (), 'x is to vote'),
        (('a', ''), (), 'no name'),
        (('a',), ('n' * (NAME_BYTES_MAX + 1),), 'no name'),
        (('a',), ('\ud800',), 'no name'),
        (('a',), tuple(map(str, range(4096))), 'too many'),
    ],
)
def test_what_is_illegal_is_said_in_words(
    voters: tuple[str, ...], learners: tuple[str, ...], reason: str
) -> None:
    assert reason in fault(Membership(('a', 'b'), ('c',)), voters, learners)
    assert 'under way' in fault(Membership(('a',), outgoing=('b',)), ('a',), ())


def test_quorums_on_both_sides_of_every_step_share_a_robot() -> None:
    random = Random(5)
    apart = 0
    for _ in range(150):
        old, new = draw(random), draw(random)
        joint = begin(old, new.voters, new.learners)
        final = finish(joint) if joint.joint else joint
        steps = [old, joint, final]
        for before, after in zip(steps, steps[1:], strict=False):
            assert all(x & y for x in quorums(before) for y in quorums(after)), (before, after)
        apart += not all(x & y for x in quorums(old) for y in quorums(final))
    assert apart > 50, 'most of these would not be safe in one step'


def test_a_change_ends_in_what_was_asked_for() -> None:
    random = Random(6)
    for _ in range(3000):
        old, new = draw(random), draw(random)
        joint = begin(old, new.voters, new.learners)
        assert is_sound(joint)
        assert joint.joint is (set(old.voters) != set(new.voters))
        final = finish(joint) if joint.joint else joint
        assert same(final, new.voters, new.learners) and is_sound(final)
        assert final == Membership(tuple(sorted(new.voters)), tuple(sorted(new.learners)))
        if joint.joint:
            assert set(joint.robots) == set(old.voters) | set(new.voters) | set(new.learners)
            assert not same(joint, new.voters, new.learners)


def test_a_loss_stays_dealt_with_until_the_robot_is_to_vote_again() -> None:
    old = Membership(('a', 'b', 'c'))
    demoted = finish(begin(old, 'ab', 'c', ['c:5']))
    assert demoted == Membership(('a', 'b'), ('c',), readmitted=('c:5',))
    assert begin(demoted, 'ab', 'cd').readmitted == ('c:5',)
    assert begin(demoted, 'ab', '').readmitted == ('c:5',), 'it may come back'
    assert begin(demoted, 'ab', 'c', ['c:9']).readmitted == ('c:9',), 'the newest of each robot'
    assert begin(demoted, 'abc', '').readmitted == ()
    assert robot_of('robot:1:17') == 'robot:1'
