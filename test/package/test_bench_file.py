"""build/bench.json keeps what other runs have measured."""

import importlib
import json
from pathlib import Path
import re
import subprocess
import sys

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(name='bench')
def bench_program(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    yield importlib.import_module('bench.__main__')
    for name in [name for name in sys.modules if name.partition('.')[0] == 'bench']:
        del sys.modules[name]


def part(value):
    return {'commit': 'abc', 'rows': [{'name': 'a figure', 'value': value}]}


def test_a_run_of_one_part_keeps_the_others(bench, tmp_path):
    file = tmp_path / 'build' / 'bench.json'
    bench.keep(file, 'raft_disk', part(1))
    bench.keep(file, 'agreed', part(2))
    bench.keep(file, 'raft_disk', part(3))
    # In the order of running, the newest of each.
    assert list(json.loads(file.read_text())['benches'].items()) == [
        ('agreed', part(2)),
        ('raft_disk', part(3)),
    ]
    assert [entry.name for entry in file.parent.iterdir()] == ['bench.json']


@pytest.mark.parametrize(
    'text', ['', '{', '[]', '{"benches": 1}', '{"benches": {"agreed": {"rows": []}}}']
)
def test_a_file_that_is_none_of_ours_is_put_aside(bench, tmp_path, capsys, text):
    file = tmp_path / 'bench.json'
    file.write_text(text)
    bench.keep(file, 'agreed', part(2))
    assert (tmp_path / 'bench.json.old').read_text() == text
    assert 'is not of this bench' in capsys.readouterr().err
    assert bench.earlier(file) == {'agreed': part(2)}


def test_the_commit_says_whether_files_differ_from_it(bench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('GIT_CEILING_DIRECTORIES', str(tmp_path.parent))
    assert bench.commit() == ''

    def git(*arguments):
        subprocess.run(['git', *arguments], check=True, capture_output=True)

    (tmp_path / 'code').write_text('measured')
    git('init')
    git('add', 'code')
    git('-c', 'user.name=a', '-c', 'user.email=a@b.c', 'commit', '-m', 'a')
    clean = bench.commit()
    assert re.fullmatch('[0-9a-f]{12}', clean)
    (tmp_path / 'code').write_text('other')
    assert bench.commit() == f'{clean}+'
