"""
Causal context: which dots a replica has seen, in a size that departed replicas do not add to.

A dot (writer, sequence) names one write. A context holds, for each writer, how far its dots are
seen without a gap (a version vector) and spans beyond gaps (the dot cloud); Almeida, Shoker,
Baquero: 'Delta state replicated data types', J. Parallel Distrib. Comput. 111, 2018, section 7.2.

Beside that it has a level. All dots of a writer whose name was made below the level count as seen,
unless the writer has a row here: these are the writers that are settled (settlement.py), and they
take no room.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

from swarm_consensus.protocols.crdt.ids import level_of

# Larger than every sequence number: a span up to here is all that a writer ever wrote.
ALL = 2**62
SEQUENCE_MAX = ALL - 1

Dot = tuple[str, int]
# writer, first and last sequence number
Span = tuple[str, int, int]
_Range = tuple[int, int]


class Context:
    """
    A set of dots.

    :ivar level: of the settled history that it covers.
    :ivar rows: by writer, the sequence number up to which all its dots are seen.
    :ivar gaps: by writer, spans of dots that are seen beyond a gap, sorted, apart from each other.
    """

    __slots__ = ('gaps', 'level', 'rows')

    def __init__(
        self,
        level: int = 0,
        rows: Mapping[str, int] | None = None,
        gaps: Mapping[str, Iterable[_Range]] | None = None,
    ) -> None:
        self.level = level
        self.rows: dict[str, int] = dict(rows or {})
        self.gaps: dict[str, list[_Range]] = {w: list(spans) for w, spans in (gaps or {}).items()}

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Context)
            and self.level == other.level
            and self.rows == other.rows
            and self.gaps == other.gaps
        )

    __hash__ = None  # type: ignore[assignment]

    def copy(self) -> Context:
        """Return a copy that no longer changes with this one."""
        return Context(self.level, self.rows, self.gaps)

    def contains(self, writer: str, sequence: int) -> bool:
        """Return whether a dot was seen."""
        row = self.rows.get(writer)
        if row is None:
            return level_of(writer) < self.level
        if sequence <= row:
            return True
        return writer in self.gaps and any(
            first <= sequence <= last for first, last in self.gaps[writer]
        )

    def covers(self, writer: str, first: int, last: int) -> bool:
        """Return whether all the dots first..last of a writer were seen."""
        row = self.rows.get(writer)
        if row is None:
            return level_of(writer) < self.level
        if last <= row:
            return True
        return writer in self.gaps and any(
            low <= max(first, row + 1) and last <= high for low, high in self.gaps[writer]
        )

    def add(self, writer: str, first: int, last: int) -> None:
        """Note that the dots first..last of a writer were seen."""
        row = self.rows.get(writer)
        if row is None:
            if level_of(writer) < self.level:
                return
            row = 0
        if first <= row + 1:
            self.rows[writer] = max(row, last)
            if writer in self.gaps:
                self._close_gap(writer)
        else:
            self.rows[writer] = row
            self._add_beyond(writer, first, last)

    def _add_beyond(self, writer: str, first: int, last: int) -> None:
        spans = self.gaps.setdefault(writer, [])
        start = bisect_left(spans, (first, first))
        if start and spans[start - 1][1] >= first - 1:
            start -= 1
        end = start
        while end < len(spans) and spans[end][0] <= last + 1:
            first, last = min(first, spans[end][0]), max(last, spans[end][1])
            end += 1
        spans[start:end] = [(first, last)]

    def _close_gap(self, writer: str) -> None:
        spans, row = self.gaps[writer], self.rows[writer]
        while spans and spans[0][0] <= row + 1:
            row = max(row, spans.pop(0)[1])
        self.rows[writer] = row
        if not spans:
            del self.gaps[writer]

    def drop(self, writer: str) -> None:
        """Forget the row of a writer; of one below the level all counts as seen from then on."""
        self.rows.pop(writer, None)
        self.gaps.pop(writer, None)

    def spans_of(self, writer: str) -> list[_Range]:
        """Return what was seen of a writer, sorted, apart from each other."""
        row = self.rows.get(writer)
        if row is None:
            return [(1, ALL)] if level_of(writer) < self.level else []
        spans = [(1, row)] if row else []
        if writer in self.gaps:
            spans += self.gaps[writer]
        return spans

    def missing(self, writer: str, other: Context) -> list[_Range]:
        """Return what was seen of a writer here, and not by `other`."""
        return _minus(self.spans_of(writer), other.spans_of(writer))

    def spans(self) -> Iterator[Span]:
        """Give all that has a row, sorted; a writer of which nothing was seen yet as 0..0."""
        for writer in sorted(self.rows):
            spans = self.spans_of(writer) or [(0, 0)]
            for first, last in spans:
                yield writer, first, last

    @property
    def size(self) -> int:
        """Return how many rows and spans it takes."""
        beyond = sum(map(len, self.gaps.values())) if self.gaps else 0
        return len(self.rows) + beyond


def context_of(level: int, spans: Iterable[Span]) -> Context:
    """Return the context that `Context.spans` gave."""
    context = Context(level)
    for writer, first, last in spans:
        # A row even where nothing was seen yet; without it all would count as seen.
        context.rows.setdefault(writer, 0)
        if last:
            context.add(writer, first, last)
    return context


def _minus(these: list[_Range], those: list[_Range]) -> list[_Range]:
    """Return what is in `these` and not in `those`; both sorted, spans apart from each other."""
    result = []
    place = 0
    for first, last in these:
        while place < len(those) and those[place][1] < first:
            place += 1
        index = place
        while index < len(those) and those[index][0] <= last:
            low, high = those[index]
            if low > first:
                result.append((first, low - 1))
            first = max(first, high + 1)
            index += 1
        if first <= last:
            result.append((first, last))
    return result
