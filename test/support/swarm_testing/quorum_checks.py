"""What robots must say with a quorum and without; run by a probe beside the robot."""

from __future__ import annotations

from swarm_consensus.msg import Decision, SwarmStatus
from swarm_testing.swarm_probe import DECIDED, NO_QUORUM, SwarmProbe


def without_quorum(probe: SwarmProbe, robot: str) -> bool:
    """
    Return whether a robot says that it has no quorum, and takes nothing into its log either.

    A leader that has not stepped down yet does, and then nobody knows what will come of it.
    """
    status = probe.statuses[robot]
    return not status.has_quorum and status.role != SwarmStatus.ROLE_LEADER


def check_no_quorum(probe: SwarmProbe, robot: str, known: str, tag: str) -> None:
    """
    See that a robot cut off from the majority says so wherever it is asked.

    :param known: a subject that was decided before.
    :param tag: makes the subjects of this check its own.
    """
    probe.wait_for(lambda: without_quorum(probe, robot))
    goal = probe.decide(robot, f'animal/decide {tag}', timeout=1.0)
    proposal = probe.propose(robot, f'goal/{tag}', 'lost', timeout=1.0)
    reading = probe.read(robot, known, timeout=1.0)
    probe.believe(robot, 'cat', f'animal/{tag}')
    answer = probe.proposed(proposal)
    assert answer.status == NO_QUORUM, (answer.status, answer.reason)
    assert answer.reason and (answer.index, answer.revision) == (0, 0)
    answer = probe.read_result(reading)
    assert answer.status == NO_QUORUM, (answer.status, answer.reason)
    assert answer.reason and not answer.decisions
    probe.wait_for(lambda: goal.done)
    assert goal.aborted
    assert goal.decision.status == NO_QUORUM, goal.decision.reason
    decision = probe.wait_for_decision(f'animal/{tag}', [robot], NO_QUORUM)[robot]
    assert (decision.choice, decision.index, decision.revision) == ('', 0, 0)
    assert decision.reason
    # What it knew, it still tells to who asks for no more than that.
    (before,) = probe.read_result(probe.read(robot, known, linearizable=False)).decisions
    assert before.status == DECIDED
    # And the level that never waits goes on, and says whose evidence is in it.
    probe.believe(robot, 'wet', 'weather', labels=('dry', 'wet'))
    probe.wait_for(lambda: any(robot in d.voters for d in probe.published(robot, 'weather')))
    fused = probe.published(robot, 'weather')[-1]
    assert (fused.choice, fused.level) == ('wet', Decision.LEVEL_FUSED)


def wait_until_ready(probe: SwarmProbe, robot: str, alive: list[str]) -> str:
    """Wait until a robot hears exactly these and has a leader among them; returns the leader."""
    # What it said while the probe did not turn is heard first: its last word may be an old one.
    probe.turn(0.1)
    probe.wait_until_ready([robot], alive)
    return str(probe.statuses[robot].leader)


def propose(probe: SwarmProbe, robot: str, subject: str, choice: str) -> None:
    """Have a value committed."""
    answer = probe.proposed(probe.propose(robot, subject, choice))
    assert answer.status == DECIDED, (robot, subject, answer.status, answer.reason)


def decide(probe: SwarmProbe, robot: str, subject: str, choice: str) -> list[str]:
    """Give a robot evidence and wait until it publishes that as decided; returns the voters."""
    probe.believe(robot, choice, subject)
    decision = probe.wait_for_decision(subject, [robot])[robot]
    assert decision.choice == choice, (robot, subject, decision.choice)
    return list(decision.voters)


def wait_for_choice(probe: SwarmProbe, robot: str, subject: str) -> str:
    """Wait until a robot publishes a decision on a subject."""
    return str(probe.wait_for_decision(subject, [robot])[robot].choice)


def alive(probe: SwarmProbe, robot: str) -> list[str]:
    """Whom a robot hears."""
    return sorted(probe.statuses[robot].alive)


def term(probe: SwarmProbe, robot: str) -> int:
    """Term that a robot is in."""
    return int(probe.statuses[robot].term)


def log(probe: SwarmProbe, robot: str) -> list[tuple[int, str, str]]:
    """Index, subject and choice of all decisions in the log of a robot."""
    return [(d.index, d.subject, d.choice) for d in probe.log(robot)]
