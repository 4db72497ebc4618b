"""
Images of replicated state, as they stand in snapshots.

An image is a frozen dataclass of plain values in an order that the state determines, so that
equal states have equal images, whatever way led there.
"""

from __future__ import annotations


class ImageError(ValueError):
    """An image contradicts itself: it is damaged, or nobody of ours wrote it."""
