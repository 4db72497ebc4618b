"""
A member of the swarm that has no ROS: it speaks DDS by the `cyclonedds` package alone.

It finds the robots by their topics, shows what each believes and what the swarm decides, and
proposes values through any robot. This file and _dds_types.py are all that it takes; copy them.

    python -m swarm_consensus.examples.dds_member watch --seconds 60
    python -m swarm_consensus.examples.dds_member propose /robot_1 mode search

A request carries an id of ours, and the reply says it: bare DDS does not show which request a
reply belongs to, and every client of a service gets the replies to all. The robots must run on
rmw_fastrtps_cpp to be proposed to; rmw_cyclonedds_cpp puts a header of its own before each
request. Watching works with both.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import os
import sys
import time
from typing import Any
import uuid

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication
from cyclonedds.core import InstanceState, ReadCondition, SampleState, ViewState, WaitSet
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration

from swarm_consensus.examples._dds_types import Belief, Decision, ProposeReply, ProposeRequest

STATUS = {
    1: 'DECIDED',
    2: 'LOW_CONFIDENCE',
    3: 'UNDECIDED',
    4: 'NO_QUORUM',
    5: 'REFUSED',
    6: 'UNKNOWN',
}
LEVEL = {1: 'fused', 2: 'agreed', 3: 'committed'}
ANY_REVISION = -1
RESEND = 1.0  # s
TAKE_MAX = 100

# Cyclone DDS would compare our types with those that Fast DDS describes, which it finds invalid;
# the names of the types are enough. 1.15 is the vendor id of Fast DDS. Needs Cyclone DDS 11.
COMPATIBILITY = (
    '<CycloneDDS><Domain Id="any"><Compatibility>'
    '<IgnoreTypeInformation>1.15</IgnoreTypeInformation>'
    '</Compatibility></Domain></CycloneDDS>'
)
# The loopback device does not multicast: participants are found by asking in turn.
LOOPBACK = (
    '<CycloneDDS><Domain Id="any"><General><AllowMulticast>false</AllowMulticast>'
    '<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces></General>'
    '<Discovery><ParticipantIndex>auto</ParticipantIndex>'
    '<MaxAutoParticipantIndex>99</MaxAutoParticipantIndex>'
    '<Peers><Peer address="127.0.0.1"/></Peers></Discovery></Domain></CycloneDDS>'
)

RELIABLE = Policy.Reliability.Reliable(duration(seconds=1))
LATCHED = Qos(RELIABLE, Policy.History.KeepLast(100), Policy.Durability.TransientLocal)
PASSING = Qos(RELIABLE, Policy.History.KeepLast(10), Policy.Durability.Volatile)
ANYTHING = ViewState.Any | InstanceState.Any | SampleState.Any

# Topics of a robot that are watched: end of the DDS topic name, type, QoS.
WATCHED = (('/decision', Decision, LATCHED), ('/belief', Belief, PASSING))


@dataclass(frozen=True)
class Seen:
    """
    Something that a robot published.

    :param robot: namespace of the robot, such as '/robot_1'.
    """

    robot: str
    what: Belief | Decision


class Member:
    """
    A participant of the swarm's DDS domain.

    :param domain_id: None: ROS_DOMAIN_ID of the environment, as ROS takes it.
    """

    def __init__(self, domain_id: int | None = None) -> None:
        _configure()
        if domain_id is None:
            domain_id = int(os.environ.get('ROS_DOMAIN_ID') or 0)
        self._participant = DomainParticipant(domain_id)
        self._news = WaitSet(self._participant)
        self._publications = BuiltinDataReader(self._participant, BuiltinTopicDcpsPublication)
        self._attach(self._publications)
        self._readers: dict[str, tuple[str, type, DataReader[Any]]] = {}
        self._services: dict[str, tuple[DataWriter[Any], DataReader[Any]]] = {}

    def _attach(self, reader: DataReader[Any]) -> None:
        self._news.attach(ReadCondition(reader, ANYTHING))

    # -- watching -----------------------------------------------------------------------------

    @property
    def robots(self) -> list[str]:
        """Namespaces of the robots found so far, sorted."""
        return sorted({robot for robot, _, _ in self._readers.values()})

    def watch(self, seconds: float) -> Iterator[Seen]:
        """
        Give what any robot publishes, and the decisions that it made before.

        :param seconds: when to end.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._find_topics()
            for robot, kind, reader in tuple(self._readers.values()):
                for sample in reader.take(TAKE_MAX):
                    if isinstance(sample, kind):  # else news of the writer, without data
                        yield Seen(robot, sample)
            self._news.wait(duration(seconds=min(left, 1.0)))

    def _find_topics(self) -> None:
        for found in self._publications.take(TAKE_MAX):
            # A publication that has gone has no name any more.
            name, type_name = found.topic_name or '', found.type_name
            for end, kind, qos in WATCHED:
                is_topic = name.startswith('rt/') and name.endswith(end)
                if is_topic and type_name == kind.__idl_typename__ and name not in self._readers:
                    robot = name.removeprefix('rt').removesuffix(end) or '/'
                    topic = Topic(self._participant, name, kind)
                    reader = DataReader(self._participant, topic, qos=qos)
                    self._readers[name] = (robot, kind, reader)
                    self._attach(reader)

    # -- proposing ----------------------------------------------------------------------------

    def propose(
        self,
        robot: str,
        subject: str,
        choice: str,
        value: bytes = b'',
        *,
        expected_revision: int = ANY_REVISION,
        timeout: float = 5.0,
        request_id: str = '',
    ) -> Decision | None:
        """
        Have a value committed, through a robot.

        The request is repeated until it is answered; the swarm applies an id once.

        :param robot: namespace of the robot, such as '/robot_1'.
        :param expected_revision: commit only if the subject stands at this revision.
        :param timeout: s, to find the robot and get its answer.
        :param request_id: empty: a new one.
        :returns: the decision, whose status is the outcome; None where nobody answered, and the
            value may still be decided.
        """
        deadline = time.monotonic() + timeout
        writer, reader = self._service(robot)
        request_id = request_id or uuid.uuid4().hex
        replies = WaitSet(self._participant)
        replies.attach(ReadCondition(reader, ANYTHING))
        resend = 0.0
        while (now := time.monotonic()) < deadline:
            if not (writer.get_matched_subscriptions() and reader.get_matched_publications()):
                time.sleep(0.02)
                continue
            if now >= resend:
                resend = now + RESEND
                left = deadline - now
                writer.write(
                    ProposeRequest(
                        subject, choice, list(value), expected_revision, left, request_id
                    )
                )
            for reply in reader.take(TAKE_MAX):
                if isinstance(reply, ProposeReply) and reply.request_id == request_id:
                    return reply.decision
            replies.wait(duration(seconds=max(0.0, min(deadline, resend) - now)))
        return None

    def _service(self, robot: str) -> tuple[DataWriter[Any], DataReader[Any]]:
        name = robot.strip('/')
        if name not in self._services:
            prefix = f'/{name}/' if name else '/'
            requests = Topic(self._participant, f'rq{prefix}proposeRequest', ProposeRequest)
            replies = Topic(self._participant, f'rr{prefix}proposeReply', ProposeReply)
            self._services[name] = (
                DataWriter(self._participant, requests, qos=PASSING),
                DataReader(self._participant, replies, qos=PASSING),
            )
        return self._services[name]


def _configure() -> None:
    """Set Cyclone DDS up to meet Fast DDS, on loopback where ROS keeps to it."""
    given = os.environ.get('CYCLONEDDS_URI', '')
    if not given and os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE') == 'LOCALHOST':
        given = LOOPBACK
    if COMPATIBILITY not in given:
        # Configurations that are joined by a comma are merged.
        os.environ['CYCLONEDDS_URI'] = f'{given},{COMPATIBILITY}' if given else COMPATIBILITY


def in_words(robot: str, what: Belief | Decision) -> str:
    """Return a belief or a decision as a line for people."""
    if isinstance(what, Belief):
        best = max(range(len(what.log_likelihood)), key=what.log_likelihood.__getitem__, default=0)
        label = what.labels[best] if best < len(what.labels) else f'label {best}'
        return f'{robot} believes {what.subject}: {label}'
    status = STATUS.get(what.status, str(what.status))
    level = LEVEL.get(what.level, str(what.level))
    place = f', index {what.index}' if what.index else ''
    reason = f': {what.reason}' if what.reason else ''
    return f'{robot} decided {what.subject}: {what.choice} ({level}, {status}{place}){reason}'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 if the proposal was decided."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n')[1])
    verbs = parser.add_subparsers(dest='verb', required=True)
    watch = verbs.add_parser('watch', help='show beliefs and decisions of all robots')
    watch.add_argument('--seconds', type=float, default=3600.0)
    propose = verbs.add_parser('propose', help='have a value committed')
    propose.add_argument('robot', help='namespace of the robot to ask, such as /robot_1')
    propose.add_argument('subject')
    propose.add_argument('choice')
    propose.add_argument('--value', default='', help='further text that goes with it')
    propose.add_argument('--request-id', default='', help='applied once, however often it is used')
    propose.add_argument('--timeout', type=float, default=20.0, metavar='SECONDS')
    given = parser.parse_args(arguments)
    member = Member()
    if given.verb == 'watch':
        for seen in member.watch(given.seconds):
            print(in_words(seen.robot, seen.what), flush=True)
        return 0
    decision = member.propose(
        given.robot,
        given.subject,
        given.choice,
        given.value.encode(),
        timeout=given.timeout,
        request_id=given.request_id,
    )
    if decision is None:
        print(f'no answer from {given.robot} within {given.timeout:g} s', file=sys.stderr)
        return 1
    print(in_words(given.robot, decision))
    return 0 if decision.status == 1 else 1


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
