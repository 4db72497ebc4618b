"""
Whether a model's input and output have the shapes that are declared, and what to change if not.

A model states each axis as a number, a name or nothing; the latter two are free. Axes of length 1
before the data are batch axes.
"""

from __future__ import annotations

from collections.abc import Sequence
import math

from swarm_consensus.inference.errors import ModelError
from swarm_consensus.inference.spec import Layout, Spec

# An axis as onnxruntime states it.
Axis = int | str | None


def input_shape(spec: Spec, name: str, declared: Sequence[Axis]) -> tuple[int, ...]:
    """
    Shape of the buffer that the model is fed with: the model's, its free axes filled in.

    :param name: of the model's input, for the error.
    :raises ModelError: the declared pre-processing cannot fill this input.
    """
    if spec.input.is_picture:
        return _picture_shape(spec, name, declared)
    return _vector_shape(spec, name, declared)


def picture_size(spec: Spec, shape: Sequence[int]) -> tuple[int, int]:
    """Rows and columns of the picture in an input of this shape (from `input_shape`)."""
    if spec.layout is Layout.FLAT:
        return spec.input_height, spec.input_width
    if spec.layout is Layout.NCHW:
        return shape[-2], shape[-1]
    return shape[-3], shape[-2]


def check_output(spec: Spec, name: str, declared: Sequence[Axis]) -> None:
    """
    Check that an output can hold one number for each label.

    :raises ModelError: it has another size, in numbers that the model states.
    """
    count = len(spec.labels)
    known = [axis for axis in declared if isinstance(axis, int) and axis != 1]
    free = sum(not isinstance(axis, int) for axis in declared)
    # [batch, labels] where both are free is decided by the warm-up run.
    if known != [count] and not (not known and free):
        raise ModelError(
            f'labels has {count} entries, but output {name!r} of the model has shape '
            f'{show(declared)}: {_output_advice(known, count)}'
        )


def show(declared: Sequence[Axis]) -> str:
    """Write a shape the way a user reads it."""
    return '[' + ', '.join('?' if axis is None else str(axis) for axis in declared) + ']'


def _output_advice(known: list[int], count: int) -> str:
    if len(known) == 1:
        return f'give {known[0]} labels, in the order of the classes that it was trained on'
    return (
        'give the name of an output with one number for each label in `output` '
        f'(batch 1, {count} numbers)'
    )


def _picture_shape(spec: Spec, name: str, declared: Sequence[Axis]) -> tuple[int, ...]:
    channels = spec.color.channels
    stated = f'input {name!r} of the model has shape {show(declared)}'
    if spec.layout is Layout.FLAT:
        if not (spec.input_width and spec.input_height):
            raise ModelError(
                f'layout flat does not say how large the picture is, and {stated}: set '
                'input_width and input_height'
            )
        return _flat(
            declared,
            spec.input_width * spec.input_height * channels,
            stated,
            f'{spec.input_width} x {spec.input_height} pixels of color {spec.color.value!r}: '
            'change input_width, input_height or color',
        )
    rank = len(declared)
    if rank not in (3, 4):
        advice = 'set layout to flat' if rank < 3 else 'it takes no single picture'
        raise ModelError(
            f'{stated}, but layout {spec.layout.value} has 4 axes (or 3 without batch): {advice}'
        )
    batch = list(declared[: rank - 3])
    body = list(declared[rank - 3 :])
    at = 0 if spec.layout is Layout.NCHW else 2
    if isinstance(body[at], int) and body[at] != channels:
        raise ModelError(f'{stated}, {_channel_advice(spec, body, at)}')
    body[at] = channels
    sizes = {'input_height': spec.input_height, 'input_width': spec.input_width}
    for axis, (parameter, wanted) in zip(
        (i for i in range(3) if i != at), sizes.items(), strict=True
    ):
        if isinstance(body[axis], int):
            if wanted and wanted != body[axis]:
                raise ModelError(
                    f'{parameter} is {wanted}, but {stated}: set it to {body[axis]}, or to 0 to '
                    'take it from the model'
                )
        elif wanted:
            body[axis] = wanted
        else:
            raise ModelError(
                f'{stated}, which leaves the size of the picture open: set '
                'input_width and input_height'
            )
    return _no_batch(batch, stated) + tuple(int(axis or 0) for axis in body)


def _channel_advice(spec: Spec, body: Sequence[Axis], at: int) -> str:
    other = 2 - at
    other_layout = Layout.NHWC if spec.layout is Layout.NCHW else Layout.NCHW
    said = (
        f'but layout {spec.layout.value} with color {spec.color.value!r} puts '
        f'{spec.color.channels} channels where it has {body[at]}'
    )
    if body[other] == spec.color.channels:
        return f'{said}: set layout to {other_layout.value}'
    if body[at] == 1:
        return f"{said}: set color to 'gray'"
    if body[at] == 3:
        return f"{said}: set color to 'rgb' or 'bgr'"
    if body[other] in (1, 3):
        color = "'gray'" if body[other] == 1 else "'rgb' or 'bgr'"
        return f'{said}: set layout to {other_layout.value} and color to {color}'
    return f'{said}: a picture has 1 or 3 channels, so this model takes something else'


def _vector_shape(spec: Spec, name: str, declared: Sequence[Axis]) -> tuple[int, ...]:
    stated = f'input {name!r} of the model has shape {show(declared)}'
    free = [i for i, axis in enumerate(declared) if not isinstance(axis, int)]
    shape: list[Axis] = list(declared)
    # The first axis, where free, is the batch, unless it is the only one.
    if free and free[0] == 0 and len(shape) > 1:
        shape[free.pop(0)] = 1
    if len(free) > 1:
        raise ModelError(
            f'{stated}, with {len(free)} free axes: at most the batch and one more '
            'can be filled in; export the model with fixed axes'
        )
    if free:
        fixed = math.prod(axis for axis in shape if isinstance(axis, int))
        if not spec.input_length:
            raise ModelError(f'{stated}, which leaves the length open: set input_length')
        if spec.input_length % fixed:
            raise ModelError(
                f'{stated}, but input_length {spec.input_length} is no multiple of {fixed}'
            )
        shape[free[0]] = spec.input_length // fixed
    result = tuple(int(axis or 0) for axis in shape)
    length = math.prod(result)
    if length < 1:
        raise ModelError(f'{stated}: there is nothing to fill')
    if spec.input_length and spec.input_length != length:
        raise ModelError(
            f'input_length is {spec.input_length}, but {stated}: set it to {length}, '
            'or to 0 to take it from the model'
        )
    return result


def _flat(declared: Sequence[Axis], length: int, stated: str, what: str) -> tuple[int, ...]:
    if not 1 <= len(declared) <= 2:
        raise ModelError(
            f'{stated}, but layout flat has 2 axes (or 1 without batch): set layout to nchw or nhwc'
        )
    last = declared[-1]
    if isinstance(last, int) and last != length:
        raise ModelError(f'{stated}, but it would be given {length} numbers, {what}')
    return _no_batch(list(declared[:-1]), stated) + (length,)


def _no_batch(batch: list[Axis], stated: str) -> tuple[int, ...]:
    for axis in batch:
        if isinstance(axis, int) and axis != 1:
            raise ModelError(
                f'{stated}, a batch of {axis}: one frame is looked at at a time, so export the '
                'model with a batch of 1 or a free batch axis'
            )
    return (1,) * len(batch)
