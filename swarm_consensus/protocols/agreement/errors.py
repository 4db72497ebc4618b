"""The errors of this room: a caller's mistake in the settings, and a broken invariant."""

from __future__ import annotations


class ConfigError(ValueError):
    """Settings that cannot keep the promise; the text says why and what to change."""


class InvariantError(AssertionError):
    """The caller broke a rule of this room, or the room itself did; the robot must stop."""
