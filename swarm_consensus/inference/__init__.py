"""
From a sensor's data to calibrated log-likelihoods: pre-processing, onnxruntime, post-processing.

Rules of this room: no ROS; numpy, onnxruntime and, for compressed pictures, Pillow. Everything
that can be checked is checked when a model is loaded, with an error that says which parameter to
change; what a sensor sends wrongly is a FrameError, to be counted and dropped.
"""
