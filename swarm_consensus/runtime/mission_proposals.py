"""What this robot itself proposes for missions; each is told how it ended, once."""

from __future__ import annotations

from collections.abc import Callable, KeysView

from swarm_consensus.decision.replicated import Outcome, ReplicatedState
from swarm_consensus.decision.types import MissionCommand, keyvalue_command
from swarm_consensus.protocols import keyvalue
from swarm_consensus.protocols.missions import Operation
from swarm_consensus.protocols.raft import Raft
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.request_ids import RequestIds
from swarm_consensus.runtime.wire import COMMANDS
from swarm_consensus.transport.errors import EncodeError

# None: it did not get into the log, or nobody knows whether it did.
Ended = Callable[[Outcome | None], None]


class MissionProposals:
    """The proposals of one robot for missions."""

    def __init__(
        self, config: RuntimeConfig, raft: Raft, state: ReplicatedState, request_ids: RequestIds
    ) -> None:
        self._raft = raft
        self._state = state
        self._request_ids = request_ids
        self._ticks = max(1, config.proposal_timeout_ns // config.tick_ns)
        self._open: dict[str, Ended] = {}
        self.made = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def under_way(self) -> KeysView[str]:
        """Return the request ids of those that have not ended, as they are at any time."""
        return self._open.keys()

    def operate(self, operation: Operation, ended: Ended) -> None:
        """
        Propose an operation on missions.

        :raises EncodeError: it is out of its bounds.
        """
        request_id = self._request_ids.new()
        acked, index = self._request_ids.acked, self._state.index
        try:
            data = COMMANDS.encode(MissionCommand(request_id, acked, index, operation))
        except EncodeError:
            self._request_ids.ended(request_id)
            raise
        self._propose(request_id, data, ended)

    def keyvalue(self, operation: keyvalue.Operation, ended: Ended) -> None:
        """Propose an operation on the key-value store, where leases are."""
        request_id = self._request_ids.new()
        command = keyvalue_command(
            request_id, operation, self._request_ids.acked, self._state.index
        )
        self._propose(request_id, COMMANDS.encode(command), ended)

    def _propose(self, request_id: str, data: bytes, ended: Ended) -> None:
        self._open[request_id] = ended
        self.made += 1
        self._raft.propose(request_id, data, self._ticks)

    def applied(self, request_id: str, outcome: Outcome) -> None:
        """Note what a command did that was applied."""
        ended = self._open.pop(request_id, None)
        if ended is not None:
            ended(outcome)

    def ended(self, request_id: str) -> None:
        """Note that a proposal has ended without an outcome."""
        ended = self._open.pop(request_id, None)
        if ended is not None:
            ended(None)

    def installed(self) -> None:
        """Note that the state came by a snapshot: what it holds of ours is done."""
        for request_id in tuple(self._open):
            outcome = self._state.outcome(request_id)
            if outcome is not None:
                self.applied(request_id, outcome)
