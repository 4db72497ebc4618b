"""
Recordings of a robot, and their replay.

What a runtime does follows from what goes into it: its settings, what its storage gave back, the
seed of its random numbers, and then, call by call, the inputs, each look at the clock and each
refusal of the disk. All that is written down while the robot runs; given the same again, the same
runtime must do the same, in every frame and every answer, or something has changed.
"""
