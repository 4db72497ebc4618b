"""
Who does what: robots that bid for tasks until no two of them hold the same one, without a server.

`bidder.py` is one robot in the consensus-based bundle algorithm; `scoring.py`, `field.py` and
`bundle.py` are what it computes with, `board.py` and `messages.py` what it knows and says,
`terms.py` tells whether robots bid by the same settings. `greedy.py` has the alternatives that
need to know all robots.
"""

from swarm_consensus.protocols.allocation.bidder import Bidder
from swarm_consensus.protocols.allocation.board import Board
from swarm_consensus.protocols.allocation.bundle import Bend, Bundle
from swarm_consensus.protocols.allocation.config import BidderConfig, Method
from swarm_consensus.protocols.allocation.effects import Send
from swarm_consensus.protocols.allocation.errors import AllocationError, ScoringError
from swarm_consensus.protocols.allocation.field import Field
from swarm_consensus.protocols.allocation.greedy import (
    Assignment,
    best_assignment,
    sequential_greedy,
)
from swarm_consensus.protocols.allocation.messages import (
    MESSAGE_TYPES,
    Bids,
    BidsHash,
    BidsKnown,
    BidStatement,
    BidTerms,
    Message,
)
from swarm_consensus.protocols.allocation.scoring import (
    PATH_LENGTH,
    SCORING_NAMES,
    TIME_DISCOUNTED,
    RuleScoring,
    Scoring,
    ScoringSetting,
    UserPathScoring,
    Way,
)
from swarm_consensus.protocols.allocation.terms import Difference
from swarm_consensus.protocols.allocation.values import Task, Worker

__all__ = [
    'MESSAGE_TYPES',
    'PATH_LENGTH',
    'SCORING_NAMES',
    'TIME_DISCOUNTED',
    'AllocationError',
    'Assignment',
    'Bend',
    'BidStatement',
    'BidTerms',
    'Bidder',
    'BidderConfig',
    'Bids',
    'BidsHash',
    'BidsKnown',
    'Board',
    'Bundle',
    'Difference',
    'Field',
    'Message',
    'Method',
    'RuleScoring',
    'Scoring',
    'ScoringError',
    'ScoringSetting',
    'Send',
    'Task',
    'UserPathScoring',
    'Way',
    'Worker',
    'best_assignment',
    'sequential_greedy',
]
