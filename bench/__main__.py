"""
Run the bench: a readable table on the terminal and build/bench.json.

The file keeps what other runs have measured: the whole takes hours, and a part of it may be
measured again. So each part says when, on which commit and on which machine.
"""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
import platform
import subprocess
import sys
import time
from typing import Any

# In the order of running; each has rows().
MODULES = (
    'inference',
    'decision',
    'robot_cost',
    'agreed',
    'raft_core',
    'raft_dds',
    'raft_disk',
    'raft_memory',
    'failover',
    'lossy',
    'agreement_rounds',
    'shared_state',
    'fusion_rounds',
    'traffic',
    'in_process',
    'overload',
    'models',
    'membership',
    'missions',
    'allocation',
    'allocation_scenario',
)
OUTPUT = Path('build/bench.json')
BUSY_SHARE = 0.5


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    model = ''
    cpuinfo = Path('/proc/cpuinfo')
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith('model name'):
                model = line.partition(':')[2].strip()
                break
    return {
        'cpu': model,
        'cores': os.cpu_count(),
        'load_1min': os.getloadavg()[0],
        'system': platform.platform(),
        'python': platform.python_version(),
        'rmw': os.environ.get('RMW_IMPLEMENTATION', 'default'),
        'time': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime()),
    }


def commit() -> str:
    """Return the commit that is measured, with `+` where files differ from it, or nothing."""
    def git(*arguments: str) -> str:
        command = ['git', *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    try:
        head = git('rev-parse', '--short=12', 'HEAD').strip()
        changed = git('status', '--porcelain', '--untracked-files=no')
    except (OSError, subprocess.CalledProcessError):
        return ''  # An archive, or no git.
    return head + ('+' if changed else '')


def earlier(file: Path) -> dict[str, Any]:
    """
    Return the parts that earlier runs have measured, by name.

    A file that is none of ours is put aside, with a word about it.
    """
    if not file.exists():
        return {}
    try:
        parts = json.loads(file.read_text())['benches']
        for name in parts:
            parts[name]['rows'][0]['name']
    except (ValueError, KeyError, TypeError, IndexError):
        aside = file.with_suffix('.json.old')
        file.replace(aside)
        print(f'{file} is not of this bench; it is {aside} now', file=sys.stderr)
        return {}
    return parts  # type: ignore[no-any-return]


def keep(file: Path, name: str, part: dict[str, Any]) -> None:
    """Write one part beside those of earlier runs, in the order of running."""
    parts = earlier(file)
    parts[name] = part
    ordered = {known: parts[known] for known in MODULES if known in parts}
    file.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: hours of measuring are in it.
    whole = file.with_suffix('.json.new')
    whole.write_text(json.dumps({'benches': ordered}, indent=2) + '\n')
    whole.replace(file)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as aligned text."""
    lines = [('figure', 'value', 'unit', 'goal', 'holds', 'beside', 'ratio')]
    for row in rows:
        beside = row.get('floor', row.get('peer_value'))
        against = ''
        if beside is not None:
            against = f'{row.get("peer", "floor")} {beside:.4g}'
        sign = '<=' if row['better'] == 'lower' else '>='
        goal = '' if row['goal'] is None else f'{sign} {row["goal"]:g}'
        holds = '' if row['holds'] is None else ('yes' if row['holds'] else 'NO')
        ratio = '' if row.get('ratio') is None else f'{row["ratio"]:.3g}'
        lines.append((row['name'], f'{row["value"]:.4g}', row['unit'], goal, holds, against, ratio))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return '\n'.join(
        '  '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def main() -> int:
    """Run what the environment variable ONLY names (comma separated), or everything."""
    wanted = [name for name in os.environ.get('ONLY', '').split(',') if name] or list(MODULES)
    unknown = [name for name in wanted if name not in MODULES]
    if unknown:
        print(f'no bench named {", ".join(unknown)}; there are {", ".join(MODULES)}')
        return 2
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > BUSY_SHARE * cores:
        print(f'this machine is busy (load {load:.1f} on {cores} cores): what waits for a CPU '
              'is measured too long, and some more than others', file=sys.stderr)  # fmt: skip
    rows: list[dict[str, Any]] = []
    for name in wanted:
        print(f'measuring {name} ...', file=sys.stderr, flush=True)
        where, begun = {'commit': commit(), **machine()}, time.monotonic()
        measured = importlib.import_module(f'bench.{name}').rows()
        keep(OUTPUT, name, {**where, 'seconds': time.monotonic() - begun, 'rows': measured})
        rows += measured
    print(table(rows))
    print(f'\nwritten to {OUTPUT}, beside what earlier runs have measured')
    return 0


if __name__ == '__main__':
    sys.exit(main())
