"""From the markers of a picture to the message that RViz and Foxglove show."""

from __future__ import annotations

from collections.abc import Iterable

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker as MarkerMessage
from visualization_msgs.msg import MarkerArray

from swarm_consensus.views.markers import Marker, Shape

_TYPES = {
    Shape.CUBE: MarkerMessage.CUBE,
    Shape.CYLINDER: MarkerMessage.CYLINDER,
    Shape.LINES: MarkerMessage.LINE_LIST,
    Shape.STRIP: MarkerMessage.LINE_STRIP,
    Shape.TEXT: MarkerMessage.TEXT_VIEW_FACING,
}


def marker_array(markers: Iterable[Marker], frame_id: str, stamp: Time) -> MarkerArray:
    """
    Return the whole picture: it begins by taking away all that was before.

    So whoever hears only the newest message sees what is, and nothing of what was.
    """
    wipe = MarkerMessage(action=MarkerMessage.DELETEALL)
    array = MarkerArray(markers=[wipe])
    numbers: dict[str, int] = {}
    for marker in markers:
        # RViz tells markers apart by layer and number.
        number = numbers[marker.layer] = numbers.get(marker.layer, -1) + 1
        array.markers.append(_message(marker, number))
    for message in array.markers:
        message.header.frame_id = frame_id
        message.header.stamp = stamp
    return array


def _message(marker: Marker, number: int) -> MarkerMessage:
    message = MarkerMessage(
        ns=marker.layer,
        id=number,
        type=_TYPES[marker.shape],
        action=MarkerMessage.ADD,
        text=marker.text,
    )
    x, y, z = marker.at
    message.pose.position = Point(x=x, y=y, z=z)
    message.pose.orientation.w = 1.0
    wide, deep, high = marker.size_m
    message.scale = Vector3(x=wide, y=deep, z=high)
    color = marker.color
    message.color = ColorRGBA(r=color.red, g=color.green, b=color.blue, a=color.alpha)
    message.points = [Point(x=x, y=y, z=z) for x, y, z in marker.points]
    return message
