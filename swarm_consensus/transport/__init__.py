"""
What robots say to each other: values in, bytes out, and back again with every field checked.

Rules of this room: no ROS, clock, socket or thread; the standard library, numpy, msgspec and
`protocols` only. What a peer sent never raises beyond this room: it is counted and dropped.
"""
