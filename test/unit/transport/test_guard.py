"""The guard: what passes, what is dropped under which name, and what no peer can do to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.frame import VERSION, FrameCounters, FrameHeader, TrafficClass
from swarm_consensus.transport.guard import Contact, Guard, Receipt, Verdict
from swarm_consensus.transport.hashes import swarm_hash
from swarm_consensus.transport.signing import Signer, Verifier
from swarm_consensus.transport.window import WINDOW


@dataclass(frozen=True, slots=True)
class Note:
    text: str


CODEC: Codec[Any] = Codec({1: Note})
SWARM = swarm_hash('team')
ROBOTS = ('r1', 'r2', 'r3')
OWN_NONCE = 111
BYTES_MAX = 500


def guard() -> Guard[Any]:
    return Guard(
        robot='r1', nonce=OWN_NONCE, swarm=SWARM, robots=ROBOTS, codec=CODEC,
        frame_bytes_max=BYTES_MAX, counters=FrameCounters(),
    )  # fmt: skip


def header(**changes: Any) -> FrameHeader:
    plain = FrameHeader(VERSION, TrafficClass.LOG, SWARM, 'r2', '', 1000, 222, 1)
    return replace(plain, **changes)


def batch(*texts: str, to: tuple[str, ...] = ()) -> bytes:
    return CODEC.encode_batch([Note(text) for text in texts], to)


def counts(counters: FrameCounters) -> dict[str, int]:
    names = ('accepted', 'not_for_us', 'foreign', 'stranger', 'oversize', 'malformed', 'replayed',
             'impostor')  # fmt: skip
    found = {name: getattr(counters, name) for name in names}
    assert counters.received == sum(found.values()) == counters.accepted + counters.dropped
    return {name: count for name, count in found.items() if count}


def test_a_good_frame_is_accepted_with_its_sender() -> None:
    g = guard()
    data = batch('a', 'b')
    receipt = g.receive(header(), data)
    messages = Note('a'), Note('b')
    assert receipt == Receipt(
        Verdict.ACCEPTED, 'r2', messages, Contact.FIRST, incarnation=1000
    )
    assert g.receive(header(sequence=2), data).contact is Contact.SAME
    assert counts(g.counters) == {'accepted': 2}
    assert g.counters.received_bytes == 2 * len(data)
    assert g.incarnation('r2') == 1000 and g.incarnation('r3') is None


@pytest.mark.parametrize(
    ('changes', 'data', 'verdict'),
    [
        ({'version': VERSION + 1}, batch('a'), Verdict.FOREIGN),
        ({'version': 0}, batch('a'), Verdict.FOREIGN),
        ({'swarm': SWARM + 1}, batch('a'), Verdict.FOREIGN),
        ({'sender': 'r1'}, batch('a'), Verdict.IMPOSTOR),
        ({'sender': 'r9'}, batch('a'), Verdict.STRANGER),
        ({'sender': ''}, batch('a'), Verdict.STRANGER),
        ({'sender': 'r2\0'}, batch('a'), Verdict.STRANGER),
        ({'sender': '\ud800' * 10_000}, batch('a'), Verdict.STRANGER),
        ({}, bytes(BYTES_MAX + 1), Verdict.OVERSIZE),
        ({'traffic_class': TrafficClass.AGREEMENT}, bytes(BYTES_MAX // 3 + 1), Verdict.OVERSIZE),
        ({'traffic_class': TrafficClass.AGREEMENT}, bytes(BYTES_MAX // 3), Verdict.MALFORMED),
        ({'to': 'r3'}, batch('a'), Verdict.NOT_FOR_US),
        ({'to': 'nobody\0\ud800'}, batch('a'), Verdict.NOT_FOR_US),
        ({'traffic_class': 5}, batch('a'), Verdict.MALFORMED),
        ({'traffic_class': -1}, batch('a'), Verdict.MALFORMED),
        ({'sequence': 0}, batch('a'), Verdict.MALFORMED),
        ({}, b'', Verdict.MALFORMED),
        ({}, b'\xff' * 20, Verdict.MALFORMED),
        ({}, batch('a')[:-1], Verdict.MALFORMED),
        ({}, b'\xdd\xff\xff\xff\xff', Verdict.MALFORMED),
    ],
)
def test_each_fault_has_its_counter(changes: dict[str, Any], data: bytes, verdict: Verdict) -> None:
    g = guard()
    receipt = g.receive(header(**changes), data)
    assert (receipt.verdict, receipt.sender, receipt.messages) == (verdict, '', ())
    assert counts(g.counters) == {verdict.value: 1}
    assert len(receipt.reason) <= 200
    # It has left no trace: the true sender starts from the beginning.
    assert g.receive(header(), batch('a')).contact is Contact.FIRST


def test_own_frames_that_come_back_are_not_counted() -> None:
    g = guard()
    assert g.receive(header(sender='r1', nonce=OWN_NONCE), b'\xff').verdict is Verdict.OWN
    assert g.counters == FrameCounters()


def test_an_impostor_s_words_are_kept_apart() -> None:
    g = guard()
    receipt = g.receive(header(sender='r1', nonce=5), batch('me', to=('r3',)))
    assert receipt.messages == () and receipt.claims == ()
    assert g.receive(header(sender='r1', nonce=5), batch('me')).claims == (Note('me'),)
    for garbage in (b'\xff', bytes(BYTES_MAX + 1)):
        receipt = g.receive(header(sender='r1', nonce=5), garbage)
        assert receipt.verdict is Verdict.IMPOSTOR and receipt.claims == ()
    assert counts(g.counters) == {'impostor': 4}


def test_messages_for_others_in_a_shared_frame_are_left_out() -> None:
    g = guard()
    parts = [CODEC.encode(Note(t), to) for t, to in
             (('all', ()), ('r3', ('r3',)), ('both', ('r3', 'r1')))]  # fmt: skip
    receipt = g.receive(header(), CODEC.join(parts))
    assert receipt.messages == (Note('all'), Note('both'))
    assert g.receive(header(sequence=2), CODEC.join(parts[1:2])).messages == ()
    assert g.receive(header(sequence=3, to='r1'), batch('a')).messages == (Note('a'),)
    assert counts(g.counters) == {'accepted': 3}


def test_a_frame_is_accepted_once_in_any_order_with_gaps() -> None:
    g = guard()
    seed = 3
    rng = random.Random(seed)
    sequences = rng.sample(range(1, 900), 300)
    for sequence in sequences:
        assert g.receive(header(sequence=sequence), batch('a')).verdict is Verdict.ACCEPTED
    for sequence in sequences:
        assert g.receive(header(sequence=sequence), batch('a')).verdict is Verdict.REPLAYED
    assert counts(g.counters) == {'accepted': 300, 'replayed': 300}


def test_a_slow_class_is_not_pushed_out_by_a_fast_one() -> None:
    g = guard()
    for sequence in range(2, 3 * WINDOW):
        g.receive(header(sequence=sequence, traffic_class=TrafficClass.ELECTION), batch())
    late = header(sequence=1, traffic_class=TrafficClass.BULK)
    assert g.receive(late, batch('chunk')).verdict is Verdict.ACCEPTED
    assert g.receive(late, batch('chunk')).verdict is Verdict.REPLAYED


def test_a_reboot_is_noted_and_the_older_boot_is_over() -> None:
    g = guard()
    g.receive(header(sequence=500), batch('a'))
    receipt = g.receive(header(incarnation=1001, nonce=223, sequence=1), batch('b'))
    assert receipt.contact is Contact.REBOOTED and receipt.messages == (Note('b'),)
    assert g.receive(header(sequence=501), batch('a')).verdict is Verdict.REPLAYED
    assert g.receive(header(incarnation=1001, nonce=223, sequence=2), batch('b')).contact is (
        Contact.SAME
    )
    assert g.incarnation('r2') == 1001


def test_one_boot_has_one_nonce() -> None:
    g = guard()
    g.receive(header(), batch('a'))
    assert g.receive(header(nonce=9, sequence=2), batch('a')).verdict is Verdict.REPLAYED


@pytest.mark.parametrize(
    'forged',
    [
        {'sequence': 2**64 - 1},
        {'incarnation': 2**64 - 1},
        {'incarnation': 2**64 - 1, 'sequence': 2**64 - 1, 'nonce': 9},
    ],
)
@pytest.mark.parametrize('garbage', [b'', b'\xff', batch('a')[:-1], bytes(BYTES_MAX + 1)])
def test_garbage_cannot_lock_the_true_sender_out(forged: dict[str, int], garbage: bytes) -> None:
    g = guard()
    g.receive(header(), batch('a'))
    g.receive(header(**forged), garbage)
    assert g.receive(header(sequence=2), batch('b')).verdict is Verdict.ACCEPTED
    assert g.incarnation('r2') == 1000


def test_a_robot_that_left_and_returns_cannot_be_replayed() -> None:
    g = guard()
    g.receive(header(), batch('a'))
    g.set_robots(['r1', 'r3'])
    assert g.receive(header(sequence=2), batch('a')).verdict is Verdict.STRANGER
    g.set_robots(ROBOTS)
    assert g.receive(header(), batch('a')).verdict is Verdict.REPLAYED
    assert g.receive(header(sequence=2), batch('a')).verdict is Verdict.ACCEPTED


uint64 = st.integers(0, 2**64 - 1) | st.integers(0, 5)
names = st.sampled_from(['r1', 'r2', 'r3', 'r4', '']) | st.text(max_size=20)
headers = st.builds(
    FrameHeader,
    st.sampled_from([VERSION, 0, 2, 255]),
    st.integers(0, 6),
    st.sampled_from([SWARM, 0]),
    names,
    names,
    st.sampled_from([1000, 1001]) | uint64,
    st.sampled_from([OWN_NONCE, 222]) | uint64,
    uint64,
)
batches = st.one_of(
    st.binary(max_size=60),
    st.just(bytes(BYTES_MAX + 1)),
    st.lists(st.text(max_size=5), max_size=3).map(lambda texts: batch(*texts)),
)


@given(st.lists(st.tuples(headers, batches), max_size=40))
@settings(deadline=None)
def test_whatever_comes_the_counters_add_up(frames: list[tuple[FrameHeader, bytes]]) -> None:
    g = guard()
    own = 0
    accepted = set()
    for head, data in frames:
        receipt = g.receive(head, data)
        own += receipt.verdict is Verdict.OWN
        if receipt.verdict is Verdict.ACCEPTED:
            key = (head.sender, head.incarnation, head.traffic_class, head.sequence)
            assert key not in accepted
            accepted.add(key)
            assert head.sender in ('r2', 'r3') and head.to in ('', 'r1')
    counts(g.counters)
    assert g.counters.received == len(frames) - own
    assert g.counters.accepted == len(accepted)


def open_guard(guests_max: int, verifier: Verifier | None = None) -> Guard[Any]:
    return Guard(
        robot='r1', nonce=OWN_NONCE, swarm=SWARM, robots=ROBOTS, codec=CODEC,
        frame_bytes_max=BYTES_MAX, counters=FrameCounters(), guests_max=guests_max,
        verifier=verifier,
    )  # fmt: skip


BATCH = CODEC.encode_batch([Note('hello')])


def test_guests_are_heard_where_there_is_room_for_them() -> None:
    it = open_guard(2)
    for name in ('g1', 'g2'):
        assert it.receive(header(sender=name), BATCH).verdict is Verdict.ACCEPTED
    assert it.receive(header(sender='g3'), BATCH).verdict is Verdict.STRANGER
    # Those of the swarm need no room, and who is known keeps its own.
    assert it.receive(header(sender='r3'), BATCH).verdict is Verdict.ACCEPTED
    assert it.receive(header(sender='g1', sequence=2), BATCH).verdict is Verdict.ACCEPTED
    assert it.receive(header(sender='g1', sequence=2), BATCH).verdict is Verdict.REPLAYED
    it.forget('g2')
    assert it.receive(header(sender='g3'), BATCH).verdict is Verdict.ACCEPTED
    # What was seen of a robot of the swarm stays.
    it.forget('r3')
    assert it.receive(header(sender='r3'), BATCH).verdict is Verdict.REPLAYED


def test_garbage_takes_no_room_of_guests() -> None:
    it = open_guard(1)
    for number in range(50):
        assert it.receive(header(sender=f'g{number}'), b'garbage').verdict is Verdict.MALFORMED
    assert it.receive(header(sender='g1'), BATCH).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize('name', ['', 'x' * 257])
def test_a_guest_has_a_name(name: str) -> None:
    assert open_guard(9).receive(header(sender=name), BATCH).verdict is Verdict.STRANGER


def test_a_guest_has_a_key_where_the_swarm_has_keys() -> None:
    signer = Signer(bytes(32))
    it = open_guard(9, Verifier({'g1': signer.public_key}))
    head = header(sender='g1')
    assert it.receive(head, BATCH, signer.sign(head, BATCH)).verdict is Verdict.ACCEPTED
    assert it.receive(header(sender='g1', sequence=2), BATCH).verdict is Verdict.FORGED
    assert it.receive(header(sender='g2'), BATCH).verdict is Verdict.STRANGER
