"""Markers as messages: what RViz and Foxglove are told, and the files that they open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from builtin_interfaces.msg import Time
import pytest
from visualization_msgs.msg import Marker as MarkerMessage
import yaml

from swarm_consensus.composition.view_parameters import MARKERS_TOPIC, VIEW_PARAMETERS
from swarm_consensus.live.marker_messages import marker_array
from swarm_consensus.views.markers import BLUE, LAYERS, Marker, Shape

STAMP = Time(sec=7)


def marker(layer: str, shape: Shape = Shape.CUBE, **more: Any) -> Marker:
    return Marker(layer, ('key',), shape, (1.0, 2.0, 3.0), (0.1, 0.2, 0.3), BLUE, **more)


def test_each_array_takes_away_what_was_and_tells_all_apart() -> None:
    array = marker_array(
        [marker('robots'), marker('robots'), marker('links')], 'arena', STAMP
    )
    wipe, *drawn = array.markers
    assert wipe.action == MarkerMessage.DELETEALL and wipe.ns == ''
    assert [(each.ns, each.id) for each in drawn] == [('robots', 0), ('robots', 1), ('links', 0)]
    assert {each.action for each in drawn} == {MarkerMessage.ADD}
    assert {each.header.frame_id for each in array.markers} == {'arena'}
    assert {each.header.stamp.sec for each in array.markers} == {7}
    assert [each.action for each in marker_array([], 'arena', STAMP).markers] == [
        MarkerMessage.DELETEALL
    ]


@pytest.mark.parametrize(
    ('shape', 'kind'),
    [
        (Shape.CUBE, MarkerMessage.CUBE),
        (Shape.CYLINDER, MarkerMessage.CYLINDER),
        (Shape.LINES, MarkerMessage.LINE_LIST),
        (Shape.STRIP, MarkerMessage.LINE_STRIP),
        (Shape.TEXT, MarkerMessage.TEXT_VIEW_FACING),
    ],
)
def test_a_marker_is_told_whole(shape: Shape, kind: int) -> None:
    points = ((4.0, 5.0, 6.0), (7.0, 8.0, 9.0))
    array = marker_array([marker('tasks', shape, points=points, text='t')], 'arena', STAMP)
    message = array.markers[1]
    assert (message.type, message.text) == (kind, 't')
    at, scale, color = message.pose.position, message.scale, message.color
    assert (at.x, at.y, at.z) == (1.0, 2.0, 3.0)
    # Without it RViz complains of every marker.
    assert message.pose.orientation.w == 1.0
    assert (scale.x, scale.y, scale.z) == (0.1, 0.2, 0.3)
    assert (color.r, color.g, color.b, color.a) == pytest.approx(
        (BLUE.red, BLUE.green, BLUE.blue, 1.0)
    )
    assert tuple((p.x, p.y, p.z) for p in message.points) == points


def test_swarm_rviz_shows_what_view_node_draws(repository: Path) -> None:
    """That the node publishes it so, test/node/test_view.py holds."""
    rviz = yaml.safe_load((repository / 'config' / 'swarm.rviz').read_text())
    manager = rviz['Visualization Manager']
    default = {parameter.name: parameter.default for parameter in VIEW_PARAMETERS}
    assert manager['Global Options']['Fixed Frame'] == default['frame_id']
    (display,) = [each for each in manager['Displays'] if 'Topic' in each]
    assert display['Class'] == 'rviz_default_plugins/MarkerArray' and display['Enabled']
    assert display['Topic']['Value'] == f'/{MARKERS_TOPIC}'
    # As it is published, so that whoever opens RViz late sees the swarm at once.
    assert display['Topic']['Durability Policy'] == 'Transient Local'
    assert display['Topic']['Reliability Policy'] == 'Reliable'
    assert sorted(display['Namespaces']) == sorted(LAYERS)
    assert all(display['Namespaces'].values())
