"""How the demonstration looks while it runs: a live table for people, plain lines for a file."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from swarm_consensus.demo.score import share
from swarm_consensus.demo.show import Moment
from swarm_consensus.demo.views import view_of

LINES_EVERY = 20  # signs, where nobody watches live


class Display:
    """
    Shows the demonstration; a context manager.

    :param console: a terminal gets the live table, anything else lines.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = (
            Live(console=console, auto_refresh=False, transient=True)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Display:
        if self._live is not None:
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def watch(self, moment: Moment) -> None:
        """Show how it stands after a sign."""
        if self._live is not None:
            self._live.update(picture(moment), refresh=True)
        elif len(moment.score.signs) % LINES_EVERY == 0:
            self.say(line(moment))


def line(moment: Moment) -> str:
    """Return how it stands as one line."""
    score = moment.score
    alone = ' '.join(f'{share(score.robot(robot)):.0%}' for robot in score.robots)
    sign = score.signs[-1]
    return (
        f'sign {sign.number:3d} is {sign.truth}, decided {sign.decided or "nothing"} in '
        f'{sign.latency * 1e3:.0f} ms; right so far: robots {alone}, '
        f'central {share(score.central):.1%}, swarm {share(score.swarm):.1%}; '
        f'{moment.leader or "nobody"} leads'
    )


def picture(moment: Moment) -> Group:
    """Return how it stands as a table of robots, centre and swarm."""
    score = moment.score
    sign = score.signs[-1]
    result = Table(title=f'sign {sign.number}: {sign.truth}', title_justify='left')
    result.add_column('robot')
    result.add_column('its view')
    result.add_column('says')
    result.add_column('right so far', justify='right')
    for index, robot in enumerate(score.robots):
        name = Text(robot)
        if robot not in moment.live:
            name.append(' down', style='red')
        elif robot == moment.leader:
            name.append(' leads', style='bold cyan')
        says = _verdict(sign.guesses.get(robot, ''), sign.truth)
        result.add_row(name, view_of(index).describe(), says, f'{share(score.robot(robot)):.1%}')
    result.add_section()
    result.add_row(
        'central fusion', 'all beliefs', _verdict(sign.central, sign.truth),
        f'{share(score.central):.1%}',
    )  # fmt: skip
    result.add_row(
        Text('the swarm', style='bold'), 'committed', _verdict(sign.decided, sign.truth),
        Text(f'{share(score.swarm):.1%}', style='bold'),
    )  # fmt: skip
    decision = moment.decision
    below = Text('no decision', style='red')
    if decision is not None:
        below = Text(
            f'log entry {decision.index} in term {decision.term}: {decision.choice} with '
            f'{decision.confidence:.2f}, by {len(decision.voters)} robots, on all robots after '
            f'{sign.latency * 1e3:.0f} ms'
        )
    return Group(result, below)


def _verdict(choice: str, truth: str) -> Text:
    if not choice:
        return Text('-', style='dim')
    return Text(choice, style='green' if choice == truth else 'red')
