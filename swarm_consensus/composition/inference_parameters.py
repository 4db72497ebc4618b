"""The parameters of inference_node, each declared once."""

from __future__ import annotations

from swarm_consensus.composition.parameter import Parameter

INFERENCE_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        'autostart',
        True,
        'Configure and activate at start-up, without a lifecycle manager.',
    ),
    Parameter(
        'robot',
        '',
        'Name of this robot in its beliefs; empty: the last part of the namespace.',
    ),
    Parameter('subject', '', 'What the beliefs are about.', required=True),
    Parameter(
        'subject_from',
        'fixed',
        'Name of the subject: `subject` alone, or `<subject>/<frame_id>` where a tracker names '
        'the frame of each object that it cuts out.',
        choices=('fixed', 'frame_id'),
    ),
    Parameter(
        'subjects_max',
        32,
        'With subject_from frame_id: objects whose frames may wait for the model at once.',
        minimum=1,
        maximum=10_000,
    ),
    Parameter(
        'input',
        'image',
        'Message that the sensor sends: sensor_msgs Image, CompressedImage or LaserScan, or '
        'std_msgs Float32MultiArray.',
        choices=('image', 'compressed_image', 'laser_scan', 'tensor'),
    ),
    Parameter(
        'topic',
        '',
        'Topic of the sensor, relative to the namespace; empty: `image`, `image/compressed`, '
        '`scan` or `tensor`, after `input`.',
    ),
    Parameter(
        'reliability',
        'best_effort',
        'DDS reliability asked of the sensor; `reliable` for large pictures from a publisher '
        'that is reliable too.',
        choices=('best_effort', 'reliable'),
    ),
    Parameter('model', '', 'Path of the ONNX model.', required=True, file=True),
    Parameter(
        'model_hash',
        '',
        'SHA-256 that the file of the model must have, in hex; empty: any.',
    ),
    Parameter(
        'exchange',
        '',
        'Name under which the robots share the parameters of this model; the parameters that the '
        'swarm decides are then run. Empty: it stays as its file is.',
    ),
    Parameter(
        'held_out',
        '',
        'Path of a .npz with `inputs` and `labels`, a batch that no training saw: other parameters '
        'are tried on it before they are used. Empty: they only have to run.',
        file=True,
    ),
    Parameter(
        'trial_margin',
        0.02,
        'By how much the accuracy of other parameters on the held-out batch may be below that of '
        'those in use.',
        minimum=0.0,
        maximum=1.0,
    ),
    Parameter(
        'labels',
        [],
        'What the outputs of the model stand for, in order; in swarm.yaml those of the subject '
        'where nothing else is said.',
        element=str,
    ),
    Parameter(
        'send_labels',
        True,
        'Put the labels into each belief; without, only their hash.',
        tunable=True,
    ),
    Parameter(
        'output',
        '',
        'Name of the output with one number for each label; empty where the model has only one.',
    ),
    Parameter(
        'output_kind',
        'logits',
        'What these numbers are.',
        choices=('logits', 'probabilities', 'log_probabilities'),
    ),
    Parameter(
        'temperature',
        1.0,
        'Logits are divided by it; above 1 where the model is surer than it is right.',
        minimum=0.01,
        maximum=100.0,
        tunable=True,
    ),
    Parameter(
        'prior',
        [],
        'How often each label was seen in training; divided out of the answer. Empty: all alike.',
        element=float,
        minimum=0.0,
    ),
    Parameter(
        'log_likelihood_min',
        -30.0,
        'Smallest log-likelihood given to a label, so that no robot can rule one out for good.',
        'nats',
        minimum=-1000.0,
        maximum=-0.1,
        tunable=True,
    ),
    Parameter(
        'layout',
        'nchw',
        'Order of the axes of the picture in the input of the model; flat: pixel after pixel.',
        choices=('nchw', 'nhwc', 'flat'),
    ),
    Parameter(
        'color',
        'rgb',
        'Colour channels that the model takes, in order.',
        choices=('rgb', 'bgr', 'gray'),
    ),
    Parameter(
        'input_width',
        0,
        'Width of the picture in the model; 0: as the model says. Needed with layout flat.',
        'pixels',
        minimum=0,
        maximum=16_384,
    ),
    Parameter(
        'input_height',
        0,
        'Height of the picture in the model; 0: as the model says. Needed with layout flat.',
        'pixels',
        minimum=0,
        maximum=16_384,
    ),
    Parameter(
        'input_length',
        0,
        'Numbers that the model takes of a scan or tensor; 0: as the model says.',
        'numbers',
        minimum=0,
        maximum=100_000_000,
    ),
    Parameter(
        'resize',
        'bilinear',
        'How a picture or scan is brought to the size of the model; no antialiasing.',
        choices=('nearest', 'bilinear'),
    ),
    Parameter(
        'fit',
        'stretch',
        'A picture of other proportions is stretched, or its largest centred part is taken.',
        choices=('stretch', 'crop'),
    ),
    Parameter(
        'crop',
        [],
        'Part of the picture that is looked at, as fractions: left, top, right, bottom. Empty: '
        'all of it.',
        element=float,
        minimum=0.0,
        maximum=1.0,
    ),
    Parameter(
        'scale',
        0.0,
        'Factor on each value, before mean and std; 0: 1/255 for 8-bit and 1/65535 for 16-bit '
        'pixels, else 1.',
        minimum=-1e9,
        maximum=1e9,
    ),
    Parameter(
        'mean',
        [],
        'Subtracted after scaling: one for all or one a channel; empty: 0.',
        element=float,
    ),
    Parameter(
        'std',
        [],
        'Divided by after mean: one for all or one a channel; empty: 1.',
        element=float,
        minimum=1e-9,
    ),
    Parameter(
        'nan_value',
        0.0,
        'Stands in for pixels of a float picture that are not finite, before scaling.',
        minimum=-1e9,
        maximum=1e9,
    ),
    Parameter(
        'scan_nan',
        'range_max',
        'Stands in for ranges that are not a number; infinity is range_max always.',
        choices=('range_max', 'range_min', 'zero'),
    ),
    Parameter(
        'scan_range_max',
        0.0,
        'Ranges are clipped to it; 0: to the range_max of the message.',
        'm',
        minimum=0.0,
        maximum=100_000.0,
    ),
    Parameter(
        'image_pixels_max',
        16_777_216,
        'Larger pictures are refused, compressed ones before they are unpacked.',
        'pixels',
        minimum=1,
        maximum=268_435_456,
    ),
    Parameter(
        'providers',
        ['CPUExecutionProvider'],
        'Execution providers of onnxruntime in order of preference.',
    ),
    Parameter(
        'threads_intra',
        1,
        'Threads within an operator of the model; 0: as many as cores.',
        'threads',
        minimum=0,
        maximum=256,
    ),
    Parameter(
        'threads_inter',
        1,
        'Threads across the operators of the model.',
        'threads',
        minimum=0,
        maximum=256,
    ),
    Parameter(
        'spin',
        False,
        'Whether idle threads of onnxruntime spin: a little faster, and all other nodes slower.',
    ),
    Parameter(
        'warm_up_runs',
        3,
        'Runs on zeros at configure, so that the first frame is not slow.',
        'runs',
        minimum=1,
        maximum=100,
    ),
    Parameter(
        'rate_max',
        30.0,
        'Most runs a second; of frames that come faster the newest is taken. 0: no limit.',
        'Hz',
        minimum=0.0,
        maximum=10_000.0,
        tunable=True,
    ),
    Parameter(
        'input_timeout',
        5.0,
        'Diagnostics warn when no frame came for so long; 0: never.',
        's',
        minimum=0.0,
        maximum=86_400.0,
        tunable=True,
    ),
)
