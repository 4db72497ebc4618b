"""
The averaging mode: push-sum over cumulative flows, for swarms of any size.

Each robot holds *mass*, a vector, and gives a part of it to its partners in each round; the ratio
of two components becomes that of their sums over all robots (push-sum: Kempe, Dobra and Gehrke,
2003). What is sent is not the part but all that has flowed to the partner so far (Hadjicostis,
Vaidya and Dominguez-Garcia, 2016, section III), so a message that is lost, repeated or overtaken
does no harm: the next one tells the same and more. Each side keeps what has flowed both ways on a
link, so when the partner is gone, both take back what they gave and return what they got (flow
updating: Jesus, Baquero and Almeida, 2015; with mass distribution: Almeida et al., 2017): what a
robot put in leaves with it.

The invariant, which the tests hold after every step: at each robot

    mass = input - all that flowed out + all that flowed in, over its links,

and what one end of a link holds as flowed in is what the other end held as flowed out at some time
in the same session. So where sessions agree, the mass of all robots and what is under way is the
sum of their inputs, exactly: numbers are integers, in fixed point, and flows are counted mod 2^64,
as only their differences matter, which are far smaller.

Both ends of a link number their *sessions*, and what is told counts only in the session that both
know: who drops a link, or restarts, begins another one, and the partner takes back what had flowed
when it hears of that. Changed inputs are added as differences.

How many robots there are is told by the component `count` over `root`: one robot, the first by name
of those that are there, puts 1 into the latter. It is found, and its end noticed, by its signs of
life, which come with the shares. A message has a constant size: with many partners each round
serves some in turn.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from swarm_consensus.protocols.fusion.effects import Effects, Send
from swarm_consensus.protocols.fusion.messages import (
    AGE_US_MAX,
    SHARES_MAX,
    WIDTH_MAX,
    Share,
    Shares,
    Sign,
)
from swarm_consensus.protocols.fusion.neighbours import Neighbours
from swarm_consensus.protocols.fusion.spanner import partners
from swarm_consensus.protocols.values import value

Mass = NDArray[np.int64]

# What stands for 1: large, so that a robot with a millionth of it still has a million units.
UNIT = 2**32
ROOT_UNIT = 2**44
# Rounds without a new sign of life of the root until it counts as gone, and how many times as long
# as signs are apart on average. On a way of h robots where messages are lost, a sign that is held
# up is overtaken by the next one, and both go on as one: those that arrive are about sqrt(h) rounds
# apart, as random walks are that coalesce. It comes to 24 rounds after 300 robots at 30 % loss.
ROOT_ROUNDS = 30
ROOT_GAPS = 8
# Share of a gap in the average, where it is longer and where it is shorter than that.
_GAP_UP, _GAP_DOWN = 1 / 4, 1 / 16
# Rounds of the root in a window of the oldest age.
WINDOW_ROUNDS = 64
# Rounds for which the neighbourhood must stay as it is before links are made, and how many rounds
# are waited for that at most.
SETTLED_ROUNDS, UNSETTLED_ROUNDS_MAX = 3, 12
_ROOTS_REMEMBERED = 16


@value
class AveragingConfig:
    """
    Settings of an average at one robot.

    :param topic: what it is about.
    :param incarnation: of this boot.
    :param width: components of the input.
    :param tick_us: length of a tick.
    :param round_ticks: between two rounds.
    :param shares_max: partners served in one round.
    :raises ValueError: numbers out of range.
    """

    topic: str
    incarnation: int
    width: int
    tick_us: int
    round_ticks: int = 10
    shares_max: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.width <= WIDTH_MAX - 2 or not 1 <= self.shares_max <= SHARES_MAX:
            raise ValueError(
                f'width must be from 1 to {WIDTH_MAX - 2}, shares_max to {SHARES_MAX}: {self}'
            )
        if min(self.tick_us, self.round_ticks) < 1:
            raise ValueError(f'times must be above 0: {self}')


def sums_of(mass: Mass) -> NDArray[np.float64] | None:
    """Return what the mass of a robot says of the sums (see `Averaging.sums`)."""
    root = int(mass[-1])
    if root <= 0:
        return None
    found = mass[:-1] / (root / ROOT_UNIT)
    found[:-1] /= UNIT
    found[-1] /= ROOT_UNIT
    return np.asarray(found, dtype=np.float64)


@dataclass(slots=True)
class Link:
    """
    One end of a link.

    :ivar mine: number of this end's session, from 1; larger than all before it in this boot.
    :ivar theirs: boot and number of the other end's session; (0, 0): not known.
    :ivar open: whether the other end knows this session, so that mass can flow.
    :ivar out: all that has flowed to the partner in this session, mod 2^64.
    :ivar got: all that has flowed from it, as last told.
    :ivar sequence: of the newest message that told it.
    """

    mine: int
    out: Mass
    got: Mass
    theirs: tuple[int, int] = (0, 0)
    open: bool = False
    sequence: int = 0


class Averaging:
    """
    The average of one topic at one robot.

    :param neighbours: who is in reach.
    :param sessions: numbers of the sessions of links; never one again in this boot.
    :param now: ticks since the boot.
    :ivar mass: one entry a component, then `count` and `root`.
    :ivar links: by partner.
    :ivar dropped: counts what peers sent that no honest one sends.
    """

    def __init__(
        self,
        config: AveragingConfig,
        neighbours: Neighbours,
        random: Random,
        sessions: Iterator[int],
        now: int = 0,
    ) -> None:
        self.config = config
        self._neighbours = neighbours
        self._place = neighbours.places[neighbours.robot]
        self._size = config.width + 2
        self._input: Mass = np.zeros(self._size, dtype=np.int64)
        self.mass: Mass = np.zeros(self._size, dtype=np.int64)
        self.links: OrderedDict[str, Link] = OrderedDict()
        self.dropped: Counter[str] = Counter()
        self._now = now
        self._round_due = now + random.randrange(config.round_ticks)
        self._sessions = sessions
        self._sequence = 0
        self.rounds = 0
        # Whom to average with, and of which state of the neighbourhood that is.
        self._partners: tuple[str, ...] = ()
        self._partners_of = -1
        self._changes = -1
        self._quiet_rounds = self._unsettled_rounds = 0
        self._root: Sign = (self._place, config.incarnation, now)
        # The last new sign of another root, which may have counted as gone since: whose, and when.
        self._sign_of, self._sign_at = -1, now
        self._sign_gap = 0.0
        # Roots that are gone, with their last sign of life.
        self._gone_roots: OrderedDict[int, tuple[int, int]] = OrderedDict()
        # Ages are kept as the tick of birth; None: no input.
        self._born: int | None = None
        self._window = (self._place, -1)
        self._oldest: int | None = None
        self._oldest_before: int | None = None
        self._put_root()

    # -- what others ask --------------------------------------------------------------------------

    @property
    def root(self) -> str:
        """Return the robot that the count refers to, as far as is known here."""
        return self._neighbours.robots[self._root[0]]

    @property
    def input(self) -> Mass:
        """Return what this robot has put in."""
        return self._input

    def sums(self) -> NDArray[np.float64] | None:
        """
        Return the sum of each component over all robots, and how many have an input, as they seem.

        :returns: shape (width + 1,), in units of 1; None: nothing of the root has come yet.
        """
        return sums_of(self.mass)

    def oldest_us(self) -> int:
        """Return the age of the oldest input, as far as is known here; -1: there is none."""
        born = (self._born, self._oldest, self._oldest_before)
        known = [each for each in born if each is not None]
        return (self._now - min(known)) * self.config.tick_us if known else -1

    def idle_ticks(self) -> int:
        """Return after how many ticks, at least 1, something is due by time alone."""
        return max(1, self._round_due - self._now)

    # -- inputs -----------------------------------------------------------------------------------

    def put(self, vector: NDArray[np.float64] | None, age_us: int = 0) -> None:
        """
        Set what this robot puts in; the difference is added to its mass.

        :param vector: shape (width,), in units of 1; None: nothing, and it does not count.
        """
        new: Mass = np.zeros(self._size, dtype=np.int64)
        new[-1] = self._input[-1]
        self._born = None
        if vector is not None:
            new[:-2] = np.rint(vector * UNIT).astype(np.int64)
            new[-2] = ROOT_UNIT
            self._born = self._now - -(-age_us // self.config.tick_us)
        self.mass += new - self._input
        self._input = new

    def receive(self, sender: str, message: Shares) -> None:
        """Take in what a robot in reach has given."""
        neighbours = self._neighbours
        if message.roster != neighbours.roster or sender not in neighbours.places:
            self.dropped['OTHER_ROSTER'] += 1
            return
        neighbours.heard(sender, self._now)
        self._hear_root(message)
        for share in message.shares:
            if share[0] == self._place:
                self._take(sender, message, share)

    def pass_time(self, ticks: int) -> None:
        """Let ticks pass."""
        self._now += ticks

    # -- links ------------------------------------------------------------------------------------

    def _open(self, robot: str) -> Link:
        zero: Mass = np.zeros(self._size, dtype=np.int64)
        link = self.links[robot] = Link(next(self._sessions), zero, zero.copy())
        return link

    def _drop(self, robot: str) -> None:
        """Take back what flowed to a partner, and return what came from it."""
        self._take_back(self.links.pop(robot))

    def _take_back(self, link: Link) -> None:
        self.mass += link.out - link.got
        link.out, link.got = np.zeros_like(link.out), np.zeros_like(link.got)
        link.open, link.sequence = False, 0

    def _take(self, sender: str, message: Shares, share: Share) -> None:
        _, session, my_boot, my_session, flows = share
        if not self._neighbours.is_near(sender):
            return
        theirs = (message.incarnation, session)
        link = self.links.get(sender)
        if link is not None and theirs < link.theirs:
            return
        if link is None:
            link = self._open(sender)
        if theirs > link.theirs:
            # The partner has begun anew, and knows nothing of what flowed before. It is another
            # session by its number alone; this end keeps its own, or both would begin for ever.
            self._take_back(link)
            link.theirs = theirs
        if (my_boot, my_session) != (self.config.incarnation, link.mine):
            return
        link.open = True
        if message.sequence <= link.sequence:
            return
        if len(flows) != self._size:
            self.dropped['WRONG_WIDTH'] += 1
            return
        link.sequence = message.sequence
        told: Mass = np.array(flows, dtype=np.int64)
        self.mass += told - link.got
        link.got = told

    def _choose(self) -> None:
        """Begin links to new partners once the neighbourhood is settled; end those out of reach."""
        neighbours = self._neighbours
        for robot in [each for each in self.links if not neighbours.is_near(each)]:
            self._drop(robot)
        if neighbours.changes != self._changes:
            self._changes = neighbours.changes
            self._quiet_rounds = 0
        else:
            self._quiet_rounds += 1
        if self._partners_of != self._changes:
            self._unsettled_rounds += 1
            settled = self._quiet_rounds >= SETTLED_ROUNDS
            if settled or self._unsettled_rounds >= UNSETTLED_ROUNDS_MAX:
                self._partners = partners(neighbours, self.config.shares_max)
                self._partners_of = self._changes
                self._unsettled_rounds = 0
        for robot in self._partners:
            if robot not in self.links and neighbours.is_near(robot):
                self._open(robot)

    # -- the root, and the oldest -----------------------------------------------------------------

    def _put_root(self) -> None:
        """Put 1 into the component `root` at the root, and nothing elsewhere."""
        wanted = ROOT_UNIT if self._root[0] == self._place else 0
        self.mass[-1] += wanted - int(self._input[-1])
        self._input[-1] = wanted

    def _hear_root(self, message: Shares) -> None:
        place, incarnation, beat = message.root
        newest = (incarnation, beat)
        if place < self._place and newest > self._gone_roots.get(place, (0, 0)):
            current = self._root
            if place < current[0] or (place == current[0] and newest > current[1:]):
                self._root = message.root
                self._note_sign(place)
                self._put_root()
                self._advance()
        if (place, message.epoch) == self._window and message.oldest_us >= 0:
            born = self._now - message.oldest_us // self.config.tick_us
            self._oldest = born if self._oldest is None else min(self._oldest, born)

    @property
    def _patience(self) -> float:
        """Return for how many ticks without a new sign of life a root is not taken for gone."""
        return max(ROOT_ROUNDS * self.config.round_ticks, ROOT_GAPS * self._sign_gap)

    def _note_sign(self, place: int) -> None:
        """Note a new sign of life of a root."""
        if place == self._sign_of:
            # One that comes after all, a long way round, does not say how far apart they are.
            gap = min(self._now - self._sign_at, self._patience)
            longer = gap - self._sign_gap
            self._sign_gap += longer * (_GAP_UP if longer > 0 else _GAP_DOWN)
        self._sign_of, self._sign_at = place, self._now

    def _advance(self) -> None:
        """Begin another window of the oldest age: what is gone is not told again in it."""
        window = (self._root[0], self._root[2] // (WINDOW_ROUNDS * self.config.round_ticks))
        if window != self._window:
            self._window = window
            self._oldest_before, self._oldest = self._oldest, self._born

    def _keep_root(self) -> None:
        if self._root[0] != self._place:
            if self._now - self._sign_at <= self._patience:
                return
            self._gone_roots[self._root[0]] = self._root[1:]
            self._gone_roots.move_to_end(self._root[0])
            if len(self._gone_roots) > _ROOTS_REMEMBERED:
                self._gone_roots.popitem(last=False)
        # The ticks since its boot are the sign of life of a root.
        self._root = (self._place, self.config.incarnation, self._now)
        self._put_root()
        self._advance()

    # -- what leaves ------------------------------------------------------------------------------

    def take_effects(self) -> Effects | None:
        """Return what is to be sent now; None: nothing."""
        if self._now < self._round_due:
            return None
        self._round_due = self._now + self.config.round_ticks
        self.rounds += 1
        self._choose()
        self._keep_root()
        if self._born is not None:
            self._oldest = self._born if self._oldest is None else min(self._oldest, self._born)
        if not self.links:
            return None
        served = list(self.links)[: self.config.shares_max]
        flowing = [self.links[robot] for robot in served if self.links[robot].open]
        if flowing:
            part = self.mass // (len(flowing) + 1)
            for link in flowing:
                link.out += part
            self.mass -= part * len(flowing)
        places = self._neighbours.places
        shares: list[Share] = []
        for robot in served:
            link = self.links[robot]
            self.links.move_to_end(robot)
            shares.append((places[robot], link.mine, *link.theirs, tuple(link.out.tolist())))
        self._sequence += 1
        oldest = -1
        if self._oldest is not None:
            oldest = min((self._now - self._oldest) * self.config.tick_us, AGE_US_MAX)
        message = Shares(
            topic=self.config.topic,
            roster=self._neighbours.roster,
            incarnation=self.config.incarnation,
            sequence=self._sequence,
            root=self._root,
            epoch=self._window[1],
            oldest_us=oldest,
            shares=tuple(shares),
        )
        return Effects((Send(message, f'shares {self.config.topic}', tuple(served)),))
