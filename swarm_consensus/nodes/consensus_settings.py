"""From the ROS parameters of consensus_node to the settings of its runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
import re

from swarm_consensus.composition.parameter import Value
from swarm_consensus.composition.subject_parameters import (
    SUBJECT_PARAMETERS,
    subject_parameter_name,
)
from swarm_consensus.decision.entry_point import load_rule
from swarm_consensus.decision.gossip import gossip_problem, liars_problem
from swarm_consensus.decision.policy import Policy, quorum_of
from swarm_consensus.decision.rule_names import is_entry_point, rule_problem
from swarm_consensus.decision.tolerance import Tolerance, tolerance
from swarm_consensus.decision.types import Gossip, Level
from swarm_consensus.nodes.model_workshop import SharedModel
from swarm_consensus.nodes.task_settings import task_settings_from
from swarm_consensus.protocols.parameters.blobs import CHUNK_BYTES
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.merge import Rule, RuleKind
from swarm_consensus.protocols.parameters.quantise import Encoding
from swarm_consensus.runtime.config import RuntimeConfig
from swarm_consensus.runtime.events import Tuned
from swarm_consensus.runtime.model_messages import NAME_CHARACTERS_MAX
from swarm_consensus.storage import OnDamage, default_folder, robot_folder
from swarm_consensus.transport.hashes import labels_hash
from swarm_consensus.transport.key_files import load_keys
from swarm_consensus.transport.keys import Keys

MODEL_NAME = re.compile(rf'[A-Za-z0-9][A-Za-z0-9_.-]{{0,{NAME_CHARACTERS_MAX - 1}}}')
# Beside a chunk in its frame.
CHUNK_OVERHEAD_BYTES = 500

LEVELS = {'fused': Level.FUSED, 'agreed': Level.AGREED, 'committed': Level.COMMITTED}


def nanoseconds(seconds: Value) -> int:
    """Return a parameter in seconds as whole nanoseconds."""
    return round(float(seconds) * 1e9)  # type: ignore[arg-type]


def robot_from(values: Mapping[str, Value]) -> tuple[RuntimeConfig, Keys | None]:
    """
    Return the settings of a robot's runtime, and its keys if the swarm has some.

    :param values: parameters of the node, by name; those of each subject are among them.
    :raises ValueError: settings that contradict each other, or the keys, with what to change.
    :raises KeysError: keys that cannot be used.
    :raises KeyError: a parameter is not among them.
    """
    robots = len(values['robots'])  # type: ignore[arg-type]
    policies = tuple(
        policy_from(
            name,
            {
                key.name: values[subject_parameter_name(name, key.name)]
                for key in SUBJECT_PARAMETERS
            },
            robots,
        )
        for name in values['subjects']  # type: ignore[union-attr]
    )
    keys = keys_from(values)
    config = config_from(values, policies, has_keys=keys is not None)
    if keys is not None:
        check_coin(keys, config)
    return config, keys


def policy_from(name: str, values: Mapping[str, Value], robots: int) -> Policy:
    """
    Return the policy of a subject.

    :param values: its parameters, by key (composition.subject_parameters).
    :param robots: size of the swarm.
    :raises ValueError: what to change, naming the subject.
    """
    labels = tuple(values['labels'])  # type: ignore[arg-type]
    if len(set(labels)) != len(labels):
        raise ValueError(f'subject.{name}.labels names a label twice: {", ".join(labels)}')
    if labels and len(labels) < 2:
        raise ValueError(f'subject.{name}.labels has one label; there is nothing to decide')
    level = LEVELS.get(str(values['level']))
    if level is None:
        raise ValueError(
            f"subject.{name}.level is '{values['level']}', must be one of {', '.join(LEVELS)}"
        )
    try:
        quorum = quorum_of(str(values['quorum']), robots)
    except ValueError as error:
        raise ValueError(f'subject.{name}: {error}') from None
    support = int(values['support'])  # type: ignore[arg-type]
    if not 0 <= support <= robots:
        raise ValueError(
            f'subject.{name}.support is {support}, must be from 0 to the {robots} robots of the '
            'swarm'
        )
    gossip = _gossip(f'subject.{name}.gossip', values, level)
    return Policy(
        name=name,
        labels=labels,
        labels_hash=labels_hash(labels),
        level=level,
        quorum=quorum,
        confidence=float(values['confidence']),  # type: ignore[arg-type]
        settle_ns=nanoseconds(values['settle']),
        deadline_ns=nanoseconds(values['deadline']),
        decide_at_deadline=values['on_deadline'] == 'decide',
        revise=values['revise'] == 'on_change',
        evidence_age_max_ns=nanoseconds(values['evidence_age_max']),
        fusion=_rule(f'subject.{name}.fusion', str(values['fusion']), level),
        support=support,
        half_life_ns=nanoseconds(values['half_life']),
        gossip=gossip,
        liars=_liars(f'subject.{name}.liars', values, gossip, robots),
    )


def _liars(place: str, values: Mapping[str, Value], gossip: Gossip, robots: int) -> int:
    """Return how many robots may lie, where that many can be outvoted."""
    liars = int(values['liars'])  # type: ignore[arg-type]
    if problem := liars_problem(gossip, liars, robots):
        raise ValueError(f'{place} {problem}')
    return liars or (robots - 1) // 4


def _gossip(place: str, values: Mapping[str, Value], level: Level) -> Gossip:
    """Return how evidence spreads, where the level and the rule allow it."""
    word = str(values['gossip'])
    known = {each.value: each for each in Gossip}
    if word not in known:
        raise ValueError(f"{place} is '{word}', must be one of {', '.join(known)}")
    if problem := gossip_problem(known[word], level, str(values['fusion'])):
        raise ValueError(f'{place} {problem}')
    return known[word]


def _rule(place: str, rule: str, level: Level) -> str:
    """Return a rule that the level has; a user's own is looked for now, not at the first vote."""
    if problem := rule_problem(rule, level):
        raise ValueError(f'{place} {problem}')
    if is_entry_point(rule):
        try:
            load_rule(rule)
        except ValueError as error:
            raise ValueError(f'{place} {error}') from None
    return rule


def config_from(
    values: Mapping[str, Value], policies: tuple[Policy, ...], *, has_keys: bool = False
) -> RuntimeConfig:
    """
    Return the settings of the runtime.

    :param values: parameters of the node, by name.
    :param has_keys: whether the robot has keys of the swarm.
    :raises ValueError: settings that contradict each other, with what to change.
    """
    borne = _tolerance(values, policies, has_keys)
    return RuntimeConfig(
        swarm=str(values['swarm']),
        robot=str(values['robot']),
        robots=tuple(values['robots']),  # type: ignore[arg-type]
        policies=policies,
        tick_ns=nanoseconds(values['tick']),
        heartbeat_ticks=int(values['heartbeat_ticks']),  # type: ignore[arg-type]
        election_ticks=int(values['election_ticks']),  # type: ignore[arg-type]
        priority=int(values['priority']),  # type: ignore[arg-type]
        rejoin=bool(values['rejoin']),
        voters_max=int(values['voters_max']),  # type: ignore[arg-type]
        replace_ns=nanoseconds(values['replace_after']),
        clock_drift_percent=int(values['clock_drift']),  # type: ignore[arg-type]
        snapshot_entries=int(values['snapshot_entries']),  # type: ignore[arg-type]
        snapshot_log_bytes=int(values['snapshot_log_bytes']),  # type: ignore[arg-type]
        trailing_entries=int(values['trailing_entries']),  # type: ignore[arg-type]
        presence_period_ns=nanoseconds(values['presence_period']),
        peer_timeout_ns=nanoseconds(values['peer_timeout']),
        name_probe_ns=nanoseconds(values['name_probe']),
        proposal_timeout_ns=nanoseconds(values['proposal_timeout']),
        propose_patience_ns=nanoseconds(values['propose_patience']),
        belief_resend_ns=nanoseconds(values['belief_resend']),
        status_period_ns=nanoseconds(values['status_period']),
        weight=float(values['weight']),  # type: ignore[arg-type]
        frame_bytes_max=int(values['frame_bytes_max']),  # type: ignore[arg-type]
        value_bytes_max=int(values['value_bytes_max']),  # type: ignore[arg-type]
        subjects_open_max=int(values['subjects_open_max']),  # type: ignore[arg-type]
        bytes_per_second=int(values['bytes_per_second']),  # type: ignore[arg-type]
        burst_bytes=int(values['burst_bytes']),  # type: ignore[arg-type]
        compress_min_bytes=int(values['compress_min_bytes']),  # type: ignore[arg-type]
        linger_ns=nanoseconds(values['linger']),
        weights=tuple(values['weights']),  # type: ignore[arg-type]
        agreed_lies=borne.lies,
        agreed_faults=borne.faults,
        agreed_resend_ns=nanoseconds(values['agreed_resend']),
        agreed_window=int(values['agreed_window']),  # type: ignore[arg-type]
        agreed_instances_max=int(values['agreed_instances_max']),  # type: ignore[arg-type]
        agreed_exclude=values['agreed_on_equivocation'] == 'exclude',
        shared_digest_ns=nanoseconds(values['shared_digest_period']),
        shared_bytes_max=int(values['shared_bytes_max']),  # type: ignore[arg-type]
        shared_retire_ns=nanoseconds(values['shared_retire_after']),
        shared_ahead_ns=nanoseconds(values['shared_clock_ahead_max']),
        open_membership=values['membership'] == 'open',
        members_max=int(values['members_max']),  # type: ignore[arg-type]
        member_keep_ns=nanoseconds(values['member_keep']),
        probe_period_ns=nanoseconds(values['probe_period']),
        probe_timeout_ns=nanoseconds(values['probe_timeout']),
        suspicion_multiplier=int(values['suspicion_multiplier']),  # type: ignore[arg-type]
        suspicion_stretch=int(values['suspicion_stretch']),  # type: ignore[arg-type]
        sync_period_ns=nanoseconds(values['sync_period']),
        mission_lease_ns=nanoseconds(values['mission_lease']),
        mission_activities_max=int(values['mission_activities_max']),  # type: ignore[arg-type]
        tasks=task_settings_from(values),
    )


def _tolerance(
    values: Mapping[str, Value], policies: tuple[Policy, ...], has_keys: bool
) -> Tolerance:
    """Return what the level agreed bears; a swarm that does not use it need not bear anything."""
    assumption = str(values['agreed_faults'])
    faults_max = int(values['agreed_faults_max'])  # type: ignore[arg-type]
    said = assumption != 'auto' or faults_max != -1
    if not said and all(policy.level is not Level.AGREED for policy in policies):
        return Tolerance(lies=has_keys, faults=0)
    robots = len(values['robots'])  # type: ignore[arg-type]
    return tolerance(assumption, faults_max, robots, has_keys=has_keys)


def folder_from(values: Mapping[str, Value]) -> Path:
    """
    Return the folder in which the robot keeps its log.

    :raises ValueError: a robot or swarm name that cannot be that of a folder.
    :raises StorageError: the user has no home directory.
    """
    swarm, robot, base = (str(values[key]) for key in ('swarm', 'robot', 'storage_folder'))
    if not base:
        return default_folder(swarm, robot)
    return robot_folder(Path(base).expanduser(), swarm, robot)


def keys_from(values: Mapping[str, Value]) -> Keys | None:
    """
    Return the keys of the robot; None where the swarm has none.

    :raises KeysError: they cannot be used; says what to do.
    """
    swarm, robot, folder = (str(values[key]) for key in ('swarm', 'robot', 'keys_folder'))
    if not folder:
        return None
    robots = [str(name) for name in values['robots']]  # type: ignore[union-attr]
    return load_keys(Path(folder).expanduser(), swarm, robot, robots)


def check_coin(keys: Keys, config: RuntimeConfig) -> None:
    """
    Hold the keys against what the swarm bears, where it throws their coin.

    :raises ValueError: liars could know the coin beforehand, or too few be there to throw it.
    """
    if not config.agreed_lies:
        return
    dealt, borne, robots = keys.public.faults_max, config.agreed_faults, len(config.robots)
    if dealt < borne or dealt + 1 > robots - borne:
        raise ValueError(
            f'the keys in keys_folder were dealt for {dealt} robots that lie, but these {robots} '
            f'bear {borne}: deal them again with `swarm keys FILE --force` and copy them to all '
            f'robots, or write `agreed_faults_max: {dealt}`'
        )


def models_from(values: Mapping[str, Value]) -> tuple[SharedModel, ...]:
    """
    Return the models that the robot shares with the others, read from their files.

    :raises ValueError: what to change.
    """
    names = [str(name) for name in values['models']]  # type: ignore[union-attr]
    files = [str(file) for file in values['model_files']]  # type: ignore[union-attr]
    if not names:
        return ()
    # Only robots that share a model need what reads it.
    from swarm_consensus.inference.errors import ModelError
    from swarm_consensus.inference.initializers import Blueprint

    if len(files) != len(names) or len(set(names)) != len(names):
        raise ValueError(
            f'models names {len(names)} models and model_files {len(files)} files: give each model '
            'a name of its own, and its file in the same place'
        )
    if int(values['frame_bytes_max']) < CHUNK_BYTES + CHUNK_OVERHEAD_BYTES:  # type: ignore[arg-type]
        raise ValueError(
            f'frame_bytes_max is {values["frame_bytes_max"]}, but models are sent in chunks: it '
            f'must be at least {CHUNK_BYTES + CHUNK_OVERHEAD_BYTES}'
        )
    trim = int(values['model_trim'])  # type: ignore[arg-type]
    try:
        rule = Rule(RuleKind[str(values['model_merge']).upper()], trim)
    except ParametersError:
        raise ValueError(
            f'model_merge is {values["model_merge"]!r} and model_trim is {trim}: trimmed_mean '
            'leaves out at least 1 at each end, and weighted_mean 0'
        ) from None
    models = []
    for name, file in zip(names, files, strict=True):
        if not MODEL_NAME.fullmatch(name):
            raise ValueError(
                f"model name {name[:120]!r}: use 1 to {NAME_CHARACTERS_MAX} letters, digits, '_', "
                "'-' or '.', with a letter or a digit in front"
            )
        try:
            blueprint = Blueprint(Path(file).expanduser().absolute())
        except ModelError as error:
            raise ValueError(str(error)) from None
        models.append(
            SharedModel(
                name,
                blueprint.architecture,
                blueprint.vector,
                Encoding[str(values['model_encoding']).upper()],
                rule,
                int(values['model_merge_at']),  # type: ignore[arg-type]
            )
        )
    return tuple(models)


def trials_from(values: Mapping[str, Value]) -> dict[str, frozenset[str]]:
    """
    Return the names of the inference nodes of this robot that try versions of each model.

    :raises ValueError: one of a model that the robot does not share.
    """
    nodes: dict[str, set[str]] = {
        str(name): set() for name in values['models']  # type: ignore[union-attr]
    }
    for entry in values['model_trials']:  # type: ignore[union-attr]
        model, _, node = str(entry).partition('/')
        if model not in nodes or not node:
            raise ValueError(
                f'model_trials has {entry!r}: give <model>/<node>, with one of the models '
                f'{", ".join(nodes) or "(there are none)"}'
            )
        nodes[model].add(node)
    return {model: frozenset(names) for model, names in nodes.items()}


def on_damage_from(values: Mapping[str, Value]) -> OnDamage:
    """
    Return what to do where the log is damaged.

    :raises ValueError: no such choice.
    """
    return OnDamage(str(values['storage_on_damage']))


def tuned_from(values: Mapping[str, Value]) -> Tuned:
    """Return the settings that may change while the node is active."""
    return Tuned(
        weight=float(values['weight']),  # type: ignore[arg-type]
        belief_resend_ns=nanoseconds(values['belief_resend']),
        status_period_ns=nanoseconds(values['status_period']),
    )
