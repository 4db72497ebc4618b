"""
The one place where ROS messages and protocol values become each other.

Frames and beliefs, which come from anybody, are read by the bytes of their messages instead
(serialized.py).
"""

from __future__ import annotations

from array import array
from dataclasses import fields
import math

from builtin_interfaces.msg import Time

from swarm_consensus.decision.subjects import View
from swarm_consensus.decision.types import Decision, Level, Status
from swarm_consensus.msg import ClassTraffic as ClassTrafficMessage
from swarm_consensus.msg import Decision as DecisionMessage
from swarm_consensus.msg import FlowControl as FlowControlMessage
from swarm_consensus.msg import Frame as FrameMessage
from swarm_consensus.msg import FrameCounters as FrameCountersMessage
from swarm_consensus.msg import KeyEvent as KeyEventMessage
from swarm_consensus.msg import KeyValueItem as KeyValueItemMessage
from swarm_consensus.msg import MemberEvent as MemberEventMessage
from swarm_consensus.msg import Misbehaviour as MisbehaviourMessage
from swarm_consensus.msg import PeerStatus as PeerStatusMessage
from swarm_consensus.msg import SwarmStatus as SwarmStatusMessage
from swarm_consensus.protocols.gossip.swim.messages import State
from swarm_consensus.protocols.keyvalue import (
    KEY_CHARACTERS_MAX,
    TTL_MS_MAX,
    Delete,
    Event,
    Expected,
    Grant,
    Item,
    KeepAlive,
    Operation,
    Put,
    Revoke,
    key_after,
    prefix_end,
)
from swarm_consensus.protocols.raft import Role
from swarm_consensus.runtime.events import (
    ChangeAnswered,
    FlowTold,
    FrameArrived,
    KeyValueAnswered,
    MemberChanged,
    Misbehaved,
    Peer,
    RangeAnswered,
    ReadAnswered,
    RobotStatus,
    TransferAnswered,
)
from swarm_consensus.srv import KeyValue as KeyValueService
from swarm_consensus.transport.frame import FrameCounters, FrameHeader, TrafficClass
from swarm_consensus.transport.outbox import ClassTraffic

ROLES = {
    Role.FOLLOWER: SwarmStatusMessage.ROLE_FOLLOWER,
    Role.PRE_CANDIDATE: SwarmStatusMessage.ROLE_PRE_CANDIDATE,
    Role.CANDIDATE: SwarmStatusMessage.ROLE_CANDIDATE,
    Role.LEADER: SwarmStatusMessage.ROLE_LEADER,
}

_TRAFFIC_FIELDS = tuple(field.name for field in fields(ClassTraffic))


def stamp_to_ns(stamp: Time) -> int:
    """Return a ROS time as nanoseconds."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def frame_from_message(message: FrameMessage) -> FrameArrived:
    """Return the frame in a message, unchecked."""
    header = FrameHeader(
        version=message.version,
        traffic_class=message.traffic_class,
        swarm=message.swarm,
        sender=message.sender,
        to=message.to,
        incarnation=message.incarnation,
        nonce=message.nonce,
        sequence=message.sequence,
    )
    return FrameArrived(header, message.batch.tobytes(), message.signature.tobytes())


def frame_to_message(header: FrameHeader, batch: bytes, signature: bytes = b'') -> FrameMessage:
    """Return the message that carries a frame."""
    message = FrameMessage()
    message.version = header.version
    message.traffic_class = int(header.traffic_class)
    message.swarm = header.swarm
    message.sender = header.sender
    message.to = header.to
    message.incarnation = header.incarnation
    message.nonce = header.nonce
    message.sequence = header.sequence
    message.batch = array('B', batch)
    message.signature = array('B', signature)
    return message


def decision_to_message(decision: Decision, stamp: Time) -> DecisionMessage:
    """Return the message that carries a decision, known at `stamp`."""
    message = DecisionMessage()
    message.stamp = stamp
    message.subject = decision.subject
    message.revision = decision.revision
    message.choice = decision.choice
    message.value = array('B', decision.value)
    message.confidence = decision.confidence
    message.level = int(decision.level)
    message.status = int(decision.status)
    message.index = decision.index
    message.term = decision.term
    message.proposer = decision.proposer
    message.voters = list(decision.voters)
    message.latency = decision.latency_s
    message.reason = decision.reason
    message.robots = decision.robots
    message.oldest_age = decision.oldest_age_s
    message.spread = decision.spread
    return message


def decision_from_message(message: DecisionMessage) -> Decision:
    """
    Return the decision in a message.

    :raises ValueError: a level or status that this version does not know.
    """
    return Decision(
        subject=message.subject,
        revision=message.revision,
        choice=message.choice,
        value=message.value.tobytes(),
        confidence=message.confidence,
        level=Level(message.level),
        status=Status(message.status),
        index=message.index,
        term=message.term,
        proposer=message.proposer,
        voters=tuple(message.voters),
        latency_s=message.latency,
        reason=message.reason,
        robots=message.robots,
        oldest_age_s=message.oldest_age,
        spread=message.spread,
    )


def fill_read_response(response: object, answer: ReadAnswered, stamp: Time) -> None:
    """Write the answer to a read into the response of the `Read` service."""
    response.status = int(answer.status)  # type: ignore[attr-defined]
    response.reason = answer.reason  # type: ignore[attr-defined]
    response.applied_index = answer.applied_index  # type: ignore[attr-defined]
    response.applied_digest = answer.applied_digest  # type: ignore[attr-defined]
    response.history_from = answer.history_from  # type: ignore[attr-defined]
    response.decisions = [  # type: ignore[attr-defined]
        decision_to_message(decision, stamp) for decision in answer.decisions
    ]


def fill_transfer_response(response: object, answer: TransferAnswered) -> None:
    """Write what became of a transfer into the response of the `TransferLeadership` service."""
    response.status = int(answer.status)  # type: ignore[attr-defined]
    response.reason = answer.reason  # type: ignore[attr-defined]
    response.leader = answer.leader  # type: ignore[attr-defined]


def fill_change_response(response: object, answer: ChangeAnswered) -> None:
    """Write what became of a change into the response of the `ChangeMembership` service."""
    response.status = int(answer.status)  # type: ignore[attr-defined]
    response.reason = answer.reason  # type: ignore[attr-defined]
    response.voters = list(answer.voters)  # type: ignore[attr-defined]
    response.learners = list(answer.learners)  # type: ignore[attr-defined]


def operation_from_request(request: object) -> Operation:
    """
    Return what a request of the `KeyValue` service asks for.

    :raises ValueError: it asks for nothing that can be; the text says what is wrong.
    """
    kind = request.operation  # type: ignore[attr-defined]
    lease = request.lease  # type: ignore[attr-defined]
    kinds = KeyValueService.Request
    if kind in (kinds.PUT, kinds.DELETE):
        key = request.key  # type: ignore[attr-defined]
        if not 0 < len(key) <= KEY_CHARACTERS_MAX:
            raise ValueError(
                f'the key has {len(key)} characters, it must have 1 to {KEY_CHARACTERS_MAX}'
            )
        expected = _expected_from_request(request)
        if kind == kinds.DELETE:
            return Delete(key, expected)
        return Put(key, request.value.tobytes(), lease, expected)  # type: ignore[attr-defined]
    if kind == kinds.GRANT:
        return Grant(_ttl_ms(request.ttl), lease)  # type: ignore[attr-defined]
    if kind not in (kinds.KEEP_ALIVE, kinds.REVOKE):
        raise ValueError(f'{kind} is no operation of the key-value store')
    if not lease:
        raise ValueError('the lease is 0, which is none')
    return KeepAlive(lease) if kind == kinds.KEEP_ALIVE else Revoke(lease)


def _expected_from_request(request: object) -> Expected:
    version = request.expected_version  # type: ignore[attr-defined]
    index = request.expected_index  # type: ignore[attr-defined]
    if min(version, index) < KeyValueService.Request.ANY:
        raise ValueError(f'expected version {version} and index {index} must not be below -1')
    if not request.expect_value:  # type: ignore[attr-defined]
        return Expected(version, index)
    return Expected(version, index, request.expected_value.tobytes())  # type: ignore[attr-defined]


def _ttl_ms(ttl_s: float) -> int:
    """
    Return the ttl of a lease, rounded up: it lives at least as long as asked.

    :raises ValueError: it is no such time.
    """
    if not 0.0 < ttl_s <= TTL_MS_MAX / 1000:
        raise ValueError(
            f'the ttl is {ttl_s} s, it must be above 0 s and at most {TTL_MS_MAX // 1000} s'
        )
    return min(math.ceil(ttl_s * 1000), TTL_MS_MAX)


def fill_key_value_response(response: object, answer: KeyValueAnswered) -> None:
    """Write what became of a change into the response of the `KeyValue` service."""
    response.status = int(answer.status)  # type: ignore[attr-defined]
    response.reason = answer.reason  # type: ignore[attr-defined]
    result = answer.result
    if result is not None:
        response.result = int(result.status)  # type: ignore[attr-defined]
        response.index = result.index  # type: ignore[attr-defined]
        response.version = result.version  # type: ignore[attr-defined]
        response.modified_index = result.modified_index  # type: ignore[attr-defined]
        response.lease = result.lease  # type: ignore[attr-defined]
        response.ttl = result.ttl_ms * 1e-3  # type: ignore[attr-defined]


def bounds_from_request(request: object) -> tuple[str, str]:
    """
    Return which keys k a request of the `Range` service reads: `first` <= k < `last`.

    :returns: (first, last); '' as last: no end.
    """
    key = request.key  # type: ignore[attr-defined]
    if key:
        return key, key_after(key)
    prefix, after = request.prefix, request.after  # type: ignore[attr-defined]
    firsts = (request.first, prefix, key_after(after) if after else '')  # type: ignore[attr-defined]
    lasts = (request.last, prefix_end(prefix))  # type: ignore[attr-defined]
    return max(firsts), min(filter(None, lasts), default='')


def fill_range_response(response: object, answer: RangeAnswered) -> None:
    """Write the keys that were read into the response of the `Range` service."""
    response.status = int(answer.status)  # type: ignore[attr-defined]
    response.reason = answer.reason  # type: ignore[attr-defined]
    response.items = [item_to_message(item) for item in answer.items]  # type: ignore[attr-defined]
    response.more = answer.more  # type: ignore[attr-defined]
    response.applied_index = answer.applied_index  # type: ignore[attr-defined]


def item_to_message(item: Item) -> KeyValueItemMessage:
    """Return the message that carries a key; the fields have the same names."""
    return KeyValueItemMessage(
        key=item.key,
        value=array('B', item.value),
        version=item.version,
        created_index=item.created_index,
        modified_index=item.modified_index,
        lease=item.lease,
    )


def item_from_message(message: KeyValueItemMessage) -> Item:
    """Return the key in a message."""
    return Item(
        message.key,
        message.value.tobytes(),
        message.version,
        message.created_index,
        message.modified_index,
        message.lease,
    )


def event_to_message(event: Event, sequence: int, stamp: Time) -> KeyEventMessage:
    """Return the message that tells of a change of a key; the kinds have the same numbers."""
    return KeyEventMessage(
        stamp=stamp,
        sequence=sequence,
        kind=int(event.kind),
        key=event.key,
        value=array('B', event.value),
        version=event.version,
        index=event.index,
    )


def compacted_to_message(from_index: int, sequence: int, stamp: Time) -> KeyEventMessage:
    """Return the message that says that changes before `from_index` are not told."""
    return KeyEventMessage(
        stamp=stamp, sequence=sequence, kind=KeyEventMessage.COMPACTED, index=from_index
    )


def fill_decide_feedback(feedback: object, view: View, has_quorum: bool) -> None:
    """Write what the evidence says into the feedback of the `Decide` action."""
    feedback.robots = list(view.robots)  # type: ignore[attr-defined]
    feedback.leading = view.leading  # type: ignore[attr-defined]
    feedback.confidence = view.confidence  # type: ignore[attr-defined]
    feedback.has_quorum = has_quorum  # type: ignore[attr-defined]


def counters_to_message(counters: FrameCounters) -> FrameCountersMessage:
    """Return the message that carries frame counters; the fields have the same names."""
    message = FrameCountersMessage()
    for name in message.get_fields_and_field_types():
        setattr(message, name, getattr(counters, name))
    return message


def status_to_message(status: RobotStatus, stamp: Time) -> SwarmStatusMessage:
    """Return the message that carries a robot's view of the swarm."""
    message = SwarmStatusMessage()
    message.stamp = stamp
    message.swarm = status.swarm
    message.robot = status.robot
    message.incarnation = status.incarnation
    message.role = ROLES[status.role]
    message.leader = status.leader
    message.term = status.term
    message.commit_index = status.commit_index
    message.applied_index = status.applied_index
    message.last_index = status.last_index
    message.applied_digest = status.applied_digest
    message.voters = list(status.voters)
    message.learners = list(status.learners)
    message.changing_membership = status.changing_membership
    message.first_index = status.first_index
    message.lost = status.lost
    message.quorum_size = status.quorum_size
    message.has_quorum = status.has_quorum
    message.alive = list(status.alive)
    message.peers = [
        PeerStatusMessage(
            robot=peer.robot,
            alive=peer.alive,
            silence=peer.silence_ns * 1e-9 if peer.silence_ns >= 0 else -1.0,
            incarnation=peer.incarnation,
            match_index=peer.match_index,
            state=PeerStatusMessage.STATE_UNKNOWN if peer.state is None else int(peer.state),
            guest=peer.guest,
        )
        for peer in status.peers
    ]
    message.frames = counters_to_message(status.frames)
    message.agreed_quorum_size = status.agreed_quorum_size
    message.agreed_open = status.agreed_open
    message.accused = list(status.accused)
    message.traffic = [
        ClassTrafficMessage(**{name: getattr(count, name) for name in _TRAFFIC_FIELDS})
        for count in status.traffic
    ]
    message.bytes_per_second = status.bytes_per_second
    message.guest = status.guest
    message.health = status.health
    return message


def flow_to_message(told: FlowTold, robot: str, stamp: Time) -> FlowControlMessage:
    """Return the message that tells producers what to heed."""
    message = FlowControlMessage()
    message.stamp = stamp
    message.robot = robot
    message.belief_rate_max = told.belief_rate_max_hz
    message.pressure = array('f', told.pressure)
    return message


def member_event_to_message(changed: MemberChanged, stamp: Time) -> MemberEventMessage:
    """Return the message that tells what has happened to a robot; the numbers are the same."""
    return MemberEventMessage(
        stamp=stamp,
        event=int(changed.news),
        robot=changed.robot,
        incarnation=changed.incarnation,
        accuser=changed.accuser,
    )


def misbehaviour_to_message(misbehaved: Misbehaved, stamp: Time) -> MisbehaviourMessage:
    """Return the message that tells of a robot that lied."""
    message = MisbehaviourMessage()
    message.stamp = stamp
    message.robot = misbehaved.robot
    message.what = misbehaved.what
    message.excluded = misbehaved.excluded
    message.proof = array('B', misbehaved.proof)
    return message


def counters_from_message(message: FrameCountersMessage) -> FrameCounters:
    """Return the frame counters in a message; the fields have the same names."""
    return FrameCounters(
        **{name: getattr(message, name) for name in message.get_fields_and_field_types()}
    )


def status_from_message(message: SwarmStatusMessage) -> RobotStatus:
    """
    Return a robot's view of the swarm in a message; why evidence was dropped is not in it.

    :raises ValueError: a role, a traffic class or a state that this version does not know.
    """
    roles = {number: role for role, number in ROLES.items()}
    if message.role not in roles:
        raise ValueError(f'{message.role} is not a role')
    return RobotStatus(
        swarm=message.swarm,
        robot=message.robot,
        incarnation=message.incarnation,
        role=roles[message.role],
        leader=message.leader,
        term=message.term,
        commit_index=message.commit_index,
        applied_index=message.applied_index,
        last_index=message.last_index,
        applied_digest=message.applied_digest,
        voters=tuple(message.voters),
        learners=tuple(message.learners),
        changing_membership=message.changing_membership,
        first_index=message.first_index,
        lost=message.lost,
        quorum_size=message.quorum_size,
        has_quorum=message.has_quorum,
        alive=tuple(message.alive),
        peers=tuple(
            Peer(
                robot=peer.robot,
                alive=peer.alive,
                silence_ns=round(peer.silence * 1e9) if peer.silence >= 0 else -1,
                incarnation=peer.incarnation,
                match_index=peer.match_index,
                state=State(peer.state) if peer.state else None,
                guest=peer.guest,
            )
            for peer in message.peers
        ),
        frames=counters_from_message(message.frames),
        evidence_dropped={},
        agreed_quorum_size=message.agreed_quorum_size,
        agreed_open=message.agreed_open,
        accused=tuple(message.accused),
        traffic=tuple(
            ClassTraffic(
                **{name: getattr(count, name) for name in _TRAFFIC_FIELDS}
                | {'traffic_class': TrafficClass(count.traffic_class)}
            )
            for count in message.traffic
        ),
        bytes_per_second=message.bytes_per_second,
        guest=message.guest,
        health=message.health,
    )


# Which topic carries which class; few topics, whose number does not grow with the swarm.
FRAME_TOPICS: dict[TrafficClass, str] = {
    TrafficClass.ELECTION: '/swarm/frames/control',
    TrafficClass.LOG: '/swarm/frames/control',
    TrafficClass.AGREEMENT: '/swarm/frames/control',
    TrafficClass.BELIEF: '/swarm/frames/belief',
    TrafficClass.BULK: '/swarm/frames/bulk',
}
