"""Scenarios mean what they say: what is wrong is named with file and line, nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
import scenario_acts
from scenario_play import play
from scenario_stage import VERBS, Stage
from scenario_text import ScenarioError, ScenarioFailure, parse, render

from swarm_consensus.protocols.raft import MESSAGE_TYPES, Raft

HEADER = '# What it shows.\n# Source: nowhere.\n'


def run(text: str) -> str:
    """Return the scenario with the output that it gives."""
    return render(parse('s.txt', HEADER + text, VERBS), Stage().run).removeprefix(HEADER)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('swarm a b c\nsettel', 's.txt:4: there is no verb `settel`'),
        ('swarm a b c\nelekt a', 's.txt:4: there is no verb `elekt`; did you mean `elect`?'),
        ('    a leads term 1', 's.txt:3: output stands below no verb'),
        ('# a comment\n    a leads term 1', 's.txt:4: output stands below no verb'),
        ('elect a', 's.txt:3: elect: there are no robots yet: begin with `swarm`'),
        ('swarm a\nelect d', 's.txt:4: elect: `d` is not a robot; there are a (usage: elect NAME)'),
        ('swarm a\nelect', 's.txt:4: elect: a robot is missing'),
        ('swarm a\nelect a a', 's.txt:4: elect: `a` is too much'),
        ('swarm a\nrun many', 's.txt:4: run: `many` is not a number of ticks, a number'),
        ('swarm a\nrun -1', 's.txt:4: run: `-1` is not a number of ticks, a number'),
        ('swarm a\npropose a x size=3', 's.txt:4: propose: there is no option `size`'),
        ('swarm a\npropose a x bytes=3 bytes=4', 's.txt:4: propose: `bytes` is given twice'),
        ('swarm a\ndeliver apend', 's.txt:4: deliver: there is no message `apend`, but'),
        ('swarm a\ndeliver to=d', 's.txt:4: deliver: there is no robot `d`'),
        ('swarm a speed=3', 's.txt:3: swarm: there is no setting `speed`, but append_bytes_max'),
        ('swarm a election_ticks=1', 's.txt:3: swarm: heartbeat_ticks (2) must be at least 1'),
        ('swarm a\nrobot a log=1,x', 's.txt:4: robot: `x` is not the term of an entry'),
        ('swarm a\nrobot a log=1 snapshot=2', 's.txt:4: robot: a snapshot of 2 covers more'),
        ('swarm a\nrobot a timeout=20', 's.txt:4: robot: timeout 20 is not in 10..19'),
        ('swarm a\nrun 1\nrobot a log=1', 's.txt:5: robot: the robots run already'),
        ('swarm a\nstop a\ntick a', 's.txt:5: tick: a is stopped'),
        ('swarm a\nrestart a', 's.txt:4: restart: a runs'),
        ('swarm a b\nforge a vote term=1', 's.txt:4: forge: `candidate` is missing'),
        ('swarm a b\nforge a votes', 's.txt:4: forge: `votes` is not a kind of message'),
        ('swarm a b\nforge a timeout-now term=x leader=b', 's.txt:4: forge: `x` does not read'),
        ('swarm a b\nforge a timeout-now termm=1', 's.txt:4: forge: timeout-now has no `termm`'),
        ('swarm a\nexpect luck', 's.txt:4: expect: `luck` is not something to expect'),
        ('swarm a\nexpect role a king', 's.txt:4: expect: `king` is not a role; there are'),
    ],
)
def test_what_cannot_be_understood_is_named_with_file_and_line(text: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        run(text)
    assert message in str(caught.value)


@pytest.mark.parametrize('header', ['', '# What it shows.\n', '# What it shows.\n# From memory.\n'])
def test_a_scenario_says_what_it_shows_and_where_that_is_from(header: str) -> None:
    with pytest.raises(ScenarioError, match='s.txt:1: the first line says'):
        parse('s.txt', header + 'swarm a\n', VERBS)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('swarm a b\nexpect leader a', "s.txt:4: who leads is [], not ['a']"),
        ('swarm a\nelect a\nexpect no-leader', "s.txt:5: who leads is ['a'], not []"),
        ('swarm a b\nexpect term a b 1', 's.txt:4: term of a is 0, not 1'),
        ('swarm a b\nexpect role b leader', 's.txt:4: role of b is follower, not leader'),
        ('swarm a b\nexpect log b 1', 's.txt:4: log of b is -, not 1'),
        ('swarm a\nelect a\nexpect commit a 2', 's.txt:5: commit of a is 1, not 2'),
        ('swarm a b\nelect a\nexpect match a b 2', 's.txt:5: match of b at a is 1, not 2'),
        ('swarm a\nelect a\npropose a x\nexpect applied a y', 's.txt:6: applied of a is x, not y'),
        ('swarm a\nelect a\npropose a x\nexpect open x', 's.txt:6: end of x is committed 2@1'),
        ('swarm a\nexpect end x committed 2@1', 's.txt:4: end of x is None, not committed 2@1'),
        ('swarm a b\ncampaign a\nexpect air 2', 's.txt:5: number of such messages in the air is 1'),
        ('swarm a b\nexpect vote a b', 's.txt:4: vote of a is , not b'),
        ('swarm a b\nexpect voters a are=a', 's.txt:4: voters of a is a,b, not a'),
        ('swarm a learners=b\nexpect learners b are=a', 's.txt:4: learners of b is b, not a'),
        ('swarm a b\nstop b\nelect a', 's.txt:5: a is not elected'),
        ('swarm a learners=b\ncampaign b', 's.txt:4: b does not campaign in 20 ticks'),
        ('swarm a b\ncopy append', 's.txt:4: there is no such message in the air'),
    ],
)
def test_what_does_not_hold_is_said_with_file_and_line(text: str, message: str) -> None:
    with pytest.raises(ScenarioFailure) as caught:
        run(text)
    assert message in str(caught.value)


def test_a_broken_invariant_names_the_line_where_it_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, '_would_vote', lambda raft, message: True)
    with pytest.raises(ScenarioFailure, match='s.txt:6: election safety: a, c lead term 1'):
        run('swarm a b c\ncampaign a\ncampaign c\ndeliver')


def test_another_output_is_shown_as_a_difference_and_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / 's.txt'
    path.write_text(HEADER + 'swarm a\nelect a\n    a leads term 7\n')
    with pytest.raises(ScenarioFailure) as caught:
        play(path)
    assert '-    a leads term 7' in str(caught.value)
    assert '+    a leads term 1' in str(caught.value)
    play(path, rewrite=True)
    play(path)
    assert path.read_text().endswith('elect a\n    a leads term 1\n')


def test_rewriting_does_not_hide_what_is_expected(tmp_path: Path) -> None:
    path = tmp_path / 's.txt'
    path.write_text(HEADER + 'swarm a\nelect a\nexpect term a 7\n')
    before = path.read_text()
    with pytest.raises(ScenarioFailure, match='s.txt:5: term of a is 1, not 7'):
        play(path, rewrite=True)
    assert path.read_text() == before


def test_messages_wait_are_lost_or_come_late_as_told() -> None:
    assert run(
        'swarm a b c\nhold vote to=c\ncampaign a\ndeliver\nair\ndrop\nair\n'
        'release\npropose a x\ncopy append to=b\nlose append to=c\nair\nlate\nair\n'
    ) == (
        'swarm a b c\nhold vote to=c\ncampaign a\n    a asks for pre-votes in term 0\n'
        'deliver\n    a is candidate in term 1\n    a leads term 1\n'
        'air\n    a > c: vote term 1, log ends 0@0\n'
        'drop\nair\n    nothing\n'
        'release\npropose a x\ncopy append to=b\nlose append to=c\n'
        'air\n    a > b: append term 1, after 1@1: 2@1, commit 1\n'
        'late\nair\n    a > b,b: append term 1, after 1@1: 2@1, commit 1\n'
    )


def test_what_waits_for_the_disk_is_lost_with_a_crash_but_for_what_is_said() -> None:
    text = (
        'swarm a b\nelect a\nhold-disk b\npropose a x y\ndeliver\nlogs b\n'
        'stop b written=1\nrestart b\nlogs b\n'
    )
    assert run(text).endswith(
        'logs b\n    b 1,1,1, commit 1, durable 1\nstop b written=1\nrestart b\n'
        'logs b\n    b 1,1, commit 0\n'
    )


def test_every_message_has_a_name() -> None:
    named = {type_ for type_, _ in scenario_acts.KINDS.values()}
    assert named == set(MESSAGE_TYPES)


def test_every_verb_is_explained() -> None:
    assert all(verb.handler.__doc__ for verb in VERBS.values())
