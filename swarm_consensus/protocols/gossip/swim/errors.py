"""The errors of the membership."""

from __future__ import annotations


class ConfigError(ValueError):
    """Settings that contradict each other; the text says what to change."""
