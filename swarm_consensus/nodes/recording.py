"""Between the parameters of consensus_node and recordings: what is recorded, and its replay."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from swarm_consensus.composition.parameter import Value
from swarm_consensus.missions import Registry
from swarm_consensus.missions.registry import named_entry
from swarm_consensus.nodes.consensus_settings import robot_from
from swarm_consensus.runtime.ports import Clock, Transport
from swarm_consensus.runtime.robot import RobotRuntime
from swarm_consensus.storage import Opened, Storage

if TYPE_CHECKING:
    from swarm_consensus.recording.recorder import Make
    from swarm_consensus.recording.replay import Begun
    from swarm_consensus.runtime.driver import Steppable

# Beside the parameters in a recording: of each mission a number of its code, which a replay runs
# again, and which activities there were. These are not run again: how they ended is recorded.
CODES = 'mission_codes'
ACTIVITIES = 'activity_names'


def record_folder_from(values: Mapping[str, Value]) -> Path | None:
    """
    Return where this robot is to be recorded; None: it is not.

    :raises ValueError: it cannot be, with what to change.
    """
    folder = str(values['record'])
    if not folder:
        return None
    if values['models']:
        # What is in their files is not in the recording.
        raise ValueError(
            'record: a robot with models cannot be recorded; leave out one of them'
        )
    try:
        import mcap  # noqa: F401
    except ImportError:
        raise ValueError(
            'record needs mcap: pip install mcap, or "swarm_consensus[view]"'
        ) from None
    return Path(folder).expanduser().absolute()


def settings_of(values: Mapping[str, Value]) -> dict[str, Any]:
    """Return the parameters as plain data."""
    return {
        name: list(value) if isinstance(value, (list, tuple)) else value
        for name, value in values.items()
    }


def code_of(registry: Registry | None) -> dict[str, Any]:
    """Return what a recording holds of the code of missions and activities, as plain data."""
    if registry is None:
        return {}
    return {
        CODES: {
            name: code.fingerprint
            for name in registry.missions
            if (code := registry.mission(name)) is not None
        },
        ACTIVITIES: list(registry.activities),
    }


def registry_from(settings: Mapping[str, Any]) -> Registry:
    """
    Return the missions of a recorded robot, and its activities by their names alone.

    :raises ValueError: the code of a mission is not there, or it is not that one.
    """
    registry = Registry()
    for entry in settings['missions']:
        name, found = named_entry(entry)
        registry.add_mission(found, name)
    codes = settings.get(CODES, {})
    for name in registry.missions:
        code = registry.mission(name)
        if code is not None and code.fingerprint != codes.get(name):
            raise ValueError(
                f"mission '{name}' is other code than was recorded, or this is another version of "
                'Python; put the code that ran then on PYTHONPATH'
            )
    for name in settings.get(ACTIVITIES, ()):
        registry.add_activity(_not_run, name)
    return registry


def _not_run(context: object, given: object) -> object:
    raise AssertionError('a replay runs no activities')


def recorded(
    folder: Path,
    settings: Mapping[str, Any],
    opened: Opened,
    clock: Clock,
    transport: Transport,
    make: Make,
) -> Steppable:
    """
    Return a runtime that is recorded in a file of its own in the folder.

    :raises OSError: the file cannot be made.
    """
    # Only robots that are recorded need what writes it.
    from swarm_consensus.recording.recorder import RecordedRuntime, file_of

    robot = str(settings['robot'])
    return RecordedRuntime(
        file_of(folder, robot, opened.incarnation),
        robot=robot,
        settings=settings,
        opened=opened,
        clock=clock,
        transport=transport,
        make=make,
    )


def runtime_maker(begun: Begun, keys_folder: str | None = None) -> Make:
    """
    Return what makes the runtime of a recorded robot again.

    :param keys_folder: with the keys of the robot; None: where they were.
    :raises ValueError: the settings are those of no robot of this version.
    :raises KeysError: the keys are not there, or not those.
    """
    values = dict(begun.settings)
    if values.get('keys_folder') and keys_folder is not None:
        values['keys_folder'] = keys_folder
    try:
        config, keys = robot_from(values)
        missions = registry_from(values)
    except KeyError as error:
        raise ValueError(
            f'the parameter {error} is not in the recording; another version made it'
        ) from None

    def make(
        clock: Clock, transport: Transport, storage: Storage, random: Random
    ) -> RobotRuntime:
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
