"""Missions and activities are found by name, and what is none is refused with what to change."""

from __future__ import annotations

from pathlib import Path
import subprocess
import sys
from typing import Any

import pytest

from swarm_consensus.missions import Mission, Registry, RegistryError
from swarm_consensus.missions.registry import fingerprint


async def deliver(mission: Mission, goal: Any) -> object:
    return await mission.activity('drive', goal)


async def other(mission: Mission, goal: Any) -> object:
    return await mission.activity('fly', goal)


def grip(context: Any, given: Any) -> object:
    return given


def test_what_is_registered_is_found() -> None:
    registry = Registry({'fetch': deliver}, {'grip': grip, 'join': 'os.path:join'})
    registry.add_mission(other)
    assert registry.missions == ('fetch', 'other')
    assert registry.activities == ('grip', 'join')
    code = registry.mission('fetch')
    assert code is not None and code.function is deliver
    assert registry.mission('none') is None and registry.activity('none') is None
    assert registry.activity('grip') is grip


@pytest.mark.parametrize(
    ('mission', 'reason'),
    [
        ('no function', 'write package.module:function'),
        ('no_such_module:f', 'PYTHONPATH'),
        ('os:nothing', "there is no 'nothing'"),
        ('os:getcwd', '`async def`'),
        (lambda mission, given: None, '`async def`'),
        ('x' * 200 + ':f', 'importing'),
    ],
)
def test_what_is_no_mission_is_refused(mission: Any, reason: str) -> None:
    with pytest.raises(RegistryError, match=reason):
        Registry({'m': mission})


def test_wrong_signatures_and_names_are_refused() -> None:
    async def lonely(mission: Mission) -> None:
        pass

    with pytest.raises(RegistryError, match='must take mission and input'):
        Registry({'lonely': lonely})  # type: ignore[dict-item]
    with pytest.raises(RegistryError, match='must take context and input'):
        Registry({}, {'a': lambda: None})
    with pytest.raises(RegistryError, match='ordinary function'):
        Registry({}, {'a': deliver})
    with pytest.raises(RegistryError, match='1 to 128 characters'):
        Registry({'n' * 129: deliver})
    registry = Registry({'deliver': deliver})
    with pytest.raises(RegistryError, match='already'):
        registry.add_mission(deliver)


def test_a_fingerprint_tells_code_apart_and_is_the_same_at_every_boot(tmp_path: Path) -> None:
    assert fingerprint(deliver) != fingerprint(other)
    module = tmp_path / 'printed.py'
    text = "async def f(m, x):\n    return x in {'a', 'b', 'c'} or g()\ndef g():\n    return 1\n"
    ask = 'import printed, swarm_consensus.missions.registry as r; print(r.fingerprint(printed.f))'
    path = f'{tmp_path}:{Path(__file__).parents[3]}'

    def printed(seed: str) -> str:
        environment = {'PYTHONPATH': path, 'PYTHONHASHSEED': seed, 'PYTHONDONTWRITEBYTECODE': '1'}
        command = [sys.executable, '-c', ask]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    module.write_text(text)
    first = printed('1')
    assert printed('2') == first
    module.write_text(text.replace('return 1', 'return 2'))
    assert printed('1') != first
