"""When the evidence about a subject is enough to decide."""

from __future__ import annotations

from swarm_consensus.decision.types import Gossip, Level
from swarm_consensus.protocols.values import value

# Subjects whose policy is remembered: more than are open at a time.
FOUND_MAX = 2048


def quorum_of(rule: str, robots: int) -> int:
    """
    Return how many robots must have spoken.

    :param rule: 'majority', 'all', or a positive whole number.
    :param robots: size of the swarm.
    :raises ValueError: not such a rule, or more robots than the swarm has.
    """
    if rule == 'majority':
        return robots // 2 + 1
    if rule == 'all':
        return robots
    try:
        number = int(rule)
    except ValueError:
        raise ValueError(
            f"quorum is '{rule}', must be 'majority', 'all' or a whole number"
        ) from None
    if not 1 <= number <= robots:
        raise ValueError(f'quorum is {number}, must be from 1 to the {robots} robots of the swarm')
    return number


@value
class Policy:
    """
    The policy of a subject and of every instance below it ('sign' also serves 'sign/7').

    :param labels: possible answers in order; empty where the subject is decided by proposals only.
    :param labels_hash: hash of `labels`; evidence with another hash is refused.
    :param quorum: how many robots must have spoken.
    :param confidence: probability the winner must have after fusion, 0..1.
    :param settle_ns: once there is quorum, wait this long for robots alive that have not spoken.
    :param deadline_ns: from the first evidence; then `decide_at_deadline` says what happens.
    :param decide_at_deadline: with quorum of evidence, take the best label though it is below
        `confidence`; otherwise the answer is UNDECIDED.
    :param revise: a decided subject is decided again when new evidence favours another label.
    :param evidence_age_max_ns: older evidence does not count; 0: no limit.
    :param half_life_ns: age at which evidence counts half; 0: it does not fade.
    :param gossip: how evidence spreads.
    :param liars: with robust gossip, how many robots may lie.
    :param fusion: name of the rule (rule_names.py); at the level AGREED also of an entry point.
    :param support: at the level AGREED, how many robots must stand behind what is proposed; 0: one
        more than may lie, or one where none does.
    """

    name: str
    labels: tuple[str, ...]
    labels_hash: int
    level: Level
    quorum: int
    confidence: float
    settle_ns: int
    deadline_ns: int
    decide_at_deadline: bool
    revise: bool
    evidence_age_max_ns: int
    fusion: str
    support: int = 0
    half_life_ns: int = 0
    gossip: Gossip = Gossip.EXACT
    liars: int = 0


class Policies:
    """Policies by subject; 'sign/object_17' is served by the policy of 'sign'."""

    def __init__(self, policies: tuple[Policy, ...]) -> None:
        self._by_name = {policy.name: policy for policy in policies}
        # Each piece of evidence asks several times for the policy of its subject.
        self._found: dict[str, Policy | None] = {}

    def find(self, subject: str) -> Policy | None:
        """Return the policy of the longest prefix of the subject that has one."""
        try:
            return self._found[subject]
        except KeyError:
            if len(self._found) >= FOUND_MAX:
                self._found.clear()
            found = self._found[subject] = self._search(subject)
            return found

    def _search(self, subject: str) -> Policy | None:
        name = subject
        while name:
            policy = self._by_name.get(name)
            if policy is not None:
                return policy
            name = name.rpartition('/')[0]
        return None

    def __len__(self) -> int:
        return len(self._by_name)
