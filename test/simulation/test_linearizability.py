"""The checker says of histories whether one order explains them: known ones, and against a twin."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest

from swarm_consensus.simulation.linearizability import (
    NEVER,
    Operation,
    SearchTooLong,
    check,
)
from swarm_consensus.simulation.register import UNDECIDED, Call, Kind, Register, RegisterModel, blur

History = list[Operation[Call]]
ANY = -1


def write(
    choice: str, begun: int, ended: int, found: Register | None = None, expected: int = ANY
) -> Operation[Call]:
    """A write; `found` is how the answer shows the register, None: no answer came."""
    done = found is not None and found[1] == choice
    call = Call(Kind.WRITE, choice, expected, done, found or UNDECIDED)
    return Operation(f'w{choice}', begun, NEVER if found is None else ended, call)


def read(begun: int, ended: int, found: Register) -> Operation[Call]:
    return Operation(f'r{begun}', begun, ended, Call(Kind.READ, done=True, found=found))


def put(choice: str, begun: int, ended: int, version: int, expected: int, done: bool):  # noqa: ANN201
    """A put on a key; a refusal tells the version alone."""
    call = Call(Kind.PUT, choice, expected, done, (version, choice if done else ''))
    return Operation(f'p{choice}', begun, ended, call)


GOOD: dict[str, History] = {
    'nothing': [],
    'one after another': [
        write('x', 1, 2, (1, 'x')),
        read(3, 4, (1, 'x')),
        write('y', 5, 6, (2, 'y')),
        read(7, 8, (2, 'y')),
    ],
    'a read beside a write sees it or not': [
        write('x', 1, 10, (1, 'x')),
        read(2, 3, UNDECIDED),
        read(4, 5, (1, 'x')),
    ],
    'writes at once in the other order': [
        write('x', 1, 10, (2, 'x')),
        write('y', 2, 9, (1, 'y')),
        read(11, 12, (2, 'x')),
    ],
    'an unknown write took effect late': [
        write('x', 1, 2),
        read(3, 4, UNDECIDED),
        write('y', 5, 6, (1, 'y')),
        read(7, 8, (2, 'x')),
    ],
    'an unknown write never took effect': [
        write('x', 1, 2),
        write('y', 3, 4, (1, 'y')),
        read(5, 6, (1, 'y')),
    ],
    'an unknown write took effect and was overwritten unseen': [
        write('x', 1, 2),
        write('y', 3, 4, (2, 'y')),
        read(5, 6, (2, 'y')),
    ],
    'compare-and-set was refused for what stood there': [
        write('x', 1, 2, (1, 'x')),
        write('y', 3, 4, (1, 'x'), expected=0),
        write('z', 5, 6, (2, 'z'), expected=1),
    ],
    'a put was refused for the version that stood there': [
        put('x', 1, 2, 1, ANY, True),
        put('y', 3, 4, 1, 0, False),
        put('z', 5, 6, 2, 1, True),
    ],
    'an unknown compare-and-set could only fail': [
        write('x', 1, 2, (1, 'x')),
        write('y', 3, 4, None, expected=0),
        read(5, 6, (1, 'x')),
    ],
}

BAD: dict[str, History] = {
    'a stale read': [
        write('x', 1, 2, (1, 'x')),
        write('y', 3, 4, (2, 'y')),
        read(5, 6, (1, 'x')),
    ],
    'a read of nothing after a write': [write('x', 1, 2, (1, 'x')), read(3, 4, UNDECIDED)],
    'a read of what nobody wrote': [read(1, 2, (1, 'x'))],
    'a read of what is written later': [read(1, 2, (1, 'x')), write('x', 3, 4, (1, 'x'))],
    'two reads see two writes in different orders': [
        write('x', 1, 20, (1, 'x')),
        write('y', 1, 20, (2, 'y')),
        read(2, 3, (2, 'y')),
        read(4, 5, (1, 'x')),
    ],
    'a write that took effect twice': [
        write('x', 1, 2, (1, 'x')),
        write('y', 3, 4, (2, 'y')),
        read(5, 6, (3, 'x')),
    ],
    'an acknowledged write is lost': [
        write('x', 1, 2, (1, 'x')),
        write('y', 3, 4, (1, 'y')),
    ],
    'two compare-and-sets win the same revision': [
        write('x', 1, 10, (1, 'x'), expected=0),
        write('y', 2, 9, (1, 'y'), expected=0),
    ],
    'a put was refused for a version that never stood there': [
        put('x', 1, 2, 1, ANY, True),
        put('y', 3, 4, 2, 0, False),
    ],
    'compare-and-set was refused without a reason': [
        write('x', 1, 2, (1, 'x')),
        write('y', 3, 4, (1, 'x'), expected=1),
    ],
    'an unknown write comes and goes': [
        write('x', 1, 2),
        read(3, 4, (1, 'x')),
        read(5, 6, UNDECIDED),
    ],
}


@pytest.mark.parametrize('name', GOOD)
def test_a_good_history_has_an_order(name: str) -> None:
    verdict = check(RegisterModel(), GOOD[name])
    assert verdict.linearizable, verdict


@pytest.mark.parametrize('name', BAD)
def test_a_bad_history_has_none(name: str) -> None:
    verdict = check(RegisterModel(), BAD[name])
    assert not verdict.linearizable, verdict.order
    assert verdict.stuck, 'it says where no operation fits'


def explained(history: History) -> bool:
    """The slow obvious twin: try every order of every choice of the unknown operations."""
    model = RegisterModel()
    for order in permutations(history):
        for length in range(len(order) + 1):
            chosen, left = order[:length], order[length:]
            if any(operation.known for operation in left):
                continue
            if any(
                b.returned < a.invoked
                for place, a in enumerate(chosen)
                for b in chosen[place + 1 :]
            ):
                continue
            state: Register | None = model.initial()
            for operation in chosen:
                state = model.apply(state, operation.call, operation.known)
                if state is None:
                    break
            if state is not None:
                return True
    return False


def random_history(random: Random) -> History:
    """A few operations at random times; half of the histories come from a real register."""
    history: History = []
    honest = random.random() < 0.5
    state: Register = UNDECIDED
    model = RegisterModel()
    for number in range(random.randint(1, 5)):
        at = 10 * number if honest else random.randint(0, 40)
        begun, ended = at - random.randint(0, 25), at + random.randint(1, 25)
        found = (random.randint(0, 3), random.choice(['', 'c0', 'c1', 'c2', 'c3', 'c4']))
        if random.random() < 0.4:
            if honest:
                found = state
            history.append(read(begun, ended, found))
            continue
        choice, expected = f'c{number}', random.choice([ANY, ANY, 0, 1, 2])
        if honest:
            after = model.apply(state, Call(Kind.WRITE, choice, expected), known=False)
            assert after is not None
            found = after
            if random.random() < 0.3 and random.random() < 0.5:
                found = state
            state = found
        unknown = random.random() < 0.3
        history.append(write(choice, begun, ended, None if unknown else found, expected))
    return history


def test_it_agrees_with_the_slow_obvious_twin() -> None:
    verdicts = {True: 0, False: 0}
    for seed in range(4_000):
        history = random_history(Random(seed))
        expected = explained(history)
        verdicts[expected] += 1
        assert check(RegisterModel(), history).linearizable is expected, (seed, history)
        assert check(RegisterModel(), blur(history)).linearizable is expected, (seed, history)
    assert min(verdicts.values()) > 1_000, verdicts


def test_a_long_history_with_many_at_once_is_decided_soon() -> None:
    """A thousand operations of eight clients, a tenth of them unknown: no search goes wild."""
    random = Random(1)
    state: Register = UNDECIDED
    history: History = []
    for number in range(1_000):
        at = 10 * number
        begun, ended = at - random.randint(0, 40), at + random.randint(1, 40)
        if number % 3:
            history.append(read(begun, ended, state))
        else:
            state = (state[0] + 1, f'c{number}')
            unknown = number % 10 == 0
            history.append(write(f'c{number}', begun, ended, None if unknown else state))
    verdict = check(RegisterModel(), history, steps_max=20_000)
    assert verdict.linearizable
    assert not check(RegisterModel(), [*history, read(1, 2, (7, 'none'))], 200_000).linearizable


def test_many_writes_of_unknown_outcome_are_decided_soon() -> None:
    """Thirty clients give up at once, and a third of what they wanted took effect."""
    history = [write(f'u{n}', n, n, expected=ANY if n % 3 else 2) for n in range(1, 31)]
    history += [read(40, 41, (0, '')), read(42, 43, (10, 'u7')), read(44, 45, (14, 'u5'))]
    assert check(RegisterModel(), blur(history), steps_max=20_000).linearizable
    history += [read(46, 47, (32, 'u8'))]
    assert not check(RegisterModel(), blur(history), steps_max=200_000).linearizable


def test_a_search_without_end_is_an_error_and_no_verdict() -> None:
    history = [write(f'c{n}', 1, 100, (n + 1, f'c{n}')) for n in range(12)]
    history += [read(101, 102, (40, 'c0'))]
    with pytest.raises(SearchTooLong):
        check(RegisterModel(), history, steps_max=10)
