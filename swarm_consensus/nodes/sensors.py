"""
From sensor messages to what the inference room takes, without a copy of the data.

Which message type is wanted is known from the parameters, and only that one is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from builtin_interfaces.msg import Time
import numpy as np

from swarm_consensus.inference.errors import FrameError
from swarm_consensus.inference.model import Model, Preprocessor
from swarm_consensus.inference.pixels import view_pixels
from swarm_consensus.inference.preprocess import (
    ImagePreprocessor,
    ScanPreprocessor,
    TensorPreprocessor,
)
from swarm_consensus.inference.spec import InputKind, Spec
from swarm_consensus.protocols.values import value


@value
class Sensor:
    """
    How one kind of sensor message is read.

    :param message_type: what to subscribe to.
    :param write: puts the data of a message into the model's input; raises FrameError.
    """

    message_type: type
    write: Callable[[Any], None]


# Where a sensor is looked for if nothing is said.
TOPICS = {
    InputKind.IMAGE: 'image',
    InputKind.COMPRESSED_IMAGE: 'image/compressed',
    InputKind.LASER_SCAN: 'scan',
    InputKind.TENSOR: 'tensor',
}


def sensor_for(model: Model) -> Sensor:
    """Return the sensor that the spec of a model declares."""
    return _SENSORS[model.spec.input](model.spec, model.preprocessor)


def stamp_and_frame(message: Any) -> tuple[Time | None, str]:
    """Return the stamp of a message, None where it has none above 0, and its frame_id."""
    header = getattr(message, 'header', None)
    if header is None:
        return None, ''
    stamp = header.stamp
    # A negative one is no time either, whatever the driver meant by it.
    set_by_driver = stamp.sec > 0 or (stamp.sec == 0 and stamp.nanosec > 0)
    return (stamp if set_by_driver else None), header.frame_id


def _image(spec: Spec, preprocessor: Preprocessor) -> Sensor:
    from sensor_msgs.msg import Image

    assert isinstance(preprocessor, ImagePreprocessor)

    def write(message: Image) -> None:
        preprocessor.write(
            view_pixels(
                message.data,
                encoding=message.encoding,
                height=message.height,
                width=message.width,
                step=message.step,
                is_bigendian=bool(message.is_bigendian),
                pixels_max=spec.image_pixels_max,
            )
        )

    return Sensor(Image, write)


def _compressed_image(spec: Spec, preprocessor: Preprocessor) -> Sensor:
    from sensor_msgs.msg import CompressedImage

    from swarm_consensus.inference.compressed import decode

    assert isinstance(preprocessor, ImagePreprocessor)

    def write(message: CompressedImage) -> None:
        preprocessor.write(decode(message.data, spec.image_pixels_max))

    return Sensor(CompressedImage, write)


def _laser_scan(_spec: Spec, preprocessor: Preprocessor) -> Sensor:
    from sensor_msgs.msg import LaserScan

    assert isinstance(preprocessor, ScanPreprocessor)

    def write(message: LaserScan) -> None:
        ranges = np.frombuffer(message.ranges, np.float32)
        preprocessor.write(ranges, message.range_min, message.range_max)

    return Sensor(LaserScan, write)


def _tensor(_spec: Spec, preprocessor: Preprocessor) -> Sensor:
    from std_msgs.msg import Float32MultiArray

    assert isinstance(preprocessor, TensorPreprocessor)

    def write(message: Float32MultiArray) -> None:
        values = np.frombuffer(message.data, np.float32)
        offset = message.layout.data_offset
        if offset > values.size:
            raise FrameError(f'data_offset {offset} is beyond the {values.size} values')
        preprocessor.write(values[offset:])

    return Sensor(Float32MultiArray, write)


_SENSORS: dict[InputKind, Callable[[Spec, Preprocessor], Sensor]] = {
    InputKind.IMAGE: _image,
    InputKind.COMPRESSED_IMAGE: _compressed_image,
    InputKind.LASER_SCAN: _laser_scan,
    InputKind.TENSOR: _tensor,
}
