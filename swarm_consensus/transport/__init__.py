"""
What robots say to each other: values in, bytes out, and back again with every field checked.

Rules of this room: no ROS, clock, socket or thread, and of files only those of the keys; the
standard library, numpy, msgspec, zstandard, cryptography, nacl, yaml and `protocols` only. What a
peer sent never raises beyond this room: it is counted and dropped.
"""
