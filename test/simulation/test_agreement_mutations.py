"""
The adversary finds known mistakes of agreement protocols, each built in one at a time.

Beside each mistake stands a seed that caught it, where the search begins; from there it goes
through all of SEEDS_MAX seeds. `python test/simulation/test_agreement_mutations.py` searches from
seed 1 and prints the first that catches each.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
import sys

import pytest

from swarm_consensus.simulation.adversary.arena import run_seed

_SPEC = importlib.util.spec_from_file_location(
    'agreement_mutations', Path(__file__).with_name('agreement_mutations.py')
)
assert _SPEC is not None and _SPEC.loader is not None
mutations = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(mutations)

CAUGHT_AT = {
    'too_few_echoes': 10,
    'deliver_what_one_honest_robot_is_ready_for': 911,
    'nobody_gets_ready_by_others': 10,
    'values_from_anybody': 17,
    'no_confirmation': 7,
    'decide_against_the_coin': 7,
    'one_end_is_enough': 2,
    'support_of_one_is_passed_on': 10,
    'possible_or_not': 13,
    'vote_against_too_early': 2,
    'shares_of_coins_are_not_checked': 110,
    'what_was_said_is_not_durable': 45,
    'a_filled_slot_is_filled_anew': 137,
    'an_echo_without_its_value': 3,
    'a_throw_instead_of_what_came_out': 856,
    'one_word_decides': 533,
    'silent_after_the_end': 199,
    'ask_for_what_the_proposer_alone_has': 725,
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
    # A promise is broken; the mistake does not merely trip over itself.
    assert found.startswith('InvariantBroken'), found


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
