"""
Evidence spreads from robot to robot, and every connected part of a swarm fuses all that is in it.

relay.py carries each robot's newest evidence through the others. Sans-I/O like every protocol: time
comes as integer ticks, randomness as a `random.Random`, what is to be sent goes out as one
immutable batch.
"""
