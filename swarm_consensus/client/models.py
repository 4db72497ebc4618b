"""The exchange of models, as methods of `SwarmClient`."""

from __future__ import annotations

from abc import ABC
from array import array
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, NDArray
from rclpy.task import Future

from swarm_consensus.client.values import Decision, decision_from, with_stamp
from swarm_consensus.decision.types import Level, Status, no_answer
from swarm_consensus.inference.parameter_file import arrays_from_bytes, arrays_to_bytes
from swarm_consensus.protocols.values import value
from swarm_consensus.srv import ContributeModel, MergeModel, ReadModel

if TYPE_CHECKING:
    from swarm_consensus.client.services import Services


@value
class ModelParameters:
    """
    Parameters of a model that are in force.

    :param found: they are here; where not, all else but the reason is empty.
    :param reason: why they are not: no such model, or not all of it here yet.
    :param revision: of the decision on `model/<name>`; 0: none, those of the model file.
    :param parameters_hash: their name, hex.
    :param arrays: by the names of the initializers.
    """

    model: str
    found: bool
    reason: str
    revision: int = 0
    parameters_hash: str = ''
    architecture_hash: str = ''
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@value
class Contribution:
    """
    What became of a contribution.

    :param reason: why it was not accepted; '' where it was.
    :param version: counts the contributions of the robot.
    :param base: parameters_hash that it is to.
    """

    accepted: bool
    reason: str
    version: int
    base: str


@value
class Merged:
    """
    What became of a merge.

    :param decision: on `model/<name>`; its status is the outcome.
    :param contributors: robots whose contributions are in it.
    """

    decision: Decision
    contributors: tuple[str, ...]


class ModelMethods(ABC):
    """What `SwarmClient` can do with models that the robots share."""

    _services: Services

    def read_model(self, model: str, *, timeout: float = 10.0) -> Future[ModelParameters]:
        """
        Read the parameters in force, to train on from them.

        :param model: its name in the exchange.
        :param timeout: s.
        :returns: future of the `ModelParameters`.
        """

        def convert(response: ReadModel.Response) -> ModelParameters:
            if not response.found:
                return ModelParameters(model, False, response.reason)
            return ModelParameters(
                model,
                True,
                '',
                response.revision,
                response.parameters_hash,
                response.architecture_hash,
                arrays_from_bytes(response.arrays.tobytes()),
            )

        return self._services.ask(
            ReadModel,
            'read_model',
            request=lambda _: ReadModel.Request(model=model),
            convert=convert,
            otherwise=lambda: ModelParameters(model, False, self._services.unanswered(timeout)),
            timeout=timeout,
        )

    def contribute(
        self,
        model: str,
        arrays: Mapping[str, ArrayLike],
        weight: float = 1.0,
        *,
        base: str = '',
        timeout: float = 10.0,
    ) -> Future[Contribution]:
        """
        Hand in what this robot has learnt.

        :param model: its name in the exchange.
        :param arrays: new values by the names of the initializers; those left out stay.
        :param weight: in a weighted mean, above 0: how many examples are behind it, for instance.
        :param base: `parameters_hash` of what the training began with; empty: those in force.
        :param timeout: s.
        :returns: future of the `Contribution`.
        """
        request = ContributeModel.Request(
            model=model, arrays=array('B', arrays_to_bytes(arrays)), base=base, weight=weight
        )
        return self._services.ask(
            ContributeModel,
            'contribute_model',
            request=lambda _: request,
            convert=lambda response: Contribution(
                response.accepted, response.reason, response.version, response.base
            ),
            otherwise=lambda: Contribution(False, self._services.unanswered(timeout), 0, ''),
            timeout=timeout,
        )

    def merge(
        self, model: str, *, contributions_min: int = 1, timeout: float = 20.0
    ) -> Future[Merged]:
        """
        Have the contributions merged, tried at this robot, and the result decided by the swarm.

        :param model: its name in the exchange.
        :param contributions_min: robots without whose contributions it is refused.
        :param timeout: s; half of it for the trial, half for the decision.
        :returns: future of the `Merged`.
        """

        def otherwise() -> Merged:
            reason = self._services.unanswered(timeout) + '; it may yet be decided'
            subject = f'model/{model}'
            decision = no_answer(subject, Level.COMMITTED, Status.UNKNOWN, reason)
            return Merged(with_stamp(decision), ())

        return self._services.ask(
            MergeModel,
            'merge_model',
            request=lambda left: MergeModel.Request(
                model=model, contributions_min=contributions_min, timeout=left / 2
            ),
            convert=lambda response: Merged(
                decision_from(response.decision), tuple(response.contributors)
            ),
            otherwise=otherwise,
            timeout=timeout,
        )
