"""
Set up the virtual environment that `make` runs in, once, and again only as far as needed.

Standard library only: it runs on the Python of the system, before anything is installed. What
pip and CMake print goes into a log; the terminal gets one line that moves. When a step fails,
the end of the log is shown, and what to do about it where the log tells.

`python build_support/set_up.py FOLDER PURPOSE...` makes FOLDER good for the purposes: names of
the optional parts in requirements.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import fcntl
import hashlib
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import time

import requirements

ROOT = Path(__file__).resolve().parents[1]

# What the compiled part of an editable installation is made of, and the folders it copies.
COMPILED = (
    *('CMakeLists.txt', 'cmake', 'package.xml', 'pyproject.toml', 'setup.py', 'build_support'),
    *('msg', 'srv', 'action'),
    *('launch', 'config', 'models', 'worlds'),
)

# What to do, by what the log of a failed step says. The first that matches is shown.
REMEDIES: tuple[tuple[str, str], ...] = (
    (
        r'No space left on device|Errno 28',
        'The disk is full. About 1.5 GB are needed; TMPDIR says where pip unpacks.',
    ),
    (
        r'NewConnectionError|name resolution|ConnectTimeout|Connection refused|Network is unreach'
        r'|ProxyError|Read timed out|SSLError|CERTIFICATE',
        'The package index cannot be reached. Look at the network, and at the proxy or index that '
        'pip is told of (pip config list; HTTPS_PROXY, PIP_INDEX_URL). Then run make again.',
    ),
    (
        r'(?:satisfies the requirement|distribution found for) ros-',
        'There are no ROS 2 wheels for this machine. They exist for Linux with glibc on common '
        'processors and CPython 3.11 to 3.14: make PYTHON=/path/to/python3.12 chooses another '
        'Python.',
    ),
    (
        r'(?:satisfies the requirement|distribution found for) ',
        'The package index does not have this package for this Python. A mirror may lag behind: '
        'see pip config list.',
    ),
    (
        r'CMAKE_CXX_COMPILER|is not able to compile a simple test program',
        'The C++ compiler does not work. Debian, Ubuntu: apt install g++.',
    ),
    (
        r'Python\.h: No such file|Could NOT find Python3',
        "Python's headers are missing. Debian, Ubuntu: apt install python3-dev.",
    ),
)


class StepFailed(Exception):
    """A step of the set-up failed. Its text is for people: what failed and what to do."""


def check_machine() -> None:
    """
    Look for what pip cannot install.

    :raises StepFailed: when something is missing, with how to get it.
    """
    compiler = os.environ.get('CXX', '').split(' ')[0]
    candidates = [compiler] if compiler else ['c++', 'g++', 'clang++']
    if not any(shutil.which(candidate) for candidate in candidates):
        raise StepFailed(
            f'No C++ compiler was found ({", ".join(candidates)}). '
            'Debian, Ubuntu: apt install g++. Or name one: make CXX=/path/to/clang++ ...'
        )
    header = Path(sysconfig.get_path('include')) / 'Python.h'
    if not header.exists():
        raise StepFailed(
            f"Python's headers are missing ({header}); the ROS 2 interfaces are compiled against "
            'them. Debian, Ubuntu: apt install python3-dev. Or name a Python that has them: '
            'make PYTHON=/path/to/python3.12 ...'
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise StepFailed(
            f'{sys.executable} cannot make virtual environments. '
            'Debian, Ubuntu: apt install python3-venv.'
        ) from None


class Progress:
    """
    One line on the terminal that says what is going on; where there is no terminal, a few lines.

    :param total: how many steps there are.
    """

    # Without a terminal (CI), a sign of life this often, s.
    QUIET = 15.0

    def __init__(self, total: int) -> None:
        self._total = total
        self._step = 0
        self._title = ''
        self._detail = ''
        self._started = 0.0
        self._shown = 0.0
        self._live = sys.stdout.isatty()
        self._over = threading.Event()
        self._painter: threading.Thread | None = None

    def begin(self, title: str) -> None:
        """Begin the next step."""
        self._step += 1
        self._title, self._detail = title, ''
        self._started = self._shown = time.monotonic()
        if not self._live:
            print(f'[{self._step}/{self._total}] {title} ...', flush=True)
        self._over.clear()
        self._painter = threading.Thread(target=self._paint, daemon=True)
        self._painter.start()

    def detail(self, text: str) -> None:
        """Say what the step is at."""
        self._detail = text

    def end(self, how: str = 'done') -> None:
        """End the step."""
        assert self._painter is not None, 'no step has begun'
        self._over.set()
        self._painter.join()
        seconds = time.monotonic() - self._started
        line = f'[{self._step}/{self._total}] {self._title}: {how} in {seconds:.0f} s'
        print(f'\r\033[K{line}' if self._live else line, flush=True)

    def _paint(self) -> None:
        while not self._over.wait(0.2 if self._live else 1.0):
            now = time.monotonic()
            line = f'[{self._step}/{self._total}] {self._title}, {now - self._started:.0f} s'
            if self._detail:
                line += f': {self._detail}'
            if self._live:
                width = shutil.get_terminal_size().columns - 1
                print(f'\r\033[K{line[:width]}', end='', flush=True)
            elif now - self._shown >= self.QUIET:
                self._shown = now
                print(f'  {line}', flush=True)


class Log:
    """
    Runs commands with their output in a file.

    :param path: the file; begun anew.
    :param progress: told what pip is at.
    """

    def __init__(self, path: Path, progress: Progress) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open('w')
        self._progress = progress

    def run(self, title: str, command: Sequence[str], site_packages: Path) -> None:
        """
        Run one step.

        :param title: for people.
        :param command: program and arguments.
        :param site_packages: where pip installs; what lies there shows how far it is.
        :raises StepFailed: when it does not end with 0.
        """
        self._progress.begin(title)
        tail: list[str] = []
        fetched = 0
        installing: _Installing | None = None
        print('$', *command, file=self._file, flush=True)
        with subprocess.Popen(
            list(command),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
        ) as child:
            assert child.stdout is not None
            for line in child.stdout:
                self._file.write(line)
                self._file.flush()
                tail.append(line.rstrip())
                if found := re.match(r'Collecting (\S+?)[<>=!~\[ (]*(?:\s|$|[<>=!~(])', line):
                    fetched += 1
                    self._progress.detail(f'{found[1]} ({fetched})')
                elif line.startswith('Installing collected packages: '):
                    installing = _Installing(line.count(',') + 1, site_packages, self._progress)
                elif found := re.match(r'\s*\[(\d+/\d+)\] ', line):
                    self._progress.detail(f'compiling, {found[1]}')
        if installing is not None:
            installing.end()
        if child.returncode:
            self._progress.end('FAILED')
            raise StepFailed(self._explain(tail))
        self._progress.end()

    def _explain(self, output: list[str]) -> str:
        shown = [line for line in output if line and not line.startswith('WARNING')][-15:]
        text = '\n'.join(output)
        remedy = next((what for sign, what in REMEDIES if re.search(sign, text)), '')
        return '\n'.join([*shown, '', remedy, f'The whole log: {self._path}'])


class _Installing:
    """Shows how many packages pip has unpacked; pip itself is silent meanwhile."""

    def __init__(self, total: int, site_packages: Path, progress: Progress) -> None:
        self._total = total
        self._folder = site_packages
        self._progress = progress
        self._before = self._count()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _count(self) -> int:
        return sum(1 for _ in self._folder.glob('*.dist-info'))

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            done = min(self._count() - self._before, self._total)
            self._progress.detail(f'unpacking {done} of {self._total}')

    def end(self) -> None:
        self._over.set()
        self._watcher.join()


def digest(names: Sequence[str]) -> str:
    """Give a hash over files and the folders' files, by name and content."""
    total = hashlib.sha256()
    for name in names:
        place = ROOT / name
        files = sorted(place.rglob('*')) if place.is_dir() else [place]
        for path in files:
            if path.is_file() and '__pycache__' not in path.parts:
                total.update(f'{path.relative_to(ROOT)}\0'.encode())
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def set_up(folder: Path, purposes: Sequence[str]) -> None:
    """
    Make the virtual environment good for these purposes.

    :param folder: of the environment.
    :param purposes: names of optional parts; what was set up before stays.
    :raises StepFailed: when it cannot be.
    """
    ros = requirements.distribution()
    python = folder / 'bin' / 'python'
    site_packages = folder / 'lib' / f'python{sysconfig.get_python_version()}' / 'site-packages'
    record_file = folder / 'swarm_consensus_set_up.json'

    record = {}
    # An environment whose Python is gone (an upgrade, a moved folder) is of no more use.
    if record_file.exists() and subprocess.call([python, '-c', '']) == 0:
        record = json.loads(record_file.read_text())

    known = requirements.extras(ros)
    needed = [*requirements.build(ros), *requirements.runtime(ros)]
    for purpose in purposes:
        needed += known[purpose]
    needed = sorted(set(needed))
    missing = sorted(set(needed) - set(record.get('installed', [])))
    compiled = digest(COMPILED)
    stale = record.get('compiled') != compiled

    if not missing and not stale:
        return
    check_machine()
    steps = (not record) + bool(missing) + stale
    progress = Progress(steps)
    what = 'Bringing up to date' if record else 'Setting up, which happens once:'
    print(f'{what} {folder.name} with ROS 2 {ros}', flush=True)
    log = Log(ROOT / 'build' / f'set-up{folder.name}.log', progress)

    def save() -> None:
        record_file.write_text(json.dumps(record, indent=1))

    pip = [str(python), '-m', 'pip', '--disable-pip-version-check', '--no-input', 'install']
    if not record:
        make = [sys.executable, '-m', 'venv', '--clear', str(folder)]
        log.run('making a virtual environment', make, site_packages)
        record = {'ros': ros, 'python': sys.version, 'installed': [], 'compiled': ''}
    if missing:
        fetch = [*pip, '--progress-bar', 'off', *needed]
        log.run('fetching packages', fetch, site_packages)
        record['installed'] = sorted({*record['installed'], *needed})
        save()
    if stale:
        build = [*pip, '--verbose', '--no-build-isolation', '--no-deps', '--editable', str(ROOT)]
        log.run('compiling the interfaces', build, site_packages)
        record['compiled'] = compiled
        save()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; the exit code is 1 when the set-up failed."""
    parser = argparse.ArgumentParser(description='Set up a virtual environment.')
    parser.add_argument('folder', type=Path, help='of the environment')
    parser.add_argument('purposes', nargs='*', help='optional parts, e.g. demo test')
    options = parser.parse_args(arguments)
    folder = options.folder.absolute()

    for name in ('PYTHONPATH', 'AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH', 'LD_LIBRARY_PATH'):
        # What a sourced ROS 2 leaves there would pass for installed packages.
        os.environ.pop(name, None)
    (ROOT / 'build').mkdir(exist_ok=True)
    with open(ROOT / 'build' / f'set-up{folder.name}.lock', 'w') as lock:
        # Two makes at once: the second waits and then finds everything done.
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            set_up(folder, options.purposes)
        except StepFailed as failure:
            print(f'\n{failure}', file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print('\nInterrupted; the next run goes on from here.', file=sys.stderr)
            return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
