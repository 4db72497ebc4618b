"""
The models that this robot shares with the others: chunks, contributions, and what is in force.

The numbers themselves are worked on elsewhere (`ModelJob` out, `ModelMade` back): a merge takes
longer than any step may. A robot tells its own contribution by itself and again now and then, until
a version is in force that was made without or with it; nobody tells that of another, so where
frames are signed nobody can speak for another either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from swarm_consensus.decision.types import Decision
from swarm_consensus.protocols.parameters.architecture import Architecture
from swarm_consensus.protocols.parameters.blobs import Blob, chunks_of
from swarm_consensus.protocols.parameters.contributions import manifest_from
from swarm_consensus.protocols.parameters.effects import Arrived
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.exchange import (
    Applied,
    Effect,
    Exchange,
    ExchangeConfig,
    Forget,
    Make,
    Ready,
    Want,
)
from swarm_consensus.protocols.parameters.merge import Rule
from swarm_consensus.protocols.parameters.messages import Chunk
from swarm_consensus.protocols.parameters.transfer import Transfer, TransferConfig
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.config import SECOND, RuntimeConfig
from swarm_consensus.runtime.events import (
    ModelApplied,
    ModelContributed,
    ModelDamaged,
    ModelInput,
    ModelJob,
    ModelMade,
    ModelMergeAnswered,
    ModelMergeAsked,
    ModelReady,
    ModelReport,
    ModelStatus,
    Notice,
    Output,
)
from swarm_consensus.runtime.model_messages import ContributionTold, ModelMessage
from swarm_consensus.runtime.post import Post
from swarm_consensus.storage.chunks import Chunks
from swarm_consensus.transport.frame import TrafficClass

SUBJECT_PREFIX = 'model/'
TELL_NS = 2 * SECOND
# Time for contributions of a version to come, before its result is fetched instead.
PATIENCE_NS = 10 * SECOND
# Time for an answer to a request for chunks.
ANSWER_NS = SECOND // 2
# Time for a version that the leader made to be decided, before it makes another one.
MERGE_RETRY_NS = 20 * SECOND


@value
class ModelSetup:
    """
    A model that the robots share.

    :param architecture: of its parameters.
    :param initial: those of the model file, whose chunks are held.
    :param rule: by which new versions are merged.
    :param merge_at: contributions at which the leader has them merged by itself; 0: never.
    """

    name: str
    architecture: Architecture
    initial: Blob
    rule: Rule = Rule()
    merge_at: int = 0


class _Model:
    """One model, and what is asked for it at this robot."""

    def __init__(self, setup: ModelSetup, exchange: Exchange) -> None:
        self.setup = setup
        self.subject = SUBJECT_PREFIX + setup.name
        self.exchange = exchange
        # Who asked for the version that is being tried.
        self.key = 0
        self.contributions_min = 1
        self.tell_ns = 0
        self.merge_ns = 0


class ModelWork:
    """
    The models of one robot.

    :param chunks: that it holds.
    :param current: gives the decision in force for a subject.
    :param post: the way out.
    """

    def __init__(
        self,
        config: RuntimeConfig,
        setups: Sequence[ModelSetup],
        chunks: Chunks,
        random: Random,
        current: Callable[[str], Decision | None],
        post: Post,
    ) -> None:
        self._config = config
        self._chunks = chunks
        self._current = current
        self._post = post
        self._ticks_done = 0
        self._report_ns = 0
        self._no_room = 0
        self._transfer = Transfer(
            TransferConfig(
                answer_ticks=max(1, ANSWER_NS // config.tick_ns),
                lacking_ticks=max(1, 2 * ANSWER_NS // config.tick_ns),
            ),
            random,
            chunks.held,
            chunks.read,
        )
        self._models = {
            setup.name: _Model(
                setup,
                Exchange(
                    ExchangeConfig(setup.rule, max(1, PATIENCE_NS // config.tick_ns)),
                    config.robot,
                    setup.architecture,
                    setup.initial,
                    self._here,
                ),
            )
            for setup in setups
        }

    @property
    def idle(self) -> bool:
        """Whether nothing is due before something comes in, but what `due_ns` says."""
        return self._transfer.idle and not any(
            model.exchange.waiting for model in self._models.values()
        )

    @property
    def due_ns(self) -> int | None:
        """Return when this robot's contributions are told again; None: there are none."""
        return min(
            (model.tell_ns for model in self._models.values() if model.exchange.own is not None),
            default=None,
        )

    def _report(self) -> ModelReport:
        found = []
        for model in self._models.values():
            exchange = model.exchange
            known = exchange.known
            found.append(
                ModelStatus(
                    model.setup.name,
                    exchange.revision,
                    exchange.result.root.hex(),
                    exchange.ready,
                    tuple(manifest.robot for manifest in known),
                    len(exchange.complete),
                    exchange.refused.total(),
                )
            )
        counters = self._transfer.counters
        return ModelReport(
            tuple(found),
            len(self._transfer.wanted),
            replace(counters, by_robot=dict(counters.by_robot)),
            self._no_room,
        )

    def _here(self, blob: Blob) -> bool:
        """Return whether all of a blob is held; only nodes are read."""
        parts = [blob.whole]
        while parts:
            part = parts.pop()
            if not self._chunks.held(part.hash):
                return False
            if part.height:
                data = self._chunks.read(part.hash)
                if data is None or len(data) != part.chunk_bytes:
                    return False
                parts.extend(part.children(data))
        return True

    # -- what comes in ----------------------------------------------------------------------------

    def receive(self, sender: str, message: ModelMessage) -> str:
        """Take in a message of another robot; returns why it counts for nothing, '' if it does."""
        if not isinstance(message, ContributionTold):
            self._transfer.receive(sender, message)
            return ''
        model = self._models.get(message.model)
        if model is None:
            return 'NO_MODEL'
        try:
            manifest = manifest_from(message.manifest)
        except ParametersError:
            return 'NO_MANIFEST'
        if manifest.robot != sender:
            return 'FORGED'
        model.exchange.hear(manifest)
        return ''

    def ask(self, item: ModelInput, now_ns: int, outputs: list[Output]) -> None:
        """Take in what this robot's own users and its workshop say."""
        model = self._models.get(item.model)
        if model is None:
            if isinstance(item, ModelMergeAsked):
                outputs.append(ModelMergeAnswered(item.key, f'there is no model {item.model!r}'))
            return
        if isinstance(item, ModelContributed):
            if model.exchange.hear(item.manifest):
                self._tell(model, now_ns)
        elif isinstance(item, ModelMade):
            model.exchange.made(item.make, item.result, item.reason, item.spoiled)
            if item.make.wanted is None and item.result is None and item.spoiled is None:
                outputs.append(ModelMergeAnswered(model.key, item.reason))
            if item.spoiled is not None and item.make.wanted is None:
                # Without it the others may still do.
                self._propose(model, model.key, model.contributions_min, outputs)
        elif isinstance(item, ModelDamaged):
            model.exchange.lost(item.blob)
        else:
            self._propose(model, item.key, item.contributions_min, outputs)

    def _propose(
        self, model: _Model, key: int, contributions_min: int, outputs: list[Output]
    ) -> None:
        reason = model.exchange.propose(contributions_min)
        if reason:
            outputs.append(ModelMergeAnswered(key, reason))
            return
        model.key = key
        model.contributions_min = contributions_min

    def _tell(self, model: _Model, now_ns: int) -> None:
        own = model.exchange.own
        if own is not None:
            self._post.offer(
                ContributionTold(model.setup.name, own.encoded()), key=model.subject
            )
            model.tell_ns = now_ns + TELL_NS

    # -- every step -------------------------------------------------------------------------------

    def step(
        self,
        ticks_done: int,
        now_ns: int,
        alive: Callable[[int], Sequence[str]],
        leads: bool,
        outputs: list[Output],
    ) -> None:
        """
        Do what is due.

        :param ticks_done: of this boot so far.
        :param alive: gives the robots that are there, at a time.
        :param leads: whether this robot leads the log.
        """
        ticks, self._ticks_done = ticks_done - self._ticks_done, ticks_done
        for model in self._models.values():
            exchange = model.exchange
            decision = self._current(model.subject)
            if decision is not None and decision.revision > exchange.revision:
                exchange.decided(decision.revision, decision.value)
                model.merge_ns = 0
            if ticks and exchange.waiting:
                exchange.tick(ticks)
            if ticks and model.tell_ns <= now_ns:
                self._tell(model, now_ns)
            if model.setup.merge_at and leads:
                self._merge_by_itself(model, now_ns, outputs)
        if ticks and not self._transfer.idle:
            own = self._config.robot
            others = [name for name in alive(now_ns) if name != own]
            room = not self._post.overloaded(TrafficClass.BULK)
            self._transfer.tick(ticks, others, may_serve=room)
        if ticks and now_ns >= self._report_ns:
            self._report_ns = now_ns + SECOND
            outputs.append(self._report())
        # What arrives may have something made or fetched, which may be here already.
        while self._carry_out(outputs):
            pass

    def _merge_by_itself(self, model: _Model, now_ns: int, outputs: list[Output]) -> None:
        wanted = model.setup.merge_at
        if now_ns >= model.merge_ns and model.exchange.may_propose(wanted):
            # Not again while it is tried and proposed.
            model.merge_ns = now_ns + MERGE_RETRY_NS
            self._propose(model, 0, wanted, outputs)

    def _carry_out(self, outputs: list[Output]) -> bool:
        done = False
        for model in self._models.values():
            for effect in model.exchange.take():
                done = True
                self._do(model, effect, outputs)
        batch = self._transfer.take()
        for keep in batch.keep:
            if not self._chunks.keep(keep.hash, keep.data):
                self._no_room += 1
        for send in batch.send:
            self._post.offer(send.message, (send.to,))
        for serve in batch.serve:
            data = self._chunks.read(serve.hash)
            if data is not None:
                # Asked for again while it waits to leave, it leaves once.
                key = f'chunk {serve.to} {serve.hash.hex()}'
                self._post.offer(Chunk(serve.hash, data), (serve.to,), key)
        for told in batch.tell:
            done = True
            for model in self._models.values():
                if isinstance(told, Arrived):
                    model.exchange.arrived(told.blob)
                else:
                    model.exchange.malformed(told.blob)
        return done

    def _do(self, model: _Model, effect: Effect, outputs: list[Output]) -> None:
        name = model.setup.name
        if isinstance(effect, Want):
            sources = [each for each in effect.sources if each != self._config.robot]
            if not self._transfer.want(effect.blob, sources):
                outputs.append(Notice(f'model {name}: too much to fetch at once', warning=True))
        elif isinstance(effect, Forget):
            self._transfer.forget(effect.blob)
        elif isinstance(effect, Make):
            key = 0 if effect.wanted is not None else model.key
            outputs.append(ModelJob(name, effect, key, model.exchange.revision))
        elif isinstance(effect, Ready):
            outputs.append(ModelReady(name, effect, frozenset(self._used())))
        elif isinstance(effect, Applied):
            outputs.append(ModelApplied(name, effect.version))
        else:
            outputs.append(Notice(f'model {name}: {effect.text}', warning=True))

    def _used(self) -> set[bytes]:
        """Return the chunks of all that is of use."""
        return {
            chunk
            for model in self._models.values()
            for blob in model.exchange.blobs
            for chunk in chunks_of(blob, self._chunks.read)
        }
