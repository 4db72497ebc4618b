"""
Evidence on its way: from this robot and through it to all others, and from them into the subjects.

A robot signs its evidence where the swarm has keys, apart from the frame that carries it: others
pass it on, and none of them can change it or say it for somebody else. What they can is to say that
it has been on its way for another time than it was; the age at which it left its robot is signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from swarm_consensus.decision.subjects import Offer
from swarm_consensus.decision.types import Contribution, Gossip, Level
from swarm_consensus.protocols.fusion.messages import (
    BODY_BYTES_MAX,
    MESSAGE_TYPES,
    Estimate,
    Item,
    Items,
    Message,
    Shares,
)
from swarm_consensus.protocols.fusion.relay import (
    FOR_EVER,
    KNOWN,
    REFUSED,
    Relay,
    RelayConfig,
)
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.averages import Averages
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.deciding import Deciding
from swarm_consensus.runtime.fused_subjects import hello_ticks, ticks
from swarm_consensus.runtime.post import Post
from swarm_consensus.runtime.robusts import HEARS_TOPIC, Robusts
from swarm_consensus.transport.codec import Codec
from swarm_consensus.transport.errors import EncodeError, MalformedError
from swarm_consensus.transport.frame import TrafficClass
from swarm_consensus.transport.signing import Signer, Verifier

# What an item may take of a frame with others.
BATCH_SHARE = 3
# A robot out of reach counts as gone after so many times the silence of one in reach: its signs of
# life take a hello at each robot on their way, and some of these are lost.
FAR_FACTOR = 2
# Over how much of the time between two hellos robots spread what several of them could say.
SPREAD_SHARE = 5

EVIDENCE_MESSAGES = (*MESSAGE_TYPES, Contribution)


@value
class Evidence:
    """
    The body of an item about a subject, as in `Contribution`.

    :param age_us: when it left its robot.
    """

    labels_hash: int
    log_likelihood: tuple[float, ...]
    weight: float
    age_us: int


BODIES: Codec[Evidence] = Codec({1: Evidence})


def relay_config(config: RuntimeConfig, incarnation: int) -> RelayConfig:
    """Return the settings of the relay."""
    near_ticks = max(1, config.peer_timeout_ns // config.tick_ns)
    return RelayConfig(
        robot=config.robot,
        robots=config.robots,
        incarnation=incarnation,
        tick_us=max(1, config.tick_ns // 1000),
        hello_ticks=hello_ticks(config, config.belief_resend_ns),
        idle_ticks=ticks(config, config.presence_period_ns),
        spread_ticks=ticks(config, config.belief_resend_ns) // SPREAD_SHARE,
        near_ticks=near_ticks,
        far_ticks=FAR_FACTOR * near_ticks,
        relay_ticks=ticks(config, config.belief_resend_ns),
        topics_max=config.subjects_open_max,
        batch_bytes_max=config.frame_bytes_max // BATCH_SHARE,
    )


class EvidenceWork:
    """
    The work of one robot on evidence that travels.

    :param swarm: hash of the name of the swarm.
    :param signer: None: the swarm has no keys.
    :param verifier: None: likewise.
    :param touched: subjects with something new are added to it.
    :ivar used: whether evidence on any subject travels.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        *,
        swarm: int,
        incarnation: int,
        deciding: Deciding,
        signer: Signer | None,
        verifier: Verifier | None,
        random: Random,
        touched: set[str],
    ) -> None:
        self._config = config
        self._swarm = swarm
        self._deciding = deciding
        self._signer = signer
        self._verifier = verifier
        self._touched = touched
        self._now_ns = 0
        # Whether there may be something to do since it was last done.
        self._stirred = True
        self.used = any(
            policy.labels and policy.level is not Level.AGREED for policy in config.policies
        )
        self._relay = Relay(
            relay_config(config, incarnation),
            random,
            self._admit,
            self._vouch,
            self._wants,
        )
        common = (config, incarnation, deciding, self._relay.neighbours, random)
        self._averages = Averages(*common)
        self._robusts = Robusts(*common)
        self._present: frozenset[str] = frozenset()
        # The same, sorted, and of what: the membership and the tick.
        self._present_sorted: tuple[str, ...] = ()
        self._present_of: tuple[Sequence[str], int] = ((), -1)
        self._named = frozenset(config.robots)

    # -- in -------------------------------------------------------------------------------------

    def tune(self, resend_ns: int) -> None:
        """Set the time between two comparisons of what robots hold."""
        ticks = hello_ticks(self._config, resend_ns)
        self._relay.hello_ticks = self._averages.round_ticks = self._robusts.round_ticks = ticks

    def put(self, contribution: Contribution) -> None:
        """Tell the others what this robot believes; it counts here already."""
        self._stirred = True
        policy = self._deciding.policy(contribution.subject)
        if policy is not None and policy.gossip is Gossip.AVERAGING:
            self._averages.begin(contribution.subject, policy)
            return
        item = _item(contribution)
        if len(item.body) > BODY_BYTES_MAX:
            self._deciding.dropped['TOO_LARGE'] += 1
            return
        self._relay.put(self._signed(item), self._life(contribution))

    def receive(self, sender: str, message: Message | Contribution, now_ns: int) -> None:
        """Take in a message of another robot."""
        if not self.used:
            return
        self._now_ns = now_ns
        self._stirred = True
        if isinstance(message, Shares):
            self._averages.receive(sender, message)
            return
        if isinstance(message, Estimate):
            self._robusts.receive(sender, message)
            return
        if not isinstance(message, Contribution):
            self._relay.receive(sender, message)
            return
        # Without a signature of its own it can be told by the robot alone that has it.
        if message.robot != sender:
            self._deciding.dropped['FORGED'] += 1
            return
        try:
            item = _item(message)
        except EncodeError:
            self._deciding.dropped['TOO_LARGE'] += 1
            return
        self._relay.receive(sender, Items((item,)))

    def pass_time(self, ticks: int) -> None:
        """Let ticks pass."""
        self._stirred = True
        self._relay.pass_time(ticks)
        self._averages.pass_time(ticks)
        self._robusts.pass_time(ticks)

    def present(
        self, alive: Sequence[str], left: frozenset[str] = frozenset()
    ) -> tuple[str, ...]:
        """
        Return the robots whose evidence counts and is worth waiting for, sorted.

        :param alive: robots that the membership knows to be there.
        :param left: robots that have left.
        """
        if not self.used:
            return tuple(alive)
        if (alive, self._relay.now) == self._present_of:
            return self._present_sorted
        self._present_of = (alive, self._relay.now)
        present = self._relay.reachable().difference(left).union(alive)
        gone = self._present - present
        if present != self._present:
            self._seat_guests(present - self._present, gone)
            self._present = present
            self._robusts.present(present)
            self._relay.set_present(present)
        if gone:
            self._touched.update(self._deciding.depart(gone))
        self._present_sorted = tuple(sorted(present))
        return self._present_sorted

    def _seat_guests(self, came: frozenset[str], gone: frozenset[str]) -> None:
        """Let guests of the swarm have a place among the robots around this one."""
        if self._config.open_membership:
            for robot in sorted(gone - self._named):
                self._relay.neighbours.leave(robot)
            for robot in sorted(came - self._named):
                self._relay.neighbours.join(robot)

    def serves(self, robot: str, subject: str) -> bool:
        """
        Return whether evidence of a robot counts at this one, as far as they are guests.

        Guests have no part in the log and in agreements, and none in sums and in trimmed means,
        where all robots must be known to all.
        """
        if robot in self._named and not self._config.guest:
            return True
        policy = self._deciding.policy(subject)
        return policy is None or (
            policy.level is Level.FUSED and policy.gossip is Gossip.EXACT
        )

    # -- out ------------------------------------------------------------------------------------

    def idle_ticks(self) -> int:
        """Return after how many ticks, at least 1, something is due by time alone."""
        return min(
            self._relay.idle_ticks(), self._averages.idle_ticks(), self._robusts.idle_ticks()
        )

    def carry_out(self, post: Post, now_ns: int) -> None:
        """Send what there is to send."""
        closed = self._deciding.take_closed()
        if not self.used or not (self._stirred or closed):
            return
        self._stirred = False
        for subject in closed:
            self._relay.forget(subject)
        self._touched.update(self._averages.step(now_ns), self._robusts.step(now_ns))
        hearing = None if self._config.guest else self._robusts.hearing()
        if hearing is not None:
            self._relay.put(self._signed(hearing))
        for effects in (
            self._relay.take_effects(post.waits(TrafficClass.BELIEF)),
            *self._averages.take_effects(),
            *self._robusts.take_effects(),
        ):
            for send in effects.send if effects is not None else ():
                post.offer(send.message, send.to, send.key)
        if self._relay.dropped:
            self._deciding.dropped.update(self._relay.dropped)
            self._relay.dropped.clear()

    # -- what the relay asks --------------------------------------------------------------------

    def _wants(self, topic: str) -> bool:
        return self._robusts.used if topic == HEARS_TOPIC else self._deciding.wants(topic)

    def _admit(self, item: Item) -> int:
        if not self.serves(item.origin, item.topic) or (
            item.topic == HEARS_TOPIC and item.origin not in self._named
        ):
            self._deciding.dropped['GUEST'] += 1
            return REFUSED
        if item.topic == HEARS_TOPIC and self._robusts.used:
            return FOR_EVER if self._robusts.heard(item) else KNOWN
        try:
            body = BODIES.decode(item.body)
        except MalformedError:
            self._deciding.dropped['MALFORMED'] += 1
            return KNOWN if self._deciding.wants(item.topic) else REFUSED
        policy = self._deciding.policy(item.topic)
        if policy is not None and policy.gossip is Gossip.AVERAGING:
            self._deciding.dropped['NOT_EXACT'] += 1
            return REFUSED
        contribution = Contribution(
            robot=item.origin,
            incarnation=item.incarnation,
            sequence=item.sequence,
            subject=item.topic,
            labels_hash=body.labels_hash,
            log_likelihood=body.log_likelihood,
            weight=body.weight,
            age_us=body.age_us + item.travel_us,
        )
        outcome = self._deciding.offer(contribution, self._now_ns)
        if outcome is Offer.ACCEPTED:
            self._touched.add(item.topic)
            return self._life(contribution)
        # What counts nowhere, or has a place where it counts, is not asked for again.
        again = (Offer.DECIDED, Offer.AGREED, Offer.NO_POLICY, Offer.FULL)
        return REFUSED if outcome in again else KNOWN

    def _vouch(self, item: Item) -> bool:
        return self._verifier is None or self._verifier.signed_item(self._swarm, item)

    def _life(self, contribution: Contribution) -> int:
        policy = self._deciding.policy(contribution.subject)
        if policy is None or not policy.evidence_age_max_ns:
            return FOR_EVER
        left_ns = policy.evidence_age_max_ns - contribution.age_us * 1000
        return max(1, -(-left_ns // self._config.tick_ns))

    def _signed(self, item: Item) -> Item:
        if self._signer is None:
            return item
        signature = self._signer.sign_item(self._swarm, item)
        return Item(
            item.origin,
            item.incarnation,
            item.sequence,
            item.topic,
            item.body,
            item.travel_us,
            signature,
        )


def _item(contribution: Contribution) -> Item:
    """Return evidence in the form in which it travels."""
    body = Evidence(
        contribution.labels_hash,
        contribution.log_likelihood,
        contribution.weight,
        contribution.age_us,
    )
    return Item(
        contribution.robot,
        contribution.incarnation,
        contribution.sequence,
        contribution.subject,
        BODIES.encode(body),
    )
