"""The supervisor with real processes: start, restart, kill, clean end, and no orphan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time

import pytest

from swarm_consensus.composition.child_process import Command
from swarm_consensus.composition.supervision import Event, EventKind, Patience, Phase, Respawn
from swarm_consensus.composition.supervisor import Supervisor

SOON = 20.0  # s; far more than anything here takes
QUICK = Respawn(delay_min=0.01, delay_max=0.08)

# Ends cleanly on SIGINT, and says so.
POLITE = """
import signal, sys, time
def end(*_):
    print('bye', flush=True)
    sys.exit(0)
signal.signal(signal.SIGINT, end)
print('ready', flush=True)
while True: time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('ready', flush=True)
while True: time.sleep(60)
"""
# Has no opinion on signals, as most nodes have none.
PLAIN = """
import time
print('ready', flush=True)
while True: time.sleep(60)
"""
# Is asked to end while it still imports, and lets signals through when it heeds them.
SLOW = """
import signal, sys, time
print('imports', flush=True)
time.sleep(0.5)
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
while True: time.sleep(60)
"""
# Starts a process of its own, and both would run on for ever.
PARENT = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
print(child.pid, flush=True)
while True: time.sleep(60)
"""


def command(code: str, robot: str = 'a', name: str = 'node') -> Command:
    # -S -E: none of the start-up work of an environment, which is no part of these tests.
    return Command(f'{robot}/{name}', robot, (sys.executable, '-SEu', '-c', code))


def alive(pid: int) -> bool:
    """Whether a process runs; one that has died and waits to be reaped by init does not."""
    try:
        stat = Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(')')[2].split()[0] not in 'ZX'


def until(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + SOON
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


class Watch:
    """A supervisor with all that it said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.events: list[Event] = []
        self.opened: list[Supervisor] = []

    def __call__(
        self,
        *commands: Command,
        respawn: Respawn | None = None,
        patience: Patience = Patience(SOON, SOON, SOON),  # noqa: B008
    ) -> Supervisor:
        supervisor = Supervisor(
            commands,
            respawn=respawn,
            patience=patience,
            on_line=lambda label, line: self.lines.append((label, line)),
            on_event=self.events.append,
        )
        self.opened.append(supervisor)
        return supervisor

    def said(self, kind: EventKind) -> list[str]:
        return [event.text for event in self.events if event.kind is kind]

    def has_line(self, label: str, line: str) -> bool:
        return until(lambda: (label, line) in self.lines)


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    yield watch
    for supervisor in watch.opened:
        supervisor.close()


def test_starts_passes_on_lines_and_ends_with_sigint(watch: Watch) -> None:
    supervisor = watch(command(POLITE, 'a'), command(POLITE, 'b'))
    assert all(state.phase is Phase.DOWN for state in supervisor.states().values())
    supervisor.start()
    assert watch.has_line('a/node', 'ready')
    assert watch.has_line('b/node', 'ready')
    pids = [state.pid for state in supervisor.states().values()]
    supervisor.stop()
    assert ('a/node', 'bye') in watch.lines
    assert ('b/node', 'bye') in watch.lines
    assert not any(alive(pid) for pid in pids)
    states = supervisor.states().values()
    assert [(s.phase, s.pid, s.exit_code) for s in states] == [(Phase.DOWN, 0, 0)] * 2


def test_sigint_ends_processes_also_where_it_is_ignored_here(watch: Watch) -> None:
    """As in what a script puts into the background; a process would wait for SIGTERM instead."""
    supervisor = watch(command(PLAIN))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        supervisor.start()
    finally:
        signal.signal(signal.SIGINT, before)
    assert watch.has_line('a/node', 'ready')
    supervisor.stop()
    assert supervisor.states()['a/node'].exit_code == -signal.SIGINT


def test_a_signal_waits_for_a_program_that_still_imports(watch: Watch) -> None:
    arguments = (sys.executable, '-SEu', '-c', SLOW)
    supervisor = watch(Command('a/node', 'a', arguments, signals_wait=True))
    supervisor.start()
    assert watch.has_line('a/node', 'imports')
    supervisor.stop()
    assert supervisor.states()['a/node'].exit_code == 0
    assert ('a/node', 'Traceback (most recent call last):') not in watch.lines


def test_single_robots_are_stopped_killed_and_started(watch: Watch) -> None:
    supervisor = watch(
        command(POLITE, 'a', 'x'), command(POLITE, 'a', 'y'), command(POLITE, 'b', 'x')
    )
    supervisor.start(['a'])
    assert {s.label for s in supervisor.states().values() if s.pid} == {'a/x', 'a/y'}
    supervisor.start()
    supervisor.kill(['a/x'])
    assert supervisor.states()['a/x'].exit_code == -signal.SIGKILL
    assert supervisor.states()['a/x'].phase is Phase.DOWN
    assert supervisor.states()['a/y'].phase is Phase.RUNNING
    supervisor.start(['a'])
    states = supervisor.states()
    assert (states['a/x'].starts, states['a/y'].starts, states['b/x'].starts) == (2, 1, 1)


def test_killed_on_demand_stays_down_also_where_the_dead_are_restarted(watch: Watch) -> None:
    supervisor = watch(command(POLITE), respawn=QUICK)
    supervisor.start()
    supervisor.kill()
    assert supervisor.states()['a/node'].phase is Phase.DOWN
    assert watch.said(EventKind.RESTARTING) == []


def test_what_dies_is_restarted_after_growing_delays(watch: Watch) -> None:
    supervisor = watch(command('raise SystemExit(3)'), respawn=QUICK)
    supervisor.start()
    assert until(lambda: supervisor.states()['a/node'].starts >= 6)
    delays = [
        f'died (exit code 3); restart in {delay} s' for delay in (0.01, 0.02, 0.04, 0.08, 0.08)
    ]
    assert watch.said(EventKind.RESTARTING)[:5] == delays


def test_killed_from_outside_is_restarted(watch: Watch) -> None:
    supervisor = watch(command(POLITE), respawn=QUICK)
    supervisor.start()
    first = supervisor.states()['a/node'].pid
    os.kill(first, signal.SIGKILL)
    assert until(lambda: supervisor.states()['a/node'].starts == 2)
    assert watch.said(EventKind.RESTARTING) == ['died (SIGKILL); restart in 0.01 s']
    assert supervisor.states()['a/node'].pid not in (0, first)


def test_delay_begins_anew_after_a_healthy_run() -> None:
    rule = Respawn(delay_min=0.5, delay_max=10.0)
    assert [rule.delay(n) for n in (1, 2, 3, 4, 5, 6, 1000)] == [0.5, 1, 2, 4, 8, 10, 10]


def test_healthy_run_forgets_earlier_deaths(watch: Watch) -> None:
    rule = Respawn(delay_min=0.01, delay_max=10.0, healthy_after=0.0)
    supervisor = watch(command('raise SystemExit(3)'), respawn=rule)
    supervisor.start()
    assert until(lambda: supervisor.states()['a/node'].starts >= 4)
    assert set(watch.said(EventKind.RESTARTING)) == {'died (exit code 3); restart in 0.01 s'}


def test_wrong_configuration_is_not_restarted_and_its_reason_is_said(watch: Watch) -> None:
    code = (
        'import sys\nprint("hello")\n'
        'print("cannot start: model m.onnx is missing;\\n  give its path", file=sys.stderr)\n'
        'sys.exit(2)'
    )
    supervisor = watch(command(code), respawn=QUICK)
    supervisor.start()
    assert until(lambda: supervisor.states()['a/node'].phase is Phase.FAILED)
    assert watch.said(EventKind.FAILED) == [
        'not restarted, it must be set right: cannot start: model m.onnx is missing; give its path'
    ]
    assert supervisor.states()['a/node'].starts == 1


def test_program_that_is_not_there(watch: Watch) -> None:
    supervisor = watch(Command('a/node', 'a', ('/no/such/program',)), respawn=QUICK)
    supervisor.start()
    assert supervisor.states()['a/node'].phase is Phase.FAILED
    (text,) = watch.said(EventKind.FAILED)
    assert text.startswith('cannot be started: ')
    assert '/no/such/program' in text


def test_end_without_error_is_not_restarted(watch: Watch) -> None:
    supervisor = watch(command('print("done")'), respawn=QUICK)
    supervisor.start()
    assert until(lambda: supervisor.states()['a/node'].phase is Phase.ENDED)
    assert watch.said(EventKind.ENDED) == ['ended by itself; not restarted']
    assert ('a/node', 'done') in watch.lines


def test_death_without_respawn_is_said(watch: Watch) -> None:
    supervisor = watch(command('raise SystemExit(3)'))
    supervisor.start()
    assert until(lambda: supervisor.states()['a/node'].phase is Phase.ENDED)
    assert watch.said(EventKind.DIED) == ['died (exit code 3); not restarted']


def test_who_hears_no_signal_is_killed(watch: Watch) -> None:
    supervisor = watch(command(STUBBORN), patience=Patience(0.05, 0.05, SOON))
    supervisor.start()
    assert watch.has_line('a/node', 'ready')
    pid = supervisor.states()['a/node'].pid
    supervisor.stop()
    assert supervisor.states()['a/node'].exit_code == -signal.SIGKILL
    assert not alive(pid)


def test_what_a_process_started_ends_with_it(watch: Watch) -> None:
    supervisor = watch(command(PARENT))
    supervisor.start()
    assert until(lambda: bool(watch.lines))
    grandchild = int(watch.lines[0][1])
    assert alive(grandchild)
    # The signal goes to the whole group; killing only the parent must not leave the other either.
    os.kill(supervisor.states()['a/node'].pid, signal.SIGKILL)
    assert until(lambda: supervisor.states()['a/node'].pid == 0)
    assert until(lambda: not alive(grandchild))


@pytest.mark.skipif(sys.platform != 'linux', reason='PR_SET_PDEATHSIG is of Linux')
def test_no_orphan_when_the_supervisor_is_killed(repository: Path) -> None:
    code = f"""
import sys, time
sys.path.insert(0, {str(repository)!r})
from swarm_consensus.composition.child_process import Command
from swarm_consensus.composition.supervisor import Supervisor
s = Supervisor([Command('a/n', 'a', (sys.executable, '-S', '-c', 'import time; time.sleep(600)'))])
s.start()
print(s.states()['a/n'].pid, flush=True)
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert alive(child)
    process.kill()
    process.wait()
    process.stdout.close()
    assert until(lambda: not alive(child))


def test_children_outlive_the_thread_that_asked_for_them(watch: Watch) -> None:
    """The kernel ends a child with the thread that forked it: that must be the owner's."""
    supervisor = watch(command(POLITE))
    thread = threading.Thread(target=supervisor.start)
    thread.start()
    thread.join()
    assert watch.has_line('a/node', 'ready')
    time.sleep(0.05)
    assert alive(supervisor.states()['a/node'].pid)


def test_last_words_without_a_newline_and_strange_bytes_come_through(watch: Watch) -> None:
    code = 'import os\nos.write(1, b"a\\xffb\\r\\n")\nos.write(2, b"no newline")'
    supervisor = watch(command(code))
    supervisor.start()
    assert until(lambda: supervisor.states()['a/node'].phase is Phase.ENDED)
    assert watch.lines == [('a/node', 'a\ufffdb'), ('a/node', 'no newline')]


def test_flood_of_output_and_a_line_without_end_are_borne(watch: Watch) -> None:
    code = 'import os\nfor _ in range(200): os.write(1, b"x" * 9999)\nprint()\nprint("end")'
    supervisor = watch(command(code), command(POLITE, 'b'))
    supervisor.start()
    assert watch.has_line('a/node', 'end')
    text = ''.join(line for label, line in watch.lines if label == 'a/node')
    assert text == 'x' * 9999 * 200 + 'end'
    assert max(len(line) for _, line in watch.lines) < 100_000


def test_idle_supervisor_sleeps(watch: Watch) -> None:
    supervisor = watch(command(POLITE))
    supervisor.start()
    assert watch.has_line('a/node', 'ready')
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1


def test_wrong_name_and_use_after_the_end_are_errors(watch: Watch) -> None:
    supervisor = watch(command(POLITE))
    with pytest.raises(KeyError, match='no process belongs to "c"'):
        supervisor.start(['c'])
    supervisor.close()
    supervisor.close()
    with pytest.raises(RuntimeError, match='closed'):
        supervisor.start()


def test_failure_in_the_owners_thread_reaches_the_caller_and_leaves_no_process() -> None:
    pids: list[int] = []

    def fail(label: str, line: str) -> None:
        pids.append(int(line))
        raise ValueError('broken callback')

    supervisor = Supervisor([command(f'import os\nprint(os.getpid())\n{POLITE}')], on_line=fail)
    supervisor.start()
    with pytest.raises(RuntimeError, match='the supervisor has failed'):
        while True:
            supervisor.states()
            time.sleep(0.005)
    with pytest.raises(RuntimeError, match='the supervisor has failed'):
        supervisor.close()
    (pid,) = pids
    assert until(lambda: not alive(pid))
