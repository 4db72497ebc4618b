"""Verbs for what is shown, and for what must hold whatever the golden output says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scenario_messages import members
from scenario_stage import Handler, Stage, tell, verb
from scenario_swarm import Flight, Robot
from scenario_text import Args

from swarm_consensus.protocols.raft import Raft, Role

ROLES = tuple(role.name.lower().replace('_', '-') for role in Role)


# -- what is shown --------------------------------------------------------------------------------


@verb('air [KIND..] [from=..] [to=..]')
def air(stage: Stage, args: Args) -> None:
    """Print the messages in the air; one line is one message, however many it is for."""
    wanted = stage.filter(args)
    show_air(stage, [flight for flight in stage.swarm.air if wanted(flight)])


def show_air(stage: Stage, flights: list[Flight]) -> None:
    receivers: dict[int, list[str]] = {}
    for flight in flights:
        receivers.setdefault(flight.send, []).append(flight.to)
    shown = set()
    for flight in flights:
        if flight.send not in shown:
            shown.add(flight.send)
            to = ','.join(receivers[flight.send])
            stage.say(tell(flight.sender, to, flight.message))
    if not flights:
        stage.say('nothing')


@verb('roles [NAME..]')
def roles(stage: Stage, args: Args) -> None:
    """Print role, term, vote and leader of robots."""
    for robot, raft in shown_robots(stage, args):
        status = raft.status()
        role = status.role.name.lower().replace('_', '-')
        vote = f' vote {status.vote}' if status.vote else ''
        leader = f' of {status.leader}' if status.leader not in ('', robot.name) else ''
        lost = f' lost {status.lost}' if status.lost else ''
        stage.say(f'{robot.name} {role}{leader}, term {status.term}{vote}{lost}')


@verb('logs [NAME..]')
def logs(stage: Stage, args: Args) -> None:
    """Print the terms of the logs, how far they are committed, and how far durable if not all."""
    for robot, raft in shown_robots(stage, args):
        status = raft.status()
        durable = ''
        if status.persisted_index != status.last_index:
            durable = f', durable {status.persisted_index}'
        stage.say(f'{robot.name} {robot.view.terms}, commit {status.commit_index}{durable}')


@verb('applied [NAME..]')
def applied(stage: Stage, args: Args) -> None:
    """Print the commands that were applied."""
    for robot, _ in shown_robots(stage, args):
        commands = ' '.join(text.strip() for _, text in robot.state.commands)
        stage.say(f'{robot.name} {commands or "nothing"}')


@verb('progress NAME')
def progress(stage: Stage, args: Args) -> None:
    """Print what a leader knows of each log."""
    name = stage.runner(args)
    args.done()
    match = stage.swarm.raft(name).status().match
    stage.say('  '.join(f'{robot} {index}' for robot, index in sorted(match.items())) or 'nothing')


@verb('members [NAME..]')
def members_(stage: Stage, args: Args) -> None:
    """Print the membership in force at robots."""
    for robot, raft in shown_robots(stage, args):
        stage.say(f'{robot.name} {members(raft.status().membership)}')


@verb('drops [NAME..]')
def drops(stage: Stage, args: Args) -> None:
    """Print the messages that robots dropped, by reason."""
    for robot, raft in shown_robots(stage, args):
        counts = raft.status().drops
        text = ' '.join(f'{reason.value} {count}' for reason, count in counts.items())
        stage.say(f'{robot.name} {text or "nothing"}')


@verb('disks [NAME..]')
def disks(stage: Stage, args: Args) -> None:
    """Print what would outlive a crash."""
    for name in stage.names(args, needed=False) or list(stage.swarm.robots):
        disk = stage.swarm.robots[name].disk
        state = disk.hard_state
        vote = f' vote {state.vote}' if state.vote else ''
        lost = f' lost {state.lost}' if state.lost else ''
        stage.say(f'{name} {disk.terms}, term {state.term}{vote}{lost}')
    args.done()


def shown_robots(stage: Stage, args: Args) -> Iterator[tuple[Robot, Raft]]:
    """Take the robots to show, all where none is named, and say which are stopped."""
    names = stage.names(args, needed=False) or list(stage.swarm.robots)
    args.done()
    for name in names:
        robot = stage.swarm.robots[name]
        if robot.raft is None:
            stage.say(f'{name} is stopped')
        else:
            yield robot, robot.raft


# -- what must hold -------------------------------------------------------------------------------

EXPECTATIONS: dict[str, Handler] = {}


def expectation(what: str) -> Callable[[Handler], Handler]:
    """Make a function one that `expect WHAT` calls."""

    def add(handler: Handler) -> Handler:
        EXPECTATIONS[what] = handler
        return handler

    return add


@verb(
    'expect leader NAME.. | no-leader | role NAME.. ROLE | term NAME.. N | log NAME.. TERMS | '
    'commit NAME.. N | match LEADER NAME N | applied NAME.. IDS | end ID TEXT | open ID | '
    'air N [FILTER] | vote NAME OF | voters NAME.. are=.. | learners NAME.. are=..'
)
def expect(stage: Stage, args: Args) -> None:
    """Hold something, whatever the golden output says; rewriting never changes these lines."""
    EXPECTATIONS[args.word('something to expect', EXPECTATIONS)](stage, args)


def hold_equal(args: Args, what: str, actual: object, wanted: object) -> None:
    args.done()
    if actual != wanted:
        raise args.failure(f'{what} is {actual}, not {wanted}')


def hold_each(stage: Stage, args: Args, names: list[str], what: str, wanted: str, value) -> None:  # noqa: ANN001
    args.done()
    for name in names:
        actual = value(stage.swarm.robots[name])
        if actual != wanted:
            raise args.failure(f'{what} of {name} is {actual}, not {wanted}')


@expectation('leader')
def expect_leader(stage: Stage, args: Args) -> None:
    names = stage.runners(args)
    leaders = [robot.name for robot in stage.swarm.running if robot.raft.role is Role.LEADER]
    hold_equal(args, 'who leads', leaders, names)


@expectation('no-leader')
def expect_no_leader(stage: Stage, args: Args) -> None:
    leaders = [robot.name for robot in stage.swarm.running if robot.raft.role is Role.LEADER]
    hold_equal(args, 'who leads', leaders, [])


@expectation('role')
def expect_role(stage: Stage, args: Args) -> None:
    names, role = stage.runners(args), args.word('a role', ROLES)
    hold_each(
        stage, args, names, 'role', role, lambda r: r.raft.role.name.lower().replace('_', '-')
    )


@expectation('term')
def expect_term(stage: Stage, args: Args) -> None:
    names, term = stage.runners(args), args.number('a term')
    hold_each(stage, args, names, 'term', str(term), lambda robot: str(robot.raft.term))


@expectation('log')
def expect_log(stage: Stage, args: Args) -> None:
    names, terms = stage.runners(args), args.word('the terms of a log')
    hold_each(stage, args, names, 'log', terms, lambda robot: robot.view.terms)


@expectation('commit')
def expect_commit(stage: Stage, args: Args) -> None:
    names, index = stage.runners(args), args.number('an index')
    hold_each(stage, args, names, 'commit', str(index), lambda r: str(r.raft.commit_index))


@expectation('match')
def expect_match(stage: Stage, args: Args) -> None:
    leader, follower, index = stage.runner(args), stage.name(args), args.number('an index')
    match = stage.swarm.raft(leader).status().match
    hold_equal(args, f'match of {follower} at {leader}', match.get(follower), index)


@expectation('applied')
def expect_applied(stage: Stage, args: Args) -> None:
    names = stage.runners(args)
    wanted = ' '.join(args.rest())
    hold_each(
        stage,
        args,
        names,
        'applied',
        wanted,
        lambda robot: ' '.join(text.strip() for _, text in robot.state.commands),
    )


@expectation('end')
def expect_end(stage: Stage, args: Args) -> None:
    request = args.word('a request id')
    hold_equal(args, f'end of {request}', stage.swarm.ends.get(request), ' '.join(args.rest()))


@expectation('open')
def expect_open(stage: Stage, args: Args) -> None:
    request = args.word('a request id')
    hold_equal(args, f'end of {request}', stage.swarm.ends.get(request), None)


@expectation('air')
def expect_air(stage: Stage, args: Args) -> None:
    count = args.number('a number of messages')
    wanted = stage.filter(args)
    sends = {flight.send for flight in stage.swarm.air if wanted(flight)}
    hold_equal(args, 'number of such messages in the air', len(sends), count)


@expectation('vote')
def expect_vote(stage: Stage, args: Args) -> None:
    name, candidate = stage.runner(args), stage.name(args)
    hold_equal(args, f'vote of {name}', stage.swarm.raft(name).status().vote, candidate)


def expect_group(stage: Stage, args: Args, field: str) -> None:
    names, group = stage.runners(args), args.list_option('are')

    def value(robot: Robot) -> str:
        membership = robot.raft.status().membership
        return ','.join(sorted(getattr(membership, field)))

    hold_each(stage, args, names, field, ','.join(sorted(group)), value)


@expectation('voters')
def expect_voters(stage: Stage, args: Args) -> None:
    expect_group(stage, args, 'voters')


@expectation('learners')
def expect_learners(stage: Stage, args: Args) -> None:
    expect_group(stage, args, 'learners')
