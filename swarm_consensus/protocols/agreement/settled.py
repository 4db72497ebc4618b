"""
Instances that are settled at one robot and that others may still need.

Such an instance is forgotten, and its rows with it, when n - f robots are known to have settled it,
since whoever is behind then gets f + 1 equal outcomes (catch_up.py), or when its subject has gone
on by a whole window, which takes n - f robots that have settled it. Until then this robot takes
part, and says a few times what it said, for those that may have missed it.
"""

from __future__ import annotations

from collections import OrderedDict

from swarm_consensus.protocols.agreement.config import AgreementConfig
from swarm_consensus.protocols.agreement.effects import input_key, said_key
from swarm_consensus.protocols.agreement.instance import Instance
from swarm_consensus.protocols.agreement.pending import Pending
from swarm_consensus.protocols.agreement.subject import Subject, Subjects

# Times that a settled instance is said again for robots that have not said that they settled it.
SETTLED_REPETITIONS_MAX = 8


class Settled:
    """
    The settled instances of one robot; at most `kept_max`, of which the oldest goes first.

    :param me: place of this robot.
    :param subjects: how each stands here.
    """

    def __init__(
        self, config: AgreementConfig, me: int, subjects: Subjects, pending: Pending
    ) -> None:
        self._config = config
        self._me = me
        self._subjects = subjects
        self._pending = pending
        # Oldest first.
        self._instances: OrderedDict[tuple[str, int], Instance] = OrderedDict()

    def __contains__(self, where: tuple[str, int]) -> bool:
        return where in self._instances

    def __len__(self) -> int:
        return len(self._instances)

    @property
    def idle(self) -> bool:
        """Whether nothing is due by time alone."""
        return all(
            instance.repetitions >= SETTLED_REPETITIONS_MAX
            for instance in self._instances.values()
        )

    def add(self, record: Subject, instance: Instance) -> None:
        """Take in an instance of a subject, of an epoch that is settled."""
        self._instances[record.name, instance.epoch] = instance
        instance.passed |= 1 << self._me
        instance.repetitions = 0
        outcome = record.digest(instance.epoch)
        if outcome is not None:
            instance.subset.voice.settle(outcome)
        while len(self._instances) > self._config.kept_max:
            name, epoch = next(iter(self._instances))
            self._forget(self._subjects[name], epoch)

    def heed(self, record: Subject, instance: Instance) -> None:
        """Forget an instance, if it is settled and nobody needs it any more."""
        if instance.epoch > record.settled:
            return
        if instance.epoch <= record.settled - self._config.window:
            self._forget(record, instance.epoch)
        elif instance.subset.voice.settled_untold:
            # It goes out with the next tick.
            return
        elif instance.passed.bit_count() >= self._config.thresholds.heard:
            self._forget(record, instance.epoch)

    def _forget(self, record: Subject, epoch: int) -> None:
        instance = record.live.pop(epoch, None)
        self._instances.pop((record.name, epoch), None)
        if instance is not None:
            self._pending.drop(said_key(record.name, epoch))
            for proposer in instance.kept:
                self._pending.drop(input_key(record.name, epoch, proposer))

    def tick(self, now: int) -> None:
        """Say what is new, and again what was said."""
        for where, instance in tuple(self._instances.items()):
            instance.flush(self._pending, now, end=True)
            self.heed(self._subjects[where[0]], instance)
            if where not in self._instances:
                continue
            if instance.repetitions < SETTLED_REPETITIONS_MAX and instance.due(now):
                self._pending.post((), instance.subset.voice.everything(True))
