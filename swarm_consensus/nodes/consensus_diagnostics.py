"""What consensus_node says of itself on /diagnostics."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from swarm_consensus.protocols.gossip.swim.messages import State
from swarm_consensus.runtime.events import RobotStatus


def _traffic(status: RobotStatus) -> dict[str, str]:
    """Return what was sent, a line for each class."""
    return {
        f'traffic {count.traffic_class.name.lower()}': (
            f'{count.offered} offered = {count.sent} sent + {count.coalesced} coalesced + '
            f'{count.dropped} dropped + {count.waiting} waiting; {count.frames} frames, '
            f'{count.bytes} bytes, {count.plain_bytes} before compression; '
            f'pressure {count.pressure:.2f}'
        )
        for count in status.traffic
    }


def _in_state(status: RobotStatus, state: State) -> str:
    return ' '.join(peer.robot for peer in status.peers if peer.state is state)


def diagnosis(status: RobotStatus, node: str) -> DiagnosticStatus:
    """Return the state of the swarm as one diagnostic status, WARN without quorum."""
    frames = status.frames
    has_leader = bool(status.leader)
    level, text = DiagnosticStatus.OK, f'{status.leader} leads in term {status.term}'
    if status.guest:
        text = f'a guest among {len(status.alive)} robots'
    elif not status.has_quorum:
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
    pressed = [
        count.traffic_class.name.lower() for count in status.traffic if count.pressure == 1.0
    ]
    if level == DiagnosticStatus.OK and pressed:
        level = DiagnosticStatus.WARN
        text = f'bytes_per_second is too little: {", ".join(pressed)} thinned out; {text}'
    if level == DiagnosticStatus.OK and status.task_problems:
        level = DiagnosticStatus.WARN
        text = f'{status.task_problems[0]}; {text}'
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
        'suspects': _in_state(status, State.SUSPECT),
        'dead': _in_state(status, State.DEAD),
        'left': _in_state(status, State.LEFT),
        'guests': ' '.join(peer.robot for peer in status.peers if peer.guest),
        'health': status.health,
        'agreed quorum': status.agreed_quorum_size,
        'agreed epochs under way': status.agreed_open,
        'robots that lied': ' '.join(status.accused),
        'tasks': '; '.join(status.task_problems),
        'bids bent back': status.bids_bent,
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
        'frames out of reach': frames.out_of_reach,
        'byte budget (bytes/s)': status.bytes_per_second,
        **_traffic(status),
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
