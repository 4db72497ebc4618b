"""
Requests to hand leadership over, from the robot where they are asked to the leader and back.

Only the leader can do it, and which robot leads may change on the way. So the robot that was asked
sends the wish to whoever leads, again and again, until an answer comes or the deadline does. To ask
twice does no harm: a leader that hands over already, or leads as it is wished, says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from swarm_consensus.decision.types import Status
from swarm_consensus.protocols.raft import Raft, TransferEnd, TransferResult
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.events import Output, TransferAnswered, TransferAsked

# Wishes of this robot's users, and of other robots, that may be open at once.
WISHES_MAX = 64

_REASONS = {
    TransferEnd.NO_TARGET: "'{target}' is no voter that is heard",
    TransferEnd.REPLACED: 'leadership was wished elsewhere meanwhile',
    TransferEnd.TIMEOUT: "'{target}' did not take over in time; the leader leads on",
    TransferEnd.OTHER_LEADER: "another robot than '{target}' was elected",
}


@value
class HandoverRequest:
    """
    Somebody wishes that the leader hands over.

    :param target: robot that is to lead; '' for the one that is most fit.
    """

    origin: str
    request_id: str
    target: str

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.origin


@value
class HandoverReply:
    """
    What became of a wish.

    :param done: the target leads.
    :param reason: why it does not; '' where it does.
    """

    leader: str
    request_id: str
    done: bool
    reason: str

    @property
    def sender(self) -> str:
        """Robot that sent this."""
        return self.leader


@dataclass(slots=True)
class _Wish:
    asked: TransferAsked
    deadline_ns: int
    sent_ns: int = -1
    sent_to: str = ''


class Handover:
    """
    Open wishes of one robot.

    :param new_request_id: gives ids that no other robot or boot uses.
    :param send: sends a message to one robot.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        raft: Raft,
        new_request_id: Callable[[], str],
        send: Callable[[object, tuple[str, ...]], object],
    ) -> None:
        self._robot = config.robot
        self._retry_ns = config.election_ticks * config.tick_ns
        self._raft = raft
        self._new_request_id = new_request_id
        self._send = send
        self._wishes: dict[str, _Wish] = {}
        # At the leader: (origin, request id) of those that wait, by the target that they named.
        self._served: dict[tuple[str, str], str] = {}

    @property
    def any(self) -> bool:
        """Return whether anybody waits."""
        return bool(self._wishes)

    def ask(self, asked: TransferAsked, now_ns: int, outputs: list[Output]) -> None:
        """Take in a wish of this robot's user."""
        reason = ''
        if asked.timeout_ns <= 0:
            reason = 'the timeout must be greater than 0 s'
        elif len(self._wishes) >= WISHES_MAX:
            reason = 'too many requests wait at this robot; try again later'
        if reason:
            outputs.append(TransferAnswered(asked.key, Status.REFUSED, reason, self._raft.leader))
            return
        wish = _Wish(asked, now_ns + asked.timeout_ns)
        self._wishes[self._new_request_id()] = wish
        self.step(now_ns, outputs)

    def step(self, now_ns: int, outputs: list[Output]) -> None:
        """Send what must be sent, and end what is overdue."""
        leader = self._raft.leader
        for request_id, wish in tuple(self._wishes.items()):
            if now_ns >= wish.deadline_ns:
                del self._wishes[request_id]
                status, reason = Status.UNKNOWN, 'the leader did not answer in time'
                if not leader:
                    status, reason = Status.NO_QUORUM, 'no leader with a quorum was found in time'
                outputs.append(TransferAnswered(wish.asked.key, status, reason, leader))
            elif leader and self._is_fulfilled(wish, leader):
                # The new leader is heard before the answer of the old one.
                del self._wishes[request_id]
                outputs.append(TransferAnswered(wish.asked.key, Status.DECIDED, '', leader))
            elif leader and (
                leader != wish.sent_to or now_ns - wish.sent_ns >= self._retry_ns
            ):
                wish.sent_to, wish.sent_ns = leader, now_ns
                self._forward(leader, HandoverRequest(self._robot, request_id, wish.asked.target))

    @staticmethod
    def _is_fulfilled(wish: _Wish, leader: str) -> bool:
        if wish.asked.target:
            return leader == wish.asked.target
        # Anybody else: to pass the wish on would make the new leader hand over in its turn.
        return wish.sent_to not in ('', leader)

    def _forward(self, leader: str, request: HandoverRequest) -> None:
        if leader == self._robot:
            self.requested(request)
        else:
            self._send(request, (leader,))

    def requested(self, request: HandoverRequest) -> None:
        """Take in the wish of any robot; who leads no more leaves it to be sent again."""
        if self._raft.leader != self._robot:
            return
        key = (request.origin, request.request_id)
        if key not in self._served and len(self._served) >= WISHES_MAX:
            return
        self._served[key] = request.target
        self._raft.transfer(request.target)

    def ended(self, result: TransferResult, outputs: list[Output]) -> None:
        """Tell those who waited for this transfer."""
        if result.end is TransferEnd.NOT_LEADER:
            # Leadership was lost in the same moment: the wish goes to whoever leads then.
            self._served.clear()
            return
        done = result.end is TransferEnd.DONE
        reason = '' if done else _REASONS[result.end].format(target=result.target)
        for (origin, request_id), target in tuple(self._served.items()):
            if target in ('', result.target):
                del self._served[origin, request_id]
                reply = HandoverReply(self._robot, request_id, done, reason)
                if origin == self._robot:
                    self.replied(reply, outputs)
                else:
                    self._send(reply, (origin,))

    def replied(self, reply: HandoverReply, outputs: list[Output]) -> None:
        """Answer whoever waits for this wish."""
        wish = self._wishes.get(reply.request_id)
        if wish is None:
            return
        leader = self._raft.leader
        if reply.done:
            # The answer of the old leader may come before the new one is heard.
            leader = wish.asked.target or leader
            if not wish.asked.target and leader in ('', wish.sent_to):
                return  # step() ends it when it is known who leads
        del self._wishes[reply.request_id]
        status = Status.DECIDED if reply.done else Status.REFUSED
        outputs.append(TransferAnswered(wish.asked.key, status, reply.reason, leader))
