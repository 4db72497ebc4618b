"""What a right swarm.yaml means, key by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarm_consensus.composition.swarm import Swarm
from swarm_consensus.composition.swarm_file import load_swarm, parse_swarm
from swarm_consensus.composition.swarm_paths import resolve

SMALL = 'swarm: team\nrobots: 2\nsubjects:\n  sign: {labels: [stop, go]}\n'


def read(content: str, folder: Path = Path('/somewhere')) -> Swarm:
    return parse_swarm(content, folder / 'swarm.yaml')


def test_small_file_keeps_all_defaults() -> None:
    swarm = read(SMALL)
    assert swarm.name == 'team'
    assert [robot.name for robot in swarm.robots] == ['robot_1', 'robot_2']
    assert [robot.namespace for robot in swarm.robots] == ['/robot_1', '/robot_2']
    assert all(robot.consensus == {} and robot.inference == () for robot in swarm.robots)
    assert swarm.network.discovery == 'localhost'
    assert swarm.network.domain_id == -1
    assert swarm.storage_folder == ''
    assert swarm.subjects == {'sign': {'labels': ['stop', 'go']}}


def test_subject_may_be_decided_by_proposals_alone() -> None:
    swarm = read('swarm: team\nrobots: 1\nsubjects:\n  mode:\n  map: {}\n')
    assert swarm.subjects == {'mode': {}, 'map': {}}


def test_words_that_yaml_takes_for_something_else_stay_words() -> None:
    swarm = read(
        'swarm: 2026\nrobots: [yes_man, null_island]\nnetwork: {discovery: off}\n'
        'subjects:\n  sign: {labels: [yes, no, on, 07, 1e3, 2001-01-01, "a: b"], quorum: 2}\n'
    )
    assert swarm.name == '2026'
    assert swarm.network.discovery == 'off'
    assert swarm.subjects['sign'] == {
        'labels': ['yes', 'no', 'on', '07', '1e3', '2001-01-01', 'a: b'],
        'quorum': '2',
    }


@pytest.mark.parametrize(
    ('written', 'seconds'),
    [
        ('0.05', 0.05),
        ('50 ms', 0.05),
        ('50ms', 0.05),
        ('"50 ms"', 0.05),
        ('5e-2', 0.05),
        ('5e-2 s', 0.05),
        ('50_000 us', 0.05),
        ('.05', 0.05),
        ('+0.05', 0.05),
        ('0.01 min', 0.6),
        ('1', 1.0),
    ],
)
def test_time_may_carry_its_unit(written: str, seconds: float) -> None:
    swarm = read(SMALL + f'consensus: {{tick: {written}}}\n')
    value = swarm.robots[0].consensus['tick']
    assert value == seconds
    assert type(value) is float


@pytest.mark.parametrize(
    ('written', 'number'),
    [('40000', 40_000), ('40 kB', 40_000), ('64 KiB', 65_536), ('4e4', 40_000), ('40_000', 40_000)],
)
def test_size_may_carry_its_unit(written: str, number: int) -> None:
    value = read(SMALL + f'consensus: {{frame_bytes_max: {written}}}\n').robots[0].consensus
    assert value['frame_bytes_max'] == number
    assert type(value['frame_bytes_max']) is int


def test_robot_has_the_settings_for_all_and_its_own_above_them(tmp_path: Path) -> None:
    (tmp_path / 'a.onnx').touch()
    (tmp_path / 'b.onnx').touch()
    swarm = read(
        'swarm: team\n'
        'robots:\n'
        '  - scout\n'
        '  - name: carrier\n'
        '    namespace: fleet/carrier\n'
        '    consensus: {weight: 0.5}\n'
        '    inference: {rate_max: 5 Hz}\n'
        '  - {name: base, inference: []}\n'
        '  - name: guard\n'
        '    inference:\n'
        '      - {subject: sign, model: b.onnx, name: left}\n'
        '      - {subject: sign, model: b.onnx}\n'
        'consensus: {weight: 2, tick: 10 ms}\n'
        'inference:\n'
        '  - {subject: sign, model: a.onnx}\n'
        'subjects:\n'
        '  sign: {labels: [stop, go]}\n',
        tmp_path,
    )
    scout, carrier, base, guard = swarm.robots
    assert scout.consensus == {'weight': 2.0, 'tick': 0.01}
    assert carrier.consensus == {'weight': 0.5, 'tick': 0.01}
    assert carrier.namespace == '/fleet/carrier'
    model = str(tmp_path / 'a.onnx')
    assert [node.name for node in scout.inference] == ['inference_node']
    assert scout.inference[0].parameters == {'subject': 'sign', 'model': model}
    assert carrier.inference[0].parameters == {'subject': 'sign', 'model': model, 'rate_max': 5.0}
    assert base.inference == ()
    assert [node.name for node in guard.inference] == ['left', 'inference_sign']
    assert guard.inference[1].parameters['model'] == str(tmp_path / 'b.onnx')


def test_anchors_and_merge_keys_work_and_own_keys_win() -> None:
    swarm = read(
        'swarm: team\n'
        'robots:\n'
        '  - {name: a, consensus: &slow {tick: 0.1, weight: 3}}\n'
        '  - {name: b, consensus: {<<: *slow, weight: 1}}\n'
        '  - {name: c, consensus: *slow}\n'
        'subjects: {sign: {}}\n'
    )
    assert [dict(robot.consensus) for robot in swarm.robots] == [
        {'tick': 0.1, 'weight': 3.0},
        {'tick': 0.1, 'weight': 1.0},
        {'tick': 0.1, 'weight': 3.0},
    ]


def test_topics_take_a_name_or_a_mapping() -> None:
    swarm = read(
        SMALL + 'topics:\n  decision: /fleet/decision\n'
        '  belief: {name: seen, depth: 3, reliability: best_effort}\n'
    )
    assert swarm.topics == {
        'decision': {'name': '/fleet/decision'},
        'belief': {'name': 'seen', 'depth': 3, 'reliability': 'best_effort'},
    }


def test_files_count_from_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'models').mkdir()
    (tmp_path / 'models' / 'm.onnx').touch()
    (tmp_path / 'swarm.yaml').write_text(
        SMALL + 'inference: [{subject: sign/7, model: models/m.onnx}]\nstorage: {folder: state}\n'
    )
    monkeypatch.chdir(tmp_path.parent)
    swarm = load_swarm(f'{tmp_path.name}/swarm.yaml')
    parameters = swarm.robots[0].inference[0].parameters
    assert parameters['model'] == str(tmp_path / 'models' / 'm.onnx')
    assert swarm.storage_folder == str(tmp_path / 'state')


def test_a_file_that_need_not_be_may_be_left_empty_and_counts_from_the_folder(
    tmp_path: Path,
) -> None:
    for name in ('m.onnx', 'held.npz'):
        (tmp_path / name).touch()
    for held_out, wanted in (('held.npz', str(tmp_path / 'held.npz')), ("''", '')):
        (tmp_path / 'swarm.yaml').write_text(
            SMALL + f'inference: [{{subject: sign/7, model: m.onnx, held_out: {held_out}}}]\n'
        )
        swarm = load_swarm(tmp_path / 'swarm.yaml')
        assert swarm.robots[0].inference[0].parameters['held_out'] == wanted


def test_package_scheme_finds_the_share_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = tmp_path / 'share' / 'my_models'
    share.mkdir(parents=True)
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/nowhere:{tmp_path}')
    assert resolve('package://my_models/a/m.onnx', Path('/x')) == share / 'a' / 'm.onnx'
    assert resolve('/abs/m.onnx', Path('/x')) == Path('/abs/m.onnx')
    monkeypatch.setenv('HOME', '/home/me')
    assert resolve('~/m.onnx', Path('/x')) == Path('/home/me/m.onnx')


def test_own_package_is_found_in_its_source_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    path = resolve('package://swarm_consensus/config/swarm.yaml', Path('/x'))
    assert path.is_file()


def test_only_the_models_of_robots_that_run_here_must_be_here(tmp_path: Path) -> None:
    content = (
        'swarm: team\n'
        'robots:\n'
        '  - a\n'
        '  - {name: b, inference: [{subject: sign, model: on_b_only.onnx}]}\n'
        'subjects: {sign: {labels: [stop, go]}}\n'
    )
    swarm = parse_swarm(content, tmp_path / 'swarm.yaml', robots=['a'])
    assert [robot.name for robot in swarm.robots] == ['a', 'b']


def test_byte_order_mark_and_windows_lines_are_fine(tmp_path: Path) -> None:
    path = tmp_path / 'swarm.yaml'
    path.write_bytes(b'\xef\xbb\xbf' + SMALL.replace('\n', '\r\n').encode())
    assert load_swarm(path).name == 'team'
