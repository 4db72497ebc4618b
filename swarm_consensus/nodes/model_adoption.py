"""
How inference_node comes to other parameters: a thread that tries them beside the model in use.

The frames never wait for it: the new model is built, warmed up and tried in this thread, and the
node then takes it between two frames by one assignment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Full, Queue
import threading

from swarm_consensus.inference.adoption import Adoption, Attempt
from swarm_consensus.inference.errors import ModelError
from swarm_consensus.inference.model import Model
from swarm_consensus.inference.spec import Spec
from swarm_consensus.protocols.values import value

WAITING_MAX = 4


@value
class Request:
    """
    Parameters to be tried.

    :param file: .npz that holds them.
    :param parameters_hash: that they must have, hex; '': any.
    :param trial_only: the model in use stays.
    :param done: called in the thread with what came of it.
    """

    file: str
    parameters_hash: str
    trial_only: bool
    done: Callable[[Attempt], None]


@dataclass(slots=True)
class AdoptionCounters:
    """
    What became of parameters, since the node was configured.

    :param adopted: the model changed to them.
    :param refused: they did not fit, did not run, or were not good enough.
    :param parameters_hash: of those in use, hex; '' for those of the file.
    :param last_reason: why parameters were refused last.
    :param accuracy: of the model in use on the held-out batch; None where it is not known.
    """

    adopted: int = 0
    refused: int = 0
    parameters_hash: str = ''
    last_reason: str = ''
    accuracy: float | None = None


class ModelAdoption:
    """
    The thread; it and all that it needs come to be with the first request.

    :param held_out: see `Adoption`.
    :param margin: see `Adoption`.
    :param swap: called in the thread with a model to run from the next frame on.
    :param failed: called in the thread with what nobody expected; it ends the thread.
    """

    def __init__(
        self,
        spec: Spec,
        held_out: str,
        margin: float,
        swap: Callable[[Model], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._spec = spec
        self._held_out = held_out
        self._margin = margin
        self._swap = swap
        self._failed = failed
        self.counters = AdoptionCounters()
        self._requests: Queue[Request | None] = Queue(WAITING_MAX)
        self._thread: threading.Thread | None = None
        self._stopping = False

    def put(self, request: Request) -> bool:
        """Leave a request; False: too many wait, and it is not taken."""
        if self._stopping:
            return False
        try:
            self._requests.put_nowait(request)
        except Full:
            return False
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name='adoption', daemon=True)
            self._thread.start()
        return True

    def stop(self) -> None:
        """Finish what is under way, refuse what waits, and return when the thread is gone."""
        self._stopping = True
        while True:
            try:
                request = self._requests.get_nowait()
            except Empty:
                break
            if request is not None:
                request.done(Attempt(None, 'the node was cleaned up'))
        if self._thread is not None:
            self._requests.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        adoption: Adoption | None = None
        try:
            while (request := self._requests.get()) is not None:
                if adoption is None:
                    try:
                        adoption = Adoption(self._spec, self._held_out, self._margin)
                    except ModelError as error:
                        self._end(request, Attempt(None, str(error)))
                        continue
                attempt = adoption.attempt(request.file, request.parameters_hash)
                if attempt.model is not None and not request.trial_only:
                    self._swap(attempt.model)
                    adoption.adopted(attempt)
                    self.counters.adopted += 1
                    self.counters.parameters_hash = attempt.parameters_hash
                    self.counters.accuracy = attempt.score and attempt.score.accuracy
                self._end(request, attempt)
        except Exception as error:  # noqa: BLE001 -- handed on, not swallowed
            self._failed(error)

    def _end(self, request: Request, attempt: Attempt) -> None:
        if attempt.reason:
            self.counters.refused += 1
            self.counters.last_reason = attempt.reason
        request.done(attempt)
