"""
Many robots in one process on virtual time: the real runtime over a faulty network and disk.

One seed is one run: every choice comes from the `random.Random` made of it, and nothing here looks
at a clock, a thread or a hash order.
"""
