"""What consensus_node says of itself on /diagnostics."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from swarm_consensus.runtime.events import RobotStatus


def diagnosis(status: RobotStatus, node: str) -> DiagnosticStatus:
    """Return the state of the swarm as one diagnostic status, WARN without quorum."""
    frames = status.frames
    has_leader = bool(status.leader)
    level, text = DiagnosticStatus.OK, f'{status.leader} leads in term {status.term}'
    if not status.has_quorum:
        level = DiagnosticStatus.WARN
        text = (
            f'no quorum: {len(status.alive)} of {len(status.peers) + 1} robots heard, '
            f'{status.quorum_size} voters needed'
        )
    elif not has_leader:
        level, text = DiagnosticStatus.WARN, 'no leader known'
    elif status.lost:
        level = DiagnosticStatus.WARN
        text = 'the log of this robot was lost; it does not count until it is let in again'
    elif status.accused:
        level = DiagnosticStatus.WARN
        text = f'proved to have lied: {", ".join(status.accused)}'
    values = {
        'role': status.role.name.lower(),
        'leader': status.leader,
        'term': status.term,
        'commit_index': status.commit_index,
        'applied_index': status.applied_index,
        'first_index': status.first_index,
        'voters': ' '.join(status.voters),
        'learners': ' '.join(status.learners),
        'alive': ' '.join(status.alive),
        'agreed quorum': status.agreed_quorum_size,
        'agreed epochs under way': status.agreed_open,
        'robots that lied': ' '.join(status.accused),
        'frames received': frames.received,
        'frames accepted': frames.accepted,
        'frames malformed': frames.malformed,
        'frames foreign': frames.foreign,
        'frames of strangers': frames.stranger,
        'frames oversize': frames.oversize,
        'frames replayed': frames.replayed,
        'frames in our name': frames.impostor,
        'frames forged': frames.forged,
        'messages too large to send': frames.refused_to_send,
        **{
            f'evidence dropped: {reason.lower()}': count
            for reason, count in sorted(status.evidence_dropped.items())
        },
    }
    return DiagnosticStatus(
        level=level,
        name=f'{node}: swarm {status.swarm}',
        message=text,
        hardware_id=status.robot,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
