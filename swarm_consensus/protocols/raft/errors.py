"""
The two errors that this room raises: the caller's mistake, and a broken rule of our own.

A peer's misbehaviour is neither: it is counted as a `Drop` (status.py) and ignored.
"""

from __future__ import annotations


class ConfigError(ValueError):
    """The caller asked for a configuration that cannot work; the text says what to change."""


class InvariantError(RuntimeError):
    """
    A rule that Raft rests on does not hold, so nothing that follows can be trusted: stop.

    :param rule: the rule, in words.
    :param state: the state that breaks it, for the report.
    """

    def __init__(self, rule: str, **state: object) -> None:
        """Keep rule and state; the message holds both."""
        self.rule = rule
        self.state = state
        super().__init__(f'{rule}: ' + ', '.join(f'{name}={state[name]!r}' for name in state))
