"""
The code that a robot has: missions and activities, by the names under which they are asked for.

Each is registered by an entry point, `package.module:function`, or as a function. A mission is
called by the name of its entry point's function unless it is given another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import hashlib
import importlib
import inspect
import re
from types import CodeType, FunctionType
from typing import Any

from swarm_consensus.missions.interpreter import MissionFunction
from swarm_consensus.protocols.missions.events import NAME_CHARACTERS_MAX
from swarm_consensus.protocols.values import value

_WORDS = r'[A-Za-z_]\w*(\.[A-Za-z_]\w*)*'
_ENTRY_POINT = re.compile(rf'{_WORDS}:{_WORDS}', re.ASCII)
_FINGERPRINT_BYTES = 7


class RegistryError(ValueError):
    """A name or an entry point that is none; the text says what to change."""


@value
class MissionCode:
    """
    The code of one mission.

    :param fingerprint: other code has another one, so that a mission that was stopped because its
        code does not fit goes on when the code has been changed.
    """

    name: str
    function: MissionFunction
    fingerprint: int


class Registry:
    """The missions and activities of one robot."""

    def __init__(
        self,
        missions: Mapping[str, str | MissionFunction] | None = None,
        activities: Mapping[str, str | Callable[..., object]] | None = None,
    ) -> None:
        self._missions: dict[str, MissionCode] = {}
        self._activities: dict[str, Callable[..., object]] = {}
        for name, mission in (missions or {}).items():
            self.add_mission(mission, name)
        for name, activity in (activities or {}).items():
            self.add_activity(activity, name)

    @property
    def missions(self) -> tuple[str, ...]:
        """Return the names of the missions, in order."""
        return tuple(sorted(self._missions))

    @property
    def activities(self) -> tuple[str, ...]:
        """Return the names of the activities, in order."""
        return tuple(sorted(self._activities))

    def add_mission(self, mission: str | MissionFunction, name: str = '') -> None:
        """
        Register a mission.

        :param mission: a coroutine function of (mission, input), or its entry point.
        :raises RegistryError: it is none, or there is one of this name.
        """
        function: Any = load(mission) if isinstance(mission, str) else mission
        name = _checked(name or getattr(function, '__name__', ''), self._missions, 'a mission')
        if not isinstance(function, FunctionType) or not inspect.iscoroutinefunction(function):
            raise RegistryError(f"mission '{name}' must be an `async def` function")
        _bind(function, f"mission '{name}'", 'mission and input', 2)
        self._missions[name] = MissionCode(name, function, fingerprint(function))

    def add_activity(self, activity: str | Callable[..., object], name: str = '') -> None:
        """
        Register an activity: a callable of (context, input), or its entry point.

        :raises RegistryError: it is none, or there is one of this name.
        """
        found: Any = load(activity) if isinstance(activity, str) else activity
        name = _checked(name or getattr(found, '__name__', ''), self._activities, 'an activity')
        if not callable(found) or inspect.iscoroutinefunction(found):
            raise RegistryError(
                f"activity '{name}' must be an ordinary function; it runs in a thread of its own"
            )
        _bind(found, f"activity '{name}'", 'context and input', 2)
        self._activities[name] = found

    def mission(self, name: str) -> MissionCode | None:
        """Return the code of a mission; None: this robot does not have it."""
        return self._missions.get(name)

    def activity(self, name: str) -> Callable[..., object] | None:
        """Return an activity; None: this robot does not have it."""
        return self._activities.get(name)


def named_entry(entry: str) -> tuple[str, str]:
    """Return name and entry point of `name=entry point`; the name may be missing."""
    name, mark, found = entry.partition('=')
    return (name.strip(), found.strip()) if mark else ('', entry.strip())


def load(entry_point: str) -> object:
    """
    Return what an entry point names.

    :raises RegistryError: what is wrong with it, and what to change.
    """
    if not _ENTRY_POINT.fullmatch(entry_point):
        raise RegistryError(f"'{entry_point}' names no function; write package.module:function")
    module_name, _, path = entry_point.partition(':')
    try:
        found: Any = importlib.import_module(module_name)
    # The module is the user's: any error in it is one of the configuration.
    except (Exception, SystemExit) as error:
        raise RegistryError(
            f"'{entry_point}': importing {module_name} failed: {type(error).__name__}: {error}; "
            'install its package, or put its folder on PYTHONPATH'
        ) from error
    for word in path.split('.'):
        if not hasattr(found, word):
            raise RegistryError(f"'{entry_point}': there is no '{word}' in it")
        found = getattr(found, word)
    return found


def fingerprint(function: FunctionType) -> int:
    """Return a number of a function and of the other functions of its module."""
    hashed = hashlib.blake2b(digest_size=_FINGERPRINT_BYTES)
    _add(hashed, function.__code__)
    for name, each in sorted(function.__globals__.items()):
        if isinstance(each, FunctionType) and each.__module__ == function.__module__:
            hashed.update(name.encode())
            _add(hashed, each.__code__)
    return int.from_bytes(hashed.digest(), 'big')


def _add(hashed: Any, code: CodeType) -> None:
    hashed.update(code.co_code)
    hashed.update(repr(code.co_names).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add(hashed, constant)
        elif isinstance(constant, frozenset):
            # Its order differs from boot to boot.
            hashed.update(repr(sorted(map(repr, constant))).encode())
        else:
            hashed.update(repr(constant).encode())


def _checked(name: str, known: Mapping[str, object], what: str) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARACTERS_MAX:
        raise RegistryError(f'the name of {what} has 1 to {NAME_CHARACTERS_MAX} characters')
    if name in known:
        raise RegistryError(f"there is {what} '{name}' already; give it another name")
    return name


def _bind(function: Callable[..., object], what: str, which: str, count: int) -> None:
    try:
        inspect.signature(function).bind(*([None] * count))
    except TypeError as error:
        raise RegistryError(f'{what} must take {which}: {error}') from None
    except ValueError:
        # Built into the interpreter, with no signature to look at; the call will tell.
        pass
