"""
The loop of one robot: take in, step the protocols, make durable, send, apply, publish.

It knows its surroundings only by the ports in `ports.py`, so the same code runs on a robot and
in the simulation. `driver.py` alone has a thread and a real clock.
"""
