"""
The one place where ROS messages and protocol values become each other.

What comes in thousands a second goes by the bytes of its message instead (serialized.py).
"""

from __future__ import annotations

from array import array

from builtin_interfaces.msg import Time
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.serialization import deserialize_message

from swarm_consensus.decision.subjects import View
from swarm_consensus.decision.types import Decision, Level, Status
from swarm_consensus.msg import Belief as BeliefMessage
from swarm_consensus.msg import Decision as DecisionMessage
from swarm_consensus.msg import Frame as FrameMessage
from swarm_consensus.msg import FrameCounters as FrameCountersMessage
from swarm_consensus.msg import PeerStatus as PeerStatusMessage
from swarm_consensus.msg import SwarmStatus as SwarmStatusMessage
from swarm_consensus.protocols.raft import Role
from swarm_consensus.runtime.events import (
    BeliefSeen,
    BeliefUnreadable,
    ChangeAnswered,
    FrameArrived,
    Peer,
    ReadAnswered,
    RobotStatus,
    TransferAnswered,
)
from swarm_consensus.transport.frame import FrameCounters, FrameHeader, TrafficClass
from swarm_consensus.transport.hashes import labels_hash

RMWError = rclpy_implementation.RMWError

ROLES = {
    Role.FOLLOWER: SwarmStatusMessage.ROLE_FOLLOWER,
    Role.PRE_CANDIDATE: SwarmStatusMessage.ROLE_PRE_CANDIDATE,
    Role.CANDIDATE: SwarmStatusMessage.ROLE_CANDIDATE,
    Role.LEADER: SwarmStatusMessage.ROLE_LEADER,
}


def stamp_to_ns(stamp: Time) -> int:
    """Return a ROS time as nanoseconds."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def belief_from_message(message: BeliefMessage, now_ns: int) -> BeliefSeen:
    """
    Return the evidence in a belief.

    :param now_ns: ROS time now, on the clock of the stamp; a stamp in the future has age 0.
    """
    return BeliefSeen(
        subject=message.subject,
        # The labels themselves are the stronger statement where a sender gives both.
        labels_hash=labels_hash(message.labels) if message.labels else message.labels_hash,
        log_likelihood=tuple(message.log_likelihood.tolist()),
        age_ns=max(0, now_ns - stamp_to_ns(message.header.stamp)),
    )


def belief_from_serialized(data: bytes, now_ns: int) -> BeliefSeen | BeliefUnreadable:
    """Return the evidence in a serialized belief, or that there is none to read."""
    try:
        return belief_from_message(deserialize_message(data, BeliefMessage), now_ns)
    except RMWError:
        return BeliefUnreadable()


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
    return FrameArrived(header, message.batch.tobytes())


def frame_to_message(header: FrameHeader, batch: bytes) -> FrameMessage:
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
        )
        for peer in status.peers
    ]
    message.frames = counters_to_message(status.frames)
    return message


def counters_from_message(message: FrameCountersMessage) -> FrameCounters:
    """Return the frame counters in a message; the fields have the same names."""
    return FrameCounters(
        **{name: getattr(message, name) for name in message.get_fields_and_field_types()}
    )


def status_from_message(message: SwarmStatusMessage) -> RobotStatus:
    """
    Return a robot's view of the swarm in a message; why evidence was dropped is not in it.

    :raises ValueError: a role that this version does not know.
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
            )
            for peer in message.peers
        ),
        frames=counters_from_message(message.frames),
        evidence_dropped={},
    )


# Which topic carries which class; few topics, whose number does not grow with the swarm.
FRAME_TOPICS: dict[TrafficClass, str] = {
    TrafficClass.ELECTION: '/swarm/frames/control',
    TrafficClass.LOG: '/swarm/frames/control',
    TrafficClass.BELIEF: '/swarm/frames/belief',
    TrafficClass.BULK: '/swarm/frames/bulk',
}
