"""How one robot's part in the agreement is set up: each setting with its meaning."""

from __future__ import annotations

from swarm_consensus.protocols.agreement.broadcast import PieceRules
from swarm_consensus.protocols.agreement.errors import ConfigError
from swarm_consensus.protocols.agreement.messages import ROBOTS_MAX
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.values import value

# A wait for something that did not come is doubled up to so many times resend_ticks.
BACKOFF_MAX = 32

_FROM_1 = (
    'resend_ticks',
    'window',
    'instances_max',
    'kept_max',
    'subjects_max',
    'outcome_bytes_max',
)


@value
class AgreementConfig:
    """
    Settings of one robot; all but `robot` and `lost` are the same at every robot.

    Times are ticks; the length of a tick is the caller's choice.

    :param robots: all robots of the swarm, this one included, in any order.
    :param faults_max: f, how many of them may be faulty.
    :param lies: whether a faulty robot may do anything, or only stop.
    :param resend_ticks: time without progress of an instance after which this robot says again
        what it said, and asks the others to; doubled each time up to BACKOFF_MAX. Shorter: losses
        cost less time. Longer: fewer bytes where an instance has to wait.
    :param window: epochs of one subject under way at once. A robot that is further behind than this
        catches up by outcomes instead of taking part.
    :param instances_max: instances under way at once, over all subjects; a peer alone may open its
        share of them.
    :param kept_max: settled instances kept for robots that are behind; the oldest goes first.
    :param subjects_max: subjects that are remembered.
    :param value_bytes_max: largest input.
    :param outcome_bytes_max: largest outcome.
    :param piece_bytes: inputs travel in pieces of this size.
    :param lost: what this robot said before is lost, with its disk. It listens until it knows what
        was under way, and stays silent in that.
    :raises ConfigError: settings that cannot keep the promise.
    """

    robot: str
    robots: tuple[str, ...]
    faults_max: int
    lies: bool
    resend_ticks: int = 5
    window: int = 4
    instances_max: int = 256
    kept_max: int = 512
    subjects_max: int = 100_000
    value_bytes_max: int = 40_000
    outcome_bytes_max: int = 60_000
    piece_bytes: int = 8192
    lost: bool = False

    def __post_init__(self) -> None:
        if self.robot not in self.robots:
            raise ConfigError(f"robot '{self.robot}' is not among the robots of the swarm")
        if len(set(self.robots)) != len(self.robots):
            raise ConfigError('a robot is named twice')
        if len(self.robots) > ROBOTS_MAX:
            raise ConfigError(f'{len(self.robots)} robots; the agreement serves {ROBOTS_MAX}')
        for name in _FROM_1:
            if getattr(self, name) < 1:
                raise ConfigError(f'{name} is {getattr(self, name)}; the least is 1')
        if self.value_bytes_max < 0:
            raise ConfigError(f'value_bytes_max is {self.value_bytes_max}; the least is 0')
        # Their own checks, now and not with the first message.
        _ = self.thresholds, self.pieces

    @property
    def thresholds(self) -> Thresholds:
        """Return how many robots each rule counts to."""
        return Thresholds(len(self.robots), self.faults_max, self.lies)

    @property
    def pieces(self) -> PieceRules:
        """Return how inputs are cut."""
        try:
            return PieceRules(self.value_bytes_max, self.piece_bytes)
        except ValueError as error:
            raise ConfigError(str(error)) from None
