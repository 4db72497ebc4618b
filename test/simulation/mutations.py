"""
Known mistakes of Raft and of agreements, each built in by replacing one method for one test.

The seam is here and not in the product: nothing of swarm_consensus knows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from swarm_consensus.decision.ballots import Outcome
from swarm_consensus.decision.replicated import ReplicatedState, StateImage
from swarm_consensus.protocols.agreement.effects import CaughtUp, Decided
from swarm_consensus.protocols.agreement.instance import Instance
from swarm_consensus.protocols.raft import AppendReply, Effects, HardState, Raft
from swarm_consensus.protocols.raft.changes import begin, finish
from swarm_consensus.protocols.raft.log import RaftLog
from swarm_consensus.protocols.sessions import Admission, Sessions
from swarm_consensus.runtime.agreed import Agreed
from swarm_consensus.runtime.agreed_topics import Topic
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.robot import RobotRuntime

Mutation = Callable[[pytest.MonkeyPatch], None]

# Within so many seeds each must be caught.
SEEDS_MAX = 2_000


def commit_by_counting_an_old_term(patch: pytest.MonkeyPatch) -> None:
    """A leader commits what a quorum holds, of whatever term (Raft paper, figure 8)."""
    original = Raft._advance_commit

    def advance(raft: Raft) -> None:
        start, raft._term_start = raft._term_start, 0
        original(raft)
        raft._term_start = start

    patch.setattr(Raft, '_advance_commit', advance)


def vote_not_durable(patch: pytest.MonkeyPatch) -> None:
    """The term goes to the disk, the vote does not."""
    original = Raft._take_hard_state

    def take(raft: Raft) -> HardState | None:
        state = original(raft)
        return None if state is None else replace(state, vote='')

    patch.setattr(Raft, '_take_hard_state', take)


def truncation_without_conflict(patch: pytest.MonkeyPatch) -> None:
    """An append that repeats what is there cuts off what follows it."""

    def merge(log: RaftLog, entries: tuple) -> int:
        first = entries[0].index
        if first <= log.last_index:
            log._truncate(first)
        log._entries.extend(entries)
        log.last_index = entries[-1].index
        return first

    patch.setattr(RaftLog, 'merge', merge)


def no_log_check_on_vote(patch: pytest.MonkeyPatch) -> None:
    """A candidate gets votes whatever its log lacks."""
    patch.setattr(RaftLog, 'up_to_date', lambda log, index, term: True)


def stale_read_after_transfer(patch: pytest.MonkeyPatch) -> None:
    """A leader answers reads by itself: whoever leads after a transfer knows more."""
    patch.setattr(Raft, '_reached', lambda raft, of_follower, own: own)


def read_before_a_commit_of_the_term(patch: pytest.MonkeyPatch) -> None:
    """A fresh leader answers reads before it knows what is committed."""
    original = Raft._flush_reads_leader

    def flush(raft: Raft) -> None:
        start, raft._term_start = raft._term_start, 0
        original(raft)
        raft._term_start = start

    patch.setattr(Raft, '_flush_reads_leader', flush)


def acknowledgement_before_sync(patch: pytest.MonkeyPatch) -> None:
    """A follower acknowledges entries that its disk does not have yet."""
    original = Raft.take_effects

    def take(raft: Raft) -> Effects | None:
        effects = original(raft)
        if effects is None:
            return None
        early = tuple(s for s in effects.send_after if isinstance(s.message, AppendReply))
        late = tuple(s for s in effects.send_after if not isinstance(s.message, AppendReply))
        return replace(effects, send_now=effects.send_now + early, send_after=late)

    patch.setattr(Raft, 'take_effects', take)


def no_match_check_on_append(patch: pytest.MonkeyPatch) -> None:
    """A follower appends behind an entry that is not the leader's."""
    original = Raft._on_append

    def on_append(raft: Raft, message: object) -> None:
        if message.prev_index <= raft._log.last_index:
            message = replace(message, prev_term=max(0, raft._log.term(message.prev_index)))
        original(raft, message)

    patch.setattr(Raft, '_on_append', on_append)


def two_votes_in_a_term(patch: pytest.MonkeyPatch) -> None:
    """A robot forgets whom it voted for while it runs."""
    original = Raft._would_vote

    def would_vote(raft: Raft, message: object) -> bool:
        vote, raft._vote = raft._vote, ''
        granted = original(raft, message)
        raft._vote = vote
        return granted

    patch.setattr(Raft, '_would_vote', would_vote)


def heartbeat_commits_what_may_not_match(patch: pytest.MonkeyPatch) -> None:
    """A follower takes the leader's commit index for its own log, matched or not."""

    def follow_commit(raft: Raft) -> None:
        index = min(raft._leader_commit, raft._log.last_index)
        if index > raft._log.commit:
            raft._commit_to(index)

    patch.setattr(Raft, '_follow_commit', follow_commit)


def two_members_at_once(patch: pytest.MonkeyPatch) -> None:
    """A change of several voters takes force in one step, without a joint phase."""

    def begin_change(raft: Raft, voters: Iterable[str], learners: Iterable[str]) -> None:
        losses = [p.lost for p in raft._followers if p.lost]
        membership = begin(raft._membership, voters, learners, losses)
        raft._set_membership(finish(membership) if membership.joint else membership)

    patch.setattr(Raft, '_begin_change', begin_change)


def session_table_left_out_of_the_snapshot(patch: pytest.MonkeyPatch) -> None:
    """Who installs a snapshot, or boots from one, does not know what was applied before."""
    original = ReplicatedState.image

    def image(state: ReplicatedState) -> StateImage:
        whole = original(state)
        return replace(whole, given_up_index=0, sessions=(), decided=(), results=())

    patch.setattr(ReplicatedState, 'image', image)


def requests_applied_again(patch: pytest.MonkeyPatch) -> None:
    """The state machine does not remember the requests that it has applied."""
    patch.setattr(Sessions, 'admit', lambda *_: (Admission.NEW, None))
    patch.setattr(Sessions, 'finish', lambda *_: None)


def a_lost_robot_votes(patch: pytest.MonkeyPatch) -> None:
    """A robot whose disk was damaged takes part as if it had never been there before."""
    original = RobotRuntime.__init__

    def begin_anew(runtime: RobotRuntime, config: RuntimeConfig, **given: object) -> None:
        restored = given['restored']
        given['restored'] = replace(restored, hard_state=replace(restored.hard_state, lost=''))
        original(runtime, config, **given)

    patch.setattr(RobotRuntime, '__init__', begin_anew)


def agreed_words_not_durable(patch: pytest.MonkeyPatch) -> None:
    """What a robot says in an agreement leaves before it is on its disk, and never gets there."""
    patch.setattr(Instance, '_keep', lambda instance, pending: None)


def agreed_proposal_put_in_again(patch: pytest.MonkeyPatch) -> None:
    """A proposal whose epoch ended without its robot is put in once more, as if it had not been."""

    def missed(
        agreed: Agreed, subject: str, topic: Topic, outcome: Outcome, now_ns: int, outputs: list
    ) -> None:
        for old in [each for each in topic.mine if each < outcome.epoch]:
            request_id = topic.mine.pop(old).request_id
            if request_id:
                topic.proposals[request_id].epoch = 0
        for old in [each for each in topic.opened if each <= outcome.epoch]:
            del topic.opened[old]

    patch.setattr(Agreed, '_missed', missed)


def agreed_before_what_was_caught_up(patch: pytest.MonkeyPatch) -> None:
    """An epoch that ends here is judged as if nothing had been caught up just before it."""
    original = Agreed.decided
    before: dict[Agreed, dict[str, Outcome]] = {}

    def caught_up(agreed: Agreed, news: CaughtUp, now_ns: int, outputs: list) -> None:
        old = agreed._outcomes.get(news.subject, Outcome(epoch=0))
        before.setdefault(agreed, {})[news.subject] = old
        catch_up(agreed, news, now_ns, outputs)

    def decided(agreed: Agreed, ended: Decided, now_ns: int, outputs: list) -> None:
        old = before.get(agreed, {}).pop(ended.subject, None)
        if old is not None:
            agreed._outcomes[ended.subject] = old
        original(agreed, ended, now_ns, outputs)

    catch_up = Agreed.caught_up
    patch.setattr(Agreed, 'caught_up', caught_up)
    patch.setattr(Agreed, 'decided', decided)


MUTATIONS: tuple[Mutation, ...] = (
    commit_by_counting_an_old_term,
    vote_not_durable,
    truncation_without_conflict,
    no_log_check_on_vote,
    stale_read_after_transfer,
    read_before_a_commit_of_the_term,
    acknowledgement_before_sync,
    no_match_check_on_append,
    two_votes_in_a_term,
    heartbeat_commits_what_may_not_match,
    two_members_at_once,
    session_table_left_out_of_the_snapshot,
    requests_applied_again,
    a_lost_robot_votes,
    agreed_words_not_durable,
    agreed_proposal_put_in_again,
    agreed_before_what_was_caught_up,
)
