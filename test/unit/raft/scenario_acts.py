"""
Verbs for what happens: robots, time, requests, messages, disks.

`all` stands for every robot that runs. A filter of messages is kinds (scenario_messages.KINDS),
`from=` and `to=`, each optional. What happens prints by itself who leads or steps down, and how
requests ended.
"""

from __future__ import annotations

from dataclasses import fields, replace

from scenario_messages import KINDS, forge
from scenario_shows import show_air
from scenario_stage import Stage, verb
from scenario_swarm import DELIVERIES_MAX, Filter, Flight, Robot, Store
from scenario_text import Args

from swarm_consensus.protocols.raft import (
    ConfigError,
    Entry,
    EntryKind,
    HardState,
    RaftConfig,
    Role,
    Snapshot,
    SnapshotMark,
)

SETTINGS = frozenset(field.name for field in fields(RaftConfig)) - {
    'robot',
    'voters',
    'learners',
    'robots',
    'priority',
}


# -- the robots ---------------------------------------------------------------------------------


@verb('swarm VOTER.. [learners=..] [others=..] [term=N] [SETTING=N ..]')
def swarm_(stage: Stage, args: Args) -> None:
    """Make new robots, forgetting all before; `others` run but are no members yet."""
    voters = tuple(args.rest())
    learners, others = args.list_option('learners'), args.list_option('others')
    term = args.number_option('term')
    settings = {'election_ticks': 10, 'heartbeat_ticks': 2}
    for key, text in args.options_left().items():
        if key not in SETTINGS:
            raise args.error(f'there is no setting `{key}`, but {" ".join(sorted(SETTINGS))}')
        settings[key] = args.as_number(text, f'`{key}`')
    stage.reset()
    robots = voters + learners + others
    longest = 2 * settings['election_ticks'] - 1
    for place, name in enumerate(robots):
        try:
            config = RaftConfig(name, voters, learners, robots=robots, **settings)
        except ConfigError as error:
            raise args.error(str(error)) from error
        # All later than the shortest timeout, the first named soonest.
        timeout = max(settings['election_ticks'], longest - len(robots) + 1 + place)
        robot = Robot(config, timeout)
        robot.disk.hard_state = HardState(term)
        stage.swarm.robots[name] = robot


@verb(
    'robot NAME [log=1,1,2] [snapshot=N] [term=N] [vote=NAME] [lost=TOKEN] [timeout=N] [priority=N]'
)
def robot_(stage: Stage, args: Args) -> None:
    """Say with what a robot begins: its disk, its rank, and its election timeout in ticks."""
    robot = stage.swarm.robots[stage.name(args)]
    if stage.started:
        raise args.error('the robots run already')
    terms = args.as_terms(args.option('log', '-'))
    covered = args.number_option('snapshot')
    state = robot.disk.hard_state
    term = max([args.number_option('term', state.term), *terms])
    vote, lost = args.option('vote'), args.option('lost')
    ticks = robot.config.election_ticks
    timeout = args.number_option('timeout', robot.timeout)
    set_priority(robot, args)
    args.done()
    if not ticks <= timeout < 2 * ticks:
        raise args.error(f'timeout {timeout} is not in {ticks}..{2 * ticks - 1}')
    if covered > len(terms):
        raise args.error(f'a snapshot of {covered} covers more than the log')
    robot.timeout = timeout
    entries = [
        Entry(index, entry_term, EntryKind.COMMAND, f'{index}@{entry_term}'.encode())
        for index, entry_term in enumerate(terms, 1)
    ]
    robot.disk = Store(HardState(term, vote, lost), None, entries[covered:])
    if covered:
        for entry in entries[:covered]:
            robot.state.apply(entry)
        mark = SnapshotMark(covered, entries[covered - 1].term, robot.config.membership)
        robot.disk.snapshot = Snapshot(mark, robot.state.snapshot(covered, 0))


def set_priority(robot: Robot, args: Args) -> None:
    priority = args.number_option('priority', robot.config.priority)
    robot.config = replace(robot.config, priority=priority)


@verb('stop NAME [written=N]')
def stop(stage: Stage, args: Args) -> None:
    """End a robot as kill -9 does, once its disk has finished the first `written` writes."""
    name = stage.runner(args)
    written = args.number_option('written')
    args.done()
    if written:
        stage.swarm.write(name, written)
    stage.swarm.stop(name)


@verb('restart NAME [lost=TOKEN] [priority=N]')
def restart(stage: Stage, args: Args) -> None:
    """Start a stopped robot with what its disk has; `lost`: its disk was damaged."""
    name = stage.name(args)
    robot = stage.swarm.robots[name]
    lost = args.option('lost')
    set_priority(robot, args)
    args.done()
    if robot.raft is not None:
        raise args.error(f'{name} runs')
    if lost:
        robot.disk = Store(HardState(lost=lost))
    robot.start()


# -- time and requests ----------------------------------------------------------------------------


@verb('tick NAME.. [N]')
def tick(stage: Stage, args: Args) -> None:
    """Let N ticks pass at some robots; what they send stays in the air."""
    names = stage.runners(args)
    count = args.number('a number of ticks', 1)
    args.done()
    stage.swarm.tick(names, count)


@verb('run N')
def run(stage: Stage, args: Args) -> None:
    """Let N ticks pass at every robot, and deliver all there is after each."""
    count = args.number('a number of ticks')
    args.done()
    for _ in range(count):
        stage.swarm.tick([robot.name for robot in stage.swarm.running])
        stage.swarm.deliver(Filter())


@verb('silence')
def silence(stage: Stage, args: Args) -> None:
    """Let an election timeout pass at every robot; what is sent meanwhile is lost."""
    args.done()
    be_silent(stage)


def be_silent(stage: Stage) -> None:
    swarm = stage.swarm
    before, swarm.lost = swarm.lost, [lambda flight: True]
    robots = swarm.running
    for robot in robots:
        swarm.tick([robot.name], robot.config.election_ticks)
    swarm.lost = before


@verb('campaign NAME')
def campaign(stage: Stage, args: Args) -> None:
    """Let time pass at one robot until it campaigns."""
    name = stage.runner(args)
    args.done()
    call_election(stage, args, name)


def call_election(stage: Stage, args: Args, name: str) -> None:
    raft, ticks = stage.swarm.raft(name), 2 * stage.swarm.robots[name].config.election_ticks
    if raft.role is Role.LEADER:
        raise args.failure(f'{name} leads already')
    before = stage.swarm.campaigns.get(name, 0)
    for _ in range(ticks):
        stage.swarm.tick([name])
        if raft.role is Role.LEADER or stage.swarm.campaigns.get(name, 0) > before:
            return
    raise args.failure(f'{name} does not campaign in {ticks} ticks')


@verb('elect NAME')
def elect(stage: Stage, args: Args) -> None:
    """Let a robot win: all leaders fall silent, it campaigns, and all messages are delivered."""
    name = stage.runner(args)
    args.done()
    be_silent(stage)
    call_election(stage, args, name)
    stage.swarm.deliver(Filter())
    if stage.swarm.raft(name).role is not Role.LEADER:
        said = ''.join(f'\n  {line}' for line in stage.swarm.said)
        raise args.failure(f'{name} is not elected{said}')


@verb('propose NAME ID.. [bytes=N] [deadline=N]')
def propose(stage: Stage, args: Args) -> None:
    """Propose commands that read like their id, filled up to a size."""
    name = stage.runner(args)
    ids = [args.word('a request id'), *args.rest()]
    size, deadline = args.number_option('bytes'), args.number_option('deadline')
    args.done()
    for id_ in ids:
        data = id_.encode().ljust(size)
        stage.swarm.do(name, lambda raft, id_=id_, data=data: raft.propose(id_, data, deadline))


@verb('read NAME ID [deadline=N]')
def read(stage: Stage, args: Args) -> None:
    """Ask for a linearizable read."""
    name, id_ = stage.runner(args), args.word('a request id')
    deadline = args.number_option('deadline')
    args.done()
    stage.swarm.do(name, lambda raft: raft.read(id_, deadline))


@verb('transfer NAME [TARGET]')
def transfer(stage: Stage, args: Args) -> None:
    """Ask a robot to hand its leadership over."""
    name = stage.runner(args)
    target = stage.name(args) if args.peek() else ''
    args.done()
    stage.swarm.do(name, lambda raft: raft.transfer(target))


@verb('snapshot NAME [INDEX] [bytes=N]')
def snapshot(stage: Stage, args: Args) -> None:
    """Let the state at a place that was applied, the last if none is named, replace the log."""
    name = stage.runner(args)
    state = stage.swarm.robots[name].state
    index = args.number('an index', state.index)
    size = args.number_option('bytes')
    args.done()
    if index > state.index:
        raise args.failure(f'{name} has applied {state.index} only')
    data = state.snapshot(index, size)
    stage.swarm.do(name, lambda raft: raft.snapshot(index, data))


@verb('change NAME ID voters=.. [learners=..] [deadline=N]')
def change(stage: Stage, args: Args) -> None:
    """Ask for a change of membership."""
    name, id_ = stage.runner(args), args.word('a request id')
    voters, learners = args.list_option('voters'), args.list_option('learners')
    deadline = args.number_option('deadline')
    args.done()
    stage.swarm.do(name, lambda raft: raft.change(id_, voters, learners, deadline))


# -- the air ------------------------------------------------------------------------------------


@verb('deliver [KIND..] [from=..] [to=..] [count=N]')
def deliver(stage: Stage, args: Args) -> None:
    """Deliver messages, and those that come of them, until none is left."""
    count = args.number_option('count', DELIVERIES_MAX)
    stage.swarm.deliver(stage.filter(args), count)


@verb('step [KIND..] [from=..] [to=..]')
def step_(stage: Stage, args: Args) -> None:
    """Deliver the messages that are in the air now, and not those that come of them."""
    stage.swarm.deliver(stage.filter(args), new=False)


@verb('drop [KIND..] [from=..] [to=..] [count=N]')
def drop(stage: Stage, args: Args) -> None:
    """Lose messages that are in the air, the oldest first."""
    count = args.number_option('count', DELIVERIES_MAX)
    wanted = stage.filter(args)
    lost = [flight for flight in stage.swarm.air if wanted(flight)][:count]
    stage.drop_where(lambda flight: flight in lost)


@verb('hold [KIND..] [from=..] [to=..]')
def hold(stage: Stage, args: Args) -> None:
    """Keep such messages in the air, now and later, until `release`."""
    stage.swarm.held.append(stage.filter(args))


@verb('release')
def release(stage: Stage, args: Args) -> None:
    """Let all messages be delivered again."""
    args.done()
    stage.swarm.held.clear()


@verb('lose [KIND..] [from=..] [to=..]')
def lose(stage: Stage, args: Args) -> None:
    """Lose such messages, now and later, until `heal`."""
    wanted = stage.filter(args)
    stage.swarm.lost.append(wanted)
    stage.drop_where(wanted)


@verb('cut NAME..')
def cut(stage: Stage, args: Args) -> None:
    """Cut robots off from the others, though not from each other, until `heal`."""
    names = stage.names(args)
    args.done()

    def crosses(flight: Flight) -> bool:
        return (flight.sender in names) != (flight.to in names)

    stage.swarm.lost.append(crosses)
    stage.drop_where(crosses)


@verb('heal')
def heal(stage: Stage, args: Args) -> None:
    """Lose nothing more."""
    args.done()
    stage.swarm.lost.clear()


@verb('copy [KIND..] [from=..] [to=..] [count=N]')
def copy(stage: Stage, args: Args) -> None:
    """Keep second copies of messages that are in the air, the oldest first, until `late`."""
    count = args.number_option('count', DELIVERIES_MAX)
    wanted = stage.filter(args)
    copied = [flight for flight in stage.swarm.air if wanted(flight)][:count]
    if not copied:
        raise args.failure('there is no such message in the air')
    stage.copies.extend(Flight(f.send, f.sender, f.to, f.message) for f in copied)


@verb('late')
def late(stage: Stage, args: Args) -> None:
    """Put the copies into the air, behind all that is there."""
    args.done()
    stage.swarm.air.extend(stage.copies)
    stage.copies.clear()


@verb('forge NAME KIND [FIELD=VALUE ..]')
def forge_(stage: Stage, args: Args) -> None:
    """Let a robot get a message that nobody sent, of these fields; prints what it answers."""
    name = stage.runner(args)
    kind = args.word('a kind of message', KINDS)
    given = args.options_left()
    args.done()
    try:
        message = forge(kind, given)
    except ValueError as error:
        raise args.error(str(error)) from error
    before = stage.swarm.air
    stage.swarm.air = []
    stage.swarm.do(name, lambda raft: raft.receive(message))
    show_air(stage, stage.swarm.air)
    stage.swarm.air = before + stage.swarm.air


@verb('watch [KIND..] [from=..] [to=..]')
def watch(stage: Stage, args: Args) -> None:
    """Print such messages when they are delivered."""
    stage.swarm.watched.append(stage.filter(args))


# -- the disk -----------------------------------------------------------------------------------


@verb('hold-disk NAME..')
def hold_disk(stage: Stage, args: Args) -> None:
    """Let no write of these robots be durable until `write` or `free-disk`."""
    names = stage.runners(args)
    args.done()
    for name in names:
        stage.swarm.robots[name].disk_held = True


@verb('write NAME [N]')
def write(stage: Stage, args: Args) -> None:
    """Let the first N writes that wait be durable, or all."""
    name = stage.runner(args)
    count = args.number('a number of writes', DELIVERIES_MAX)
    args.done()
    stage.swarm.write(name, count)


@verb('free-disk NAME..')
def free_disk(stage: Stage, args: Args) -> None:
    """Let writes of these robots be durable at once again."""
    names = stage.runners(args)
    args.done()
    for name in names:
        stage.swarm.robots[name].disk_held = False
        stage.swarm.write(name)
