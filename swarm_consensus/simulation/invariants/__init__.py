"""
What must hold at every moment, whatever fails: one file a rule.

The rules are told what happens by `simulation/referee.py` and raise InvariantBroken. They look at
the robots from outside, at what has left them, at their disks, and at the few numbers of
`simulation/probe.py`. No fault makes a rule weaker; a fault that no Raft could stand is not drawn.
"""

from swarm_consensus.simulation.invariants.agreed_outcomes import AgreedOutcomes
from swarm_consensus.simulation.invariants.agreed_words import AgreedWords
from swarm_consensus.simulation.invariants.commit_rule import CommitRule
from swarm_consensus.simulation.invariants.durability import Durability
from swarm_consensus.simulation.invariants.election_safety import ElectionSafety
from swarm_consensus.simulation.invariants.exactly_once import ExactlyOnce
from swarm_consensus.simulation.invariants.invariant import Invariant
from swarm_consensus.simulation.invariants.leader_append_only import LeaderAppendOnly
from swarm_consensus.simulation.invariants.leader_completeness import LeaderCompleteness
from swarm_consensus.simulation.invariants.log_matching import LogMatching
from swarm_consensus.simulation.invariants.read_linearizability import (
    ReadLinearizability,
    register_of,
)
from swarm_consensus.simulation.invariants.state_machine_safety import StateMachineSafety

__all__ = [
    'AgreedOutcomes',
    'AgreedWords',
    'CommitRule',
    'Durability',
    'ElectionSafety',
    'ExactlyOnce',
    'Invariant',
    'LeaderAppendOnly',
    'LeaderCompleteness',
    'LogMatching',
    'ReadLinearizability',
    'StateMachineSafety',
    'register_of',
]
