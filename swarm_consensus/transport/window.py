"""Which sequence numbers of one sender were used already: a sliding bitmap (RFC 4303, 3.4.3)."""

from __future__ import annotations

WINDOW = 1024
_MASK = (1 << WINDOW) - 1


class ReplayWindow:
    """
    Tells fresh sequence numbers from used ones.

    Numbers may come with gaps and in any order. One that lies WINDOW or more below the largest
    counts as used, since nothing is remembered that far back.
    """

    __slots__ = ('_bits', 'top')

    def __init__(self) -> None:
        self.top = 0  # largest number marked; 0: none
        self._bits = 0  # bit i: top - i was marked

    def fresh(self, sequence: int) -> bool:
        """Return whether a number, from 1, may still be used; changes nothing."""
        if sequence > self.top:
            return True
        behind = self.top - sequence
        return behind < WINDOW and sequence > 0 and not self._bits >> behind & 1

    def mark(self, sequence: int) -> None:
        """Note a fresh number as used. Only for what passed every check: it moves the window."""
        ahead = sequence - self.top
        if ahead >= WINDOW:
            self._bits = 1
            self.top = sequence
        elif ahead > 0:
            self._bits = (self._bits << ahead | 1) & _MASK
            self.top = sequence
        else:
            self._bits |= 1 << -ahead
