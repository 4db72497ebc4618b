"""The command `swarm`: its verbs, their output and exit codes, without ROS."""

from __future__ import annotations

import io
from pathlib import Path
import subprocess
import sys

import pytest

from swarm_consensus.cli._console import Console
from swarm_consensus.cli.main import main, verbs
from swarm_consensus.composition.default_yaml import default_yaml
from swarm_consensus.composition.parameter_tables import BEGIN, END, parameter_tables
from swarm_consensus.transport.key_files import load_keys, load_public

GOOD = 'swarm: team\nrobots: [a, b]\nsubjects:\n  sign: {labels: [stop, go]}\n  mode:\n'


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / 'swarm.yaml'
    path.write_text(GOOD)
    return path


def test_every_verb_has_a_help_line() -> None:
    found = verbs()
    assert {'check', 'params', 'up'} <= set(found)
    assert all(text.endswith('.') for text in found.values()), found


def test_help_lists_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(['--help'])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert all(verb in said for verb in verbs())


@pytest.mark.parametrize('arguments', [[], ['fly'], ['check']])
def test_wrong_usage_is_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert 'usage: swarm' in capsys.readouterr().err


def test_verbs_without_nodes_need_no_ros(good: Path) -> None:
    """`check` and `params` run where rclpy cannot be imported at all."""
    code = (
        'import sys\n'
        'sys.modules["rclpy"] = None\n'
        'from swarm_consensus.cli.main import main\n'
        f'sys.exit(main(["check", {str(good)!r}]) or main(["params"]))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_check_says_what_a_right_file_starts(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['check', str(good)]) == 0
    assert capsys.readouterr().out == (
        'swarm.yaml is right: swarm team\n'
        '  /a: consensus_node\n'
        '  /b: consensus_node\n'
        '  decides sign among stop, go\n'
        '  decides mode by proposals\n'
    )


def test_check_shows_the_nodes_of_one_robot(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['check', str(good), '--robot', 'b', '--nodes']) == 0
    said = capsys.readouterr().out
    assert '/b/consensus_node:\n  ros__parameters:\n    "swarm": "team"\n' in said
    assert '# ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST' in said
    assert '/a' not in said


def test_check_of_a_wrong_file_says_all_and_counts(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good.write_text(GOOD.replace('robots', 'robot').replace('labels', 'lables'))
    assert main(['check', str(good)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ''
    assert captured.err.splitlines() == [
        f'{good}:1: robots: missing; say how many (`robots: 3`), or name them in a list',
        f'{good}:2: robot: unknown key; did you mean "robots"?',
        f'{good}:4: subjects.sign.lables: unknown key; did you mean "labels"?',
        '3 problems',
    ]


# -- keys ------------------------------------------------------------------------------------------

WITH_KEYS = 'swarm: team\nrobots: [a, b, c, d]\nsubjects:\n  mode:\nkeys: {folder: keys}\n'


@pytest.fixture
def signing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / 'swarm.yaml').write_text(WITH_KEYS)
    monkeypatch.chdir(tmp_path)
    return tmp_path / 'swarm.yaml'


def test_keys_makes_them_and_says_which_file_goes_where(
    signing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['keys', str(signing)]) == 0
    assert capsys.readouterr().out == (
        'keys of swarm team, for 4 robots; any 2 of them throw the coin together, and the one '
        'robot that may lie cannot\n'
        '  keys/public.yaml  for every robot\n'
        '  keys/a.key        for a alone\n'
        '  keys/b.key        for b alone\n'
        '  keys/c.key        for c alone\n'
        '  keys/d.key        for d alone\n'
        'Copy public.yaml and its own file to each robot, and none of the others.\n'
    )
    for robot in 'abcd':
        held = load_keys(signing.parent / 'keys', 'team', robot, 'abcd')
        assert (held.robot, held.public.faults_max) == (robot, 1)
    assert main(['check', str(signing)]) == 0
    assert f'signs with the keys in {signing.parent}/keys\n' in capsys.readouterr().out


def test_keys_are_not_replaced_without_being_told(
    signing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['keys', str(signing)]) == 0
    public = (signing.parent / 'keys' / 'public.yaml').read_text()
    capsys.readouterr()
    assert main(['keys', str(signing)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ''
    assert 'holds keys already (a.key, b.key, c.key, d.key, public.yaml)' in captured.err
    assert (signing.parent / 'keys' / 'public.yaml').read_text() == public
    signing.write_text(WITH_KEYS.replace(', c, d', ', c'))
    assert main(['keys', str(signing), '--force']) == 0
    said = capsys.readouterr().out
    assert 'every robot can throw the coin alone, as none may lie' in said
    assert '  keys/d.key        is of an earlier dealing, and of no more use\n' in said
    assert (signing.parent / 'keys' / 'public.yaml').read_text() != public
    assert main(['check', str(signing)]) == 0


def test_keys_elsewhere_come_with_what_to_write_into_the_file(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['keys', str(good)]) == 0
    assert capsys.readouterr().out.endswith('in swarm.yaml:\n\nkeys:\n  folder: keys\n')
    assert main(['keys', str(good), '--out', str(tmp_path / 'deep' / 'er')]) == 0
    assert capsys.readouterr().out.endswith('keys:\n  folder: deep/er\n')
    assert load_keys(tmp_path / 'deep' / 'er', 'team', 'b', 'ab').robot == 'b'


def test_keys_are_for_as_many_liars_as_the_swarm_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'swarm.yaml'
    text = 'swarm: team\nrobots: 7\nsubjects: {mode: {}}\n'
    for more, faults_max in (('', 2), ('consensus: {agreed_faults_max: 1}\n', 1)):
        path.write_text(text + more)
        assert main(['keys', str(path), '--force']) == 0
        public = load_public(tmp_path / 'keys', 'team', ())
        assert public.faults_max == faults_max and len(public.robots) == 7
        assert f'any {faults_max + 1} of them throw the coin' in capsys.readouterr().out


def test_keys_of_a_wrong_file_or_for_no_place_are_refused(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['keys', str(tmp_path / 'none.yaml')]) == 2
    assert 'no such file' in capsys.readouterr().err
    assert main(['keys', str(good), '--out', str(good)]) == 2
    assert 'cannot be written' in capsys.readouterr().err


def test_keys_need_no_model_on_this_computer(good: Path) -> None:
    good.write_text(GOOD + 'inference:\n- {subject: sign, model: nowhere.onnx}\n')
    assert main(['check', str(good)]) == 2
    assert main(['keys', str(good)]) == 0


def test_check_says_which_keys_are_missing(
    signing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = signing.parent / 'keys'
    assert main(['check', str(signing)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ''
    assert captured.err.startswith(f'{keys}: there is no such folder; make the keys of the swarm')
    assert captured.err.endswith('\n1 problem\n')
    assert main(['keys', str(signing)]) == 0
    capsys.readouterr()
    (keys / 'b.key').unlink()
    (keys / 'c.key').chmod(0o644)
    assert main(['check', str(signing)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f'{keys}/b.key: is not there; copy it from the folder')
    assert lines[1].startswith(f'{keys}/c.key: is open to others (mode 0644)')
    assert lines[2:] == ['2 problems']
    # On a robot only its own file is.
    assert main(['check', str(signing), '--robot', 'a']) == 0
    assert main(['check', str(signing), '--robot', 'b']) == 2
    signing.write_text(WITH_KEYS.replace('c, d', 'c, d, e'))
    assert main(['check', str(signing), '--robot', 'a']) == 2
    assert 'public.yaml:5: has no key of e; ' in capsys.readouterr().err


def test_params_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['params']) == 0
    assert capsys.readouterr().out == parameter_tables()
    assert main(['params', '--yaml']) == 0
    assert capsys.readouterr().out == default_yaml()
    assert main(['params', '--write-yaml', str(tmp_path / 'd.yaml')]) == 0
    assert (tmp_path / 'd.yaml').read_text() == default_yaml()
    readme = tmp_path / 'README.md'
    readme.write_text(f'a\n{BEGIN}\n{END}\nb\n')
    assert main(['params', '--write-readme', str(readme)]) == 0
    assert parameter_tables() in readme.read_text()


def test_params_says_what_it_cannot_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / 'README.md'
    readme.write_text('no markers')
    assert main(['params', '--write-readme', str(readme)]) == 2
    assert BEGIN in capsys.readouterr().err
    assert main(['params', '--write-yaml', str(tmp_path / 'no' / 'folder.yaml')]) == 2
    assert 'No such file' in capsys.readouterr().err


def test_reader_that_has_enough_is_no_error() -> None:
    """`swarm params | head -1` ends without a traceback."""
    done = subprocess.run(
        ['sh', '-c', f'{sys.executable} -m swarm_consensus.cli.main params | head -1'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith('#### ')
    assert done.stderr == ''


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_console_gives_each_robot_its_color_only_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv('NO_COLOR', raising=False)
    plain, terminal = io.StringIO(), Terminal()
    for stream in (plain, terminal):
        console = Console(['a/x', 'a/long', 'b/x'], stream)
        console.line('a/x', 'one')
        console.line('b/x', 'two')
        console.say('three')
    assert plain.getvalue() == 'a/x    | one\nb/x    | two\nswarm  | three\n'
    assert terminal.getvalue().count('\x1b[') == 6
    monkeypatch.setenv('NO_COLOR', '1')
    assert not Console(['a/x'], Terminal()).color


def test_sim_runs_a_swarm_file(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ['--robots', '3', '--seconds', '4', '--loss', '0.1']
    assert main(['sim', str(good), *arguments]) == 0
    said = capsys.readouterr().out
    assert '3 robots of team' in said and 'decided 4' in said


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--loss', '2'], 'loss is 2.0'),
        (['--robots', '0'], 'at least 1 robot'),
        (['--seconds', '-1'], '--seconds is -1'),
    ],
)
def test_sim_refuses_what_cannot_be(
    good: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(['sim', str(good), *arguments]) == 2
    assert message in capsys.readouterr().err
