"""How one robot bids: each setting with its meaning, unit and consequence."""

from __future__ import annotations

from enum import Enum

from swarm_consensus.protocols.allocation.errors import AllocationError
from swarm_consensus.protocols.allocation.messages import BUNDLE_MAX
from swarm_consensus.protocols.values import value


class Method(Enum):
    """How robots find out who does what; the values are those in swarm.yaml."""

    CBBA = 'cbba'
    GREEDY = 'greedy'  # every robot figures the sequential greedy allocation out for itself
    OPTIMAL = 'optimal'  # likewise, the best assignment of one task to each robot


@value
class BidderConfig:
    """
    Settings of one robot. Times are ticks; the length of a tick is the caller's choice.

    :param incarnation: of this boot; greater than that of all boots before it.
    :param method: the same at all robots.
    :param bundle_max: most tasks that it bids for at once. More: it plans further ahead, and says
        and computes more.
    :param relay_ticks: what another robot states is passed on within so long, at random; 0: at
        once. Longer: fewer robots pass on what the others have heard already.
    :param relay_heard: who hears others pass a statement on so often does not do it too, and
        comparisons make up for those whom nobody else reaches; 0: it does in any case.
    :param compare_ticks: time between two comparisons of what is known, which make up for lost
        messages; 0: none.
    :param patience_ticks: a task that takes several robots and has not found them within so long
        is let be for as long, so that the robots that wait for it do others meanwhile; 0: never.
    :raises AllocationError: what cannot be, and what to change.
    """

    robot: str
    incarnation: int
    method: Method = Method.CBBA
    bundle_max: int = 5
    relay_ticks: int = 2
    relay_heard: int = 3
    compare_ticks: int = 20
    patience_ticks: int = 600

    def __post_init__(self) -> None:
        if not self.robot:
            raise AllocationError('a robot without a name cannot bid')
        if not 1 <= self.bundle_max <= BUNDLE_MAX:
            raise AllocationError(f'bundle_max is {self.bundle_max}, give 1..{BUNDLE_MAX}')
        for name in ('relay_ticks', 'relay_heard', 'compare_ticks', 'patience_ticks'):
            if getattr(self, name) < 0:
                raise AllocationError(f'{name} is {getattr(self, name)}, give 0 or more')
