"""
Many instances at one robot: under way at once, kept on disk, said again where messages were lost.

Each subject goes through its epochs, a few of them at once; epochs are settled in order. The caller
hands messages in, gives every opened instance this robot's input, and carries out the effects
(effects.py). The transport may lose, repeat and reorder: who makes no progress says all that it
said again and asks the others to do so, each time after twice the wait.

What is settled is kept a while for the others (settled.py), what was missed is caught up
(catch_up.py), and who is behind is told (telling.py). Everything that is kept has a bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from random import Random

from swarm_consensus.protocols.agreement.broadcast import digest
from swarm_consensus.protocols.agreement.catch_up import CatchUp
from swarm_consensus.protocols.agreement.coin import CommonCoin
from swarm_consensus.protocols.agreement.config import AgreementConfig
from swarm_consensus.protocols.agreement.effects import (
    CaughtUp,
    Contradiction,
    Decided,
    Effects,
    InputKept,
    Kept,
    Opened,
    SubjectKept,
    input_key,
)
from swarm_consensus.protocols.agreement.errors import InvariantError
from swarm_consensus.protocols.agreement.instance import Instance
from swarm_consensus.protocols.agreement.messages import (
    Message,
    OutcomeTold,
    OutcomeWanted,
    Piece,
    PiecesWanted,
    Standings,
    StandingsWanted,
    Statement,
)
from swarm_consensus.protocols.agreement.pending import Pending
from swarm_consensus.protocols.agreement.settled import Settled
from swarm_consensus.protocols.agreement.subject import Subject, Subjects, standing_hash
from swarm_consensus.protocols.agreement.subset import CommonSubset, SubsetRules
from swarm_consensus.protocols.agreement.telling import Telling

# Instances that one robot may open alone, at least.
OPENED_ALONE_MIN = 8


class Agreement:
    """
    The agreement of one robot.

    :param coin: thrown together; None: local coins.
    :param random: this robot's own chance.
    :param restored: what was kept before the last reboot, in any order.
    :param serves: whether a subject is one of this level; messages about others are dropped.
    :ivar dropped: counts messages that were passed over, by the reason.
    :ivar standing_hash: of how all subjects stand: robots with equal ones have settled the same.
    """

    def __init__(
        self,
        config: AgreementConfig,
        coin: CommonCoin | None,
        random: Random,
        restored: Iterable[Kept] = (),
        serves: Callable[[str], bool] = lambda subject: True,
    ) -> None:
        self.config = config
        self.robots = tuple(sorted(config.robots))
        self._me = self.robots.index(config.robot)
        self._places = {robot: place for place, robot in enumerate(self.robots)}
        self._rules = SubsetRules(self.robots, self._me, config.thresholds, config.pieces, coin)
        self._mask_bytes = (len(self.robots) + 7) // 8
        self._random = random
        self._serves = serves
        self._now = 0
        self._subjects = Subjects(config.subjects_max)
        self._under_way: dict[tuple[str, int], Instance] = {}
        self._touched: dict[tuple[str, int], Instance] = {}
        self._pending = Pending()
        # Subjects that have gone on: what comes next may be there already.
        self._gone_on: dict[str, Subject] = {}
        self._muted: set[int] = set()
        self.dropped: Counter[str] = Counter()
        self.standing_hash = 0
        self._settled = Settled(config, self._me, self._subjects, self._pending)
        post = self._pending.post
        self._catch_up = CatchUp(config, self.robots, self._me, self._subjects, post)
        self._telling = Telling(self.robots, self._subjects, config.resend_ticks, post)
        self._restore(restored)

    def _restore(self, restored: Iterable[Kept]) -> None:
        said: list[Statement] = []
        inputs: dict[tuple[str, int], dict[int, bytes]] = {}
        for kept in restored:
            if isinstance(kept, SubjectKept):
                subject = self._subjects.open(kept.subject)
                subject.settle(kept.epoch, kept.outcome, kept.recent)
                subject.missed = kept.missed
                self.standing_hash ^= standing_hash(kept.subject, kept.epoch)
            elif isinstance(kept, InputKept):
                values = inputs.setdefault((kept.subject, kept.epoch), {})
                values[kept.proposer] = kept.value
            else:
                said.append(kept.statement)
        for statement in sorted(said, key=lambda each: (each.subject, each.epoch)):
            where = statement.subject, statement.epoch
            subject = self._subjects.open(where[0])
            held = inputs.pop(where, {})
            instance = self._make(subject, where[1], self._me, statement, held)
            instance.restored(held)
            if where[1] <= subject.settled:
                self._settled.add(subject, instance)
            else:
                self._under_way[where] = instance
                if not instance.subset.proposed:
                    self._pending.opened.append(Opened(*where))
            self._touched[where] = instance
        for subject in self._subjects:
            self._open_up_to(subject, subject.newest, self._me)
        for subject_name, epoch in inputs:
            # The echo that promised to hold these never left.
            for proposer in inputs[subject_name, epoch]:
                self._pending.drop(input_key(subject_name, epoch, proposer))

    # -- what the caller asks -------------------------------------------------------------------

    @property
    def recovering(self) -> bool:
        """Whether this robot, having lost what it said, is still silent anywhere for that."""
        return self._catch_up.recovering

    def free_epoch(self, subject: str) -> int | None:
        """Return the epoch into which this robot could put an input next; None: not now."""
        record = self._subjects.get(subject)
        settled = self._subjects.settled(subject)
        for epoch in range(settled + 1, settled + 1 + self.config.window):
            instance = None if record is None else record.live.get(epoch)
            if self._catch_up.mute(subject, epoch):
                continue
            if instance is None:
                return None if self._full(subject) else epoch
            if not instance.subset.proposed and instance.subset.vector is None:
                return epoch
        return None

    def propose(self, subject: str, epoch: int, value: bytes) -> None:
        """
        Put this robot's input into an epoch that `free_epoch` or `Opened` named.

        :raises InvariantError: neither did, it has one there already, or the value is too long.
        """
        instance = self._under_way.get((subject, epoch))
        if instance is None and epoch != self.free_epoch(subject):
            raise InvariantError(f'{subject}/{epoch} is not open to inputs of this robot')
        if len(value) > self.config.value_bytes_max:
            raise InvariantError(f'{subject}/{epoch}: an input of {len(value)} bytes')
        if instance is None:
            record = self._subjects.open(subject)
            instance = self._open(record, epoch, self._me)
        pieces = instance.subset.propose(value)
        # An input is a promise, too: it is kept with what is said of it, before it leaves.
        instance.flush(self._pending, self._now)
        for piece in pieces:
            self._pending.post((), piece)
        instance.progressed(self._now)
        self._touched[subject, epoch] = instance

    def settle(self, subject: str, epoch: int, outcome: bytes) -> None:
        """
        Answer `Decided` with the outcome, which is the same at every honest robot.

        :raises InvariantError: it is not the next epoch, or the outcome is too long.
        """
        record = self._subjects.get(subject)
        instance = self._under_way.get((subject, epoch))
        if record is None or epoch != record.settled + 1 or instance is None or not instance.told:
            raise InvariantError(f'{subject}/{epoch} is not the one that was decided')
        if len(outcome) > self.config.outcome_bytes_max:
            raise InvariantError(f'{subject}/{epoch}: an outcome of {len(outcome)} bytes')
        self._now_settled(record, epoch, outcome, ((epoch, digest(outcome)),))
        self._gone_on[record.name] = record

    def returned(self) -> None:
        """Look what happened meanwhile: this robot or another one was away."""
        self._catch_up.look_around(self._now)

    def mute(self, robot: str) -> None:
        """
        Hear a robot no more. As if it had stopped: one of the faulty ones, not one fewer.

        :raises InvariantError: it is this one, or none of the swarm.
        """
        if self._places.get(robot, self._me) == self._me:
            raise InvariantError(f"'{robot}' is not another robot of the swarm")
        self._muted.add(self._places[robot])

    def heard_of(self, robots: Collection[str]) -> int:
        """Return how many of some robots are heard at this level."""
        return len(robots) - sum(self.robots[place] in robots for place in self._muted)

    def inputs(self, subject: str) -> dict[str, bytes]:
        """Return the inputs delivered so far in the oldest open epoch of a subject."""
        record = self._subjects.get(subject)
        instance = None if record is None else record.live.get(record.settled + 1)
        if instance is None:
            return {}
        pairs = zip(self.robots, instance.subset.inputs, strict=True)
        return {robot: value for robot, value in pairs if value is not None}

    def standing(self, subject: str) -> tuple[int, bytes]:
        """Return (newest settled epoch, its outcome); (0, b'') where there is none."""
        record = self._subjects.get(subject)
        return (0, b'') if record is None else (record.settled, record.outcome)

    @property
    def settled_subjects(self) -> tuple[str, ...]:
        """Return the subjects of which an epoch is settled, sorted."""
        return tuple(sorted(each.name for each in self._subjects if each.settled))

    @property
    def under_way(self) -> int:
        """Return how many instances are under way."""
        return len(self._under_way)

    def lacks_input(self, subject: str, epoch: int) -> bool:
        """Return whether an instance that was opened still waits for this robot's input."""
        instance = self._under_way.get((subject, epoch))
        if instance is None or instance.subset.proposed:
            return False
        return instance.subset.vector is None

    # -- what comes in --------------------------------------------------------------------------

    def receive(self, sender: str, message: Message, witness: object = None) -> None:
        """
        Take in a message.

        :param sender: who said it; the transport vouches for that.
        :param witness: what proves to others that the sender said it; None: nothing does.
        """
        place = self._places.get(sender)
        if place is None or place == self._me or place in self._muted:
            self.dropped['MUTED' if place in self._muted else 'STRANGER'] += 1
        elif isinstance(message, Standings):
            self._catch_up.standings(place, message, self._now)
        elif isinstance(message, StandingsWanted):
            self._telling.standings(place, message)
        elif not self._serves(message.subject):
            self.dropped['NOT_AGREED'] += 1
        elif isinstance(message, (Statement, Piece)):
            self._about_instance(place, message, witness)
        elif isinstance(message, PiecesWanted):
            self._pieces_wanted(place, message)
        elif isinstance(message, OutcomeWanted):
            self._outcome_wanted(place, message)
        else:
            self._outcome_told(place, message)

    def _about_instance(self, place: int, message: Statement | Piece, witness: object) -> None:
        if isinstance(message, Statement) and any(
            len(mask) > self._mask_bytes for _, _, _, mask in message.votes
        ):
            # An honest one is as short as it can be; this one would only cost time.
            self.dropped['NO_SUCH_ROBOT'] += 1
            return
        epoch = message.epoch
        record = self._subjects.get(message.subject)
        if record is None or epoch not in record.live:
            record = self._join(place, message)
            if record is None:
                return
        instance = record.live[epoch]
        if isinstance(message, Piece):
            consistent = instance.subset.receive_piece(place, message)
        else:
            consistent = instance.subset.receive(place, message)
            if message.settled:
                consistent &= instance.hear_settled(place, message.settled)
        if not consistent:
            self._contradicted(instance, place, message, witness)
        else:
            instance.remember(place, message, witness)
        self._touched[message.subject, epoch] = instance
        if isinstance(message, Statement) and message.again:
            self._answer(record, instance, place, epoch, message)
        self._settled.heed(record, instance)

    def _join(self, place: int, message: Statement | Piece) -> Subject | None:
        """Open the instance that a message is about; None: not here, or not now."""
        name, epoch = message.subject, message.epoch
        record = self._subjects.get(name)
        settled = self._subjects.settled(name)
        if epoch <= settled:
            if record is None or not isinstance(message, Statement) or not message.again:
                return None
            if epoch in record.missed and not message.settled:
                return self._help(record, epoch, place)
            self._over(place, record, message)
            return None
        if epoch > settled + self.config.window:
            # What is under way there follows on epochs that are settled.
            self._catch_up.behind(place, name, epoch - self.config.window, self._now)
            return None
        if not self._catch_up.mute(name, epoch):
            if not self._full(name, epoch - settled) and not self._alone(place):
                record = self._subjects.open(name)
                self._open_up_to(record, epoch, place)
                return record
            self.dropped['INSTANCES_FULL'] += 1
        if isinstance(message, Statement) and message.settled:
            self._catch_up.behind(place, name, epoch, self._now)
        return None

    def _help(self, record: Subject, epoch: int, opener: int) -> Subject:
        """
        Take part in an instance that this robot was told the outcome of, and never spoke in.

        Whoever is not done there needs the words of n - f robots, or the outcome of f + 1. That
        f + 1 have told it to us does not mean that so many will tell it to the others: all but one
        of them may lie. No input of ours is needed, since an honest robot has come to the end.
        """
        record.missed = tuple(each for each in record.missed if each != epoch)
        self._keep_subject(record)
        instance = self._make(record, epoch, opener)
        self._settled.add(record, instance)
        return record

    def _over(self, place: int, record: Subject, message: Statement) -> None:
        """Answer a robot that says again what nobody needs here any more."""
        outcome = record.digest(message.epoch)
        if message.settled and outcome is not None:
            # It has the outcome and waits for our word that we have it, too.
            end = Statement(record.name, message.epoch, False, settled=outcome)
            self._pending.post((self.robots[place],), end)
        else:
            self._telling.outcome(place, record, self._now)

    def _open_up_to(self, record: Subject, epoch: int, opener: int) -> None:
        """
        Open an instance that others have begun, and all before it that are not settled.

        Without those it could end and never be settled. An honest robot has begun them, too.
        """
        for each in range(record.settled + 1, epoch + 1):
            if each not in record.live and not self._catch_up.mute(record.name, each):
                self._open(record, each, opener)
                self._pending.opened.append(Opened(record.name, each))

    def _contradicted(
        self, instance: Instance, place: int, message: Statement | Piece, witness: object
    ) -> None:
        self.dropped['CONTRADICTION'] += 1
        if witness is None or instance.accused >> place & 1:
            return
        first = instance.evidence(place, message)
        if first is not None:
            instance.accused |= 1 << place
            self._pending.contradictions.append(
                Contradiction(
                    self.robots[place], message.subject, message.epoch, first, (message, witness)
                )
            )

    def _answer(
        self, record: Subject, instance: Instance, place: int, epoch: int, message: Statement
    ) -> None:
        """Say everything to a robot that lacks something."""
        if not instance.may_answer(place, self._now):
            return
        # What is new goes to all first, after it is on disk; this then repeats nothing unkept.
        instance.flush(self._pending, self._now)
        to = (self.robots[place],)
        self._pending.post(to, instance.subset.voice.everything(False))
        if not instance.subset.holders_of_mine() >> place & 1:
            self._telling.pieces(place, instance.offer())
        if epoch <= record.settled and not message.settled:
            self._telling.outcome(place, record, self._now)

    def _pieces_wanted(self, place: int, wanted: PiecesWanted) -> None:
        record = self._subjects.get(wanted.subject)
        instance = None if record is None else record.live.get(wanted.epoch)
        if instance is None:
            if record is not None and wanted.epoch <= record.settled:
                self._telling.outcome(place, record, self._now)
            return
        pieces = instance.subset.pieces(wanted.proposer, wanted.root, wanted.indexes)
        self._telling.pieces(place, pieces)

    def _outcome_wanted(self, place: int, wanted: OutcomeWanted) -> None:
        record = self._subjects.get(wanted.subject)
        if record is not None and record.settled > wanted.epoch:
            self._telling.outcome(place, record, self._now)

    def _outcome_told(self, place: int, told: OutcomeTold) -> None:
        record = self._subjects.get(told.subject)
        newest = told.recent[-1][0] if told.recent else 0
        for epoch, instance in () if record is None else tuple(record.live.items()):
            if record is not None and epoch <= newest:
                # It may have come to a newer one without this.
                instance.passed |= 1 << place
                self._settled.heed(record, instance)
        caught_up = self._catch_up.told(place, told, self._now)
        if caught_up is not None and not self._subjects.room(told.subject):
            self.dropped['SUBJECTS_FULL'] += 1
        elif caught_up is not None:
            record = self._subjects.open(told.subject)
            epoch = caught_up.epoch
            self._now_settled(record, epoch, caught_up.outcome, caught_up.recent)
            self._pending.caught_up.append(CaughtUp(record.name, epoch, caught_up.outcome))
            self._gone_on[record.name] = record

    # -- time -----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let a tick pass."""
        self._now += 1
        self._pending.tick()
        self._telling.tick()
        self._settled.tick(self._now)
        for (name, epoch), instance in self._under_way.items():
            if self._now % self.config.resend_ticks == 0:
                instance.pull(self._pending, self._muted)
            if instance.due(self._now):
                self._say_again(name, epoch, instance)
        self._catch_up.tick(self._now)

    def _say_again(self, name: str, epoch: int, instance: Instance) -> None:
        instance.flush(self._pending, self._now)
        self._pending.post((), instance.subset.voice.everything(True))
        for piece in instance.offer():
            self._pending.post((), piece)
        record = self._subjects[name]
        if epoch > record.settled + 1 and record.settled + 1 not in record.live:
            # This robot is silent there and waits for the outcome of the others.
            self._catch_up.behind(self._me, name, record.settled + 1, self._now)

    @property
    def idle(self) -> bool:
        """Whether nothing is due by time alone."""
        waits = self._under_way or not self._pending.idle
        return not waits and self._catch_up.idle and self._settled.idle

    # -- what is to be done ---------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """Whether something new has been said that has not been taken yet."""
        return bool(self._touched)

    def take_effects(self, hold: bool = False, hold_ripe: bool = False) -> Effects | None:
        """
        Return what is to be done now; None: nothing.

        :param hold: leave new words where they are, for more to go with them, but for those of
            instances where they are complete. What has ended is handed out in any case.
        :param hold_ripe: leave those as well.
        """
        touched, self._touched = self._touched, {}
        for name, epoch in touched:
            if (name, epoch) in self._under_way:
                self._hand_out(self._subjects[name])
        for where, instance in touched.items():
            voice = instance.subset.voice
            if voice.silent or not self._is_kept(where):
                continue
            if hold and (hold_ripe or not voice.ripe):
                self._touched[where] = instance
            else:
                instance.flush(self._pending, self._now)
        # Only now: they may have caught up further meanwhile.
        gone_on, self._gone_on = self._gone_on, {}
        for record in gone_on.values():
            self._hand_out(record)
        return self._pending.take()

    def _is_kept(self, where: tuple[str, int]) -> bool:
        return where in self._under_way or where in self._settled

    def _hand_out(self, record: Subject) -> None:
        """Hand the next vector out, once, if it is there and all before it is settled."""
        instance = record.live.get(record.settled + 1)
        if instance is not None and instance.subset.vector is not None and not instance.told:
            instance.told = True
            decided = Decided(record.name, record.settled + 1, instance.subset.vector)
            self._pending.decided.append(decided)

    def _now_settled(
        self,
        record: Subject,
        epoch: int,
        outcome: bytes,
        recent: tuple[tuple[int, bytes], ...],
    ) -> None:
        oldest = max(record.settled, epoch - self.config.window) + 1
        missed = tuple(
            each
            for each in range(oldest, epoch + 1)
            if each not in record.live and not self._catch_up.mute(record.name, each)
        )
        before = record.settled
        self.standing_hash ^= standing_hash(record.name, before)
        self.standing_hash ^= standing_hash(record.name, epoch)
        record.settle(epoch, outcome, (*record.recent, *recent))
        record.missed = tuple(
            each for each in (*record.missed, *missed) if each > epoch - self.config.window
        )
        self._keep_subject(record)
        for old, instance in tuple(record.live.items()):
            if old > epoch:
                continue
            if old > before:
                del self._under_way[record.name, old]
                self._settled.add(record, instance)
            self._settled.heed(record, instance)

    def _keep_subject(self, record: Subject) -> None:
        kept = SubjectKept(
            record.name, record.settled, record.outcome, record.recent, record.missed
        )
        self._pending.keep(kept)

    # -- small things ---------------------------------------------------------------------------

    def _full(self, subject: str, more: int = 1) -> bool:
        """Return whether there is no room for more instances of a subject."""
        if not self._subjects.room(subject):
            return True
        return len(self._under_way) + more > self.config.instances_max

    def _alone(self, place: int) -> bool:
        """Return whether a robot has opened as many instances as it may without the others."""
        share = max(OPENED_ALONE_MIN, self.config.instances_max // len(self.robots))
        alone = sum(
            instance.opener == place and instance.subset.speakers <= 1
            for instance in self._under_way.values()
        )
        return alone >= share

    def _open(self, record: Subject, epoch: int, opener: int) -> Instance:
        instance = self._make(record, epoch, opener)
        self._under_way[record.name, epoch] = instance
        return instance

    def _make(
        self,
        record: Subject,
        epoch: int,
        opener: int,
        said: Statement | None = None,
        held: dict[int, bytes] | None = None,
    ) -> Instance:
        random = Random(self._random.getrandbits(64))
        subset = CommonSubset(self._rules, record.name, epoch, random, said, held)
        instance = Instance(
            self._rules, subset, record.name, epoch, opener, self.config.resend_ticks, self._now
        )
        record.live[epoch] = instance
        return instance
