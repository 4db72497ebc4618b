"""
Where consensus_node works on the numbers of models: a thread, and a folder for chunks and files.

The thread of the runtime only says what is to be made, and is told what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
import hashlib
from pathlib import Path
from queue import SimpleQueue
import threading

from swarm_consensus.inference.parameter_file import arrays_from_bytes, write_arrays
from swarm_consensus.protocols.parameters.architecture import Architecture, Vector, to_bytes
from swarm_consensus.protocols.parameters.blobs import Blob, cut
from swarm_consensus.protocols.parameters.contributions import Manifest
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.exchange import Ready
from swarm_consensus.protocols.parameters.merge import Rule
from swarm_consensus.protocols.parameters.quantise import Encoding, ErrorFeedback
from swarm_consensus.protocols.parameters.version import ModelVersion
from swarm_consensus.protocols.parameters.workshop import (
    ContributionError,
    Made,
    contribute,
    make,
    parameters_of,
)
from swarm_consensus.protocols.values import value
from swarm_consensus.runtime.events import (
    Input,
    ModelContributed,
    ModelDamaged,
    ModelJob,
    ModelMade,
    ModelReady,
)
from swarm_consensus.runtime.models import ModelSetup
from swarm_consensus.storage.chunks import FolderChunks

CHUNKS_BYTES_MAX = 2 << 30
# Contributions counted from here on in each boot, so that none needs a note on the disk.
VERSIONS_A_BOOT = 1 << 20


@value
class SharedModel:
    """
    A model of this robot that takes part in the exchange.

    :param initial: the parameters in its file, shape (architecture.count,).
    """

    name: str
    architecture: Architecture
    initial: Vector
    encoding: Encoding
    rule: Rule
    merge_at: int


@value
class Candidate:
    """
    A version that this robot could propose.

    :param key: of the request for it; 0: nobody asked.
    :param revision: of the decision that it is made on.
    :param file: .npz of its parameters.
    """

    key: int
    model: str
    revision: int
    version: ModelVersion
    file: Path


class _Bench:
    """What the thread knows of one model."""

    def __init__(self, model: SharedModel) -> None:
        self.model = model
        self.initial, self.chunks = cut(to_bytes(model.initial))
        self.feedback = ErrorFeedback(model.architecture.count)
        self.ready: Ready | None = None
        self.count = 0
        # What the newest contribution was made of, since requests are repeated.
        self.asked = b''
        self.manifest: Manifest | None = None
        self.files: list[Path] = []


class Workshop:
    """
    The thread.

    :param failed: called in the thread with what nobody expected; it ends the thread.
    """

    def __init__(
        self, robot: str, models: tuple[SharedModel, ...], failed: Callable[[Exception], None]
    ) -> None:
        self._robot = robot
        self._failed = failed
        self._benches = {model.name: _Bench(model) for model in models}
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._put: Callable[[Input], object] = lambda item: None
        self._incarnation = 0

    @property
    def setups(self) -> tuple[ModelSetup, ...]:
        """Return the models as the runtime takes them."""
        return tuple(
            ModelSetup(
                bench.model.name,
                bench.model.architecture,
                bench.initial,
                bench.model.rule,
                bench.model.merge_at,
            )
            for bench in self._benches.values()
        )

    def open(self, folder: Path) -> FolderChunks:
        """
        Open the folder, at an activation; what an earlier boot left in it is used again.

        :raises OSError: it cannot be made, or not be written to.
        """
        self._folder = folder
        self.chunks = FolderChunks(folder / 'chunks', CHUNKS_BYTES_MAX)
        for bench in self._benches.values():
            if not self._keep(Made(bench.initial, bench.chunks)):
                raise OSError(f'no room for the parameters of model {bench.model.name}')
        return self.chunks

    def begin(self, put: Callable[[Input], object], incarnation: int) -> None:
        """Start the thread; `put` hands an input to the runtime."""
        self._put, self._incarnation = put, incarnation
        self._thread = threading.Thread(target=self._run, name='models', daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End after the work under way."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join()
            self._thread = None
        for bench in self._benches.values():
            bench.ready = None

    def submit(self, work: Callable[[], object]) -> None:
        """Have something done in the thread, in turn."""
        self._work.put(work)

    def _run(self) -> None:
        try:
            while (work := self._work.get()) is not None:
                work()
        except Exception as error:  # noqa: BLE001 -- handed on, not swallowed
            self._failed(error)

    def _keep(self, made: Made) -> bool:
        return all(self.chunks.keep(chunk, data) for chunk, data in made.chunks.items())

    # -- in the thread ----------------------------------------------------------------------------

    def contribute(self, name: str, arrays: bytes, base: str, weight: float) -> Manifest:
        """
        Make a contribution of what somebody at this robot has learnt; the same again is the same.

        :param arrays: .npz.
        :param base: name of the parameters that the training began with; '': those in force.
        :raises ParametersError: why it is none.
        """
        bench = self._bench(name)
        ready = bench.ready
        if ready is None:
            raise ParametersError('the parameters in force are not here yet')
        if base and base != ready.result.root.hex():
            raise ParametersError(
                f'it is to the parameters {base[:12]}, and those in force are '
                f'{ready.result.root.hex()[:12]}: train on from them'
            )
        asked = _digest(arrays, ready.result.root, weight)
        if bench.manifest is not None and bench.asked == asked:
            return bench.manifest
        architecture = bench.model.architecture
        begun = parameters_of(ready.result, architecture, self.chunks.read)
        bench.count += 1
        manifest, made = contribute(
            architecture.flatten(arrays_from_bytes(arrays), begun),
            ready.result,
            architecture,
            self.chunks.read,
            robot=self._robot,
            version=self._incarnation * VERSIONS_A_BOOT + bench.count,
            weight=weight,
            encoding=bench.model.encoding,
            feedback=bench.feedback,
        )
        if not self._keep(made):
            raise ParametersError('this robot has no room for the contribution')
        bench.asked, bench.manifest = asked, manifest
        self._put(ModelContributed(name, manifest))
        return manifest

    def make(self, job: ModelJob) -> Candidate | None:
        """
        Do a job of the runtime, and tell it what came of it.

        :returns: the version that came of it, where one was to be tried.
        """
        bench = self._bench(job.model)
        architecture = bench.model.architecture
        try:
            made = make(job.make, architecture, self.chunks.read)
            if not self._keep(made):
                raise ParametersError('this robot has no room for the merged parameters')
            file = None if job.make.wanted is not None else self._write(bench, made.blob)
        except ContributionError as error:
            self._put(ModelMade(job.model, job.make, None, str(error), error.manifest))
            return None
        except ParametersError as error:
            self._put(ModelMade(job.model, job.make, None, str(error)))
            return None
        candidate = None
        if file is not None:
            version = ModelVersion(
                bytes.fromhex(architecture.hash),
                job.make.base.root,
                job.make.rule,
                job.make.contributions,
                made.blob,
            )
            candidate = Candidate(job.key, job.model, job.revision, version, file)
        self._put(ModelMade(job.model, job.make, made.blob))
        return candidate

    def ready(self, output: ModelReady) -> Path:
        """
        Take note that parameters in force are here, and let go of what is not of use any more.

        :returns: .npz of them.
        :raises ParametersError: they are damaged, and are fetched again, or cannot be written.
        """
        bench = self._bench(output.model)
        result = output.ready.result
        try:
            file = self._write(bench, result)
        except ParametersError:
            self._put(ModelDamaged(output.model, result))
            raise
        bench.ready = output.ready
        for path in bench.files:
            if path != file:
                path.unlink(missing_ok=True)
        bench.files = [file]
        self.chunks.collect(output.used)
        return file

    def applied(self, name: str, version: int) -> None:
        """Take note that a contribution of this robot is part of the parameters in force."""
        self._bench(name).feedback.applied(version)

    def in_force(self, name: str) -> tuple[Ready, Path, str]:
        """
        Return the parameters in force, the .npz of them, and the hash of their architecture.

        :raises ParametersError: no such model, or they are not here yet.
        """
        bench = self._bench(name)
        if bench.ready is None:
            raise ParametersError('the parameters in force are not here yet')
        return bench.ready, bench.files[-1], bench.model.architecture.hash

    def _bench(self, name: str) -> _Bench:
        bench = self._benches.get(name)
        if bench is None:
            raise ParametersError(
                f'this robot shares no model {name!r}; it shares '
                f'{", ".join(self._benches) or "none"}'
            )
        return bench

    def _write(self, bench: _Bench, blob: Blob) -> Path:
        """
        Write parameters as .npz, whole or not at all.

        :raises ParametersError: they are damaged, or the disk does not take them.
        """
        architecture = bench.model.architecture
        vector = parameters_of(blob, architecture, self.chunks.read)
        folder = self._folder / bench.model.name
        file = folder / f'{blob.root.hex()}.npz'
        part = file.with_suffix('.part')
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not bench.files:
                # Of an earlier boot.
                bench.files = sorted(folder.glob('*.npz'))
            with part.open('wb') as opened:
                write_arrays(opened, architecture.split(vector))
            part.replace(file)
        except OSError as error:
            raise ParametersError(f'{file} cannot be written: {error.strerror}') from error
        if file not in bench.files:
            bench.files.append(file)
        return file


def _digest(arrays: bytes, base: bytes, weight: float) -> bytes:
    return hashlib.sha256(base + repr(weight).encode() + arrays).digest()
