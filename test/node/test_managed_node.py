"""How every node of the package starts, takes parameters, fails and ends: as a real process."""

from __future__ import annotations

import json
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest
from swarm_testing.node_probe import NodeProbe
from swarm_testing.processes import Process, ProcessGroup

from swarm_consensus.composition.middleware import FASTDDS_PROFILES
from swarm_consensus.nodes.managed import EXIT_CONFIGURATION

NODE = 'sample'
ACTIVE = 'now active'

# A node with one parameter of each kind, that fails in whatever way `fail` says.
SAMPLE = """
import sys, time
from std_msgs.msg import String
from swarm_consensus.composition.parameter import Parameter
from swarm_consensus.nodes.executor import run
from swarm_consensus.nodes.managed import ManagedNode, StartError
from swarm_consensus.nodes.parameters import NodeParameters

PARAMETERS = (
    Parameter('fail', '', 'Where to fail.', choices=('', 'configure', 'activate', 'bug', 'timer')),
    Parameter('name', '', 'Some name.', required=True),
    Parameter('fraction', 0.5, 'Some share.', 's', 0.0, 1.0, tunable=True),
    Parameter('count', 3, 'Some number.', minimum=1, maximum=9, tunable=True),
    Parameter('words', [], 'Some words.', element=str),
    Parameter('weights', [1.0, 2.0], 'Some weights.', minimum=0.0, tunable=True),
    Parameter('slow', 0.0, 'How long to take to be made.', 's'),
)


class Sample(ManagedNode):
    def __init__(self):
        super().__init__('sample')
        self.settings = NodeParameters(self, check=self.check, changed=self.changed)
        values = self.settings.declare(PARAMETERS)
        self.settings.warn_of_unknown()
        print('values', {k: values[k] for k in ('fraction', 'count', 'words', 'weights')})
        print('making')
        time.sleep(values['slow'])

    def check(self, after):
        return 'count times fraction is too much' if after['count'] * after['fraction'] > 4 else ''

    def changed(self, changed):
        print('changed', changed)

    def configure(self):
        self.publisher = self.create_lifecycle_publisher(String, 'words', 10)
        fail = self.settings.values['fail']
        if fail == 'configure':
            raise StartError('configure does not want to')
        if fail == 'bug':
            raise ZeroDivisionError('a broken invariant')
        if fail == 'timer':
            self.create_timer(0.05, self.tick)

    def activate(self):
        if self.settings.values['fail'] == 'activate':
            raise StartError('activate does not want to')
        print('now active')

    def deactivate(self):
        print('now inactive')

    def release(self):
        print('released')

    def tick(self):
        raise ZeroDivisionError('a broken invariant')


sys.exit(run(Sample))
"""


@pytest.fixture
def start(processes: ProcessGroup, tmp_path: Path):
    script = tmp_path / 'sample.py'
    script.write_text(SAMPLE)

    def start_it(*arguments: str, **parameters) -> Process:
        command = [sys.executable, str(script), '--ros-args', *arguments]
        for name, value in ({'name': 'x'} | parameters).items():
            if value is not None:
                command += ['-p', f'{name}:={json.dumps(value)}']
        return processes.start(command, NODE)

    return start_it


# -- starting and ending --------------------------------------------------------------------------


def test_it_goes_to_active_by_itself_and_ends_on_a_signal(start):
    node = start()
    node.wait_for_output(ACTIVE)
    assert node.interrupt() == 0
    assert node.output.splitlines()[-2:] == ['now inactive', 'released']


def test_fast_dds_asks_nobody_for_types(processes: ProcessGroup, start):
    """Nor is there a thread that could crash with the answers (composition/middleware.py)."""
    for name in FASTDDS_PROFILES:
        (processes.environment or {}).pop(name, None)
    node = start()
    node.wait_for_output(ACTIVE)
    threads = {path.read_text().strip() for path in Path(f'/proc/{node.pid}/task').glob('*/comm')}
    if not any(name.startswith('dds.udp') for name in threads):
        pytest.skip('this Fast DDS does not name its threads')
    assert not {name for name in threads if name.startswith('dds.tls')}, threads


def test_a_launcher_that_asks_three_times_gets_the_same_clean_end(start):
    node = start()
    node.wait_for_output(ACTIVE)
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
        if node.alive:
            node._child.send_signal(number)
    assert node.wait() == 0
    assert 'Traceback' not in node.output


def test_a_signal_while_it_is_being_made_ends_it_cleanly(start):
    node = start(slow=1.0)
    node.wait_for_output('making')
    assert node.interrupt() == 0
    assert ACTIVE not in node.output
    assert 'Traceback' not in node.output


def test_a_refusal_to_configure_is_one_sentence(start):
    node = start(fail='configure')
    assert node.wait() == EXIT_CONFIGURATION
    assert 'cannot start: configure does not want to' in node.output
    assert 'Traceback' not in node.output
    assert 'released' in node.output  # what was half made is undone


def test_a_refusal_to_activate_is_one_sentence(start):
    node = start(fail='activate')
    assert node.wait() == 1  # what it needs may be there the next time
    assert 'cannot start: activate does not want to' in node.output
    assert 'Traceback' not in node.output


def test_a_bug_in_a_transition_is_not_swallowed(start):
    node = start(fail='bug')
    assert node.wait() != 0
    assert 'ZeroDivisionError: a broken invariant' in node.output
    assert 'in configure' in node.output  # the traceback


def test_a_bug_in_a_callback_ends_the_process_with_its_traceback(start):
    node = start(fail='timer')
    assert node.wait() not in (0, EXIT_CONFIGURATION)
    assert 'ZeroDivisionError: a broken invariant' in node.output
    assert 'in tick' in node.output


@pytest.mark.alone
def test_it_sleeps_while_it_has_nothing_to_do(start):
    node = start()
    node.wait_for_output(ACTIVE)
    time.sleep(1.0)

    def ticks() -> int:
        fields = Path(f'/proc/{node.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(3.0)
    assert ticks() - before <= 3  # of 10 ms each: 1 % of a core


# -- parameters -----------------------------------------------------------------------------------


def values(node: Process) -> str:
    return node.wait_for_output('values').partition(' ')[2]


def test_defaults(start):
    wanted = "{'fraction': 0.5, 'count': 3, 'words': [], 'weights': [1.0, 2.0]}"
    assert values(start()) == wanted


def test_given_values_take_the_type_of_the_parameter(start):
    node = start(fraction=1, words=['a', 'b'], weights=[1, 2], count=9)
    wanted = "{'fraction': 1.0, 'count': 9, 'words': ['a', 'b'], 'weights': [1.0, 2.0]}"
    assert values(node) == wanted


def test_an_empty_list_is_an_empty_list(start):
    node = start(words=[], weights=[])
    assert values(node).endswith("'words': [], 'weights': []}")


def test_every_wrong_value_is_said_at_once(start):
    node = start(
        name=None, fraction=2.0, count=1.5, fail='later', words=[1], weights=[-1.0], nmae='x'
    )
    assert node.wait() == EXIT_CONFIGURATION
    for said in (
        'name is not set. Some name.',
        'fraction is 2 s, but must be between 0 and 1 s',
        'count is 1.5, but must be',
        "fail is 'later', but must be one of",
        'words is 1, but must be',
        'weights is -1, but must be at least 0',
    ):
        assert said in node.output
    assert 'Traceback' not in node.output


def test_a_misspelt_name_gets_a_hint(start):
    start(fractoin=0.2).wait_for_output(
        'unknown parameter fractoin has no effect; did you mean fraction?'
    )


def test_changes_by_service(start):
    node = start()
    node.wait_for_output(ACTIVE)
    with NodeProbe('/') as probe:
        assert probe.set_parameter(NODE, 'fraction', 0.25).successful
        node.wait_for_output("changed {'fraction': 0.25}")
        assert probe.get_parameter(NODE, 'fraction') == 0.25
        assert probe.set_parameter(NODE, 'weights', [4.0]).successful
        node.wait_for_output("changed {'weights': [4.0]}")
        for name, value, said in (
            ('fraction', 1.5, 'range'),
            ('weights', [-1.0], 'weights is -1, but must be at least 0'),
            ('name', 'other', 'read-only'),
            ('count', 'three', 'type'),
        ):
            refused = probe.set_parameter(NODE, name, value)
            assert not refused.successful
            assert said in refused.reason, name
        assert probe.set_parameter(NODE, 'fraction', 1.0).successful
        refused = probe.set_parameter(NODE, 'count', 5)
        assert refused.reason == 'count times fraction is too much'
        assert probe.get_parameter(NODE, 'count') == 3


PROGRAM = """
from pathlib import Path
import sys
import time
from swarm_consensus.nodes.consensus_node import ConsensusNode
from swarm_consensus.nodes.executor import run

def left():
    names = []
    for task in Path('/proc/self/task').iterdir():
        try:
            names.append((task / 'comm').read_text().strip())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return sorted(name for name in names if name.startswith('dds.udp'))

code = run(ConsensusNode, sys.argv)
# The kernel shows a thread for a moment longer than it runs.
until = time.monotonic() + 5.0
while (names := left()) and time.monotonic() < until:
    time.sleep(0.01)
print(code, names)
"""


def test_nothing_of_dds_outlives_a_node(ros_environment, tmp_path):
    """Threads of DDS that are there when Python ends crash the process now and then."""
    wrong = {'swarm': 'team', 'robot': 'nobody', 'robots': '[a, b]'}
    arguments = [word for name, value in wrong.items() for word in ('-p', f'{name}:={value}')]
    program = tmp_path / 'program.py'
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), '--ros-args', *arguments],
        env=ros_environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == '2 []\n', done.stderr
