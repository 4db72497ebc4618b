"""What goes wrong with tasks, robots and scores, told to whoever gave them."""

from __future__ import annotations


class AllocationError(ValueError):
    """A task, a worker or a setting that cannot be; the text says what to change."""


class ScoringError(Exception):
    """A user's scoring gave no usable number; the text is equal on every robot."""
