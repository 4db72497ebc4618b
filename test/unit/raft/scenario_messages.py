"""The messages of Raft as a scenario names, shows and forges them."""

from __future__ import annotations

import dataclasses
from hashlib import blake2b
import typing

from swarm_consensus.protocols.raft import (
    AppendEntries,
    AppendReply,
    ChangeEnd,
    ChangeReply,
    ChangeRequest,
    Entry,
    EntryKind,
    Heartbeat,
    HeartbeatReply,
    Membership,
    Message,
    ProposalForward,
    ProposalReply,
    ReadReply,
    ReadRequest,
    Refusal,
    SnapshotChunk,
    SnapshotReply,
    TimeoutNow,
    VoteReply,
    VoteRequest,
)

# Name, type, and the fields that tell it from another kind of the same type.
KINDS: dict[str, tuple[type, dict[str, object]]] = {
    'pre-vote': (VoteRequest, {'pre': True}),
    'vote': (VoteRequest, {'pre': False}),
    'pre-vote-reply': (VoteReply, {'pre': True}),
    'vote-reply': (VoteReply, {'pre': False}),
    'append': (AppendEntries, {}),
    'ack': (AppendReply, {'rejected': False}),
    'reject': (AppendReply, {'rejected': True}),
    'heartbeat': (Heartbeat, {}),
    'heartbeat-reply': (HeartbeatReply, {}),
    'forward': (ProposalForward, {}),
    'forward-reply': (ProposalReply, {}),
    'ask-index': (ReadRequest, {}),
    'ask-index-reply': (ReadReply, {}),
    'timeout-now': (TimeoutNow, {}),
    'chunk': (SnapshotChunk, {}),
    'chunk-reply': (SnapshotReply, {}),
    'ask-change': (ChangeRequest, {}),
    'ask-change-reply': (ChangeReply, {}),
}


def is_kind(message: Message, kind: str) -> bool:
    """Return whether a message is of the kind of that name."""
    type_, fields = KINDS[kind]
    return type(message) is type_ and all(
        getattr(message, name) == value for name, value in fields.items()
    )


def members(membership: Membership) -> str:
    """Return a membership for people: `voters a,b,c learners d`."""
    text = f'voters {",".join(membership.voters)}'
    for name in ('outgoing', 'learners', 'learners_next', 'readmitted'):
        robots = getattr(membership, name)
        if robots:
            text += f' {name} {",".join(robots)}'
    return text


def describe(message: Message) -> str:
    """Return a message for people, in one line."""
    kind = next(name for name in KINDS if is_kind(message, name))
    return f'{kind} {_details(message)}'


def _details(m: Message) -> str:
    if isinstance(m, VoteRequest):
        extra = (', transfer' if m.transfer else '') + (
            f', rank {m.priority}' if m.priority else ''
        )
        return f'term {m.term}, log ends {m.last_index}@{m.last_term}{extra}'
    if isinstance(m, VoteReply):
        return f'term {m.term}: {"yes" if m.granted else "no"}'
    if isinstance(m, AppendEntries):
        entries = ' '.join(f'{entry.index}@{entry.term}' for entry in m.entries) or 'nothing'
        place = f'{m.prev_index}@{m.prev_term}'
        return f'term {m.term}, after {place}: {entries}, commit {m.commit}'
    if isinstance(m, AppendReply):
        lost = f', lost {m.lost}' if m.lost else ''
        if m.rejected:
            return f'term {m.term}, not {m.index}, try {m.hint_index}@{m.hint_term}{lost}'
        return f'term {m.term}, up to {m.index}{lost}'
    if isinstance(m, Heartbeat):
        return f'term {m.term}, round {m.round}, commit {m.commit}'
    if isinstance(m, HeartbeatReply):
        lost = f', lost {m.lost}' if m.lost else ''
        return f'term {m.term}, round {m.round}, match {m.match}{lost}'
    return _rarer_details(m)


def _rarer_details(m: Message) -> str:
    if isinstance(m, ProposalForward):
        return ' '.join(m.request_ids)
    if isinstance(m, ProposalReply):
        where = ' '.join(str(index) for index in m.indexes) or Refusal(m.reason).name.lower()
        return f'term {m.term}, {" ".join(m.request_ids)}: {where}'
    if isinstance(m, ReadRequest):
        return 'for reads'
    if isinstance(m, ReadReply):
        return f'read at {m.index}'
    if isinstance(m, TimeoutNow):
        return f'term {m.term}'
    if isinstance(m, SnapshotChunk):
        end = m.offset + len(m.data)
        return f'term {m.term}, of {m.index}@{m.index_term}: bytes {m.offset}..{end} of {m.size}'
    if isinstance(m, SnapshotReply):
        return f'term {m.term}, of {m.index}: has {m.received} bytes'
    if isinstance(m, ChangeRequest):
        return f'{m.request_id}: {members(Membership(m.voters, m.learners))}'
    reason = f' ({m.reason})' if m.reason else ''
    return f'{m.request_id}: {ChangeEnd(m.end).name.lower()}{reason}'


def forge(kind: str, fields: dict[str, str]) -> Message:
    """
    Make a message of given fields, each as text: `term=3 entries=4@2,5@3 membership=a,b`.

    :raises ValueError: fields that the kind does not have, lacks, or that do not read; the text
        says which.
    """
    type_, fixed = KINDS[kind]
    if type_ is SnapshotChunk and 'digest' not in fields:
        # One piece that is the whole.
        fixed = {'digest': blake2b(fields.get('data', '').encode(), digest_size=16).digest()}
    hints = typing.get_type_hints(type_)
    wanted = {
        field.name: field.default is dataclasses.MISSING
        for field in dataclasses.fields(type_)
        if field.name not in fixed
    }
    for name in fields:
        if name not in wanted:
            raise ValueError(f'{kind} has no `{name}`, but {" ".join(wanted)}')
    for name, needed in wanted.items():
        if needed and name not in fields:
            raise ValueError(f'`{name}` is missing')
    values = {name: _read(name, text, hints[name]) for name, text in fields.items()}
    return type_(**values, **fixed)


def _read(name: str, text: str, hint: object) -> object:
    try:
        if hint is int:
            return int(text)
        if hint is bool:
            return {'yes': True, 'no': False}[text]
        if hint is bytes:
            return text.encode()
        if hint is str:
            return text
        parts = [part for part in text.split(',') if part]
        if hint is Membership:
            return Membership(tuple(parts))
        inner = typing.get_args(hint)[0]
        if inner is Entry:
            return tuple(_entry(part) for part in parts)
        return tuple(_read(name, part, inner) for part in parts)
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(f'`{text}` does not read as `{name}`') from error


def _entry(text: str) -> Entry:
    index, term = text.split('@')
    return Entry(int(index), int(term), EntryKind.COMMAND, f'{index}@{term}'.encode())
