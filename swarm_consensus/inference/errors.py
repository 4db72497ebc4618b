"""The errors of this room: what the user must change, and what a frame or a model did wrong."""

from __future__ import annotations

ERROR_CHARACTERS_MAX = 400


class ModelError(Exception):
    """The model, or what is declared about it, cannot be used; the text says what to change."""


class FrameError(Exception):
    """One frame of sensor data cannot be used: drop it and go on."""


class NonFiniteOutputError(Exception):
    """The model answered with nan or infinity: drop the answer and go on."""


class InvalidOutputError(Exception):
    """The model answered with something other than the declared kind of output."""


def describe_error(error: BaseException) -> str:
    """Shorten an error of a library to one readable line."""
    text = ' '.join(str(error).split())
    if len(text) > ERROR_CHARACTERS_MAX:
        text = text[:ERROR_CHARACTERS_MAX] + ' ...'
    return text
