"""The DDS types of the member without ROS are those that ROS makes of the interfaces."""

from __future__ import annotations

from typing import Any, get_args

import pytest

pytest.importorskip('rclpy', reason='compares with the generated interfaces')
pytest.importorskip('cyclonedds')

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from swarm_consensus.examples import _dds_types
from swarm_consensus.msg import Belief, Decision
from swarm_consensus.srv import Propose

PAIRS = [
    (_dds_types.Time, Time),
    (_dds_types.Header, Header),
    (_dds_types.Belief, Belief),
    (_dds_types.Decision, Decision),
    (_dds_types.ProposeRequest, Propose.Request),
    (_dds_types.ProposeReply, Propose.Response),
]
NAMES = {'str': 'string', 'float32': 'float', 'float64': 'double'}


def ros_name(kind: Any) -> str:
    """Give the ROS name of a field's DDS type."""
    if hasattr(kind, '__idl_typename__'):
        package, folder, _, name = kind.__idl_typename__.split('::')
        return f'{package}/{name.removesuffix("_")}' if folder == 'msg' else name
    name, *element = [getattr(part, '__name__', str(part)) for part in (kind, *get_args(kind))]
    metadata = getattr(kind, '__metadata__', ())
    if metadata and hasattr(metadata[0], 'subtype'):
        return f'sequence<{ros_name(metadata[0].subtype)}>'
    plain = metadata[0] if metadata else name
    return NAMES.get(plain, plain)


@pytest.mark.parametrize(('ours', 'theirs'), PAIRS, ids=lambda kind: kind.__name__)
def test_the_fields_are_those_of_the_interface_in_their_order(ours: Any, theirs: Any) -> None:
    fields = {name: ros_name(kind) for name, kind in ours.__annotations__.items()}
    assert list(fields.items()) == list(theirs.get_fields_and_field_types().items())
