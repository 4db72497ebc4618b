"""
A world for robots to be in: walls, objects, differential drives, lidars, cameras and a radio.

`arena.py` says what is where, `physics.py` moves it and looks at it (MuJoCo), `radio.py` says who
hears whom. Nothing here knows what robots do; time passes only when somebody lets it.
"""
