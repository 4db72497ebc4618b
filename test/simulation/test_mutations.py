"""
The harness finds known mistakes of Raft and of agreements, each built in one at a time.

Beside each mistake stands a seed that caught it, where the search begins; from there it goes
through all of SEEDS_MAX seeds. `python test/simulation/test_mutations.py` searches from seed 1 and
prints the first that catches each.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
import sys

import pytest

from swarm_consensus.simulation.storm import run_seed

_SPEC = importlib.util.spec_from_file_location(
    'simulation_mutations', Path(__file__).with_name('mutations.py')
)
assert _SPEC is not None and _SPEC.loader is not None
mutations = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(mutations)

CAUGHT_AT = {
    'commit_by_counting_an_old_term': 57,
    'vote_not_durable': 432,
    'truncation_without_conflict': 10,
    'no_log_check_on_vote': 14,
    'stale_read_after_transfer': 21,
    'read_before_a_commit_of_the_term': 7,
    'acknowledgement_before_sync': 112,
    'no_match_check_on_append': 191,
    'two_votes_in_a_term': 1,
    'heartbeat_commits_what_may_not_match': 86,
    'two_members_at_once': 788,
    'session_table_left_out_of_the_snapshot': 136,
    'requests_applied_again': 6,
    'a_lost_robot_votes': 18,
    'agreed_words_not_durable': 59,
    'agreed_proposal_put_in_again': 84,
    'agreed_before_what_was_caught_up': 27,
}


def catch(first: int) -> tuple[int, str]:
    """Return the first seed that fails, from `first` on and around, and what it finds."""
    for offset in range(mutations.SEEDS_MAX):
        seed = (first - 1 + offset) % mutations.SEEDS_MAX + 1
        _, error, _ = run_seed(seed)
        if error is not None:
            return seed, f'{type(error).__name__}: {error}'
    return 0, ''


@pytest.mark.parametrize('mutation', mutations.MUTATIONS, ids=lambda each: each.__name__)
def test_a_mistake_is_caught(mutation: object, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)
    seed, found = catch(CAUGHT_AT[mutation.__name__])
    print(f'seed {seed}: {found}')
    assert seed, f'{mutations.SEEDS_MAX} seeds did not catch it'


def main() -> int:
    """Search for each mistake from the first seed on."""
    missed = 0
    for mutation in mutations.MUTATIONS:
        with pytest.MonkeyPatch.context() as patch:
            mutation(patch)
            seed, found = catch(1)
        missed += not seed
        print(f'{mutation.__name__}: seed {seed or "none"}: {found[:160]}', flush=True)
    return 1 if missed else 0


if __name__ == '__main__':
    sys.exit(main())
