"""
The agreement against an adversary: it sees every message, chooses the order of all of them, delays
them without bound, restarts honest robots, and commands up to f robots that lie.

One seed is one run (arena.py): plan.py draws the swarm, how its network is scheduled (styles.py,
follower.py) and how its liars lie (liars.py); checks/ hold what is promised, apart from what is
checked. The robots are the `CommonSubset` of protocols/agreement with a disk (robot.py).
"""
