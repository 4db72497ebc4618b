"""
Robots that exchange a model, on virtual time: the real protocols, and a network that may be bad.

What the replicated log does on robots is one list here: a decision is the next entry of it, and
each robot reads it on when it gets to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

import numpy as np

from swarm_consensus.protocols.parameters.architecture import Architecture, Vector, to_bytes
from swarm_consensus.protocols.parameters.blobs import Blob, cut, join
from swarm_consensus.protocols.parameters.contributions import Manifest
from swarm_consensus.protocols.parameters.effects import Arrived
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.exchange import (
    Applied,
    Exchange,
    ExchangeConfig,
    Forget,
    Make,
    Ready,
    Refused,
    Want,
)
from swarm_consensus.protocols.parameters.merge import Rule
from swarm_consensus.protocols.parameters.messages import Chunk
from swarm_consensus.protocols.parameters.quantise import Encoding, ErrorFeedback
from swarm_consensus.protocols.parameters.transfer import Transfer, TransferConfig
from swarm_consensus.protocols.parameters.version import ModelVersion
from swarm_consensus.protocols.parameters.workshop import (
    ContributionError,
    contribute,
    make,
    parameters_of,
)

ANNOUNCE_TICKS = 20


@dataclass
class ModelRobot:
    """
    One robot.

    :ivar kept: its disk, which survives reboots.
    :ivar vector: the parameters that it runs.
    """

    name: str
    architecture: Architecture
    initial: Vector
    rule: Rule
    encoding: Encoding
    seed: int
    kept: dict[bytes, bytes] = field(default_factory=dict)
    boots: int = 0
    lies: bool = False
    made: int = 0
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reboot()

    def reboot(self) -> None:
        """Lose everything but the disk."""
        self.boots += 1
        blob, chunks = cut(to_bytes(self.initial))
        self.kept |= chunks
        self.transfer = Transfer(
            TransferConfig(serve_per_tick=16),
            Random(f'{self.seed} {self.name} {self.boots}'),
            self.kept.__contains__,
            self.kept.get,
        )
        config = ExchangeConfig(self.rule, patience_ticks=100)
        self.exchange = Exchange(config, self.name, self.architecture, blob, self._here)
        self.feedback = ErrorFeedback(self.architecture.count)
        self.vector = self.initial
        self.version = self.boots << 20
        self.tried: Blob | None = None
        self.read = 0
        self.outgoing: list[tuple[str, object]] = []
        self.has_news = False
        self.carry_out()

    def _here(self, blob: Blob) -> bool:
        return join(blob, self.kept.get) is not None

    def contribute(self, vector: Vector, weight: float = 1.0) -> Manifest:
        """Hand in what this robot has learnt on the parameters in force."""
        self.version += 1
        manifest, made = contribute(
            vector,
            self.exchange.result,
            self.architecture,
            self.kept.get,
            robot=self.name,
            version=self.version,
            weight=weight,
            encoding=self.encoding,
            feedback=self.feedback,
        )
        self.kept |= made.chunks
        self.exchange.hear(manifest)
        self.has_news = True
        self.carry_out()
        return manifest

    def carry_out(self) -> None:
        """Do what the protocols ask for, until they ask for nothing more."""
        while effects := self.exchange.take():
            for effect in effects:
                self._do(effect)
            self._transfer()
        self._transfer()

    def _do(self, effect: object) -> None:
        if isinstance(effect, Want):
            self.transfer.want(effect.blob, [name for name in effect.sources if name != self.name])
        elif isinstance(effect, Forget):
            self.transfer.forget(effect.blob)
        elif isinstance(effect, Ready):
            self.vector = parameters_of(effect.result, self.architecture, self.kept.get)
        elif isinstance(effect, Applied):
            self.feedback.applied(effect.version)
        elif isinstance(effect, Refused):
            self.refused.append(effect.text)
        elif isinstance(effect, Make):
            self._make(effect)

    def _make(self, job: Make) -> None:
        result, reason, spoiled = None, '', None
        try:
            made = make(job, self.architecture, self.kept.get)
        except ContributionError as error:
            reason, spoiled = str(error), error.manifest
        except ParametersError as error:
            reason = str(error)
        else:
            self.made += 1
            self.kept |= made.chunks
            result = made.blob
        self.exchange.made(job, result, reason, spoiled)
        if job.wanted is None:
            self.tried = result
            self.job = job

    def _transfer(self) -> None:
        batch = self.transfer.take()
        for keep in batch.keep:
            self.kept[keep.hash] = keep.data
        self.outgoing += [(send.to, send.message) for send in batch.send]
        for serve in batch.serve:
            data = self.kept[serve.hash]
            if self.lies:
                data = bytes([data[0] ^ 1]) + data[1:]
            self.outgoing.append((serve.to, Chunk(serve.hash, data)))
        for told in batch.tell:
            if isinstance(told, Arrived):
                self.exchange.arrived(told.blob)
            else:
                self.exchange.malformed(told.blob)

    def proposal(self, contributions_min: int = 1) -> ModelVersion:
        """Return the version that this robot would have decided; raise what is in its way."""
        reason = self.exchange.propose(contributions_min)
        if reason:
            raise ParametersError(reason)
        self.carry_out()
        if self.tried is None:
            raise ParametersError(self.refused[-1])
        return ModelVersion(
            bytes.fromhex(self.architecture.hash),
            self.job.base.root,
            self.rule,
            self.job.contributions,
            self.tried,
        )


class ModelSwarm:
    """
    The robots, their network and the decisions.

    :param loss: share of the messages that are lost.
    :param late_max: ticks that a message may take.
    """

    def __init__(
        self,
        count: int,
        architecture: Architecture,
        initial: Vector,
        *,
        rule: Rule | None = None,
        encoding: Encoding = Encoding.FLOAT16,
        seed: int = 0,
        loss: float = 0.0,
        late_max: int = 1,
    ) -> None:
        self.robots = {
            f'r{number:02}': ModelRobot(
                f'r{number:02}', architecture, initial, rule or Rule(), encoding, seed
            )
            for number in range(count)
        }
        self.decisions: list[bytes] = []
        self.down: set[str] = set()
        self.bytes = 0
        self._random = Random(seed)
        self._loss = loss
        self._late_max = late_max
        self._now = 0
        self._flying: list[tuple[int, int, str, str, object]] = []

    @property
    def up(self) -> list[ModelRobot]:
        """Return the robots that are not down."""
        return [robot for name, robot in self.robots.items() if name not in self.down]

    def step(self) -> None:
        """Let a tick pass."""
        self._now += 1
        due = [each for each in self._flying if each[0] <= self._now]
        self._flying = [each for each in self._flying if each[0] > self._now]
        for _, _, sender, to, message in sorted(due, key=lambda each: each[1]):
            if to in self.down:
                continue
            robot = self.robots[to]
            if isinstance(message, Manifest):
                robot.exchange.hear(message)
            else:
                robot.transfer.receive(sender, message)
            robot.carry_out()
        for number, robot in enumerate(self.up):
            if robot.read < len(self.decisions) and self._random.random() < 0.3:
                # The newest is what counts; those between may never be seen.
                robot.read = len(self.decisions)
                robot.exchange.decided(robot.read, self.decisions[-1])
            robot.exchange.tick(1)
            robot.transfer.tick(1, {each.name for each in self.up} - {robot.name})
            robot.carry_out()
            own = robot.exchange.own
            again = (self._now + number) % ANNOUNCE_TICKS == 0
            if own is not None and (robot.has_news or again):
                robot.has_news = False
                robot.outgoing += [(name, own) for name in self.robots if name != robot.name]
            for to, message in robot.outgoing:
                self._post(robot.name, to, message)
            robot.outgoing.clear()

    def _post(self, sender: str, to: str, message: object) -> None:
        if isinstance(message, Chunk):
            self.bytes += len(message.data)
        if self._random.random() >= self._loss:
            at = self._now + self._random.randint(1, self._late_max)
            self._flying.append((at, self._random.getrandbits(30), sender, to, message))

    def run(self, until: Callable[[], bool], ticks_max: int = 20_000) -> None:
        """Let time pass until a condition is true."""
        for _ in range(ticks_max):
            if until():
                return
            self.step()
        raise AssertionError(f'not after {ticks_max} ticks')

    def round(self, learnt: Mapping[str, Vector], proposer: str, contributions: int) -> None:
        """
        Have robots hand in what they learnt, one of them propose, and all take the new version.

        :param contributions: that the proposer waits for.
        """
        for name, vector in learnt.items():
            self.robots[name].contribute(vector)
        one = self.robots[proposer]
        self.run(lambda: len(one.exchange.complete) >= contributions)
        self.decisions.append(one.proposal(contributions).encoded())
        self.run(lambda: all(self.follows(robot) for robot in self.up))

    def follows(self, robot: ModelRobot) -> bool:
        """Return whether a robot runs the newest version."""
        return robot.exchange.revision == len(self.decisions) and robot.exchange.ready

    def agreed(self) -> Vector:
        """Return the parameters that all robots run, which must be the same in every bit."""
        vectors = {robot.vector.astype('<f4').tobytes() for robot in self.up}
        assert len(vectors) == 1, 'the robots run different parameters'
        return np.frombuffer(vectors.pop(), np.float32)
