"""What goes into a robot's runtime and what comes out of it: plain values, one type each."""

from __future__ import annotations

from swarm_consensus.decision.subjects import View
from swarm_consensus.decision.types import Decision, Status
from swarm_consensus.protocols import crdt
from swarm_consensus.protocols.allocation import Worker
from swarm_consensus.protocols.gossip.swim.effects import News
from swarm_consensus.protocols.gossip.swim.messages import State
from swarm_consensus.protocols.keyvalue import Event, Item, Operation, Result, WatchEnded
from swarm_consensus.protocols.parameters.blobs import Blob
from swarm_consensus.protocols.parameters.contributions import Manifest
from swarm_consensus.protocols.parameters.effects import TransferCounters
from swarm_consensus.protocols.parameters.exchange import Make, Ready
from swarm_consensus.protocols.raft import Role
from swarm_consensus.protocols.tasks import (
    AddTask,
    CancelTask,
    ReportKind,
    TaskRecord,
    TaskResult,
)
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.mission_events import MissionInput, MissionOutput
from swarm_consensus.transport.frame import FrameCounters, FrameHeader
from swarm_consensus.transport.outbox import ClassTraffic


@value
class FrameArrived:
    """A frame from the radio, unchecked."""

    header: FrameHeader
    batch: bytes
    signature: bytes = b''


@value
class FrameUnreadable:
    """
    Something on the topics of the frames that is no frame.

    :param size: bytes of it.
    """

    size: int


@value
class FramesOutOfReach:
    """Frames of robots that this one does not hear over a simulated radio; none of them is here."""

    count: int


Arrival = FrameArrived | FrameUnreadable | FramesOutOfReach


@value
class BeliefUnreadable:
    """Something on the topic of the beliefs that is no belief."""


@value
class BeliefsRefused:
    """Beliefs that came while too much waited for the runtime; none of them is here."""

    count: int


@value
class BeliefSeen:
    """
    A belief of this robot's own inference.

    :param labels_hash: 0 where the sender relies on the labels of the subject.
    :param log_likelihood: natural log, one a label.
    :param age_ns: since the sensor took the data.
    """

    subject: str
    labels_hash: int
    log_likelihood: tuple[float, ...]
    age_ns: int


@value
class ProposeAsked:
    """Somebody at this robot wants a value committed; `key` comes back with the answer."""

    key: int
    subject: str
    choice: str
    value: bytes
    expected_revision: int
    request_id: str
    timeout_ns: int


@value
class ReadAsked:
    """Somebody at this robot reads the log (empty subject) or a subject."""

    key: int
    subject: str
    from_index: int
    count_max: int
    linearizable: bool
    timeout_ns: int


@value
class DecideAsked:
    """Somebody at this robot waits for the decision on a subject."""

    key: int
    subject: str
    revision_min: int
    timeout_ns: int


@value
class DecideCancelled:
    """The one that waited no longer does; no answer follows."""

    key: int


@value
class TransferAsked:
    """
    Somebody at this robot wishes that another robot leads.

    :param target: which; '' for the one that is most fit.
    """

    key: int
    target: str
    timeout_ns: int


@value
class ChangeAsked:
    """Somebody at this robot wishes another membership; both lists are the whole of it."""

    key: int
    voters: tuple[str, ...]
    learners: tuple[str, ...]
    timeout_ns: int


@value
class KeyValueAsked:
    """Somebody at this robot wants something done to the key-value store."""

    key: int
    operation: Operation
    request_id: str
    timeout_ns: int


@value
class RangeAsked:
    """
    Somebody at this robot reads the keys k with `first` <= k < `last`.

    :param last: '': no end.
    """

    key: int
    first: str
    last: str
    count_max: int
    linearizable: bool
    timeout_ns: int


@value
class WatchAsked:
    """
    Somebody at this robot watches the keys k with `first` <= k < `last`.

    :param last: '': no end.
    :param from_index: log index from which on changes are told; 0: from now on.
    """

    key: int
    first: str
    last: str
    from_index: int


@value
class WatchTaken:
    """Somebody has taken this many more of the events of a watch, and has room for as many."""

    key: int
    count: int


@value
class WatchCancelled:
    """The one that watched no longer does; nothing follows."""

    key: int


@value
class SharedAsked:
    """
    Somebody at this robot wants the shared state changed.

    :param request_id: it is done once for each; '': each time.
    """

    key: int
    operation: crdt.Operation
    timeout_ns: int
    request_id: str = ''


@value
class SharedReadAsked:
    """
    Somebody at this robot reads the shared state.

    :param name: this key alone; '': those that begin with `prefix`, above `after`.
    """

    key: int
    name: str
    prefix: str = ''
    after: str = ''
    count_max: int = 1


@value
class SharedWatchAsked:
    """Somebody at this robot watches the keys of the shared state that begin so, from now on."""

    key: int
    prefix: str


@value
class SharedWatchTaken:
    """Somebody has taken this many of the events of a watch, and has room for as many."""

    key: int
    count: int


@value
class SharedWatchCancelled:
    """The one that watched no longer does; nothing follows."""

    key: int


@value
class ModelContributed:
    """This robot has a contribution to a model, whose chunks are held."""

    model: str
    manifest: Manifest


@value
class ModelMergeAsked:
    """
    Somebody at this robot wants a new version made; ModelJob or ModelMergeAnswered follows.

    :param contributions_min: without which none is made.
    """

    key: int
    model: str
    contributions_min: int


@value
class ModelMade:
    """
    What came of a ModelJob.

    :param result: which is held now; None: it could not be made.
    :param spoiled: contribution that it failed at.
    """

    model: str
    make: Make
    result: Blob | None
    reason: str = ''
    spoiled: Manifest | None = None


@value
class ModelDamaged:
    """Chunks of a blob that was here turned out to be damaged when they were read."""

    model: str
    blob: Blob


ModelInput = ModelContributed | ModelMergeAsked | ModelMade | ModelDamaged
MODEL_INPUTS = (ModelContributed, ModelMergeAsked, ModelMade, ModelDamaged)


@value
class Tuned:
    """New values of the settings that may change while the robot runs."""

    weight: float
    belief_resend_ns: int
    status_period_ns: int


@value
class TaskAsked:
    """Somebody at this robot wants a task added or cancelled."""

    key: int
    operation: AddTask | CancelTask
    request_id: str
    timeout_ns: int


@value
class TasksAsked:
    """
    Somebody at this robot reads the tasks as far as its log is applied.

    :param name: of one task, ended or not, and the rest is not looked at; '': a page of all.
    :param ended: those that have ended, too.
    :param prefix: of the names.
    :param after: names above this one, the last of the page before.
    :param count_max: most tasks of the page.
    """

    key: int
    name: str = ''
    ended: bool = False
    prefix: str = ''
    after: str = ''
    count_max: int = 1_000


@value
class WorkerTold:
    """
    This robot can take tasks, and is here; None: it goes off duty.

    To be told again whenever it has moved, and at least as often as `silence_ns` asks for.
    """

    worker: Worker | None


@value
class WorkTold:
    """
    What has become of a task that this robot was told to begin; it has stopped.

    :param award: of the `TaskGo`.
    :param kind: DONE, FAILED or STOPPED.
    """

    task: str
    award: int
    kind: ReportKind
    reason: str = ''


@value
class HandBackAsked:
    """
    This robot is to shut down: it stops, goes off duty for good, and `HandedBack` follows.

    Its tasks are open again at once, and not when its duty has run out.

    :param heard: whether reports of the user's node can still come.
    """

    heard: bool = True


TASK_INPUTS = (TaskAsked, TasksAsked, WorkerTold, WorkTold)
KEY_VALUE_INPUTS = (KeyValueAsked, RangeAsked, WatchAsked, WatchTaken, WatchCancelled)
SHARED_INPUTS = (
    SharedAsked,
    SharedReadAsked,
    SharedWatchAsked,
    SharedWatchTaken,
    SharedWatchCancelled,
)

Input = (
    FrameArrived
    | FrameUnreadable
    | FramesOutOfReach
    | BeliefSeen
    | BeliefUnreadable
    | BeliefsRefused
    | ProposeAsked
    | ReadAsked
    | DecideAsked
    | DecideCancelled
    | KeyValueAsked
    | RangeAsked
    | WatchAsked
    | WatchTaken
    | WatchCancelled
    | TransferAsked
    | ChangeAsked
    | SharedAsked
    | SharedReadAsked
    | SharedWatchAsked
    | SharedWatchTaken
    | SharedWatchCancelled
    | ModelContributed
    | ModelMergeAsked
    | ModelMade
    | ModelDamaged
    | MissionInput
    | TaskAsked
    | TasksAsked
    | HandBackAsked
    | WorkerTold
    | WorkTold
    | Tuned
)


@value
class DecisionMade:
    """To publish: a decision, or that there is none and why."""

    decision: Decision


@value
class ProposeAnswered:
    """The outcome of a ProposeAsked; always follows."""

    key: int
    decision: Decision


@value
class ReadAnswered:
    """
    The outcome of a ReadAsked; always follows.

    :param history_from: log index from which on the log of decisions is whole; 0: not read.
    """

    key: int
    status: Status
    reason: str
    applied_index: int
    applied_digest: str
    decisions: tuple[Decision, ...]
    history_from: int = 0


@value
class DecideAnswered:
    """The outcome of a DecideAsked that was not cancelled; always follows."""

    key: int
    decision: Decision


@value
class DecideProgress:
    """The evidence on a subject that somebody waits for has changed."""

    key: int
    view: View
    has_quorum: bool


@value
class TransferAnswered:
    """
    The outcome of a TransferAsked; always follows.

    :param leader: who leads, as far as this robot knows; '' for nobody.
    """

    key: int
    status: Status
    reason: str
    leader: str


@value
class ChangeAnswered:
    """
    The outcome of a ChangeAsked; always follows.

    :param voters: who votes, as far as this robot knows.
    :param learners: who holds the log without a vote.
    """

    key: int
    status: Status
    reason: str
    voters: tuple[str, ...]
    learners: tuple[str, ...]


@value
class KeyValueAnswered:
    """
    The outcome of a KeyValueAsked; always follows.

    :param status: DECIDED where it was done.
    :param result: what the store answered, where it was asked; REFUSED says how the key stands.
    """

    key: int
    status: Status
    reason: str
    result: Result | None = None


@value
class RangeAnswered:
    """
    The outcome of a RangeAsked; always follows.

    :param applied_index: log index at which the items stood so; a watch goes on behind it.
    :param more: there are more keys in the range, behind the last of these.
    """

    key: int
    status: Status
    reason: str
    applied_index: int
    items: tuple[Item, ...] = ()
    more: bool = False


@value
class WatchBegun:
    """A watch is in force; its events follow."""

    key: int
    from_index: int


@value
class WatchTold:
    """Changes that a watch asked for, in log order, each once; WatchTaken is to follow."""

    key: int
    events: tuple[Event, ...]


@value
class SharedAnswered:
    """
    The outcome of a SharedAsked; always follows.

    :param status: DECIDED where it is done and durable here; REFUSED where it is not; UNKNOWN where
        the disk did not take it in time, but may yet.
    :param found: False where there was nothing to take away.
    """

    key: int
    status: Status
    reason: str
    found: bool = True


@value
class SharedReadAnswered:
    """
    The outcome of a SharedReadAsked; always follows.

    :param more: there are more keys, behind the last of these.
    """

    key: int
    items: tuple[crdt.Item, ...]
    more: bool = False


@value
class SharedEvent:
    """How a key of the shared state stands after changes; no items: it is gone."""

    key: str
    items: tuple[crdt.Item, ...]


@value
class SharedTold:
    """
    What a watch asked for: how keys that changed stand now; SharedWatchTaken is to follow.

    Each key is told once for all that happened to it meanwhile.
    """

    key: int
    events: tuple[SharedEvent, ...]


@value
class Peer:
    """
    Another robot as seen from here.

    :param silence_ns: since last heard; -1: never heard.
    :param match_index: log known to be stored there; 0 where this robot does not lead.
    :param state: of its membership; None: nobody has told of it.
    :param guest: swarm.yaml does not name it.
    """

    robot: str
    alive: bool
    silence_ns: int
    incarnation: int
    match_index: int
    state: State | None = None
    guest: bool = False


@value
class RobotStatus:
    """
    How the swarm stands, seen from one robot (msg/SwarmStatus.msg).

    :param learners: robots that hold the log without a vote.
    :param changing_membership: two memberships hold at once, and both need their quorum.
    :param first_index: the log stored here begins here; a snapshot covers what was before.
    :param lost: this robot's log was lost; it does not count until the swarm lets it in again.
    :param agreed_quorum_size: robots that must be heard so that the level AGREED can decide.
    :param agreed_open: epochs of that level that are under way.
    :param accused: robots that are proved to have lied.
    :param traffic: what became of the messages of each class, in their order.
    :param bytes_per_second: budget of this robot; 0: none.
    :param guest: this robot takes part, and swarm.yaml does not name it.
    :param health: 0 where this robot is well; each point more is one probe time that it gives the
        others more, because it is slow itself.
    :param task_problems: what is wrong with how the swarm finds out who does what; for diagnostics,
        not in the message.
    :param bids_bent: bids of this robot that were bent back, as gains did not diminish; likewise.
    """

    swarm: str
    robot: str
    incarnation: int
    role: Role
    leader: str
    term: int
    commit_index: int
    applied_index: int
    last_index: int
    applied_digest: str
    voters: tuple[str, ...]
    learners: tuple[str, ...]
    changing_membership: bool
    first_index: int
    lost: bool
    quorum_size: int
    has_quorum: bool
    alive: tuple[str, ...]
    peers: tuple[Peer, ...]
    frames: FrameCounters
    evidence_dropped: dict[str, int]
    agreed_quorum_size: int
    agreed_open: int
    accused: tuple[str, ...]
    traffic: tuple[ClassTraffic, ...]
    bytes_per_second: int
    guest: bool = False
    health: int = 0
    task_problems: tuple[str, ...] = ()
    bids_bent: int = 0


@value
class StatusReport:
    """To publish: the status, as it changed or as its period came round."""

    status: RobotStatus


@value
class FlowTold:
    """
    To publish: what producers should heed, while the byte budget is short (msg/FlowControl.msg).

    :param belief_rate_max_hz: most beliefs a second of each producer; 0.0: no limit.
    :param pressure: of each traffic class in their order, 0.0..1.0 (`Outbox.pressure`).
    """

    belief_rate_max_hz: float
    pressure: tuple[float, ...]


@value
class ModelJob:
    """
    A version of a model is to be made; ModelMade is to follow.

    :param key: of the ModelMergeAsked; 0: nobody asked.
    :param revision: of the decision in force.
    """

    model: str
    make: Make
    key: int
    revision: int


@value
class ModelReady:
    """
    The parameters in force are here.

    :param used: the chunks that are of use at this robot, for all its models.
    """

    model: str
    ready: Ready
    used: frozenset[bytes]


@value
class ModelApplied:
    """A contribution of this robot is part of the parameters in force."""

    model: str
    version: int


@value
class ModelStatus:
    """
    How the exchange of one model stands.

    :param revision: of the decision in force; 0: none.
    :param parameters: name of the parameters in force, hex.
    :param ready: whether they are here.
    :param known: robots with a contribution to them.
    :param here: of how many of them the update is here.
    :param refused: contributions and decisions that did not fit.
    """

    name: str
    revision: int
    parameters: str
    ready: bool
    known: tuple[str, ...]
    here: int
    refused: int


@value
class ModelReport:
    """
    How the exchange of models stands at this robot, once a second.

    :param wanted: blobs that are being fetched.
    :param no_room: chunks that could not be kept.
    """

    models: tuple[ModelStatus, ...]
    wanted: int
    chunks: TransferCounters
    no_room: int


@value
class ModelMergeAnswered:
    """No version is made, and why."""

    key: int
    reason: str


@value
class NameTaken:
    """Another robot of this name is in the swarm; this one has stopped taking part."""

    reason: str


@value
class Misbehaved:
    """
    A robot is proved to have lied (msg/Misbehaviour.msg).

    :param what: it did, in words.
    :param excluded: whether it is heard no more.
    :param proof: two frames that it signed, as an Accusation on the wire.
    """

    robot: str
    what: str
    excluded: bool
    proof: bytes


@value
class MemberChanged:
    """
    Something has happened to a robot, as seen from here (msg/MemberEvent.msg).

    :param incarnation: of the boot that it has happened to.
    :param accuser: who did not reach it, where it is SUSPECTED or DIED.
    """

    news: News
    robot: str
    incarnation: int
    accuser: str


@value
class TaskAnswered:
    """
    The outcome of a TaskAsked; always follows.

    :param status: DECIDED where it was done.
    :param result: what the book answered, where it was asked.
    """

    key: int
    status: Status
    reason: str
    result: TaskResult | None = None


@value
class TasksAnswered:
    """
    The outcome of a TasksAsked; always follows.

    :param applied_index: log index at which the tasks stood so.
    :param records: in order of their names.
    :param more: there are more behind the last of them.
    """

    key: int
    applied_index: int
    records: tuple[TaskRecord, ...]
    more: bool = False


@value
class HandedBack:
    """
    What came of a HandBackAsked; always follows, `leave_ns` later at the latest.

    :param done: this robot is off duty in the log, or was not on duty; else its tasks are open
        again when its duty has run out.
    """

    done: bool


@value
class TaskChanged:
    """A task has changed, in the order of the log."""

    record: TaskRecord


@value
class TaskGo:
    """This robot is to carry a task out, from now; a WorkTold is to follow."""

    record: TaskRecord


@value
class TaskGoing:
    """
    This robot has a task, which it was told to begin: told with the `TaskGo`, and often after it.

    :param valid_ns: for so long it may go on, if no other one follows.
    :param clock_ms: of the task clock, in which the record has its times.
    """

    record: TaskRecord
    valid_ns: int
    clock_ms: int


@value
class TaskStop:
    """
    This robot is to stop at once what it does for a task; a WorkTold is to follow, where none did.

    :param award: of the `TaskGo`.
    """

    task: str
    award: int
    reason: str


@value
class Notice:
    """Something a person should read in the log of the robot."""

    text: str
    warning: bool = False


Output = (
    DecisionMade
    | ProposeAnswered
    | ReadAnswered
    | DecideAnswered
    | DecideProgress
    | KeyValueAnswered
    | RangeAnswered
    | WatchBegun
    | WatchTold
    | WatchEnded
    | TransferAnswered
    | ChangeAnswered
    | SharedAnswered
    | SharedReadAnswered
    | SharedTold
    | StatusReport
    | FlowTold
    | ModelJob
    | ModelReady
    | ModelApplied
    | ModelReport
    | ModelMergeAnswered
    | MissionOutput
    | NameTaken
    | Misbehaved
    | MemberChanged
    | TaskAnswered
    | TasksAnswered
    | TaskChanged
    | TaskGo
    | TaskGoing
    | HandedBack
    | TaskStop
    | Notice
)
