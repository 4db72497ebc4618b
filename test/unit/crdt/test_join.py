"""Every type is a join semilattice, whatever the history; deltas are joins' own pieces."""

from __future__ import annotations

from random import Random

from crdt_ops import deltas, joined, merge, random_op, read, replica
from crdt_twin import Twin
from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from swarm_consensus.protocols.crdt import Delta, Replica, State
from swarm_consensus.protocols.crdt.state import whole

ROBOTS = ('r1', 'r2', 'r3')


def history(random: Random, steps: int) -> tuple[list[Replica], list[Delta]]:
    """Return replicas after operations, lost and late deltas and merges, and all deltas told."""
    replicas = [replica(name, random.getrandbits(32)) for name in ROBOTS]
    told: list[Delta] = []
    for _ in range(steps):
        here = random.choice(replicas)
        choice = random.random()
        if choice < 0.7 or not told:
            random_op(random).do(here)
            told += deltas(here)
        elif choice < 0.9:
            here.receive('peer', random.choice(told), 0)
        else:
            merge(here, random.choice(replicas).state)
    return replicas, told


@settings(max_examples=1500, deadline=None)
@given(st.integers(min_value=0, max_value=2**63), st.integers(min_value=1, max_value=25))
def test_joins_are_commutative_associative_and_idempotent(seed: int, steps: int) -> None:
    """Of whole states and of deltas alike, to the byte; and they only ever grow."""
    random = Random(seed)
    replicas, told = history(random, steps)
    parts: list[Delta | State] = [each.state for each in replicas] + told
    a, b, c = (random.choice(parts) for _ in range(3))
    ab = joined(a, b)
    assert ab.encode() == joined(b, a).encode()
    assert joined(ab, c).encode() == joined(a, joined(b, c)).encode()
    assert joined(a, a).encode() == joined(a).encode()
    assert joined(ab, a).encode() == ab.encode() == joined(ab, b).encode()
    assert not ab.join(whole(ab))


@settings(max_examples=500, deadline=None)
@given(st.integers(min_value=0, max_value=2**63), st.integers(min_value=1, max_value=40))
def test_equal_states_have_equal_bytes_and_hashes_and_others_do_not(seed: int, steps: int) -> None:
    random = Random(seed)
    replicas, told = history(random, steps)
    shuffled = random.sample(told, len(told))
    one, two = joined(*told), joined(*shuffled, *told)
    assert one.encode() == two.encode()
    assert (one.content_hash(), one.context_hash()) == (two.content_hash(), two.context_hash())
    for a in replicas:
        for b in replicas:
            alike = a.state.encode() == b.state.encode()
            hashes = [(s.content_hash(), s.context_hash()) for s in (a.state, b.state)]
            assert alike == (hashes[0] == hashes[1])


@settings(max_examples=700, deadline=None)
@given(
    st.integers(min_value=0, max_value=2**63),
    st.integers(min_value=1, max_value=40),
    st.integers(min_value=300, max_value=1000),
)
def test_what_is_missing_is_just_that_in_pieces_in_any_order(
    seed: int, steps: int, bytes_max: int
) -> None:
    """The optimal delta: no write that the other has seen; with it the other has seen all."""
    random = Random(seed)
    replicas, _ = history(random, steps)
    here, there = random.sample(replicas, 2)
    pieces = list(here.state.missing(there.state.context, bytes_max))
    for piece in pieces:
        for _, _, _, place, sequence, _, _ in piece.writes:
            assert not there.state.context.contains(piece.writers[place], sequence)
        for place, first, last in piece.spans:
            assert not there.state.context.covers(piece.writers[place], first, last)
    expected = joined(there.state, here.state)
    # Applied in any order, some twice, they bring all but removals of what the other had.
    random.shuffle(pieces)
    got = joined(there.state, *pieces, *pieces[:1])
    assert got.context == expected.context
    removed = {(w[3], w[4]) for w in got.writes()} - {(w[3], w[4]) for w in expected.writes()}
    for dot in removed:
        assert there.state.write_at(*dot) is not None and here.state.write_at(*dot) is None
    assert {(w[3], w[4]) for w in expected.writes()} <= {(w[3], w[4]) for w in got.writes()}
    # And the hashes of what is live find those.
    for bucket in range(256):
        hashes = b''.join(h.to_bytes(8, 'big') for h in here.state.hashes_in(bucket))
        got.remove(
            [
                write
                for write in got.not_in((bucket, 0, 2**64 - 1, hashes))
                if here.state.context.contains(write[3], write[4])
            ]
        )
    assert got.encode() == expected.encode()


@pytest.mark.parametrize('base', range(0, 4000, 500))
def test_replicas_read_what_the_log_of_operations_says(base: int) -> None:
    """Add-wins, last-writer-wins, multi-value, counters and removals, against the slow twin."""
    compared = 0
    for seed in range(base, base + 500):
        random = Random(seed)
        replicas = [replica(name, seed) for name in ROBOTS]
        seen: list[set[int]] = [set() for _ in ROBOTS]
        told: list[tuple[int, Delta]] = []
        twin = Twin()
        for step in range(random.randint(5, 40)):
            here = random.randrange(len(ROBOTS))
            choice = random.random()
            if choice < 0.6 or not told:
                op = random_op(random, step)
                op.do(replicas[here])
                own = replicas[here]
                written = own.state.slot(op.key, 1) if op.name == 'put' else []
                time = max((w[5] for w in written), default=0)
                number = twin.append(own.config.robot, op, time, seen[here])
                seen[here].add(number)
                told += [(number, delta) for delta in deltas(own)]
            elif choice < 0.8:
                number, delta = random.choice(told)
                replicas[here].receive('peer', delta, 0)
                seen[here].add(number)
            else:
                there = random.randrange(len(ROBOTS))
                merge(replicas[here], replicas[there].state)
                seen[here] |= seen[there]
            if twin.is_closed(seen[here]):
                compared += 1
                assert read(replicas[here].state) == twin.read(seen[here]), f'seed {seed}'
        for one in replicas:
            for _, delta in told:
                one.receive('peer', delta, 0)
            everything = set(range(len(twin.log)))
            assert read(one.state) == twin.read(everything), f'seed {seed}'
            assert one.state.encode() == replicas[0].state.encode(), f'seed {seed}'
    assert compared > 2000
