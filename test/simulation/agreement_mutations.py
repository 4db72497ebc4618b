"""
Mistakes that an agreement could be built with, each built in by replacing one thing for one test.

The seam is here and not in the product: nothing of swarm_consensus knows of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from swarm_consensus.protocols.agreement import subset
from swarm_consensus.protocols.agreement.binary import BinaryAgreement
from swarm_consensus.protocols.agreement.broadcast import ReliableBroadcast
from swarm_consensus.protocols.agreement.graded import GradedAgreement
from swarm_consensus.protocols.agreement.messages import Kind
from swarm_consensus.protocols.agreement.quorum import Thresholds
from swarm_consensus.protocols.agreement.subset import CommonSubset
from swarm_consensus.protocols.agreement.voice import Voice
from swarm_consensus.simulation.adversary.robot import Disk

Mutation = Callable[[pytest.MonkeyPatch], None]

# Within so many seeds each must be caught.
SEEDS_MAX = 2_000


def too_few_echoes(patch: pytest.MonkeyPatch) -> None:
    """A robot is ready after f + 1 echoes, so that two values of one liar get through."""
    patch.setattr(Thresholds, 'echo', property(lambda self: self.faults + 1))


def deliver_what_one_honest_robot_is_ready_for(patch: pytest.MonkeyPatch) -> None:
    """A value is delivered with f + 1 readies: the others may never get as many."""
    original = ReliableBroadcast._advance

    def advance(self: ReliableBroadcast) -> None:
        original(self)
        if self.delivered is None and self._thresholds.lies:
            for root, mask in self._ready.items():
                held = self._values.get(root)
                if mask.bit_count() > self._thresholds.faults and held and not held.missing:
                    self.delivered, self.delivered_root = held.value, root

    patch.setattr(ReliableBroadcast, '_advance', advance)


def nobody_gets_ready_by_others(patch: pytest.MonkeyPatch) -> None:
    """f + 1 readies make nobody ready, so some deliver what the others wait for."""
    original = ReliableBroadcast._get_ready

    def get_ready(self: ReliableBroadcast) -> None:
        ready, self._ready = self._ready, {}
        try:
            original(self)
        finally:
            for root, mask in self._ready.items():
                ready[root] = ready.get(root, 0) | mask
            self._ready = ready

    patch.setattr(ReliableBroadcast, '_get_ready', get_ready)


def values_from_anybody(patch: pytest.MonkeyPatch) -> None:
    """A value is taken for the proposer's whoever sends it."""
    patch.setattr(ReliableBroadcast, '_attested', lambda self, root: True)


def no_confirmation(patch: pytest.MonkeyPatch) -> None:
    """CONF is left out, as in the published version: the adversary follows the coin for ever."""
    patch.setattr(BinaryAgreement, '_confirmed', lambda self, at: at.saw)


def decide_against_the_coin(patch: pytest.MonkeyPatch) -> None:
    """One side seen alone is decided, whatever the coin shows."""
    original = BinaryAgreement._advance

    def advance(self: BinaryAgreement) -> None:
        at = self._at(self.round)
        self._look(at)
        if self.decision is None and at.saw in (1, 2):
            self._through = True
            self._end(at.saw >> 1)
        original(self)

    patch.setattr(BinaryAgreement, '_advance', advance)


def one_end_is_enough(patch: pytest.MonkeyPatch) -> None:
    """One robot that has decided is believed, which may be a liar."""
    original = BinaryAgreement._note

    def note(self: BinaryAgreement, sender: int, kind: Kind, round_: int, value: int) -> bool:
        held = original(self, sender, kind, round_, value)
        if held and kind is Kind.END and self.decision is None and sender != self._me:
            self._end(value)
        return held

    patch.setattr(BinaryAgreement, '_note', note)


def support_of_one_is_passed_on(patch: pytest.MonkeyPatch) -> None:
    """A side that one robot supports is supported by all: also what only liars want."""

    def relay(self: BinaryAgreement, round_: int, at: Any) -> None:
        for side in (0, 1):
            if not at.support[side] >> self._me & 1 and at.support[side]:
                self._say(Kind.SUPPORT, round_, side)

    patch.setattr(BinaryAgreement, '_relay', relay)


def vote_against_too_early(patch: pytest.MonkeyPatch) -> None:
    """Robots vote against the rest when n - 2f inputs are in."""
    original = CommonSubset._turn

    def turn(self: CommonSubset) -> None:
        original(self)
        thresholds = self._rules.thresholds
        ones = [one.decision for one in self._binaries].count(1)
        if self.vector is None and ones >= thresholds.robots - 2 * thresholds.faults:
            for one in self._binaries:
                one.propose(0)
            decisions = [one.decision for one in self._binaries]
            if None not in decisions:
                self._finish(decisions)

    patch.setattr(CommonSubset, '_turn', turn)


def shares_of_coins_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    """Whatever a robot calls its share is taken for one."""
    patch.setattr(subset._Coins, 'valid', lambda self, round_, sender, share: True)


def what_was_said_is_not_durable(patch: pytest.MonkeyPatch) -> None:
    """A robot reboots with no memory of what it said."""
    patch.setattr(Disk, 'recall', lambda self, epoch: None)


def a_filled_slot_is_filled_anew(patch: pytest.MonkeyPatch) -> None:
    """A robot that reboots says what it thinks now, not what it said."""
    original = Voice.vote

    def vote(self: Voice, kind: Kind, proposer: int, round_: int, value: int) -> int:
        said = original(self, kind, proposer, round_, value)
        if said != value:
            self._new_votes.append((kind, proposer, round_, value))
        return value

    patch.setattr(Voice, 'vote', vote)


def an_echo_without_its_value(patch: pytest.MonkeyPatch) -> None:
    """The hash is echoed before all pieces are there."""
    original = ReliableBroadcast._keep

    def keep(self: ReliableBroadcast, root: bytes, piece: Any) -> None:
        original(self, root, piece)
        if self._voice.echoed(self._proposer) is None:
            said = self._voice.echo(self._proposer, root)
            self._echoes[self._me] = said
            self._echoed[said] = self._echoed.get(said, 0) | 1 << self._me

    patch.setattr(ReliableBroadcast, '_keep', keep)


def possible_or_not(patch: pytest.MonkeyPatch) -> None:
    """A robot counts those who hold to a side that only liars may have supported."""
    original = BinaryAgreement._look

    def look(self: BinaryAgreement, at: Any) -> None:
        original(self, at)
        if not at.saw:
            at.saw = self._enough(at.aux[0], at.aux[1], 0)

    patch.setattr(BinaryAgreement, '_look', look)


def a_throw_instead_of_what_came_out(patch: pytest.MonkeyPatch) -> None:
    """With local coins: who heard of a side throws its coin nevertheless, unless it decides."""

    def second_half(self: GradedAgreement, half: Any) -> bool:
        held = self._held(half)
        if (held[0] | held[1] | held[2]).bit_count() < self._thresholds.heard:
            return False
        lies = self._thresholds.lies
        needed = self._thresholds.heard if lies else self._thresholds.lasting
        for side in (0, 1):
            if held[side].bit_count() >= needed:
                self._through = True
                self._end(side)
                return True
        self.round += 1
        self._begin(self._random.getrandbits(1))
        return True

    patch.setattr(GradedAgreement, '_second_half', second_half)


def one_word_decides(patch: pytest.MonkeyPatch) -> None:
    """Where robots crash: one word of the second half decides, and its robot may be gone."""
    original = GradedAgreement._second_half

    def second_half(self: GradedAgreement, half: Any) -> bool:
        held = self._held(half)
        spoke = (held[0] | held[1] | held[2]).bit_count()
        if not self._thresholds.lies and spoke >= self._thresholds.heard:
            for side in (0, 1):
                if held[side]:
                    self._through = True
                    self._end(side)
                    return True
        return original(self, half)

    patch.setattr(GradedAgreement, '_second_half', second_half)


def silent_after_the_end(patch: pytest.MonkeyPatch) -> None:
    """Who has decided says no more than that: another may be short of its support for ever."""
    for machine in (BinaryAgreement, GradedAgreement):
        original = machine._end

        def end(self: Any, side: int, original: Callable[[Any, int], None] = original) -> None:
            original(self, side)
            self.over = True

        patch.setattr(machine, '_end', end)


def ask_for_what_the_proposer_alone_has(patch: pytest.MonkeyPatch) -> None:
    """Of two values of a liar the one is asked for that only the liar vouches for."""
    patch.setattr(
        ReliableBroadcast, '_certainty', lambda self, root: (self._offered == root, root)
    )


MUTATIONS: tuple[Mutation, ...] = (
    too_few_echoes,
    deliver_what_one_honest_robot_is_ready_for,
    nobody_gets_ready_by_others,
    values_from_anybody,
    no_confirmation,
    decide_against_the_coin,
    one_end_is_enough,
    support_of_one_is_passed_on,
    possible_or_not,
    vote_against_too_early,
    shares_of_coins_are_not_checked,
    what_was_said_is_not_durable,
    a_filled_slot_is_filled_anew,
    an_echo_without_its_value,
    a_throw_instead_of_what_came_out,
    one_word_decides,
    silent_after_the_end,
    ask_for_what_the_proposer_alone_has,
)
