"""Signatures of frames: made of every bit, checked before anything is believed."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.errors import MalformedError
from swarm_consensus.transport.frame import (
    AGREEMENT_BYTES_MAX,
    VERSION,
    Frame,
    FrameCounters,
    FrameHeader,
    TrafficClass,
)
from swarm_consensus.transport.guard import Contact, Guard, Verdict
from swarm_consensus.transport.hashes import swarm_hash
from swarm_consensus.transport.outbox import Outbox
from swarm_consensus.transport.signing import (
    SIGNATURE_BYTES,
    SignedFrame,
    Signer,
    Verifier,
    signed_bytes,
)


@dataclass(frozen=True, slots=True)
class Note:
    text: str


CODEC: Codec[Any] = Codec({1: Note})
SWARM = swarm_hash('team')
ROBOTS = ('r1', 'r2', 'r3')
SIGNERS = {robot: Signer(bytes([number]) * 32) for number, robot in enumerate(ROBOTS)}
VERIFIER = Verifier({robot: signer.public_key for robot, signer in SIGNERS.items()})
OWN_NONCE = 111
BYTES_MAX = 500


def guard() -> Guard[Any]:
    return Guard(
        robot='r1', nonce=OWN_NONCE, swarm=SWARM, robots=(*ROBOTS, 'r4'), codec=CODEC,
        frame_bytes_max=BYTES_MAX, counters=FrameCounters(), verifier=VERIFIER,
    )  # fmt: skip


def frame(text: str = 'a', by: str = '', **changes: Any) -> Frame:
    """Return a frame as r2 sends it; `by` signs it instead of its sender."""
    plain = FrameHeader(VERSION, TrafficClass.LOG, SWARM, 'r2', '', 1000, 222, 1)
    header = replace(plain, **changes)
    batch = CODEC.encode_batch([Note(text)])
    return Frame(header, batch, SIGNERS[by or header.sender].sign(header, batch))


def counts(counters: FrameCounters) -> dict[str, int]:
    assert counters.received == counters.accepted + counters.dropped
    skip = ('received', 'received_bytes')
    found = {field.name: getattr(counters, field.name) for field in fields(counters)}
    return {name: count for name, count in found.items() if count and name not in skip}


def test_what_the_outbox_signs_the_guard_accepts_and_hands_on_as_a_witness() -> None:
    box: Outbox[Any] = Outbox(
        robot='r2', swarm=SWARM, incarnation=5, nonce=6, codec=CODEC, frame_bytes_max=BYTES_MAX,
        counters=FrameCounters(), signer=SIGNERS['r2'],
    )  # fmt: skip
    g = guard()
    for traffic_class in TrafficClass:
        box.offer(Note(traffic_class.name), traffic_class=traffic_class)
    frames = box.flush()
    assert len(frames) == len(TrafficClass)
    for sent in frames:
        receipt = g.receive(*sent)
        assert receipt.verdict is Verdict.ACCEPTED and receipt.frame == sent
        assert VERIFIER.holds(SignedFrame.of(receipt.frame))
    assert counts(g.counters) == {'accepted': len(frames)}


# Each field of the header, and whether a cheaper check already drops a frame in which it is wrong.
CHEAPER = {
    'version': Verdict.FOREIGN,
    'swarm': Verdict.FOREIGN,
    'sender': Verdict.STRANGER,
    'to': Verdict.NOT_FOR_US,
    'traffic_class': Verdict.MALFORMED,
}
numbers = ('version', 'traffic_class', 'swarm', 'incarnation', 'nonce', 'sequence')
BITS = {'version': 8, 'traffic_class': 8}


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_a_flipped_bit_anywhere_is_never_believed(data: st.DataObject) -> None:
    sent = frame('some text', to='r1', sequence=7)
    header, batch, signature = sent
    part = data.draw(st.sampled_from([*numbers, 'sender', 'to', 'batch', 'signature']))
    if part in numbers:
        bit = data.draw(st.integers(0, BITS.get(part, 64) - 1))
        header = replace(header, **{part: getattr(header, part) ^ 1 << bit})
    else:
        before = {'batch': batch, 'signature': signature}.get(part)
        before = getattr(header, part).encode() if before is None else before
        bit = data.draw(st.integers(0, 8 * len(before) - 1))
        after = bytearray(before)
        after[bit // 8] ^= 1 << bit % 8
        if part == 'batch':
            batch = bytes(after)
        elif part == 'signature':
            signature = bytes(after)
        else:
            header = replace(header, **{part: after.decode('latin-1')})
    assert not VERIFIER.signed(header, batch, signature)
    g = guard()
    verdict = g.receive(header, batch, signature).verdict
    assert verdict is Verdict.FORGED or verdict is CHEAPER.get(part)
    assert counts(g.counters) == {verdict.value: 1}
    assert g.incarnation('r2') is None
    assert g.receive(*sent).contact is Contact.FIRST


@pytest.mark.parametrize(
    'signature', [b'', bytes(64), bytes(63), bytes(65), b'\xff' * 64, bytes(10_000)]
)
def test_a_frame_with_no_signature_or_a_wrong_one_is_forged(signature: bytes) -> None:
    g = guard()
    header, batch, _ = frame()
    assert g.receive(header, batch, signature).verdict is Verdict.FORGED
    assert counts(g.counters) == {'forged': 1}


def test_nobody_signs_for_another() -> None:
    g = guard()
    assert g.receive(*frame(by='r3')).verdict is Verdict.FORGED
    # Of r4 no key is known.
    assert g.receive(*frame(sender='r4', by='r3')).verdict is Verdict.FORGED
    assert counts(g.counters) == {'forged': 2}
    assert g.receive(*frame()).verdict is Verdict.ACCEPTED


forged_numbers = st.integers(0, 2**64 - 1) | st.just(2**64 - 1)


@given(
    st.lists(
        st.builds(
            lambda sender, to, by, numbers, traffic_class, signed: Frame(
                *frame(
                    sender=sender, to=to, by=by, traffic_class=traffic_class,
                    incarnation=numbers[0], nonce=numbers[1], sequence=numbers[2] or 1,
                )[:2],
                frame(by=by).signature if signed else b'',
            ),  # fmt: skip
            st.sampled_from(['r1', 'r2', 'r3', 'r4']),
            st.sampled_from(['', 'r1', 'r2', 'r3', 'r4']),
            st.sampled_from(ROBOTS),
            st.tuples(forged_numbers, forged_numbers, forged_numbers),
            st.sampled_from(TrafficClass),
            st.booleans(),
        ),
        max_size=20,
    )
)
@settings(deadline=None)
def test_whatever_is_forged_moves_no_window_and_no_incarnation(frames: list[Frame]) -> None:
    g = guard()
    honest = {robot: frame(sender=robot, sequence=500) for robot in ('r2', 'r3')}
    for sent in honest.values():
        assert g.receive(*sent).verdict is Verdict.ACCEPTED
    for forged in frames:
        receipt = g.receive(*forged)
        assert receipt.messages == receipt.claims == () and receipt.frame is None
        if receipt.verdict is Verdict.NOT_FOR_US:
            assert not receipt.vouched
        else:
            assert receipt.verdict in (Verdict.FORGED, Verdict.REPLAYED, Verdict.OWN)
    for robot, sent in honest.items():
        assert g.incarnation(robot) == 1000
        assert g.receive(*sent).verdict is Verdict.REPLAYED
        later = frame(sender=robot, sequence=501)
        assert g.receive(*later).verdict is Verdict.ACCEPTED
    assert g.incarnation('r4') is None


def test_under_our_name_only_who_has_our_key_is_heard() -> None:
    g = guard()
    later = {'sender': 'r1', 'nonce': 5, 'incarnation': 2**64 - 1, 'sequence': 2**64 - 1}
    assert g.receive(*frame(by='r2', **later)).verdict is Verdict.FORGED
    header, batch, signature = frame('me', **later)
    assert g.receive(header, batch).verdict is Verdict.FORGED
    assert g.receive(header, bytes(BYTES_MAX + 1), signature).verdict is Verdict.OVERSIZE
    namesake = g.receive(header, batch, signature)
    assert (namesake.verdict, namesake.claims) == (Verdict.IMPOSTOR, (Note('me'),))
    assert counts(g.counters) == {'forged': 2, 'oversize': 1, 'impostor': 1}


def test_of_a_frame_for_another_only_a_signed_probe_is_believed() -> None:
    g = guard()
    assert not g.receive(*frame(to='r3')).vouched
    probe = g.receive(*frame(to='r2'))
    assert probe.verdict is Verdict.NOT_FOR_US and probe.vouched
    assert g.receive(*frame(to='r2', by='r3')).verdict is Verdict.FORGED
    assert g.receive(*frame(sender='r4', to='r4', by='r3')).verdict is Verdict.FORGED
    assert counts(g.counters) == {'not_for_us': 2, 'forged': 2}


def test_what_a_robot_signs_and_does_not_decode_is_malformed_and_leaves_no_trace() -> None:
    g = guard()
    header = replace(frame().header, incarnation=2**64 - 1)
    receipt = g.receive(header, b'\xff', SIGNERS['r2'].sign(header, b'\xff'))
    assert receipt.verdict is Verdict.MALFORMED
    assert g.receive(*frame()).contact is Contact.FIRST


def test_without_keys_signatures_are_not_looked_at() -> None:
    g: Guard[Any] = Guard(
        robot='r1', nonce=OWN_NONCE, swarm=SWARM, robots=ROBOTS, codec=CODEC,
        frame_bytes_max=BYTES_MAX, counters=FrameCounters(),
    )  # fmt: skip
    assert g.receive(*frame(by='r3')).verdict is Verdict.ACCEPTED
    assert g.receive(*frame(by='r3', to='r3')).vouched


# -- frames as proofs ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proof:
    first: SignedFrame
    second: SignedFrame


PROOFS: Codec[Any] = Codec({1: Proof})


def test_a_proof_travels_in_one_frame_and_holds_where_it_arrives() -> None:
    name = 'r' * 64
    signer = Signer(bytes(32))
    shown = []
    for number in (1, 2):
        batch = bytes([number]) * AGREEMENT_BYTES_MAX
        header = FrameHeader(VERSION, 2, SWARM, name, '', 2**64 - 1, 2**64 - 1, 2**64 - number)
        shown.append(SignedFrame.of(Frame(header, batch, signer.sign(header, batch))))
    batch = PROOFS.encode_batch([Proof(*shown)])
    assert len(batch) < 60_000
    [arrived] = PROOFS.decode_batch(batch)
    assert arrived == Proof(*shown)
    verifier = Verifier({name: signer.public_key})
    assert verifier.holds(arrived.first) and verifier.holds(arrived.second)
    assert arrived.first.frame.header.sender == name
    assert not verifier.holds(replace(arrived.first, batch=shown[1].batch))
    assert not verifier.holds(replace(arrived.first, sender='somebody'))


@pytest.mark.parametrize(
    'changes',
    [
        {'version': 256}, {'traffic_class': -1}, {'swarm': 2**64}, {'incarnation': -1},
        {'batch': bytes(AGREEMENT_BYTES_MAX + 1)}, {'signature': bytes(SIGNATURE_BYTES + 1)},
    ],
)  # fmt: skip
def test_a_proof_out_of_bounds_is_malformed(changes: dict[str, Any]) -> None:
    whole = SignedFrame.of(frame(traffic_class=TrafficClass.AGREEMENT))
    wrong = replace(whole, **changes)
    assert not VERIFIER.holds(wrong)
    loose: Codec[Any] = Codec({1: _Loose})
    values = _Loose(*(getattr(wrong, field.name) for field in fields(wrong)))
    if all(isinstance(v, bytes) or isinstance(v, str) or 0 <= v < 2**63 for v in changes.values()):
        strict: Codec[Any] = Codec({1: SignedFrame})
        with pytest.raises(MalformedError):
            strict.decode(loose.encode(values))


@dataclass(frozen=True, slots=True)
class _Loose:
    """A SignedFrame without its bounds."""

    version: int
    traffic_class: int
    swarm: int
    sender: str
    to: str
    incarnation: int
    nonce: int
    sequence: int
    batch: bytes
    signature: bytes


# -- what is signed --------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=['Cs']), max_size=8)
bytes_8 = st.integers(0, 255)
uint64 = st.integers(0, 2**64 - 1)
headers = st.builds(
    FrameHeader, bytes_8, bytes_8, uint64, texts, texts, uint64, uint64, uint64
)
pairs = st.tuples(headers, st.binary(max_size=30))


@given(pairs, pairs)
@settings(deadline=None)
def test_different_frames_never_sign_the_same_bytes(
    one: tuple[FrameHeader, bytes], other: tuple[FrameHeader, bytes]
) -> None:
    assert (signed_bytes(*one) == signed_bytes(*other)) == (one == other)


def test_a_name_does_not_flow_into_its_neighbours() -> None:
    header = frame().header
    names = [('a', 'bc'), ('ab', 'c'), ('abc', ''), ('', 'abc')]
    made = {signed_bytes(replace(header, sender=a, to=b), b'') for a, b in names}
    assert len(made) == len(names)


@pytest.mark.parametrize(
    'changes', [{'version': 256}, {'swarm': -1}, {'sequence': 2**64}, {'sender': '\ud800'}]
)
def test_a_header_that_fits_no_frame_is_not_signed(changes: dict[str, Any]) -> None:
    header = replace(frame().header, **changes)
    with pytest.raises(ValueError):
        signed_bytes(header, b'')
    assert not VERIFIER.signed(replace(header, sender='r2'), b'', bytes(64))


def test_keys_of_a_wrong_length_are_refused() -> None:
    with pytest.raises(ValueError):
        Signer(bytes(31))
    with pytest.raises(ValueError):
        Verifier({'r1': bytes(33)})
