"""What is wrong with parameters: said by whoever hands them in, or found in what a peer sent."""

from __future__ import annotations


class ParametersError(ValueError):
    """Parameters, or what describes them, cannot be used; the text says why."""
