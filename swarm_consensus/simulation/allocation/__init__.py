"""
Tasks in a simulated swarm: robots that drive, work, die and are cut off, and what must hold.

The robots are the real runtimes in a `World`; what a user's node would do at each of them is done
here (`crew.py`), and `storm.py` brings the troubles and holds the rules.
"""
