"""
One robot in the consensus-based bundle algorithm (Choi, Brunet, How 2009), without rounds.

Whenever something has changed it gives up what it has lost, with all that it took after it, takes
what it can have (algorithms 2 and 3 of the paper), and states its bundle anew. There is no phase
that waits for another robot, as in the asynchronous form of the algorithm (Johnson, Ponda, Choi,
How 2011): messages may be lost, doubled and overtaken, and the graph may change.

The decisions of the paper's table I come out of what `Board` knows, and are sharper in one place:
where the table *resets*, because two robots cannot tell what became of a bid of a third one, here
the number of its statement tells (test/unit/allocation/test_table.py goes through it by rows).

Why it ends, and with the result of the sequential greedy algorithm: bids within a bundle never
rise (bundle.py). So the highest bid that any robot can make for any open task is made by its
robot whatever else is known, and never given up; as soon as all have heard of it they leave that
task alone, and the same holds for the next highest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from random import Random

import numpy as np

from swarm_consensus.protocols.allocation.board import Board
from swarm_consensus.protocols.allocation.bundle import Bend, Bundle, first_missing
from swarm_consensus.protocols.allocation.config import BidderConfig, Method
from swarm_consensus.protocols.allocation.effects import Send
from swarm_consensus.protocols.allocation.errors import AllocationError
from swarm_consensus.protocols.allocation.field import Field, Flags, Floats
from swarm_consensus.protocols.allocation.greedy import (
    Assignment,
    best_assignment,
    sequential_greedy,
    without_unfilled,
)
from swarm_consensus.protocols.allocation.messages import (
    STATEMENTS_MAX,
    Bids,
    BidsHash,
    BidsKnown,
    BidStatement,
    BidTerms,
    Message,
)
from swarm_consensus.protocols.allocation.scoring import Scoring
from swarm_consensus.protocols.allocation.terms import Difference, TermsBook
from swarm_consensus.protocols.allocation.values import Task, Worker

# Robots of which statements are kept; those of others are not taken in.
ROBOTS_MAX = 1024
# Kinds of tasks of which a bid that was bent back is kept as an example.
KINDS_MAX = 16


class Bidder:
    """
    One robot.

    :param worker: the robot as it is now; None: it takes no tasks, and passes bids on.
    :param random: for delays.
    :ivar bundle: what it bids for.
    :ivar board: what it knows of all bids.
    :ivar bent: how often a bid of it was bent back.
    :ivar bends: the first such bid for each kind of task, by the capabilities that it needs.
    :ivar refused: statements that were not taken in, as there were too many robots.
    """

    def __init__(
        self, config: BidderConfig, scoring: Scoring, random: Random, worker: Worker | None = None
    ) -> None:
        self._config = config
        self._scoring = scoring
        self._random = random
        self._worker: Worker | None = None
        self._tasks: dict[str, Task] = {}
        self._field = Field(())
        self._suited: Flags = np.zeros(0, bool)
        self._version = 0
        # None: nothing, so that an earlier boot's bids stand; they end with the first statement.
        self._stated: tuple[tuple[str, float], ...] | None = None
        self._stated_worker: Worker | None = None
        self.bundle = Bundle()
        self.board = Board(config.robot)
        self._terms = TermsBook(config, scoring)
        self.refused = 0
        self.bent = 0
        self.bends: dict[tuple[str, ...], Bend] = {}
        self._assignment: Assignment | None = None
        self._ticks = 0
        self._compare_at = self._next_comparison()
        # What is to be passed on: at which tick, and how often it was heard meanwhile.
        self._relays: dict[str, tuple[int, int]] = {}
        self._sends: list[Send] = []
        # Tasks for several robots that did not find them: since when, and until when they rest.
        self._unfilled_since: dict[str, int] = {}
        self._resting_until: dict[str, int] = {}
        self._tasks_changed = False
        self._stale = True
        if worker is not None:
            self.set_worker(worker)

    @property
    def worker(self) -> Worker | None:
        """Return the robot as it was told last."""
        return self._worker

    @property
    def tasks(self) -> Collection[str]:
        """Return the names of the tasks that are open."""
        return self._tasks.keys()

    @property
    def absent(self) -> frozenset[str]:
        """Return the robots whose bids do not count."""
        return self.board.absent

    @property
    def differences(self) -> dict[str, tuple[Difference, ...]]:
        """Return which robots bid by other settings, and by which."""
        return self._terms.differences()

    @property
    def path(self) -> tuple[str, ...]:
        """Return the tasks that this robot would carry out, in that order."""
        own = self._own_bundle()
        return tuple(own.path)

    def winners(self, task: str) -> tuple[str, ...]:
        """Return who gets an open task as far as is known here; () for nobody."""
        if self._assignment is not None:
            return self._assignment.winners(task)
        return self.board.winners(task)

    def _own_bundle(self) -> Bundle:
        if self._assignment is not None:
            return self._assignment.bundles.get(self._config.robot, self.bundle)
        return self.bundle

    # -- what there is to do, and who ----------------------------------------------------------

    def add_tasks(self, tasks: Iterable[Task]) -> None:
        """
        Note that tasks are open; one of a name that is open already takes its place.

        A bundle that is full would be blind to them, and one that is not would have to take them
        last. So the bids of this robot are made anew.
        """
        added = False
        for task in tasks:
            if self._tasks.get(task.task) != task:
                self._tasks[task.task] = task
                added = self._tasks_changed = True
        if added:
            self.rebid()

    def drop_tasks(self, names: Iterable[str], own: Collection[str] = ()) -> None:
        """
        Note that tasks are not open any more: given to robots, ended or cancelled.

        :param own: those of them that this robot carries out. What it took after them was figured
            with them, so it stands; what it took after others is given up.
        """
        for name in names:
            if self._tasks.pop(name, None) is not None:
                self._tasks_changed = self._stale = True
            self._unfilled_since.pop(name, None)
            self._resting_until.pop(name, None)
            if name in own and name in self.bundle:
                self.bundle.remove(name)

    def set_worker(self, worker: Worker | None) -> None:
        """
        Note what this robot is now, and where; bids that were made stand, as in the paper.

        :raises AllocationError: where it describes another robot.
        """
        if worker is not None and worker.robot != self._config.robot:
            raise AllocationError(
                f"'{self._config.robot}' was given the description of '{worker.robot}'"
            )
        before, self._worker = self._worker, worker
        self._stale = True
        if worker is None or before is None or _skills(before) != _skills(worker):
            self._suited = self._find_suited()
            self.rebid()

    def set_absent(self, robots: frozenset[str]) -> None:
        """Let bids of these robots not count: they are dead or have left."""
        self.board.set_absent(robots - {self._config.robot})
        self._stale = True

    def rebid(self) -> None:
        """Give all bids up, and make them anew from where the robot is now."""
        self.bundle.release_from(0)
        self._stale = True

    def _find_suited(self) -> Flags:
        if self._worker is None:
            return np.zeros(len(self._field), bool)
        return self._field.suited(self._worker)

    # -- time and messages -----------------------------------------------------------------------

    def pass_time(self, ticks: int) -> None:
        """Let ticks pass; `step` is to be called afterwards."""
        self._ticks += ticks
        if self._config.compare_ticks and self._ticks >= self._compare_at:
            self._compare_at = self._next_comparison()
            if self.board.statements:
                self._sends.append(Send((), BidsHash(self.board.hash(), self._terms.hash)))
        for name in [n for n, until in self._resting_until.items() if until <= self._ticks]:
            del self._resting_until[name]
            self.rebid()

    def receive(self, sender: str, message: Message) -> None:
        """Take a message in; `step` is to be called afterwards."""
        if isinstance(message, Bids):
            for statement in message.statements:
                self._hear(sender, statement)
        elif isinstance(message, BidTerms):
            self._terms.put(sender, message.terms)
            if not message.answer:
                self._sends.append(Send((sender,), BidTerms(self._terms.own, answer=True)))
        elif isinstance(message, BidsHash):
            if self._terms.is_news(sender, message.terms):
                self._sends.append(Send((sender,), BidTerms(self._terms.own)))
            if message.hash != self.board.hash():
                self._sends.append(Send((sender,), BidsKnown(self.board.known())))
        else:
            self._send_statements(self.board.newer_than(message.rows), (sender,))
            if not message.answer and self.board.lacks(message.rows):
                self._sends.append(Send((sender,), BidsKnown(self.board.known(), answer=True)))

    def _hear(self, sender: str, statement: BidStatement) -> None:
        robot = statement.robot
        if robot == self._config.robot:
            self._hear_of_itself(statement)
            return
        before = self.board.statement(robot)
        if before is None and len(self.board.known()) >= ROBOTS_MAX:
            self.refused += 1
            return
        if self.board.put(statement):
            self._stale = True
            delay = self._random.randint(0, self._config.relay_ticks)
            self._relays[robot] = (self._ticks + delay, 0)
        elif robot in self._relays and before is not None and before.version == statement.version:
            due, heard = self._relays[robot]
            self._relays[robot] = (due, heard + 1)
            if self._config.relay_heard and heard + 1 >= self._config.relay_heard:
                del self._relays[robot]

    def _hear_of_itself(self, statement: BidStatement) -> None:
        """Speak up against what is said to be this robot's own, and newer than all it said."""
        number = (statement.incarnation, statement.version)
        if number > (self._config.incarnation, self._version):
            if statement.incarnation > self._config.incarnation:
                return  # there is nothing that it could say against a later boot
            self._version = statement.version
            self._stated = None
            self._stale = True

    # -- the algorithm -----------------------------------------------------------------------------

    def step(self, now_s: float) -> None:
        """
        Do all that follows from what was heard and noted.

        :param now_s: of the task clock.
        :raises ScoringError: a user's scoring gave no number; the bids made so far stand.
        """
        if self._tasks_changed:
            self._tasks_changed = False
            before, self._field = self._field, Field(self._tasks.values())
            self.bundle.move_to(before, self._field)
            self._suited = self._find_suited()
            self.board.set_field(self._field)
        if self._stale:
            try:
                if self._config.method is Method.CBBA:
                    self._agree_and_build(now_s)
                else:
                    self._figure_out(now_s)
                self._stale = False
            finally:
                self._state()
        self._watch_unfilled()
        self._pass_on()

    def take_sends(self) -> list[Send]:
        """Return what is to be sent since the last call."""
        sends, self._sends = self._sends, []
        return sends

    def _agree_and_build(self, now_s: float) -> None:
        if self._worker is None:
            return
        bundle = self.bundle
        bids = dict(bundle.rows())
        available = self._suited.copy()
        for name in self._resting_until:
            if name in self._field.places:
                available[self._field.places[name]] = False

        def beats(bids: Floats) -> Flags:
            return available & self.board.beats(bids)

        lost = first_missing(bundle.names, lambda name: self._keeps(name, bids[name]))
        bundle.release_from(lost)
        bundle.release_from(bundle.first_surpassed(self._field, beats))
        while len(bundle) < self._config.bundle_max and available.any():
            choice = bundle.choose(self._field, self._worker, now_s, self._scoring, beats)
            if choice is None:
                break
            bundle.take(self._field, choice)
        self._note_bends(bundle)

    def _note_bends(self, bundle: Bundle) -> None:
        self.bent += len(bundle.bends)
        for bend in bundle.bends:
            if len(self.bends) < KINDS_MAX:
                self.bends.setdefault(bend.task.capabilities, bend)
        bundle.bends.clear()

    def _keeps(self, name: str, bid: float) -> bool:
        place = self._field.places.get(name)
        return (
            place is not None
            and bool(self._suited[place])
            and name not in self._resting_until
            and self.board.holds(name, bid)
        )

    def _figure_out(self, now_s: float) -> None:
        """Figure out who does what from what all robots have said of themselves."""
        workers = [
            statement.worker
            for statement in self.board.statements
            if statement.worker is not None
            and statement.robot != self._config.robot
            and self.board.present(statement)
        ]
        if self._worker is not None:
            workers.append(self._worker)

        def assign(field: Field) -> Assignment:
            if self._config.method is Method.OPTIMAL:
                return best_assignment(field, workers, self._scoring, now_s)
            bundle_max = self._config.bundle_max
            return sequential_greedy(field, workers, self._scoring, bundle_max, now_s)

        self._assignment = without_unfilled(self._field, assign)
        self._note_bends(self._own_bundle())

    def _state(self) -> None:
        """State anew what this robot bids for, where that has changed."""
        rows = self.bundle.rows()
        worker = None if self._config.method is Method.CBBA else self._worker
        if rows == self._stated and worker == self._stated_worker:
            return
        self._stated, self._stated_worker = rows, worker
        self._version += 1
        statement = BidStatement(
            self._config.robot, self._config.incarnation, self._version, rows, worker
        )
        self.board.put(statement)
        self._sends.append(Send((), Bids((statement,))))

    def _watch_unfilled(self) -> None:
        """Let tasks rest that take several robots, wait for them for long, and get no further."""
        patience = self._config.patience_ticks
        if not patience:
            return
        waiting = {
            name
            for name in self.bundle.names
            if self._field.tasks[self._field.places[name]].robots > len(self.board.winners(name))
        }
        for name in [name for name in self._unfilled_since if name not in waiting]:
            del self._unfilled_since[name]
        for name in sorted(waiting):
            since = self._unfilled_since.setdefault(name, self._ticks)
            if self._ticks - since >= patience:
                del self._unfilled_since[name]
                # Not all at the same time, or they would all be back, and wait, at the same time.
                self._resting_until[name] = self._ticks + self._random.randint(
                    patience, 2 * patience
                )
                self._stale = True

    def _pass_on(self) -> None:
        due = [name for name, (tick, _) in self._relays.items() if tick <= self._ticks]
        statements = [self.board.statement(name) for name in sorted(due)]
        for name in due:
            del self._relays[name]
        self._send_statements([each for each in statements if each is not None], ())

    def _send_statements(self, statements: list[BidStatement], to: tuple[str, ...]) -> None:
        for start in range(0, len(statements), STATEMENTS_MAX):
            self._sends.append(Send(to, Bids(tuple(statements[start : start + STATEMENTS_MAX]))))

    def _next_comparison(self) -> int:
        period = self._config.compare_ticks
        return self._ticks + self._random.randint(-(-period // 2), max(1, 3 * period // 2))


def _skills(worker: Worker) -> tuple[float, tuple[str, ...]]:
    return worker.payload_kg, worker.capabilities
