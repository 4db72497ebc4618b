"""Goals, results and feedback of any type to and from JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

geometry = pytest.importorskip('geometry_msgs.msg')
sensors = pytest.importorskip('sensor_msgs.msg')
fields = pytest.importorskip('swarm_consensus.nodes.message_fields')


def test_a_message_is_filled_as_deep_as_it_is() -> None:
    message = geometry.PolygonStamped()
    fields.fill(
        message,
        {
            'header': {'frame_id': 'map', 'stamp': {'sec': 3}},
            'polygon': {'points': [{'x': 1, 'y': 2.5}, {'z': -1}]},
        },
    )
    assert (message.header.frame_id, message.header.stamp.sec) == ('map', 3)
    assert message.polygon.points == [geometry.Point32(x=1.0, y=2.5), geometry.Point32(z=-1.0)]


def test_whole_numbers_serve_where_floats_are_asked_for() -> None:
    message = geometry.PoseWithCovariance()
    fields.fill(message, {'covariance': [1] * 36, 'pose': {'position': {'x': 2}}})
    assert list(message.covariance) == [1.0] * 36 and message.pose.position.x == 2.0
    image = sensors.Image()
    fields.fill(image, {'data': [1, 2, 255]})
    assert list(image.data) == [1, 2, 255]


@pytest.mark.parametrize(
    ('given', 'reason'),
    [
        ({'nothing': 1}, "no field 'nothing'; there are: header, height"),
        ({'height': 'tall'}, "the field 'height'"),
        ({'height': -1}, "the field 'height'"),
        ({'data': [256]}, "the field 'data'"),
        ({'data': 'text'}, 'it takes a list, of uint8'),
        ({'header': 3}, 'it is a std_msgs/Header, and takes its fields by name'),
        ({'header': {'stamp': {'sec': 0.5}}}, "the field 'header': the field 'stamp'"),
    ],
)
def test_what_a_field_does_not_take_is_said(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        fields.fill(sensors.Image(), given)


def test_a_message_that_was_made_without_looking_is_looked_at_as_deep_as_it_is() -> None:
    good = geometry.PolygonStamped()
    good.polygon.points = [geometry.Point32(x=1.0)]
    fields.check(good)
    for wrong, reason in (
        (sensors.Image(height=-1), "the field 'height'"),
        (geometry.Point(x='far'), "the field 'x'"),
        (geometry.Polygon(points=[geometry.Point32(y='b')]), "the field 'y'"),
    ):
        with pytest.raises(ValueError, match=reason):
            fields.check(wrong)


def test_messages_become_json() -> None:
    message = geometry.PoseWithCovariance()
    message.pose.position.x, message.covariance[0] = math.nan, math.inf
    told = json.loads(json.dumps(fields.plain(message), allow_nan=False))
    assert told['pose']['position'] == {'x': None, 'y': 0.0, 'z': 0.0}
    assert told['covariance'][:2] == [None, 0.0]
    image = sensors.Image(data=[1, 2])
    assert fields.plain(image)['data'] == [1, 2] and fields.plain(image)['encoding'] == ''
    again = sensors.Image()
    fields.fill(again, fields.plain(image))
    assert again == image
