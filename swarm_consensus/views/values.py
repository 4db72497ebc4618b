"""What a picture of the swarm consists of, at one moment: frozen values, one type each."""

from __future__ import annotations

from enum import Enum

from swarm_consensus.protocols.values import value


class Hearing(Enum):
    """Which way frames of two robots get, as the robots say themselves."""

    BOTH = 'both'
    ONE_WAY = 'one_way'
    NONE = 'none'


@value
class Link:
    """
    Two robots, of which at least one is heard here, and whether they hear each other.

    :param first: in order of the names, before `second`.
    """

    first: str
    second: str
    hearing: Hearing


@value
class ClassUse:
    """
    What a robot sends in one traffic class.

    :param bytes_per_second: of batches, over the last seconds; -1: not known yet.
    :param waiting_bytes: for the byte budget.
    :param pressure: 0: nothing waits; 1: something has, for 1 s without a break.
    :param dropped: messages since its boot, that were refused.
    :param coalesced: messages since its boot, in whose place newer ones were sent.
    """

    name: str
    bytes_per_second: float
    waiting_bytes: int
    pressure: float
    dropped: int
    coalesced: int


@value
class RobotRow:
    """
    A robot. What it says of itself is its newest status, also where that is old.

    :param heard: whether its newest status is fresh.
    :param age_s: of its newest status; -1: it was never heard here.
    :param state: alive, suspect, dead, left or unknown: suspect where somebody who is heard says
        so, and the last three only where it is not heard here itself.
    :param role: of Raft; '' where it was never heard.
    :param part: voter, learner or guest; '' where nobody who is heard knows.
    :param bytes_per_second: its byte budget; 0: none.
    :param refused_frames: that came from nobody it may believe, since its boot.
    """

    robot: str
    heard: bool
    age_s: float
    state: str
    role: str
    part: str
    leader: str
    term: int
    commit_index: int
    applied_index: int
    has_quorum: bool
    bytes_per_second: int
    classes: tuple[ClassUse, ...]
    refused_frames: int
    lost: bool
    health: int


@value
class BeliefRow:
    """
    What a robot's own sensors say of a subject.

    :param probabilities: of the labels of the subject, in their order, under a flat prior.
    :param fresh: whether it is young enough to be counted in `Subject.together`.
    """

    robot: str
    probabilities: tuple[float, ...]
    choice: str
    confidence: float
    age_s: float
    fresh: bool


@value
class Answer:
    """What a robot gives as the decision in force of a subject."""

    robot: str
    choice: str
    confidence: float
    revision: int
    level: str
    status: str
    voters: tuple[str, ...]


@value
class Subject:
    """
    A subject with what is believed and what is decided.

    :param answers: of the robots, as each has published it last.
    :param answer: of them the newest; None: nobody has one.
    :param at_one: whether the robots that are heard and have an answer give the same choice.
    :param together: the fresh beliefs as the product of their likelihoods, all robots counted
        alike; the swarm's own fusion goes by the policy of the subject. Empty: there are none.
    """

    subject: str
    labels: tuple[str, ...]
    beliefs: tuple[BeliefRow, ...]
    together: tuple[float, ...]
    answers: tuple[Answer, ...]
    answer: Answer | None
    at_one: bool


@value
class DecisionLine:
    """
    An entry of the log of decisions, the same one as several robots tell it.

    :param time_ns: when the first robot that told it here learned of it, ns of its clock.
    :param known_by: robots that have told it.
    """

    time_ns: int
    subject: str
    choice: str
    revision: int
    confidence: float
    level: str
    status: str
    index: int
    term: int
    proposer: str
    voters: tuple[str, ...]
    latency_s: float
    reason: str
    known_by: tuple[str, ...]


@value
class TaskLine:
    """
    How a task stands at the robot that was asked.

    :param robots: that are at it, or had it last.
    :param place_m: where it is to be done.
    """

    task: str
    status: str
    robots: tuple[str, ...]
    reason: str
    place_m: tuple[float, float, float] = (0.0, 0.0, 0.0)


@value
class MissionLine:
    """How a mission stands at the robot that was asked."""

    mission: str
    name: str
    status: str
    worker: str
    under_way: tuple[str, ...]
    reason: str


@value
class Work:
    """
    Tasks and missions, as one robot has them.

    :param robot: that was asked; '': none was yet.
    :param problem: why there is no newer answer; '': there is.
    """

    robot: str = ''
    tasks: tuple[TaskLine, ...] = ()
    missions: tuple[MissionLine, ...] = ()
    problem: str = ''


@value
class Snapshot:
    """
    The picture at one moment.

    :param swarm: '' while nobody was heard.
    :param leader: who leads in the newest term that is heard of; '': nobody known.
    :param has_quorum: whether anybody who is heard is in contact with a quorum.
    :param quorum_size: voters needed to commit.
    :param parts: robots that hear each other, directly or through others, largest part first; only
        robots that are heard here, or that one of these hears.
    :param out_of_reach: robots that neither we nor anybody we hear hears: cut off, or down.
    :param alarms: what should not be, in words.
    :param other_swarms: names of other swarms on the same domain.
    """

    swarm: str
    leader: str
    term: int
    has_quorum: bool
    quorum_size: int
    robots: tuple[RobotRow, ...]
    links: tuple[Link, ...]
    parts: tuple[tuple[str, ...], ...]
    out_of_reach: tuple[str, ...]
    subjects: tuple[Subject, ...]
    decisions: tuple[DecisionLine, ...]
    work: Work
    alarms: tuple[str, ...]
    other_swarms: tuple[str, ...]

    @property
    def to_ask(self) -> str:
        """
        Return the robot to ask; '': nobody is heard.

        The leader where it is heard, else one with a quorum, else any: it can at least say why not.
        """
        best = max(
            (row for row in self.robots if row.heard),
            key=lambda row: (row.robot == self.leader, row.has_quorum),
            default=None,
        )
        return '' if best is None else best.robot
