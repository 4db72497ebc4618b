"""
Turns declared parameters (composition.parameter.Parameter) into ROS parameters of a node.

Rules: what a user gave is checked by composition.value_check, so that file and service get the
same answer in the same words; a change by service is checked whole before any of it is applied;
a parameter that is not tunable can change only while the node is unconfigured, if at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
import difflib
import math

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from swarm_consensus.composition.parameter import Parameter, Value
from swarm_consensus.composition.value_check import check_value, describe_range, element_type
from swarm_consensus.nodes.managed import StartError

SCALARS = {
    bool: RosParameter.Type.BOOL,
    int: RosParameter.Type.INTEGER,
    float: RosParameter.Type.DOUBLE,
    str: RosParameter.Type.STRING,
}
LISTS = {
    bool: RosParameter.Type.BOOL_ARRAY,
    int: RosParameter.Type.INTEGER_ARRAY,
    float: RosParameter.Type.DOUBLE_ARRAY,
    str: RosParameter.Type.STRING_ARRAY,
}
INT64_MAX = 2**63 - 1
# Parameters that rclpy declares by itself.
FOREIGN = ('use_sim_time', 'start_type_description_service')
FOREIGN_PREFIX = 'qos_overrides.'


class NodeParameters:
    """
    The declared parameters of one node and their present values.

    :param node: the node, made but not spinning yet.
    :param check: given the values as they would be after a change by service; returns why they
        will not do together, or ''.
    :param changed: called with the changed values, after they are in force.
    :param frozen: whether parameters that are not tunable may not change now. None: never, and
        they are marked read-only. Give the lifecycle's "is configured" to let a cleaned-up node
        take new values.
    """

    def __init__(
        self,
        node: Node,
        *,
        check: Callable[[Mapping[str, Value]], str] | None = None,
        changed: Callable[[Mapping[str, Value]], None] | None = None,
        frozen: Callable[[], bool] | None = None,
    ) -> None:
        self.values: dict[str, Value] = {}
        self._node = node
        self._check = check
        self._changed = changed
        self._frozen = frozen
        self._declared: dict[str, Parameter] = {}
        self._declaring = False
        # What the user gave, by file and command line. rclpy keeps it here and has no public way
        # to it that bears an empty list and tells which names nobody declared.
        self._given: dict[str, RosParameter] = node._parameter_overrides
        node.add_on_set_parameters_callback(self._on_set)
        node.add_post_set_parameters_callback(self._after_set)

    def declare(self, parameters: Iterable[Parameter]) -> dict[str, Value]:
        """
        Declare parameters with descriptor, range and type, and take the user's values.

        May be called again: for parameters whose names depend on values declared before, and for
        the same ones when a node is configured once more, where it gives their present values.

        :return: values of exactly these parameters, by name.
        :raises StartError: with a sentence for every value that is missing or wrong.
        """
        values: dict[str, Value] = {}
        errors = []
        for parameter in parameters:
            if parameter.name in self._declared:
                values[parameter.name] = self.values[parameter.name]
                continue
            try:
                values[parameter.name] = check_value(parameter, self._given_value(parameter))
            except ValueError as error:
                errors.append(str(error))
                continue
            self._declare_one(parameter, values[parameter.name])
        self.values.update(values)
        if errors:
            raise StartError('wrong parameters:\n  ' + '\n  '.join(errors))
        return values

    def unknown(self) -> dict[str, str]:
        """Names that the user gave and nobody declared -> the name that was perhaps meant."""
        return {
            name: next(iter(difflib.get_close_matches(name, self._declared, 1, 0.7)), '')
            for name in self._given
            if name not in self._declared
            and name not in FOREIGN
            and not name.startswith(FOREIGN_PREFIX)
        }

    def warn_of_unknown(self) -> None:
        """Say which given parameters have no effect; call it when all are declared."""
        for name, meant in self.unknown().items():
            hint = f'; did you mean {meant}?' if meant else ''
            self._node.get_logger().warning(f'unknown parameter {name} has no effect{hint}')

    def _given_value(self, parameter: Parameter) -> object:
        if parameter.name not in self._given:
            if parameter.required:
                raise ValueError(f'{parameter.name} is not set. {parameter.description}')
            return parameter.default
        value = self._given[parameter.name].value
        if value is None and isinstance(parameter.default, list):
            return []  # rcl's parser gives an empty list no type, and so no value
        return value

    def _declare_one(self, parameter: Parameter, value: Value) -> None:
        self._declaring = True
        try:
            self._node.declare_parameter(
                parameter.name,
                # An empty list says nothing of its type to rclpy: declared by type, left unset.
                LISTS[element_type(parameter)] if value == [] else value,
                self._descriptor(parameter),
                ignore_override=True,
            )
        finally:
            self._declaring = False
        self._declared[parameter.name] = parameter

    def _descriptor(self, parameter: Parameter) -> ParameterDescriptor:
        unit = f' [{parameter.unit}]' if parameter.unit else ''
        descriptor = ParameterDescriptor(
            name=parameter.name,
            description=parameter.description + unit,
            read_only=not parameter.tunable and self._frozen is None,
        )
        constraints = []
        if parameter.choices:
            constraints.append('one of ' + ', '.join(repr(c) for c in parameter.choices))
        if range_text := describe_range(parameter):
            constraints.append(range_text)
        if not parameter.tunable and self._frozen is not None:
            constraints.append('read at configure')
        descriptor.additional_constraints = '; '.join(constraints)
        low, high = parameter.minimum, parameter.maximum
        if range_text and type(parameter.default) is float:
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        elif range_text and type(parameter.default) is int:
            descriptor.integer_range = [
                IntegerRange(
                    from_value=-INT64_MAX if math.isinf(low) else int(low),
                    to_value=INT64_MAX if math.isinf(high) else int(high),
                )
            ]
        return descriptor

    def _on_set(self, changes: list[RosParameter]) -> SetParametersResult:
        if self._declaring:
            return SetParametersResult(successful=True)
        after = dict(self.values)
        for change in changes:
            parameter = self._declared.get(change.name)
            if parameter is None:
                continue  # rclpy's own
            if not parameter.tunable and (self._frozen is None or self._frozen()):
                how = (
                    'restart the node with the new value'
                    if self._frozen is None
                    else 'take the node through deactivate and cleanup, set it, and configure'
                )
                return SetParametersResult(
                    successful=False,
                    reason=f'{change.name} cannot change while the node is configured; {how}',
                )
            try:
                after[change.name] = check_value(parameter, change.value)
            except ValueError as error:
                return SetParametersResult(successful=False, reason=str(error))
        reason = self._check(after) if self._check is not None else ''
        return SetParametersResult(successful=not reason, reason=reason)

    def _after_set(self, changes: list[RosParameter]) -> None:
        if self._declaring:
            return
        changed = {
            change.name: check_value(self._declared[change.name], change.value)
            for change in changes
            if change.name in self._declared
        }
        if not changed:
            return
        self.values.update(changed)
        if self._changed is not None:
            self._changed(changed)
