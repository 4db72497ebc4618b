"""`swarm members` says of each robot how it is, and `swarm keys` deals keys to guests as well."""

from __future__ import annotations

from pathlib import Path

from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.cli.main import main
from swarm_consensus.cli.members import describe
from swarm_consensus.transport.key_files import load_keys


def lines_of(swarm: Swarm, robot: str) -> dict[str, str]:
    """Return what is said of each robot."""
    lines = describe(swarm.status(robot).status)[1:]
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}


def test_every_robot_is_shown_with_its_state_and_its_part() -> None:
    swarm = Swarm(3, open_membership=True)
    swarm.elect()
    swarm.run(1.0)
    swarm.world.leave('r3')
    swarm.run(0.5)
    shown = lines_of(swarm, 'r1')
    assert shown['r3'] == 'voter, left'
    assert 'voter, alive' in shown['r1'] and 'voter, alive' in shown['r2']
    leader = next(robot for robot, text in shown.items() if text.startswith('leader'))
    assert leader in swarm.robots
    swarm.world.crash('r2')
    swarm.run(2.5)
    assert lines_of(swarm, 'r1')['r2'].startswith('voter, suspect, not heard')
    swarm.run(20.0)
    assert lines_of(swarm, 'r1')['r2'].startswith('voter, dead')


def test_keys_are_dealt_to_guests(tmp_path: Path) -> None:
    file = tmp_path / 'swarm.yaml'
    file.write_text(
        'swarm: team\nrobots: [a, b]\nsubjects: {mode: {}}\nconsensus: {membership: open}\n'
    )
    out = tmp_path / 'keys'
    assert main(['keys', str(file), '--out', str(out), '--guests', 'scout']) == 0
    assert load_keys(out, 'team', 'scout', ['a', 'b']).robot == 'scout'
    assert main(['keys', str(file), '--out', str(out), '--force', '--guests', 'a']) == 2
