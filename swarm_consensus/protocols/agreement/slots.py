"""
Whether two messages of one robot contradict each other: the judge of an accusation.

It looks at nothing but the two messages, so whoever holds both, signed, can judge alike.
"""

from __future__ import annotations

from collections.abc import Iterator

from swarm_consensus.protocols.agreement.broadcast import PieceRules
from swarm_consensus.protocols.agreement.messages import Kind, Piece, Statement
from swarm_consensus.protocols.agreement.voice import members

Slot = tuple[object, ...]


def slots(statement: Statement) -> Iterator[tuple[Slot, object]]:
    """Give every slot that a statement fills, and with what."""
    for proposer, root in statement.echoes:
        yield ('echo', proposer), root
    for proposer, root in statement.readies:
        yield ('ready', proposer), root
    for kind, round_, value, mask in statement.votes:
        if not kind.repeats:
            # The end is said once for all rounds.
            at = 0 if kind is Kind.END else round_
            for proposer in members(mask):
                yield (kind, proposer, at), value
    for proposer, round_, share in statement.shares:
        yield ('share', proposer, round_), share
    if statement.settled:
        yield ('settled',), statement.settled


def contradiction(
    first: Statement | Piece, second: Statement | Piece, sender: int, rules: PieceRules
) -> str:
    """
    Return in what two messages of a robot contradict each other; '' where they do not.

    :param sender: place of the robot that said both.
    """
    if (first.subject, first.epoch) != (second.subject, second.epoch):
        return ''
    if isinstance(first, Piece) and isinstance(second, Piece):
        if first.proposer != sender or second.proposer != sender:
            return ''
        roots = rules.root(first), rules.root(second)
        different = None not in roots and roots[0] != roots[1]
        return 'two inputs' if different else ''
    if isinstance(first, Piece) or isinstance(second, Piece):
        return ''
    filled = dict(slots(first))
    for slot, content in (*slots(first), *slots(second)):
        if filled.setdefault(slot, content) != content:
            return 'two contents of slot ' + ' '.join(
                part.name.lower() if hasattr(part, 'name') else str(part) for part in slot
            )
    return ''
