"""
What the agreement promises, one file a promise; apart from what they check.

They are told by arena.py what honest robots put in, say and end with, and raise InvariantBroken.
"""

from swarm_consensus.simulation.adversary.checks.agreement import Agreement
from swarm_consensus.simulation.adversary.checks.check import Check, Swarm
from swarm_consensus.simulation.adversary.checks.consistency import Consistency
from swarm_consensus.simulation.adversary.checks.custody import Custody
from swarm_consensus.simulation.adversary.checks.totality import Totality
from swarm_consensus.simulation.adversary.checks.validity import Validity

__all__ = ['Agreement', 'Check', 'Consistency', 'Custody', 'Swarm', 'Totality', 'Validity']
