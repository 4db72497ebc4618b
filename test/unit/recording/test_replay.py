"""A robot that is recorded, and run again: the same to the last frame, or where it is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
import os
from pathlib import Path
from random import Random
import subprocess
import sys
from typing import Any

import pytest
from swarm_testing.mission_swarm import MissionSwarm
from swarm_testing.virtual_swarm import Swarm, names, policy

from swarm_consensus.decision.types import Level
from swarm_consensus.missions import Mission, Registry
from swarm_consensus.nodes.recording import CODES, code_of, registry_from
from swarm_consensus.protocols.allocation import Task, Worker
from swarm_consensus.protocols.crdt import Action, Operation
from swarm_consensus.protocols.keyvalue import Put
from swarm_consensus.protocols.missions.events import MissionStatus
from swarm_consensus.protocols.raft import Restored
from swarm_consensus.protocols.tasks import AddTask
from swarm_consensus.recording.journal import JournalError, JournalWriter, read_journal
from swarm_consensus.recording.recorder import Make, RecordedRuntime, file_of
from swarm_consensus.recording.replay import Begun, Replayed, replay
from swarm_consensus.recording.values import ValueFormError, Values
from swarm_consensus.runtime.config import SECOND, RuntimeConfig
from swarm_consensus.runtime.events import (
    DecisionMade,
    Input,
    Output,
    SharedAsked,
    TaskAsked,
    WorkerTold,
)
from swarm_consensus.runtime.robot import RobotRuntime
from swarm_consensus.simulation import world as world_module
from swarm_consensus.simulation.network import Faults
from swarm_consensus.storage import Opened
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.keys import Keys


class Studio:
    """A virtual swarm whose robots are recorded, each boot in a file of its own."""

    def __init__(
        self,
        folder: Path,
        patch: pytest.MonkeyPatch,
        kind: Callable[..., Swarm] = Swarm,
        **changes: Any,
    ) -> None:
        self.folder = folder
        self.configs: dict[Path, RuntimeConfig] = {}
        self.told: dict[Path, list[Output]] = {}
        patch.setattr(world_module, 'RobotRuntime', self._record)
        self.swarm = kind(**changes)

    def _record(self, config: RuntimeConfig, **given: Any) -> RecordedRuntime:
        robot, incarnation = config.robot, given['incarnation']
        path = file_of(self.folder, robot, incarnation)
        self.configs[path] = config
        opened = Opened(
            given['storage'],
            incarnation,
            given['restored'],
            '',
            records=given['records'],
            records_lost=given['records_lost'],
        )

        def make(clock: Any, transport: Any, storage: Any, random: Random) -> RobotRuntime:
            values = given | {
                'clock': clock, 'transport': transport, 'storage': storage, 'random': random
            }  # fmt: skip
            return RobotRuntime(config, **values)

        recorded = RecordedRuntime(
            path,
            robot=robot,
            settings={},
            opened=opened,
            clock=given['clock'],
            transport=given['transport'],
            make=make,
            seed=given['random'].getrandbits(256),
            wall_ns=lambda: 0,
        )
        outputs = self.told[path] = []
        step = recorded.step

        def stepped(inputs: Sequence[Input]) -> list[Output]:
            found = step(inputs)
            outputs.extend(found)
            return found

        recorded.step = stepped  # type: ignore[method-assign]
        return recorded

    def replay(self, path: Path, **changes: Any) -> Replayed:
        return replay(path, maker(replace(self.configs[path], **changes)))


def maker(
    config: RuntimeConfig, keys: Keys | None = None, missions: Registry | None = None
) -> Callable[[Begun], Make]:
    """Return what makes the runtime of a replay."""

    def begin(begun: Begun) -> Make:
        def make(clock: Any, transport: Any, storage: Any, random: Random) -> RobotRuntime:
            return RobotRuntime(
                config,
                clock=clock,
                transport=transport,
                storage=storage,
                incarnation=begun.incarnation,
                restored=begun.restored,
                random=random,
                records=begun.records,
                records_lost=begun.records_lost,
                keys=keys,
                missions=missions,
            )

        return make

    return begin


def config_of(name: str) -> RuntimeConfig:
    """Return the settings of a robot of the studio, by the name of a recording."""
    robots = names(3)
    return RuntimeConfig(
        swarm='zoo',
        robot=name.partition('-')[0],
        robots=robots,
        policies=(policy(3),),
        name_probe_ns=0,
    )


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """A run in which the leader is killed, and comes back."""
    found = Studio(
        tmp_path, monkeypatch, seed=7, faults=Faults(loss=0.1, duplication=0.05)
    )
    swarm = found.swarm
    leader = swarm.elect()
    for robot in swarm.robots:
        swarm.believe(robot, 0.7, 0.2, 0.1)
    swarm.change(leader, Put('k', b'1'))
    swarm.world.put(leader, SharedAsked(1, Operation(Action.ADD, 's', b'v'), SECOND))
    swarm.world.put(leader, WorkerTold(Worker(leader, 0.0, 0.0)))
    swarm.world.put(leader, TaskAsked(2, AddTask(Task('t', 1.0, 2.0), 3), '', SECOND))
    swarm.run(3.0)
    swarm.world.crash(leader)
    swarm.run(3.0)
    other = next(robot for robot in swarm.robots if robot != leader)
    swarm.propose(other, 'dock')
    swarm.run(1.0)
    swarm.world.start(leader)
    swarm.propose(other, 'home')
    swarm.run(3.0)
    swarm.world.leave(other)
    return found


def test_every_boot_of_every_robot_does_the_same_again(studio: Studio) -> None:
    """To the last frame; also one that was killed, and the boot after it."""
    assert len(studio.configs) == 4
    decided: list[tuple[str, ...]] = []
    for path, told in studio.told.items():
        found = studio.replay(path)
        assert found.divergence is None, (path.name, found.divergence)
        assert found.calls > 100 and found.frames > 10
        expected = tuple(each.decision for each in told if isinstance(each, DecisionMade))
        assert found.decisions == expected
        decided.append(tuple(each.choice for each in found.decisions))
    assert ('cat', 'dock', 'home') in decided
    assert sum(studio.replay(path).whole for path in studio.configs) == 1


def test_signed_frames_the_common_coin_and_a_byte_budget_are_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = deal('zoo', names(4), 1, Random(1).randbytes)
    agreed = policy(4, level=Level.AGREED)
    studio = Studio(
        tmp_path,
        monkeypatch,
        robots=4,
        keys=keys,
        policies=[agreed],
        faults=Faults(loss=0.1),
        agreed_lies=True,
        agreed_faults=1,
        bytes_per_second=20_000,
    )
    swarm = studio.swarm
    swarm.elect()
    for robot in swarm.robots:
        swarm.believe(robot, 0.2, 0.7, 0.1)
    swarm.run(6.0)
    assert [each.choice for each in swarm.decisions('r1')] == ['dog']
    for path, config in studio.configs.items():
        found = replay(path, maker(config, keys[config.robot]))
        assert found.divergence is None, found.divergence
        assert [each.choice for each in found.decisions] == ['dog']
        # With the keys of another robot not a frame is the same.
        other = next(robot for robot in swarm.robots if robot != config.robot)
        wrong = replay(path, maker(config, keys[other])).divergence
        assert wrong is not None and wrong.what == 'sends frames'


async def steps(mission: Mission, number: Any) -> object:
    done = [await mission.activity('step', each) for each in range(number)]
    mission.on_query('done', lambda _: done)
    await mission.sleep(0.5)
    return [*done, await mission.wait_signal('word')]


async def fewer_steps(mission: Mission, number: Any) -> object:
    return await steps(mission, number - 1)


def not_run(context: object, given: object) -> object:
    raise AssertionError('a replay runs no activities')


def test_missions_are_run_again_and_their_activities_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def code(_: str = '', function: Any = steps) -> Registry:
        return Registry({'steps': function}, {'step': not_run})

    studio = Studio(
        tmp_path,
        monkeypatch,
        kind=lambda **changes: MissionSwarm(code, 3, 5, takes_ms=100, **changes),
        faults=Faults(loss=0.05),
    )
    swarm = studio.swarm
    assert isinstance(swarm, MissionSwarm)
    swarm.elect()
    swarm.begin('r2', 'm', 'steps', 4)
    swarm.run_until(lambda: len(swarm.jobs) == 2)
    row = swarm.row('m')
    assert row is not None
    worker = row.worker
    swarm.world.crash(worker)
    swarm.run_until(lambda: (row := swarm.row('m')) is not None and row.worker not in ('', worker))
    swarm.world.start(worker)
    other = next(robot for robot in swarm.robots if robot != worker)
    swarm.run(4.0)
    swarm.signal(other, 'm', 'word', 'over')
    assert swarm.finish('m') is MissionStatus.COMPLETED
    begun = len(swarm.jobs)
    assert len(studio.configs) == 4
    for path, config in studio.configs.items():
        found = replay(path, maker(config, missions=code()))
        assert found.divergence is None, (path.name, found.divergence)
        assert found.calls > 100
    assert len(swarm.jobs) == begun
    # Other code is found out where it was run; a robot that ran none did the same.
    others = {
        path.name.partition('-')[0]
        for path, config in studio.configs.items()
        if replay(path, maker(config, missions=code(function=fewer_steps))).divergence is not None
    }
    assert worker in others


def test_code_that_is_another_one_than_was_recorded_is_refused() -> None:
    entry = f'{__name__}:steps'
    registry = Registry({'steps': steps}, {'step': not_run})
    recorded = {'missions': [f'steps={entry}']} | code_of(registry)
    other = {**recorded, CODES: {'steps': 1}}
    again = registry_from(recorded)
    assert (again.missions, again.activities) == (('steps',), ('step',))
    for wrong in (other, {**recorded, CODES: {}}):
        with pytest.raises(ValueError, match="mission 'steps' is other code than was recorded"):
            registry_from(wrong)
    with pytest.raises(ValueError, match='importing none.such failed'):
        registry_from({**recorded, 'missions': ['none.such:steps']})
    # Of robots without any, and of recordings from before there were some.
    assert registry_from({'missions': []}).missions == ()
    assert code_of(None) == {}


def test_it_is_the_same_again_under_another_hash_seed(studio: Studio) -> None:
    """Files are of one process, replays of another."""
    path = next(iter(studio.configs))
    program = (
        'import sys, pathlib\n'
        'sys.path[:0] = sys.argv[2:]\n'
        'import test_replay\n'
        'config = test_replay.config_of(pathlib.Path(sys.argv[1]).name)\n'
        'found = test_replay.replay(pathlib.Path(sys.argv[1]), test_replay.maker(config))\n'
        'assert found.divergence is None, found.divergence\n'
        'print(len(found.decisions))\n'
    )
    here = Path(__file__).parent
    support = here.parents[1] / 'support'
    for seed in ('1', '2'):
        done = subprocess.run(
            [sys.executable, '-c', program, str(path), str(here), str(support)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, 'PYTHONHASHSEED': seed},
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) == len(studio.replay(path).decisions)


def test_other_settings_are_told_by_the_first_thing_that_is_not_the_same(studio: Studio) -> None:
    for path, config in studio.configs.items():
        found = studio.replay(path, heartbeat_ticks=config.heartbeat_ticks + 1)
        if found.divergence is not None:
            assert found.divergence.what in ('sends frames', 'tells', 'looks at the clock')
            assert found.divergence.recorded != found.divergence.replayed
            assert 0 <= found.divergence.call and 0 <= found.divergence.seconds < 60
            break
    else:
        pytest.fail('a leader with other heartbeats did the same')


def changed(path: Path, change: Callable[[int, Any], Any]) -> Path:
    """Return a recording with other messages."""
    other = path.with_name('other.mcap')
    with JournalWriter(other, '/r1/recording') as journal:
        for number, message in enumerate(read_journal(path)):
            journal.write(0, change(number, message))
    return other


def test_a_decision_that_is_not_the_recorded_one_is_shown(studio: Studio) -> None:
    path = next(path for path in studio.configs if studio.replay(path).whole)

    def other_choice(_number: int, message: Any) -> Any:
        if message[0] == 1:
            message[5] = [text.replace("choice='cat'", "choice='dog'") for text in message[5]]
        return message

    found = replay(changed(path, other_choice), maker(studio.configs[path]))
    assert found.divergence is not None and found.divergence.what == 'tells'
    assert "choice='dog'" in found.divergence.recorded
    assert "choice='cat'" in found.divergence.replayed
    assert found.decisions == ()


def test_a_recording_that_was_cut_off_anywhere_is_replayed_as_far_as_it_goes(
    studio: Studio,
) -> None:
    path = next(iter(studio.configs))
    data = path.read_bytes()
    whole = studio.replay(path).calls
    cut = path.with_name('cut.mcap')
    for size in range(len(data) - 400, len(data), 37):
        cut.write_bytes(data[:size])
        found = replay(cut, maker(studio.configs[path]))
        assert found.divergence is None and whole - 12 <= found.calls <= whole


@pytest.mark.parametrize(
    ('content', 'why'),
    [
        (b'', 'no recording'),
        (b'no recording at all', 'no recording'),
    ],
)
def test_what_is_no_recording_is_said(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / 'x.mcap'
    path.write_bytes(content)
    with pytest.raises(JournalError, match=why):
        replay(path, maker(None))  # type: ignore[arg-type]


def test_a_recording_of_another_version_is_refused(studio: Studio) -> None:
    path = next(iter(studio.configs))

    def another_format(number: int, message: Any) -> Any:
        if not number:
            message[4]['format'] = 99
        return message

    with pytest.raises(JournalError, match='another format than 1'):
        replay(changed(path, another_format), maker(studio.configs[path]))


def test_a_full_disk_ends_the_recording_and_not_the_robot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = Studio(tmp_path, monkeypatch)
    swarm = studio.swarm
    leader = swarm.elect()

    def no_room(*_: Any) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(JournalWriter, 'write', no_room)
    swarm.propose(leader, 'dock')
    swarm.run(2.0)
    assert [each.choice for each in swarm.decisions(leader)] == ['dock']
    notices = [each for _, _, each in swarm.told if 'the recording has ended' in repr(each)]
    assert len(notices) == 3 and 'No space left' in repr(notices[0])


def test_no_file_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / 'x.mcap'
    JournalWriter(path, '/a').close()
    with pytest.raises(FileExistsError):
        JournalWriter(path, '/a')


def test_only_types_that_were_declared_come_back() -> None:
    values = Values(Restored)
    with pytest.raises(ValueFormError, match='no form in a recording'):
        values.plain(Path('x'))
    for data in (
        {'=': 'pathlib:Path', 'f': ['x']},
        {'=': 'protocols.raft.entry:Entry', 'f': [1]},
        {'x': 1},
    ):
        with pytest.raises(ValueFormError):
            values.value(data)
