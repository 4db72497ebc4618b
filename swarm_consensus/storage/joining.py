"""How a batch joins what is stored: the one rule that every storage must follow alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from swarm_consensus.protocols.raft import Entry, InvariantError, Persist, SnapshotMark


def require_joined(
    persist: Persist,
    stored_mark: SnapshotMark | None,
    last_index: int,
    term_at: Callable[[int], int | None],
) -> bool:
    """
    Hold that a batch can be written, and say what its snapshot leaves of the log.

    :param stored_mark: mark of the stored snapshot, if any.
    :param last_index: end of the stored log; that of the mark (or 0) where the log is empty.
    :param term_at: term of a stored entry behind the stored mark; None where there is none.
    :returns: whether the log behind the snapshot's mark stays: it does where the stored log has
        the mark's entry, of the mark's term. True without a snapshot.
    :raises InvariantError: a snapshot older than the stored one, or entries with a gap.
    """
    # Before the first entry stands one of index and term 0, in every log.
    before_index, before_term = (
        (0, 0) if stored_mark is None else (stored_mark.index, stored_mark.term)
    )
    first_index = before_index + 1
    stays = True
    if persist.snapshot is not None:
        mark = persist.snapshot.mark
        if mark.index == before_index:
            stays = mark.term == before_term
        else:
            stays = mark.index >= first_index and term_at(mark.index) == mark.term
        if mark.index < first_index - 1 or (mark.index == first_index - 1 and not stays):
            raise InvariantError('snapshots never go back', mark=mark, stored=stored_mark)
        first_index = mark.index + 1
        last_index = last_index if stays else mark.index
    if persist.entries:
        _require_no_gap(persist.entries, first_index, last_index)
    return stays


def _require_no_gap(entries: Sequence[Entry], first_index: int, last_index: int) -> None:
    first = entries[0].index
    if not first_index <= first <= last_index + 1:
        raise InvariantError(
            'entries join the stored log', first=first, stored=(first_index, last_index)
        )
    for place, entry in enumerate(entries, first):
        if entry.index != place:
            raise InvariantError('entries have no gap', index=entry.index, expected=place)
