"""
Sans-I/O state machines: a message or a tick in, one immutable batch of effects out.

The rules of this room: standard library and numpy only; no clock, socket, thread or file; time
is counted in ticks that the caller gives, randomness comes from a `random.Random` that the caller
passes in. Two runs on the same inputs give the same outputs, whatever PYTHONHASHSEED is.
"""
