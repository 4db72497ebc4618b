"""Which line of the user's code asks for something, waits, or has raised."""

from __future__ import annotations

import sys
from typing import Any

# What is at work here and not the user's code, by the folder of its files.
_OWN_FOLDER = __file__.rpartition('/')[0]

# file and line
Place = tuple[str, int]


def caller() -> Place:
    """Return the place in the user's code that called us."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_OWN_FOLDER):
        if frame.f_back is None:
            return ('', 0)
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno)


def begin_of(function: Any) -> Place:
    """Return where a function begins."""
    code = function.__code__
    return (code.co_filename, code.co_firstlineno)


def waits_at(coroutine: Any) -> Place | None:
    """Return where the user's part of a coroutine waits; None: it has none."""
    found = None
    while coroutine is not None:
        frame = getattr(coroutine, 'cr_frame', None)
        if frame is not None and not frame.f_code.co_filename.startswith(_OWN_FOLDER):
            found = (frame.f_code.co_filename, frame.f_lineno)
        coroutine = getattr(coroutine, 'cr_await', None)
    return found


def raised_at(error: BaseException, function: Any) -> Place | None:
    """Return where an exception came from, in the file of a function if it can."""
    mine = begin_of(function)[0]
    found = None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith(_OWN_FOLDER) and (found is None or name == mine or found[0] != mine):
            found = (name, trace.tb_lineno)
        trace = trace.tb_next
    return found


def place_text(place: Place) -> str:
    """Return a place as people write it."""
    return f'{place[0].rpartition("/")[2]}:{place[1]}'
