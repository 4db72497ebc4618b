"""What a scenario plays on, and how verbs are declared: each with a usage line and one job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scenario_messages import KINDS, describe
from scenario_swarm import Filter, Flight, Swarm
from scenario_text import Args, ScenarioFailure, Step

from swarm_consensus.protocols.raft import InvariantError, Message

Handler = Callable[['Stage', Args], None]


@dataclass(frozen=True)
class Verb:
    usage: str
    handler: Handler


VERBS: dict[str, Verb] = {}


def verb(usage: str) -> Callable[[Handler], Handler]:
    """Make a function the verb that its usage begins with."""

    def add(handler: Handler) -> Handler:
        VERBS[usage.split()[0]] = Verb(usage, handler)
        return handler

    return add


def tell(sender: str, to: str, message: Message) -> str:
    """Return a message on its way for people."""
    return f'{sender} > {to}: {describe(message)}'


class Stage:
    """What a scenario plays on: the swarm as it is now, and what was printed."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all robots."""
        self.swarm = Swarm(tell)
        self.copies: list[Flight] = []
        self.started = False

    def run(self, step: Step) -> list[str]:
        """Carry out one verb and return what it printed."""
        verb_ = VERBS[step.verb]
        args = Args(step, verb_.usage)
        try:
            if step.verb not in ('swarm', 'robot') and not self.started:
                self.start(args)
            verb_.handler(self, args)
        except ScenarioFailure:
            raise
        except (AssertionError, InvariantError) as error:
            raise args.failure(str(error)) from error
        said, self.swarm.said = self.swarm.said, []
        return said

    def start(self, args: Args) -> None:
        """Start the robots that were described."""
        if not self.swarm.robots:
            raise args.error('there are no robots yet: begin with `swarm`')
        for robot in self.swarm.robots.values():
            robot.start()
        self.started = True

    # -- what verbs have in common --------------------------------------------------------------

    def say(self, line: str) -> None:
        self.swarm.said.append(line.rstrip())

    def name(self, args: Args, what: str = 'a robot') -> str:
        return args.word(what, self.swarm.robots)

    def runner(self, args: Args) -> str:
        """Take the name of a robot that runs."""
        name = self.name(args)
        if self.swarm.robots[name].raft is None:
            raise args.error(f'{name} is stopped')
        return name

    def names(self, args: Args, needed: bool = True) -> list[str]:
        """Take the names of robots as far as they go; `all` for those that run."""
        names: list[str] = []
        while args.peek() in self.swarm.robots:
            names.append(args.word('a robot'))
        if not names and args.peek() == 'all':
            args.word('all')
            return [robot.name for robot in self.swarm.running]
        if needed and not names:
            self.name(args, 'a robot or `all`')
        return names

    def runners(self, args: Args) -> list[str]:
        """Take names of robots that run."""
        names = self.names(args)
        for name in names:
            if self.swarm.robots[name].raft is None:
                raise args.error(f'{name} is stopped')
        return names

    def filter(self, args: Args) -> Filter:
        """Take all that is left as a filter of messages."""
        kinds = tuple(args.rest())
        for kind in kinds:
            if kind not in KINDS:
                raise args.error(f'there is no message `{kind}`, but {" ".join(KINDS)}')
        senders, receivers = args.list_option('from'), args.list_option('to')
        for name in senders + receivers:
            if name not in self.swarm.robots:
                raise args.error(f'there is no robot `{name}`')
        args.done()
        return Filter(kinds, senders, receivers)

    def drop_where(self, wanted: Callable[[Flight], bool]) -> None:
        self.swarm.air = [flight for flight in self.swarm.air if not wanted(flight)]
