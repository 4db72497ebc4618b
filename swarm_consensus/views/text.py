"""The picture of a swarm as text, for a terminal: tables of rich."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from swarm_consensus.views.values import (
    Hearing,
    RobotRow,
    Snapshot,
    Subject,
    Work,
)

# What fits a terminal; the dashboard has all of it.
DECISIONS_SHOWN = 10
SUBJECTS_SHOWN = 12
WORK_SHOWN = 10
_STYLES = {
    'alive': 'green',
    'suspect': 'yellow',
    'dead': 'red',
    'left': 'dim',
    'unknown': 'dim',
}
_BAR = 12


def plain(text: str) -> str:
    """
    Return a text that somebody else chose, so that it is only a text to a terminal.

    What would move the cursor or change colours or titles is shown as what it is not.
    """
    return ''.join(char if char.isprintable() else '\N{REPLACEMENT CHARACTER}' for char in text)


def _text(text: str, style: str = '') -> Text:
    return Text(plain(text), style)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify='left', title_style='bold', expand=True, box=None)
    for column in columns:
        table.add_column(column, overflow='ellipsis', no_wrap=True)
    return table


def _amount(value: float) -> str:
    for unit, size in (('M', 1e6), ('k', 1e3)):
        if value >= size:
            return f'{value / size:.1f} {unit}B/s'
    return f'{value:.0f} B/s'


def headline(snapshot: Snapshot) -> str:
    """Return how the swarm stands, in a line."""
    if not snapshot.swarm:
        return 'no robot is heard yet'
    heard = sum(row.heard for row in snapshot.robots)
    words = [
        f'swarm {snapshot.swarm}',
        f'term {snapshot.term}',
        f'{snapshot.leader} leads' if snapshot.leader else 'nobody leads',
        f'quorum of {snapshot.quorum_size}' if snapshot.has_quorum else 'NO QUORUM',
        f'{heard} of {len(snapshot.robots)} robots heard',
    ]
    return plain(', '.join(words))


def network(snapshot: Snapshot) -> list[str]:
    """Return who is together and who is not, in lines."""
    lines = []
    if len(snapshot.parts) > 1:
        groups = ' | '.join(' '.join(part) for part in snapshot.parts)
        lines.append(f'{len(snapshot.parts)} parts: {groups}')
    if snapshot.out_of_reach:
        lines.append(f'out of reach: {" ".join(snapshot.out_of_reach)}')
    for hearing, words in (
        (Hearing.NONE, 'do not hear each other'),
        (Hearing.ONE_WAY, 'hear each other one way'),
    ):
        # Between parts it is said already, and out of reach nobody is heard.
        pairs = [
            f'{link.first} {link.second}'
            for link in snapshot.links
            if link.hearing is hearing
            and any(link.first in part and link.second in part for part in snapshot.parts)
        ]
        if pairs:
            lines.append(f'{words}: {"; ".join(pairs)}')
    return [plain(line) for line in lines]


def robots(rows: Iterable[RobotRow]) -> Table:
    """Return the table of the robots."""
    table = _table(
        'robots', 'robot', 'state', 'part', 'role', 'term', 'commit', 'applied', 'quorum', 'sends'
    )
    for row in rows:
        state = row.state if row.heard or row.age_s < 0 else f'{row.state}, {row.age_s:.0f} s ago'
        if row.health:
            state += ', slow'
        known = row.age_s >= 0
        table.add_row(
            _text(row.robot, 'bold' if row.role == 'leader' and row.heard else ''),
            Text(state, _STYLES[row.state]),
            row.part,
            row.role.replace('_', '-'),
            str(row.term) if known else '',
            str(row.commit_index) if known else '',
            str(row.applied_index) if known else '',
            ('yes' if row.has_quorum else 'NO') if known else '',
            budget(row),
            style='' if row.heard else 'dim',
        )
    return table


def budget(row: RobotRow) -> str:
    """Return what a robot sends, by class, and of what budget."""
    known = [use for use in row.classes if use.bytes_per_second >= 0]
    if not known:
        return ''
    total = sum(use.bytes_per_second for use in known)
    of = f' of {_amount(row.bytes_per_second)}' if row.bytes_per_second else ''
    classes = ', '.join(
        f'{use.name} {_amount(use.bytes_per_second)}{"!" if use.pressure > 0 else ""}'
        for use in known
        if use.bytes_per_second >= 0.5 or use.pressure > 0
    )
    return f'{_amount(total)}{of}{f" ({classes})" if classes else ""}'


def _bar(share: float) -> str:
    return '\N{FULL BLOCK}' * round(max(0.0, min(1.0, share)) * _BAR)


def subjects(found: Sequence[Subject]) -> Table:
    """Return the table of subjects, each with its beliefs below it."""
    table = _table('subjects', 'subject', 'says', 'answer', 'p', '', 'level', 'status')
    for each in found[:SUBJECTS_SHOWN]:
        answer = each.answer
        if answer is None:
            table.add_row(_text(each.subject, 'bold'), 'the swarm', Text('no answer', 'dim'))
        else:
            status = answer.status if each.at_one else f'{answer.status}, NOT ALL THE SAME'
            table.add_row(
                _text(each.subject, 'bold'),
                'the swarm',
                _text(answer.choice, 'bold'),
                f'{answer.confidence:.2f}',
                _bar(answer.confidence),
                answer.level,
                Text(status, 'green' if each.at_one else 'red'),
            )
        if each.together:
            best = max(range(len(each.together)), key=each.together.__getitem__)
            share = each.together[best]
            table.add_row(
                '', 'beliefs together', _text(each.labels[best]), f'{share:.2f}', _bar(share)
            )
        for belief in each.beliefs:
            table.add_row(
                '',
                _text(belief.robot),
                _text(belief.choice),
                f'{belief.confidence:.2f}',
                _bar(belief.confidence),
                '',
                f'{belief.age_s:.0f} s old',
                style='' if belief.fresh else 'dim',
            )
    if len(found) > SUBJECTS_SHOWN:
        table.add_row(f'and {len(found) - SUBJECTS_SHOWN} more')
    return table


def decisions(snapshot: Snapshot) -> Table:
    """Return the table of the newest decisions, the newest first."""
    table = _table(
        'decisions', 'time', 'subject', 'choice', 'p', 'level', 'index', 'status', 'voters', 'known'
    )
    for line in snapshot.decisions[: -DECISIONS_SHOWN - 1 : -1]:
        good = line.status == 'DECIDED'
        reason = f'{line.status}: {line.reason}' if line.reason and not good else line.status
        table.add_row(
            f'{datetime.fromtimestamp(line.time_ns / 1e9):%H:%M:%S}',
            _text(line.subject),
            _text(line.choice, 'bold'),
            f'{line.confidence:.2f}',
            line.level,
            str(line.index or ''),
            _text(reason, 'green' if good else 'yellow'),
            _text(', '.join(line.voters) or line.proposer),
            f'by {len(line.known_by)}',
        )
    return table


def work(found: Work) -> list[RenderableType]:
    """Return the tables of tasks and missions; none where there is nothing."""
    shown: list[RenderableType] = []
    if found.problem:
        shown.append(
            _text(f'{found.robot} tells nothing of its tasks and missions: {found.problem}', 'red')
        )
    if found.tasks:
        table = _table('tasks', 'task', 'status', 'robots', 'reason')
        for task in found.tasks[:WORK_SHOWN]:
            table.add_row(
                _text(task.task), task.status, _text(', '.join(task.robots)), _text(task.reason)
            )
        if len(found.tasks) > WORK_SHOWN:
            table.add_row(f'and {len(found.tasks) - WORK_SHOWN} more')
        shown.append(table)
    if found.missions:
        table = _table('missions', 'mission', 'code', 'status', 'worker', 'under way', 'reason')
        for mission in found.missions[:WORK_SHOWN]:
            table.add_row(
                _text(mission.mission),
                _text(mission.name),
                mission.status,
                _text(mission.worker),
                _text('; '.join(mission.under_way)),
                _text(mission.reason),
            )
        if len(found.missions) > WORK_SHOWN:
            table.add_row(f'and {len(found.missions) - WORK_SHOWN} more')
        shown.append(table)
    return shown


def render(snapshot: Snapshot) -> RenderableType:
    """Return the whole picture."""
    good = snapshot.has_quorum and not snapshot.alarms
    shown: list[RenderableType] = [Text(headline(snapshot), 'bold green' if good else 'bold red')]
    shown += [_text(alarm, 'bold red') for alarm in snapshot.alarms]
    shown += [Text(line, 'yellow') for line in network(snapshot)]
    if snapshot.other_swarms:
        names = ', '.join(snapshot.other_swarms)
        shown.append(_text(f'also on this domain: {names} (--swarm)', 'dim'))
    if snapshot.robots:
        shown.append(robots(snapshot.robots))
    if snapshot.subjects:
        shown.append(subjects(snapshot.subjects))
    shown += work(snapshot.work)
    if snapshot.decisions:
        shown.append(decisions(snapshot))
    return Group(*shown)
