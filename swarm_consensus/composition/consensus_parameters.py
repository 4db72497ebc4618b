"""The parameters of consensus_node, each declared once."""

from __future__ import annotations

from swarm_consensus.composition.mission_parameters import MISSION_PARAMETERS
from swarm_consensus.composition.parameter import Parameter
from swarm_consensus.composition.task_parameters import TASK_PARAMETERS
from swarm_consensus.decision.tolerance import ASSUMPTIONS

CONSENSUS_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        'swarm',
        '',
        'Name of the swarm; frames of other swarms are dropped.',
        required=True,
    ),
    Parameter('robot', '', 'Name of this robot, unique in the swarm.', required=True),
    Parameter(
        'robots',
        [],
        'Names of all robots of the swarm; this one is among them, or a guest.',
        required=True,
    ),
    Parameter(
        'subjects',
        [],
        'Names of the subjects; `subject.<name>.<key>` holds the policy of each.',
    ),
    Parameter(
        'autostart',
        True,
        'Configure and activate at start-up, without a lifecycle manager.',
    ),
    Parameter(
        'storage_folder',
        '',
        'Folder under which this robot keeps its log; empty: the state directory of the user.',
    ),
    Parameter(
        'storage_on_damage',
        'rejoin',
        'Where the log is damaged: `rejoin` keeps the damaged files aside and comes back without '
        'the log, as a robot that does not vote; `refuse` does not start.',
        choices=('rejoin', 'refuse'),
    ),
    Parameter(
        'keys_folder',
        '',
        'Folder with the keys of the swarm and of this robot (`swarm keys`); empty: the swarm has '
        'no keys, and its frames are not signed.',
    ),
    Parameter(
        'models',
        [],
        'Names of the models whose parameters this robot shares with the others.',
        element=str,
    ),
    Parameter(
        'model_files',
        [],
        'Path of the ONNX file of each of them.',
        element=str,
    ),
    Parameter(
        'model_trials',
        [],
        'Inference nodes of this robot that try new parameters before they are proposed, each as '
        '`<model>/<node>`; empty: none does.',
        element=str,
    ),
    Parameter(
        'model_encoding',
        'float16',
        'How updates of parameters are sent; what is rounded off goes with the next one.',
        choices=('float32', 'float16', 'int8'),
    ),
    Parameter(
        'model_merge',
        'weighted_mean',
        'How the contributions of robots become one model: the mean by their weights, or, in each '
        'number, the mean without the `model_trim` largest and smallest.',
        choices=('weighted_mean', 'trimmed_mean'),
    ),
    Parameter(
        'model_trim',
        0,
        'With trimmed_mean: how many contributions are left out at each end, as many as may be '
        'poisoned.',
        'robots',
        minimum=0,
        maximum=100,
    ),
    Parameter(
        'model_merge_at',
        0,
        'Contributions to the parameters in force at which the leader has them merged by itself; '
        '0: only when somebody asks.',
        'robots',
        minimum=0,
        maximum=256,
    ),
    Parameter(
        'tick',
        0.02,
        'Length of a tick, the unit of all protocol timers.',
        's',
        minimum=0.001,
        maximum=1.0,
    ),
    Parameter(
        'heartbeat_ticks',
        5,
        'Ticks between two heartbeats of the leader.',
        'ticks',
        minimum=1,
        maximum=1000,
    ),
    Parameter(
        'election_ticks',
        30,
        'Ticks without a leader before an election; each robot waits 1 to 2 times this.',
        'ticks',
        minimum=2,
        maximum=10_000,
    ),
    Parameter(
        'priority',
        0,
        'Rank of this robot as leader: the swarm prefers the highest that is there. Higher for '
        'mains power or the best radio.',
        minimum=0,
        maximum=1000,
    ),
    Parameter(
        'rejoin',
        False,
        'This robot took part before and its folder is empty now, as on a new disk: it must not '
        'vote before the swarm has let it in again. Changes nothing where there is a log.',
    ),
    Parameter(
        'voters_max',
        5,
        'Most robots that vote; the first of the swarm begin. The others hold the log and take the '
        'place of voters that are gone. 0: all vote, nobody is replaced. The same for all robots.',
        minimum=0,
        maximum=99,
    ),
    Parameter(
        'replace_after',
        30.0,
        'Silence after which a voter is replaced by a robot that is there and has the log.',
        's',
        minimum=1.0,
        maximum=86_400.0,
    ),
    Parameter(
        'clock_drift',
        -1,
        "Bound on how much faster one robot's clock runs than another's; with it the leader serves "
        'reads without asking. -1: no bound is known, it asks. The same for all robots.',
        '%',
        minimum=-1,
        maximum=50,
    ),
    Parameter(
        'snapshot_entries',
        10_000,
        'Entries applied after which a snapshot takes the place of the log before it.',
        'entries',
        minimum=10,
        maximum=10_000_000,
    ),
    Parameter(
        'snapshot_log_bytes',
        16_777_216,
        'Data in the entries applied after which a snapshot takes the place of the log, too.',
        'bytes',
        minimum=10_000,
        maximum=1_073_741_824,
    ),
    Parameter(
        'trailing_entries',
        1_000,
        'Entries before a snapshot that are kept in memory, for robots that are a little behind.',
        'entries',
        minimum=0,
        maximum=1_000_000,
    ),
    Parameter(
        'presence_period',
        0.5,
        'Time between two signs of life to all robots.',
        's',
        minimum=0.05,
        maximum=60.0,
    ),
    Parameter(
        'peer_timeout',
        2.0,
        'Silence after which nothing is expected of a robot that others do not reach either.',
        's',
        minimum=0.1,
        maximum=600.0,
    ),
    Parameter(
        'membership',
        'closed',
        '`open`: robots that swarm.yaml does not name may join as guests, where the swarm has keys '
        'only such as have one. They take part at level `fused`, and in nothing else. The same for '
        'all robots.',
        choices=('closed', 'open'),
        alike=True,
    ),
    Parameter(
        'members_max',
        256,
        'Robots that are remembered, guests and those that are gone included; more are refused.',
        'robots',
        minimum=1,
        maximum=1_000,
    ),
    Parameter(
        'member_keep',
        600.0,
        'How long a guest that is dead or has left is remembered.',
        's',
        minimum=10.0,
        maximum=86_400.0,
    ),
    Parameter(
        'probe_period',
        0.5,
        'Time between two probes: a robot that is not heard for half of `peer_timeout` is asked '
        'whether it lives, and others are asked to ask it.',
        's',
        minimum=0.05,
        maximum=60.0,
    ),
    Parameter(
        'probe_timeout',
        0.15,
        'How long the answer to a probe may take before others are asked for help; less than half '
        'of probe_period.',
        's',
        minimum=0.01,
        maximum=29.0,
    ),
    Parameter(
        'suspicion_multiplier',
        4,
        'Probe periods that a suspect has at least to say that it is there, before it is taken for '
        'dead; with more than 10 robots times the logarithm of their number.',
        'periods',
        minimum=1,
        maximum=100,
    ),
    Parameter(
        'suspicion_stretch',
        6,
        'How many times longer a suspect has that only one robot does not reach.',
        minimum=1,
        maximum=100,
    ),
    Parameter(
        'sync_period',
        30.0,
        'Time between two comparisons with another robot of what both know of all.',
        's',
        minimum=0.5,
        maximum=3_600.0,
    ),
    Parameter(
        'name_probe',
        1.0,
        'Time to listen, once others are heard, for another robot of the same name; four times as '
        'long as frames may be late on the radio, or longer. 0: not at all.',
        's',
        minimum=0.0,
        maximum=60.0,
    ),
    Parameter(
        'proposal_timeout',
        1.0,
        'Time after which a decision from beliefs that could not be committed is NO_QUORUM.',
        's',
        minimum=0.05,
        maximum=60.0,
    ),
    Parameter(
        'propose_patience',
        0.1,
        'How long robots other than the leader leave a decision to the leader.',
        's',
        minimum=0.0,
        maximum=10.0,
    ),
    Parameter(
        'belief_resend',
        0.2,
        'Time between two comparisons with the robots in reach of what evidence each holds, while '
        'subjects are open; what one lacks is then sent again.',
        's',
        minimum=0.02,
        maximum=60.0,
        tunable=True,
    ),
    Parameter(
        'weight',
        1.0,
        'Weight of the evidence of this robot in the fusion; at level `agreed` as it stands in '
        'swarm.yaml, whatever is set later.',
        minimum=0.001,
        maximum=1000.0,
        tunable=True,
    ),
    Parameter(
        'weights',
        [],
        'Weights of all robots, in the order of `robots`, for the level `agreed`; empty: all 1.',
        minimum=0.001,
        maximum=1000.0,
        element=float,
    ),
    Parameter(
        'agreed_faults',
        'auto',
        'What faulty robots do at level `agreed`: anything (`byzantine`, n >= 3f + 1 robots bear '
        'f), or only stop (`crash`, n >= 2f + 1); `auto`: byzantine where there are keys. Without '
        'keys let DDS Security keep strangers out. The same for all robots, as all `agreed_...`.',
        choices=ASSUMPTIONS,
    ),
    Parameter(
        'agreed_faults_max',
        -1,
        'How many robots may be faulty at level `agreed`; -1: as many as the swarm can bear.',
        'robots',
        minimum=-1,
        maximum=127,
    ),
    Parameter(
        'agreed_resend',
        0.1,
        'Time without progress after which a robot says again what it said at level `agreed`; '
        'doubled each time.',
        's',
        minimum=0.005,
        maximum=60.0,
    ),
    Parameter(
        'agreed_window',
        4,
        'Epochs of one subject under way at once at level `agreed`.',
        'epochs',
        minimum=1,
        maximum=64,
    ),
    Parameter(
        'agreed_instances_max',
        256,
        'Epochs under way at once at level `agreed`, over all subjects.',
        minimum=1,
        maximum=10_000,
    ),
    Parameter(
        'agreed_on_equivocation',
        'report',
        'What follows from the proof that a robot signed two different things in one place: '
        '`report` publishes it, `exclude` removes the robot from the swarm as well.',
        choices=('report', 'exclude'),
    ),
    Parameter(
        'frame_bytes_max',
        60_000,
        'Largest batch in a frame; larger ones from peers are dropped.',
        'bytes',
        minimum=1_000,
        maximum=1_000_000,
    ),
    Parameter(
        'value_bytes_max',
        32_768,
        'Largest value that may be proposed, put into the key-value store or the shared state.',
        'bytes',
        minimum=1,
        maximum=500_000,
    ),
    Parameter(
        'bytes_per_second',
        0,
        'Byte budget of this robot: the most that it puts on the radio, counted as in '
        'docs/traffic.md. What is urgent goes first, the rest thins out. 0: no budget.',
        'bytes/s',
        minimum=0,
        maximum=1_000_000_000,
    ),
    Parameter(
        'burst_bytes',
        0,
        'Most of the byte budget that may leave at once after a pause; 0: the least with which '
        'every frame can leave, a second of the budget or one largest frame and a little more.',
        'bytes',
        minimum=0,
        maximum=1_000_000_000,
    ),
    Parameter(
        'compress_min_bytes',
        500,
        'Batches of so many bytes or more are compressed (zstd), where that gains; 0: none. Every '
        'robot reads compressed batches, whatever its own value.',
        'bytes',
        minimum=0,
        maximum=1_000_000,
    ),
    Parameter(
        'linger',
        0.002,
        'How long after a frame with beliefs, or with bulk, the next of the same waits for more to '
        'go with it. The first leaves at once; elections and the log never wait.',
        's',
        minimum=0.0,
        maximum=1.0,
    ),
    Parameter(
        'subjects_open_max',
        1024,
        'Undecided subjects held at once; evidence on further ones is refused.',
        minimum=1,
        maximum=1_000_000,
    ),
    Parameter(
        'status_period',
        1.0,
        'Time between two swarm_status messages; changes are published at once.',
        's',
        minimum=0.1,
        maximum=60.0,
        tunable=True,
    ),
    Parameter(
        'frames_reliability',
        'best_effort',
        'DDS reliability of the frames between robots; the protocols retransmit by themselves.',
        choices=('best_effort', 'reliable'),
    ),
    Parameter(
        'frames_depth',
        200,
        'DDS history depth of the frames between robots.',
        'frames',
        minimum=1,
        maximum=10_000,
    ),
    Parameter(
        'radio',
        '',
        'Topic on which a simulation says whose frames arrive where (`/radio_links` of sim_node); '
        'others are dropped, and until it is heard all are. Empty: all that DDS brings arrive.',
    ),
    Parameter(
        'decision_depth',
        100,
        'How many past decisions a late subscriber of `decision` receives.',
        'messages',
        minimum=1,
        maximum=10_000,
    ),
    Parameter(
        'key_events_depth',
        1000,
        'How many past changes of the key-value store a late subscriber of `key_events` '
        'receives, and how far a slow one may lag; 0: no such topic.',
        'messages',
        minimum=0,
        maximum=10_000,
    ),
    Parameter(
        'shared_digest_period',
        0.5,
        'Time between two comparisons of the shared state with the other robots; up to 8 times as '
        'long while nothing changes.',
        's',
        minimum=0.02,
        maximum=3600.0,
    ),
    Parameter(
        'shared_bytes_max',
        16_777_216,
        'Memory that the shared state may take at this robot; a write beyond it is refused, and '
        'twice as much is taken from others. The same for all robots.',
        'bytes',
        minimum=10_000,
        maximum=268_435_456,
    ),
    Parameter(
        'shared_retire_after',
        86_400.0,
        'Silence after which a robot takes no more room in the causal context of the shared state; '
        'it may still come back. 0: never.',
        's',
        minimum=0.0,
        maximum=31_536_000.0,
    ),
    Parameter(
        'shared_clock_ahead_max',
        60.0,
        'How far ahead of its own clock this robot follows the time of a write of another one.',
        's',
        minimum=0.001,
        maximum=86_400.0,
    ),
    Parameter(
        'shared_events_depth',
        1000,
        'How far a slow subscriber of `shared_events` may lag; 0: no such topic.',
        'messages',
        minimum=0,
        maximum=10_000,
    ),
    Parameter(
        'record',
        '',
        'Folder in which all that this robot takes in is recorded, a file for each boot, for '
        '`swarm replay`; empty: nothing is. Not together with models.',
    ),
    *MISSION_PARAMETERS,
    *TASK_PARAMETERS,
)
