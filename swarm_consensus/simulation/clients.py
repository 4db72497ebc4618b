"""
Clients of a simulated swarm: they propose, compare and set, read, and try again.

A client does one thing after another. A try that gets no clear answer, because its time was up or
its robot went down, may be repeated with the same request id at another robot. What nobody told
how it ended stays of unknown outcome in the history.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from swarm_consensus.decision.types import ANY_REVISION, Decision, Status
from swarm_consensus.protocols.keyvalue import Expected, Put, key_after
from swarm_consensus.runtime.config import SECOND
from swarm_consensus.runtime.events import (
    KeyValueAnswered,
    KeyValueAsked,
    Output,
    ProposeAnswered,
    ProposeAsked,
    RangeAnswered,
    RangeAsked,
    ReadAnswered,
    ReadAsked,
)
from swarm_consensus.runtime.shared import PROPOSAL
from swarm_consensus.simulation.facts import InvariantBroken
from swarm_consensus.simulation.history import Event, History
from swarm_consensus.simulation.invariants import register_of
from swarm_consensus.simulation.oracle import KEY
from swarm_consensus.simulation.plan import Plan
from swarm_consensus.simulation.referee import Referee
from swarm_consensus.simulation.register import UNDECIDED, Kind, Register
from swarm_consensus.simulation.world import World

TRIES_MAX = 4
# What a robot says where a command was applied and its expectation did not hold; any other
# refusal means that this try is not in the log.
STANDS = 'stands at revision'
# What it says where it takes no more proposals for now, as its byte budget is short.
OVERLOADED = 'OVERLOADED'
# Time for what must be answered at the end.
WELL_NS = 5 * SECOND
# With a byte budget all takes longer: a robot that was away may need a snapshot first.
BUDGET_FACTOR = 4


@dataclass(slots=True)
class _Try:
    """
    What a client waits for.

    :param event: the operation in the history; None for a read that makes no history.
    :param request_id: '' for one that the robot makes up.
    :param boots: of the robot until then, where the subject is agreed; request ids of that level
        are known to one boot of one robot.
    """

    client: int
    robot: str
    subject: str
    event: Event | None
    linearizable: bool
    request_id: str
    tries: int
    refused: int
    boots: int = 0


class Clients:
    """
    All clients of a run.

    :param random: where their choices come from.
    """

    def __init__(self, plan: Plan, world: World, referee: Referee, random: Random) -> None:
        self.history = History()
        self.outcomes: dict[str, int] = {}
        self._plan = plan
        self._world = world
        self._referee = referee
        self._random = random
        self._keys = 0
        self._open: dict[int, _Try] = {}
        self._seen: dict[str, Register] = {}
        self._ended = False
        self._must = False
        # Tries that were put off and are made again.
        self._put_off = 0

    @property
    def open(self) -> int:
        """Return how many tries wait for an answer, or to be made."""
        return len(self._open) + self._put_off

    def start(self) -> None:
        """Let all clients begin."""
        for client in range(self._plan.clients):
            self._think(client)

    def stop(self) -> None:
        """Let no operation begin any more; those under way may end."""
        self._ended = True

    def ask_everywhere(self) -> None:
        """
        Have a write and a read answered at each robot, now that all is well.

        :raises InvariantBroken: when one of them is not, as soon as that is told.
        """
        self._must = True
        for robot in self._world.robots:
            self._write(-1, robot, 'end')
            event = self.history.begin(f'last read@{robot}', 'end', Kind.READ, '', ANY_REVISION)
            self._ask_read(_Try(-1, robot, 'end', event, True, '', 1, 0))
            if self._plan.agreed:
                # Of two that propose at once one is told that something else was decided.
                subject = f'{self._plan.agreed[0]}/{robot}'
                self._write(-1, robot, subject)
                self._read_agreed(-1, robot, subject)

    def _count(self, outcome: str) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    # -- asking -----------------------------------------------------------------------------------

    def _think(self, client: int) -> None:
        pause_ns = self._random.randrange(self._plan.think_ns)
        self._world.at(self._world.now_ns + pause_ns, lambda: self._act(client))

    def _robot(self) -> str | None:
        up = [robot for robot in self._world.robots if self._world.up(robot)]
        return self._random.choice(up) if up else None

    def _act(self, client: int) -> None:
        """Begin an operation."""
        if self._ended:
            return
        robot = self._robot()
        if robot is None:
            self._think(client)
            return
        random, plan = self._random, self._plan
        if plan.agreed and random.random() < plan.agreement:
            subject = random.choice(plan.agreed)
            if random.random() < plan.reads:
                self._read_agreed(client, robot, subject)
            else:
                self._write(client, robot, subject)
            return
        subject = random.choice(plan.subjects)
        if plan.keys and random.random() < plan.keys:
            self._touch_key(client, robot, subject)
        elif random.random() < plan.reads:
            self._read(client, robot, subject)
        else:
            self._write(client, robot, subject)

    def _read(self, client: int, robot: str, subject: str) -> None:
        kind = self._random.random()
        linearizable = kind < 0.8
        event = None
        if kind < 0.7:
            name = f'read{self._keys + 1}@{robot}'
            event = self.history.begin(name, subject, Kind.READ, '', ANY_REVISION)
        elif kind > 0.9 or linearizable:
            # The log and not one subject.
            subject = ''
        self._ask_read(_Try(client, robot, subject, event, linearizable, '', 1, 0))

    def _read_agreed(self, client: int, robot: str, subject: str) -> None:
        name = f'read{self._keys + 1}@{robot}'
        event = self.history.begin(name, subject, Kind.READ, '', ANY_REVISION)
        self._ask_read(_Try(client, robot, subject, event, True, '', 1, 0))

    def _is_agreed(self, subject: str) -> bool:
        return bool(self._plan.agreed) and subject.startswith(self._plan.agreed[0])

    def _ask_read(self, attempt: _Try) -> None:
        self._keys += 1
        self._open[self._keys] = attempt
        if attempt.linearizable and not self._is_agreed(attempt.subject):
            self._referee.reads.begun(self._keys)
        asked = ReadAsked(
            self._keys, attempt.subject, 1, 10_000, attempt.linearizable, self._timeout_ns()
        )
        self._note(attempt, asked)
        self._world.put(attempt.robot, asked)

    def _write(self, client: int, robot: str, subject: str) -> None:
        random = self._random
        name = f'w{self._keys + 1}'
        expected = ANY_REVISION
        if random.random() < 0.5:
            revision = self._seen.get(subject, UNDECIDED)[0]
            expected = max(0, revision + random.choice([0, 0, 0, 1, -1]))
        event = self.history.begin(name, subject, Kind.WRITE, name, expected)
        request_id = '' if random.random() < 0.2 else name
        self._ask_write(_Try(client, robot, subject, event, False, request_id, 1, 0))

    def _touch_key(self, client: int, robot: str, name: str) -> None:
        """Put or read a key."""
        random, subject = self._random, KEY + name
        if random.random() < self._plan.reads:
            event = self.history.begin(
                f'range{self._keys + 1}@{robot}', subject, Kind.READ, '', ANY_REVISION
            )
            self._ask_range(_Try(client, robot, subject, event, True, '', 1, 0))
            return
        choice = f'p{self._keys + 1}'
        expected = ANY_REVISION
        if random.random() < 0.5:
            expected = max(0, self._seen.get(subject, UNDECIDED)[0] + random.choice([0, 0, 1]))
        event = self.history.begin(choice, subject, Kind.PUT, choice, expected)
        request_id = '' if random.random() < 0.2 else choice
        self._ask_write(_Try(client, robot, subject, event, False, request_id, 1, 0))

    def _ask_range(self, attempt: _Try) -> None:
        self._keys += 1
        self._open[self._keys] = attempt
        self._referee.reads.begun(self._keys)
        name = attempt.subject.removeprefix(KEY)
        asked = RangeAsked(self._keys, name, key_after(name), 1, True, self._timeout_ns())
        self._note(attempt, asked)
        self._world.put(attempt.robot, asked)

    def _ask_write(self, attempt: _Try) -> None:
        event = attempt.event
        assert event is not None
        self._keys += 1
        self._open[self._keys] = attempt
        attempt.boots = self._world.boots(attempt.robot)
        if event.kind is Kind.PUT:
            put = Put(
                event.subject.removeprefix(KEY),
                event.choice.encode(),
                expected=Expected(version=event.expected),
            )
            question = KeyValueAsked(self._keys, put, attempt.request_id, self._timeout_ns())
            self._note(attempt, question)
            self._world.put(attempt.robot, question)
            return
        asked = ProposeAsked(
            self._keys,
            event.subject,
            event.choice,
            bytes(self._random.choice(self._plan.value_bytes)),
            event.expected,
            attempt.request_id,
            self._timeout_ns(),
        )
        self._note(attempt, asked)
        self._world.put(attempt.robot, asked)

    def _timeout_ns(self) -> int:
        if not self._must:
            return self._random.choice(self._plan.timeouts_ns)
        return WELL_NS * (BUDGET_FACTOR if self._plan.configs[0].bytes_per_second else 1)

    def _note(self, attempt: _Try, what: object) -> None:
        self._world.observer.noted(
            self._world.now_ns, f'client {attempt.client} asks {attempt.robot}: {what}'
        )

    # -- answers ----------------------------------------------------------------------------------

    def hear(self, robot: str, output: Output) -> None:
        """Take in what a robot tells."""
        if isinstance(output, ProposeAnswered):
            self._proposed(self._open.pop(output.key), output)
        elif isinstance(output, ReadAnswered):
            self._was_read(output.key, self._open.pop(output.key), output)
        elif isinstance(output, KeyValueAnswered):
            if output.key == PROPOSAL:
                # The robot has asked by itself, for its shared state.
                return
            self._was_put(self._open.pop(output.key), output)
        elif isinstance(output, RangeAnswered):
            self._ranged(output.key, self._open.pop(output.key), output)

    def lose(self, robot: str) -> None:
        """Take note that a robot is down: whoever waits there gets no answer."""
        for key, attempt in tuple(self._open.items()):
            if attempt.robot == robot:
                del self._open[key]
                if attempt.event is not None and attempt.event.kind is not Kind.READ:
                    self._unclear(attempt)
                else:
                    self._unread(attempt)

    def _ranged(self, key: int, attempt: _Try, answer: RangeAnswered) -> None:
        if answer.status is not Status.DECIDED:
            self._hold_well(attempt, answer)
            self._unread(attempt)
            return
        self._count('ranged')
        found = UNDECIDED
        if answer.items:
            found = (answer.items[0].version, answer.items[0].value.decode())
        name = attempt.subject.removeprefix(KEY)
        self._referee.reads.ranged(key, name, answer.applied_index, found)
        assert attempt.event is not None
        self._seen[attempt.subject] = found
        self.history.end(attempt.event, True, found)
        self._think(attempt.client)

    def _was_put(self, attempt: _Try, answer: KeyValueAnswered) -> None:
        event, result = attempt.event, answer.result
        assert event is not None
        if result is None:
            self._hold_well(attempt, answer)
            self._not_applied(attempt, answer.status)
            return
        done = answer.status is Status.DECIDED
        self._count('put' if done else 'put compared')
        found = (result.version, event.choice if done else '')
        if attempt.request_id:
            self._referee.exactly_once.answered(attempt.request_id, done, result.index, found)
        self._seen[event.subject] = found
        self.history.end(event, done, found)
        self._think(attempt.client)

    def _was_read(self, key: int, attempt: _Try, answer: ReadAnswered) -> None:
        if answer.status is not Status.DECIDED:
            self._hold_well(attempt, answer)
            self._unread(attempt)
            return
        if self._is_agreed(attempt.subject):
            self._count('read agreed')
        else:
            self._count('read')
            self._referee.reads.answered(
                key, attempt.subject, answer.applied_index, answer.decisions, answer.history_from
            )
        if attempt.event is not None:
            found = register_of(answer.decisions[0]) if answer.decisions else UNDECIDED
            self._seen[attempt.subject] = found
            self.history.end(attempt.event, True, found)
        self._think(attempt.client)

    def _hold_well(self, attempt: _Try, answer: object) -> None:
        if self._must:
            raise InvariantBroken('convergence', f'all is healed, and {attempt} ends as {answer}')

    def _unread(self, attempt: _Try) -> None:
        self._count('not read')
        if attempt.event is not None:
            self.history.drop(attempt.event)
        self._think(attempt.client)

    def _proposed(self, attempt: _Try, answer: ProposeAnswered) -> None:
        decision, event = answer.decision, attempt.event
        assert event is not None
        done = decision.status is Status.DECIDED
        if self._is_agreed(event.subject):
            self._proposed_agreed(attempt, event, decision)
            return
        if done or (decision.status is Status.REFUSED and STANDS in decision.reason):
            self._count('written' if done else 'compared')
            found = register_of(decision)
            if attempt.request_id:
                self._referee.exactly_once.answered(
                    attempt.request_id, done, decision.index, found
                )
            self._seen[event.subject] = found
            self.history.end(event, done, found)
            self._think(attempt.client)
            return
        if self._try_later(attempt, decision):
            return
        self._hold_well(attempt, answer)
        self._not_applied(attempt, decision.status)

    def _proposed_agreed(self, attempt: _Try, event: Event, decision: Decision) -> None:
        found = register_of(decision)
        done = decision.status is Status.DECIDED
        # Who is told that what it expected stands now was refused before it did, in that epoch.
        stood = STANDS in decision.reason and decision.revision != event.expected
        if done or (decision.status is Status.REFUSED and stood):
            self._count('agreed' if done else 'agreed compared')
            self._seen[event.subject] = found
            self.history.end(event, done, found)
            self._think(attempt.client)
            return
        if self._try_later(attempt, decision):
            return
        if attempt.client < 0:
            # Others may ask once more for what was lost in the midst of the troubles.
            self._hold_well(attempt, decision)
        if decision.status in (Status.UNKNOWN, Status.NO_QUORUM):
            # At this level what waits for a quorum goes on.
            self._unclear(attempt)
        else:
            # It was certainly not decided.
            attempt.refused += 1
            self._refused(attempt)

    def _try_later(self, attempt: _Try, decision: Decision) -> bool:
        """Make a try of the end again that came while too much waited for the byte budget."""
        if not self._must or attempt.client >= 0 or OVERLOADED not in decision.reason:
            return False
        self._put_off += 1
        pause_ns = self._random.randrange(self._plan.think_ns)
        self._world.at(self._world.now_ns + pause_ns, lambda: self._once_more(attempt))
        return True

    def _once_more(self, attempt: _Try) -> None:
        self._put_off -= 1
        self._ask_write(attempt)

    def _not_applied(self, attempt: _Try, status: Status) -> None:
        if status in (Status.REFUSED, Status.NO_QUORUM):
            attempt.refused += 1
            self._refused(attempt)
        else:
            self._unclear(attempt)

    def _refused(self, attempt: _Try) -> None:
        """Go on after a try that is not in the log and never will be."""
        if attempt.refused < attempt.tries:
            # An earlier one may be.
            self._unclear(attempt)
            return
        self._count('refused')
        assert attempt.event is not None
        if attempt.request_id:
            if not self._is_agreed(attempt.subject):
                self._referee.exactly_once.refused(attempt.request_id)
        self.history.drop(attempt.event)
        self._think(attempt.client)

    def _unclear(self, attempt: _Try) -> None:
        """Go on after a try of which nobody told how it ended: again, or leave it open."""
        robot = self._robot()
        if self._is_agreed(attempt.subject):
            known = self._world.boots(attempt.robot) == attempt.boots
            robot = attempt.robot if known and self._world.up(attempt.robot) else None
        if (
            robot is None
            or not attempt.request_id
            or attempt.tries == TRIES_MAX
            or self._random.random() < 0.3
        ):
            self._count('unknown')
            self._think(attempt.client)
            return
        self._count('again')
        attempt.robot = robot
        attempt.tries += 1
        pause_ns = self._random.randrange(self._plan.think_ns)
        self._world.at(self._world.now_ns + pause_ns, lambda: self._again(attempt))

    def _again(self, attempt: _Try) -> None:
        if self._is_agreed(attempt.subject) and (
            self._world.boots(attempt.robot) != attempt.boots
        ):
            self._unclear(attempt)
        elif self._world.up(attempt.robot):
            self._ask_write(attempt)
        else:
            attempt.refused += 1
            self._unclear(attempt)
