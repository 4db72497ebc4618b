"""The ways in which a message can be wrong: a peer's bytes, and our own value."""

from __future__ import annotations


class MalformedError(Exception):
    """Bytes of a peer are not a message, or a field is out of bounds: count it and drop it."""


class OversizeError(MalformedError):
    """What a peer sent would take more memory than it may: count it and drop it."""


class EncodeError(ValueError):
    """A message of our own breaks the bounds that every robot checks, so no robot would take it."""
