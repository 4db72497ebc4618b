"""
The interfaces of swarm_consensus as DDS types, for the `cyclonedds` package.

ROS 2 maps `pkg/msg/Name` to the DDS type `pkg::msg::dds_::Name_`, topic `/name` to `rt/name`, and
a service `/name` to the topics `rq/nameRequest` and `rr/nameReply`. Fields and their order are
those of the .msg and .srv files; a test compares them.
"""

# No `from __future__ import annotations`: IdlStruct wants the types, not their names.
from dataclasses import dataclass

from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import float32, float64, int32, int64, sequence, uint8, uint32, uint64


@dataclass
class Time(IdlStruct, typename='builtin_interfaces::msg::dds_::Time_'):
    """builtin_interfaces/msg/Time."""

    sec: int32
    nanosec: uint32


@dataclass
class Header(IdlStruct, typename='std_msgs::msg::dds_::Header_'):
    """std_msgs/msg/Header."""

    stamp: Time
    frame_id: str


@dataclass
class Belief(IdlStruct, typename='swarm_consensus::msg::dds_::Belief_'):
    """swarm_consensus/msg/Belief."""

    header: Header
    robot: str
    subject: str
    labels: sequence[str]
    labels_hash: uint64
    log_likelihood: sequence[float32]
    model_hash: str
    sequence: uint64
    latency: float32


@dataclass
class Decision(IdlStruct, typename='swarm_consensus::msg::dds_::Decision_'):
    """swarm_consensus/msg/Decision."""

    stamp: Time
    subject: str
    revision: uint32
    choice: str
    value: sequence[uint8]
    confidence: float32
    level: uint8
    status: uint8
    index: uint64
    term: uint64
    proposer: str
    voters: sequence[str]
    latency: float64
    reason: str
    robots: uint32
    oldest_age: float32
    spread: float32


@dataclass
class ProposeRequest(IdlStruct, typename='swarm_consensus::srv::dds_::Propose_Request_'):
    """The request of swarm_consensus/srv/Propose."""

    subject: str
    choice: str
    value: sequence[uint8]
    expected_revision: int64
    timeout: float64
    request_id: str


@dataclass
class ProposeReply(IdlStruct, typename='swarm_consensus::srv::dds_::Propose_Response_'):
    """The response of swarm_consensus/srv/Propose."""

    decision: Decision
    request_id: str
