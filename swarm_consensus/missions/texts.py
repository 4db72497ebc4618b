"""Events and commands in words, for errors and listings."""

from __future__ import annotations

from swarm_consensus.protocols.missions.events import (
    ActivityCancelAsked,
    ActivityCancelled,
    ActivityCompleted,
    ActivityFailed,
    ActivityLost,
    ActivityScheduled,
    ActivityStarted,
    ActivityTimedOut,
    CancelRequested,
    ChildCancelAsked,
    ChildEnded,
    ChildStarted,
    Event,
    MissionCancelled,
    MissionCompleted,
    MissionContinued,
    MissionFailed,
    MissionStarted,
    SideEffectRecorded,
    SignalReceived,
    TimerCancelled,
    TimerFired,
    TimerStarted,
    VersionMarked,
    WorkerChanged,
)

_PAYLOAD_SHOWN = 60


def describe(event: Event) -> str:
    """Return an event or command in a few words, with its number."""
    match event:
        case ActivityScheduled():
            where = f' on {event.robot}' if event.robot else ''
            return f"activity {event.number} '{event.name}'{where} with {_shown(event.input)}"
        case ActivityCancelAsked():
            return f'command {event.number}, the cancellation of activity {event.activity}'
        case TimerStarted():
            return f'timer {event.number} of {event.duration_ms} ms'
        case TimerCancelled():
            return f'command {event.number}, the cancellation of timer {event.timer}'
        case ChildStarted():
            return f"child {event.number} '{event.name}' with {_shown(event.input)}"
        case ChildCancelAsked():
            return f'command {event.number}, the cancellation of child {event.child}'
        case SideEffectRecorded():
            return f'side effect {event.number}, which gave {_shown(event.value)}'
        case VersionMarked():
            return f"version {event.version} of '{event.change}'"
        case MissionCompleted():
            return f'the end with {_shown(event.result)}'
        case MissionFailed():
            return f'the failure {event.kind}: {event.message}'
        case MissionCancelled():
            return f'the end by cancellation: {event.message}'
        case MissionContinued():
            return f'a new run with {_shown(event.input)}'
    return _fact(event)


def _fact(event: Event) -> str:
    match event:
        case MissionStarted():
            return f"the begin of run {event.run} of '{event.name}' with {_shown(event.input)}"
        case WorkerChanged():
            return f'{event.robot or "nobody"} is its worker in epoch {event.epoch}'
        case ActivityStarted():
            return f'attempt {event.attempt} of activity {event.activity} begun by {event.robot}'
        case ActivityCompleted():
            return f'activity {event.activity} completed with {_shown(event.result)}'
        case ActivityFailed():
            return (
                f'attempt {event.attempt} of activity {event.activity} failed with {event.kind}: '
                f'{event.message}'
            )
        case ActivityTimedOut():
            which = event.timeout.name.lower().replace('_', '-')
            return f'attempt {event.attempt} of activity {event.activity} ran out of {which} time'
        case ActivityLost():
            return f'attempt {event.attempt} of activity {event.activity} lost, it may have run'
        case ActivityCancelled():
            return f'activity {event.activity} cancelled'
        case TimerFired():
            return f'timer {event.timer} fired'
        case SignalReceived():
            return f"signal '{event.name}' with {_shown(event.payload)}"
        case ChildEnded():
            return f'child {event.child} ended, {event.status.name}'
        case CancelRequested():
            return f'a request to end: {event.reason}'
    return type(event).__name__


def _shown(data: bytes) -> str:
    return short(data.decode(errors='replace'), _PAYLOAD_SHOWN)


def short(text: str, characters_max: int) -> str:
    """Return a text that is no longer than that, and which UTF-8 can hold."""
    text = text.encode('utf-8', 'replace').decode()
    return text if len(text) <= characters_max else text[: characters_max - 3] + '...'
