"""
The decision table of the paper, row by row, against what a board makes of the same news.

The table infers from beliefs and from how new they are what a board knows, since it keeps what
each robot said. So the board must come to the same belief, unless one of the two robots knows what
the table has no word for: a bid that is not the best that it knows, or that a bid still stands.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from paper_table import Action, Belief, action, row_of

from swarm_consensus.protocols.allocation import BidStatement, Board, Field, Task

ROBOTS = ('a', 'b', 'c', 'd', 'e')
TASK = Task('t', 0, 0)
ROWS = {
    ('k', 'i'): {Action.UPDATE, Action.LEAVE},
    ('k', 'k'): {Action.UPDATE},
    ('k', 'm'): {Action.UPDATE, Action.LEAVE},
    ('k', 'none'): {Action.UPDATE},
    ('i', 'i'): {Action.LEAVE},
    ('i', 'k'): {Action.RESET},
    ('i', 'm'): {Action.RESET, Action.LEAVE},
    ('i', 'none'): {Action.LEAVE},
    ('m', 'i'): {Action.UPDATE, Action.LEAVE},
    ('m', 'k'): {Action.UPDATE, Action.RESET},
    ('m', 'm'): {Action.UPDATE, Action.LEAVE},
    ('m', 'n'): {Action.UPDATE, Action.RESET, Action.LEAVE},
    ('m', 'none'): {Action.UPDATE, Action.LEAVE},
    ('none', 'i'): {Action.LEAVE},
    ('none', 'k'): {Action.UPDATE},
    ('none', 'm'): {Action.UPDATE, Action.LEAVE},
    ('none', 'none'): {Action.LEAVE},
}


def history(random: Random, robot: str) -> list[BidStatement]:
    """Return what a robot says, one after the other; it bids for the task, or does not."""
    said = []
    for version in range(1, random.randint(1, 4) + 1):
        bids = (('t', float(random.randint(1, 4))),) if random.random() < 0.6 else ()
        said.append(BidStatement(robot, 1, version, bids))
    return said


def board_of(robot: str, statements: dict[str, BidStatement]) -> Board:
    board = Board(robot)
    board.set_field(Field([TASK]))
    for statement in statements.values():
        board.put(statement)
    return board


def belief(board: Board, statements: dict[str, BidStatement]) -> Belief:
    winner = next(iter(board.winners('t')), None)
    bid = 0.0 if winner is None else dict(statements[winner].bids)['t']
    news = {robot: statements[robot].version if robot in statements else 0 for robot in ROBOTS}
    return Belief(winner, bid, news)


def know(random: Random, robot: str, histories: dict) -> dict[str, BidStatement]:
    """
    Return what a robot knows: all of itself, and something older of the others.

    It has given up its bid where it knows a higher one, as the algorithm has it.
    """
    known = {robot: histories[robot][-1]}
    for other in ROBOTS:
        if other != robot and random.random() < 0.8:
            known[other] = random.choice(histories[other])
    if known[robot].bids and board_of(robot, known).winners('t') != (robot,):
        known[robot] = BidStatement(robot, 1, known[robot].version + 1)
    return known


def test_the_board_does_what_the_table_says_in_every_row() -> None:
    seen: Counter = Counter()
    exact: Counter = Counter()
    for seed in range(4_000):
        random = Random(seed)
        histories = {robot: history(random, robot) for robot in ROBOTS}
        sender, receiver = random.sample(ROBOTS, 2)
        known_there, known_here = (know(random, each, histories) for each in (sender, receiver))
        # Nobody knows more of a robot than itself.
        there, here = board_of(sender, known_there), board_of(receiver, known_here)
        told, held = belief(there, known_there), belief(here, known_here)
        row, what = row_of(sender, receiver, told, held), action(sender, receiver, told, held)
        for statement in known_there.values():
            here.put(statement)
        merged = {each.robot: each for each in here.statements}
        after = belief(here, merged)
        seen[row, what] += 1
        where = f'seed {seed}, row {row}: {what}, {told} {held} -> {after}'
        # Does the new belief rest on what only one of the two knew, or knew newer?
        bidder = after.winner
        from_here = bidder is not None and held.news[bidder] > told.news[bidder]
        from_there = bidder is not None and told.news[bidder] > held.news[bidder]
        if what is Action.UPDATE:
            same = (after.winner, after.bid) == (told.winner, told.bid)
            assert same or from_here, where
        elif what is Action.LEAVE:
            same = (after.winner, after.bid) == (held.winner, held.bid)
            assert same or from_there, where
        else:
            same = (after.winner, after.bid) != (held.winner, held.bid)
            assert same or from_there, where
        exact[row, what] += same
    assert {(row, what) for row, every in ROWS.items() for what in every} == set(seen)
    for case, count in seen.items():
        assert count >= 5 and exact[case] >= 0.5 * count, f'{case}: {exact[case]} of {count}'


def test_what_a_board_believes_does_not_hang_on_the_order_of_news() -> None:
    for seed in range(300):
        random = Random(seed)
        said = [each for robot in ROBOTS for each in history(random, robot)]
        beliefs = set()
        for _ in range(5):
            # Doubled, and in any order.
            random.shuffle(said)
            board = Board('z')
            board.set_field(Field([TASK]))
            for statement in said + said[: len(said) // 2]:
                board.put(statement)
            beliefs.add((board.winners('t'), board.known(), board.hash()))
        assert len(beliefs) == 1, f'seed {seed}'
